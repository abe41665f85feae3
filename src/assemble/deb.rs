//! Writes a .deb (deb(5)): an ar archive of `debian-binary`, `control.tar.xz` and `data.tar.xz`. Everything in it is in a
//! fixed order, belongs to root and is no newer than the package's date, so that the same tree gives the same bytes.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use md5::{Digest, Md5};
use xz2::stream::{Check, Filters, LzmaOptions, Stream};
use xz2::write::XzEncoder;

use super::AssembleError;
use super::layout::{Layout, add_parents, is_config, keep_gzipped, keep_text};
use super::libraries::{Libraries, deb_depends, elves, files};
use super::system::system_files;
use super::tree::{Kind, Node, Tree};
use crate::packaging::{AssembledPackage, Assembly, maintainer_depends, maintainer_scripts};
use crate::recipe::PackageArch;
use crate::relation;
use crate::stream::guard::watched;
use crate::types::{Arch, printable};

/// The level that dpkg-deb takes by itself, with a smaller dictionary than its 8 MiB: xz takes eleven times as much memory,
/// for each package that is written at the same time.
const XZ_LEVEL: u32 = 6;
const XZ_DICTIONARY_BYTES: u32 = 1 << 20;
/// Fields of other packages, in the order in which dpkg-gencontrol(1) writes them.
const RELATIONS: [&str; 7] = ["Depends", "Recommends", "Suggests", "Conflicts", "Breaks", "Replaces", "Provides"];

/// What every Debian package has beside what was installed: its changelog and copyright (Policy 12.5, 12.7).
pub(super) fn add_documents(tree: &mut Tree, assembly: &Assembly, layout: &mut Layout) -> Result<(), AssembleError> {
    let changelog = keep_gzipped(tree, &assembly.changelog)?;
    let copyright = copyright(tree, assembly)?;
    let copyright = keep_text(tree, copyright.as_bytes())?;
    for (package, contents) in assembly.packages.iter().zip(layout) {
        let folder = format!("/usr/share/doc/{}", package.name);
        for (name, content) in [("changelog.Debian.gz", changelog), ("copyright", copyright)] {
            let node = Node { kind: Kind::File(content), mode: 0o644, mtime: i64::MAX };
            let path = format!("{folder}/{name}");
            add_parents(contents, &path, tree);
            contents.insert(path, node);
        }
    }
    Ok(())
}

/// The copyright file, with the licences as upstream words them where Debian has no copy to point to.
fn copyright(tree: &Tree, assembly: &Assembly) -> Result<String, AssembleError> {
    let Some((text, complete)) = &assembly.copyright else { return Ok(String::new()) };
    let mut text = text.clone();
    if *complete {
        return Ok(text);
    }
    for (name, content) in &tree.licences {
        text.push_str(&format!(" .\n {} says:\n .\n", printable(name)));
        let bytes = tree.text(*content)?;
        // Control files are UTF-8 (Policy 5.1); what is not was Latin-1 when such files were written.
        let licence = String::from_utf8(bytes)
            .unwrap_or_else(|error| error.as_bytes().iter().map(|byte| char::from(*byte)).collect());
        for line in licence.lines() {
            let line = line.replace(['\u{c}', '\r'], "");
            let line = line.trim_end();
            text.push_str(&format!(" {}\n", if line.is_empty() { "." } else { line }));
        }
    }
    Ok(text)
}

/// Writes the package with this number into `folder` and returns its file name.
pub(super) fn write(
    tree: &Tree,
    assembly: &Assembly,
    layout: &Layout,
    number: usize,
    arch: Arch,
    libraries: &Libraries,
    folder: &Path,
) -> Result<String, AssembleError> {
    let package = &assembly.packages[number];
    let contents = &layout[number];
    let architecture = match package.architecture {
        PackageArch::All => "all",
        PackageArch::Any => arch.deb(),
    };
    let version = assembly.version.split_once(':').map_or(assembly.version.as_str(), |(_, version)| version);
    let name = format!("{}_{version}_{architecture}.deb", package.name);
    let path = folder.join(&name);
    let failed = |error| AssembleError::Io(path.clone(), error);

    let depends = deb_depends(tree, layout, number, assembly, libraries)?;
    let mut members = maintainer_files(tree, assembly, package, contents)?;
    let package = &for_arch(package, arch)?;
    let control = control(assembly, package, architecture, contents, tree, depends);
    members.insert("control".to_owned(), (control, 0o644));
    members.insert("md5sums".to_owned(), (md5sums(tree, package, contents)?, 0o644));

    let epoch = assembly.source_date_epoch;
    let file = File::create_new(&path).map_err(failed)?;
    let mut ar = Ar::begin(BufWriter::new(file)).map_err(failed)?;
    ar.member("debian-binary", epoch, |out| out.write_all(b"2.0\n")).map_err(failed)?;
    ar.member("control.tar.xz", epoch, |out| compressed(out, |out| control_tar(out, &members, epoch)))
        .map_err(failed)?;
    ar.member("data.tar.xz", epoch, |out| compressed(out, |out| data_tar(out, tree, contents, epoch)))
        .map_err(failed)?;
    ar.end().map_err(failed)?;
    Ok(name)
}

/// The package with its relations as they are on an architecture, where no variables are filled in any more.
fn for_arch(package: &AssembledPackage, arch: Arch) -> Result<AssembledPackage, AssembleError> {
    let mut package = package.clone();
    let variables: Vec<String> =
        package.relations.values().flatten().filter(|one| one.contains("${")).cloned().collect();
    if !variables.is_empty() {
        let refused = variables.iter().map(|one| {
            format!("`{one}` is filled in by debhelper, which does not make this package: name the packages themselves")
        });
        return Err(AssembleError::Refused(refused.collect()));
    }
    for list in package.relations.values_mut() {
        *list = list.iter().filter_map(|written| relation::for_arch(written, arch)).collect();
    }
    Ok(package)
}

fn control(
    assembly: &Assembly,
    package: &AssembledPackage,
    architecture: &str,
    contents: &BTreeMap<String, Node>,
    tree: &Tree,
    depends: Vec<String>,
) -> String {
    let mut text = format!("Package: {}\n", package.name);
    if package.name != assembly.source {
        text.push_str(&format!("Source: {}\n", assembly.source));
    }
    text.push_str(&format!("Version: {}\nArchitecture: {architecture}\n", assembly.version));
    text.push_str(&format!("Maintainer: {}\n", assembly.maintainer));
    text.push_str(&format!("Installed-Size: {}\n", installed_kib(tree, contents)));
    for field in RELATIONS {
        let mut values = package.relations.get(field).cloned().unwrap_or_default();
        if field == "Depends" {
            // What the recipe says of a package stands for what was found.
            let name = |relation: &str| relation.split([' ', ':', '(']).next().unwrap_or_default().to_owned();
            let said: HashSet<String> = values.iter().map(|relation| name(relation)).collect();
            values.extend(depends.iter().filter(|found| !said.contains(&name(found))).cloned());
            values.extend(maintainer_depends(package).map(str::to_owned));
        }
        if !values.is_empty() {
            text.push_str(&format!("{field}: {}\n", values.join(", ")));
        }
    }
    text.push_str(&format!("Section: {}\nPriority: optional\n", package.section));
    if let Some(homepage) = &assembly.homepage {
        text.push_str(&format!("Homepage: {homepage}\n"));
    }
    text.push_str(&format!("Description: {}\n{}", package.summary, package.description));
    text
}

/// As dpkg-gencontrol(1) counts: files and links by their size, all else as one KiB; hard links once.
fn installed_kib(tree: &Tree, contents: &BTreeMap<String, Node>) -> u64 {
    let mut seen = HashSet::new();
    let sizes = contents.values().map(|node| match &node.kind {
        Kind::File(content) if seen.insert(*content) => tree.contents[*content].size.div_ceil(1024),
        Kind::File(_) => 0,
        Kind::Symlink(target) => (target.len() as u64).div_ceil(1024),
        Kind::Folder => 1,
    });
    sizes.sum()
}

/// All of control.tar but `control` and `md5sums`: name, content, mode.
fn maintainer_files(
    tree: &Tree,
    assembly: &Assembly,
    package: &AssembledPackage,
    contents: &BTreeMap<String, Node>,
) -> Result<BTreeMap<String, (String, u32)>, AssembleError> {
    let scripts = maintainer_scripts(package, &system_files(tree, assembly, contents)?);
    let mut members: BTreeMap<String, (String, u32)> =
        scripts.into_iter().map(|(name, script)| (name, (script, 0o755))).collect();
    let conffiles: Vec<&str> =
        files(tree, contents).map(|(path, ..)| path).filter(|path| is_config(path, package)).collect();
    if !conffiles.is_empty() {
        members.insert("conffiles".to_owned(), (conffiles.join("\n") + "\n", 0o644));
    }
    let mut shlibs = String::new();
    for (path, content) in elves(tree, contents) {
        let soname = content.elf.as_ref().and_then(|elf| elf.soname.as_deref());
        if let Some(soname) = soname.filter(|_| is_public(path))
            && let Some((name, version)) = split_soname(soname)
        {
            let line = format!("{name} {version} {} (>= {})\n", package.name, assembly.version);
            if !shlibs.contains(&line) {
                shlibs.push_str(&line);
            }
        }
    }
    if !shlibs.is_empty() {
        members.insert("shlibs".to_owned(), (shlibs, 0o644));
        // Policy 8.1.1
        members.insert("triggers".to_owned(), ("activate-noawait ldconfig\n".to_owned(), 0o644));
    }
    Ok(members)
}

/// Whether the loader finds a library there without being told.
pub(super) fn is_public(path: &str) -> bool {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let folder = folder.strip_prefix("/usr").unwrap_or(folder);
    matches!(folder, "/lib" | "/lib64")
        || folder.strip_prefix("/lib/").is_some_and(|triplet| !triplet.contains('/') && triplet.contains("-linux-gnu"))
}

/// `libfoo.so.1` is (`libfoo`, `1`); `libfoo-1.2.so` is (`libfoo`, `1.2`) (deb-shlibs(5), dpkg-shlibdeps(1)).
fn split_soname(soname: &str) -> Option<(&str, &str)> {
    match soname.split_once(".so.") {
        Some((name, version)) if !name.is_empty() && !version.is_empty() => Some((name, version)),
        _ => {
            let (name, version) = soname.strip_suffix(".so")?.rsplit_once('-')?;
            version.starts_with(|c: char| c.is_ascii_digit()).then_some((name, version))
        }
    }
}

/// Of every regular file that is no conffile, as dh_md5sums(1) writes them.
fn md5sums(
    tree: &Tree,
    package: &AssembledPackage,
    contents: &BTreeMap<String, Node>,
) -> Result<String, AssembleError> {
    let mut known: HashMap<&Path, String> = HashMap::new();
    let mut text = String::new();
    for (path, _, content) in files(tree, contents).filter(|(path, ..)| !is_config(path, package)) {
        let sum = match known.get(content.path.as_path()) {
            Some(sum) => sum.clone(),
            None => {
                let failed = |error| AssembleError::Io(content.path.clone(), error);
                let mut hasher = Md5::new();
                io::copy(&mut watched(File::open(&content.path).map_err(failed)?), &mut hasher).map_err(failed)?;
                hex::encode(hasher.finalize())
            }
        };
        text.push_str(&format!("{sum}  {}\n", path.trim_start_matches('/')));
        known.insert(&content.path, sum);
    }
    Ok(text)
}

fn control_tar(out: &mut dyn Write, members: &BTreeMap<String, (String, u32)>, epoch: i64) -> io::Result<()> {
    let mut tar = tar::Builder::new(out);
    append(&mut tar, "./", header(tar::EntryType::Directory, 0o755, 0, epoch), io::empty())?;
    for (name, (content, mode)) in members {
        let header = header(tar::EntryType::Regular, *mode, content.len() as u64, epoch);
        append(&mut tar, &format!("./{name}"), header, content.as_bytes())?;
    }
    tar.finish()
}

fn data_tar(out: &mut dyn Write, tree: &Tree, contents: &BTreeMap<String, Node>, epoch: i64) -> io::Result<()> {
    let mut tar = tar::Builder::new(out);
    append(&mut tar, "./", header(tar::EntryType::Directory, 0o755, 0, epoch), io::empty())?;
    let mut first_paths: HashMap<usize, &str> = HashMap::new();
    for (path, node) in contents {
        let time = node.mtime.min(epoch);
        match &node.kind {
            Kind::Folder => {
                let header = header(tar::EntryType::Directory, node.mode, 0, time);
                append(&mut tar, &format!(".{path}/"), header, io::empty())?;
            }
            Kind::Symlink(target) => {
                let mut header = header(tar::EntryType::Symlink, 0o777, 0, time);
                append_link(&mut tar, &mut header, &format!(".{path}"), target)?;
            }
            Kind::File(content) => match first_paths.get(content) {
                Some(first) => {
                    let mut header = header(tar::EntryType::Link, node.mode, 0, time);
                    append_link(&mut tar, &mut header, &format!(".{path}"), &format!(".{first}"))?;
                }
                None => {
                    first_paths.insert(*content, path);
                    let content = &tree.contents[*content];
                    let header = header(tar::EntryType::Regular, node.mode, content.size, time);
                    let file = BufReader::new(watched(File::open(&content.path)?));
                    append(&mut tar, &format!(".{path}"), header, file.take(content.size))?;
                }
            },
        }
    }
    tar.finish()
}

fn header(kind: tar::EntryType, mode: u32, size: u64, time: i64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(u64::try_from(time).unwrap_or(0));
    // Fixed-width fields that hold these names.
    let _ = header.set_username("root");
    let _ = header.set_groupname("root");
    header
}

/// With the name as it is given: the tar crate would drop the `./` that dpkg writes.
fn append(
    tar: &mut tar::Builder<&mut dyn Write>,
    name: &str,
    mut header: tar::Header,
    content: impl Read,
) -> io::Result<()> {
    set_name(tar, &mut header, name.as_bytes(), tar::EntryType::GNULongName)?;
    header.set_cksum();
    tar.append(&header, content)
}

fn append_link(
    tar: &mut tar::Builder<&mut dyn Write>,
    header: &mut tar::Header,
    name: &str,
    target: &str,
) -> io::Result<()> {
    set_name(tar, header, name.as_bytes(), tar::EntryType::GNULongName)?;
    set_name(tar, header, target.as_bytes(), tar::EntryType::GNULongLink)?;
    header.set_cksum();
    tar.append(header, io::empty())
}

/// Sets the name, or the target of a link, which for long ones stands in an entry of its own before (tar(5)).
fn set_name(
    tar: &mut tar::Builder<&mut dyn Write>,
    header: &mut tar::Header,
    name: &[u8],
    kind: tar::EntryType,
) -> io::Result<()> {
    let old = header.as_old_mut();
    let field = if kind == tar::EntryType::GNULongName { &mut old.name } else { &mut old.linkname };
    let short = &name[..name.len().min(field.len())];
    field[..short.len()].copy_from_slice(short);
    if name.len() <= field.len() {
        return Ok(());
    }
    let mut long = self::header(kind, 0o644, name.len() as u64 + 1, 0);
    long.as_old_mut().name[..13].copy_from_slice(b"././@LongLink");
    long.set_cksum();
    tar.append(&long, name.chain(&b"\0"[..]))
}

fn compressed(out: &mut dyn Write, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut options = LzmaOptions::new_preset(XZ_LEVEL)?;
    let mut filters = Filters::new();
    filters.lzma2(options.dict_size(XZ_DICTIONARY_BYTES));
    let mut encoder = XzEncoder::new_stream(out, Stream::new_stream_encoder(&filters, Check::Crc64)?);
    write(&mut encoder)?;
    encoder.finish().map(|_| ())
}

/// Writes an ar archive, as far as deb(5) needs it.
struct Ar<W> {
    out: W,
}

impl<W: Write + Seek> Ar<W> {
    fn begin(mut out: W) -> io::Result<Ar<W>> {
        out.write_all(b"!<arch>\n")?;
        Ok(Ar { out })
    }

    /// The size, which is known afterwards only, is filled in then.
    fn member(
        &mut self,
        name: &str,
        time: i64,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        let start = self.out.stream_position()?;
        let header = |size: u64| format!("{name:<16}{time:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, 100_644);
        self.out.write_all(header(0).as_bytes())?;
        let begin = self.out.stream_position()?;
        write(&mut self.out)?;
        let end = self.out.stream_position()?;
        let size = end - begin;
        if size > 9_999_999_999 {
            return Err(io::Error::other("more than 10 GB do not fit into a .deb"));
        }
        self.out.seek(SeekFrom::Start(start))?;
        self.out.write_all(header(size).as_bytes())?;
        self.out.seek(SeekFrom::Start(end))?;
        // Members begin at even offsets.
        if size % 2 == 1 { self.out.write_all(b"\n") } else { Ok(()) }
    }

    fn end(mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sonames_are_split_as_dpkg_does() {
        assert_eq!(split_soname("libfoo.so.1"), Some(("libfoo", "1")));
        assert_eq!(split_soname("libglib-2.0.so.0"), Some(("libglib-2.0", "0")));
        assert_eq!(split_soname("libdb-5.3.so"), Some(("libdb", "5.3")));
        assert_eq!(split_soname("plugin.so"), None);
    }

    #[test]
    fn only_the_loaders_own_folders_are_public() {
        for path in ["/usr/lib/liba.so.1", "/lib64/liba.so.1", "/usr/lib/x86_64-linux-gnu/liba.so.1"] {
            assert!(is_public(path), "{path}");
        }
        for path in ["/usr/lib/greet/liba.so.1", "/opt/lib/liba.so.1", "/usr/lib/x86_64-linux-gnu/x/liba.so"] {
            assert!(!is_public(path), "{path}");
        }
    }
}
