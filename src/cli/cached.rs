//! `farm cache`: what lies in the cache folder.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::args::{CacheArgs, ColorChoice};
use super::context;
use super::exit::Exit;
use super::failure::Failure;
use super::output::{self, Surroundings};
use crate::cache::{self, Entry, Place, bytes_of};
use crate::report::Style;
use crate::report::table::Table;
use crate::types::{human_bytes, printable};

pub(crate) async fn run(args: CacheArgs, color: ColorChoice) -> Result<Exit, Failure> {
    let folder = context::cache_folder()?;
    let shown = printable(&folder.display().to_string());
    let entries = context::blocking(move || cache::entries(&folder)).await;
    let style = Surroundings::of_this_process().style(color, false);
    output::out(&if args.json { json(&entries) } else { table(&entries, &shown, &style) });
    Ok(Exit::Success)
}

/// In UTC.
pub(super) fn time(used: SystemTime, format: &str) -> String {
    chrono::DateTime::<chrono::Utc>::from(used).format(format).to_string()
}

/// A line for each kind.
fn table(entries: &[Entry], folder: &str, style: &Style) -> String {
    let mut kinds: BTreeMap<&str, (usize, u64, SystemTime)> = BTreeMap::new();
    for entry in entries {
        let kind = kinds.entry(&entry.kind).or_insert((0, 0, entry.used));
        *kind = (kind.0 + 1, kind.1 + entry.bytes, kind.2.max(entry.used));
    }
    let all = human_bytes(bytes_of(entries));
    if kinds.is_empty() {
        return format!("nothing is in {folder} yet\n");
    }
    let mut table = Table::new(&["KIND", "ENTRIES", "SIZE", "LAST USED"]);
    for (kind, (count, bytes, used)) in kinds {
        table.row(vec![printable(kind), count.to_string(), human_bytes(bytes), time(used, "%Y-%m-%d %H:%M")]);
    }
    format!(
        "{}{all} in {folder}; times are UTC; `farm gc --keep 5G` removes what was not used for long\n",
        table.render(style)
    )
}

fn json(entries: &[Entry]) -> String {
    let one = |entry: &Entry| {
        let path = match &entry.place {
            Place::File(path) => Some(path.display().to_string()),
            Place::Image { .. } => None,
        };
        let used = time(entry.used, "%Y-%m-%dT%H:%M:%SZ");
        serde_json::json!({ "kind": entry.kind, "name": entry.name, "path": path, "bytes": entry.bytes, "used": used })
    };
    output::json_list(entries.iter().map(one))
}
