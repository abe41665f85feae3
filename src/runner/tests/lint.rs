//! A linter beside the test: what it finds, and what becomes of the job where it cannot be had.

use super::*;
use crate::packaging::BUILD_UID;
use crate::plan::LintSetup;
use crate::types::Linter;

/// A job whose packages are linted, in an image that `install linter` makes.
pub(super) fn linted(bench: &Bench) -> Job {
    let setup = LintSetup {
        linter: Linter::Lintian,
        distro: bench.distro.clone(),
        image: BuilderSetup {
            requirements: Requirements::Listed(vec!["lintian".to_owned()]),
            script: "install linter".into(),
            toolchain: None,
        },
        levels: BTreeMap::new(),
    };
    Job { lint: Some(Arc::new(setup)), ..bench.job("hello", &["make"]) }
}

/// What the linter of every container prints, and what it ends with.
pub(super) fn on_lint(bench: &Bench, lines: &'static str, code: i32) {
    bench.on("install linter", |_| Reply::exit(0));
    bench.engine.on_exec(move |guest| {
        let script = &guest.exec.argv[2];
        if script.contains("lintian-explain-tags") {
            return Some(Reply::exit(0).stdout("N:\nE: bad-thing\nN:\nN:   It is bad.\nN:\n"));
        }
        script.contains("lintian --fail-on").then(|| {
            assert_eq!(guest.container.network, Network::None);
            assert_eq!(guest.exec.user, format!("{BUILD_UID}:{BUILD_UID}"));
            assert_eq!(guest.exec.argv[4..], ["/lint/packages/hello_1.0-1~deb12_all.deb"]);
            assert!(guest.files.contains_key(&guest.exec.argv[4]));
            Reply::exit(0).stdout(format!("2.116.3\n{lines}farm-lint-end {code}\n"))
        })
    });
}

#[tokio::test]
async fn an_error_rejects_the_packages_and_leaves_no_container() {
    let bench = Bench::new();
    bench.on_good_build("make", "hello");
    on_lint(&bench, "E: hello: bad-thing usr/bin/x\nW: hello: odd-thing\n", 0);
    let ran = bench.run(vec![linted(&bench)]).await;
    let Outcome::Rejected { step: StepKind::Lint, findings } = ran.outcome() else { panic!("{}", ran.log()) };
    let [finding] = &findings[..] else { panic!("{findings:?}") };
    assert_eq!(
        (finding.artifact.as_str(), finding.rule.as_str(), finding.message.as_str()),
        ("hello_1.0-1~deb12_all.deb", "lintian:bad-thing", "usr/bin/x: It is bad.")
    );
    assert!(ran.log().contains("lintian 2.116.3: 2 new, 0 known from the last good build, 0 off"), "{}", ran.log());
    assert_eq!((bench.calls("create farm-test-0-lint-"), bench.calls("remove farm-test-0-lint-")), (1, 1));
}

#[tokio::test]
async fn what_is_accepted_once_is_known_from_then_on() {
    let bench = Bench::new();
    bench.on_good_build("make", "hello");
    on_lint(&bench, "W: hello: odd-thing\n", 0);
    let job = linted(&bench);
    let ran = bench.run(vec![job.clone()]).await;
    assert_eq!(*ran.outcome(), Outcome::Succeeded, "{}", ran.log());
    assert_eq!(ran.reports[0].warnings.iter().map(|one| one.rule.as_str()).collect::<Vec<_>>(), ["lintian:odd-thing"]);
    let force = |all_findings| RunOptions { force: true, all_findings, ..RunOptions::default() };
    let bench = Bench { options: force(false), ..bench };
    let ran = bench.run(vec![job.clone()]).await;
    assert_eq!(ran.reports[0].warnings, [], "{}", ran.log());
    let bench = Bench { options: force(true), ..bench };
    let ran = bench.run(vec![job]).await;
    assert_eq!(ran.reports[0].warnings.len(), 1, "{}", ran.log());
}

/// What a job that succeeds all the same says of its linter.
fn not_linted(ran: &Ran) -> &str {
    assert_eq!(*ran.outcome(), Outcome::Succeeded, "{}", ran.log());
    let [warning] = &ran.reports[0].warnings[..] else { panic!("{:?}", ran.reports[0].warnings) };
    assert_eq!(warning.rule, "not-linted");
    &warning.message
}

#[tokio::test]
async fn a_linter_that_cannot_be_had_or_breaks_is_a_warning() {
    let bench = Bench::new();
    bench.on_good_build("make", "hello");
    bench.on("install linter", |_| Reply::exit(11).stdout("farm: unsatisfiable: lintian\n"));
    let ran = bench.run(vec![linted(&bench)]).await;
    let message = not_linted(&ran);
    assert!(
        message.starts_with("lintian has not looked through the packages: its image cannot be made: "),
        "{message}"
    );
    assert_eq!(bench.calls("create farm-test-0-lint-"), 0);

    let bench = Bench::new();
    bench.on_good_build("make", "hello");
    on_lint(&bench, "Cannot read it\n", 25);
    let ran = bench.run(vec![linted(&bench)]).await;
    let message = not_linted(&ran);
    assert!(message.ends_with(": it ended with exit code 25: 2.116.3 / Cannot read it"), "{message}");
    assert_eq!(bench.calls("remove farm-test-0-lint-"), 1);
}
