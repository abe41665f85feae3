//! Two descriptions of packages, side by side.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Aspect, Change};
use crate::artifact::describe::{DescribedFile, Description, FileKind, Related};

/// All that is different.
pub(super) fn changes(before: &Description, after: &Description) -> Vec<Change> {
    let mut found = Found(Vec::new());
    found.values(Aspect::Version, "version", Some(before.version.clone()), Some(after.version.clone()));
    let architectures = (Some(before.architecture.clone()), Some(after.architecture.clone()));
    found.values(Aspect::Architecture, "architecture", architectures.0, architectures.1);
    found.maps(Aspect::Field, &before.fields, &after.fields);
    for path in before.files.keys().chain(after.files.keys()).collect::<BTreeSet<_>>() {
        found.file(&text(path), before.files.get(path), after.files.get(path));
    }
    libraries(before, after, &mut found);
    let none = BTreeSet::new();
    for kind in before.relations.keys().chain(after.relations.keys()).collect::<BTreeSet<_>>() {
        let (old, new) = (before.relations.get(kind).unwrap_or(&none), after.relations.get(kind).unwrap_or(&none));
        found.relations(Aspect::Relation(*kind), old, new);
    }
    found.maps(Aspect::Script, &before.scripts, &after.scripts);
    for trigger in before.triggers.symmetric_difference(&after.triggers) {
        let of = |triggers: &BTreeSet<String>| triggers.get(trigger).cloned();
        let name = trigger.lines().next().unwrap_or_default();
        found.values(Aspect::Trigger, name, of(&before.triggers), of(&after.triggers));
    }
    found.0
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

struct Found(Vec<Change>);

impl Found {
    fn values(&mut self, aspect: Aspect, subject: &str, before: Option<String>, after: Option<String>) {
        if before != after {
            self.0.push(Change { aspect, subject: subject.to_owned(), before, after });
        }
    }

    fn maps(&mut self, aspect: Aspect, before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) {
        for name in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
            self.values(aspect, name, before.get(name).cloned(), after.get(name).cloned());
        }
    }

    fn file(&mut self, path: &str, before: Option<&DescribedFile>, after: Option<&DescribedFile>) {
        let (Some(old), Some(new)) = (before, after) else {
            self.values(Aspect::File, path, before.map(whole), after.map(whole));
            return;
        };
        if old.kind != new.kind {
            let (old, new) = (old.kind.as_str().to_owned(), new.kind.as_str().to_owned());
            self.values(Aspect::Type, path, Some(old), Some(new));
            return;
        }
        // Nobody asks for the mode of a link.
        if old.kind != FileKind::Symlink {
            self.values(Aspect::Mode, path, Some(mode(old)), Some(mode(new)));
        }
        self.values(Aspect::Owner, path, Some(old.owner.clone()), Some(new.owner.clone()));
        if old.kind == FileKind::Symlink {
            self.values(Aspect::Link, path, Some(text(&old.link)), Some(text(&new.link)));
        }
        let config = |file: &DescribedFile| file.is_config.then(|| "configuration file".to_owned());
        self.values(Aspect::Config, path, config(old), config(new));
        let capabilities = |file: &DescribedFile| Some(file.capabilities.clone()).filter(|text| !text.is_empty());
        self.values(Aspect::Capabilities, path, capabilities(old), capabilities(new));
        if old.sha256 != new.sha256 {
            let is_repacked = old.unpacked.is_some() && old.unpacked == new.unpacked;
            let note = if is_repacked { ", the same when unpacked" } else { "" };
            self.values(Aspect::Content, path, content(old), content(new).map(|text| text + note));
        }
    }

    /// What became of relations: those on one name are one change.
    fn relations(&mut self, aspect: Aspect, before: &BTreeSet<Related>, after: &BTreeSet<Related>) {
        let gone = before.iter().filter(|one| !has(after, one));
        let come = after.iter().filter(|one| !has(before, one));
        let mut by_name: BTreeMap<&str, (Vec<&str>, Vec<&str>)> = BTreeMap::new();
        gone.for_each(|one| by_name.entry(&one.name).or_default().0.push(&one.text));
        come.for_each(|one| by_name.entry(&one.name).or_default().1.push(&one.text));
        for (name, (gone, come)) in by_name {
            let joined = |texts: Vec<&str>| (!texts.is_empty()).then(|| texts.join(", "));
            self.values(aspect, name, joined(gone), joined(come));
        }
    }
}

fn has(all: &BTreeSet<Related>, one: &Related) -> bool {
    // Who found it is no difference.
    [true, false].iter().any(|is_generated| all.contains(&Related { is_generated: *is_generated, ..one.clone() }))
}

fn mode(file: &DescribedFile) -> String {
    format!("{:04o}", file.mode)
}

fn content(file: &DescribedFile) -> Option<String> {
    file.sha256.map(|digest| format!("{} bytes, sha256 {}", file.size, hex::encode(digest)))
}

/// A file that the other package does not have.
fn whole(file: &DescribedFile) -> String {
    let mut text = match file.kind {
        FileKind::Symlink => format!("link to {}", text(&file.link)),
        kind => format!("{}, {} {}", kind.as_str(), mode(file), file.owner),
    };
    if file.sha256.is_some() {
        text.push_str(&format!(", {} bytes", file.size));
    }
    for (is_so, word) in [(file.is_config, "configuration file"), (file.is_ghost, "not in the package itself")] {
        if is_so {
            text.push_str(&format!(", {word}"));
        }
    }
    if !file.capabilities.is_empty() {
        text.push_str(&format!(", {}", file.capabilities));
    }
    text
}

/// The libraries of a package by soname.
fn by_soname(description: &Description) -> BTreeMap<&str, &DescribedFile> {
    description.files.values().filter_map(|file| Some((file.soname.as_deref()?, file))).collect()
}

/// `libx` of `libx.so.1`, `libx-1.2` of `libx-1.2.so`.
fn stem(soname: &str) -> &str {
    soname.split_once(".so").map_or(soname, |(stem, _)| stem)
}

/// A soname that became another one of the same library is one change; of libraries that stay, each symbol is one.
fn libraries(before: &Description, after: &Description, found: &mut Found) {
    let (old, new) = (by_soname(before), by_soname(after));
    let mut stems: BTreeMap<&str, (Vec<&str>, Vec<&str>)> = BTreeMap::new();
    old.keys()
        .filter(|soname| !new.contains_key(*soname))
        .for_each(|one| stems.entry(stem(one)).or_default().0.push(one));
    new.keys()
        .filter(|soname| !old.contains_key(*soname))
        .for_each(|one| stems.entry(stem(one)).or_default().1.push(one));
    for (stem, (gone, come)) in stems {
        let joined = |sonames: Vec<&str>| (!sonames.is_empty()).then(|| sonames.join(", "));
        found.values(Aspect::Soname, stem, joined(gone), joined(come));
    }
    for (soname, old) in old {
        let Some(new) = new.get(soname) else { continue };
        let (Some(old), Some(new)) = (&old.exported, &new.exported) else { continue };
        // Both are in order.
        let (old, new): (BTreeSet<&String>, BTreeSet<&String>) = (old.iter().collect(), new.iter().collect());
        for symbol in old.symmetric_difference(&new) {
            let of = |symbols: &BTreeSet<&String>| symbols.contains(*symbol).then(|| "exported".to_owned());
            found.values(Aspect::Symbol, &format!("{soname}: {symbol}"), of(&old), of(&new));
        }
    }
}
