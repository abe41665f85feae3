//! What a description is made of, and how texts of packages are made alike.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::types::Format;

/// What one package is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Description {
    pub(crate) format: Format,
    pub(crate) name: String,
    /// As the format writes it: `1:2.10-1`.
    pub(crate) version: String,
    pub(crate) architecture: String,
    pub(crate) is_source: bool,
    pub(crate) is_debug: bool,
    /// Texts about the package, by the name that the format has for them: `Homepage`, `License`.
    pub(crate) fields: BTreeMap<String, String>,
    pub(crate) relations: BTreeMap<RelationKind, BTreeSet<Related>>,
    /// What the package manager runs, by the format's name for it, without comments.
    pub(crate) scripts: BTreeMap<String, String>,
    pub(crate) triggers: BTreeSet<String>,
    pub(crate) files: BTreeMap<Vec<u8>, DescribedFile>,
}

/// How packages stand to each other, in words for both formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RelationKind {
    /// deb: Pre-Depends. rpm: `Requires(pre)`.
    PreRequires,
    /// deb: Depends.
    Requires,
    /// Recommends.
    Recommends,
    /// Suggests.
    Suggests,
    /// Enhances.
    Enhances,
    /// rpm: Supplements.
    Supplements,
    /// Provides.
    Provides,
    /// Conflicts.
    Conflicts,
    /// deb: Breaks.
    Breaks,
    /// deb: Replaces. rpm: Obsoletes.
    Replaces,
}

impl RelationKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            RelationKind::PreRequires => "pre-requires",
            RelationKind::Requires => "requires",
            RelationKind::Recommends => "recommends",
            RelationKind::Suggests => "suggests",
            RelationKind::Enhances => "enhances",
            RelationKind::Supplements => "supplements",
            RelationKind::Provides => "provides",
            RelationKind::Conflicts => "conflicts",
            RelationKind::Breaks => "breaks",
            RelationKind::Replaces => "replaces",
        }
    }
}

/// One relation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Related {
    /// The package or capability; of alternatives, all of them.
    pub(crate) name: String,
    /// All of it, with the package's own version written as [`OWN_VERSION`].
    pub(crate) text: String,
    /// Found by the format's own tools in the package's files, or a matter between the package and rpm.
    pub(crate) is_generated: bool,
}

/// What stands for the package's own version: a new version alone changes no relation.
pub(crate) const OWN_VERSION: &str = "${version}";

/// A file, folder or link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DescribedFile {
    pub(crate) kind: FileKind,
    /// Permission bits.
    pub(crate) mode: u32,
    /// `USER:GROUP`, also where a .deb sets them in its postinst.
    pub(crate) owner: String,
    pub(crate) link: Vec<u8>,
    pub(crate) size: u64,
    pub(crate) sha256: Option<[u8; 32]>,
    /// Of what is in a file of gzip's.
    pub(crate) unpacked: Option<[u8; 32]>,
    pub(crate) is_config: bool,
    pub(crate) is_ghost: bool,
    pub(crate) capabilities: String,
    pub(crate) is_elf: bool,
    pub(crate) soname: Option<String>,
    /// Of a file with a soname; none where they cannot be known.
    pub(crate) exported: Option<Vec<String>>,
    /// Libraries that it names as needed (DT_NEEDED).
    pub(crate) needed: Vec<String>,
}

/// What a file is. Of hard links, each is a file with its own name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    File,
    Folder,
    Symlink,
    Special,
}

impl FileKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            FileKind::File => "file",
            FileKind::Folder => "folder",
            FileKind::Symlink => "link",
            FileKind::Special => "special file",
        }
    }
}

/// File capabilities in one spelling: setcap(8) takes `cap_net_raw+ep` and `cap_net_raw=ep` alike for a file that had none, rpm
/// writes the latter.
pub(super) fn capabilities(text: &str) -> String {
    let clauses = text.split_whitespace().filter(|clause| *clause != "=");
    let spelled = clauses.map(|clause| {
        let (names, flags) = clause.split_at(clause.find(['=', '+']).unwrap_or(clause.len()));
        let mut names: Vec<String> = names.split(',').map(str::to_ascii_lowercase).collect();
        names.sort_unstable();
        let mut flags: Vec<char> = flags.trim_start_matches(['=', '+']).chars().collect();
        flags.sort_unstable();
        format!("{}={}", names.join(","), flags.into_iter().collect::<String>())
    });
    let mut spelled: Vec<String> = spelled.collect();
    spelled.sort_unstable();
    spelled.join(" ")
}

/// What is in a package beside its files.
#[derive(Default)]
pub(super) struct Texts {
    pub(super) fields: BTreeMap<String, String>,
    pub(super) relations: BTreeMap<RelationKind, BTreeSet<Related>>,
    pub(super) scripts: BTreeMap<String, String>,
    pub(super) triggers: BTreeSet<String>,
    /// What a script gives files: path, owner, capabilities.
    pub(super) attributes: Vec<(Vec<u8>, Option<String>, Option<String>)>,
}

/// A script without what does nothing: comments, empty lines, blanks at ends of lines. The version of the package is no
/// part of what it does.
pub(super) fn script(text: &str, version: &str) -> String {
    let mut normal = String::new();
    for (at, line) in text.lines().map(str::trim_end).enumerate() {
        let is_comment = line.trim_start().starts_with('#') && !(at == 0 && line.starts_with("#!"));
        if !line.is_empty() && !is_comment {
            normal.push_str(&without_version(line, version));
            normal.push('\n');
        }
    }
    normal
}

/// With [`OWN_VERSION`] where the version stands as a word of its own.
pub(super) fn without_version(text: &str, version: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "+-.~^:_".contains(c);
    // A bare number means too much else.
    if !version.contains(['.', '-']) {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(version) {
        let (before, found) = rest.split_at(at);
        let after = &found[version.len()..];
        let is_word =
            !out.chars().chain(before.chars()).next_back().is_some_and(is_part) && !after.starts_with(is_part);
        out.push_str(before);
        out.push_str(if is_word { OWN_VERSION } else { version });
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_have_one_spelling() {
        assert_eq!(capabilities("cap_net_raw+ep"), "cap_net_raw=ep");
        assert_eq!(capabilities("CAP_SETUID,cap_net_raw=pe"), "cap_net_raw,cap_setuid=ep");
        assert_eq!(capabilities("= cap_net_raw+ep"), "cap_net_raw=ep");
        assert_eq!(capabilities("cap_b=p cap_a=i"), "cap_a=i cap_b=p");
        assert_eq!(capabilities(""), "");
    }

    #[test]
    fn a_script_is_what_it_does() {
        let text = "#!/bin/sh\n# Automatically added by dh\n\nset -e  \n  # why\necho '1.2-1' 11.2-1 1.2-1.3\n";
        assert_eq!(script(text, "1.2-1"), "#!/bin/sh\nset -e\necho '${version}' 11.2-1 1.2-1.3\n");
        assert_eq!(script("exit 1\n", "1"), "exit 1\n");
    }
}
