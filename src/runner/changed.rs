//! What is different in a job's packages since the last good build of its target, which `dist/` still has when the new ones
//! are good. It is told, and decides nothing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::outcome::{self, log_failed};
use super::work::{Work, blocking, reading};
use crate::artifact::{Artifact, ArtifactKind};
use crate::compare::{self, PackageChanges};
use crate::event::Outcome;
use crate::packaging::StepKind;

/// Lines of one group about one package that stand in the log.
const MOST_LINES: usize = 50;

/// The packages that are not what they were; none where nothing was built before. `folder` has the new ones.
pub(super) async fn since_last_good(
    work: &mut Work<'_>,
    artifacts: &[Artifact],
    folder: &Path,
) -> Result<Vec<PackageChanges>, Outcome> {
    let (store, target) = (work.shared.store.clone(), work.job.target.clone());
    let last = store.folder(&target);
    let Some(record) = blocking(move || store.record(&target)).await? else { return Ok(Vec::new()) };
    // Files that are the same need not be read again.
    let (old, new) = (files(&record.artifacts, artifacts, &last), files(artifacts, &record.artifacts, folder));
    if old.is_empty() && new.is_empty() {
        return Ok(Vec::new());
    }
    let compared = reading(work, StepKind::Inspect, move || compare::of_files(&old, &new)).await?;
    let mut changes = match compared {
        Ok(changes) => changes,
        Err(error) => {
            let note = format!("the last good build cannot be compared: {}", outcome::chain(&error));
            work.note(&note).await?;
            return Ok(Vec::new());
        }
    };
    changes.retain(|package| !package.is_same());
    if !changes.is_empty() {
        let rest = ": the report of the run has them, as HTML and as JSON";
        let lines: Vec<String> = changes.iter().flat_map(|package| compare::lines(package, MOST_LINES, rest)).collect();
        let text = format!("since the last good build:\n{}\n", lines.join("\n"));
        work.journal.text(text).await.map_err(|error| log_failed(&error))?;
    }
    Ok(changes)
}

/// Packages of users that are not among others, byte by byte.
fn files(of: &[Artifact], others: &[Artifact], folder: &Path) -> Vec<PathBuf> {
    let known: BTreeSet<(&str, &str)> =
        others.iter().map(|artifact| (artifact.file_name.as_str(), artifact.sha256.as_str())).collect();
    of.iter()
        .filter(|artifact| artifact.kind == ArtifactKind::Binary)
        .filter(|artifact| !known.contains(&(artifact.file_name.as_str(), artifact.sha256.as_str())))
        .map(|artifact| folder.join(&artifact.file_name))
        .collect()
}
