//! `farm list`: what a store holds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::args::{ColorChoice, ListArgs, StoreArgs};
use super::config::Config;
use super::context;
use super::engines::{self, Connected};
use super::exit::Exit;
use super::failure::Failure;
use super::output::{self, Surroundings};
use crate::image::kept::{self, Kept};
use crate::matrix::Pattern;
use crate::report::Style;
use crate::report::table::Table;
use crate::store::{self, Index, IndexedTarget};
use crate::types::{human_bytes, printable};

pub(crate) async fn run(args: ListArgs, color: ColorChoice) -> Result<Exit, Failure> {
    if args.kept {
        return kept_containers(&args, color).await;
    }
    let work = move || {
        let index = chosen(&args.store)?;
        if args.json {
            let json = serde_json::to_string_pretty(&index).map_err(|error| {
                let source = std::io::Error::other(error);
                Failure::System { action: "write the list as JSON", source }
            })?;
            output::out(&format!("{json}\n"));
        } else {
            output::out(&table(&index, &Surroundings::of_this_process().style(color, false)));
        }
        Ok(Exit::Success)
    };
    context::blocking(work).await
}

/// What the engine keeps of builds that failed.
async fn kept_containers(args: &ListArgs, color: ColorChoice) -> Result<Exit, Failure> {
    let Connected { engine, .. } = engines::connect(&args.engine, &Config::load()?).await?;
    let all = kept::all(&engine).await?;
    if args.json {
        let one = |kept: &Kept| {
            let (made, bytes) = (made(kept, "%Y-%m-%dT%H:%M:%SZ"), kept.image.size_bytes);
            serde_json::json!({ "target": kept.target(), "step": kept.step, "made": made, "size_bytes": bytes })
        };
        output::out(&output::json_list(all.iter().map(one)));
        return Ok(Exit::Success);
    }
    if all.is_empty() {
        output::out("no container of a failed build is kept in this engine: `farm build --keep-failed` keeps some\n");
        return Ok(Exit::Success);
    }
    let mut table = Table::new(&["TARGET", "FAILED IN", "KEPT", "SIZE"]);
    for kept in &all {
        let size = human_bytes(kept.image.size_bytes);
        table.row(vec![printable(kept.target()), printable(&kept.step), made(kept, "%Y-%m-%d %H:%M"), size]);
    }
    let style = Surroundings::of_this_process().style(color, false);
    output::out(&format!("{}times are UTC; sizes count what is shared with other images\n", table.render(&style)));
    Ok(Exit::Success)
}

fn made(kept: &Kept, format: &str) -> String {
    let made = chrono::DateTime::from_timestamp(kept.image.created, 0);
    made.map(|made| made.format(format).to_string()).unwrap_or_default()
}

/// What the store holds of the chosen targets.
///
/// # Errors
/// When there is no store, or a pattern matches nothing in it.
pub(super) fn chosen(args: &StoreArgs) -> Result<Index, Failure> {
    is_there(&args.output)?;
    let mut index = Index::read(&args.output);
    let (wanted, unwanted) = (patterns("-t", &args.targets)?, patterns("--exclude", &args.excluded)?);
    for (option, text, pattern) in wanted.iter().chain(&unwanted) {
        if !index.targets.iter().any(|target| matches(pattern, target)) {
            return Err(Failure::NothingMatched {
                message: format!("{option} {text} matches nothing in {}", args.output.display()),
                help: Some(known(&index, &args.output)),
            });
        }
    }
    index.targets.retain(|target| {
        let any = |patterns: &[(&str, String, Pattern)]| patterns.iter().any(|(.., pattern)| matches(pattern, target));
        (wanted.is_empty() || any(&wanted)) && !any(&unwanted)
    });
    Ok(index)
}

/// # Errors
/// When there is no such store.
pub(super) fn is_there(store: &Path) -> Result<(), Failure> {
    if store.is_dir() {
        return Ok(());
    }
    Err(Failure::NothingMatched {
        message: format!("there is no folder {}", printable(&store.display().to_string())),
        help: Some("farm build makes it; -o names another".to_owned()),
    })
}

/// The folders of targets that match, with that of the job which is under way, where one is.
///
/// # Errors
/// When none matches.
pub(super) fn folders(store: &Path, text: &str) -> Result<Vec<(String, Option<PathBuf>)>, Failure> {
    let pattern = Pattern::parse(text)
        .map_err(|reason| Failure::usage(format!("`{}` is no target pattern: it {reason}", printable(text))))?;
    is_there(store)?;
    let index = Index::read(store);
    let mut found: BTreeMap<String, Option<PathBuf>> = index
        .targets
        .iter()
        .filter(|target| matches(&pattern, target))
        .map(|target| (target.folder.clone(), None))
        .collect();
    for job in store::under_way(store) {
        if pattern.matches_parts(&job.recipe, job.variant.as_deref(), &job.distro, &job.arch) {
            found.insert(job.folder, Some(job.stage));
        }
    }
    if found.is_empty() {
        return Err(Failure::NothingMatched {
            message: format!("`{}` matches nothing in {}", printable(text), printable(&store.display().to_string())),
            help: Some(known(&index, store)),
        });
    }
    Ok(found.into_iter().collect())
}

fn patterns<'a>(option: &'a str, texts: &[String]) -> Result<Vec<(&'a str, String, Pattern)>, Failure> {
    let parse = |text: &String| match Pattern::parse(text) {
        Ok(pattern) => Ok((option, printable(text), pattern)),
        Err(reason) => Err(Failure::usage(format!("{option} {} {reason}", printable(text)))),
    };
    texts.iter().map(parse).collect()
}

fn matches(pattern: &Pattern, target: &IndexedTarget) -> bool {
    pattern.matches_parts(&target.recipe, target.variant.as_deref(), &target.distro, &target.arch)
}

fn known(index: &Index, store: &Path) -> String {
    match index.targets.len() {
        0 => format!("{} has no packages yet: farm build makes some", store.display()),
        _ => "farm list says what is there".to_owned(),
    }
}

fn table(index: &Index, style: &Style) -> String {
    let mut table = Table::new(&["TARGET", "VERSION", "LAST BUILD", "PACKAGES MADE", "FILES", "SIZE"]);
    for target in &index.targets {
        let packages = target.packages.as_ref();
        let none = || "-".to_owned();
        let version =
            packages.and_then(|packages| Some(format!("{}-{}", packages.version.as_ref()?, packages.release?)));
        let bytes = |packages: &crate::store::Packages| packages.artifacts.iter().map(|file| file.size_bytes).sum();
        table.row(vec![
            printable(&target.target),
            version.map_or_else(none, |version| printable(&version)),
            printable(&target.outcome),
            packages.and_then(|packages| packages.made.as_deref()).map_or_else(none, printable),
            packages.map_or_else(none, |packages| packages.artifacts.len().to_string()),
            packages.map_or_else(none, |packages| human_bytes(bytes(packages))),
        ]);
    }
    table.render(style)
}
