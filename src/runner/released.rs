//! The version that a recipe names to upgrade from, where it names no file: from the store, or from the distribution's archive.

use std::path::{Path, PathBuf};

use super::derive::image_stop;
use super::job_events::JobEvent;
use super::outcome::{self, JobError};
use super::work::{Work, blocking};
use crate::artifact::{self, ArtifactKind};
use crate::event::Outcome;
use crate::matrix::Target;
use crate::packaging::StepKind;
use crate::store::Store;
use crate::types::{Format, printable};

/// Whether `[test] upgrade-from` is a version, and no file or folder below the recipe's folder.
pub(crate) fn is_version(root: &Path, named: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || ".+~:-_^".contains(c);
    named.starts_with(|c: char| c.is_ascii_digit()) && named.chars().all(fits) && !root.join(named).exists()
}

/// Finds the packages of that version, if the recipe names one: `Work::released` has them then.
///
/// # Errors
/// Where nobody has it: with what there is.
pub(crate) async fn find(work: &mut Work<'_>) -> Result<(), JobError> {
    let (job, shared) = (work.job, work.shared);
    let Some(named) = job.recipe.test.as_ref().and_then(|test| test.upgrade_from.clone()) else { return Ok(()) };
    if work.released.is_some() || job.given.is_some() || !is_version(&job.recipe.root, &named) {
        return Ok(());
    }
    let (distro, arch) = (job.distro.clone(), job.target.arch);
    let is_it = {
        let (named, tag) = (named.clone(), distro.release_tag.clone());
        move |version: &str| is_version_of(version, &named, &tag)
    };
    let (store, target, is_it_there) = (shared.store.clone(), job.target.clone(), is_it.clone());
    let (packages, there) = blocking(move || of_store(&store, &target, is_it_there)).await?;
    if !packages.is_empty() {
        work.released = Some(packages);
        return Ok(());
    }
    let mut has = vec![match there {
        Some(version) => format!("dist/ has {version}"),
        None => "dist/ has no packages of this target".to_owned(),
    }];
    if distro.format == Format::Deb && distro.bootstrap.is_some() {
        let names = job.packaging.expected.iter().map(|package| package.name.clone()).collect();
        let (progress, events) = (work.journal.progress(), work.events.clone());
        let warn = move |message: String| events.send(JobEvent::Warning(message));
        let found = shared.images.released((distro.as_ref(), arch), names, is_it, &progress, &warn, work.cancel).await;
        let found = found.map_err(|error| image_stop(work, error))?;
        if !found.files.is_empty() {
            work.note(&format!("{} from the archive of {}", printable(&named), distro.name)).await?;
            work.released = Some(found.files);
            return Ok(());
        }
        has.push(match found.known.is_empty() {
            true => format!("the archive of {} has no package of these names", distro.name),
            false => format!("the archive of {} has {}", distro.name, found.known.join(", ")),
        });
    } else {
        has.push("of archives, farm reads those of apt alone".to_owned());
    }
    let message = format!(
        "[test] upgrade-from = \"{}\": nobody has this version: {}; name one of those, or a package, or a folder with some, \
         below the recipe's folder",
        printable(&named),
        printable(&has.join("; "))
    );
    let findings = vec![outcome::finding("", "upgrade-from", message)];
    Err(Outcome::Rejected { step: StepKind::Test, findings }.into())
}

/// Whether `version` is the one that somebody calls `named`: the epoch and the distribution's tag may be left out.
fn is_version_of(version: &str, named: &str, tag: &str) -> bool {
    let version = match named.contains(':') {
        true => version,
        false => version.split_once(':').map_or(version, |(_, rest)| rest),
    };
    version == named || (!tag.is_empty() && version.strip_suffix(tag) == Some(named))
}

/// The last good packages, if they are of that version, else the version that they are of. Blocks.
fn of_store(store: &Store, target: &Target, is_it: impl Fn(&str) -> bool) -> (Vec<PathBuf>, Option<String>) {
    let Some(record) = store.record(target) else { return (Vec::new(), None) };
    let folder = store.folder(target);
    let (mut found, mut there) = (Vec::new(), None);
    for artifact in record.artifacts.iter().filter(|artifact| artifact.kind == ArtifactKind::Binary) {
        let path = folder.join(&artifact.file_name);
        let Ok(head) = artifact::head(&path) else { continue };
        if is_it(&head.version) && artifact::is_intact(&path, artifact).is_ok_and(|is_intact| is_intact) {
            found.push(path);
        }
        there.get_or_insert(head.version);
    }
    (found, there)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_one_with_and_without_epoch_and_tag() {
        for (version, named, tag, is_it) in [
            ("1.2-1", "1.2-1", "", true),
            ("1.2-1~deb12", "1.2-1", "~deb12", true),
            ("1.2-1~deb12", "1.2-1~deb12", "~deb12", true),
            ("1:1.2-1.fc43", "1.2-1", ".fc43", true),
            ("1:1.2-1", "2:1.2-1", "", false),
            ("1.2-1.1", "1.2-1", "", false),
            ("1.2-1~deb12", "1.2-1", "", false),
        ] {
            assert_eq!(is_version_of(version, named, tag), is_it, "{version} {named}");
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("1.0")).unwrap();
        for (named, is_it) in
            [("1.2-1", true), ("1.0", false), ("released", false), ("1/x.deb", false), ("2:1.0~rc1", true)]
        {
            assert_eq!(is_version(folder.path(), named), is_it, "{named}");
        }
    }
}
