//! Packages indexes: scanned once for where each package stands, read where a question leads. An index of Debian has
//! 60 MB and 65 000 stanzas; a bootstrap needs some hundred, so memory holds 16 bytes for each name and nothing more.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::ArchiveError;
use crate::formats::deb822::{field, fields, paragraphs};
use crate::formats::relation::field::{Relation, relations};
use crate::formats::version::DebVersion;
use crate::types::printable;

/// No stanza of a Packages file comes near it; the hash of a wrong file is only known at its end.
pub(super) const LONGEST_STANZA: u32 = 4 << 20;

/// Packages files of one or more suites, searched as one.
#[derive(Debug)]
pub(crate) struct Index {
    pub(super) files: Vec<IndexFile>,
    /// Sorted by the name's hash.
    names: Vec<(u64, Location)>,
    provided: Vec<(u64, Location)>,
    /// Packages that the main suite marks `Essential: yes` or `Priority: required`.
    base: Vec<Location>,
    arch: String,
}

#[derive(Debug)]
pub(super) struct IndexFile {
    pub(super) path: PathBuf,
    pub(super) file: Mutex<File>,
    /// What `Filename` is relative to.
    archive_url: String,
}

/// Where a stanza stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Location {
    file: u32,
    offset: u32,
}

/// One binary package of an archive.
#[derive(Debug, Clone)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: DebVersion,
    /// Debian's name of the architecture, or `all`.
    pub(crate) arch: String,
    /// The size of the .deb in bytes; this and the next two say nothing of a package that was only found installed.
    pub(crate) size: u64,
    /// Of the .deb: 64 lower-case hexadecimal digits.
    pub(crate) sha256: String,
    /// Where the .deb is.
    pub(crate) url: String,
    /// Of the source package that it is built from; mostly its own name.
    pub(super) source: String,
    /// Without an area: `libdevel`
    pub(super) section: String,
    pub(super) essential: bool,
    /// 0 required, 1 important, 2 standard, 3 optional, 4 extra or unknown.
    pub(super) priority: u8,
    /// Depends and Pre-Depends.
    pub(super) depends: Vec<Vec<Relation>>,
    /// Conflicts and Breaks.
    pub(super) conflicts: Vec<Relation>,
    pub(super) provides: Vec<(String, Option<DebVersion>)>,
}

impl Index {
    pub(super) fn new(arch: &str) -> Index {
        Index { files: Vec::new(), names: Vec::new(), provided: Vec::new(), base: Vec::new(), arch: arch.to_owned() }
    }

    /// Adds an uncompressed Packages file, checking that its content is what the Release file says. `main`: it
    /// decides which packages every system has. Blocks.
    pub(super) fn add(&mut self, path: &Path, sha256: &str, archive_url: &str, main: bool) -> Result<(), ArchiveError> {
        let io = |source| ArchiveError::Io { path: path.to_owned(), source };
        let file = File::open(path).map_err(io)?;
        let number = u32::try_from(self.files.len()).map_err(|_| untrusted(path, "too many indexes"))?;
        let mut scan = Scan { index: self, file: number, main, stanza: None };
        let mut reader = BufReader::with_capacity(256 * 1024, &file);
        let mut hasher = Sha256::new();
        let mut line = Vec::new();
        let mut offset: u64 = 0;
        loop {
            line.clear();
            let length = (&mut reader).take(u64::from(LONGEST_STANZA)).read_until(b'\n', &mut line).map_err(io)?;
            if length == 0 {
                break;
            }
            hasher.update(&line);
            let at = u32::try_from(offset).map_err(|_| untrusted(path, "an index of more than 4 GiB"))?;
            scan.line(at, &line);
            offset += length as u64;
        }
        if hex::encode(hasher.finalize()) != sha256 {
            return Err(untrusted(path, "its content is not what the signed Release file says"));
        }
        self.files.push(IndexFile {
            path: path.to_owned(),
            file: Mutex::new(file),
            archive_url: archive_url.to_owned(),
        });
        Ok(())
    }

    /// To be called when all files are added.
    pub(super) fn finish(&mut self) {
        for list in [&mut self.names, &mut self.provided] {
            list.sort_unstable();
            list.dedup();
            list.shrink_to_fit();
        }
    }

    pub(crate) fn arch(&self) -> &str {
        &self.arch
    }

    /// How many packages it has.
    pub(super) fn count(&self) -> usize {
        self.names.len()
    }

    /// The packages of this name, the newest version first. Blocks.
    pub(crate) fn named(&self, name: &str) -> Result<Vec<Package>, ArchiveError> {
        let mut packages = self.read_all(&self.names, name, |package| package.name == name)?;
        packages.sort_by(|a, b| b.version.cmp(&a.version));
        Ok(packages)
    }

    /// The SHA-256 of a package file; none where no suite has that version now. Blocks.
    pub(crate) fn sum(&self, name: &str, version: &str, arch: &str) -> Result<Option<String>, ArchiveError> {
        let is_it = |package: &Package| package.version.to_string() == version && package.arch == arch;
        Ok(self.named(name)?.into_iter().find(is_it).map(|package| package.sha256))
    }

    /// The newest package of this name. Blocks.
    pub(crate) fn newest(&self, name: &str) -> Result<Option<Package>, ArchiveError> {
        Ok(self.named(name)?.into_iter().next())
    }

    /// The packages that provide this name: the more important first, then by name.
    pub(super) fn providers(&self, name: &str) -> Result<Vec<Package>, ArchiveError> {
        let provides = |package: &Package| package.provides.iter().any(|(provided, _)| provided == name);
        let mut packages = self.read_all(&self.provided, name, provides)?;
        packages.sort_by(|a, b| (a.priority, &a.name).cmp(&(b.priority, &b.name)).then(b.version.cmp(&a.version)));
        Ok(packages)
    }

    /// Names of the packages that every system of this suite has: `Essential: yes` and `Priority: required`.
    pub(super) fn base(&self) -> Result<Vec<String>, ArchiveError> {
        let mut names = Vec::new();
        for location in &self.base {
            let package = self.read(*location)?;
            if package.essential || package.priority == 0 {
                names.push(package.name);
            }
        }
        names.sort();
        names.dedup();
        Ok(names)
    }

    fn read_all(
        &self,
        list: &[(u64, Location)],
        name: &str,
        wanted: impl Fn(&Package) -> bool,
    ) -> Result<Vec<Package>, ArchiveError> {
        let hash = hash(name.as_bytes());
        let start = list.partition_point(|(other, _)| *other < hash);
        let mut packages = Vec::new();
        for (_, location) in list[start..].iter().take_while(|(other, _)| *other == hash) {
            let package = self.read(*location)?;
            if wanted(&package) && (package.arch == "all" || package.arch == self.arch) {
                packages.push(package);
            }
        }
        Ok(packages)
    }

    fn read(&self, location: Location) -> Result<Package, ArchiveError> {
        let index = &self.files[location.file as usize];
        let io = |source| ArchiveError::Io { path: index.path.clone(), source };
        let text = {
            let mut file = index.file.lock().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start(u64::from(location.offset))).map_err(io)?;
            let mut reader = BufReader::with_capacity(4096, &mut *file).take(u64::from(LONGEST_STANZA));
            let mut text = Vec::new();
            loop {
                let before = text.len();
                reader.read_until(b'\n', &mut text).map_err(io)?;
                if text.len() == before || text[before..] == *b"\n" {
                    break;
                }
            }
            text
        };
        let text = std::str::from_utf8(&text).map_err(|_| untrusted(&index.path, "a stanza that is not UTF-8"))?;
        package(text, &index.archive_url).map_err(|reason| untrusted(&index.path, &reason))
    }
}

fn untrusted(path: &Path, reason: &str) -> ArchiveError {
    ArchiveError::Untrusted { what: path.display().to_string(), reason: reason.to_owned() }
}

fn hash(name: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

/// Notes where packages stand, line by line.
struct Scan<'a> {
    index: &'a mut Index,
    file: u32,
    main: bool,
    stanza: Option<Location>,
}

impl Scan<'_> {
    fn line(&mut self, offset: u32, line: &[u8]) {
        if line == b"\n" {
            self.stanza = None;
            return;
        }
        let location = *self.stanza.get_or_insert(Location { file: self.file, offset });
        if let Some(name) = line.strip_prefix(b"Package:") {
            self.index.names.push((hash(name.trim_ascii()), location));
        } else if let Some(names) = line.strip_prefix(b"Provides:") {
            for provided in names.split(|byte| *byte == b',') {
                let end = provided.iter().position(|byte| b"(:".contains(byte)).unwrap_or(provided.len());
                self.index.provided.push((hash(provided[..end].trim_ascii()), location));
            }
        } else if self.main {
            let essential = line.strip_prefix(b"Essential:").is_some_and(|value| value.trim_ascii() == b"yes");
            let required = line.strip_prefix(b"Priority:").is_some_and(|value| value.trim_ascii() == b"required");
            if essential || required {
                self.index.base.push(location);
            }
        }
    }
}

/// The packages that a system has, by its dpkg's `status` file: those that are installed and nothing else, which must be
/// so for all. What says where a .deb is stays empty.
///
/// # Errors
/// In words: a package that is half installed, or of another architecture than `arch`, or a stanza that is none.
pub(crate) fn installed(status: &str, arch: &str) -> Result<Vec<Package>, String> {
    let mut packages = Vec::new();
    for stanza in paragraphs(status) {
        let package = described(stanza)?;
        match field(stanza, "Status").unwrap_or_default() {
            "install ok installed" | "hold ok installed" if package.arch == "all" || package.arch == arch => {
                packages.push(package);
            }
            status if status.ends_with(" not-installed") || status.ends_with(" config-files") => {}
            status => return Err(format!("package {} ({}) is `{}`", package.name, package.arch, printable(status))),
        }
    }
    Ok(packages)
}

/// A package as an archive has it.
fn package(stanza: &str, archive_url: &str) -> Result<Package, String> {
    let mut package = described(stanza)?;
    let (mut filename, mut sha256, mut size) = ("", "", None);
    for (field, value) in fields(stanza) {
        match field {
            "Filename" => filename = value,
            "Size" => size = value.parse().ok(),
            "SHA256" => sha256 = value,
            _ => {}
        }
    }
    // The hash is about to become a file name, the rest a URL.
    let bad = |field: &str| format!("package {} without a proper {field} field", package.name);
    package.size = size.ok_or_else(|| bad("Size"))?;
    if sha256.len() != 64 || !sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(bad("SHA256"));
    }
    package.sha256 = sha256.to_owned();
    let unsafe_path = filename.is_empty()
        || filename.starts_with('/')
        || filename.split('/').any(|part| part == "..")
        || !filename.chars().all(|c| word(c) || "/~:%".contains(c));
    if unsafe_path {
        return Err(bad("Filename"));
    }
    // `+` and `~` are plain characters of a URL's path; a literal `%` of a file name is not.
    package.url = format!("{archive_url}/{}", filename.trim_start_matches("./").replace('%', "%25"));
    Ok(package)
}

/// What names of packages are made of.
fn word(c: char) -> bool {
    c.is_ascii_alphanumeric() || "+-._".contains(c)
}

/// What a stanza says of a package, wherever that is.
fn described(stanza: &str) -> Result<Package, String> {
    let mut name = None;
    let mut version = None;
    let mut arch = "";
    let mut package = Package {
        name: String::new(),
        version: "0".parse().map_err(|_| "0 is a version".to_owned())?,
        arch: String::new(),
        size: 0,
        sha256: String::new(),
        url: String::new(),
        source: String::new(),
        section: String::new(),
        essential: false,
        priority: 4,
        depends: Vec::new(),
        conflicts: Vec::new(),
        provides: Vec::new(),
    };
    for (field, value) in fields(stanza) {
        match field {
            "Package" => name = Some(value),
            "Version" => version = value.parse().ok(),
            "Architecture" => arch = value,
            // With its version in parentheses where that is another.
            "Source" => package.source = value.split([' ', '(']).next().unwrap_or_default().to_owned(),
            "Section" => package.section = value.rsplit('/').next().unwrap_or_default().to_owned(),
            "Essential" => package.essential = value == "yes",
            "Priority" => {
                let priorities = ["required", "important", "standard", "optional"];
                package.priority = priorities.iter().position(|known| *known == value).unwrap_or(4) as u8;
            }
            "Depends" | "Pre-Depends" => package.depends.extend(relations(value)?),
            "Conflicts" | "Breaks" => package.conflicts.extend(relations(value)?.into_iter().flatten()),
            "Provides" => {
                for provided in relations(value)?.into_iter().flatten() {
                    package.provides.push((provided.name, provided.version.map(|(_, version)| version)));
                }
            }
            _ => {}
        }
    }
    // Its name and architecture are about to become parts of paths.
    package.name = name
        .filter(|name| !name.is_empty() && !name.starts_with('.') && name.chars().all(word))
        .ok_or("a stanza without a proper Package field")?
        .to_owned();
    let bad = |field: &str| format!("package {} without a proper {field} field", package.name);
    if package.source.is_empty() {
        package.source.clone_from(&package.name);
    }
    package.version = version.ok_or_else(|| bad("Version"))?;
    if arch.is_empty() || !arch.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Err(bad("Architecture"));
    }
    package.arch = arch.to_owned();
    Ok(package)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    impl Package {
        /// A package that nothing is known of but its name and version.
        pub(crate) fn for_test(name: &str, version: &str) -> Package {
            package(&stanza(name, version, ""), "http://mirror.example").unwrap()
        }
    }

    /// An index of these stanzas, for amd64.
    pub(in crate::archive) fn index(text: &str) -> Index {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Packages");
        std::fs::write(&path, text).unwrap();
        let mut index = Index::new("amd64");
        index.add(&path, &hex::encode(Sha256::digest(text)), "http://mirror.example/debian", true).unwrap();
        index.finish();
        index
    }

    /// A stanza with these fields and what else every package has.
    pub(in crate::archive) fn stanza(name: &str, version: &str, more: &str) -> String {
        format!(
            "Package: {name}\nVersion: {version}\nArchitecture: amd64\n{more}Filename: pool/{name}.deb\nSize: 1\n\
             SHA256: {}\n\n",
            hex::encode(Sha256::digest(format!("{name}{version}")))
        )
    }

    #[test]
    fn packages_are_found_by_name_and_by_what_they_provide() {
        let text = [
            stanza("libc6", "2.36-9", "Essential: yes\nDescription: x\n Package: fake\n"),
            stanza("mawk", "1.3", "Priority: required\nProvides: awk\n"),
            stanza("gawk", "5.2", "Priority: optional\nProvides: awk (= 5), other\n"),
            stanza("libc6", "2.36-10", ""),
            stanza("foreign", "1", "").replace("amd64", "arm64"),
        ]
        .concat();
        let index = index(text.trim_end());
        let versions: Vec<_> =
            index.named("libc6").unwrap().iter().map(|package| package.version.to_string()).collect();
        assert_eq!(versions, ["2.36-10", "2.36-9"]);
        let providers: Vec<_> = index.providers("awk").unwrap().into_iter().map(|package| package.name).collect();
        assert_eq!(providers, ["mawk", "gawk"]);
        assert_eq!(index.base().unwrap(), ["libc6", "mawk"]);
        assert!(index.named("fake").unwrap().is_empty());
        assert!(index.named("foreign").unwrap().is_empty());
        assert_eq!(index.named("gawk").unwrap()[0].url, "http://mirror.example/debian/pool/gawk.deb");
    }

    #[test]
    fn an_index_of_another_content_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Packages");
        std::fs::write(&path, stanza("a", "1", "")).unwrap();
        let error = Index::new("amd64").add(&path, &"0".repeat(64), "", true).unwrap_err();
        assert!(matches!(error, ArchiveError::Untrusted { .. }), "{error}");
    }

    #[test]
    fn stanzas_that_could_name_a_path_of_their_own_are_refused() {
        let good = stanza("a", "1", "");
        assert!(package(&good, "http://m").is_ok());
        for (from, to) in [
            ("Package: a", "Package: ../a"),
            ("Package: a", "Package: .a"),
            ("Filename: pool/", "Filename: pool/../../"),
            ("Filename: pool/", "Filename: /"),
            ("Filename: pool/", "Filename: pool/\u{1b}"),
            ("SHA256: ", "SHA256: ../"),
            ("Size: 1", "Size: -1"),
            ("amd64", "../amd64"),
            ("Version: 1", "Version: "),
        ] {
            assert!(package(&good.replace(from, to), "http://m").is_err(), "{to}");
        }
    }
}
