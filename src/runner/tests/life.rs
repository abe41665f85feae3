//! What the packages go through in their test, and where they have a network: nowhere, unless the recipe says so.

use super::*;
use crate::packaging::{EXIT_INCOMPLETE, EXIT_OF_FORMER, FETCH_ONLY};

fn tested(bench: &Bench, change: impl Fn(&mut TestSetup)) -> Job {
    let mut job = bench.job("hello", &["make"]);
    let mut setup = test_setup();
    change(&mut setup);
    job.test = Some(Arc::new(setup));
    job
}

fn has(guest: &crate::engine::fake::Guest<'_>, variable: &str) -> bool {
    guest.exec.env.iter().any(|(name, _)| name == variable)
}

/// A test whose packages need others, which are fetched with `code`.
fn needing(bench: &Bench, code: i32) {
    bench.on_good_build("make", "hello");
    bench.on("install packages", move |guest| {
        if has(guest, FETCH_ONLY) {
            assert_eq!(guest.container.network, Network::Default);
            guest.files.insert("/tmp/farm-fetched".to_owned(), FakeFile::directory());
            guest.files.insert("/tmp/farm-fetched/libfoo.deb".to_owned(), FakeFile::regular(b"foo".to_vec()));
            return Reply::exit(code).stdout("farm: unsatisfiable: libfoo\n");
        }
        assert_eq!(guest.container.network, Network::None);
        let fetched = guest.files.contains_key("/tmp/farm-fetched/libfoo.deb");
        Reply::exit(if fetched { 0 } else { EXIT_INCOMPLETE })
    });
    for script in ["run test", "remove packages"] {
        bench.on(script, |guest| {
            assert_eq!(guest.container.network, Network::None);
            Reply::exit(0)
        });
    }
}

#[tokio::test]
async fn what_packages_need_is_fetched_in_another_container_than_they_are_tried_in() {
    let bench = Bench::new();
    needing(&bench, 0);
    let ran = bench.run(vec![tested(&bench, |_| ())]).await;
    assert_eq!(*ran.outcome(), Outcome::Succeeded, "{}", ran.log());
    assert_eq!((bench.calls("create farm-test-0-test-"), bench.calls("create farm-test-0-fetch-")), (1, 1));
}

#[tokio::test]
async fn packages_that_need_nothing_more_are_tried_in_one_container() {
    let bench = Bench::new();
    bench.on_good_build("make", "hello");
    for good in ["install packages", "run test", "remove packages"] {
        bench.on(good, |_| Reply::exit(0));
    }
    let ran = bench.run(vec![tested(&bench, |_| ())]).await;
    assert_eq!(*ran.outcome(), Outcome::Succeeded, "{}", ran.log());
    assert_eq!((bench.calls("create farm-test-0-test-"), bench.calls("create farm-test-0-fetch-")), (1, 0));
}

#[tokio::test]
async fn what_no_repository_has_rejects_by_name() {
    let bench = Bench::new();
    needing(&bench, 11);
    let ran = bench.run(vec![tested(&bench, |_| ())]).await;
    let Outcome::Rejected { step: StepKind::Test, findings } = ran.outcome() else { panic!("{:?}", ran.outcome()) };
    assert_eq!(findings[0].message, "cannot be installed (exit code 11): unsatisfiable: libfoo");
}

#[tokio::test]
async fn only_who_fetches_can_say_that_the_network_failed() {
    let bench = Bench::fast();
    needing(&bench, EXIT_NETWORK);
    let ran = bench.run(vec![tested(&bench, |_| ())]).await;
    let Outcome::Infrastructure { reason } = ran.outcome() else { panic!("{:?}", ran.outcome()) };
    assert!(reason.contains("mirror"), "{reason}");
    assert_eq!(bench.calls("create farm-test-0-test-"), 3);
    assert_eq!(bench.calls("create farm-test-0-build-"), 1);

    // Where scripts of the package run, its exit code is the package's.
    for (script, rule) in
        [("install packages", "install-failed"), ("run test", "test-failed"), ("remove packages", "remove-failed")]
    {
        let bench = Bench::fast();
        bench.on_good_build("make", "hello");
        bench.on(script, |_| Reply::exit(EXIT_NETWORK).stdout("hello: not found\n"));
        for good in ["install packages", "run test", "remove packages"] {
            bench.on(good, |_| Reply::exit(0));
        }
        let ran = bench.run(vec![tested(&bench, |_| ())]).await;
        let Outcome::Rejected { step: StepKind::Test, findings } = ran.outcome() else { panic!("{:?}", ran.outcome()) };
        assert_eq!(findings[0].rule, rule);
        assert!(findings[0].message.ends_with("hello: not found"), "{}", findings[0].message);
        assert_eq!(bench.calls("create farm-test-0-test-"), 1);
    }
}

#[tokio::test]
async fn a_test_that_wants_the_network_has_it_only_when_the_recipe_says_so() {
    for network in [false, true] {
        let bench = Bench::new();
        bench.on_good_build("make", "hello");
        for good in ["install packages", "remove packages"] {
            bench.on(good, |_| Reply::exit(0));
        }
        bench.on("run test", |guest| match guest.container.network {
            Network::None => Reply::exit(6).stdout("curl: (6) Could not resolve host: example.org\n"),
            _ => Reply::exit(0),
        });
        let ran = bench.run(vec![tested(&bench, |setup| setup.network = network)]).await;
        match ran.outcome() {
            Outcome::Succeeded => assert!(network),
            Outcome::Rejected { findings, .. } => {
                assert!(!network);
                assert!(findings[0].message.contains("`network = true`"), "{}", findings[0].message);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn scripts_of_packages_find_no_variables_of_farms() {
    let bench = Bench::new();
    bench.on_good_build("make", "hello");
    for script in ["install packages", "run test", "remove packages"] {
        bench.on(script, move |guest| {
            assert_eq!(has(guest, "FARM_VERSION"), script == "run test", "{script}");
            Reply::exit(0)
        });
    }
    let job = tested(&bench, |setup| drop(setup.env.insert("FARM_VERSION".to_owned(), "1.0".to_owned())));
    assert_eq!(*bench.run(vec![job]).await.outcome(), Outcome::Succeeded);
}

/// A build of `hello` in this version, which is the whole of the job.
fn versioned(bench: &Bench, script: &'static str, version: &'static str) -> Job {
    bench.on(script, move |guest| {
        let deb = deb("hello", version);
        guest.files.insert("/build/results".to_owned(), FakeFile::directory());
        guest.files.insert(format!("/build/results/hello_{version}_all.deb"), FakeFile::regular(deb));
        Reply::exit(0)
    });
    let mut job = bench.job("hello", &[script]);
    let mut packaging = (*job.packaging).clone();
    packaging.expected = vec![ExpectedPackage {
        name: "hello".to_owned(),
        version: version.to_owned(),
        architecture: crate::recipe::PackageArch::All,
        is_empty: false,
    }];
    job.packaging = Arc::new(packaging);
    job.test = Some(Arc::new(TestSetup { reinstall: "install once more".into(), ..test_setup() }));
    job.key.inputs.insert("recipe.version".to_owned(), version.to_owned());
    job
}

/// What is run in tests of `second`, when `first` is the last good version, and how that ends.
async fn upgraded(first: &'static str, second: &'static str, former: i32, upgrade: i32) -> (Vec<String>, Ran, String) {
    let bench = Bench::new();
    let ran: Arc<Mutex<Vec<String>>> = Arc::default();
    for script in [
        "install packages",
        "run test",
        "install once more",
        "remove packages",
        "install former",
        "upgrade packages",
        "go back",
    ] {
        let ran = ran.clone();
        bench.on(script, move |guest| {
            let has = |path: &str| guest.files.keys().any(|file| file.starts_with(path));
            assert_eq!(guest.container.network, Network::None);
            let code = match script {
                "install former" => {
                    assert!(has("/tmp/farm-former/hello_") && has("/tmp/farm-packages/Packages"));
                    former
                }
                "upgrade packages" => upgrade,
                _ => 0,
            };
            ran.lock().unwrap().push(script.to_owned());
            Reply::exit(code).stdout("farm: /etc/hello is gone\n")
        });
    }
    let one = versioned(&bench, "make one", first);
    assert_eq!(*bench.run(vec![one]).await.outcome(), Outcome::Succeeded);
    ran.lock().unwrap().clear();
    let two = versioned(&bench, "make two", second);
    let report = bench.run(vec![two]).await;
    let ran = ran.lock().unwrap().clone();
    // The log goes with the bench.
    let log = report.log();
    (ran, report, log)
}

/// Where an upgrade follows.
const BEFORE: [&str; 3] = ["install packages", "run test", "remove packages"];
const FRESH: [&str; 4] = ["install packages", "run test", "install once more", "remove packages"];

#[tokio::test]
async fn an_upgrade_from_the_last_good_version_is_tried_and_what_it_left_removed() {
    let (ran, report, log) = upgraded("1.0-1~deb12", "1.1-1~deb12", 0, 0).await;
    assert_eq!(*report.outcome(), Outcome::Succeeded, "{log}");
    assert_eq!(ran[..3], BEFORE);
    assert_eq!(ran[3..], ["install former", "upgrade packages", "install once more", "remove packages", "go back"]);

    let (ran, report, _) = upgraded("1.0-1~deb12", "1.0-2~deb12", 0, 1).await;
    let Outcome::Rejected { step: StepKind::Test, findings } = report.outcome() else {
        panic!("{:?}", report.outcome())
    };
    assert_eq!(findings[0].rule, "upgrade-failed");
    assert!(findings[0].message.ends_with("/etc/hello is gone"), "{}", findings[0].message);
    assert_eq!(ran[3..], ["install former", "upgrade packages"]);
}

#[tokio::test]
async fn where_there_is_nothing_to_upgrade_from_none_is_tried() {
    // The same version again.
    let (ran, report, log) = upgraded("1.0-1~deb12", "1.0-1~deb12", 0, 0).await;
    assert_eq!(*report.outcome(), Outcome::Succeeded);
    assert_eq!(ran, FRESH);
    assert!(log.contains("dist/ has this version"), "{log}");

    // A later one: that is told.
    let (ran, report, _) = upgraded("2.0-1~deb12", "2.0~rc1-1~deb12", 0, 0).await;
    assert_eq!(*report.outcome(), Outcome::Succeeded);
    assert_eq!(ran, FRESH);
    let warnings = &report.reports[0].warnings;
    assert_eq!(warnings[0].rule, "version-goes-back");
    assert!(warnings[0].message.contains("2.0-1~deb12"), "{}", warnings[0].message);

    // One that cannot be installed any more is not the new one's fault.
    let (ran, report, _) = upgraded("1.0-1~deb12", "1.1-1~deb12", 100, 0).await;
    assert_eq!(*report.outcome(), Outcome::Succeeded);
    assert_eq!(ran[3..], ["install former"]);
    assert_eq!(report.reports[0].warnings[0].rule, "no-upgrade");
}

#[tokio::test]
async fn what_is_missing_where_it_is_installed_rejects_before_the_test_runs() {
    for said in ["/usr/bin/a of hello is run by x", "/usr/bin/ls is the same file as /bin/ls", "/usr/bin/b is run by y"]
    {
        let bench = Bench::new();
        bench.on_good_build("make", "hello");
        bench.on("install packages", |_| Reply::exit(0));
        bench.on("look", move |guest| {
            assert!(guest.files.contains_key("/tmp/farm-packages/wanted"), "{:?}", guest.files.keys());
            Reply::exit(1).stdout(format!("other words\nfarm: {said}\n"))
        });
        let ran = bench.run(vec![tested(&bench, |setup| setup.check = "look".into())]).await;
        let Outcome::Rejected { step: StepKind::Test, findings } = ran.outcome() else { panic!("{:?}", ran.outcome()) };
        assert_eq!((findings[0].rule.as_str(), findings[0].message.as_str()), ("check-failed", said));
    }
}

#[tokio::test]
async fn a_second_installation_of_one_version_that_breaks_rejects() {
    let bench = Bench::new();
    bench.on_good_build("make", "hello");
    for good in ["install packages", "run test"] {
        bench.on(good, |_| Reply::exit(0));
    }
    let said = " installed hello package post-installation script subprocess returned error exit status 3\n";
    bench.on("install once more", move |_| Reply::exit(1).stdout(said));
    let ran = bench.run(vec![tested(&bench, |setup| setup.reinstall = "install once more".into())]).await;
    let Outcome::Rejected { step: StepKind::Test, findings } = ran.outcome() else { panic!("{:?}", ran.outcome()) };
    let finding = &findings[0];
    assert_eq!(finding.rule, "reinstall-failed");
    for words in
        ["the post-install script of hello ended with exit code 3", "post-install and post-upgrade are called then"]
    {
        assert!(finding.message.contains(words), "{}", finding.message);
    }
}

#[tokio::test]
async fn a_maintainer_script_that_hangs_when_it_is_run_again_keeps_nobody_waiting() {
    let bench = Bench::fast();
    bench.on_good_build("make", "hello");
    let said = " installed hello package post-installation script subprocess returned error exit status 3\n";
    bench.on("install packages", move |_| Reply::exit(1).stdout(said));
    bench.engine.on_exec(|guest| guest.exec.argv[2].contains("wait for what never comes").then(Reply::hang));
    let mut job = tested(&bench, |_| ());
    let recipe = bench.folder.path().join("recipes/hello/farm.toml");
    let text = std::fs::read_to_string(&recipe).unwrap();
    let text = format!("{text}\n[package.scripts]\npost-install = \"wait for what never comes\"\n");
    std::fs::write(&recipe, text).unwrap();
    job.recipe = TargetRecipe::unchanged(super::recipe(&recipe));
    job.limits.timeout_seconds = 1_000_000;
    job.limits.stall_seconds = 1_000_000;
    let ran = bench.run(vec![job]).await;
    let Outcome::Rejected { step: StepKind::Test, findings } = ran.outcome() else { panic!("{:?}", ran.outcome()) };
    assert!(findings[0].message.contains("the post-install script of hello ended with exit code 3"), "{findings:?}");
    assert!(ran.reports[0].failed_command.is_none(), "{:?}", ran.reports[0].failed_command);
    assert!(bench.engine.calls().iter().any(|call| call.contains("wait for what never comes")));
}

#[tokio::test]
async fn going_back_rejects_for_scripts_of_the_packages_under_test_alone() {
    for (code, package) in [(1, "old"), (EXIT_OF_FORMER, "installed")] {
        let bench = Bench::new();
        for good in [
            "install packages",
            "run test",
            "install once more",
            "remove packages",
            "install former",
            "upgrade packages",
        ] {
            bench.on(good, |_| Reply::exit(0));
        }
        let said = format!(
            "dpkg: warning: {package} hello package pre-removal script subprocess returned error exit status 5\n"
        );
        bench.on("go back", move |_| Reply::exit(code).stdout(said.clone()));
        let one = versioned(&bench, "make one", "1.0-1~deb12");
        assert_eq!(*bench.run(vec![one]).await.outcome(), Outcome::Succeeded);
        let ran = bench.run(vec![versioned(&bench, "make two", "1.1-1~deb12")]).await;
        match ran.outcome() {
            Outcome::Succeeded => {
                let warning = &ran.reports[0].warnings[0];
                assert_eq!((code, warning.rule.as_str()), (EXIT_OF_FORMER, "no-downgrade"));
                assert!(
                    warning.message.starts_with("nobody can go back to 1.0-1~deb12: the pre-remove script of hello")
                );
            }
            Outcome::Rejected { findings, .. } => {
                assert_eq!((code, findings[0].rule.as_str()), (1, "downgrade-failed"));
                assert!(findings[0].message.contains("whatever version comes"), "{}", findings[0].message);
            }
            other => panic!("{other:?}"),
        }
    }
}
