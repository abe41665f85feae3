//! What the readers of build systems share.

use crate::init::draft::{Draft, Requirement};
use crate::init::text::{capability, is_plain_path, is_plain_word, is_version};
use crate::init::tree::{Tree, base_name};

/// The first of these files that lies at the top.
pub(super) fn top(tree: &Tree, names: &[&str]) -> Option<String> {
    names.iter().find(|name| tree.has(name)).map(|name| (*name).to_owned())
}

pub(super) fn requirement(what: String, from: &str, optional: bool) -> Requirement {
    Requirement::new(what, from, optional)
}

/// Manual pages that lie ready in the tree, for systems that install none by themselves.
pub(super) fn install_manual_pages(tree: &Tree, draft: &mut Draft) {
    for section in ['1', '5', '8'] {
        let ending = format!(".{section}");
        let pages: Vec<&str> = tree
            .names()
            .filter(|path| path.ends_with(&ending) && is_plain_path(path) && !path.starts_with("vendor/"))
            .filter(|path| {
                let name = base_name(path);
                draft.programs.iter().any(|program| name.starts_with(program.as_str()))
            })
            .collect();
        if !pages.is_empty() {
            let folder = format!("$DESTDIR$PREFIX/share/man/man{section}");
            draft.install.push(format!("mkdir -p {folder}"));
            draft.install.push(format!("install -m 644 {} {folder}/", pages.join(" ")));
        }
    }
}

/// pkg-config modules with the least version of each: `zlib >= 1.2 foo`, `zlib>=1.2`.
pub(super) fn modules<'a>(words: impl Iterator<Item = &'a str>) -> Vec<(String, Option<String>)> {
    let spaced: Vec<String> = words
        .flat_map(|word| {
            let mut parts = Vec::new();
            let mut rest = word;
            while let Some(at) = rest.find(['<', '>', '=']) {
                let end = rest[at..].find(|c| !"<>=".contains(c)).map_or(rest.len(), |end| at + end);
                parts.extend([rest[..at].to_owned(), rest[at..end].to_owned()]);
                rest = &rest[end..];
            }
            parts.push(rest.to_owned());
            parts
        })
        .filter(|word| !word.is_empty())
        .collect();
    let mut found: Vec<(String, Option<String>)> = Vec::new();
    let mut words = spaced.iter().peekable();
    while let Some(word) = words.next() {
        if word.starts_with(['<', '>', '=']) {
            let version = words.next().filter(|version| is_version(version));
            if let (Some((_, least)), true) = (found.last_mut(), matches!(word.as_str(), ">=" | ">" | "=")) {
                *least = version.cloned();
            }
        } else if is_plain_word(word) {
            found.push((word.clone(), None));
        }
    }
    found
}

/// A library to link with, as a capability; none for those of the C library itself.
pub(super) fn library(name: &str) -> Option<String> {
    const OF_LIBC: [&str; 14] = [
        "c",
        "m",
        "dl",
        "pthread",
        "rt",
        "util",
        "nsl",
        "socket",
        "resolv",
        "intl",
        "iconv",
        "network",
        "bsd-compat",
        "anl",
    ];
    if OF_LIBC.contains(&name) { None } else { capability("lib", name, None) }
}

/// `greet-1.0` without its version.
pub(super) fn without_version(folder: &str) -> &str {
    let version = |rest: &str| rest.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit());
    let at = folder.match_indices('-').find(|(at, _)| version(&folder[at + 1..]));
    at.map_or(folder, |(at, _)| &folder[..at])
}

/// `name = value` and `name += value` of a makefile, continued lines joined.
pub(super) fn assignments(text: &str) -> Vec<(String, String)> {
    let joined = text.replace("\\\n", " ");
    joined
        .lines()
        .filter(|line| !line.starts_with(['\t', '#']))
        .filter_map(|line| {
            let (name, value) = line.split_once('=')?;
            let name = name.trim_end_matches(['+', ':', '?', '!', ' ', '\t']).trim();
            let name = name.strip_prefix("export ").unwrap_or(name).trim();
            (!name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
                .then(|| (name.to_owned(), value.split(" #").next().unwrap_or_default().trim().to_owned()))
        })
        .take(20_000)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_have_the_least_version_that_is_asked_for() {
        let found = |text: &str| modules(text.split_whitespace());
        assert_eq!(found("zlib>=1.2 foo"), [("zlib".into(), Some("1.2".into())), ("foo".into(), None)]);
        assert_eq!(found("glib-2.0 >= 2.30 x < 2"), [("glib-2.0".into(), Some("2.30".into())), ("x".into(), None)]);
        assert_eq!(found("a >= $VER $(id)"), [("a".into(), None)]);
    }
}
