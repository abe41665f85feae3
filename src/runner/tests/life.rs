//! What the packages go through in their test, and where they have a network: nowhere, unless the recipe says so.

use super::*;
use crate::family::{EXIT_INCOMPLETE, FETCH_ONLY};

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
