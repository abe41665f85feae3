//! Runs on several engines: who gets what, and what becomes of the jobs of one that is gone.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::engine::EngineError;

impl Bench {
    /// One more engine, with a base of this identity.
    fn another(&mut self, identity: &str) -> FakeEngine {
        let engine = engine(&self.distro, identity);
        self.others.push(engine.clone());
        engine
    }
}

fn lost(call: &str) -> EngineError {
    EngineError::Lost { action: call.to_owned(), reason: "it is gone".to_owned() }
}

/// Builds that began on an engine.
fn builds(engine: &FakeEngine) -> usize {
    engine.calls().iter().filter(|call| call.starts_with("exec") && call.contains("make")).count()
}

fn warnings(ran: &Ran) -> Vec<String> {
    let of_event = |event: &Event| match event {
        Event::Warning { target, message } => {
            let target = target.as_ref().map(|target| format!("{target}: ")).unwrap_or_default();
            Some(format!("{target}{message}"))
        }
        _ => None,
    };
    ran.events.iter().filter_map(of_event).collect()
}

fn all_succeeded(ran: &Ran, count: usize) {
    let outcomes: Vec<&Outcome> = ran.reports.iter().map(|report| &report.outcome).collect();
    assert_eq!(outcomes, vec![&Outcome::Succeeded; count], "{:?}", warnings(ran));
}

/// Four jobs whose builds take a while.
fn four(bench: &Bench) -> Vec<Job> {
    ["aa", "bb", "cc", "dd"]
        .map(|name| {
            let script: &'static str = Box::leak(format!("make {name}").into_boxed_str());
            bench.on(script, move |guest| {
                guest.files.insert("/build/results".to_owned(), FakeFile::directory());
                let path = format!("/build/results/{name}_1.0-1~deb12_all.deb");
                guest.files.insert(path, FakeFile::regular(deb(name, "1.0-1~deb12")));
                Reply { delay: Duration::from_millis(50), ..Reply::exit(0) }
            });
            bench.job(name, &[script])
        })
        .into()
}

#[tokio::test]
async fn jobs_are_shared_out_and_nothing_is_left_on_any_engine() {
    let mut bench = Bench::new();
    bench.slots = 1;
    let second = bench.another("sha256:base");
    let ran = bench.run(four(&bench)).await;
    all_succeeded(&ran, 4);
    assert_eq!((builds(&bench.engine), builds(&second)), (2, 2));
    assert_eq!(second.containers(), Vec::<String>::new());
    let Some(Event::RunStarted { engine, slots, .. }) = ran.events.first() else { panic!("{:?}", ran.events.first()) };
    assert_eq!((engine.as_str(), *slots), ("fake 1 (2 engines)", 2));
    let log = std::fs::read_to_string(ran.reports[0].log.as_ref().unwrap()).unwrap();
    assert!(log.contains("fake 1 at fake://"), "{log}");
    assert_eq!(warnings(&ran), Vec::<String>::new());
}

#[tokio::test]
async fn the_jobs_of_an_engine_that_stops_answering_go_to_the_others() {
    let mut bench = Bench::fast();
    bench.slots = 2;
    let second = bench.another("sha256:base");
    let gone = Arc::new(AtomicBool::new(false));
    let seen = gone.clone();
    second.fail(move |call| seen.load(Ordering::SeqCst).then(|| lost(call)));
    let dies = gone.clone();
    // It does not say so to what runs: only who asks finds out.
    second.on_exec(move |guest| {
        guest.exec.argv[2].ends_with("make cc").then(|| {
            dies.store(true, Ordering::SeqCst);
            Reply::hang()
        })
    });
    let ran = bench.run(four(&bench)).await;
    all_succeeded(&ran, 4);
    let told = warnings(&ran).join("\n");
    assert!(told.contains("its jobs go to other engines"), "{told}");
    assert!(told.contains("cc@debian-12/amd64: it is begun anew on another engine: fake 1 at fake://: "), "{told}");
    // Nobody can remove them there: they end with the connection.
    assert!(told.contains("may be left in the engine"), "{told}");
}

#[tokio::test]
async fn an_engine_that_is_found_gone_by_a_job_gets_no_other() {
    let mut bench = Bench::new();
    bench.slots = 1;
    let second = bench.another("sha256:base");
    let gone = Arc::new(AtomicBool::new(false));
    let dies = gone.clone();
    second.fail(move |call| {
        gone.fetch_or(call.starts_with("exec") && call.contains("make"), Ordering::SeqCst);
        gone.load(Ordering::SeqCst).then(|| lost(call))
    });
    let ran = bench.run(four(&bench)).await;
    all_succeeded(&ran, 4);
    assert!(dies.load(Ordering::SeqCst));
    assert_eq!((builds(&bench.engine), builds(&second)), (4, 1));
    let told = warnings(&ran).join("\n");
    assert_eq!(told.matches("its jobs go to other engines").count(), 1, "{told}");
}

#[tokio::test]
async fn without_an_engine_left_jobs_end_with_the_reason() {
    let mut bench = Bench::new();
    bench.slots = 1;
    let second = bench.another("sha256:base");
    for engine in [&bench.engine, &second] {
        let gone = AtomicBool::new(false);
        engine.fail(move |call| {
            gone.fetch_or(call.starts_with("exec") && call.contains("make"), Ordering::SeqCst);
            (gone.load(Ordering::SeqCst) && !call.starts_with("remove") && !call.starts_with("reap"))
                .then(|| lost(call))
        });
    }
    let ran = bench.run(four(&bench)).await;
    for report in &ran.reports {
        let Outcome::Infrastructure { reason } = &report.outcome else { panic!("{:?}", report.outcome) };
        assert_eq!(reason, "no engine of the pool is left that builds for amd64");
    }
}

#[tokio::test]
async fn what_a_run_is_built_on_is_the_same_on_every_engine() {
    let mut bench = Bench::new();
    bench.slots = 1;
    let second = bench.another("sha256:another");
    let ran = bench.run(four(&bench)).await;
    all_succeeded(&ran, 4);
    assert!(builds(&bench.engine) == 4 || builds(&second) == 4, "{} {}", builds(&bench.engine), builds(&second));
    let told = warnings(&ran).join("\n");
    assert!(told.contains("its image of debian-12/amd64 is sha256:"), "{told}");
    assert!(told.contains("`farm images update` makes them anew on each engine"), "{told}");
}

#[tokio::test]
async fn an_engine_that_answers_again_gets_jobs_again() {
    let mut bench = Bench::fast();
    bench.slots = 1;
    let second = bench.another("sha256:base");
    // It breaks off the first build, and is not there for two dozen calls.
    let calls = std::sync::atomic::AtomicUsize::new(0);
    second.fail(move |call| {
        let begins = call.starts_with("exec") && call.contains("make");
        let before = calls.load(Ordering::SeqCst);
        let gone = (before == 0 && begins) || (1..24).contains(&before);
        (gone && calls.fetch_add(1, Ordering::SeqCst) < 24).then(|| lost(call))
    });
    let jobs = (0..24)
        .map(|number| -> &'static str { Box::leak(format!("job{number}").into_boxed_str()) })
        .map(|name| {
            let script: &'static str = Box::leak(format!("make {name}").into_boxed_str());
            bench.on(script, move |guest| {
                guest.files.insert("/build/results".to_owned(), FakeFile::directory());
                let path = format!("/build/results/{name}_1.0-1~deb12_all.deb");
                guest.files.insert(path, FakeFile::regular(deb(name, "1.0-1~deb12")));
                Reply { delay: Duration::from_millis(40), ..Reply::exit(0) }
            });
            bench.job(name, &[script])
        })
        .collect();
    let ran = bench.run(jobs).await;
    all_succeeded(&ran, 24);
    let told = warnings(&ran).join("\n");
    assert!(told.contains("it answers again, and gets jobs"), "{told}");
    assert!(builds(&second) > 1, "{} {told}", builds(&second));
}
