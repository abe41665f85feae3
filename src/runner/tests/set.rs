//! Jobs that take packages from each other.

use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::plan::Need;
use crate::plan::set::NeedKind;

/// A job that needs packages of others, by their names there.
fn needing(job: Job, kind: NeedKind, needs: &[(&str, &str)]) -> Job {
    let need = |(recipe, package): &(&str, &str)| Need {
        target: target(recipe),
        kind,
        requirement: (*package).to_owned(),
        key: "build.requires".to_owned(),
        package: (*package).to_owned(),
    };
    Job { needs: job.needs.iter().cloned().chain(needs.iter().map(need)).collect(), ..job }
}

/// A build that leaves these packages, with fields of their control files.
fn on_build(bench: &Bench, script: &'static str, packages: impl Fn() -> Vec<(String, String)> + Send + Sync + 'static) {
    bench.on(script, move |guest| {
        guest.files.insert("/build/results".to_owned(), FakeFile::directory());
        for (name, fields) in packages() {
            let deb = deb_with(&name, "1.0-1~deb12", &fields);
            guest.files.insert(format!("/build/results/{name}_1.0-1~deb12_all.deb"), FakeFile::regular(deb));
        }
        Reply::exit(0)
    });
}

/// The files of the local repository that a script finds, by their names, and its `direct`.
fn repository(guest: &Guest<'_>) -> (Vec<String>, String) {
    let text = |path: &str| {
        let file = guest.files.get(path).unwrap_or_else(|| panic!("no {path}: {:?}", guest.files.keys()));
        String::from_utf8_lossy(&file.data).into_owned()
    };
    let index = text("/tmp/farm-set/Packages");
    let mut packages: Vec<String> = guest
        .files
        .keys()
        .filter_map(|path| path.strip_prefix("/tmp/farm-set/")?.strip_suffix("_1.0-1~deb12_all.deb"))
        .map(str::to_owned)
        .collect();
    packages.sort();
    for package in &packages {
        assert!(index.contains(&format!("Package: {package}\n")), "{index}");
        assert!(index.contains(&format!("Filename: ./{package}_1.0-1~deb12_all.deb\n")), "{index}");
    }
    (packages, text("/tmp/farm-set/direct"))
}

fn outcomes(ran: &Ran) -> Vec<&str> {
    ran.reports.iter().map(|report| report.outcome.word()).collect()
}

fn with_input(job: Job, value: &str) -> Job {
    let inputs = BTreeMap::from([("source".to_owned(), value.to_owned())]);
    Job { key: Key::new(inputs), ..job }
}

fn expecting(job: Job, names: &[&str]) -> Job {
    let package = |name: &&str| ExpectedPackage { name: (*name).to_owned(), ..job.packaging.expected[0].clone() };
    let packaging = Packaging { expected: names.iter().map(package).collect(), ..(*job.packaging).clone() };
    Job { packaging: Arc::new(packaging), ..job }
}

fn with_builder(job: Job, script: &str) -> Job {
    let builder = BuilderSetup { script: script.to_owned().into(), ..(*job.builder).clone() };
    Job { builder: Arc::new(builder), ..job }
}

#[tokio::test]
async fn what_others_made_is_a_repository_in_the_builder_and_only_what_can_reach_it_rebuilds() {
    let bench = Bench::new();
    // A library that says in its Description which of its versions it is, beside its development package.
    let made = Arc::new(AtomicU32::new(0));
    let generation = made.clone();
    on_build(&bench, "make pond", move || {
        let homepage = format!("Homepage: https://example.org/{}\n", generation.load(Ordering::SeqCst));
        vec![
            ("pond".to_owned(), homepage),
            ("pond-dev".to_owned(), "Depends: pond (= 1.0-1~deb12), libc6\n".to_owned()),
        ]
    });
    bench.on_good_build("make words", "words");
    bench.on("install pond", |guest| {
        let (packages, direct) = repository(guest);
        assert_eq!(
            (packages, direct.as_str()),
            (vec!["pond".to_owned(), "pond-dev".to_owned()], "pond-dev 1.0-1~deb12\n")
        );
        Reply::exit(0)
    });
    bench.on_good_build("make heron", "heron");
    let jobs = |pond: &str| {
        let library = expecting(bench.job("pond", &["make pond"]), &["pond", "pond-dev"]);
        let tool = with_builder(bench.job("heron", &["make heron"]), "install pond");
        let tool = needing(tool, NeedKind::Build, &[("pond", "pond-dev")]);
        vec![with_input(library, pond), bench.job("words", &["make words"]), tool]
    };

    let ran = bench.run(jobs("1")).await;
    assert_eq!(outcomes(&ran), ["succeeded"; 3], "{:#?}", ran.reports);
    let record = std::fs::read_to_string(bench.dist().join("heron/debian-12-amd64/job.json")).unwrap();
    assert!(record.contains("\"set.pond\": \"1.0-1~deb12 sha256:"), "{record}");
    assert_eq!(outcomes(&bench.run(jobs("1")).await), ["up-to-date"; 3]);

    // Built again, and the same bytes: nothing reaches the tool.
    let ran = bench.run(jobs("2")).await;
    assert_eq!(outcomes(&ran), ["succeeded", "up-to-date", "up-to-date"]);
    let builders = bench.calls("commit");
    made.store(1, Ordering::SeqCst);
    let ran = bench.run(jobs("3")).await;
    assert_eq!(outcomes(&ran), ["succeeded", "up-to-date", "succeeded"]);
    assert_eq!(bench.calls("commit"), builders + 1, "the tool's builder, with another library in it");
    assert_eq!(outcomes(&bench.run(jobs("3")).await), ["up-to-date"; 3]);
}

#[tokio::test]
async fn what_a_library_was_built_with_reaches_nobody_who_installs_it() {
    let bench = Bench::new();
    on_build(&bench, "make tools", || vec![("tools".to_owned(), String::new())]);
    on_build(&bench, "make pond", || vec![("pond".to_owned(), String::new())]);
    bench.on_good_build("make heron", "heron");
    bench.on("install for pond", |guest| {
        assert_eq!(repository(guest).0, ["tools"]);
        Reply::exit(0)
    });
    bench.on("install for heron", |guest| {
        assert_eq!(repository(guest).0, ["pond"]);
        Reply::exit(0)
    });
    let pond = with_builder(bench.job("pond", &["make pond"]), "install for pond");
    let heron = with_builder(bench.job("heron", &["make heron"]), "install for heron");
    let jobs = vec![
        bench.job("tools", &["make tools"]),
        needing(pond, NeedKind::Build, &[("tools", "tools")]),
        needing(heron, NeedKind::Build, &[("pond", "pond")]),
    ];
    assert_eq!(outcomes(&bench.run(jobs).await), ["succeeded"; 3]);
}

#[tokio::test]
async fn tests_get_what_the_packages_require_and_what_they_were_declared_to() {
    let bench = Bench::new();
    on_build(&bench, "make pond", || vec![("pond".to_owned(), String::new())]);
    on_build(&bench, "make words", || vec![("words".to_owned(), String::new())]);
    on_build(&bench, "make heron", || vec![("heron".to_owned(), "Depends: pond\n".to_owned())]);
    let setup = test_setup();
    let install: &'static str = Box::leak(setup.install.to_string().into_boxed_str());
    bench.on(install, |guest| {
        let (packages, direct) = repository(guest);
        assert_eq!((packages, direct.as_str()), (vec!["pond".to_owned(), "words".to_owned()], "words 1.0-1~deb12\n"));
        Reply::exit(0)
    });
    for script in [setup.test.clone(), Some(setup.remove.to_string())].into_iter().flatten() {
        bench.on(Box::leak(script.into_boxed_str()), |_| Reply::exit(0));
    }
    let tool = Job { test: Some(Arc::new(setup)), ..bench.job("heron", &["make heron"]) };
    let tool = needing(tool, NeedKind::Build, &[("pond", "pond")]);
    let tool = needing(tool, NeedKind::Run, &[("words", "words")]);
    let ran = bench.run(vec![bench.job("pond", &["make pond"]), bench.job("words", &["make words"]), tool]).await;
    assert_eq!(outcomes(&ran), ["succeeded"; 3], "{:#?}", ran.reports);
}

#[tokio::test]
async fn what_needs_a_failed_job_is_skipped_with_the_reason_at_the_end_of_the_chain() {
    let bench = Bench::new();
    bench.on("make pond", |_| Reply::exit(2));
    bench.on_good_build("make words", "words");
    let jobs = vec![
        bench.job("pond", &["make pond"]),
        needing(bench.job("reed", &["make reed"]), NeedKind::Build, &[("pond", "pond")]),
        needing(bench.job("heron", &["make heron"]), NeedKind::Build, &[("reed", "reed")]),
        bench.job("words", &["make words"]),
    ];
    let ran = bench.run(jobs).await;
    assert_eq!(outcomes(&ran), ["failed", "skipped", "skipped", "succeeded"]);
    let because = |at: usize| match &ran.reports[at].outcome {
        Outcome::Skipped { because } => because.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(because(1), "it needs pond@debian-12/amd64: pond@debian-12/amd64 failed");
    assert_eq!(because(2), "it needs reed@debian-12/amd64: pond@debian-12/amd64 failed");
}

#[tokio::test]
async fn a_package_that_nobody_made_is_a_requirement_that_cannot_be_had() {
    let bench = Bench::new();
    bench.on_good_build("make pond", "pond");
    let tool = needing(bench.job("heron", &["make heron"]), NeedKind::Build, &[("pond", "pond-dev")]);
    let ran = bench.run(vec![bench.job("pond", &["make pond"]), tool]).await;
    assert_eq!(outcomes(&ran), ["succeeded", "dep-wait"]);
    let requirements = vec!["pond-dev: no package of pond@debian-12/amd64 is called so".to_owned()];
    assert_eq!(ran.reports[1].outcome, crate::runner::outcome::dep_wait(requirements));
}

#[tokio::test]
async fn force_is_for_what_was_asked_for() {
    let mut bench = Bench::new();
    bench.on_good_build("make pond", "pond");
    bench.on_good_build("make heron", "heron");
    let jobs = || {
        let library = Job { only_needed: true, ..bench.job("pond", &["make pond"]) };
        vec![library, needing(bench.job("heron", &["make heron"]), NeedKind::Build, &[("pond", "pond")])]
    };
    let (first, second) = (jobs(), jobs());
    assert_eq!(outcomes(&bench.run(first).await), ["succeeded"; 2]);
    bench.options.force = true;
    assert_eq!(outcomes(&bench.run(second).await), ["up-to-date", "succeeded"]);
}

#[tokio::test]
async fn a_package_that_was_changed_in_the_store_is_made_again_and_not_passed_on() {
    let bench = Bench::new();
    bench.on_good_build("make pond", "pond");
    bench.on_good_build("make heron", "heron");
    let library = || bench.job("pond", &["make pond"]);
    bench.run(vec![library()]).await;
    let file = bench.dist().join("pond/debian-12-amd64/pond_1.0-1~deb12_all.deb");
    let mut bytes = std::fs::read(&file).unwrap();
    let last = bytes.len() - 20;
    bytes[last] ^= 1;
    let damaged = bytes.clone();
    std::fs::write(&file, bytes).unwrap();
    let tool = needing(bench.job("heron", &["make heron"]), NeedKind::Build, &[("pond", "pond")]);
    let ran = bench.run(vec![library(), tool]).await;
    assert_eq!(outcomes(&ran), ["succeeded"; 2]);
    assert_ne!(std::fs::read(&file).unwrap(), damaged);
}
