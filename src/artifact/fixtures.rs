//! Packages made by hand, for tests: byte by byte where a tool would refuse to write what they hold.

use std::io::Write;
use std::path::{Path, PathBuf};

/// One entry of a data.tar: name, tar type, mode, uid, content or link target.
pub(super) type Member<'a> = (&'a str, tar::EntryType, u32, u64, &'a [u8]);

pub(super) fn file<'a>(name: &'a str, content: &'a [u8]) -> Member<'a> {
    (name, tar::EntryType::Regular, 0o644, 0, content)
}

pub(super) fn program<'a>(name: &'a str, content: &'a [u8]) -> Member<'a> {
    (name, tar::EntryType::Regular, 0o755, 0, content)
}

/// A tar whose names are written unchecked.
pub(super) fn tarball(members: &[Member<'_>]) -> Vec<u8> {
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

fn ar(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
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
pub(super) fn deb_of(control: &str, data: Vec<u8>, kind: &str) -> Vec<u8> {
    let extension = if kind.is_empty() { String::new() } else { format!(".{kind}") };
    ar(&[
        ("debian-binary", b"2.0\n".to_vec()),
        (&format!("control.tar{extension}"), compress(kind, &tarball(&[file("./control", control.as_bytes())]))),
        (&format!("data.tar{extension}"), data),
    ])
}

/// A .deb in `folder`; `fields` beside name, version and architecture.
pub(super) fn deb(
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

/// A 64-bit ELF shared object with a dynamic section and nothing to run.
pub(super) struct ElfMaker<'a> {
    pub(super) machine: u16,
    pub(super) needed: &'a [&'a str],
    pub(super) soname: Option<&'a str>,
    pub(super) runpath: Option<&'a str>,
}

impl ElfMaker<'_> {
    pub(super) fn needing(needed: &'_ [&'static str]) -> Vec<u8> {
        ElfMaker { machine: 62, needed, soname: None, runpath: None }.bytes()
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
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
