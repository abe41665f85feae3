//! How jobs end that do not end by themselves, and what is tried again.

use super::*;

#[tokio::test]
async fn an_oom_kill_counts_whatever_the_exit_code() {
    let bench = Bench::new();
    bench.on("killed", |_| Reply { oom_kills: 1, ..Reply::exit(137) });
    bench.on_good_build("good", "aa");
    bench.on("hidden", |guest| {
        guest.files.insert("/build/results".to_owned(), FakeFile::directory());
        Reply { oom_kills: 1, ..Reply::exit(0) }
    });
    bench.on("not memory", |_| Reply::exit(137));
    let expected = Outcome::OutOfMemory { step: StepKind::Unpack, limit_bytes: Some(1 << 30) };
    assert_eq!(*bench.run(vec![bench.job("aa", &["killed"])]).await.outcome(), expected);
    assert_eq!(*bench.run(vec![bench.job("aa", &["good", "hidden"])]).await.outcome(), expected);
    let ran = bench.run(vec![bench.job("aa", &["not memory"])]).await;
    assert_eq!(*ran.outcome(), Outcome::Failed { step: StepKind::Unpack, exit_code: 137 });
}

#[tokio::test]
async fn a_full_disk_needs_more_than_words() {
    let text = "cat: write error: No space left on device\n";
    let header = "Filesystem 1024-blocks Used Available Capacity Mounted on\n";
    for (available, full) in [("50000000", false), ("12", true)] {
        let bench = Bench::new();
        bench.on("make", move |_| Reply::exit(1).stderr(text));
        bench.engine.on_exec(move |guest| {
            let line = format!("{header}overlay 100000000 50000000 {available} 50% /\n");
            guest.exec.argv[2].starts_with("df -Pk").then(|| Reply::exit(0).stdout(line))
        });
        let ran = bench.run(vec![bench.job("aa", &["make"])]).await;
        match ran.outcome() {
            Outcome::DiskFull { step: StepKind::Unpack, place } => assert!(full && place.contains('/'), "{place}"),
            Outcome::Failed { step: StepKind::Unpack, exit_code: 1 } => assert!(!full),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_missing_requirement_is_named() {
    let bench = Bench::new();
    bench.on("install more", |_| Reply::exit(11).stdout("farm: unsatisfiable: libnothing-dev\n"));
    let mut job = bench.job("aa", &["make"]);
    Arc::make_mut(&mut job.builder).script = "install more".into();
    let ran = bench.run(vec![job]).await;
    let requirement = "libnothing-dev".to_owned();
    let packages = vec![HintPackage { name: "libnothing2-dev".to_owned(), version: "1".to_owned() }];
    let near = vec![NearNames { requirement: requirement.clone(), packages }];
    let expected = Outcome::DepWait { by: RequiredBy::Build, requirements: vec![requirement], place: None, near };
    assert_eq!(*ran.outcome(), expected);
    assert_eq!(bench.calls("exec"), 1, "{:?}", bench.engine.calls());
}

#[tokio::test]
async fn what_the_engine_broke_is_tried_again_on_a_fresh_container() {
    let bench = Bench::fast();
    bench.on_good_build("make", "aa");
    let left = Mutex::new(2);
    bench.engine.fail(move |call| {
        let mut left = left.lock().unwrap();
        let fails = call.starts_with("download") && *left > 0;
        *left -= i32::from(fails);
        fails.then(|| EngineError::Lost { action: "download".to_owned(), reason: "reset".to_owned() })
    });
    let ran = bench.run(vec![bench.job("aa", &["make"])]).await;
    assert_eq!(*ran.outcome(), Outcome::Succeeded, "{}", ran.log());
    assert_eq!(bench.calls("create farm-test-0-build-"), 3);
    let warnings = ran.events.iter().filter(|event| matches!(event, Event::Warning { .. })).count();
    assert_eq!(warnings, 2);
    assert!(ran.log().contains("building again in 2 s (attempt 2 of 3)"), "{}", ran.log());
}

#[tokio::test]
async fn an_engine_that_stays_broken_is_infrastructure() {
    let bench = Bench::fast();
    bench.engine.fail(|call| {
        call.starts_with("create farm-test-0-build")
            .then(|| EngineError::Unreachable { endpoint: "fake://".to_owned(), reason: "gone".to_owned() })
    });
    let ran = bench.run(vec![bench.job("aa", &["make"])]).await;
    let Outcome::Infrastructure { reason } = ran.outcome() else { panic!("{:?}", ran.outcome()) };
    assert!(reason.contains("gone") && reason.contains("3 attempts"), "{reason}");
}

#[tokio::test]
async fn a_panic_is_one_jobs_end_and_not_the_runs() {
    let bench = Bench::new();
    bench.on("panic", |_| panic!("this test panics on purpose"));
    bench.on_good_build("make", "bb");
    let ran = bench.run(vec![bench.job("aa", &["panic"]), bench.job("bb", &["make"])]).await;
    let Outcome::Infrastructure { reason } = ran.outcome() else { panic!("{:?}", ran.outcome()) };
    assert_eq!(reason, "internal error: this test panics on purpose");
    assert!(ran.log().contains("Reason: internal error: this test"), "{}", ran.log());
    assert_eq!(ran.reports[1].outcome, Outcome::Succeeded);
}

/// Runs three jobs, two of which hang, and asks for `requests` once both do.
async fn interrupted(bench: &Bench, requests: &'static [Request]) -> Ran {
    bench.on("hang", |_| Reply::hang().stdout("working\n"));
    let (sender, receiver) = mpsc::unbounded_channel();
    let working = Mutex::new(0);
    let jobs = ["aa", "bb", "cc"].map(|name| bench.job(name, &["hang"])).to_vec();
    bench
        .run_with(jobs, receiver, move |event| {
            if matches!(event, Event::Output { .. }) {
                *working.lock().unwrap() += 1;
                if *working.lock().unwrap() == 2 {
                    requests.iter().for_each(|request| sender.send(*request).unwrap());
                }
            }
        })
        .await
}

#[tokio::test]
async fn cancelling_ends_all_jobs_and_keeps_their_logs() {
    for requests in [&[Request::Cancel][..], &[Request::Kill], &[Request::Cancel, Request::Kill]] {
        let bench = Bench::new();
        let ran = interrupted(&bench, requests).await;
        assert!(ran.reports.iter().all(|report| report.outcome == Outcome::Cancelled), "{requests:?}");
        assert!(ran.log().contains("working\n"), "{}", ran.log());
        assert!(ran.log().ends_with("Status: cancelled\n"));
        assert_eq!(ran.reports[2].log, None, "the third never started");
        assert!(matches!(ran.events.last(), Some(Event::RunFinished(run)) if run.interrupted));
        let reaps = bench.calls("reap test");
        assert_eq!(reaps, 1 + usize::from(requests.contains(&Request::Kill)));
    }
}

#[tokio::test]
async fn failing_fast_skips_what_waits() {
    let mut bench = Bench::new();
    bench.options = RunOptions { fail_fast: true, ..RunOptions::default() };
    bench.slots = 1;
    bench.on("make", |_| Reply::exit(1));
    let ran = bench.run(vec![bench.job("aa", &["make"]), bench.job("bb", &["make"])]).await;
    assert!(matches!(ran.outcome(), Outcome::Failed { .. }));
    let because = "aa@debian-12/amd64 failed".to_owned();
    assert_eq!(ran.reports[1].outcome, Outcome::Skipped { because });
}
