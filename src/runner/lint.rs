//! Linters, beside the install test: the image, the container in which one looks through a job's packages as an ordinary
//! user without network, and what its findings mean for the job. Packages are judged by them, never changed: where a linter
//! cannot be had or breaks, people are told, and the job goes on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::container::{Captured, Content, ONE_STREAM, small_files};
use super::derive::network_env;
use super::job_events::JobEvent;
use super::outcome::{self, log_failed};
use super::work::{Shared, Work, blocking};
use crate::artifact::{Artifact, ArtifactKind, Finding, Severity, is_intact};
use crate::engine::{Container, ContainerSpec, EngineError, ExecSpec, GuestPath, HOST_NAME, Limits, Network, labels};
use crate::event::Outcome;
use crate::image::{Derivation, ImageError, Install};
use crate::lint::{self, Judged, Memory, News, Output};
use crate::packaging::{self, BUILD_UID, Requirements, StepKind};
use crate::plan::{Job, LintSetup};
use crate::types::{Arch, LintLevel, printable};

/// Where packages lie in its container, and those of the last good build.
const PACKAGES: &str = "/lint/packages";
const FORMER: &str = "/lint/former";

/// Of a flood of findings the rest is left out.
const MOST_OUTPUT: usize = 4 << 20;

/// A linter that is to run beside the install test. It holds nothing of the job at work, which is busy with that.
pub(super) struct Linting<'a> {
    shared: &'a Shared,
    job: &'a Job,
    setup: Arc<LintSetup>,
    image: String,
    name: String,
    labels: BTreeMap<String, String>,
    limits: Limits,
    cancel: &'a CancellationToken,
    packages: Vec<PathBuf>,
    former: Former,
}

/// What the last good build tells of findings.
enum Former {
    /// All findings are new: there is no such build, or all are to count.
    None,
    Known(Memory),
    /// It was not linted: its packages.
    Unknown(Vec<PathBuf>),
}

/// What a linter said.
pub(super) struct Linted {
    judged: Judged,
    /// Findings beyond the most that are read.
    more: usize,
    /// What rules of new findings mean.
    explained: BTreeMap<String, String>,
}

/// The image of a job's linter, made if need be; none where none is asked for, or it cannot be had.
pub(super) async fn image(work: &mut Work<'_>, cancel: &CancellationToken) -> Result<Option<String>, Outcome> {
    let Some(setup) = work.job.lint.clone() else { return Ok(None) };
    match make(work, &setup, cancel).await {
        Ok(image) => Ok(Some(image)),
        Err(_) if cancel.is_cancelled() => Err(Outcome::Cancelled),
        Err(error) => {
            let reason = outcome::chain(&error);
            unavailable(work, &setup, &format!("its image cannot be made: {reason}")).await?;
            Ok(None)
        }
    }
}

async fn make(work: &mut Work<'_>, setup: &LintSetup, cancel: &CancellationToken) -> Result<String, ImageError> {
    let (shared, arch, distro) = (work.shared, arch(work.shared, work.job, setup), &setup.distro);
    let (Requirements::Listed(listed) | Requirements::FromSource { toolchain: listed, .. }) = &setup.image.requirements;
    let env = network_env(work, distro);
    let asked = packaging::asked_of_apt(&setup.image, distro, &env).to_vec();
    let mut install =
        (!asked.is_empty()).then(|| Install::new(distro.clone(), arch, asked, packaging::OFFERED_PACKAGES));
    let derivation = Derivation {
        kind: "linter",
        arch,
        script: setup.image.script.to_string(),
        env,
        files: Vec::new(),
        fetch_first: None,
        description: listed.join(" "),
        inputs: [&distro.digest].into_iter().chain(listed).cloned().collect(),
        toolchain: None,
    };
    let events = work.events.clone();
    let warn = move |message: String| events.send(JobEvent::Warning(message));
    let image = {
        let progress = work.journal.progress();
        let mut sink = work.journal.sink(None);
        let base = shared.images.base(distro, arch, install.as_mut(), &mut sink, &progress, &warn, cancel).await?;
        shared.images.derive(&base, &derivation, install, &mut sink, &progress, cancel).await?
    };
    work.journal.take_printed();
    Ok(image)
}

/// A linter reads packages of all architectures: none has to be emulated for it.
fn arch(shared: &Shared, job: &Job, setup: &LintSetup) -> Arch {
    let own = shared.engine_info.arch;
    if setup.distro.arches.contains(&own) { own } else { job.target.arch }
}

/// Tells, once for a job, why its packages were not linted.
async fn unavailable(work: &mut Work<'_>, setup: &LintSetup, reason: &str) -> Result<(), Outcome> {
    let message = format!("{} has not looked through the packages: {reason}", setup.linter);
    work.note(&format!("warning: {message}")).await?;
    work.warn_once(outcome::warning("not-linted", printable(&message)));
    Ok(())
}

/// What [`run`] needs, without the job at work. `image`: that of [`image`].
pub(super) async fn begin<'a>(
    work: &Work<'a>,
    image: Option<&String>,
    artifacts: &[Artifact],
    folder: &Path,
) -> Result<Option<Linting<'a>>, Outcome> {
    let (Some(setup), Some(image)) = (work.job.lint.clone(), image) else { return Ok(None) };
    let binaries = artifacts.iter().filter(|artifact| artifact.kind == ArtifactKind::Binary);
    let packages: Vec<PathBuf> = binaries.map(|artifact| folder.join(&artifact.file_name)).collect();
    if packages.is_empty() {
        return Ok(None);
    }
    let former = match work.shared.options.all_findings {
        true => Former::None,
        false => former(work).await?,
    };
    let mut labels = work.labels();
    labels.insert(labels::KIND.to_owned(), "lint".to_owned());
    Ok(Some(Linting {
        shared: work.shared,
        job: work.job,
        setup,
        image: image.clone(),
        name: format!("farm-{}-{}-lint-0", work.shared.run, work.index),
        labels,
        limits: work.limits(),
        cancel: work.cancel,
        packages,
        former,
    }))
}

async fn former(work: &Work<'_>) -> Result<Former, Outcome> {
    let (store, target) = (work.shared.store.clone(), work.job.target.clone());
    let find = move || {
        let Some(record) = store.record(&target) else { return Former::None };
        if let Some(memory) = record.lint {
            return Former::Known(memory);
        }
        let folder = store.folder(&target);
        let binaries = record.artifacts.iter().filter(|artifact| artifact.kind == ArtifactKind::Binary);
        let intact = binaries.map(|artifact| (folder.join(&artifact.file_name), artifact));
        let intact = intact.filter(|(path, artifact)| matches!(is_intact(path, artifact), Ok(true)));
        match intact.map(|(path, _)| path).collect::<Vec<_>>() {
            packages if packages.is_empty() => Former::None,
            packages => Former::Unknown(packages),
        }
    };
    blocking(find).await
}

/// Runs the linter; Err holds why it has said nothing.
pub(super) async fn run(linting: Option<Linting<'_>>) -> Option<Result<Linted, String>> {
    let linting = linting?;
    let spec = ContainerSpec {
        image: linting.image.clone(),
        arch: arch(linting.shared, linting.job, &linting.setup),
        name: linting.name.clone(),
        host_name: HOST_NAME,
        network: Network::None,
        limits: linting.limits.clone(),
        labels: linting.labels.clone(),
    };
    let container = match linting.shared.engine.0.create(&spec).await {
        Ok(container) => container,
        Err(error) => return Some(Err(outcome::chain(&error))),
    };
    let limit = linting.shared.second * u32::try_from(linting.job.limits.timeout_seconds).unwrap_or(u32::MAX);
    let result = match tokio::time::timeout(limit, linting.in_container(container.as_ref())).await {
        Ok(result) => result,
        Err(_) => Err(format!("it did not end within {} s", linting.job.limits.timeout_seconds)),
    };
    linting.shared.remove_later(container);
    Some(result)
}

impl Linting<'_> {
    async fn in_container(&self, container: &dyn Container) -> Result<Linted, String> {
        let files = |folder: &'static str, paths: &[PathBuf]| -> Vec<(String, Content)> {
            let file = |path: &PathBuf| {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                (format!("{folder}/{name}"), Content::File(path.clone()))
            };
            paths.iter().map(file).collect()
        };
        let new = files(PACKAGES, &self.packages);
        let old = match &self.former {
            Former::Unknown(packages) => files(FORMER, packages),
            _ => Vec::new(),
        };
        let names = |files: &[(String, Content)]| files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        let (new_names, old_names) = (names(&new), names(&old));
        let all = new.into_iter().chain(old).collect();
        let words = |error: EngineError| outcome::chain(&error);
        container.start().await.map_err(words)?;
        container.upload(&GuestPath::new("/"), small_files(all, 0, 0)).await.map_err(words)?;
        let linter = self.setup.linter;
        let known = match &self.former {
            Former::None => None,
            Former::Known(memory) => Some(memory.clone()),
            Former::Unknown(_) => {
                let output = self.lint(container, &old_names).await?;
                Some(lint::judge(linter, self.setup.distro.is_foreign(), &output, &self.setup.levels, None).memory)
            }
        };
        let output = self.lint(container, &new_names).await?;
        let judged = lint::judge(linter, self.setup.distro.is_foreign(), &output, &self.setup.levels, known.as_ref());
        let mut rules: Vec<&str> = judged.news.iter().map(|news| news.rule.as_str()).collect();
        rules.sort_unstable();
        rules.dedup();
        let mut explained = BTreeMap::new();
        if !rules.is_empty() {
            // Without an explanation, a finding is one all the same.
            let script = lint::ask_to_explain(linter, rules.iter().copied());
            let text = self.exec(container, &script, &[]).await.unwrap_or_default();
            let read = lint::read_explanations(linter, &text, rules.into_iter());
            explained = read.into_iter().map(|(rule, text)| (rule.to_owned(), text)).collect();
        }
        Ok(Linted { judged, more: output.more, explained })
    }

    async fn lint(&self, container: &dyn Container, files: &[String]) -> Result<Output, String> {
        let text = self.exec(container, &lint::script(self.setup.linter), files).await?;
        lint::read(self.setup.linter, &text)
    }

    async fn exec(&self, container: &dyn Container, script: &str, arguments: &[String]) -> Result<String, String> {
        let mut argv = vec!["sh".to_owned(), "-c".to_owned(), format!("{ONE_STREAM}{script}"), "sh".to_owned()];
        argv.extend(arguments.iter().cloned());
        let user = format!("{BUILD_UID}:{BUILD_UID}");
        let spec = ExecSpec { argv, user, env: Vec::new(), workdir: GuestPath::new("/") };
        let mut output = Captured::up_to(MOST_OUTPUT);
        container.exec(&spec, &mut output, self.cancel).await.map_err(|error| outcome::chain(&error))?;
        Ok(String::from_utf8_lossy(&output.bytes).into_owned())
    }
}

/// Writes what was found to the log. Findings that the recipe, or the linter, requires not to be there reject the job; the rest
/// becomes warnings. Returns what the next build is to know.
pub(super) async fn told(
    work: &mut Work<'_>,
    linted: Option<Result<Linted, String>>,
    artifacts: &[Artifact],
) -> Result<Option<Memory>, Outcome> {
    let (Some(setup), Some(linted)) = (work.job.lint.clone(), linted) else { return Ok(None) };
    work.enter(StepKind::Lint).await?;
    let Linted { judged, more, explained } = match linted {
        Ok(linted) => linted,
        Err(reason) => {
            unavailable(work, &setup, &reason).await?;
            return Ok(None);
        }
    };
    work.known_findings = judged.known;
    let mut text = summary(&judged, more);
    let mut errors = Vec::new();
    for news in &judged.news {
        let finding = finding(work, &setup, news, explained.get(&news.rule), artifacts);
        let word = if finding.severity == Severity::Error { "error" } else { "warning" };
        text.push_str(&format!("{word}: {}: {} [{}]\n", finding.artifact, finding.message, finding.rule));
        match finding.severity {
            Severity::Error => errors.push(finding),
            _ => work.warnings.push(finding),
        }
    }
    work.journal.text(text).await.map_err(|error| log_failed(&error))?;
    if errors.is_empty() {
        Ok(Some(judged.memory))
    } else {
        Err(Outcome::Rejected { step: StepKind::Lint, findings: errors })
    }
}

fn summary(judged: &Judged, more: usize) -> String {
    let new: usize = judged.news.iter().map(|news| news.count).sum();
    let mut text = format!(
        "{}: {new} new, {} known from the last good build, {} off\n",
        judged.memory.linter, judged.known, judged.off
    );
    if more > 0 {
        text.push_str(&format!("{more} more are not looked at\n"));
    }
    text
}

fn finding(
    work: &Work<'_>,
    setup: &LintSetup,
    news: &News,
    explanation: Option<&String>,
    artifacts: &[Artifact],
) -> Finding {
    let of_package = |artifact: &&Artifact| {
        let is_binary = artifact.kind == ArtifactKind::Binary;
        is_binary && artifact.package.as_ref().is_some_and(|id| id.name == news.package)
    };
    let artifact = artifacts.iter().find(of_package).map_or(&news.package, |artifact| &artifact.file_name);
    let mut message = news.sentence(explanation.map(String::as_str));
    let place = lint::recipe_key(&news.rule).and_then(|key| {
        let place = work.shared.adviser.place(&work.job.target, key)?;
        Some(format!(" ({key}, {}:{})", place.path.display(), place.line))
    });
    // Own packaging is no matter of the recipe's.
    if !packaging::is_own(&work.job.recipe, work.job.target.format)
        && let Some(place) = place
    {
        message.push_str(&place);
    }
    Finding {
        severity: if news.level == LintLevel::Require { Severity::Error } else { Severity::Warning },
        artifact: artifact.clone(),
        rule: format!("{}:{}", setup.linter, news.rule),
        message: printable(&message),
        waived: None,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn keys_that_findings_are_traced_to_exist() {
        let schema = crate::recipe::json_schema();
        for key in crate::lint::recipe_keys() {
            let (table, name) = key.split_once('.').unwrap();
            assert!(schema["$defs"][table]["properties"][name].is_object(), "{key}");
        }
    }
}
