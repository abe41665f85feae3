//! A project's own tests, debian/tests, as autopkgtest runs them: in fresh containers of the base, each with what its tests
//! depend on and nothing else; tests in a row that depend on the same share one. All of them are run, whatever becomes of some.

use std::collections::BTreeMap;
use std::path::Path;

use super::container::{Content, evidence, host_network, put, run_watched};
use super::install_test::{self, Place};
use super::kept_tree::{KeptTree, why_none};
use super::outcome::{self, JobError};
use super::prepare::Ready;
use super::upgrade;
use super::work::Work;
use crate::artifact::{Artifact, ArtifactKind, Finding, Severity};
use crate::engine::{Container, ExecSpec, GuestPath};
use crate::event::Outcome;
use crate::formats::dep8::{self, SourceTest, Tested};
use crate::hint;
use crate::packaging::{EXIT_STDERR, EXIT_UNSATISFIABLE, SourceTests, StepKind, TESTS_ROOT, TestSetup, is_for_root};
use crate::types::printable;

/// What autopkgtest takes for a test's word that it cannot be run here.
const EXIT_SKIPPED: i32 = 77;
/// Tests that failed that are told each by itself.
const MOST_FINDINGS: usize = 20;
/// Containers of one attempt.
const MOST_GROUPS: u32 = 1000;
/// As apt knows the packages that were built.
const ORIGIN: &str = "farm-built";

/// What became of the tests.
#[derive(Debug, Default)]
struct Tally {
    passed: usize,
    failed: Vec<Finding>,
    /// `NAME (why)`
    skipped: Vec<String>,
    flaky: Vec<String>,
    waived: Vec<Finding>,
}

/// All that the containers have in common.
struct Suite<'a> {
    setup: &'a TestSetup,
    own: &'a SourceTests,
    tree: &'a KeptTree,
    image: &'a str,
    files: Vec<(String, Content)>,
    attempt: u32,
}

pub(crate) async fn test(
    work: &mut Work<'_>,
    setup: &TestSetup,
    ready: &Ready,
    artifacts: &[Artifact],
    folder: &Path,
    tree: Option<&KeptTree>,
    attempt: u32,
) -> Result<(), JobError> {
    let (Some(own), Some(base)) = (&setup.source_tests, &ready.base) else { return Ok(()) };
    if let Some(reason) = why_none(work).map(printable) {
        work.note(&format!("debian/tests: none is run: {reason}")).await?;
        work.warn_once(waived("none of debian/tests is run".to_owned(), reason));
        return Ok(());
    }
    let Some(tree) = tree else { return Ok(()) };
    work.section("debian/tests").await?;
    let mut tally = Tally::default();
    let tests = planned(work, tree, artifacts, setup.network, &mut tally).await?;
    let mut files = install_test::files(work, setup, artifacts, folder).await?;
    files.extend(upgrade::index(work, setup, artifacts, folder, ORIGIN).await?);
    let suite = Suite { setup, own, tree, image: &base.image, files, attempt };
    for (number, group) in (0..).zip(groups(&tests)) {
        suite.group(work, number, group, &mut tally).await?;
    }
    told(work, tally).await
}

/// The tests that are run; the others are in the tally.
async fn planned(
    work: &mut Work<'_>,
    tree: &KeptTree,
    artifacts: &[Artifact],
    network: bool,
    tally: &mut Tally,
) -> Result<Vec<SourceTest>, JobError> {
    let binaries = artifacts.iter().filter(|artifact| artifact.kind == ArtifactKind::Binary);
    let packages: Vec<String> = binaries.filter_map(|artifact| Some(artifact.package.as_ref()?.name.clone())).collect();
    let tested = Tested { control: &tree.control, packages: &packages, arch: work.job.target.arch };
    let all = dep8::tests(&tree.tests, &tested).map_err(|wrong| {
        let finding = outcome::finding("", "source-tests", format!("debian/tests/control: {wrong}"));
        JobError::Final(Outcome::Rejected { step: StepKind::Test, findings: vec![finding] })
    })?;
    let skip = work.job.recipe.test.as_ref().map(|test| &test.skip);
    for name in skip.into_iter().flat_map(|skip| skip.keys()) {
        if !all.iter().any(|test| test.name == *name) {
            let message = format!("[test] skip names `{}`, which is no test of debian/tests", printable(name));
            work.warn_once(outcome::warning("source-test-skipped", message));
        }
    }
    let mut run = Vec::new();
    for test in all {
        let name = &test.name;
        if let Some(reason) = skip.and_then(|skip| skip.get(name)).map(|reason| printable(reason)) {
            work.note(&format!("{name} is not run: {reason}, says the recipe")).await?;
            tally.waived.push(waived(format!("the test {name} of debian/tests is not run"), reason));
        } else if let Some(why) = impossible(&test, network) {
            work.note(&format!("{name} is not run: {why}")).await?;
            tally.skipped.push(format!("{name} ({why})"));
        } else {
            run.push(test);
        }
    }
    Ok(run)
}

fn waived(message: String, reason: String) -> Finding {
    let finding = outcome::finding("", "source-test-skipped", message);
    Finding { severity: Severity::Waived, waived: Some(reason), ..finding }
}

/// Why a test cannot be run in a container of farm's.
fn impossible(test: &SourceTest, network: bool) -> Option<String> {
    if let Some(why) = &test.unsupported {
        return Some(why.clone());
    }
    let wanted = [
        ("hint-testsuite-triggers", "it is there for what it depends on, and is no test"),
        ("isolation-machine", "it wants a machine of its own, and has a container"),
        ("needs-reboot", "no container starts anew"),
        ("needs-sudo", "nobody becomes root by sudo in a container of farm"),
        ("needs-internet", "there is no network unless [test] has `network = true`"),
    ];
    let is_meant = |name: &str| test.is(name) && !(name == "needs-internet" && network);
    wanted.iter().find(|(name, _)| is_meant(name)).map(|(name, why)| format!("{name}: {why}"))
}

/// Tests that follow each other and can share a container.
fn groups(tests: &[SourceTest]) -> impl Iterator<Item = &[SourceTest]> {
    tests.chunk_by(|before, next| before.depends == next.depends && !before.is("breaks-testbed"))
}

impl Suite<'_> {
    /// The tests of one container.
    async fn group(
        &self,
        work: &mut Work<'_>,
        number: u32,
        tests: &[SourceTest],
        tally: &mut Tally,
    ) -> Result<(), JobError> {
        let Some(first) = tests.first() else { return Ok(()) };
        let names: Vec<&str> = tests.iter().map(|test| test.name.as_str()).collect();
        work.section(&format!("debian/tests: what {} depends on", listed(&names))).await?;
        let mut files = self.files.clone();
        files.push((format!("{TESTS_ROOT}/depends"), Content::Bytes(first.depends.as_bytes().to_vec(), 0o644)));
        let place = Place {
            image: self.image,
            files: &files,
            fetcher: "suite-fetch",
            attempt: self.attempt * MOST_GROUPS + number,
        };
        let network = self.setup.network;
        let container = install_test::open(work, self.image, "suite", place.attempt, network, &files).await?;
        let result = self.in_container(work, container.as_ref(), &place, tests, tally).await;
        work.shared.remove_later(container);
        result
    }

    async fn in_container(
        &self,
        work: &mut Work<'_>,
        container: &dyn Container,
        place: &Place<'_>,
        tests: &[SourceTest],
        tally: &mut Tally,
    ) -> Result<(), JobError> {
        let tree = self.tree.upload().map_err(|error| Outcome::Infrastructure {
            reason: format!("the source tree for tests cannot be read: {error}"),
        })?;
        put(work, container, &GuestPath::new("/"), tree).await?;
        let prepare = install_test::exec(&self.own.prepare, BTreeMap::new());
        let mut code = run_watched(work, container, &prepare, None).await?;
        if code == 0 {
            let script = self.own.install.whole();
            code = install_test::install(work, container, self.setup, place, &script).await?;
        }
        if code != 0 {
            return self.not_installed(work, container, code, tests, tally).await;
        }
        let mut network = BTreeMap::new();
        if self.setup.network {
            network = host_network(work, container).await?;
        }
        for test in tests {
            work.section(&format!("debian/tests: {}", test.name)).await?;
            let (script, mut env) = self.own.run(test, work.processes());
            env.extend(network.clone());
            let exec = install_test::exec(&script, env);
            let user = if is_for_root(test) { exec.user.clone() } else { work.builder() };
            let code = run_watched(work, container, &ExecSpec { user, ..exec }, None).await?;
            self.judge(work, container, test, code, tally).await?;
        }
        Ok(())
    }

    /// What tests depend on is not there.
    async fn not_installed(
        &self,
        work: &mut Work<'_>,
        container: &dyn Container,
        code: i32,
        tests: &[SourceTest],
        tally: &mut Tally,
    ) -> Result<(), JobError> {
        let lines = work.journal.tail().map(|tail| tail.lines).unwrap_or_default();
        let missing: Vec<&str> = lines.iter().filter_map(|line| line.strip_prefix("farm: unsatisfiable: ")).collect();
        let quoted = match missing.is_empty() {
            true => hint::why(&lines).join(" / "),
            false => missing.join(", "),
        };
        if code != EXIT_UNSATISFIABLE {
            is_failure(work, container, code).await?;
        }
        for SourceTest { name, .. } in tests.iter().filter(|test| !test.is("skip-not-installable")) {
            let message = format!("what the test {name} of debian/tests depends on cannot be installed: {quoted}");
            tally.failed.push(outcome::finding("", "source-test-failed", message));
        }
        for SourceTest { name, .. } in tests.iter().filter(|test| test.is("skip-not-installable")) {
            let why = format!("skip-not-installable: what it depends on cannot be installed: {quoted}");
            work.note(&format!("{name} is not run: {why}")).await?;
            tally.skipped.push(format!("{name} ({why})"));
        }
        Ok(())
    }

    async fn judge(
        &self,
        work: &mut Work<'_>,
        container: &dyn Container,
        test: &SourceTest,
        code: i32,
        tally: &mut Tally,
    ) -> Result<(), JobError> {
        let name = &test.name;
        match code {
            0 => {
                tally.passed += 1;
                let how = if test.is("superficial") { ", which says little: it is superficial" } else { "" };
                work.note(&format!("{name} passed{how}")).await?;
                return Ok(());
            }
            EXIT_SKIPPED if test.is("skippable") => {
                let lines = work.journal.tail().map(|tail| tail.lines).unwrap_or_default();
                let said = hint::said_last(&lines).join(" / ");
                let why = if said.is_empty() { "it said nothing of why".to_owned() } else { said };
                work.note(&format!("{name} says that it cannot be run here")).await?;
                tally.skipped.push(format!("{name} (skippable, by its own word: {why})"));
                return Ok(());
            }
            _ => {}
        }
        let lines = work.journal.tail().map(|tail| tail.lines).unwrap_or_default();
        is_failure(work, container, code).await?;
        let quoted = hint::said_last(&lines).join(" / ");
        let mut message = match code {
            EXIT_STDERR => format!("the test {name} of debian/tests failed"),
            _ => format!("the test {name} of debian/tests ended with exit code {code}"),
        };
        if !quoted.is_empty() {
            message.push_str(&format!(": {quoted}"));
        }
        if !self.setup.network && outcome::wants_network(&lines).is_some() {
            message.push_str("; there is no network for it unless it says needs-internet, and [test] `network = true`");
        }
        if test.is("isolation-container") {
            message.push_str("; it says isolation-container: a container of farm has no init that runs services");
        }
        match test.is("flaky") {
            true => {
                work.note(&format!("{name} failed, and is flaky: that is no fault")).await?;
                tally.flaky.push(message);
            }
            false => tally.failed.push(outcome::finding("", "source-test-failed", message)),
        }
        Ok(())
    }
}

/// Err when something else than the test ended it.
async fn is_failure(work: &mut Work<'_>, container: &dyn Container, code: i32) -> Result<(), JobError> {
    match evidence(work, container, code).await {
        JobError::Final(Outcome::Failed { .. }) => Ok(()),
        stop => Err(stop),
    }
}

/// `a, b and 3 more`
fn listed(names: &[&str]) -> String {
    const SHOWN: usize = 3;
    match names.len() {
        0..=SHOWN => names.join(", "),
        many => format!("{} and {} more", names[..SHOWN].join(", "), many - SHOWN),
    }
}

async fn told(work: &mut Work<'_>, tally: Tally) -> Result<(), JobError> {
    let Tally { passed, mut failed, skipped, flaky, waived } = tally;
    work.section("debian/tests: all").await?;
    let counts = [
        (passed, "passed"),
        (failed.len(), "failed"),
        (flaky.len(), "flaky, and failed"),
        (skipped.len() + waived.len(), "not run"),
    ];
    let counts: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    let counts = if counts.is_empty() { "there are none".to_owned() } else { counts.join(", ") };
    work.note(&format!("debian/tests: {counts}")).await?;
    for finding in &failed {
        work.note(&finding.message).await?;
    }
    if !skipped.is_empty() {
        let message = format!("tests of debian/tests that were not run: {}", skipped.join("; "));
        work.warn_once(outcome::warning("source-test-skipped", message));
    }
    for message in flaky {
        work.warn_once(outcome::warning("source-test-flaky", format!("{message}; it is flaky, so that is no fault")));
    }
    for finding in waived {
        work.warn_once(finding);
    }
    if failed.is_empty() {
        return Ok(());
    }
    failed.truncate(MOST_FINDINGS);
    Err(Outcome::Rejected { step: StepKind::Test, findings: failed }.into())
}
