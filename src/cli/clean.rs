//! `farm clean`: what a store holds of targets, removed.

use std::collections::BTreeSet;

use super::args::CleanArgs;
use super::exit::Exit;
use super::failure::Failure;
use super::{context, list, output};
use crate::report::count;
use crate::store::{Index, IndexedTarget, Store};
use crate::types::{human_bytes, printable};

pub(crate) async fn run(args: CleanArgs) -> Result<Exit, Failure> {
    context::blocking(move || clean(&args)).await
}

fn clean(args: &CleanArgs) -> Result<Exit, Failure> {
    let chosen: BTreeSet<String> = list::chosen(&args.store)?.targets.into_iter().map(|target| target.target).collect();
    // An index is a file that anybody may have written; what is removed is what lies there.
    let there = Index::of(&args.store.output);
    let going: Vec<IndexedTarget> =
        there.targets.into_iter().filter(|target| chosen.contains(&target.target)).collect();
    for target in &going {
        output::out(&format!("{}\n", printable(&target.target)));
    }
    if !args.dry_run && !going.is_empty() {
        let store = Store::open(&args.store.output)?;
        let _lock = store.lock()?;
        store.remove(&going.iter().map(|target| target.folder.clone()).collect::<Vec<_>>())?;
    }
    let artifacts = || going.iter().filter_map(|target| target.packages.as_ref()).flat_map(|made| &made.artifacts);
    let verb = if args.dry_run { "would remove" } else { "removed" };
    let (targets, packages) =
        (count(going.len(), "target", "targets"), count(artifacts().count(), "package", "packages"));
    let bytes = human_bytes(artifacts().map(|artifact| artifact.size_bytes).sum());
    output::out(&format!("{verb} {targets} with {packages}, {bytes}\n"));
    Ok(Exit::Success)
}
