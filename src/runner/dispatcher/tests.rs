use proptest::prelude::*;

use super::*;
use crate::runner::placement::{Fit, Room};

const CANCEL: Input = Input::Request(Request::Cancel);
const KILL: Input = Input::Request(Request::Kill);

fn dispatcher(slots: usize, memory_bytes: u64, fail_fast: bool, jobs: &[u64]) -> Dispatcher {
    let jobs: Vec<(u64, &[usize])> = jobs.iter().map(|memory| (*memory, &[] as &[usize])).collect();
    with_needs(Capacity { slots, memory_bytes, fail_fast }, &jobs)
}

/// One engine.
#[derive(Clone, Copy)]
struct Capacity {
    slots: usize,
    memory_bytes: u64,
    fail_fast: bool,
}

/// Jobs with their memory limits and what they need.
fn with_needs(capacity: Capacity, jobs: &[(u64, &[usize])]) -> Dispatcher {
    on_engines(&[capacity], jobs)
}

fn on_engines(engines: &[Capacity], jobs: &[(u64, &[usize])]) -> Dispatcher {
    let seat = |of: &Capacity| Seat::new(Room { slots: of.slots, memory_bytes: of.memory_bytes }, BTreeSet::new());
    let waiting = |(number, (memory_bytes, needs)): (usize, &(u64, &[usize]))| Waiting {
        wanted: Wanted { memory_bytes: *memory_bytes, fits: vec![Some(Fit::Own); engines.len()], images: number },
        needs: needs.iter().copied().collect(),
        expected: Duration::from_secs(1),
    };
    let fail_fast = engines.iter().any(|engine| engine.fail_fast);
    Dispatcher::new(engines.iter().map(seat).collect(), fail_fast, jobs.iter().enumerate().map(waiting).enumerate())
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
                assert!(!actions.iter().any(|action| matches!(action, Action::Start(..))));
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
    assert_eq!(dispatcher.handle(Input::Begin), [Action::Start(0, 0), Action::Start(1, 0)]);
    assert_eq!(dispatcher.handle(ended(1, false)), [Action::Start(2, 0)]);
    assert_eq!(dispatcher.handle(ended(0, true)), []);
    assert_eq!(dispatcher.handle(ended(2, true)), [Action::Finish]);
}

#[test]
fn memory_holds_jobs_back_but_one_always_runs() {
    let mut dispatcher = dispatcher(4, 10, false, &[6, 6, 1, 50]);
    assert_eq!(dispatcher.handle(Input::Begin), [Action::Start(0, 0)]);
    assert_eq!(dispatcher.handle(ended(0, true)), [Action::Start(1, 0), Action::Start(2, 0)]);
    assert_eq!(dispatcher.handle(ended(1, true)), []);
    assert_eq!(dispatcher.handle(ended(2, true)), [Action::Start(3, 0)]);
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
    assert_eq!(dispatcher.handle(Input::Begin), [Action::Start(0, 0), Action::Start(3, 0)]);
    assert_eq!(dispatcher.handle(ended(3, true)), []);
    assert_eq!(dispatcher.handle(ended(0, true)), [Action::Start(1, 0)]);
    assert_eq!(dispatcher.handle(ended(1, true)), [Action::Start(2, 0)]);
    assert_eq!(dispatcher.handle(ended(2, true)), [Action::Finish]);
}

#[test]
fn what_needs_a_failed_job_is_skipped_with_the_reason() {
    let capacity = Capacity { slots: 1, memory_bytes: 100, fail_fast: false };
    let mut dispatcher = with_needs(capacity, &[(1, &[]), (1, &[0]), (1, &[1]), (1, &[])]);
    dispatcher.handle(Input::Begin);
    let needs = |index, need| Action::Abandon(index, Abandoned::Needs(need));
    assert_eq!(dispatcher.handle(ended(0, false)), [needs(1, 0), needs(2, 1), Action::Start(3, 0)]);
    assert_eq!(dispatcher.handle(ended(3, true)), [Action::Finish]);
}

#[test]
fn what_needs_itself_is_abandoned_and_holds_nothing_up() {
    let capacity = Capacity { slots: 1, memory_bytes: 100, fail_fast: false };
    let mut dispatcher = with_needs(capacity, &[(1, &[1]), (1, &[0]), (1, &[])]);
    assert_eq!(dispatcher.handle(Input::Begin), [Action::Start(2, 0)]);
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
    Return(usize, bool),
    Lose(usize),
    Find(usize),
    EndUnknown(usize),
    Begin,
    Cancel,
    Kill,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        12 => (any::<usize>(), any::<bool>()).prop_map(|(which, good)| Move::End(which, good)),
        1 => (any::<usize>(), any::<bool>()).prop_map(|(which, images)| Move::Return(which, images)),
        1 => any::<usize>().prop_map(Move::Lose),
        1 => any::<usize>().prop_map(Move::Find),
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

fn engines() -> impl Strategy<Value = Vec<(usize, u64)>> {
    proptest::collection::vec((0usize..5, 0u64..40), 1..4)
}

proptest! {
    #[test]
    fn every_job_ends_once_and_the_run_finishes_once(
        engines in engines(),
        fail_fast: bool,
        jobs in jobs(),
        moves in moves(),
    ) {
        let lent: Vec<(u64, &[usize])> = jobs.iter().map(|(memory, needs)| (*memory, needs.as_slice())).collect();
        let capacities: Vec<Capacity> = engines
            .iter()
            .map(|(slots, memory_bytes)| Capacity { slots: *slots, memory_bytes: *memory_bytes, fail_fast })
            .collect();
        let mut dispatcher = on_engines(&capacities, &lent);
        let mut good_ones: Vec<usize> = Vec::new();
        let mut bad_ones: Vec<usize> = Vec::new();
        // With their engines.
        let mut running: Vec<(usize, usize)> = Vec::new();
        let mut lost = vec![false; engines.len()];
        let mut refused: BTreeSet<(usize, usize)> = BTreeSet::new();
        let mut ends = vec![0; jobs.len()];
        let mut starts = Vec::new();
        let mut finished = 0;
        let (mut stopped, mut returned) = (false, false);
        let endless = std::iter::repeat_with(|| Move::End(0, true));
        for step in std::iter::once(Move::Begin).chain(moves).chain(endless) {
            let elapsed = Duration::from_secs(1);
            let input = match step {
                Move::Begin => Input::Begin,
                Move::Cancel => CANCEL,
                Move::Kill => KILL,
                Move::EndUnknown(index) => ended(index % 100 + jobs.len(), false),
                Move::Lose(which) => {
                    lost[which % engines.len()] = true;
                    Input::EngineLost(which % engines.len())
                }
                Move::Find(which) => {
                    lost[which % engines.len()] = false;
                    Input::EngineBack(which % engines.len())
                }
                Move::Return(..) if running.is_empty() => continue,
                Move::Return(which, images) => {
                    let (index, engine) = running.remove(which % running.len());
                    returned = true;
                    let why = if images { Returned::OtherImages } else { Returned::Lost };
                    if images {
                        refused.insert((index, engine));
                    }
                    Input::JobReturned { index, elapsed, why }
                }
                Move::End(which, good) => {
                    if running.is_empty() {
                        if finished > 0 { break } else { continue }
                    }
                    let (index, _) = running.remove(which % running.len());
                    ends[index] += 1;
                    if good { good_ones.push(index) } else { bad_ones.push(index) }
                    ended(index, good)
                }
            };
            stopped |= matches!(input, Input::Request(_));
            for action in dispatcher.handle(input) {
                prop_assert_eq!(finished, 0, "{:?} after the end", action);
                match action {
                    Action::Start(index, engine) => {
                        prop_assert!(!stopped);
                        prop_assert!(!lost[engine], "{} starts on an engine that is lost", index);
                        prop_assert!(!refused.contains(&(index, engine)), "{} was refused there", index);
                        let met = |need: &usize| good_ones.contains(need) || *need >= jobs.len();
                        prop_assert!(jobs[index].1.iter().all(met), "{} started before what it needs", index);
                        running.push((index, engine));
                        starts.push(index);
                    }
                    Action::Abandon(index, why) => {
                        ends[index] += 1;
                        if let Abandoned::Needs(need) = why {
                            prop_assert!(jobs[index].1.contains(&need), "{} does not need {}", index, need);
                            prop_assert!(bad_ones.contains(&need) || running.is_empty());
                        }
                        bad_ones.push(index);
                    }
                    Action::CancelEngine(engine) => {
                        prop_assert!(running.iter().any(|(_, of)| *of == engine));
                    }
                    Action::CancelAll | Action::KillAll => prop_assert!(!running.is_empty()),
                    Action::Finish => {
                        prop_assert!(running.is_empty());
                        finished += 1;
                    }
                }
            }
            for (engine, (slots, memory)) in engines.iter().enumerate() {
                let here: Vec<usize> =
                    running.iter().filter(|(_, of)| *of == engine).map(|(index, _)| *index).collect();
                prop_assert!(here.len() <= (*slots).max(1));
                let used: u64 = here.iter().map(|index| jobs[*index].0).sum();
                prop_assert!(used <= *memory || here.len() == 1);
            }
            if finished == 0 {
                prop_assert!(!running.is_empty(), "nothing runs and nothing is finished");
            }
        }
        if engines.len() == 1 && !returned && jobs.iter().all(|(_, needs)| needs.is_empty()) {
            prop_assert!(starts.is_sorted());
        }
        prop_assert_eq!(ends, vec![1; jobs.len()]);
        prop_assert_eq!(finished, 1);
    }
}

#[test]
fn what_a_lost_engine_had_goes_to_the_others() {
    let engine = Capacity { slots: 1, memory_bytes: 100, fail_fast: false };
    let mut dispatcher = on_engines(&[engine, engine], &[(1, &[]), (1, &[]), (1, &[])]);
    assert_eq!(dispatcher.handle(Input::Begin), [Action::Start(0, 0), Action::Start(1, 1)]);
    assert_eq!(dispatcher.handle(Input::EngineLost(0)), [Action::CancelEngine(0)]);
    assert_eq!(dispatcher.handle(Input::EngineLost(0)), []);
    assert_eq!(dispatcher.handle(returned(0, Returned::Lost)), []);
    // It comes before those that have not begun.
    assert_eq!(dispatcher.handle(ended(1, true)), [Action::Start(0, 1)]);
    assert_eq!(dispatcher.handle(Input::EngineBack(0)), [Action::Start(2, 0)]);
    assert_eq!(dispatcher.handle(ended(0, true)), []);
    assert_eq!(dispatcher.handle(ended(2, true)), [Action::Finish]);
}

#[test]
fn without_any_engine_left_jobs_end() {
    let engine = Capacity { slots: 1, memory_bytes: 100, fail_fast: false };
    let mut dispatcher = on_engines(&[engine, engine], &[(1, &[]), (1, &[]), (1, &[0]), (1, &[])]);
    dispatcher.handle(Input::Begin);
    dispatcher.handle(Input::EngineLost(0));
    let none = |index| Action::Abandon(index, Abandoned::NoEngine);
    assert_eq!(dispatcher.handle(Input::EngineLost(1)), [Action::CancelEngine(1), none(3)]);
    let needs = Action::Abandon(2, Abandoned::Needs(0));
    assert_eq!(dispatcher.handle(returned(0, Returned::Lost)), [none(0), needs]);
    assert_eq!(dispatcher.handle(returned(1, Returned::Lost)), [none(1), Action::Finish]);
}

#[test]
fn a_job_whose_engines_die_is_not_tried_for_ever() {
    let engine = Capacity { slots: 1, memory_bytes: 100, fail_fast: false };
    let mut dispatcher = on_engines(&[engine], &[(1, &[])]);
    dispatcher.handle(Input::Begin);
    for _ in 1..MOST_LOSSES {
        assert_eq!(dispatcher.handle(returned(0, Returned::Lost)), [Action::Start(0, 0)]);
    }
    let end = [Action::Abandon(0, Abandoned::NoEngine), Action::Finish];
    assert_eq!(dispatcher.handle(returned(0, Returned::Lost)), end);
}

#[test]
fn an_engine_with_other_images_gets_no_job_of_these() {
    let engine = Capacity { slots: 2, memory_bytes: 100, fail_fast: false };
    let mut dispatcher = on_engines(&[engine, engine], &[(1, &[]), (1, &[])]);
    for (index, job) in &mut dispatcher.waiting {
        job.wanted.images = 0;
        assert!(*index < 2);
    }
    assert_eq!(dispatcher.handle(Input::Begin), [Action::Start(0, 0), Action::Start(1, 0)]);
    assert_eq!(dispatcher.handle(returned(1, Returned::OtherImages)), [Action::Start(1, 1)]);
    assert_eq!(dispatcher.handle(returned(0, Returned::OtherImages)), [Action::Start(0, 1)]);
}

fn returned(index: usize, why: Returned) -> Input {
    Input::JobReturned { index, elapsed: Duration::from_secs(1), why }
}

/// Numbers that look random and are the same each time: a linear congruential generator, as Knuth has it.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// Jobs on engines in time that is counted, not waited for: seconds until all are done, and at the least.
fn simulated(count: usize, slots: &[usize], numbers: &mut Numbers) -> (u64, u64) {
    let seconds: Vec<u64> = (0..count).map(|_| 10 + numbers.below(600)).collect();
    // A third of them need one or two of the twenty before them.
    let needs: Vec<BTreeSet<usize>> = (0..count)
        .map(|index| {
            let before = u64::try_from(index.min(20)).unwrap();
            let wanted = if before > 0 && numbers.below(3) == 0 { 1 + numbers.below(2) } else { 0 };
            (0..wanted).map(|_| index - 1 - usize::try_from(numbers.below(before)).unwrap()).collect()
        })
        .collect();
    let jobs = seconds.iter().zip(&needs).enumerate().map(|(index, (seconds, needs))| {
        let wanted = Wanted { memory_bytes: 1, fits: vec![Some(Fit::Own); slots.len()], images: index % 40 };
        (index, Waiting { wanted, needs: needs.clone(), expected: Duration::from_secs(*seconds) })
    });
    let room = |slots: &usize| Seat::new(Room { slots: *slots, memory_bytes: u64::MAX }, BTreeSet::new());
    let mut dispatcher = Dispatcher::new(slots.iter().map(room).collect(), false, jobs);
    let longest = dispatcher.chains.values().max().unwrap().as_secs();
    let all: u64 = slots.iter().map(|slots| u64::try_from(*slots).unwrap()).sum();
    let least = longest.max(seconds.iter().sum::<u64>().div_ceil(all));
    let mut running: BTreeSet<(u64, usize)> = BTreeSet::new();
    let (mut now, mut input) = (0, Input::Begin);
    loop {
        for action in dispatcher.handle(input) {
            match action {
                Action::Start(index, _) => drop(running.insert((now + seconds[index], index))),
                Action::Finish => return (now, least),
                other => panic!("{other:?}"),
            }
        }
        let (end, index) = running.pop_first().unwrap();
        now = end;
        input = Input::JobEnded { index, good: true, elapsed: Duration::from_secs(seconds[index]) };
    }
}

#[test]
#[allow(clippy::print_stdout)]
fn a_thousand_jobs_on_twenty_engines_take_little_more_than_they_must() {
    let mut numbers = Numbers(7);
    let slots: Vec<usize> = (0..20).map(|number| 1 + number % 6).collect();
    for _ in 0..10 {
        let (took, least) = simulated(1000, &slots, &mut numbers);
        assert!(took * 100 <= least * 105, "{took} s, and {least} s would do");
    }
    // The processor's time for many more is for people to look at: `cargo test -- --nocapture`.
    let begin = std::time::Instant::now();
    let (took, least) = simulated(10_000, &slots, &mut numbers);
    println!("10,000 jobs dispatched in {:?}: {took} s simulated, {least} s at the least", begin.elapsed());
    assert!(took * 100 <= least * 105, "{took} s, and {least} s would do");
}

#[test]
fn what_the_longest_chain_waits_for_comes_first() {
    let capacity = Capacity { slots: 1, memory_bytes: 100, fail_fast: false };
    let mut jobs = on_engines(&[capacity], &[(1, &[]), (1, &[]), (1, &[1]), (1, &[])]).waiting;
    jobs.get_mut(&3).unwrap().expected = Duration::from_secs(3);
    let seat = Seat::new(Room { slots: 1, memory_bytes: 100 }, BTreeSet::new());
    let mut dispatcher = Dispatcher::new(vec![seat], false, jobs);
    assert_eq!(dispatcher.handle(Input::Begin), [Action::Start(3, 0)]);
    assert_eq!(dispatcher.handle(ended(3, true)), [Action::Start(1, 0)]);
    assert_eq!(dispatcher.handle(ended(1, true)), [Action::Start(0, 0)]);
    assert_eq!(dispatcher.handle(ended(0, true)), [Action::Start(2, 0)]);
    assert_eq!(dispatcher.handle(ended(2, true)), [Action::Finish]);
}
