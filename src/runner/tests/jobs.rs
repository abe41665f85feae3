//! One job: what it leaves, whatever becomes of it.

use super::*;

#[tokio::test]
async fn a_job_that_succeeds_leaves_its_packages_its_log_and_no_container() {
    let bench = Bench::new();
    bench.on("make", |guest| {
        assert_eq!(guest.exec.user, "2000:2000");
        assert_eq!(guest.container.network, Network::None);
        assert!(guest.files.contains_key("/build/hello-1.0/main.c"), "{:?}", guest.files.keys());
        let token = &guest.exec.env.iter().find(|(name, _)| name == PHASE_TOKEN).unwrap().1;
        let deb = deb("hello", "1.0-1~deb12");
        guest.files.insert("/build/results".to_owned(), FakeFile::directory());
        guest.files.insert("/build/results/hello_1.0-1~deb12_all.deb".to_owned(), FakeFile::regular(deb));
        let (head, tail) = token.split_at(7);
        Reply::exit(0)
            .stdout("unpacking\n")
            .stdout(head.to_owned())
            .stdout(format!("{tail} build\ncc main.c\n{token} check\nPASS"))
            .stdout(format!("{token} package\n"))
    });
    for script in ["install packages", "run test", "remove packages"] {
        bench.on(script, |guest| {
            assert_eq!(guest.container.network, Network::None);
            assert_eq!(guest.exec.user, "0:0");
            assert!(guest.files.contains_key("/tmp/farm-packages/hello_1.0-1~deb12_all.deb"));
            Reply::exit(0)
        });
    }
    lint::on_lint(&bench, "", 0);
    let mut job = lint::linted(&bench);
    job.test = Some(Arc::new(test_setup()));
    job.key = job.key.with("test", "tried");
    let ran = bench.run(vec![job.clone()]).await;

    assert_eq!(*ran.outcome(), Outcome::Succeeded, "{}", ran.log());
    assert_eq!(ran.steps(), StepKind::ALL);
    let report = &ran.reports[0];
    assert_eq!(report.artifacts.len(), 1);
    assert_eq!(report.artifacts[0].kind, ArtifactKind::Binary);
    assert!(report.folder.join("hello_1.0-1~deb12_all.deb").exists());
    assert_eq!(report.steps.iter().map(|(step, _)| *step).collect::<Vec<_>>(), StepKind::ALL);
    let log = ran.log();
    assert!(!log.contains("@farm-phase"), "{log}");
    assert!(log.contains("\nPASS\n\n+---"), "{log}");
    assert!(log.ends_with("Status: succeeded\n"), "{log}");

    // The second run asks the engine nothing but who it is.
    let before = bench.engine.calls().len();
    let ran = bench.run(vec![job]).await;
    assert_eq!(*ran.outcome(), Outcome::UpToDate);
    assert!(matches!(&ran.events[0], Event::RunStarted { expected, .. } if expected[0] > Some(Duration::ZERO)));
    assert_eq!(ran.reports[0].artifacts.len(), 1);
    assert_eq!(bench.engine.calls()[before..], ["ping".to_owned(), "reap test".to_owned()]);
}

#[tokio::test]
async fn the_real_base_is_part_of_the_key_that_is_kept() {
    let bench = Bench::new();
    bench.on_good_build("make", "hello");
    bench.run(vec![bench.job("hello", &["make"])]).await;
    let record = Store::open(&bench.dist()).unwrap().record(&target("hello")).unwrap();
    assert_eq!(record.key.inputs["base"], "sha256:base");
    assert_ne!(record.key.digest, "sha256:key");
    assert!(!record.tested);
}

#[tokio::test]
async fn a_failing_step_shows_its_last_lines_and_keeps_the_last_good_packages() {
    let bench = Bench::new();
    bench.on_good_build("make", "hello");
    bench.run(vec![bench.job("hello", &["make"])]).await;

    bench.on("make all", |guest| {
        let token = &guest.exec.env.iter().find(|(name, _)| name == PHASE_TOKEN).unwrap().1;
        Reply::exit(2).stdout(format!("{token} build\n")).stderr("main.c:1: error: no\n")
    });
    let mut job = bench.job("hello", &["make all"]);
    job.key.inputs.insert("recipe.build".to_owned(), "changed".to_owned());
    let ran = bench.run(vec![job]).await;
    assert_eq!(*ran.outcome(), Outcome::Failed { step: StepKind::Build, exit_code: 2 });
    let tail = ran.reports[0].tail.as_ref().unwrap();
    assert_eq!(tail.lines, ["main.c:1: error: no"]);
    let log = ran.log();
    assert_eq!(log.lines().nth(tail.first_line as usize - 1), Some("main.c:1: error: no"));
    assert!(log.contains("Fail-Stage: build\n") && log.contains("Status: failed\n"), "{log}");
    assert!(ran.reports[0].folder.join("hello_1.0-1~deb12_all.deb").exists());
}

#[tokio::test]
async fn a_silent_step_is_stalled_and_a_long_one_times_out() {
    let bench = Bench::fast();
    bench.on("hang", |_| Reply::hang().stdout("before\n"));
    let ran = bench.run(vec![bench.job("aa", &["hang"])]).await;
    let limit = Duration::from_secs(600);
    assert_eq!(*ran.outcome(), Outcome::Stalled { step: StepKind::Unpack, limit });
    assert_eq!(ran.reports[0].tail.as_ref().unwrap().lines, ["before"]);

    let mut job = bench.job("aa", &["hang"]);
    job.limits.timeout_seconds = 60;
    let ran = bench.run(vec![job]).await;
    assert_eq!(*ran.outcome(), Outcome::TimedOut { step: StepKind::Unpack, limit: Duration::from_secs(60) });
}

#[tokio::test]
async fn a_flood_ends_at_the_log_limit() {
    let bench = Bench::new();
    bench.on("flood", |_| (0..100).fold(Reply::hang(), |reply, _| reply.stdout(Bytes::from(vec![b'y'; 4096]))));
    let mut job = bench.job("aa", &["flood"]);
    job.limits.log_bytes = 10_000;
    let ran = bench.run(vec![job]).await;
    assert_eq!(*ran.outcome(), Outcome::LogLimit { step: StepKind::Unpack, limit_bytes: 10_000 });
    let log = ran.log();
    assert!(log.contains(&"y".repeat(10_000)) && !log.contains(&"y".repeat(10_001)), "{}", log.len());
}

#[tokio::test]
async fn a_package_that_cannot_be_accepted_is_kept_aside() {
    let bench = Bench::new();
    bench.on("make", |guest| {
        guest.files.insert("/build/results".to_owned(), FakeFile::directory());
        let deb = FakeFile::regular(deb("other", "9"));
        guest.files.insert("/build/results/other_9_all.deb".to_owned(), deb);
        Reply::exit(0)
    });
    let ran = bench.run(vec![bench.job("hello", &["make"])]).await;
    let Outcome::Rejected { step: StepKind::Inspect, findings } = ran.outcome() else { panic!("{:?}", ran.outcome()) };
    assert!(!findings.is_empty());
    assert!(ran.reports[0].folder.join("broken/other_9_all.deb").exists());
    let noted = PackageListing::read(&ran.reports[0].folder.join("broken"));
    assert_eq!(noted.iter().map(|package| package.name.as_str()).collect::<Vec<_>>(), ["other"]);
    assert!(!ran.reports[0].folder.join("job.json").exists());
}

#[tokio::test]
async fn results_that_are_none_are_rejected() {
    let bench = Bench::new();
    bench.on("nothing", |_| Reply::exit(0));
    bench.on("link", |guest| {
        guest.files.insert("/build/results".to_owned(), FakeFile::directory());
        let link = FakeFile { kind: tar::EntryType::Symlink, link: "/etc".to_owned(), ..FakeFile::regular("") };
        guest.files.insert("/build/results/a.deb".to_owned(), link);
        Reply::exit(0)
    });
    for (script, rule) in [("nothing", "no-results"), ("link", "unexpected-result")] {
        let ran = bench.run(vec![bench.job("aa", &[script])]).await;
        let Outcome::Rejected { step: StepKind::Collect, findings } = ran.outcome() else {
            panic!("{:?}", ran.outcome())
        };
        assert_eq!(findings[0].rule, rule);
    }
}

#[tokio::test]
async fn sources_that_cannot_be_read_are_not_the_engines_fault() {
    let bench = Bench::new();
    let job = bench.job("aa", &["make"]);
    std::fs::remove_dir_all(bench.folder.path().join("recipes/aa/src")).unwrap();
    let ran = bench.run(vec![job]).await;
    assert!(matches!(ran.outcome(), Outcome::SourceUnavailable { .. }), "{:?}", ran.outcome());
}

#[tokio::test]
async fn jobs_share_a_builder() {
    let bench = Bench::new();
    bench.on_good_build("make", "aa");
    bench.on_good_build("make b", "bb");
    let ran = bench.run(vec![bench.job("aa", &["make"]), bench.job("bb", &["make b"])]).await;
    assert!(ran.reports.iter().all(|report| report.outcome == Outcome::Succeeded));
    assert_eq!(bench.calls("commit farm-test-builder"), 1, "{:?}", bench.engine.calls());
}
