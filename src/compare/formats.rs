//! One recipe in two formats: what of a .deb and an .rpm has to mean the same, and what differs by nature. Each natural difference
//! is a row of [`NATURAL`], with its reason: what a row does not explain is told.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Aspect, Change};
use super::package;
use crate::artifact::describe::{DescribedFile, Description, FileKind, Related, RelationKind};
use crate::artifact::manifest::{changelog_rank, modes};
use crate::formats::folders;
use crate::types::Format;

/// A difference that the formats have by nature.
pub(super) struct Natural {
    /// What differs.
    pub(super) what: &'static str,
    /// Why that means nothing.
    pub(super) reason: &'static str,
    /// Makes what both formats say alike.
    apply: fn(&mut Description),
}

/// In the order in which they are applied: modes are told by paths, so they come before these are changed.
pub(super) const NATURAL: &[Natural] = &[
    Natural {
        what: "contents, sizes, libraries and their symbols",
        reason: "each distribution has its own compiler and tools",
        apply: without_contents,
    },
    Natural {
        what: "versions, architectures, and texts about the package",
        reason: "each format has its own words and fields; a .deb has its licence in its copyright file",
        apply: without_texts,
    },
    Natural {
        what: "scripts and triggers",
        reason: "what an .rpm says in its header, a .deb does in scripts, and helpers of both add their own",
        apply: without_scripts,
    },
    Natural {
        what: "copyright, changelogs and the like below /usr/share/doc, and /usr/share/licenses",
        reason: "Debian Policy 12.5 and 12.7 ask for the former, RPM's distributions for the latter",
        apply: |it| without_files(it, |path, _| is_document(path)),
    },
    Natural {
        what: "/usr/lib/.build-id, system-preset, lintian overrides, compiled Python",
        reason: "one format's tools make them and the other's do not know them",
        apply: |it| without_files(it, |path, _| is_of_tools(path)),
    },
    Natural {
        what: "files that an .rpm owns without having them",
        reason: "a .deb cannot list what is made later, as links of update-alternatives are",
        apply: |it| without_files(it, |_, file| file.is_ghost),
    },
    Natural {
        what: "modes of ordinary files",
        reason: "dh_fixperms makes them 0644 or 0755 (Debian Policy 10.9); modes that say something are kept in both",
        apply: with_modes,
    },
    Natural {
        what: "links and folders that are marked as configuration",
        reason: "a conffile of dpkg's is a file (Debian Policy 10.7.3), rpm marks whatever it is told",
        apply: with_config,
    },
    Natural {
        what: "/lib and /usr/lib, /usr/lib64 and /usr/lib/TRIPLET, folders of Python's and Perl's modules",
        reason: "each distribution has its places for libraries, units and modules",
        apply: |it| with_paths(it, in_one_place),
    },
    Natural {
        what: "compression of manual pages and documents",
        reason: "each format's helpers compress them their own way",
        apply: |it| with_paths(it, unpacked),
    },
    Natural {
        what: "folders with something in them that everybody may read",
        reason: "dpkg lists all folders above a file, an .rpm those that no other package has",
        apply: without_common_folders,
    },
    Natural {
        what: "relations that tools find, and versions in relations",
        reason: "a .deb requires packages with libraries, an .rpm their sonames; versions are written each format's way",
        apply: with_relations,
    },
];

/// What a .deb and an .rpm of one package mean differently.
pub(super) fn changes(before: &Description, after: &Description) -> Vec<Change> {
    let (mut one, mut other) = (before.clone(), after.clone());
    for natural in NATURAL {
        tracing::trace!(what = natural.what, reason = natural.reason, "no difference by nature");
        (natural.apply)(&mut one);
        (natural.apply)(&mut other);
    }
    let mut changes = package::changes(&one, &other);
    for kind in [RelationKind::Requires, RelationKind::Recommends, RelationKind::Suggests, RelationKind::Enhances] {
        without_other_names(&mut changes, kind);
    }
    changes
}

/// What to write in the recipe so that both formats mean the same.
pub(super) fn advice(aspect: Aspect) -> Option<&'static str> {
    Some(match aspect {
        Aspect::Mode | Aspect::Owner | Aspect::Capabilities => {
            "say it in [package.attributes], for both formats, and not in a script"
        }
        Aspect::Config => "name it in config-files, for both formats",
        Aspect::File | Aspect::Type | Aspect::Link => "install it in [build] for both formats, and name it in files",
        Aspect::Relation(_) => "name it for both formats, in [override.deb] and [override.rpm] where names differ",
        _ => return None,
    })
}

/// The name that packages of both formats have in common: `x-dev` and `x-devel`.
pub(super) fn common_name(name: &str) -> &str {
    name.strip_suffix("el").filter(|stem| stem.ends_with("-dev")).unwrap_or(name)
}

fn without_contents(it: &mut Description) {
    for file in it.files.values_mut() {
        (file.sha256, file.unpacked, file.size) = (None, None, 0);
        (file.soname, file.exported) = (None, None);
    }
}

fn without_texts(it: &mut Description) {
    it.fields.clear();
    it.version.clear();
    it.architecture.clear();
}

fn without_scripts(it: &mut Description) {
    it.scripts.clear();
    it.triggers.clear();
}

fn without_files(it: &mut Description, is_natural: impl Fn(&str, &DescribedFile) -> bool) {
    it.files.retain(|path, file| !is_natural(&String::from_utf8_lossy(path), file));
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn is_document(path: &str) -> bool {
    let of_package = path.strip_prefix("/usr/share/doc/").map(|rest| rest.split_once('/').map_or("", |(_, name)| name));
    let is_debians = |name: &str| {
        let name = name.strip_suffix(".gz").unwrap_or(name);
        changelog_rank(name).is_some()
            || matches!(name, "" | "copyright" | "changelog.html" | "TODO.Debian")
            || matches!(name, "changelog.Debian" | "NEWS.Debian" | "README.Debian")
    };
    of_package.is_some_and(is_debians) || is_below(path, "/usr/share/licenses")
}

fn is_of_tools(path: &str) -> bool {
    let folders = ["/usr/lib/.build-id", "/usr/lib/systemd/system-preset", "/usr/share/lintian", "/usr/share/doc-base"];
    folders.iter().any(|folder| is_below(path, folder))
        || path.ends_with(".pyc")
        || path.ends_with(".pyo")
        || path.ends_with("/__pycache__")
}

fn with_modes(it: &mut Description) {
    for (path, file) in &mut it.files {
        file.mode = modes::debian(&String::from_utf8_lossy(path), file.kind == FileKind::Folder, file.mode);
    }
}

fn with_config(it: &mut Description) {
    for file in it.files.values_mut() {
        file.is_config &= file.kind == FileKind::File;
    }
}

/// Files and the targets of links by other paths.
fn with_paths(it: &mut Description, renamed: fn(&str) -> String) {
    let mut files = BTreeMap::new();
    for (path, mut file) in std::mem::take(&mut it.files) {
        let path = String::from_utf8_lossy(&path).into_owned();
        if file.kind == FileKind::Symlink {
            file.link = renamed(&absolute(&path, &String::from_utf8_lossy(&file.link))).into_bytes();
        }
        files.insert(renamed(&path).into_bytes(), file);
    }
    it.files = files;
}

/// Where a link leads, without looking at other links.
fn absolute(path: &str, target: &str) -> String {
    let folder = if target.starts_with('/') { "" } else { path.rsplit_once('/').map_or("", |(folder, _)| folder) };
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(target.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

fn in_one_place(path: &str) -> String {
    let merged = ["/bin", "/sbin", "/lib", "/lib64"].iter().any(|folder| is_below(path, folder));
    let path = if merged { format!("/usr{path}") } else { path.to_owned() };
    let parts: Vec<&str> = path.split('/').collect();
    let rest = |from: usize| parts[from..].iter().map(|part| format!("/{part}")).collect::<String>();
    match parts.as_slice() {
        ["", "usr", "lib" | "lib64", python, "dist-packages" | "site-packages", ..] if python.starts_with("python") => {
            format!("/usr/lib/python3/packages{}", rest(5))
        }
        ["", "usr", "share", "perl5", "vendor_perl", ..] => format!("/usr/share/perl5{}", rest(5)),
        ["", "usr", "lib64", ..] => format!("/usr/LIBDIR{}", rest(3)),
        ["", "usr", "lib", triplet, ..] if triplet.contains("-linux-gnu") => format!("/usr/LIBDIR{}", rest(4)),
        _ => path,
    }
}

fn unpacked(path: &str) -> String {
    let is_page = ["/usr/share/man", "/usr/share/info", "/usr/share/doc"].iter().any(|folder| is_below(path, folder));
    let stem = [".gz", ".xz", ".zst", ".bz2"].iter().find_map(|end| path.strip_suffix(end));
    stem.filter(|_| is_page).unwrap_or(path).to_owned()
}

fn without_common_folders(it: &mut Description) {
    let parent = |path: &[u8]| path.iter().rposition(|byte| *byte == b'/').map(|slash| path[..slash].to_vec());
    let parents: BTreeSet<Vec<u8>> = it.files.keys().filter_map(|path| parent(path)).collect();
    it.files.retain(|path, file| {
        let text = String::from_utf8_lossy(path);
        let is_of_system =
            folders::is_shared(&text) || folders::is_of_system(&text, "/usr/LIBDIR") || text == "/usr/LIBDIR";
        let is_plain = file.mode == 0o755 && file.owner == "root:root" && parents.contains(path.as_slice());
        file.kind != FileKind::Folder || !(is_of_system || is_plain)
    });
}

/// What debhelper and farm require of Debian's packages for what rpm or systemd do elsewhere.
const HELPERS: [&str; 8] =
    ["adduser", "debconf", "init-system-helpers", "install-info", "libcap2-bin", "perl", "python3", "systemd"];

fn has_version(one: &Related) -> bool {
    one.text != one.name
}

fn with_relations(it: &mut Description) {
    let has_elf = it.files.values().any(|file| file.is_elf);
    let (format, own) = (it.format, it.name.clone());
    let names_of = |kind: RelationKind, wanted: fn(&Related) -> bool| -> BTreeSet<String> {
        it.relations.get(&kind).into_iter().flatten().filter(|one| wanted(one)).map(|one| one.name.clone()).collect()
    };
    // Whole packages are replaced by name. What is taken over from some versions of one is in conflict with these: a .deb says
    // both (Debian Policy 7.6), an .rpm the conflict alone.
    let replaced = names_of(RelationKind::Replaces, |one| !has_version(one));
    let taken_over = names_of(RelationKind::Breaks, has_version);
    let mut relations: BTreeMap<RelationKind, BTreeSet<_>> = BTreeMap::new();
    for (kind, all) in std::mem::take(&mut it.relations) {
        let common = match kind {
            RelationKind::PreRequires => RelationKind::Requires,
            RelationKind::Breaks => RelationKind::Conflicts,
            kind => kind,
        };
        for mut one in all {
            let name = one.name.as_str();
            let is_library = has_elf && (name.starts_with("lib") || name == "zlib1g");
            let is_natural = match common {
                RelationKind::Requires if format == Format::Deb => is_library || HELPERS.contains(&name),
                RelationKind::Requires => name.starts_with('/') || name.starts_with("systemd"),
                // A package that is replaced is in conflict, too (Debian Policy 7.6).
                RelationKind::Conflicts => replaced.contains(name),
                RelationKind::Provides => name == own,
                RelationKind::Replaces => has_version(&one) && taken_over.contains(name),
                _ => false,
            };
            if !one.is_generated && !is_natural {
                one.name = common_name(name).to_owned();
                one.text.clone_from(&one.name);
                relations.entry(common).or_default().insert(one);
            }
        }
    }
    it.relations = relations;
}

/// Where as many are required on one side only as on the other, the recipe names them for each format.
fn without_other_names(changes: &mut Vec<Change>, kind: RelationKind) {
    let of_kind = |change: &&Change| change.aspect == Aspect::Relation(kind);
    let (gone, come): (Vec<&Change>, Vec<&Change>) =
        changes.iter().filter(of_kind).partition(|one| one.after.is_none());
    if gone.len() == come.len() {
        changes.retain(|change| change.aspect != Aspect::Relation(kind));
    }
}

/// What the packages of one recipe mean differently in two formats, with the name of the package in the first one.
/// `names`: of each package, its names in both. Packages that only one of the two has are told by whoever planned them.
pub(super) fn alike(
    debs: &[Description],
    rpms: &[Description],
    names: &[(String, String)],
) -> Vec<(String, Vec<Change>)> {
    let mut found = Vec::new();
    for deb in debs.iter().filter(|one| !one.is_debug && !one.is_source) {
        let partner = names.iter().find(|(name, _)| *name == deb.name).map_or(deb.name.as_str(), |(_, name)| name);
        let Some(rpm) = rpms.iter().find(|one| common_name(&one.name) == common_name(partner) && !one.is_source) else {
            continue;
        };
        let mut rpm = rpm.clone();
        for all in rpm.relations.values_mut() {
            let renamed = std::mem::take(all).into_iter().map(|mut one| {
                if let Some((name, _)) = names.iter().find(|(_, name)| *name == one.name) {
                    one.name.clone_from(name);
                }
                one
            });
            all.extend(renamed);
        }
        found.push((deb.name.clone(), changes(deb, &rpm)));
    }
    found
}

/// One difference between formats as a sentence that says what to write, for people.
pub(super) fn sentence(change: &Change) -> String {
    let subject = super::text::visible(&change.subject);
    let value = |text: &Option<String>| text.as_deref().map(super::visible).unwrap_or_default();
    let (deb, rpm) = (value(&change.before), value(&change.after));
    let one = if change.before.is_some() { "the .deb" } else { "the .rpm" };
    let only = if change.before.is_some() { &deb } else { &rpm };
    let said = match (change.aspect, change.before.is_some() && change.after.is_some()) {
        (Aspect::Relation(kind), _) => format!("only {one} {} {subject}", kind.as_str()),
        (Aspect::File, _) => format!("{subject} ({only}) is in {one} alone"),
        (Aspect::Config, _) => format!("{subject} is a configuration file in {one} alone"),
        (Aspect::Capabilities, false) => format!("{subject} has {only} in {one} alone"),
        (Aspect::Link, _) => format!("{subject} leads to {deb} in the .deb and to {rpm} in the .rpm"),
        (Aspect::Type, _) => format!("{subject} is a {deb} in the .deb and a {rpm} in the .rpm"),
        (aspect, _) => format!("{subject} has {} {deb} in the .deb and {rpm} in the .rpm", aspect.as_str()),
    };
    match advice(change.aspect) {
        Some(advice) => format!("{said}: {advice}"),
        None => said,
    }
}
