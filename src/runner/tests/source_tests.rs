//! A project's own tests: who runs them, where, and what becomes of them.

use super::*;
use crate::packaging::{
    EXIT_INCOMPLETE, EXIT_STDERR, EXIT_UNSATISFIABLE, FETCH_ONLY, KEEP_TREE, KEPT_TREE, SourceTests,
};

/// A build that keeps its source with these tests.
fn tested(bench: &Bench, control: &str) -> Job {
    let control = control.to_owned();
    bench.on("make", move |guest| {
        assert!(guest.exec.env.iter().any(|(name, _)| name == KEEP_TREE));
        let deb = deb("hello", "1.0-1~deb12");
        guest.files.insert("/build/results".to_owned(), FakeFile::directory());
        guest.files.insert("/build/results/hello_1.0-1~deb12_all.deb".to_owned(), FakeFile::regular(deb));
        for (part, content) in [("tree", "a tar"), ("tests", control.as_str()), ("control", "Source: hello\n")] {
            let file = FakeFile::regular(content.as_bytes().to_vec());
            guest.files.insert(format!("/build/results/{KEPT_TREE}.{part}"), file);
        }
        Reply::exit(0)
    });
    for script in ["install packages", "check packages", "run test", "remove packages"] {
        bench.on(script, |_| Reply::exit(0));
    }
    let mut job = bench.job("hello", &["make"]);
    let mut setup = test_setup();
    setup.source_tests = Some(SourceTests {
        prepare: "unpack the tree".to_owned(),
        install: "install what it depends on".into(),
        tree: "/build/hello-1.0".to_owned(),
    });
    job.test = Some(Arc::new(setup));
    bench.on("unpack the tree", |guest| {
        assert!(guest.files.contains_key("/tmp/farm-source-tests/tree"), "{:?}", guest.files.keys());
        assert!(guest.files.contains_key("/tmp/farm-packages/Packages"), "{:?}", guest.files.keys());
        Reply::exit(0)
    });
    job
}

#[tokio::test]
async fn each_test_is_judged_by_what_it_says_of_itself() {
    let bench = Bench::new();
    let job = tested(
        &bench,
        "Tests: good, bad\n\nTests: root, loud\nRestrictions: needs-root\n\nTests: own\nRestrictions: skippable\n\n\
         Tests: shaky\nRestrictions: flaky\n\nTests: alone\nDepends: frog\nRestrictions: skip-not-installable\n\n\
         Tests: machine\nRestrictions: isolation-machine\n",
    );
    bench.on("install what it depends on", |guest| {
        assert_eq!(guest.exec.user, "0:0");
        let depends = &guest.files["/tmp/farm-source-tests/depends"];
        let has_network = guest.exec.env.iter().any(|(name, _)| name == FETCH_ONLY);
        assert_eq!(guest.container.network == Network::None, !has_network);
        match (depends.data.as_ref(), has_network) {
            (b"hello", false) => Reply::exit(0),
            (b"frog", false) => Reply::exit(EXIT_INCOMPLETE),
            (b"frog", true) => Reply::exit(EXIT_UNSATISFIABLE).stdout("farm: unsatisfiable: frog\n"),
            other => panic!("{other:?}"),
        }
    });
    for (file, code, said) in [
        ("debian/tests/good", 0, ""),
        ("debian/tests/bad", 7, "it is broken\n"),
        ("debian/tests/root", 0, ""),
        ("debian/tests/loud", EXIT_STDERR, "farm: it wrote\n"),
        ("debian/tests/own", 77, "no screen\n"),
        ("debian/tests/shaky", 1, ""),
    ] {
        bench.engine.on_exec(move |guest| {
            if !guest.exec.argv[2].contains(&format!("farm_file={file}\n")) {
                return None;
            }
            let is_root = ["debian/tests/root", "debian/tests/loud"].contains(&file);
            assert_eq!(guest.exec.user, if is_root { "0:0" } else { "2000:2000" });
            assert_eq!(guest.container.network, Network::None);
            assert!(guest.exec.env.iter().all(|(name, _)| !name.starts_with("FARM")));
            Some(Reply::exit(code).stdout(said))
        });
    }
    let ran = bench.run(vec![job]).await;
    let Outcome::Rejected { step: StepKind::Test, findings } = ran.outcome() else { panic!("{:?}", ran.outcome()) };
    let messages: Vec<&str> = findings.iter().map(|finding| finding.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "the test bad of debian/tests ended with exit code 7: it is broken",
            "the test loud of debian/tests failed: it wrote",
        ]
    );
    let log = ran.log();
    assert!(log.contains("debian/tests: 2 passed, 2 failed, 1 flaky, and failed, 3 not run"), "{log}");
    assert_eq!((bench.calls("create farm-test-0-suite-0"), bench.calls("create farm-test-0-suite-1")), (1, 1));
    assert_eq!(bench.calls("create farm-test-0-suite-fetch-1"), 1);
}

#[tokio::test]
async fn a_control_file_that_is_none_is_told_with_its_paragraph() {
    let bench = Bench::new();
    let job = tested(&bench, "Tests: a\n\nTests: ..\n");
    let ran = bench.run(vec![job]).await;
    let Outcome::Rejected { step: StepKind::Test, findings } = ran.outcome() else { panic!("{:?}", ran.outcome()) };
    assert_eq!(findings[0].message, "debian/tests/control: paragraph 2: `..` is no name of a test");
    assert_eq!(bench.calls("create farm-test-0-suite"), 0);
}
