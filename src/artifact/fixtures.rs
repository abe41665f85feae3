//! Packages made by hand, for tests: byte by byte where a tool would refuse to write what they hold.

use std::io::Write;
use std::path::{Path, PathBuf};

/// One entry of a data.tar: name, tar type, mode, uid, content or link target.
pub(crate) type Member<'a> = (&'a str, tar::EntryType, u32, u64, &'a [u8]);

pub(crate) fn file<'a>(name: &'a str, content: &'a [u8]) -> Member<'a> {
    (name, tar::EntryType::Regular, 0o644, 0, content)
}

pub(crate) fn program<'a>(name: &'a str, content: &'a [u8]) -> Member<'a> {
    (name, tar::EntryType::Regular, 0o755, 0, content)
}

/// A tar whose names are written unchecked.
pub(crate) fn tarball(members: &[Member<'_>]) -> Vec<u8> {
    let mut tar = Vec::new();
    for (name, kind, mode, uid, content) in members {
        let is_link = matches!(kind, tar::EntryType::Symlink | tar::EntryType::Link);
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_size(if is_link { 0 } else { content.len() as u64 });
        header.set_mode(*mode);
        header.set_uid(*uid);
        header.set_gid(0);
        header.set_mtime(1);
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        if is_link {
            header.set_link_name_literal(content).unwrap();
        }
        header.set_cksum();
        tar.extend_from_slice(header.as_bytes());
        if !is_link {
            tar.extend_from_slice(content);
            tar.resize(tar.len().next_multiple_of(512), 0);
        }
    }
    tar.resize(tar.len() + 1024, 0);
    tar
}

pub(super) fn compress(kind: &str, data: &[u8]) -> Vec<u8> {
    match kind {
        "gz" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        }
        "xz" => {
            let mut encoder = xz2::write::XzEncoder::new(Vec::new(), 1);
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        }
        "zst" => zstd::encode_all(data, 1).unwrap(),
        _ => data.to_vec(),
    }
}

/// An ar archive of these members, whatever they are.
pub(super) fn ar(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut ar = b"!<arch>\n".to_vec();
    for (name, content) in members {
        writeln!(ar, "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`", 0, 0, 0, 100_644, content.len()).unwrap();
        ar.extend_from_slice(content);
        if content.len() % 2 == 1 {
            ar.push(b'\n');
        }
    }
    ar
}

/// The bytes of a .deb with this control file and content, compressed as `kind` says.
pub(super) fn deb_bytes(control: &str, members: &[Member<'_>], kind: &str) -> Vec<u8> {
    deb_of(control, compress(kind, &tarball(members)), kind)
}

/// The same around a data.tar that is compressed already.
pub(crate) fn deb_of(control: &str, data: Vec<u8>, kind: &str) -> Vec<u8> {
    let extension = if kind.is_empty() { String::new() } else { format!(".{kind}") };
    ar(&[
        ("debian-binary", b"2.0\n".to_vec()),
        (&format!("control.tar{extension}"), compress(kind, &tarball(&[file("./control", control.as_bytes())]))),
        (&format!("data.tar{extension}"), data),
    ])
}

/// A .deb in `folder`; `fields` beside name, version and architecture.
pub(crate) fn deb(
    folder: &Path,
    (name, version, arch): (&str, &str, &str),
    fields: &str,
    members: &[Member<'_>],
) -> PathBuf {
    let control =
        format!("Package: {name}\nVersion: {version}\nArchitecture: {arch}\n{fields}Description: a test\n more\n");
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    let path = folder.join(format!("{name}_{version}_{arch}.deb"));
    std::fs::write(&path, deb_bytes(&control, members, "xz")).unwrap();
    path
}

/// The entries of a tar for one member whose header `edit` has changed; without an end.
pub(super) fn member((name, kind, mode, uid, content): Member<'_>, edit: impl FnOnce(&mut tar::Header)) -> Vec<u8> {
    let mut tar = tarball(&[(name, kind, mode, uid, content)]);
    tar.truncate(tar.len() - 1024);
    let mut header = tar::Header::new_old();
    header.as_mut_bytes().copy_from_slice(&tar[..512]);
    edit(&mut header);
    header.set_cksum();
    tar[..512].copy_from_slice(header.as_bytes());
    tar
}

/// A file of an RPM that is made by hand: what its header says, and what its payload has.
#[derive(Debug, Clone)]
pub(super) struct RpmFile<'a> {
    pub(super) folder: &'a str,
    pub(super) name: &'a str,
    /// With the kind of file.
    pub(super) mode: u16,
    /// Content, or the target of a link.
    pub(super) content: &'a [u8],
    pub(super) inode: u32,
    pub(super) flags: u32,
    /// In the payload.
    pub(super) cpio_name: String,
    pub(super) cpio_mode: u32,
    pub(super) cpio_content: Vec<u8>,
}

impl<'a> RpmFile<'a> {
    pub(super) fn new(path: &'a str, mode: u16, content: &'a [u8]) -> RpmFile<'a> {
        let (folder, name) = path.split_at(path.rfind('/').unwrap() + 1);
        // A hash of the path, so that each file is one of its own.
        let inode = path.bytes().fold(7_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
        RpmFile {
            folder,
            name,
            mode,
            content,
            inode,
            flags: 0,
            cpio_name: format!(".{path}"),
            cpio_mode: u32::from(mode),
            cpio_content: if mode & 0o170_000 == 0o040_000 { Vec::new() } else { content.to_vec() },
        }
    }
}

/// An uncompressed .rpm `hello-1.0-1.noarch` of version 4 with right digests, written without rpm.
#[derive(Debug, Default)]
pub(super) struct RpmMaker<'a> {
    pub(super) files: Vec<RpmFile<'a>>,
    /// More entries of the header: tag, type, count, data.
    pub(super) tags: Vec<(u32, u32, u32, Vec<u8>)>,
    /// Behind the payload's trailer, and part of what the digests cover.
    pub(super) behind: Vec<u8>,
    /// A source package as rpm 4.11 writes it: it says so in its lead, and by naming no source package.
    pub(super) is_source: bool,
}

impl RpmMaker<'_> {
    /// The bytes; `spoil` may change the payload before it is hashed.
    pub(super) fn bytes(&self, spoil: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        use sha2::{Digest, Sha256};
        let mut payload = Vec::new();
        for file in &self.files {
            let content = &file.cpio_content;
            cpio(&mut payload, &file.cpio_name, file.cpio_mode, content);
        }
        cpio(&mut payload, "TRAILER!!!", 0, b"");
        payload.extend_from_slice(&self.behind);
        spoil(&mut payload);

        let texts =
            |all: &mut dyn Iterator<Item = &str>| all.flat_map(|text| [text.as_bytes(), b"\0"].concat()).collect();
        let count = self.files.len() as u32;
        let folders: Vec<&str> = self.files.iter().map(|file| file.folder).collect();
        let words = |value: &dyn Fn(usize, &RpmFile<'_>) -> u32| {
            self.files.iter().enumerate().flat_map(|(at, file)| value(at, file).to_be_bytes()).collect::<Vec<u8>>()
        };
        let halves = |value: &dyn Fn(&RpmFile<'_>) -> u16| {
            self.files.iter().flat_map(|file| value(file).to_be_bytes()).collect::<Vec<u8>>()
        };
        let is_link = |file: &RpmFile<'_>| file.mode & 0o170_000 == 0o120_000;
        let is_file = |file: &RpmFile<'_>| file.mode & 0o170_000 == 0o100_000;
        let digests: Vec<String> = self
            .files
            .iter()
            .map(|file| match is_file(file) {
                true => hex::encode(Sha256::digest(file.content)),
                false => String::new(),
            })
            .collect();
        let links: Vec<&str> = self
            .files
            .iter()
            .map(|file| match is_link(file) {
                true => std::str::from_utf8(file.content).unwrap(),
                false => "",
            })
            .collect();
        let text = |text: &str| [text.as_bytes(), b"\0"].concat();
        let mut tags = vec![
            (1000, 6, 1, text("hello")),
            (1001, 6, 1, text("1.0")),
            (1002, 6, 1, text("1")),
            (1022, 6, 1, text("noarch")),
            (1044, 6, 1, text("hello-1.0-1.src.rpm")),
            (1124, 6, 1, text("cpio")),
            (1125, 6, 1, text("none")),
            (5092, 8, 1, text(&hex::encode(Sha256::digest(&payload)))),
            (5093, 4, 1, 8_u32.to_be_bytes().to_vec()),
        ];
        if count > 0 {
            tags.extend([
                (
                    1028,
                    4,
                    count,
                    words(&|_, file| if file.mode & 0o170_000 == 0o040_000 { 0 } else { file.content.len() as u32 }),
                ),
                (1030, 3, count, halves(&|file| file.mode)),
                (1033, 3, count, halves(&|_| 0)),
                (1034, 4, count, words(&|_, _| 1)),
                (1035, 8, count, texts(&mut digests.iter().map(String::as_str))),
                (1036, 8, count, texts(&mut links.iter().copied())),
                (1037, 4, count, words(&|_, file| file.flags)),
                (1039, 8, count, texts(&mut self.files.iter().map(|_| "root"))),
                (1040, 8, count, texts(&mut self.files.iter().map(|_| "root"))),
                (1095, 4, count, words(&|_, _| 1)),
                (1096, 4, count, words(&|_, file| file.inode)),
                (1116, 4, count, words(&|at, _| at as u32)),
                (1117, 8, count, texts(&mut self.files.iter().map(|file| file.name))),
                (1118, 8, count, texts(&mut folders.iter().copied())),
                (5011, 4, 1, 8_u32.to_be_bytes().to_vec()),
            ]);
        }
        tags.extend(self.tags.iter().cloned());
        tags.retain(|(tag, ..)| !self.is_source || *tag != 1044);
        let header = header(63, &tags);
        let sum = text(&hex::encode(Sha256::digest(&header)));
        let signature = header_with_padding(&[(273, 6, 1, sum)]);
        let mut bytes = vec![0xed, 0xab, 0xee, 0xdb, 3, 0, 0, u8::from(self.is_source), 0, 1];
        bytes.resize(78, 0);
        bytes.extend_from_slice(&[0, 5]);
        bytes.resize(96, 0);
        [bytes, signature, header, payload].concat()
    }
}

fn cpio(out: &mut Vec<u8>, name: &str, mode: u32, content: &[u8]) {
    let fields = [1, mode, 0, 0, 1, 1, content.len() as u32, 0, 0, 0, 0, name.len() as u32 + 1, 0];
    out.extend_from_slice(b"070701");
    fields.iter().for_each(|field| write!(out, "{field:08x}").unwrap());
    out.extend_from_slice(name.as_bytes());
    out.push(0);
    out.resize(out.len().next_multiple_of(4), 0);
    out.extend_from_slice(content);
    out.resize(out.len().next_multiple_of(4), 0);
}

/// A header structure with a region tag that covers all of `tags`.
fn header(region: u32, tags: &[(u32, u32, u32, Vec<u8>)]) -> Vec<u8> {
    let (mut index, mut data) = (Vec::new(), Vec::new());
    let mut sorted: Vec<_> = tags.iter().collect();
    sorted.sort_by_key(|(tag, _, _, _)| *tag);
    for (tag, kind, count, bytes) in sorted {
        let align = match kind {
            3 => 2,
            4 => 4,
            5 => 8,
            _ => 1,
        };
        data.resize(data.len().next_multiple_of(align), 0);
        for word in [*tag, *kind, data.len() as u32, *count] {
            index.extend_from_slice(&word.to_be_bytes());
        }
        data.extend_from_slice(bytes);
    }
    let entries = tags.len() as u32 + 1;
    let trailer = data.len() as u32;
    for word in [region, 7, (entries as i32 * -16) as u32, 16] {
        data.extend_from_slice(&word.to_be_bytes());
    }
    let mut bytes = vec![0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0];
    for word in [entries, data.len() as u32, region, 7, trailer, 16] {
        bytes.extend_from_slice(&word.to_be_bytes());
    }
    [bytes, index, data].concat()
}

fn header_with_padding(tags: &[(u32, u32, u32, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = header(62, tags);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

/// A 64-bit ELF shared object with a dynamic section and nothing to run.
pub(crate) struct ElfMaker<'a> {
    pub(crate) machine: u16,
    pub(crate) needed: &'a [&'a str],
    pub(crate) soname: Option<&'a str>,
    pub(crate) runpath: Option<&'a str>,
}

impl ElfMaker<'_> {
    pub(crate) fn needing(needed: &'_ [&'static str]) -> Vec<u8> {
        ElfMaker { machine: 62, needed, soname: None, runpath: None }.bytes()
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        const BASE: u64 = 0x40_0000;
        let mut strings = vec![0];
        let mut dynamic: Vec<(u64, u64)> = Vec::new();
        let mut text = |tag: u64, text: &str| {
            dynamic.push((tag, strings.len() as u64));
            strings.extend_from_slice(text.as_bytes());
            strings.push(0);
        };
        self.needed.iter().for_each(|name| text(1, name));
        if let Some(name) = self.soname {
            text(14, name);
        }
        if let Some(path) = self.runpath {
            text(29, path);
        }
        let dynamic_at = 64 + 2 * 56;
        let strings_at = dynamic_at + (dynamic.len() as u64 + 3) * 16;
        dynamic.extend([(5, BASE + strings_at), (10, strings.len() as u64), (0, 0)]);
        let size = strings_at + strings.len() as u64;

        let mut elf = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
        let half = |elf: &mut Vec<u8>, value: u16| elf.extend_from_slice(&value.to_le_bytes());
        half(&mut elf, 3);
        half(&mut elf, self.machine);
        elf.extend_from_slice(&1_u32.to_le_bytes());
        for value in [0, 64, 0_u64] {
            elf.extend_from_slice(&value.to_le_bytes());
        }
        elf.extend_from_slice(&0_u32.to_le_bytes());
        for value in [64, 56, 2, 64, 0, 0] {
            half(&mut elf, value);
        }
        let mut segment = |kind: u32, offset: u64, size: u64| {
            elf.extend_from_slice(&kind.to_le_bytes());
            elf.extend_from_slice(&4_u32.to_le_bytes());
            for value in [offset, BASE + offset, BASE + offset, size, size, 8] {
                elf.extend_from_slice(&value.to_le_bytes());
            }
        };
        segment(1, 0, size);
        segment(2, dynamic_at, dynamic.len() as u64 * 16);
        for (tag, value) in dynamic {
            elf.extend_from_slice(&tag.to_le_bytes());
            elf.extend_from_slice(&value.to_le_bytes());
        }
        elf.extend_from_slice(&strings);
        elf
    }
}
