//! `farm lock`: what the last good builds were made of, written beside their recipes.

use std::path::Path;

use super::args::{ColorChoice, LockArgs};
use super::config::Config;
use super::context;
use super::exit::Exit;
use super::failure::Failure;
use super::list;
use super::output::{self, Surroundings};
use crate::lock::{LOCK_FILE, Lock, LockError};
use crate::project::{Attested, ProjectError, Unlocked};
use crate::report::{Tone, count};
use crate::store::Attestable;
use crate::types::printable;

/// Packages that are named of those that no archive has.
const SHOWN: usize = 5;

pub(crate) async fn run(args: &LockArgs, color: ColorChoice) -> Result<Exit, Failure> {
    let config = Config::load()?;
    let project = context::project(&args.recipes, &[])?;
    context::known_mirrors(&args.archive.mirrors, &project)?;
    let access = context::access(&args.archive.mirrors, args.archive.stale_contents, &config)?;
    let index = list::chosen(&args.store)?;
    let mut all = Exit::Success;
    let mut seen = 0;
    for recipe in project.recipes() {
        let mut targets = Vec::new();
        for target in index.targets.iter().filter(|target| target.recipe == recipe.name && target.packages.is_some()) {
            let attestable = Attestable::of(&args.store.output, target)?;
            targets.push(Attested { id: &target.target, attestable });
        }
        if targets.is_empty() {
            continue;
        }
        seen += targets.len();
        let (lock, unlocked) = project.lock(recipe, &targets, &access).await.map_err(ProjectError::from)?;
        let style = Surroundings::of_this_process().style(color, true);
        for unlocked in &unlocked {
            let told = in_no_archive(unlocked);
            output::err(&format!("{} {}\n", style.paint(Tone::Warning, "warning:"), printable(&told)));
        }
        let folder = recipe.path.parent().unwrap_or(Path::new(""));
        all = all.worst(if args.check { check(&lock, folder)? } else { write(&lock, folder)? });
    }
    if seen == 0 {
        return Err(Failure::NothingMatched {
            message: format!(
                "{} has no packages of these recipes",
                printable(&args.store.output.display().to_string())
            ),
            help: Some("farm build makes some; a lock is made of what good builds noted".to_owned()),
        });
    }
    Ok(all)
}

fn write(lock: &Lock, folder: &Path) -> Result<Exit, Failure> {
    let (path, written) = lock.write(folder).map_err(ProjectError::from)?;
    let targets = count(lock.targets.len(), "target", "targets");
    let how = if written { "written" } else { "is as it was" };
    output::out(&format!("{}: {how}, {targets}\n", printable(&path.display().to_string())));
    Ok(Exit::Success)
}

/// Says how a lock is another one than the file, line by line, as `diff` marks them.
fn check(lock: &Lock, folder: &Path) -> Result<Exit, Failure> {
    let path = folder.join(LOCK_FILE);
    let there = match Lock::read(folder) {
        Err(LockError::Missing(_)) => Lock::default(),
        read => read.map_err(ProjectError::from)?,
    };
    let shown = printable(&path.display().to_string());
    if there == *lock {
        output::out(&format!("{shown}: is what the builds were made of\n"));
        return Ok(Exit::Success);
    }
    output::out(&format!("{shown}: is not what the builds were made of\n"));
    for difference in there.differences(lock) {
        output::out(&format!("  {}\n", printable(&difference)));
    }
    Ok(Exit::Different)
}

fn in_no_archive(unlocked: &Unlocked) -> String {
    let Unlocked { target, packages } = unlocked;
    let mut shown = packages.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if packages.len() > SHOWN {
        shown.push_str(&format!(" and {} more", packages.len() - SHOWN));
    }
    let verb = if packages.len() == 1 { "is" } else { "are" };
    format!(
        "{target}: {shown} {verb} in no archive now: who has not this builder's image cannot build so; farm images update, and \
         build again, to lock what archives have"
    )
}
