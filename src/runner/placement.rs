//! On which engine of a pool a job runs: a function of what the engines have to give and what runs on them.

use std::collections::BTreeSet;

/// What one engine may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    /// Jobs at the same time.
    pub(crate) slots: usize,
    /// Jobs run together only when their limits fit in it.
    pub(crate) memory_bytes: u64,
}

/// How well an engine's machine serves a job; the lesser the better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fit {
    /// Its processors run the job's programs.
    Own,
    /// By an emulator: some ten times slower.
    Foreign,
}

/// A job, as far as its place depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) memory_bytes: u64,
    /// For each engine of the pool; none: it does not run there.
    pub(crate) fits: Vec<Option<Fit>>,
    /// Jobs of one number share images.
    pub(crate) images: usize,
}

/// An engine, and what of it is taken.
#[derive(Debug, Clone)]
pub(crate) struct Seat {
    pub(crate) room: Room,
    pub(crate) running: usize,
    pub(crate) used_bytes: u64,
    /// It does not answer.
    pub(crate) is_lost: bool,
    /// Of what jobs it has the images, or is about to.
    pub(crate) has: BTreeSet<usize>,
}

/// Where a job is put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Placement {
    On(usize),
    /// There is no room now. On these engines the memory is short: nothing else is started there, or the job could wait for all
    /// others.
    Wait(Vec<usize>),
    /// No engine that answers runs such a job.
    Nowhere,
}

impl Seat {
    pub(crate) fn new(room: Room, has: BTreeSet<usize>) -> Seat {
        let room = Room { slots: room.slots.max(1), ..room };
        Seat { room, running: 0, used_bytes: 0, is_lost: false, has }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.running >= self.room.slots
    }

    /// A job alone always runs.
    fn has_room_for(&self, memory_bytes: u64) -> bool {
        let fits = !self.is_full() && self.used_bytes.saturating_add(memory_bytes) <= self.room.memory_bytes;
        fits || self.running == 0
    }
}

/// Among the engines that run the job best: one with enough memory at all, that has its images, and does least. An engine of the
/// job's own architecture is waited for, as an emulated one would take longer than the wait. `closed`: engines that somebody
/// waits for.
pub(crate) fn place(job: &Wanted, seats: &[Seat], closed: &BTreeSet<usize>) -> Placement {
    let answering = |number: &usize| !seats[*number].is_lost;
    let of_fit = |wanted: Fit| -> Vec<usize> {
        let fitting = (0..seats.len()).filter(|number| job.fits.get(*number) == Some(&Some(wanted)));
        fitting.filter(answering).collect()
    };
    let Some(mut able) = [Fit::Own, Fit::Foreign].map(of_fit).into_iter().find(|able| !able.is_empty()) else {
        return Placement::Nowhere;
    };
    let most = able.iter().map(|number| seats[*number].room.memory_bytes).max().unwrap_or_default();
    able.retain(|number| seats[*number].room.memory_bytes >= job.memory_bytes.min(most));
    let open = able.iter().copied().filter(|number| !closed.contains(number));
    let free = open.clone().filter(|number| seats[*number].has_room_for(job.memory_bytes));
    let rank = |number: &usize| {
        let Seat { room, running, has, .. } = &seats[*number];
        // Thousandths of its slots.
        (!has.contains(&job.images), running * 1000 / room.slots, *number)
    };
    match free.min_by_key(rank) {
        Some(number) => Placement::On(number),
        None => Placement::Wait(open.filter(|number| !seats[*number].is_full()).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat(slots: usize, memory_bytes: u64, running: usize, used_bytes: u64) -> Seat {
        let seat = Seat::new(Room { slots, memory_bytes }, BTreeSet::new());
        Seat { running, used_bytes, ..seat }
    }

    fn job(memory_bytes: u64, fits: &[Option<Fit>]) -> Wanted {
        Wanted { memory_bytes, fits: fits.to_vec(), images: 7 }
    }

    const OWN: Option<Fit> = Some(Fit::Own);
    const FOREIGN: Option<Fit> = Some(Fit::Foreign);

    #[test]
    fn the_engine_that_does_least_is_taken() {
        let none = BTreeSet::new();
        let seats = [seat(4, 100, 2, 2), seat(2, 100, 0, 0), seat(2, 100, 1, 1)];
        assert_eq!(place(&job(1, &[OWN, OWN, OWN]), &seats, &none), Placement::On(1));
        // Half of its slots, each.
        assert_eq!(place(&job(1, &[OWN, None, OWN]), &seats, &none), Placement::On(0));
        let full = [seat(1, 100, 1, 1), seat(1, 100, 1, 1)];
        assert_eq!(place(&job(1, &[OWN, OWN]), &full, &none), Placement::Wait(vec![]));
        assert_eq!(place(&job(1, &[None, None]), &full, &none), Placement::Nowhere);
        assert_eq!(place(&job(1, &[]), &full, &none), Placement::Nowhere);
    }

    #[test]
    fn images_that_are_there_are_used_as_long_as_there_is_room() {
        let none = BTreeSet::new();
        let mut seats = [seat(2, 100, 0, 0), seat(2, 100, 1, 1)];
        seats[1].has.insert(7);
        assert_eq!(place(&job(1, &[OWN, OWN]), &seats, &none), Placement::On(1));
        seats[1].running = 2;
        assert_eq!(place(&job(1, &[OWN, OWN]), &seats, &none), Placement::On(0));
    }

    #[test]
    fn an_emulator_is_for_what_no_processor_runs() {
        let none = BTreeSet::new();
        let mut seats = [seat(1, 100, 1, 1), seat(1, 100, 0, 0)];
        assert_eq!(place(&job(1, &[OWN, FOREIGN]), &seats, &none), Placement::Wait(vec![]));
        assert_eq!(place(&job(1, &[FOREIGN, FOREIGN]), &seats, &none), Placement::On(1));
        seats[0].is_lost = true;
        assert_eq!(place(&job(1, &[OWN, FOREIGN]), &seats, &none), Placement::On(1));
        seats[1].is_lost = true;
        assert_eq!(place(&job(1, &[OWN, FOREIGN]), &seats, &none), Placement::Nowhere);
    }

    #[test]
    fn who_waits_for_memory_closes_the_engine_and_no_other() {
        let none = BTreeSet::new();
        let seats = [seat(4, 10, 1, 6), seat(4, 10, 1, 2)];
        assert_eq!(place(&job(6, &[OWN, OWN]), &seats, &none), Placement::On(1));
        assert_eq!(place(&job(9, &[OWN, OWN]), &seats, &none), Placement::Wait(vec![0, 1]));
        assert_eq!(place(&job(9, &[OWN, None]), &seats, &none), Placement::Wait(vec![0]));
        assert_eq!(place(&job(1, &[OWN, OWN]), &seats, &BTreeSet::from([1])), Placement::On(0));
        assert_eq!(place(&job(1, &[None, OWN]), &seats, &BTreeSet::from([1])), Placement::Wait(vec![]));
    }

    #[test]
    fn a_job_that_is_too_large_runs_alone_where_there_is_most() {
        let none = BTreeSet::new();
        let seats = [seat(4, 10, 0, 0), seat(4, 20, 0, 0)];
        assert_eq!(place(&job(50, &[OWN, OWN]), &seats, &none), Placement::On(1));
        assert_eq!(place(&job(15, &[OWN, OWN]), &seats, &none), Placement::On(1));
        assert_eq!(
            place(&job(50, &[OWN, OWN]), &[seat(4, 10, 0, 0), seat(4, 20, 1, 1)], &none),
            Placement::Wait(vec![1])
        );
    }
}
