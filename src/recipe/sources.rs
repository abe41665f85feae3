//! `[[sources]]`: where one comes from, and what is done with it.

use super::document::{KeyValue, Node, Value};
use super::reader::{Section, stray};
use super::values;
use super::{Origin, Patch, Series, Source};
use crate::types::Address;

/// A diff has three lines of context: a hunk that needs none of them could go anywhere.
const MOST_FUZZ: u32 = 2;

/// The keys of which exactly one says where a source is.
const SOURCE_ORIGINS: [&str; 5] = ["path", "url", "urls", "git", "file"];
const SOURCE_HELP: &str = "a source is one of: url (or urls) and sha256; path; git and commit; file and text";

/// One source, and the series that it names, which is read later.
pub(super) fn read_source(section: &Section<'_>) -> Option<(Source, Option<Series>)> {
    let origins: Vec<&str> = SOURCE_ORIGINS.into_iter().filter(|key| section.table.get(key).is_some()).collect();
    let help = SOURCE_HELP;
    let origin = match origins[..] {
        [key @ ("url" | "urls")] => {
            let urls = if key == "url" {
                section.checked_line(key, values::source_url).map(|text| text.value.to_owned()).into_iter().collect()
            } else {
                let urls = section.strings(key, values::source_url);
                if let Some(KeyValue { node: Node { value: Value::Array(items), span }, .. }) = section.table.get(key)
                    && items.is_empty()
                {
                    section.problems.add("`urls` is empty", span, "name at least one place", None);
                }
                urls
            };
            stray(section, &["commit", "submodules", "text", "mode"], key, "source", help);
            section.require(&["sha256"]);
            let urls = urls.into_iter().map(Address::from).collect();
            Origin::Urls { urls, sha256: section.required_line("sha256", values::sha256).to_ascii_lowercase() }
        }
        ["path"] => {
            stray(section, &["sha256", "commit", "submodules", "text", "mode"], "path", "source", help);
            Origin::Path { path: section.required_line("path", values::relative_path) }
        }
        ["file"] => read_text(section),
        [_] => {
            stray(section, &["sha256", "unpack", "text", "mode"], "git", "source", help);
            section.require(&["commit"]);
            Origin::Git {
                url: section.required_line("git", values::git_url).into(),
                commit: section.required_line("commit", values::commit).to_ascii_lowercase(),
                submodules: section.boolean("submodules").unwrap_or(false),
            }
        }
        [] => {
            section.problems.add(
                "a source says nowhere to get it from",
                &section.span,
                "one of url, urls, path, git, file is required here",
                Some(help.to_owned()),
            );
            return None;
        }
        [first, second, ..] => {
            let span = section.table.get(second).map_or(section.span.clone(), |entry| entry.key_span.clone());
            section.problems.add(
                format!("a source has both `{first}` and `{second}`"),
                &span,
                "only one of them can be meant",
                Some(match (first, second) {
                    ("url", "urls") => "list them all in urls".to_owned(),
                    _ => format!("{help}; a second source gets a [[sources]] of its own"),
                }),
            );
            return None;
        }
    };
    let unpack = section.boolean("unpack").unwrap_or(true);
    if !unpack {
        stray(
            section,
            &["strip"],
            "unpack = false",
            "source",
            "an archive that is not unpacked keeps all of its paths",
        );
    }
    if let Some(entry) = section.table.get("gitignore").filter(|_| !matches!(origin, Origin::Path { .. })) {
        section.problems.add(
            "`gitignore` has no meaning here",
            &entry.key_span,
            "belongs to a source with `path`",
            Some("archives and commits are taken whole".to_owned()),
        );
    }
    let said = SOURCE_ORIGINS.into_iter().find_map(|key| section.table.get(key));
    let span = said.map_or_else(|| section.span.clone(), |entry| entry.node.span.clone());
    let place = section.problems.place(span);
    let default_strip = u32::from(unpack && matches!(origin, Origin::Urls { .. }));
    let patches: Vec<Patch> = section
        .lines("patches", values::relative_path)
        .into_iter()
        .map(|text| Patch {
            path: text.value.to_owned(),
            strip: 1,
            place: Some(section.problems.place(text.span.clone())),
        })
        .collect();
    let series = section
        .checked_line("series", values::relative_path)
        .map(|text| Series { path: text.value.to_owned(), span: text.span.clone() });
    let has_patches = ["patches", "series"].iter().any(|key| section.table.get(key).is_some());
    if let Some(entry) = section.table.get("fuzz").filter(|_| !has_patches) {
        section.problems.add(
            "`fuzz` without patches",
            &entry.key_span,
            "says how exactly patches must fit",
            Some("name them in `patches`, or their list in `series`".to_owned()),
        );
    }
    let source = Source {
        origin,
        strip: section.integer("strip", 0..=16).unwrap_or(default_strip),
        into: section
            .checked_line("into", values::inner_path)
            .map_or_else(|| ".".to_owned(), |text| text.value.to_owned()),
        strip_said: section.table.get("strip").is_some(),
        unpack,
        gitignore: section.boolean("gitignore").unwrap_or(true),
        patches,
        fuzz: section.integer("fuzz", 0..=MOST_FUZZ).unwrap_or(0),
        place,
    };
    Some((source, series))
}

/// A file that stands in the recipe.
fn read_text(section: &Section<'_>) -> Origin {
    let stray_keys = ["sha256", "commit", "submodules", "unpack", "strip", "series", "patches", "fuzz"];
    stray(section, &stray_keys, "file", "source", SOURCE_HELP);
    if section.table.get("text").is_none() {
        section.problems.add(
            "missing key `text` in [[sources]]",
            &section.span,
            "`text` is required here: what the file holds",
            Some("a file that lies beside the recipe is a source with `path`".to_owned()),
        );
    }
    let mode = section.line("mode");
    if let Some(mode) = mode.filter(|mode| !["0644", "0755"].contains(&mode.value)) {
        section.problems.add(
            "`mode` is no mode of a source",
            mode.span,
            "must be \"0644\" or \"0755\"",
            Some(
                "in the source tree a file can be run or not; what is installed has the mode that `install` gives it"
                    .to_owned(),
            ),
        );
    }
    Origin::Text {
        file: section.required_line("file", values::file_name),
        text: section.text("text").map(|text| text.value.to_owned()).unwrap_or_default(),
        executable: mode.is_some_and(|mode| mode.value == "0755"),
    }
}
