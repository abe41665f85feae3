//! The check of what a build left: are these the packages that the plan expects, and do they hold what was installed.

use std::path::Path;
use std::sync::Arc;

use super::alike;
use super::build::Results;
use super::outcome::{self, is_disk_full, log_failed};
use super::work::{Work, blocking, reading};
use crate::artifact::{
    self, ArtifactError, Expectation, Expected, Finding, Inspection, LISTING_FILE, PackageListing, Severity, Waiver,
    upgrade,
};
use crate::event::Outcome;
use crate::packaging::{self, StepKind};
use crate::plan::Job;
use crate::recipe;
use crate::types::Format;

/// Checks the results, which lie in `folder`; what is wrong with them rejects the job, what is only noticed comes back as
/// warnings. What the packages want and hold is noted beside them, for who reads of them later.
pub(crate) async fn inspect(work: &mut Work<'_>, results: Results, folder: &Path) -> Result<Inspection, Outcome> {
    work.enter(StepKind::Inspect).await?;
    let step = StepKind::Inspect;
    let mut expectation = Expectation { manifest: results.manifest.map(Arc::new), ..expectation(work.job) };
    if work.job.given.is_some() {
        // Nobody has planned them.
        expectation = Expectation { packages: Vec::new(), closed: false, upstream_version: None, ..expectation };
    }
    let inspected = reading(work, step, move || artifact::inspect(&results.files, &expectation)).await?;
    let Inspection { artifacts, findings, wanted, listings } = match inspected {
        Ok(inspected) => inspected,
        Err(error @ ArtifactError::Malformed { .. }) => {
            let ArtifactError::Malformed { ref path, .. } = error else { unreachable!() };
            let name = file_name(path);
            let findings = vec![outcome::finding(&name, "malformed-package", outcome::chain(&error))];
            return Err(Outcome::Rejected { step, findings });
        }
        Err(error) => return Err(Outcome::Infrastructure { reason: outcome::chain(&error) }),
    };
    let text: String =
        artifacts.iter().map(|file| format!("{}  {}  {}\n", file.sha256, file.file_name, file.size_bytes)).collect();
    work.journal.text(text).await.map_err(|error| log_failed(&error))?;
    note_listings(listings, folder).await?;
    let findings = told(work, findings).await?;
    Ok(Inspection { artifacts, findings, wanted, listings: Vec::new() })
}

async fn note_listings(listings: Vec<PackageListing>, folder: &Path) -> Result<(), Outcome> {
    let (folder, place) = (folder.to_owned(), folder.join(LISTING_FILE).display().to_string());
    let written = blocking(move || PackageListing::write(listings, &folder)).await?;
    written.map_err(|error| match is_disk_full(error.kind()) {
        true => Outcome::DiskFull { step: StepKind::Inspect, place },
        false => Outcome::Infrastructure { reason: format!("cannot write {place}: {error}") },
    })
}

/// Writes what was found to the log; errors reject the job, the rest comes back.
pub(super) async fn told(work: &mut Work<'_>, findings: Vec<Finding>) -> Result<Vec<Finding>, Outcome> {
    let mut text = String::new();
    for finding in &findings {
        let severity = match finding.severity {
            Severity::Waived => "waived",
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        let reason = finding.waived.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        text.push_str(&format!("{severity}: {}: {} [{}]{reason}\n", finding.artifact, finding.message, finding.rule));
    }
    work.journal.text(text).await.map_err(|error| log_failed(&error))?;
    let (errors, others): (Vec<_>, Vec<_>) =
        findings.into_iter().partition(|finding| finding.severity == Severity::Error);
    if errors.is_empty() { Ok(others) } else { Err(Outcome::Rejected { step: StepKind::Inspect, findings: errors }) }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// What the plan says about a job's results, in `artifact`'s words.
fn expectation(job: &Job) -> Expectation {
    let own = match job.target.format {
        Format::Deb => &job.recipe.packaging.debian,
        Format::Rpm => &job.recipe.packaging.spec,
    };
    Expectation {
        format: job.target.format,
        arch: job.target.arch,
        packages: job
            .packaging
            .expected
            .iter()
            .map(|package| Expected {
                name: package.name.clone(),
                version: package.version.clone(),
                arch_independent: package.is_arch_independent(),
                is_empty: package.is_empty,
            })
            .collect(),
        closed: own.is_none() || job.target.source,
        source: job.target.source,
        manifest: None,
        waivers: waivers(job, is_of_packages),
        upstream_version: own.is_some().then(|| job.recipe.package.version.clone()),
    }
}

/// Whether a rule is about packages by themselves: not about what they are beside those of another format, or after an
/// earlier version.
fn is_of_packages(rule: &str) -> bool {
    rule != alike::RULE && !upgrade::RULES.contains(&rule)
}

/// The waivers of the recipe for some of the rules.
pub(super) fn waivers(job: &Job, is_meant: impl Fn(&str) -> bool) -> Vec<Waiver> {
    let libdir = packaging::libdir(job.target.format, job.target.arch);
    let waiver = |(rule, waiver): (&String, &recipe::Waiver)| Waiver {
        rule: rule.clone(),
        paths: waiver.paths.iter().map(|path| path.replace("${libdir}", &libdir)).collect(),
        reason: waiver.reason.clone(),
    };
    job.recipe.waivers.iter().filter(|(rule, _)| is_meant(rule) && !job.target.source).map(waiver).collect()
}
