//! Holds one package after the other against the manifest, entry by entry, while it is read.

use std::collections::BTreeMap;

use super::{Known, Maker, Manifest, StagedKind, modes, rules};
use crate::artifact::Severity;
use crate::artifact::contents::{EntryKind, PackagedFile};
use crate::formats::elf::Looked;
use crate::types::{Format, printable};

/// Takes a finding: its severity, rule and sentence.
type Tell<'a> = dyn FnMut(Severity, &'static str, String) + 'a;

/// One package, as far as it has been compared.
#[derive(Debug)]
pub(in crate::artifact) struct Comparison<'a> {
    manifest: &'a Manifest,
    name: &'a str,
    number: usize,
    /// Installed files that are in the package.
    seen: Vec<usize>,
    /// By all names of an installed file, the files of the package that they have become.
    links: BTreeMap<u64, Vec<(usize, Vec<u8>)>>,
}

impl<'a> Comparison<'a> {
    /// For the package called `name`.
    pub(in crate::artifact) fn new(manifest: &'a Manifest, name: &'a str) -> Comparison<'a> {
        // A package that gets nothing is none of the manifest's; what it has is compared all the same.
        let number = manifest.packages.iter().position(|package| package == name).unwrap_or(usize::MAX);
        Comparison { manifest, name, number, seen: Vec::new(), links: BTreeMap::new() }
    }

    pub(in crate::artifact) fn visit(&mut self, entry: &PackagedFile, tell: &mut Tell<'_>) {
        if entry.path == b"/" {
            return;
        }
        let shown = printable(&String::from_utf8_lossy(&entry.path));
        let Some(index) = self.manifest.find(&entry.path) else {
            if !rules::is_added(self.manifest, self.number, self.name, entry) {
                let message = format!("{shown} is in the package, and was not installed");
                tell(Severity::Error, "not-installed", message);
            }
            return;
        };
        let known = &self.manifest.staged[index];
        self.seen.push(index);
        let mut error = |rule, message| tell(Severity::Error, rule, message);
        if entry.kind != EntryKind::Folder
            && let Some(package) = known.package.filter(|package| *package != self.number)
        {
            let other = &self.manifest.packages[package];
            let message = format!("{shown} belongs to {other} by the recipe's patterns, and is in {}", self.name);
            error("in-other-package", message);
        }
        if !self.is_same_kind(known, entry) {
            let (installed, found) = (kind_of(&known.staged.kind), kind_of_entry(entry.kind));
            error("type-not-as-installed", format!("{shown}: installed as {installed}, package has {found}"));
            return;
        }
        self.compare_mode(known, entry, &shown, &mut error);
        match &known.staged.kind {
            StagedKind::Symlink(target)
                if entry.kind == EntryKind::Symlink
                    && !rules::is_same_link(self.manifest.maker, &entry.path, target, &entry.link) =>
            {
                let text = |link: &[u8]| printable(&String::from_utf8_lossy(link));
                let (installed, found) = (text(target), text(&entry.link));
                let message = format!("{shown}: installed as a link to {installed}, package has one to {found}");
                error("link-not-as-installed", message);
            }
            StagedKind::File { .. } if entry.kind != EntryKind::Symlink => {
                self.compare_content(known, entry, &shown, &mut error);
                if known.is_config != entry.is_config {
                    let of = |is_config| if is_config { "a configuration file" } else { "no configuration file" };
                    let (installed, found) = (of(known.is_config), of(entry.is_config));
                    let message = format!("{shown}: {installed} by the recipe, {found} in the package");
                    error("config-not-as-installed", message);
                }
            }
            _ => {}
        }
        if let Some((user, group)) = known.staged.owner.filter(|_| known.said_owner.is_none()) {
            let message = format!(
                "{shown}: installed for {user}:{group}, package has root:root: say its owner in \
                 [package.attributes]"
            );
            tell(Severity::Warning, "owner-not-kept", message);
        }
        if let (Some(Some(bytes)), Looked::Elf(_)) = (known.whole, &entry.looked) {
            let message = format!(
                "{shown} carries {bytes} bytes behind its ELF image, so it is not stripped: strip = [\"{shown}\"] in \
                 [build] says that it is meant so"
            );
            tell(Severity::Warning, "not-stripped", message);
        }
        if let Some(links) = known.staged.links {
            let first = if entry.kind == EntryKind::HardLink { &entry.link } else { &entry.path };
            self.links.entry(links).or_default().push((index, first.clone()));
        }
    }

    /// Also tells of hard links that have become files of their own. Returns the installed files that are in the package.
    pub(in crate::artifact) fn finish(self, tell: &mut Tell<'_>) -> Vec<usize> {
        for names in self.links.values() {
            let (first, rest) =
                names.split_first().map_or((None, names.as_slice()), |(first, rest)| (Some(first), rest));
            let Some((one, place)) = first else { continue };
            if let Some((other, _)) = rest.iter().find(|(_, other)| other != place) {
                let text = |index: usize| printable(&String::from_utf8_lossy(&self.manifest.staged[index].staged.path));
                let (one, other) = (text(*one), text(*other));
                let message = format!("{one} and {other} were installed as one file (hard links), package has two");
                tell(Severity::Warning, "hard-links-split", message);
            }
        }
        self.seen
    }

    fn is_same_kind(&self, known: &Known, entry: &PackagedFile) -> bool {
        match (&known.staged.kind, entry.kind) {
            (StagedKind::File { .. }, EntryKind::File | EntryKind::HardLink)
            | (StagedKind::Folder, EntryKind::Folder)
            | (StagedKind::Symlink(_), EntryKind::Symlink)
            | (StagedKind::Special, EntryKind::Special) => true,
            // dh_installman makes links of pages that only name another one (`.so man1/x.1`).
            (StagedKind::File { size, .. }, EntryKind::Symlink) => {
                matches!(self.manifest.maker, Maker::Debhelper { .. }) && rules::is_page(&entry.path) && *size < 4096
            }
            _ => false,
        }
    }

    fn compare_mode(
        &self,
        known: &Known,
        entry: &PackagedFile,
        shown: &str,
        error: &mut dyn FnMut(&'static str, String),
    ) {
        let staged = &known.staged;
        let owner = known.said_owner.as_deref().unwrap_or("root:root");
        if owner != format!("{}:{}", entry.owner, entry.group) {
            let said = if known.said_owner.is_some() { owner } else { "root" };
            let message = format!("{shown}: installed for {said}, package has {}:{}", entry.owner, entry.group);
            error("owner-not-as-installed", printable(&message));
        }
        if matches!(entry.kind, EntryKind::Symlink | EntryKind::Special) {
            return;
        }
        if let Some(said) = known.said_mode {
            if said != entry.mode {
                let message = format!("{shown}: {said:04o} by the recipe, package has {:04o}", entry.mode);
                error("mode-not-as-installed", message);
            }
            return;
        }
        let is_folder = entry.kind == EntryKind::Folder;
        // One file has one mode, by the rules for any of its names.
        let names = staged.links.and_then(|links| self.manifest.names.get(&links));
        let mut paths = names.into_iter().flatten().map(|index| &self.manifest.staged[*index].staged.path);
        let is_right =
            |path: &Vec<u8>| self.is_right_mode(&String::from_utf8_lossy(path), is_folder, staged.mode, entry.mode);
        if !is_right(&staged.path) && !paths.any(is_right) {
            let message = format!(
                "{shown}: installed {:04o} root:root, package has {:04o} {}:{}: if it must be so, say it in \
                 [package.attributes]",
                staged.mode, entry.mode, entry.owner, entry.group
            );
            error("mode-not-as-installed", printable(&message));
        }
    }

    fn is_right_mode(&self, path: &str, is_folder: bool, mode: u32, found: u32) -> bool {
        let installed = modes::installed(path, is_folder, mode);
        if modes::is_kept(path, is_folder, mode) {
            return found == installed;
        }
        let is_program = |mode: u32| mode & 0o111 != 0;
        match self.manifest.format {
            // Releases of debhelper differ in which names are never those of programs, not in the folders that hold them.
            Format::Deb => {
                let as_is = [0o644, 0o755].contains(&found) && is_program(found) == is_program(mode);
                found == modes::debian(path, is_folder, mode) || (as_is && !modes::is_for_programs(path))
            }
            // Debug symbols and needed libraries are looked for in executable files only.
            Format::Rpm => {
                found == installed || (path.contains(".so") && found | 0o111 == installed | 0o111 && !is_folder)
            }
        }
    }

    fn compare_content(
        &self,
        known: &Known,
        entry: &PackagedFile,
        shown: &str,
        error: &mut dyn FnMut(&'static str, String),
    ) {
        let StagedKind::File { size, sha256 } = &known.staged.kind else { return };
        if entry.sha256 == Some(*sha256) || entry.unpacked == Some(*sha256) {
            return;
        }
        // Looked at where its first name is.
        if entry.kind == EntryKind::HardLink
            && let Some(first) = self.manifest.find(&entry.link)
            && self.manifest.staged[first].staged.links.is_some_and(|links| known.staged.links == Some(links))
        {
            return;
        }
        if known.whole.is_none() && rules::may_change(self.manifest, &known.staged.path, entry) {
            return;
        }
        let found = match entry.sha256 {
            Some(found) => format!("{} bytes, sha256 {}…", entry.size, &hex::encode(found)[..12]),
            None => "nothing".to_owned(),
        };
        let sum = &hex::encode(sha256)[..12];
        error(
            "content-not-as-installed",
            format!("{shown}: installed with {size} bytes, sha256 {sum}…, package has {found}"),
        );
    }
}

fn kind_of(kind: &StagedKind) -> &'static str {
    match kind {
        StagedKind::File { .. } => "a file",
        StagedKind::Folder => "a folder",
        StagedKind::Symlink(_) => "a link",
        StagedKind::Special => "a device, pipe or socket",
    }
}

fn kind_of_entry(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::File | EntryKind::HardLink => "a file",
        EntryKind::Folder => "a folder",
        EntryKind::Symlink => "a link",
        EntryKind::Special => "a device, pipe or socket",
    }
}

/// What was installed and is in none of the packages, and names of one file that are in two of them. `seen` has the
/// installed files of each package.
pub(in crate::artifact) fn missing(manifest: &Manifest, seen: &[(String, Vec<usize>)], tell: &mut Tell<'_>) {
    let mut holders: Vec<u32> = vec![0; manifest.staged.len()];
    let mut packages_of_links: BTreeMap<u64, Vec<(&str, usize)>> = BTreeMap::new();
    for (package, files) in seen {
        for index in files {
            holders[*index] += 1;
            if let Some(links) = manifest.staged[*index].staged.links {
                packages_of_links.entry(links).or_default().push((package, *index));
            }
        }
    }
    for (known, holders) in manifest.staged.iter().zip(&holders) {
        let path = &known.staged.path;
        let shown = printable(&String::from_utf8_lossy(path));
        let is_folder = known.staged.kind == StagedKind::Folder;
        match holders {
            0 => {
                let is_parent = is_folder && known.has_children;
                if is_parent || known.is_shared || rules::is_dropped(manifest, path, is_folder) {
                    continue;
                }
                let of = known
                    .package
                    .map_or(String::new(), |package| format!(" for package {}", manifest.packages[package]));
                let what = kind_of(&known.staged.kind);
                let message = format!("{shown}, {what}, was installed{of}, and is in no package");
                tell(Severity::Error, "missing-from-package", message);
            }
            1 => {}
            _ if is_folder => {}
            _ => tell(Severity::Error, "in-other-package", format!("{shown} is in more than one package")),
        }
    }
    for names in packages_of_links.values() {
        let Some((first, one)) = names.first() else { continue };
        if let Some((second, other)) = names.iter().find(|(package, _)| package != first) {
            let text = |index: usize| printable(&String::from_utf8_lossy(&manifest.staged[index].staged.path));
            let message = format!(
                "{} in {first} and {} in {second} were installed as one file (hard links): each package has its own",
                text(*one),
                text(*other)
            );
            tell(Severity::Warning, "hard-links-split", message);
        }
    }
}
