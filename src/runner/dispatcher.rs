//! Decides what a run does next: which job starts when and on which engine, what a signal means, when it is over. A state
//! machine without I/O and without a clock: events go in, actions come out, and whoever drives it carries them out.
//!
//! A job starts when all that it needs has ended well, and never when one of them has not. What a job needs must be
//! known to it: `plan::set` sees to it that nothing needs itself; jobs that do so all the same are abandoned.
//! Of those that may start, the one comes first behind which, by what is expected of each, the longest chain waits.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::Duration;

use super::context::Request;
use super::placement::{Placement, Seat, Wanted, place};

/// How often a job may be begun on engines that then stop answering: what kills them may be the job.
const MOST_LOSSES: usize = 3;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// Comes once, first.
    Begin,
    JobEnded {
        index: usize,
        good: bool,
        elapsed: Duration,
    },
    /// The job came to no end where it ran: it is for another engine.
    JobReturned {
        index: usize,
        elapsed: Duration,
        why: Returned,
    },
    /// The engine of this number does not answer any more.
    EngineLost(usize),
    /// It answers again.
    EngineBack(usize),
    Request(Request),
}

/// Why a job came to no end where it ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Returned {
    /// Its engine stopped answering.
    Lost,
    /// The engine has other images than the rest of the run is built with: neither this job nor one of the same images runs there.
    OtherImages,
}

/// What is to be done, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Start a job on an engine.
    Start(usize, usize),
    /// The job will never start, or not once more.
    Abandon(usize, Abandoned),
    /// Cancel what runs on this engine; each still ends, or is returned.
    CancelEngine(usize),
    /// Cancel every running job; each still ends with [`Input::JobEnded`].
    CancelAll,
    /// As [`Action::CancelAll`], at once and without being gentle.
    KillAll,
    /// Nothing runs and nothing will: the last action.
    Finish,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Abandoned {
    Cancelled,
    /// The job of this index failed, and the run was to stop at that.
    FailFast(usize),
    /// It needs the job of this index, which did not end well or was abandoned itself.
    Needs(usize),
    /// No engine is left that runs it.
    NoEngine,
}

/// A job that has to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) wanted: Wanted,
    /// Indices of the jobs that must end well first. Those that are not in the run have done so already.
    pub(crate) needs: BTreeSet<usize>,
    /// How long it takes, as far as anybody can know.
    pub(crate) expected: Duration,
}

/// A place in the order of starting: what takes long until all that needs it is done comes first; then the plan's order.
type Turn = (Reverse<Duration>, usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum RunState {
    Ready,
    Running,
    /// Failed fast: what runs may end by itself.
    Draining,
    Cancelling,
    Killing,
    Finished,
}

#[derive(Debug)]
pub(crate) struct Dispatcher {
    seats: Vec<Seat>,
    /// After a job that did not end well, start no other; those that run go on.
    fail_fast: bool,
    state: RunState,
    /// By index.
    waiting: BTreeMap<usize, Waiting>,
    /// Those that wait for nothing but an engine; one may have been abandoned since.
    ready: BTreeSet<Turn>,
    /// Until a job and all that needs it are done, with enough engines.
    chains: BTreeMap<usize, Duration>,
    /// The jobs that need a job.
    dependents: BTreeMap<usize, Vec<usize>>,
    /// With the engine of each.
    running: BTreeMap<usize, (usize, Waiting)>,
    /// How often each job was lost.
    losses: BTreeMap<usize, usize>,
    worked: Duration,
}

impl Dispatcher {
    /// `seats`: the engines, at least one. `jobs`: each job that has to run, by its index in the plan.
    pub(crate) fn new(
        seats: Vec<Seat>,
        fail_fast: bool,
        jobs: impl IntoIterator<Item = (usize, Waiting)>,
    ) -> Dispatcher {
        let mut waiting: BTreeMap<usize, Waiting> = jobs.into_iter().collect();
        let present: BTreeSet<usize> = waiting.keys().copied().collect();
        for job in waiting.values_mut() {
            job.needs.retain(|need| present.contains(need));
        }
        let mut dependents: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (index, job) in &waiting {
            for need in &job.needs {
                dependents.entry(*need).or_default().push(*index);
            }
        }
        let chains = chains(&waiting, &dependents);
        let ready = waiting.iter().filter(|(_, job)| job.needs.is_empty()).map(|(index, _)| turn(&chains, *index));
        Dispatcher {
            seats,
            fail_fast,
            state: RunState::Ready,
            ready: ready.collect(),
            waiting,
            chains,
            dependents,
            running: BTreeMap::new(),
            losses: BTreeMap::new(),
            worked: Duration::ZERO,
        }
    }

    pub(crate) fn handle(&mut self, input: Input) -> Vec<Action> {
        let mut actions = Vec::new();
        match (self.state, input) {
            (RunState::Finished, _) => return actions,
            (RunState::Ready, Input::Begin) => self.state = RunState::Running,
            (_, Input::Begin) => return actions,
            (_, Input::JobEnded { index, good, elapsed }) => {
                if self.take(index, elapsed).is_none() {
                    return actions;
                }
                if good {
                    for dependent in self.dependents.get(&index).into_iter().flatten() {
                        let Some(job) = self.waiting.get_mut(dependent) else { continue };
                        if job.needs.remove(&index) && job.needs.is_empty() {
                            self.ready.insert(turn(&self.chains, *dependent));
                        }
                    }
                } else {
                    self.ended_badly(index, &mut actions);
                }
            }
            (_, Input::JobReturned { index, elapsed, why }) => {
                let Some((engine, job)) = self.take(index, elapsed) else { return actions };
                self.take_back(index, job, engine, why, &mut actions);
            }
            (_, Input::EngineLost(engine)) => {
                if std::mem::replace(&mut self.seats[engine].is_lost, true) {
                    return actions;
                }
                if self.seats[engine].running > 0 {
                    actions.push(Action::CancelEngine(engine));
                }
            }
            (_, Input::EngineBack(engine)) => self.seats[engine].is_lost = false,
            (RunState::Ready | RunState::Running | RunState::Draining, Input::Request(Request::Cancel)) => {
                self.stop(RunState::Cancelling, Action::CancelAll, &mut actions);
            }
            (
                RunState::Ready | RunState::Running | RunState::Draining | RunState::Cancelling,
                Input::Request(Request::Kill),
            ) => {
                self.stop(RunState::Killing, Action::KillAll, &mut actions);
            }
            (RunState::Cancelling | RunState::Killing, Input::Request(_)) => return actions,
        }
        if self.state == RunState::Running {
            self.start(&mut actions);
        }
        if self.waiting.is_empty() && self.running.is_empty() && self.state != RunState::Ready {
            self.state = RunState::Finished;
            actions.push(Action::Finish);
        }
        actions
    }

    /// Job time over slots x `elapsed`, 0 to 1.
    pub(crate) fn busy(&self, elapsed: Duration) -> f64 {
        let available = self.slots() as f64 * elapsed.as_secs_f64();
        if available > 0.0 { (self.worked.as_secs_f64() / available).min(1.0) } else { 0.0 }
    }

    /// Jobs at the same time, on all engines together.
    pub(crate) fn slots(&self) -> usize {
        self.seats.iter().map(|seat| seat.room.slots).sum()
    }

    /// A job that runs no more, with the engine that it ran on.
    fn take(&mut self, index: usize, elapsed: Duration) -> Option<(usize, Waiting)> {
        let (engine, job) = self.running.remove(&index)?;
        let seat = &mut self.seats[engine];
        seat.running -= 1;
        seat.used_bytes = seat.used_bytes.saturating_sub(job.wanted.memory_bytes);
        self.worked += elapsed;
        Some((engine, job))
    }

    fn ended_badly(&mut self, index: usize, actions: &mut Vec<Action>) {
        // Before all others are: what needed it has a reason of its own.
        self.abandon_dependents(index, actions);
        if self.fail_fast && self.state == RunState::Running {
            self.state = RunState::Draining;
            self.abandon(Abandoned::FailFast(index), actions);
        }
    }

    /// A job that came to no end waits again, for another engine, unless the run ends or it has had its share.
    fn take_back(&mut self, index: usize, job: Waiting, engine: usize, why: Returned, actions: &mut Vec<Action>) {
        let mut abandoned = (self.state != RunState::Running).then_some(Abandoned::Cancelled);
        match why {
            Returned::Lost => {
                let losses = self.losses.entry(index).or_default();
                *losses += 1;
                if *losses >= MOST_LOSSES {
                    abandoned = abandoned.or(Some(Abandoned::NoEngine));
                }
            }
            Returned::OtherImages => self.seats[engine].has.retain(|images| *images != job.wanted.images),
        }
        let images = job.wanted.images;
        match abandoned {
            Some(why) => {
                actions.push(Action::Abandon(index, why));
                self.ended_badly(index, actions);
            }
            None => {
                self.ready.insert(turn(&self.chains, index));
                self.waiting.insert(index, job);
            }
        }
        if why == Returned::OtherImages {
            for job in self.waiting.values_mut().filter(|job| job.wanted.images == images) {
                job.wanted.fits[engine] = None;
            }
        }
    }

    /// Starts what is ready, strictly in order: a job that waits for memory is not overtaken on the engines that it waits for,
    /// or it could wait for all others. One that waits for what it needs is.
    fn start(&mut self, actions: &mut Vec<Action>) {
        let mut closed = BTreeSet::new();
        let mut last = Bound::Unbounded;
        while let Some(next) = self.ready.range((last, Bound::Unbounded)).next().copied() {
            last = Bound::Excluded(next);
            let (_, index) = next;
            let is_open = |(number, seat): (usize, &Seat)| !seat.is_full() && !closed.contains(&number);
            let is_any_open = self.seats.iter().enumerate().any(is_open);
            // Where an engine was lost, there may be jobs that none is left for.
            if !is_any_open && self.seats.iter().all(|seat| !seat.is_lost) {
                break;
            }
            // One that could not be placed may have taken it along.
            let Some(job) = self.waiting.get(&index) else {
                self.ready.remove(&next);
                continue;
            };
            match place(&job.wanted, &self.seats, &closed) {
                Placement::On(engine) => {
                    self.ready.remove(&next);
                    self.begin(index, engine, actions);
                }
                Placement::Wait(short) => closed.extend(short),
                Placement::Nowhere => {
                    self.ready.remove(&next);
                    self.waiting.remove(&index);
                    actions.push(Action::Abandon(index, Abandoned::NoEngine));
                    self.ended_badly(index, actions);
                }
            }
        }
        if self.running.is_empty() {
            // They need each other.
            let stuck = std::mem::take(&mut self.waiting);
            let need = |job: &Waiting| job.needs.first().copied().unwrap_or_default();
            actions.extend(stuck.iter().map(|(index, job)| Action::Abandon(*index, Abandoned::Needs(need(job)))));
        }
    }

    fn begin(&mut self, index: usize, engine: usize, actions: &mut Vec<Action>) {
        let Some(job) = self.waiting.remove(&index) else { return };
        let seat = &mut self.seats[engine];
        seat.running += 1;
        seat.used_bytes = seat.used_bytes.saturating_add(job.wanted.memory_bytes);
        seat.has.insert(job.wanted.images);
        self.running.insert(index, (engine, job));
        actions.push(Action::Start(index, engine));
    }

    /// Abandons what needs a job that did not end well, and what needs that in turn, each with its own reason.
    fn abandon_dependents(&mut self, failed: usize, actions: &mut Vec<Action>) {
        let mut lost = vec![failed];
        while let Some(need) = lost.pop() {
            for dependent in self.dependents.get(&need).into_iter().flatten() {
                if self.waiting.remove(dependent).is_some() {
                    actions.push(Action::Abandon(*dependent, Abandoned::Needs(need)));
                    lost.push(*dependent);
                }
            }
        }
    }

    fn stop(&mut self, state: RunState, action: Action, actions: &mut Vec<Action>) {
        self.state = state;
        self.abandon(Abandoned::Cancelled, actions);
        if !self.running.is_empty() {
            actions.push(action);
        }
    }

    fn abandon(&mut self, why: Abandoned, actions: &mut Vec<Action>) {
        let waiting = std::mem::take(&mut self.waiting);
        actions.extend(waiting.into_keys().map(|index| Action::Abandon(index, why)));
    }
}

fn turn(chains: &BTreeMap<usize, Duration>, index: usize) -> Turn {
    (Reverse(chains.get(&index).copied().unwrap_or_default()), index)
}

/// What each job and the longest chain of those that need it take together. Jobs that need each other have no end: theirs is
/// what they take themselves.
fn chains(jobs: &BTreeMap<usize, Waiting>, dependents: &BTreeMap<usize, Vec<usize>>) -> BTreeMap<usize, Duration> {
    let mut chains: BTreeMap<usize, Duration> = jobs.iter().map(|(index, job)| (*index, job.expected)).collect();
    let mut open: BTreeMap<usize, usize> =
        jobs.keys().map(|index| (*index, dependents.get(index).map_or(0, Vec::len))).collect();
    let mut ends: Vec<usize> = open.iter().filter(|(_, count)| **count == 0).map(|(index, _)| *index).collect();
    while let Some(index) = ends.pop() {
        let chain = chains[&index];
        for need in &jobs[&index].needs {
            if let (Some(longest), Some(job)) = (chains.get_mut(need), jobs.get(need)) {
                *longest = (*longest).max(job.expected + chain);
            }
            if let Some(count) = open.get_mut(need) {
                *count -= 1;
                if *count == 0 {
                    ends.push(*need);
                }
            }
        }
    }
    chains
}

#[cfg(test)]
mod tests;
