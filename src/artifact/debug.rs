//! Packages with debug symbols. They are made beside the planned ones and installed by people who look for a fault; no
//! test tries them. So they may hold nothing but symbols and sources, and do nothing.

use super::contents::{EntryKind, Facts, PackagedFile};
use crate::types::Format;

/// Why an entry may not be in a debug package; `None` when it may.
pub(super) fn why_not(format: Format, package: &str, entry: &PackagedFile, path: &str) -> Option<String> {
    let below = |top: &str| path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let is_link_or_folder = matches!(entry.kind, EntryKind::Symlink | EntryKind::Folder);
    let is_allowed = match format {
        Format::Deb => {
            // Debian's tar archives have all folders above a file, too.
            let is_above = ["/", "/usr", "/usr/lib", "/usr/share", "/usr/share/doc"].contains(&path);
            let is_doc_link = path == format!("/usr/share/doc/{package}") && entry.kind == EntryKind::Symlink;
            below("/usr/lib/debug") || (is_above && entry.kind == EntryKind::Folder) || is_doc_link
        }
        Format::Rpm => {
            let is_source = package.ends_with("-debugsource");
            below("/usr/src/debug")
                || (!is_source && (below("/usr/lib/debug") || (below("/usr/lib/.build-id") && is_link_or_folder)))
        }
    };
    if !is_allowed {
        return Some(format!("has {path}, and a debug package holds debug symbols and sources only"));
    }
    if entry.mode & 0o6000 != 0 && !is_link_or_folder {
        return Some(format!("has {path} with mode {:04o}", entry.mode));
    }
    None
}

/// What it says of itself that a debug package may not say.
pub(super) fn faults(facts: &Facts) -> Vec<String> {
    let mut faults = Vec::new();
    if !facts.scripts.is_empty() {
        faults.push(format!("is a debug package and has maintainer scripts or the like: {}", facts.scripts.join(", ")));
    }
    let is_its_own = |name: &&String| {
        let own = name.strip_prefix(facts.name.as_str());
        // Symbols of libraries have a soname, which rpm's elfdeps gives by the name of the file: nothing is linked with it.
        let is_of_symbols = name.split_once('(').is_some_and(|(soname, _)| soname.ends_with(".debug"));
        facts.format == Format::Rpm
            && (own.is_some_and(|rest| rest.is_empty() || rest.starts_with('('))
                || is_of_symbols
                || **name == "debuginfo(build-id)")
    };
    let foreign: Vec<&str> = facts.provides.iter().filter(|name| !is_its_own(name)).map(String::as_str).collect();
    if !foreign.is_empty() {
        faults.push(format!("is a debug package and provides {}", foreign.join(", ")));
    }
    faults
}

/// Whether it belongs to one of `packages`, by its name. `source` is what the source package is called.
pub(super) fn belongs<'a>(facts: &Facts, mut packages: impl Iterator<Item = &'a str>, source: Option<&str>) -> bool {
    let stems = match facts.format {
        Format::Deb => [facts.name.strip_suffix("-dbgsym"), None],
        Format::Rpm => [facts.name.strip_suffix("-debuginfo"), facts.name.strip_suffix("-debugsource")],
    };
    let is_stem = |name: &str| stems.contains(&Some(name));
    source.is_some_and(is_stem) || packages.any(is_stem)
}
