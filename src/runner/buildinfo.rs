//! The .buildinfo of .rpm packages, as a file beside them: rpmbuild writes none. Of .deb packages dpkg-genbuildinfo writes it.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::Utc;
use sha2::{Digest, Sha256};

use super::outcome::is_disk_full;
use super::prepare::Ready;
use super::work::{Work, blocking};
use crate::artifact::{Artifact, ArtifactKind};
use crate::attest::Installed;
use crate::event::Outcome;
use crate::formats::buildinfo::{self, Buildinfo, Sum, is_allowed};
use crate::packaging::{self, BUILD_ROOT, StepKind};
use crate::plan::Job;
use crate::types::Format;

/// Writes it into `folder`, where it is known what was installed.
pub(crate) async fn of_rpm(
    work: &Work<'_>,
    ready: &Ready,
    installed: Option<&Installed>,
    artifacts: &[Artifact],
    folder: &Path,
) -> Result<Option<Artifact>, Outcome> {
    let job = work.job;
    let Some(installed) = installed.filter(|_| job.target.format == Format::Rpm && !job.target.source) else {
        return Ok(None);
    };
    let Some((stem, info)) = told(job, work.shared.parallel, job.date(ready.sources.newest), installed, artifacts)
    else {
        return Ok(None);
    };
    let (file_name, text) = (format!("{stem}.buildinfo"), info.write());
    let path = folder.join(&file_name);
    blocking(move || {
        std::fs::write(&path, &text).map_err(|error| match is_disk_full(error.kind()) {
            true => Outcome::DiskFull { step: StepKind::Inspect, place: path.display().to_string() },
            false => Outcome::Infrastructure { reason: format!("cannot write {}: {error}", path.display()) },
        })?;
        Ok(Some(Artifact {
            file_name,
            size_bytes: text.len() as u64,
            sha256: hex::encode(Sha256::digest(&text)),
            kind: ArtifactKind::Metadata,
            package: None,
        }))
    })
    .await?
}

/// What it says, and what it is called after: the package that users have of the recipe's name, else their first one.
fn told(
    job: &Job,
    processes: usize,
    date: i64,
    installed: &Installed,
    artifacts: &[Artifact],
) -> Option<(String, Buildinfo)> {
    let of_users = || artifacts.iter().filter(|artifact| artifact.kind == ArtifactKind::Binary);
    let name = &job.recipe.package.name;
    let is_main = |artifact: &&Artifact| artifact.package.as_ref().is_some_and(|package| package.name == *name);
    let main = of_users().find(is_main).or_else(|| of_users().next())?;
    let packages = artifacts.iter().filter_map(|artifact| Some((artifact, artifact.package.as_ref()?)));
    let (mut files, mut binaries, mut architectures) = (BTreeMap::new(), Vec::new(), Vec::new());
    for (artifact, package) in packages {
        let sum = Sum { size: artifact.size_bytes, sha256: artifact.sha256.clone() };
        files.insert(artifact.file_name.clone(), sum);
        if artifact.kind == ArtifactKind::Source {
            architectures.push("source".to_owned());
        } else {
            binaries.push(package.name.clone());
            architectures.push(package.architecture.clone());
        }
    }
    let arch = job.target.arch.for_format(installed.format);
    let is_own = |of: &str| [arch, "all", "noarch", "(none)"].contains(&of);
    let installed_package = |package: &crate::attest::InstalledPackage| buildinfo::Installed {
        name: package.name.clone(),
        arch: Some(package.architecture.clone()).filter(|of| !is_own(of)),
        version: package.version.clone(),
    };
    let mut environment = packaging::step_env(Format::Rpm, job.target.arch, processes);
    environment.extend(job.packaging.steps.iter().flat_map(|step| step.env.clone()));
    environment.insert("SOURCE_DATE_EPOCH".to_owned(), date.to_string());
    environment.retain(|name, _| is_allowed(name));
    let version = main.package.as_ref()?.version.clone();
    let info = Buildinfo {
        source: name.clone(),
        source_version: version.clone(),
        version,
        binaries,
        architectures: architectures.into_iter().collect(),
        files,
        origin: installed.os.clone(),
        build_architecture: job.target.arch.for_format(Format::Rpm).to_owned(),
        date: Some(Utc::now()),
        path: Some(BUILD_ROOT.to_owned()),
        binary_only_changes: None,
        installed: installed.packages.iter().map(installed_package).collect(),
        environment,
    };
    let stem = main.file_name.strip_suffix(".rpm").unwrap_or(&main.file_name).to_owned();
    Some((stem, info))
}
