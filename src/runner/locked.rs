//! Whether a target is built from what its lock says: asked before anything of the recipe runs, and of what the store has.

use super::work::Work;
use crate::attest::Installed;
use crate::event::Outcome;
use crate::image::Base;
use crate::lock::LockedTarget;
use crate::plan::Job;
use crate::store::Store;

impl Work<'_> {
    /// What this target is held to; none where nothing is.
    pub(crate) fn locked(&self) -> Option<&LockedTarget> {
        self.shared.options.locked.of(&self.job.target.to_string())
    }

    /// Whether that is what the last good build noted of itself.
    fn is_held_by_build(&self) -> bool {
        self.shared.options.verify.is_some()
    }
}

/// Who says what a target is built from.
fn who(work: &Work<'_>) -> &'static str {
    if work.is_held_by_build() { "the last good build" } else { "farm.lock" }
}

fn not_as_locked(work: &Work<'_>, differences: Vec<String>) -> Outcome {
    Outcome::NotAsLocked { by_build: work.is_held_by_build(), by_file: None, differences }
}

/// Refuses images that are not the locked ones.
pub(crate) fn check_images(work: &Work<'_>, base: Option<&Base>, own: Option<&Base>) -> Result<(), Outcome> {
    let Some(locked) = work.locked() else { return Ok(()) };
    let differs = |(name, base): (&str, Option<&Base>)| {
        let (base, locked) = (base?, locked.images.get(name)?);
        (base.identity != *locked).then(|| format!("the image `{name}` is {} and not {locked}", base.identity))
    };
    let differences: Vec<String> = [("base", base), ("environment", own)].into_iter().filter_map(differs).collect();
    if differences.is_empty() { Ok(()) } else { Err(not_as_locked(work, differences)) }
}

/// Refuses a system in which something else is installed than the lock says. All differences go to the log.
pub(crate) async fn check_installed(work: &mut Work<'_>, installed: Option<&Installed>) -> Result<(), Outcome> {
    let Some(locked) = work.locked() else { return Ok(()) };
    let differences = match installed {
        Some(installed) => locked.differences(installed),
        None if locked.packages.is_empty() => Vec::new(),
        None => vec!["the container cannot tell what is installed in it".to_owned()],
    };
    if differences.is_empty() {
        return work.note(&format!("what is installed is what {} says", who(work))).await;
    }
    for difference in &differences {
        work.note(&format!("not as {} says: {difference}", who(work))).await?;
    }
    Err(not_as_locked(work, differences))
}

/// Whether the packages in the store were built from what the lock says: an up-to-date key says nothing of the versions that
/// a builder was made of.
pub(crate) fn is_as_locked(store: &Store, job: &Job, locked: &LockedTarget) -> bool {
    let built = store.inputs(&job.target).and_then(|inputs| inputs.installed);
    match built {
        Some(installed) => locked.differences(&installed).is_empty(),
        None => locked.packages.is_empty(),
    }
}
