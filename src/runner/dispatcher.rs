//! Decides what a run does next: which job starts when, what a signal means, when it is over. A state machine without
//! I/O and without a clock: events go in, actions come out, and whoever drives it carries them out.
//!
//! A job starts when all that it needs has ended well, and never when one of them has not. What a job needs must be
//! known to it: `plan::set` sees to it that nothing needs itself; jobs that do so all the same are abandoned.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::context::Request;

/// What the run may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Capacity {
    /// Jobs at the same time; 0 counts as 1.
    pub(crate) slots: usize,
    /// Memory of the engine. Jobs run together only when their limits fit in it; a job alone always runs.
    pub(crate) memory_bytes: u64,
    /// After a job that did not end well, start no other; those that run go on.
    pub(crate) fail_fast: bool,
}

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
    Request(Request),
}

/// What is to be done, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Start(usize),
    /// The job will never start.
    Abandon(usize, Abandoned),
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
}

/// A job that has to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) memory_bytes: u64,
    /// Indices of the jobs that must end well first. Those that are not in the run have done so already.
    pub(crate) needs: BTreeSet<usize>,
}

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
    capacity: Capacity,
    state: RunState,
    /// By index: the plan's order, which is the order of starting among those whose needs are met.
    waiting: BTreeMap<usize, Waiting>,
    running: BTreeMap<usize, u64>,
    worked: Duration,
}

impl Dispatcher {
    /// `jobs`: each job that has to run, by its index in the plan.
    pub(crate) fn new(capacity: Capacity, jobs: impl IntoIterator<Item = (usize, Waiting)>) -> Dispatcher {
        let mut waiting: BTreeMap<usize, Waiting> = jobs.into_iter().collect();
        let present: BTreeSet<usize> = waiting.keys().copied().collect();
        for job in waiting.values_mut() {
            job.needs.retain(|need| present.contains(need));
        }
        Dispatcher {
            capacity: Capacity { slots: capacity.slots.max(1), ..capacity },
            state: RunState::Ready,
            waiting,
            running: BTreeMap::new(),
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
                if self.running.remove(&index).is_none() {
                    return actions;
                }
                self.worked += elapsed;
                if good {
                    for job in self.waiting.values_mut() {
                        job.needs.remove(&index);
                    }
                } else {
                    // Before all others are: what needed it has a reason of its own.
                    self.abandon_dependents(index, &mut actions);
                }
                if !good && self.capacity.fail_fast && self.state == RunState::Running {
                    self.state = RunState::Draining;
                    self.abandon(Abandoned::FailFast(index), &mut actions);
                }
            }
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
        let available = self.capacity.slots as f64 * elapsed.as_secs_f64();
        if available > 0.0 { (self.worked.as_secs_f64() / available).min(1.0) } else { 0.0 }
    }

    /// Starts what is ready, strictly in order: a job that waits for memory is not overtaken, or it could wait for all
    /// others. One that waits for what it needs is.
    fn start(&mut self, actions: &mut Vec<Action>) {
        while let Some((index, memory)) = self.ready() {
            let used = self.running.values().fold(0u64, |sum, memory| sum.saturating_add(*memory));
            let fits =
                self.running.len() < self.capacity.slots && used.saturating_add(memory) <= self.capacity.memory_bytes;
            if !fits && !self.running.is_empty() {
                break;
            }
            self.waiting.remove(&index);
            self.running.insert(index, memory);
            actions.push(Action::Start(index));
        }
        if self.running.is_empty() {
            // They need each other.
            let stuck = std::mem::take(&mut self.waiting);
            let need = |job: &Waiting| job.needs.first().copied().unwrap_or_default();
            actions.extend(stuck.iter().map(|(index, job)| Action::Abandon(*index, Abandoned::Needs(need(job)))));
        }
    }

    /// The first job whose needs are met.
    fn ready(&self) -> Option<(usize, u64)> {
        let (index, job) = self.waiting.iter().find(|(_, job)| job.needs.is_empty())?;
        Some((*index, job.memory_bytes))
    }

    /// Abandons what needs a job that did not end well, and what needs that in turn, each with its own reason.
    fn abandon_dependents(&mut self, failed: usize, actions: &mut Vec<Action>) {
        let mut lost = vec![failed];
        while let Some(need) = lost.pop() {
            for (index, _) in self.waiting.extract_if(.., |_, job| job.needs.contains(&need)) {
                actions.push(Action::Abandon(index, Abandoned::Needs(need)));
                lost.push(index);
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CANCEL: Input = Input::Request(Request::Cancel);
    const KILL: Input = Input::Request(Request::Kill);

    fn dispatcher(slots: usize, memory_bytes: u64, fail_fast: bool, jobs: &[u64]) -> Dispatcher {
        let jobs: Vec<(u64, &[usize])> = jobs.iter().map(|memory| (*memory, &[] as &[usize])).collect();
        with_needs(Capacity { slots, memory_bytes, fail_fast }, &jobs)
    }

    /// Jobs with their memory limits and what they need.
    fn with_needs(capacity: Capacity, jobs: &[(u64, &[usize])]) -> Dispatcher {
        let waiting = |(memory_bytes, needs): &(u64, &[usize])| Waiting {
            memory_bytes: *memory_bytes,
            needs: needs.iter().copied().collect(),
        };
        Dispatcher::new(capacity, jobs.iter().map(waiting).enumerate())
    }

    fn ended(index: usize, good: bool) -> Input {
        Input::JobEnded { index, good, elapsed: Duration::from_secs(1) }
    }

    /// A dispatcher with two slots and three jobs, 0 and 1 running, brought to a state.
    fn in_state(state: RunState) -> Dispatcher {
        let mut dispatcher = dispatcher(2, 100, true, &[1, 1, 1]);
        if state == RunState::Ready {
            return dispatcher;
        }
        dispatcher.handle(Input::Begin);
        match state {
            RunState::Ready | RunState::Running => {}
            RunState::Draining => drop(dispatcher.handle(ended(0, false))),
            RunState::Cancelling => drop(dispatcher.handle(CANCEL)),
            RunState::Killing => drop(dispatcher.handle(KILL)),
            RunState::Finished => {
                dispatcher.handle(CANCEL);
                dispatcher.handle(ended(0, false));
                dispatcher.handle(ended(1, false));
            }
        }
        assert_eq!(dispatcher.state, state);
        dispatcher
    }

    #[test]
    fn each_signal_in_each_state() {
        use Action::{Abandon, CancelAll, Finish, KillAll};
        let abandoned = |index| Abandon(index, Abandoned::Cancelled);
        let all = [abandoned(0), abandoned(1), abandoned(2), Finish];
        let table: [(RunState, Input, Vec<Action>, RunState); 12] = [
            (RunState::Ready, CANCEL, all.to_vec(), RunState::Finished),
            (RunState::Ready, KILL, all.to_vec(), RunState::Finished),
            (RunState::Running, CANCEL, vec![abandoned(2), CancelAll], RunState::Cancelling),
            (RunState::Running, KILL, vec![abandoned(2), KillAll], RunState::Killing),
            (RunState::Draining, CANCEL, vec![CancelAll], RunState::Cancelling),
            (RunState::Draining, KILL, vec![KillAll], RunState::Killing),
            (RunState::Cancelling, CANCEL, vec![], RunState::Cancelling),
            (RunState::Cancelling, KILL, vec![KillAll], RunState::Killing),
            (RunState::Killing, CANCEL, vec![], RunState::Killing),
            (RunState::Killing, KILL, vec![], RunState::Killing),
            (RunState::Finished, CANCEL, vec![], RunState::Finished),
            (RunState::Finished, KILL, vec![], RunState::Finished),
        ];
        for (state, input, actions, after) in table {
            let mut dispatcher = in_state(state);
            assert_eq!(dispatcher.handle(input), actions, "{input:?} in {state:?}");
            assert_eq!(dispatcher.state, after, "after {input:?} in {state:?}");
        }
    }

    #[test]
    fn each_pair_of_signals_ends_all_jobs_once() {
        for first in [CANCEL, KILL] {
            for second in [CANCEL, KILL] {
                for state in [RunState::Running, RunState::Draining, RunState::Cancelling, RunState::Killing] {
                    let mut dispatcher = in_state(state);
                    let mut actions = dispatcher.handle(first);
                    actions.extend(dispatcher.handle(second));
                    assert!(!actions.iter().any(|action| matches!(action, Action::Start(_))));
                    for index in 0..2 {
                        actions.extend(dispatcher.handle(ended(index, false)));
                    }
                    let finished = actions.iter().filter(|action| **action == Action::Finish).count();
                    assert_eq!(finished, 1, "{first:?}, {second:?} in {state:?}");
                    assert_eq!(actions.last(), Some(&Action::Finish));
                }
            }
        }
    }

    #[test]
    fn jobs_start_in_order_as_slots_come_free() {
        let mut dispatcher = dispatcher(2, 100, false, &[1, 1, 1]);
        assert_eq!(dispatcher.handle(Input::Begin), [Action::Start(0), Action::Start(1)]);
        assert_eq!(dispatcher.handle(ended(1, false)), [Action::Start(2)]);
        assert_eq!(dispatcher.handle(ended(0, true)), []);
        assert_eq!(dispatcher.handle(ended(2, true)), [Action::Finish]);
    }

    #[test]
    fn memory_holds_jobs_back_but_one_always_runs() {
        let mut dispatcher = dispatcher(4, 10, false, &[6, 6, 1, 50]);
        assert_eq!(dispatcher.handle(Input::Begin), [Action::Start(0)]);
        assert_eq!(dispatcher.handle(ended(0, true)), [Action::Start(1), Action::Start(2)]);
        assert_eq!(dispatcher.handle(ended(1, true)), []);
        assert_eq!(dispatcher.handle(ended(2, true)), [Action::Start(3)]);
        assert_eq!(dispatcher.handle(ended(3, true)), [Action::Finish]);
    }

    #[test]
    fn failing_fast_lets_running_jobs_end() {
        let mut dispatcher = dispatcher(2, 100, true, &[1, 1, 1, 1]);
        dispatcher.handle(Input::Begin);
        let why = Abandoned::FailFast(1);
        assert_eq!(dispatcher.handle(ended(1, false)), [Action::Abandon(2, why), Action::Abandon(3, why)]);
        assert_eq!(dispatcher.handle(ended(0, false)), [Action::Finish]);
    }

    #[test]
    fn jobs_wait_for_what_they_need_and_others_go_first() {
        let capacity = Capacity { slots: 2, memory_bytes: 100, fail_fast: false };
        // A library, another on it, a tool on both, and something on its own.
        let mut dispatcher = with_needs(capacity, &[(1, &[]), (1, &[0]), (1, &[0, 1]), (1, &[])]);
        assert_eq!(dispatcher.handle(Input::Begin), [Action::Start(0), Action::Start(3)]);
        assert_eq!(dispatcher.handle(ended(3, true)), []);
        assert_eq!(dispatcher.handle(ended(0, true)), [Action::Start(1)]);
        assert_eq!(dispatcher.handle(ended(1, true)), [Action::Start(2)]);
        assert_eq!(dispatcher.handle(ended(2, true)), [Action::Finish]);
    }

    #[test]
    fn what_needs_a_failed_job_is_skipped_with_the_reason() {
        let capacity = Capacity { slots: 1, memory_bytes: 100, fail_fast: false };
        let mut dispatcher = with_needs(capacity, &[(1, &[]), (1, &[0]), (1, &[1]), (1, &[])]);
        dispatcher.handle(Input::Begin);
        let needs = |index, need| Action::Abandon(index, Abandoned::Needs(need));
        assert_eq!(dispatcher.handle(ended(0, false)), [needs(1, 0), needs(2, 1), Action::Start(3)]);
        assert_eq!(dispatcher.handle(ended(3, true)), [Action::Finish]);
    }

    #[test]
    fn what_needs_itself_is_abandoned_and_holds_nothing_up() {
        let capacity = Capacity { slots: 1, memory_bytes: 100, fail_fast: false };
        let mut dispatcher = with_needs(capacity, &[(1, &[1]), (1, &[0]), (1, &[])]);
        assert_eq!(dispatcher.handle(Input::Begin), [Action::Start(2)]);
        let needs = |index, need| Action::Abandon(index, Abandoned::Needs(need));
        assert_eq!(dispatcher.handle(ended(2, true)), [needs(0, 1), needs(1, 0), Action::Finish]);
    }

    #[test]
    fn nothing_to_do_is_finished_at_once() {
        assert_eq!(dispatcher(2, 100, false, &[]).handle(Input::Begin), [Action::Finish]);
    }

    #[test]
    fn busy_is_the_share_of_the_slots() {
        let mut dispatcher = dispatcher(2, 100, false, &[1]);
        dispatcher.handle(Input::Begin);
        dispatcher.handle(Input::JobEnded { index: 0, good: true, elapsed: Duration::from_secs(3) });
        assert_eq!(dispatcher.busy(Duration::from_secs(3)), 0.5);
        assert_eq!(dispatcher.busy(Duration::ZERO), 0.0);
    }

    /// What the world may do next; numbers choose among the running jobs.
    #[derive(Debug, Clone)]
    enum Move {
        End(usize, bool),
        EndUnknown(usize),
        Begin,
        Cancel,
        Kill,
    }

    fn moves() -> impl Strategy<Value = Vec<Move>> {
        let one = prop_oneof![
            12 => (any::<usize>(), any::<bool>()).prop_map(|(which, good)| Move::End(which, good)),
            1 => any::<usize>().prop_map(Move::EndUnknown),
            1 => Just(Move::Begin),
            1 => Just(Move::Cancel),
            1 => Just(Move::Kill),
        ];
        proptest::collection::vec(one, 0..60)
    }

    /// Jobs that need some of the others, circles and jobs outside of the run included.
    fn jobs() -> impl Strategy<Value = Vec<(u64, Vec<usize>)>> {
        let needs = prop_oneof![2 => Just(Vec::new()), 1 => proptest::collection::vec(0usize..22, 0..4)];
        let any_order = proptest::collection::vec((0u64..30, needs), 0..20);
        // Mostly without circles: each needs only what stands before it.
        (any_order, prop::bool::weighted(0.8)).prop_map(|(mut jobs, ordered)| {
            let count = jobs.len();
            for (index, (_, needs)) in jobs.iter_mut().enumerate() {
                needs.retain(|need| !ordered || *need < index || *need >= count);
            }
            jobs
        })
    }

    proptest! {
        #[test]
        fn every_job_ends_once_and_the_run_finishes_once(
            slots in 0usize..5,
            memory in 0u64..40,
            fail_fast: bool,
            jobs in jobs(),
            moves in moves(),
        ) {
            let lent: Vec<(u64, &[usize])> = jobs.iter().map(|(memory, needs)| (*memory, needs.as_slice())).collect();
            let mut dispatcher = with_needs(Capacity { slots, memory_bytes: memory, fail_fast }, &lent);
            let mut good_ones: Vec<usize> = Vec::new();
            let mut bad_ones: Vec<usize> = Vec::new();
            let mut running: Vec<usize> = Vec::new();
            let mut ends = vec![0; jobs.len()];
            let mut starts = Vec::new();
            let mut finished = 0;
            let mut stopped = false;
            let endless = std::iter::repeat_with(|| Move::End(0, true));
            for step in std::iter::once(Move::Begin).chain(moves).chain(endless) {
                let input = match step {
                    Move::Begin => Input::Begin,
                    Move::Cancel => CANCEL,
                    Move::Kill => KILL,
                    Move::EndUnknown(index) => ended(index % 100 + jobs.len(), false),
                    Move::End(which, good) => {
                        if running.is_empty() {
                            if finished > 0 { break } else { continue }
                        }
                        let index = running.remove(which % running.len());
                        ends[index] += 1;
                        if good { good_ones.push(index) } else { bad_ones.push(index) }
                        ended(index, good)
                    }
                };
                stopped |= matches!(input, Input::Request(_));
                for action in dispatcher.handle(input) {
                    prop_assert_eq!(finished, 0, "{:?} after the end", action);
                    match action {
                        Action::Start(index) => {
                            prop_assert!(!stopped);
                            let met = |need: &usize| good_ones.contains(need) || *need >= jobs.len();
                            prop_assert!(jobs[index].1.iter().all(met), "{} started before what it needs", index);
                            running.push(index);
                            starts.push(index);
                        }
                        Action::Abandon(index, why) => {
                            ends[index] += 1;
                            if let Abandoned::Needs(need) = why {
                                prop_assert!(jobs[index].1.contains(&need), "{} does not need {}", index, need);
                                prop_assert!(bad_ones.contains(&need) || running.is_empty());
                                bad_ones.push(index);
                            }
                        }
                        Action::CancelAll | Action::KillAll => prop_assert!(!running.is_empty()),
                        Action::Finish => {
                            prop_assert!(running.is_empty());
                            finished += 1;
                        }
                    }
                }
                prop_assert!(running.len() <= slots.max(1));
                let used: u64 = running.iter().map(|index| jobs[*index].0).sum();
                prop_assert!(used <= memory || running.len() == 1);
                if finished == 0 {
                    prop_assert!(!running.is_empty(), "nothing runs and nothing is finished");
                }
            }
            if jobs.iter().all(|(_, needs)| needs.is_empty()) {
                prop_assert!(starts.is_sorted());
            }
            prop_assert_eq!(ends, vec![1; jobs.len()]);
            prop_assert_eq!(finished, 1);
        }
    }
}
