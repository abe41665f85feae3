//! Whether the files of one package mean the same to whoever unpacks them: each once, in folders that are folders, under
//! one name where systems have links for folders (`/sbin` for `/usr/sbin`). A second entry of a path, or one behind a
//! link of the package, is read differently by dpkg, rpm, tar and whoever looks at a list.

use std::collections::{HashMap, HashSet};

use super::contents::{EntryKind, PackagedFile};

/// Top folders that are links into `/usr` on all systems of today.
const MERGED: &[&str] = &["bin", "lib", "lib32", "lib64", "libx32", "sbin"];
/// Where recipes are built; it is nowhere else.
const BUILD_TREE: &str = "/build";

/// The entries of a package so far, by the paths that they have on a system.
#[derive(Debug, Default)]
pub(super) struct Layout {
    entries: HashMap<String, Known>,
}

#[derive(Debug)]
struct Known {
    kind: EntryKind,
    /// As it is spelled, when that is not the key.
    spelled: Option<String>,
}

impl Layout {
    /// Takes an entry; what it says of it by itself and beside those before it goes to `report`, as rule and message.
    pub(super) fn add(&mut self, entry: &PackagedFile, path: &str, report: &mut dyn FnMut(&'static str, String)) {
        let real = real(path);
        if entry.kind == EntryKind::Symlink {
            check_link(entry, path, &real, report);
        }
        let spelled = (real != path).then(|| path.to_owned());
        let before = self.entries.insert(real.clone(), Known { kind: entry.kind, spelled });
        let Some(before) = before else { return };
        let other = before.spelled.as_deref().unwrap_or(&real);
        if other == path {
            report(
                "duplicate-path",
                format!("has {path} twice: which one is installed depends on who reads the package"),
            );
        } else if before.kind != EntryKind::Folder || entry.kind != EntryKind::Folder {
            let message =
                format!("has both {other} and {path}, which are one file where /{} is a link", top(path, other));
            report("path-under-two-names", message);
        }
    }

    /// What is wrong with the whole.
    pub(super) fn finish(&self, report: &mut dyn FnMut(&'static str, String)) {
        let mut seen: HashSet<&str> = HashSet::new();
        let mut wrong: HashMap<&str, (&str, usize)> = HashMap::new();
        for (path, known) in &self.entries {
            let mut rest = path.as_str();
            while let Some((folder, _)) = rest.rsplit_once('/').filter(|(folder, _)| !folder.is_empty()) {
                if self.entries.get(folder).is_some_and(|known| known.kind != EntryKind::Folder) {
                    let spelled = known.spelled.as_deref().unwrap_or(path);
                    // The first by name, whatever order the map is in.
                    let found = wrong.entry(folder).or_insert((spelled, 0));
                    *found = (found.0.min(spelled), found.1 + 1);
                } else if !seen.insert(folder) {
                    break;
                }
                rest = folder;
            }
        }
        let mut wrong: Vec<_> = wrong.into_iter().collect();
        wrong.sort_unstable();
        for (folder, (path, _)) in wrong {
            let what = match self.entries[folder].kind {
                EntryKind::Symlink => "a link",
                _ => "no folder",
            };
            let message =
                format!("has {path}, and {folder} is {what} in the same package: it lands elsewhere, or nowhere");
            report("path-through-link", message);
        }
    }

    /// The first folder by name that is `is_own` and in which the package has nothing.
    pub(super) fn empty_folder(&self, is_own: impl Fn(&str) -> bool) -> Option<String> {
        let parents: HashSet<&str> = self.entries.keys().filter_map(|path| Some(path.rsplit_once('/')?.0)).collect();
        let is_empty = |known: &Known, path: &str| known.kind == EntryKind::Folder && !parents.contains(path);
        let folders = self.entries.iter().filter(|(path, known)| is_empty(known, path) && is_own(path));
        folders.map(|(path, _)| path.clone()).min()
    }
}

/// The path where `/bin` and its like are links into `/usr`.
fn real(path: &str) -> String {
    let top = path[1..].split('/').next().unwrap_or_default();
    if MERGED.contains(&top) { format!("/usr{path}") } else { path.to_owned() }
}

/// The top folder of the path that is not below `/usr`.
fn top<'a>(one: &'a str, other: &'a str) -> &'a str {
    let path = if one.starts_with("/usr/") { other } else { one };
    path[1..].split('/').next().unwrap_or_default()
}

fn check_link(entry: &PackagedFile, path: &str, real_path: &str, report: &mut dyn FnMut(&'static str, String)) {
    let Ok(link) = std::str::from_utf8(&entry.link) else {
        return report("link-not-safe", format!("{path} is a link to what is no UTF-8"));
    };
    if link.is_empty() || crate::types::printable(link) != link {
        return report("link-not-safe", format!("{path} is a link to `{link}`, which is no path"));
    }
    let target = resolved(real_path, link);
    if target == BUILD_TREE || target.starts_with("/build/") {
        let message =
            format!("{path} is a link to {link}, which is where it was built: it leads nowhere once installed");
        report("link-into-build-tree", message);
    } else if real(&target) == real_path {
        report("link-to-itself", format!("{path} is a link to itself ({link})"));
    }
}

/// Where a link leads by its words, in a folder without other links.
fn resolved(path: &str, link: &str) -> String {
    let whole = match (link.starts_with('/'), path.rsplit_once('/')) {
        (false, Some((folder, _))) => format!("{folder}/{link}"),
        _ => link.to_owned(),
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            // Above the root is the root.
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_where_their_words_say() {
        for (path, link, target) in [
            ("/usr/bin/x", "y", "/usr/bin/y"),
            ("/usr/bin/x", "../lib/./y/", "/usr/lib/y"),
            ("/usr/bin/x", "../../../../build/y", "/build/y"),
            ("/usr/bin/x", "/", "/"),
            ("/x", "//a//b", "/a/b"),
        ] {
            assert_eq!(resolved(path, link), target, "{path} -> {link}");
        }
    }

    #[test]
    fn only_whole_top_folders_are_merged() {
        for (path, merged) in [
            ("/bin/x", "/usr/bin/x"),
            ("/sbin", "/usr/sbin"),
            ("/lib64/ld.so", "/usr/lib64/ld.so"),
            ("/binary/x", "/binary/x"),
            ("/usr/sbin/x", "/usr/sbin/x"),
            ("/opt/bin/x", "/opt/bin/x"),
            ("/", "/"),
        ] {
            assert_eq!(real(path), merged);
        }
    }
}
