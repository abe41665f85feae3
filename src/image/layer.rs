//! Packages unpacked into one tar: a root file system, or what is added to one, in the state in which dpkg leaves it
//! before it configures anything. Files go where the system's own directory links lead (merged /usr), dpkg's database is
//! written beside them. Nothing touches this host's file system; scripts are left for the container.

mod database;
mod stream;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsStr;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use md5::{Digest, Md5};

use self::database::Database;
pub(super) use self::stream::{Failure, StreamFailure, stream};
use super::deb::Deb;
use crate::archive::Package;
use crate::formats::deb;
use crate::formats::deb822::field;
use crate::formats::version::DebVersion;
use crate::types::{Arch, printable};

/// Directories of the root that are links to those of /usr on a system with merged /usr, as debootstrap makes them.
/// Newer releases of base-files bring their own.
fn merged_usr(arch: Arch) -> Vec<&'static str> {
    let mut links = vec!["bin", "sbin", "lib"];
    links.extend_from_slice(match arch {
        Arch::Amd64 => &["lib32", "lib64", "libx32"][..],
        Arch::I386 => &["lib64", "libx32"],
        Arch::Ppc64el => &["lib64"],
        Arch::S390x => &["lib32"],
        Arch::Loong64 | Arch::Mipsel => &["lib32", "lib64"],
        Arch::Mips64el => &["lib32", "lib64", "libo32"],
        Arch::Arm64 | Arch::Armhf | Arch::Armel | Arch::Riscv64 => &[],
    });
    links
}

/// A link may lead to a link, but not for ever (path_resolution(7)).
const MOST_LINKS: usize = 40;
const LARGEST_MASTER: u64 = 1 << 20;

/// A root file system being written.
pub(super) struct Layer<'w> {
    tar: tar::Builder<&'w mut dyn Write>,
    /// Symbolic links so far, by path; targets as they are written in the link.
    links: HashMap<Vec<u8>, Vec<u8>>,
    directories: HashSet<Vec<u8>>,
    /// Everything else, and whose it is.
    files: HashMap<Vec<u8>, usize>,
    owners: Vec<String>,
    diverted: HashMap<Vec<u8>, String>,
    database: Database,
    /// base-passwd's masters of `passwd` and `group`.
    masters: BTreeMap<&'static str, Vec<u8>>,
    /// The newest file of the packages: the time of all that is written beside them.
    newest: u64,
}

impl std::fmt::Debug for Layer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Layer").field("owners", &self.owners).finish_non_exhaustive()
    }
}

/// Why a package cannot become part of the layer.
#[derive(Debug, thiserror::Error)]
pub(super) enum LayerError {
    #[error("package {package} {reason}")]
    Refused { package: String, reason: String },
    #[error("root file system cannot be written")]
    Io(#[from] io::Error),
}

/// What a system has already, as far as packages that come to it are concerned. Paths are relative to its root.
#[derive(Debug, Default)]
pub(super) struct InstalledSystem {
    /// Symbolic links, and their targets.
    pub(super) links: HashMap<Vec<u8>, Vec<u8>>,
    pub(super) directories: HashSet<Vec<u8>>,
    /// Everything else.
    pub(super) files: HashSet<Vec<u8>>,
    /// Paths that dpkg-divert(1) leads elsewhere, or to which it does, and whose files of that name are not meant; paths
    /// of dpkg-statoverride(1), and nobody. As dpkg sees them: not through links.
    pub(super) diverted: HashMap<Vec<u8>, String>,
    /// dpkg's `status`.
    pub(super) status: String,
    /// The files in dpkg's folder `triggers`.
    pub(super) triggers: BTreeMap<String, String>,
}

impl<'w> Layer<'w> {
    /// A system from nothing.
    pub(super) fn new(out: &'w mut dyn Write) -> Layer<'w> {
        Layer::upon(InstalledSystem { directories: HashSet::from([Vec::new()]), ..InstalledSystem::default() }, out)
    }

    /// What is added to a system. Nothing that it has is replaced: dpkg has rules for that, and does it itself.
    pub(super) fn upon(installed_system: InstalledSystem, out: &'w mut dyn Write) -> Layer<'w> {
        let there =
            installed_system.files.into_iter().chain(installed_system.links.keys().cloned()).map(|path| (path, 0));
        Layer {
            tar: tar::Builder::new(out),
            files: there.collect(),
            links: installed_system.links,
            directories: installed_system.directories,
            diverted: installed_system.diverted,
            owners: vec!["the system".to_owned()],
            database: Database::of(installed_system.status, installed_system.triggers),
            masters: BTreeMap::new(),
            newest: 0,
        }
    }

    /// Adds the links of merged /usr, unless `base_files` (the package) brings them itself. The first thing to do:
    /// what follows goes through them.
    pub(super) fn merge_usr(&mut self, arch: Arch, base_files: &mut Deb) -> Result<(), LayerError> {
        let mut brings = false;
        for entry in tar::Archive::new(&mut base_files.data).entries()? {
            let entry = entry?;
            brings |= entry.header().entry_type().is_symlink() && entry.path_bytes().as_ref() == b"./bin";
        }
        base_files.data.seek(SeekFrom::Start(0))?;
        if !brings {
            let time = 0;
            self.directory(b"usr", 0o755, 0, 0, time)?;
            for name in merged_usr(arch) {
                self.directory(format!("usr/{name}").as_bytes(), 0o755, 0, 0, time)?;
                self.symlink(name.as_bytes(), format!("usr/{name}").as_bytes(), time)?;
            }
        }
        Ok(())
    }

    /// Unpacks one package and enters it into dpkg's database as `install ok unpacked`.
    pub(super) fn package(&mut self, expected: &Package, deb: &mut Deb) -> Result<(), LayerError> {
        let refuse = |reason: String| LayerError::Refused { package: expected.name.clone(), reason };
        let control = String::from_utf8(deb.control["control"].clone())
            .map_err(|_| refuse("has a control file that is not UTF-8".to_owned()))?;
        let field = |name: &str| field(&control, name).unwrap_or_default();
        let version_agrees = field("Version").parse().is_ok_and(|version: DebVersion| version == expected.version);
        if field("Package") != expected.name || !version_agrees || field("Architecture") != expected.arch {
            return Err(refuse("is not what the index says: its own control file names another".to_owned()));
        }
        let number = self.owners.len();
        self.owners.push(format!("package {}", expected.name));

        let conffiles = conffiles(&deb.control);
        let mut hashes: HashMap<Vec<u8>, String> = HashMap::new();
        let mut list = Vec::new();
        let mut archive = tar::Archive::new(&mut deb.data);
        for entry in archive.entries()? {
            let mut entry = entry.map_err(|error| refuse(format!("has a broken data.tar: {error}")))?;
            let raw = entry.path_bytes().into_owned();
            let plain = relative(&raw).map_err(|reason| refuse(format!("holds {}: {reason}", shown(&raw))))?;
            list.push(b'/');
            list.extend_from_slice(if plain.is_empty() { b"." } else { &plain });
            list.push(b'\n');
            if self.diverted.get(&plain).is_some_and(|package| *package != expected.name) {
                return Err(refuse(format!("holds {}, which is diverted or overridden", shown(&raw))));
            }
            let conffile = conffiles.iter().any(|(path, _)| path.as_bytes().strip_prefix(b"/") == Some(&plain[..]));
            let hash = self.entry(number, &plain, &mut entry, conffile);
            let hash = hash.map_err(|problem| match problem {
                Problem::Io(error) => LayerError::Io(error),
                Problem::Refused(reason) => refuse(format!("holds {}: {reason}", shown(&raw))),
            })?;
            hashes.extend(hash.map(|hash| (plain, hash)));
        }
        let noted = conffiles.into_iter().filter_map(|(path, note)| {
            let hash = note.map(str::to_owned).or_else(|| hashes.remove(path.as_bytes().get(1..)?));
            Some((path, hash?))
        });
        let noted: Vec<(String, String)> = noted.collect();
        let stem = stem(expected, &deb.control);
        let triggers = deb.control.get("triggers").map(|text| String::from_utf8_lossy(text)).unwrap_or_default();
        self.database.enter(&expected.name, &stem, &control, &noted, &triggers, &list);
        let info = |name: &str| format!("var/lib/dpkg/info/{stem}.{name}").into_bytes();
        self.file(&info("list"), 0o644, &list)?;
        for (name, content) in &deb.control {
            let script = matches!(name.as_str(), "preinst" | "postinst" | "prerm" | "postrm" | "config");
            if name != "control" {
                self.file(&info(name), if script { 0o755 } else { 0o644 }, content)?;
            }
        }
        Ok(())
    }

    /// Writes one entry of a package; the MD5 sum of a file where that is wanted.
    fn entry(
        &mut self,
        package: usize,
        plain: &[u8],
        entry: &mut tar::Entry<'_, impl Read>,
        hashed: bool,
    ) -> Result<Option<String>, Problem> {
        if plain.is_empty() {
            return Ok(None);
        }
        let header = entry.header().clone();
        let path = self.resolve(plain, 0)?;
        let number = |field: io::Result<u64>| field.map_err(|error| Problem::Refused(error.to_string()));
        let (mode, time) = (number(header.mode().map(u64::from))? as u32, number(header.mtime())?);
        let (uid, gid) = (number(header.uid())?, number(header.gid())?);
        self.newest = self.newest.max(time);
        let kind = header.entry_type();
        if kind.is_dir() {
            // A directory where there is a link to one: dpkg leaves the link.
            let path = self.resolve_last(path, 0)?;
            if !self.directories.contains(&path) {
                self.free(package, &path)?;
                self.parents(&path, time)?;
                self.directory(&path, mode, uid, gid, time)?;
            }
            return Ok(None);
        }
        let target = entry.link_name_bytes().map(|target| target.into_owned());
        if kind.is_symlink() {
            let target = target.filter(|target| !target.is_empty() && !target.contains(&0));
            let target = target.ok_or_else(|| Problem::Refused("a link to nowhere".to_owned()))?;
            // A compatibility link between two folders that are one here would lead to itself.
            let itself =
                follow(&path, &target).and_then(|there| self.resolve(&there, 0)).is_ok_and(|there| there == path);
            let same = self.links.get(&path) == Some(&target) && self.free(package, &path).is_ok();
            if itself || self.directories.contains(&path) || same {
                return Ok(None);
            }
            self.claim(package, &path)?;
            self.parents(&path, time)?;
            self.symlink(&path, &target, time)?;
            return Ok(None);
        }
        if self.directories.contains(&path) {
            return Err(Problem::Refused("a file where another package has a directory".to_owned()));
        }
        if kind.is_hard_link() {
            let target = target.ok_or_else(|| Problem::Refused("a link to nowhere".to_owned()))?;
            let target = self.resolve(&relative(&target).map_err(Problem::Refused)?, 0)?;
            if self.files.get(&target) != Some(&package) || self.links.contains_key(&target) {
                return Err(Problem::Refused("a hard link to what the package does not hold".to_owned()));
            }
            self.claim(package, &path)?;
            self.parents(&path, time)?;
            let mut header = new_header(tar::EntryType::Link, mode, time);
            self.tar.append_link(&mut header, os_path(&path), os_path(&target))?;
            return Ok(None);
        }
        if !kind.is_file() {
            return Err(Problem::Refused("neither file, directory nor link".to_owned()));
        }
        self.claim(package, &path)?;
        self.parents(&path, time)?;
        let mut header = new_header(tar::EntryType::Regular, mode, time);
        header.set_uid(uid);
        header.set_gid(gid);
        header.set_size(entry.size());
        let master = match plain {
            b"usr/share/base-passwd/passwd.master" => Some("etc/passwd"),
            b"usr/share/base-passwd/group.master" => Some("etc/group"),
            _ => None,
        };
        if let Some(name) = master {
            let mut content = Vec::new();
            entry.take(LARGEST_MASTER).read_to_end(&mut content)?;
            header.set_size(content.len() as u64);
            self.tar.append_data(&mut header, os_path(&path), &content[..])?;
            self.masters.insert(name, content);
            return Ok(None);
        }
        if !hashed {
            self.tar.append_data(&mut header, os_path(&path), entry)?;
            return Ok(None);
        }
        let mut hashing = Hashing { inner: entry, hash: Md5::new() };
        self.tar.append_data(&mut header, os_path(&path), &mut hashing)?;
        Ok(Some(hex::encode(hashing.hash.finalize())))
    }

    /// Adds a file of farm's own; below directories that are made if need be.
    pub(super) fn file(&mut self, path: &[u8], mode: u32, content: &[u8]) -> io::Result<()> {
        self.parents(path, self.newest)?;
        let mut header = new_header(tar::EntryType::Regular, mode, self.newest);
        header.set_size(content.len() as u64);
        self.tar.append_data(&mut header, os_path(path), content)
    }

    pub(super) fn has_file(&self, path: &str) -> bool {
        self.files.contains_key(path.as_bytes())
    }

    /// Writes what a system needs to be one, beside its packages, and ends the archive.
    pub(super) fn finish_system(mut self, arch: Arch) -> io::Result<()> {
        self.file(b"var/lib/dpkg/info/format", 0o644, b"1\n")?;
        self.file(b"var/lib/dpkg/arch", 0o644, format!("{}\n", arch.deb()).as_bytes())?;
        for (name, content) in std::mem::take(&mut self.masters) {
            if !self.files.contains_key(name.as_bytes()) {
                self.file(name.as_bytes(), 0o644, &content)?;
            }
        }
        self.finish()
    }

    /// Writes what dpkg keeps for all packages together, and ends the archive.
    pub(super) fn finish(mut self) -> io::Result<()> {
        for (name, content) in std::mem::take(&mut self.database).files() {
            self.file(format!("var/lib/dpkg/{name}").as_bytes(), 0o644, &content)?;
        }
        self.tar.finish()
    }

    /// Two packages may have a directory in common, nothing else.
    fn claim(&mut self, package: usize, path: &[u8]) -> Result<(), Problem> {
        match self.files.insert(path.to_vec(), package) {
            Some(other) => Err(Problem::Refused(format!("{} has it, too", self.owners[other]))),
            None => Ok(()),
        }
    }

    /// Fails where somebody else has something.
    fn free(&self, package: usize, path: &[u8]) -> Result<(), Problem> {
        match self.files.get(path) {
            Some(other) if *other != package => Err(Problem::Refused(format!("{} has it, too", self.owners[*other]))),
            _ => Ok(()),
        }
    }

    fn directory(&mut self, path: &[u8], mode: u32, uid: u64, gid: u64, time: u64) -> io::Result<()> {
        self.directories.insert(path.to_vec());
        let mut header = new_header(tar::EntryType::Directory, mode, time);
        header.set_uid(uid);
        header.set_gid(gid);
        self.tar.append_data(&mut header, os_path(&[path, b"/"].concat()), io::empty())
    }

    fn symlink(&mut self, path: &[u8], target: &[u8], time: u64) -> io::Result<()> {
        self.links.insert(path.to_vec(), target.to_vec());
        let mut header = new_header(tar::EntryType::Symlink, 0o777, time);
        self.tar.append_link(&mut header, os_path(path), os_path(target))
    }

    /// Directories on the way that no package brought yet.
    fn parents(&mut self, path: &[u8], time: u64) -> io::Result<()> {
        for (at, _) in path.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
            if !self.directories.contains(&path[..at]) {
                self.directory(&path[..at], 0o755, 0, 0, time)?;
            }
        }
        Ok(())
    }

    /// Where a path leads when the folders on its way are followed through the links so far. Its last part stays.
    fn resolve(&self, path: &[u8], followed: usize) -> Result<Vec<u8>, Problem> {
        let mut resolved: Vec<u8> = Vec::new();
        let mut parts = path.split(|byte| *byte == b'/').peekable();
        while let Some(part) = parts.next() {
            if !resolved.is_empty() {
                resolved.push(b'/');
            }
            resolved.extend_from_slice(part);
            if parts.peek().is_some() {
                resolved = self.resolve_last(resolved, followed)?;
                if self.files.contains_key(&resolved) {
                    return Err(Problem::Refused("below a file".to_owned()));
                }
            }
        }
        Ok(resolved)
    }

    /// As [`Layer::resolve`] left it, its last part followed, too.
    fn resolve_last(&self, path: Vec<u8>, followed: usize) -> Result<Vec<u8>, Problem> {
        let Some(target) = self.links.get(&path) else { return Ok(path) };
        if followed == MOST_LINKS {
            return Err(Problem::Refused("through too many links".to_owned()));
        }
        let there = self.resolve(&follow(&path, target)?, followed + 1)?;
        self.resolve_last(there, followed + 1)
    }
}

/// Why an entry cannot be written.
#[derive(Debug)]
enum Problem {
    Io(io::Error),
    Refused(String),
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Problem {
        Problem::Io(error)
    }
}

/// The path that a link at `path` with this target names, relative to the root; `..` stops there.
fn follow(path: &[u8], target: &[u8]) -> Result<Vec<u8>, Problem> {
    let mut parts: Vec<&[u8]> = match target.first() {
        Some(b'/') => Vec::new(),
        _ => path.split(|byte| *byte == b'/').collect(),
    };
    parts.pop();
    for part in target.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    Ok(parts.join(&b'/'))
}

/// `./usr/bin/` -> `usr/bin`. The error says what is wrong.
fn relative(raw: &[u8]) -> Result<Vec<u8>, String> {
    if raw.first() == Some(&b'/') {
        return Err("an absolute path".to_owned());
    }
    let mut parts = Vec::new();
    for part in raw.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => return Err("a path that leaves its folder".to_owned()),
            part if part.iter().any(|byte| matches!(byte, 0 | b'\n')) => {
                return Err("a path with a control character".to_owned());
            }
            part => parts.push(part),
        }
    }
    Ok(parts.join(&b'/'))
}

fn shown(path: &[u8]) -> String {
    printable(&String::from_utf8_lossy(path))
}

fn os_path(path: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(path))
}

fn new_header(kind: tar::EntryType, mode: u32, time: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_mtime(time);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(0);
    header
}

/// What a package's files in dpkg's `info` are called.
pub(super) fn stem(package: &Package, control_files: &BTreeMap<String, Vec<u8>>) -> String {
    let control = control_files.get("control").map(|text| String::from_utf8_lossy(text)).unwrap_or_default();
    match field(&control, "Multi-Arch") == Some("same") {
        true => format!("{}:{}", package.name, package.arch),
        false => package.name.clone(),
    }
}

/// Paths of configuration files, and what dpkg notes of each that is not there: one that upgrades are to remove.
fn conffiles(control: &BTreeMap<String, Vec<u8>>) -> Vec<(String, Option<&'static str>)> {
    let text = control.get("conffiles").map(|text| String::from_utf8_lossy(text)).unwrap_or_default();
    let note = |is_to_be_removed: bool| is_to_be_removed.then_some("newconffile remove-on-upgrade");
    let is_path = |line: &deb::Conffile<'_>| line.is_to_be_removed || line.path.starts_with('/');
    deb::conffiles(&text)
        .filter(is_path)
        .map(|line| (line.path.trim_end().to_owned(), note(line.is_to_be_removed)))
        .collect()
}

struct Hashing<R> {
    inner: R,
    hash: Md5,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hash.update(&buffer[..read]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
