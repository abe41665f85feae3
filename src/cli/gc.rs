//! `farm gc`: the store of farm's own engine, tidied up and looked over; and what farm keeps, brought down to a size.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::args::{ColorChoice, GcArgs};
use super::cached;
use super::config::Config;
use super::context;
use super::engines::{self, Connected};
use super::exit::Exit;
use super::failure::Failure;
use super::images;
use super::output::{self, Surroundings};
use crate::cache::{self, Entry, Place, bytes_of};
use crate::engine::Engine;
use crate::image::{Images, kept};
use crate::report::table::Table;
use crate::report::{Style, count};
use crate::types::{human_bytes, printable};

pub(crate) async fn run(args: &GcArgs, color: ColorChoice) -> Result<Exit, Failure> {
    let Connected { engine, info, .. } = engines::connect(&args.engine, &Config::load()?).await?;
    let problems = if args.verify { engine.verify().await? } else { None };
    if let Some(problems) = &problems {
        output::out(&verdict(problems));
    }
    if let Some(limit) = args.keep {
        let is_whole = problems.is_none_or(|problems| problems.is_empty());
        let kept =
            keep(engine, limit, args.dry_run.then(|| Surroundings::of_this_process().style(color, false))).await?;
        return Ok(if is_whole { kept } else { Exit::JobFailed });
    }
    kept::reap(&engine).await?;
    let Some(freed) = engine.collect_garbage().await? else {
        output::out(&not_ours(&info.name));
        return Ok(Exit::Success);
    };
    output::out(&said(freed));
    let whole = problems.is_none_or(|problems| problems.is_empty());
    Ok(if whole { Exit::Success } else { Exit::JobFailed })
}

/// Brings images and cache down to `limit` bytes, or, with a style, only shows what would go.
async fn keep(engine: Arc<dyn Engine>, limit: u64, dry_run: Option<Style>) -> Result<Exit, Failure> {
    let cache = context::own_cache()?;
    // Before this process counts as one that uses the cache.
    let mut in_use_since = cache::in_use_since(&cache);
    if engine.is_remote() {
        // Farms of other hosts may use its images, and this one does not see them.
        let hour_ago = SystemTime::now() - Duration::from_secs(60 * 60);
        in_use_since = Some(in_use_since.map_or(hour_ago, |since| since.min(hour_ago)));
    }
    let images = images::images_of(engine.clone())?;
    if dry_run.is_none() {
        engine.collect_garbage().await?;
    }
    let mut entries = images.entries().await?;
    let folder = cache.clone();
    let found = tokio::task::spawn_blocking(move || cache::entries(&folder)).await;
    entries.extend(found.map_err(|error| Failure::System { action: "read the cache", source: error.into() })?);
    let (mut stay, go) = cache::evict(entries, limit, in_use_since);
    if let Some(style) = dry_run {
        output::out(&plan(&go, bytes_of(&stay), limit, &style));
        return Ok(Exit::Success);
    }
    let (mut gone, mut failed) = (Vec::new(), false);
    for entry in go {
        match remove(&images, &entry).await {
            Ok(true) => gone.push(entry),
            Ok(false) => stay.push(entry),
            Err(error) => {
                output::err(&format!("warning: {} is not removed: {}\n", printable(&entry.name), printable(&error)));
                failed = true;
                stay.push(entry);
            }
        }
    }
    engine.collect_garbage().await?;
    output::out(&done(&gone, bytes_of(&stay), limit));
    Ok(if failed { Exit::JobFailed } else { Exit::Success })
}

/// Whether it is gone now; what came into use meanwhile is not. The error is its words.
async fn remove(images: &Images, entry: &Entry) -> Result<bool, String> {
    match &entry.place {
        Place::Image { id, .. } => images.remove_unused(id, entry.used).await.map_err(|error| error.to_string()),
        Place::File(path) => {
            let (path, used) = (path.clone(), entry.used);
            let removed = tokio::task::spawn_blocking(move || cache::remove(&path, used)).await;
            removed.map_err(io::Error::from).flatten().map_err(|error| error.to_string())
        }
    }
}

/// What would be removed, the least recently used first.
fn plan(go: &[Entry], stays: u64, limit: u64, style: &Style) -> String {
    let mut text = String::new();
    if !go.is_empty() {
        let mut table = Table::new(&["LAST USED", "SIZE", "KIND", "NAME"]);
        for entry in go {
            let used = cached::time(entry.used, "%Y-%m-%d %H:%M");
            table.row(vec![used, human_bytes(entry.bytes), printable(&entry.kind), printable(&entry.name)]);
        }
        text = format!("{}times are UTC; an image counts with all its layers\n", table.render(style));
    }
    let (count, bytes) = (count(go.len(), "entry", "entries"), human_bytes(bytes_of(go)));
    text.push_str(&format!("would remove {count}, {bytes}; {}\n", what_stays(stays, limit)));
    text
}

fn done(gone: &[Entry], stays: u64, limit: u64) -> String {
    let (count, bytes) = (count(gone.len(), "entry", "entries"), human_bytes(bytes_of(gone)));
    format!("removed {count}, {bytes}; {}\n", what_stays(stays, limit))
}

fn what_stays(bytes: u64, limit: u64) -> String {
    let stays = format!("{} stay", human_bytes(bytes));
    if bytes <= limit { stays } else { format!("{stays}, more than {}: they are in use now", human_bytes(limit)) }
}

fn not_ours(engine: &str) -> String {
    format!("{engine} looks after its own store: `farm images prune` removes what farm keeps in it\n")
}

fn said(freed: u64) -> String {
    match freed {
        0 => "nothing to remove\n".to_owned(),
        some => format!("freed {}\n", human_bytes(some)),
    }
}

fn verdict(problems: &[String]) -> String {
    if problems.is_empty() {
        return "the store is whole\n".to_owned();
    }
    let mut text: String = problems.iter().map(|problem| format!("{}\n", printable(problem))).collect();
    text.push_str(&format!(
        "{} in the store: images that have one are removed, and builds make them again\n",
        count(problems.len(), "problem", "problems")
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_said_in_a_line() {
        assert_eq!(said(0), "nothing to remove\n");
        assert_eq!(said(38_000_000), "freed 38 MB\n");
        assert!(not_ours("docker").contains("farm images prune"));
    }

    #[test]
    fn what_goes_is_shown_with_sizes_and_totals() {
        let entry = |name: &str, bytes, seconds| Entry {
            kind: "download".to_owned(),
            name: name.to_owned(),
            bytes,
            used: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds),
            place: Place::File(name.into()),
        };
        let go = [entry("downloads/a", 38_000_000, 0), entry("downloads/b", 2_000_000, 90_000)];
        insta::assert_snapshot!(plan(&go, 900_000_000, 1_000_000_000, &Style::PLAIN), @"
        LAST USED         SIZE    KIND      NAME
        1970-01-01 00:00  38 MB   download  downloads/a
        1970-01-02 01:00  2.0 MB  download  downloads/b
        times are UTC; an image counts with all its layers
        would remove 2 entries, 40 MB; 900 MB stay
        ");
        assert_eq!(plan(&[], 5_000, 10_000, &Style::PLAIN), "would remove 0 entries, 0 B; 5.0 kB stay\n");
        assert_eq!(
            done(&go[..1], 5_000, 1_000),
            "removed 1 entry, 38 MB; 5.0 kB stay, more than 1.0 kB: they are in use now\n"
        );
    }

    #[test]
    fn problems_come_with_what_mends_them() {
        assert_eq!(verdict(&[]), "the store is whole\n");
        insta::assert_snapshot!(verdict(&["image farm/base:x has no layer 12".to_owned()]), @"
        image farm/base:x has no layer 12
        1 problem in the store: images that have one are removed, and builds make them again
        ");
    }
}
