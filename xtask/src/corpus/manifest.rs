//! The list of packages, and the edits that a person makes in what `farm init` writes.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::command::{self, Failure};

/// An edit changes at most so many lines of a recipe.
pub(super) const MOST_EDITS: usize = 5;

/// Where a project is to be right.
#[cfg(test)]
const TARGETS: [&str; 3] = ["debian-12", "debian-13", "rpm-generic"];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    pub(super) package: Vec<Entry>,
}

/// What a project is to be when it was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Outcome {
    /// Built, tested, installed, its programs run, lintian finds no errors, and licence and version are right.
    Right,
    /// The same, with the edits that stand here.
    WithEdits,
    /// See the note.
    NotRight,
    /// Nobody has looked since outcomes are written down.
    NotTried,
}

#[cfg(test)]
impl Outcome {
    fn words(self) -> &'static str {
        match self {
            Outcome::Right => "right, unedited",
            Outcome::WithEdits => "right with edits",
            Outcome::NotRight => "**not right**",
            Outcome::NotTried => "not tried again",
        }
    }
}

/// An upstream archive, as Debian has it, or a public repository.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// Debian's name of the source package.
    pub(super) name: String,
    /// What it is in the list for: `CMake, library`.
    pub(super) kind: String,
    #[serde(default)]
    pub(super) url: String,
    #[serde(default)]
    pub(super) sha256: String,
    /// In place of an archive: what git clones, and the tag that is taken of it.
    #[serde(default)]
    pub(super) repository: String,
    #[serde(default)]
    pub(super) tag: String,
    pub(super) outcome: Outcome,
    /// The distributions on which the outcome was seen.
    #[serde(default)]
    pub(super) on: Vec<String>,
    /// Those of [`TARGETS`] that `farm init` leaves out with the reason: they cannot build it.
    #[serde(default, rename = "left-out")]
    pub(super) left_out: Vec<String>,
    /// What is wrong, or what else was needed: a sentence.
    #[serde(default)]
    pub(super) note: String,
    /// Hunks, with a blank line between: lines that begin with a blank are there and stay, with `-` are there and go,
    /// with `+` are new.
    #[serde(default)]
    pub(super) edits: String,
}

pub(super) fn load() -> Result<Manifest, Failure> {
    let path = command::root().join("benches/corpus/manifest.toml");
    let text = std::fs::read_to_string(&path).map_err(|error| Failure::io("read", &path, &error))?;
    let manifest: Manifest =
        toml::from_str(&text).map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    for entry in &manifest.package {
        entry.check().map_err(|reason| Failure::new(format!("{}: {}: {reason}", path.display(), entry.name)))?;
    }
    Ok(manifest)
}

impl Entry {
    fn hunks(&self) -> impl Iterator<Item = Vec<&str>> {
        let hunks = self.edits.trim_matches('\n').split("\n\n");
        hunks.map(|hunk| hunk.lines().collect::<Vec<_>>()).filter(|lines: &Vec<&str>| !lines.is_empty())
    }

    /// How many lines are written anew, or go without another in their place.
    pub(super) fn edited_lines(&self) -> usize {
        let count = |hunk: &[&str], sign: char| hunk.iter().filter(|line| line.starts_with(sign)).count();
        self.hunks().map(|hunk| count(&hunk, '+').max(count(&hunk, '-'))).sum()
    }

    /// The recipe with its edits.
    ///
    /// # Errors
    /// When a hunk's place is not there exactly once: `farm init` writes something else than when it was written.
    pub(super) fn apply(&self, recipe: &str) -> Result<String, Failure> {
        let mut lines: Vec<&str> = recipe.lines().collect();
        for hunk in self.hunks() {
            let side = |sign: char| -> Vec<&str> {
                hunk.iter().filter(|line| line.starts_with([' ', sign])).map(|line| &line[1..]).collect()
            };
            let (before, after) = (side('-'), side('+'));
            let places: Vec<usize> =
                (0..=lines.len().saturating_sub(before.len())).filter(|at| lines[*at..].starts_with(&before)).collect();
            let ([at], false) = (&places[..], before.is_empty()) else {
                return Err(Failure::new(format!(
                    "{}: this hunk fits in {} places of the recipe:\n{}",
                    self.name,
                    places.len(),
                    hunk.join("\n")
                )));
            };
            lines.splice(*at..at + before.len(), after);
        }
        Ok(lines.join("\n") + "\n")
    }

    fn check(&self) -> Result<(), String> {
        if self.edited_lines() > MOST_EDITS {
            return Err(format!("{} lines are edited", self.edited_lines()));
        }
        if let Some(line) = self.edits.lines().find(|line| !line.is_empty() && !line.starts_with([' ', '-', '+'])) {
            return Err(format!("`{line}` begins with no sign"));
        }
        if self.hunks().any(|hunk| hunk.iter().all(|line| line.starts_with('+'))) {
            return Err("a hunk does not say where it goes".to_owned());
        }
        if (self.outcome == Outcome::NotRight) && self.note.is_empty() {
            return Err("its note does not say what is not right".to_owned());
        }
        if self.outcome == Outcome::Right && !self.edits.is_empty() {
            return Err("it has edits, and is not right without".to_owned());
        }
        if matches!(self.outcome, Outcome::Right | Outcome::WithEdits) && self.on.is_empty() {
            return Err("`on` does not say where it was seen".to_owned());
        }
        if let Some(both) = self.left_out.iter().find(|distro| self.on.contains(distro)) {
            return Err(format!("it was seen on {both}, which is left out"));
        }
        if !self.repository.is_empty() {
            let address = self.repository.starts_with("https://github.com/") && !self.tag.is_empty();
            let plain = !self.tag.starts_with('-') && self.url.is_empty();
            return if address && plain {
                Ok(())
            } else {
                Err("its repository has no tag, or an archive, too".to_owned())
            };
        }
        let archive = self.url.starts_with("mirror://debian/pool/main/") && self.url.contains(".orig.tar.");
        if !archive {
            return Err(format!("{} is no upstream archive of Debian's main", self.url));
        }
        let sum = self.sha256.len() == 64 && self.sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
        if sum { Ok(()) } else { Err("its sha256 is none".to_owned()) }
    }
}

impl Manifest {
    /// The list for people: what is tried, and what was seen.
    #[cfg(test)]
    fn page(&self) -> String {
        let count = |outcome: Outcome| self.package.iter().filter(|entry| entry.outcome == outcome).count();
        let is_everywhere = |entry: &&Entry| {
            let seen = |target: &&str| entry.on.iter().chain(&entry.left_out).any(|known| known == target);
            entry.outcome == Outcome::Right && TARGETS.iter().all(seen)
        };
        let everywhere = self.package.iter().filter(is_everywhere).count();
        let mut text = format!(
            "{PAGE}\n{} projects: {} right unedited, {everywhere} of them wherever they can be built of Debian 12, Debian 13 and \
             rpm-generic, and the others where it stands; {} right with edits, {} not right, {} not tried.\n\n\
             | project | kind | outcome | on | note |\n|---|---|---|---|---|\n",
            self.package.len(),
            count(Outcome::Right),
            count(Outcome::WithEdits),
            count(Outcome::NotRight),
            count(Outcome::NotTried),
        );
        for entry in &self.package {
            let version = if entry.tag.is_empty() { String::new() } else { format!(" {}", entry.tag) };
            let left_out = entry.left_out.iter().map(|target| format!("{target} left out"));
            let on: Vec<String> = entry.on.iter().cloned().chain(left_out).collect();
            text.push_str(&format!(
                "| {}{version} | {} | {} | {} | {} |\n",
                entry.name,
                entry.kind,
                entry.outcome.words(),
                on.join(", "),
                entry.note
            ));
        }
        text
    }

    /// The entries of these names, or all.
    pub(super) fn choose(self, names: &[String]) -> Result<Vec<Entry>, Failure> {
        let known: BTreeSet<&str> = self.package.iter().map(|entry| entry.name.as_str()).collect();
        if let Some(unknown) = names.iter().find(|name| !known.contains(name.as_str())) {
            let known: Vec<&str> = known.into_iter().collect();
            return Err(Failure::new(format!("no package `{unknown}` in the corpus: {}", known.join(", "))));
        }
        Ok(self.package.into_iter().filter(|entry| names.is_empty() || names.contains(&entry.name)).collect())
    }
}

#[cfg(test)]
const PAGE: &str = "# The corpus

Real projects, to see how far `farm init` takes a person: `manifest.toml` has them, with the edits that were needed, and
this page is made of it (`FARM_UPDATE_DOCS=1 cargo test -p xtask corpus`). Tried on 2026-11-27 and 28 with farm's own engine,
on Debian 12, Debian 13 and rpm-generic: *on* says where it was seen to be right, and what `farm init` leaves out with the
reason, because it cannot build the project.

*Right* means: `farm init && farm build --distro …` built it, ran its tests, installed it in a fresh system and ran there the
test that `farm init` writes, which starts its programs where a manual or the language tells how; lintian finds no errors in
the packages for Debian 12, but for those of diskus, which it was not run on; licence and
version are what the project says, by a look at both. rpmlint was run on the packages of rpm-generic: what it calls errors
there are rules of the distribution that it comes from (signatures, names of library packages, scripts for ldconfig, packages of
debugging symbols, `python-base`, install-info)
and `#!/usr/bin/env node` of Node projects. `cargo xtask corpus [--distro LIST] [NAME…]` does all but the last two again, for
Debian 12 when no list says more, and fails where the list does not say *not right* and it is.
";

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(edits: &str) -> Entry {
        Entry {
            name: "x".into(),
            kind: String::new(),
            url: "mirror://debian/pool/main/x/x/x_1.orig.tar.gz".into(),
            sha256: "0".repeat(64),
            repository: String::new(),
            tag: String::new(),
            outcome: Outcome::WithEdits,
            on: vec!["debian-12".into()],
            left_out: Vec::new(),
            note: String::new(),
            edits: edits.to_owned(),
        }
    }

    #[test]
    fn twenty_packages_with_at_most_five_edited_lines_each() {
        let manifest = load().unwrap();
        assert!(manifest.package.len() >= 20, "only {} packages", manifest.package.len());
        let names: BTreeSet<&str> = manifest.package.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names.len(), manifest.package.len(), "a package is listed twice");
    }

    #[test]
    fn the_page_is_what_the_manifest_says() {
        let path = command::root().join("benches/corpus/README.md");
        let page = load().unwrap().page();
        if std::env::var_os("FARM_UPDATE_DOCS").is_some() {
            std::fs::write(&path, &page).unwrap();
        }
        let hint = "FARM_UPDATE_DOCS=1 cargo test -p xtask corpus";
        assert!(std::fs::read_to_string(&path).unwrap_or_default() == page, "out of date: {hint}");
    }

    #[test]
    fn edits_go_where_they_fit_once() {
        let edits = " a\n-b\n+B\n+C\n\n-d\n";
        assert_eq!(entry(edits).apply("a\nb\nc\nd\n").unwrap(), "a\nB\nC\nc\n");
        assert_eq!(entry(edits).edited_lines(), 3);
        assert!(entry("-b\n").apply("b\na\nb\n").is_err());
        assert!(entry("-z\n").apply("a\n").is_err());
        assert_eq!(entry("").apply("a\n").unwrap(), "a\n");
    }

    #[test]
    fn a_wrong_entry_is_told() {
        assert!(entry("-a\n+1\n+2\n+3\n+4\n+5\n+6\n").check().is_err());
        assert!(entry("a\n").check().is_err());
        assert!(entry("+a\n").check().is_err());
        assert!(Entry { outcome: Outcome::Right, ..entry("-a\n") }.check().is_err());
        assert!(Entry { outcome: Outcome::NotRight, ..entry("") }.check().is_err());
        assert!(Entry { on: Vec::new(), ..entry("") }.check().is_err());
        assert!(Entry { left_out: vec!["debian-12".into()], ..entry("") }.check().is_err());
        let of_git = |repository: &str, tag: &str| Entry {
            url: String::new(),
            repository: repository.into(),
            tag: tag.into(),
            ..entry("")
        };
        assert!(of_git("https://github.com/a/b", "v1").check().is_ok());
        assert!(of_git("https://github.com/a/b", "-v1").check().is_err());
        assert!(of_git("/a/b", "v1").check().is_err());
        assert!(Entry { url: "https://example.org/x.tar.gz".into(), ..entry("") }.check().is_err());
    }
}
