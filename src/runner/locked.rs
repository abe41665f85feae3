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
}

/// Refuses images that are not the locked ones.
pub(crate) fn check_images(work: &Work<'_>, base: Option<&Base>, own: Option<&Base>) -> Result<(), Outcome> {
    let Some(locked) = work.locked() else { return Ok(()) };
    let differs = |(name, base): (&str, Option<&Base>)| {
        let (base, locked) = (base?, locked.images.get(name)?);
        (base.identity != *locked).then(|| format!("the image `{name}` is {} and not {locked}", base.identity))
    };
    let differences: Vec<String> = [("base", base), ("environment", own)].into_iter().filter_map(differs).collect();
    if differences.is_empty() { Ok(()) } else { Err(Outcome::NotAsLocked { differences }) }
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
        return work.note("what is installed is what farm.lock says").await;
    }
    for difference in &differences {
        work.note(&format!("not as farm.lock says: {difference}")).await?;
    }
    Err(Outcome::NotAsLocked { differences })
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
