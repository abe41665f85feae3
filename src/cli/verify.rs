//! `farm verify`: whether the last good builds give the same once more, or what a .buildinfo says; `--stored`: whether what farm keeps is still what it
//! made.

use std::path::Path;

use super::args::{ColorChoice, VerifyArgs};
use super::build;
use super::context;
use super::exit::Exit;
use super::failure::Failure;
use super::output;
use super::rebuild;
use crate::report::count;
use crate::source;
use crate::store::Store;
use crate::types::printable;

pub(crate) async fn run(args: &VerifyArgs, directory: Option<&Path>, color: ColorChoice) -> Result<Exit, Failure> {
    if let Some(file) = rebuild::file(args)? {
        return rebuild::run(args, file, directory, color).await;
    }
    match args.stored {
        true => stored(args.clone()).await,
        false => build::run(&args.build(), directory, color).await,
    }
}

async fn stored(args: VerifyArgs) -> Result<Exit, Failure> {
    let cache = context::cache_folder()?;
    let work = move || {
        let (packages, damaged) = if args.run.output.is_dir() {
            let store = Store::open(&args.run.output)?;
            (store.records().map(|(_, record)| record.artifacts.len()).sum(), store.verify())
        } else {
            (0, Vec::new())
        };
        let sources = source::verify_prepared(&cache).map_err(|source| Failure::Source { of: cache, source })?;
        Ok::<_, Failure>((packages, damaged, sources))
    };
    let (packages, damaged, (sources, damaged_sources)) = context::blocking(work).await?;
    for one in &damaged {
        output::out(&printable(&format!("{}: {} {}", one.target, one.path.display(), one.reason)));
        output::out("\n");
    }
    for folder in &damaged_sources {
        output::out(&format!("{}: prepared sources are not what farm made, and removed\n", folder.display()));
    }
    let checked = format!(
        "{} and {} checked",
        count(packages, "artifact", "artifacts"),
        count(sources, "set of prepared sources", "sets of prepared sources")
    );
    let bad = damaged.len() + damaged_sources.len();
    if bad == 0 {
        output::out(&format!("{checked}, all as farm made them\n"));
        return Ok(Exit::Success);
    }
    output::out(&format!("{checked}, {bad} damaged: farm build makes them again\n"));
    Ok(Exit::JobFailed)
}
