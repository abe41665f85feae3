//! One .deb opened for unpacking, as `formats::deb` reads it: its control files in memory, its content as an uncompressed tar
//! on a spool. Nothing is interpreted: what entries may do to a system is `layer`'s to decide.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use tempfile::SpooledTempFile;

use crate::formats::compression::decompressed;
use crate::formats::deb::{self, Control, Part};

/// Unpacked; the largest package of Debian has some gigabytes.
const LARGEST_DATA: u64 = 16 << 30;
/// Smaller contents never touch the disk.
const IN_MEMORY: usize = 256 << 10;

#[derive(Debug)]
pub(super) struct Deb {
    /// `control`, `conffiles`, `postinst`, … by name.
    pub(super) control: BTreeMap<String, Vec<u8>>,
    /// The content as a tar, at its start.
    pub(super) data: SpooledTempFile,
}

/// Opens and decompresses a .deb. What is too large for memory goes to a file without a name in `spool`. Blocks; to be
/// run ahead on worker threads.
pub(super) fn open(path: &Path, spool: &Path) -> Result<Deb, DebError> {
    let file = File::open(path).map_err(|source| DebError::Io { path: path.to_owned(), source })?;
    read(BufReader::new(file), path, spool)
}

/// The control files of a .deb, which stand at its beginning. Blocks.
pub(super) fn control(path: &Path) -> Result<BTreeMap<String, Vec<u8>>, DebError> {
    let file = File::open(path).map_err(|source| DebError::Io { path: path.to_owned(), source })?;
    let mut control = None;
    let result = deb::read(&mut BufReader::new(file), |part| {
        if let Part::Control { compression, content } = part {
            control = Some(control_files(compression, content)?);
        }
        Ok(ControlFlow::Break(()))
    });
    let read = result.and_then(|()| control.ok_or_else(|| "it has no control.tar".to_owned()));
    read.map_err(|reason| DebError::Invalid { path: path.to_owned(), reason })
}

#[derive(Debug, thiserror::Error)]
pub(super) enum DebError {
    #[error("cannot read {}", .path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{} is no proper .deb: {reason}", .path.display())]
    Invalid { path: PathBuf, reason: String },
}

fn read(mut file: impl Read, path: &Path, spool: &Path) -> Result<Deb, DebError> {
    let mut control = None;
    let mut data = None;
    // What the operating system says of the spool is not said of the package.
    let mut failed = None;
    let result = deb::read(&mut file, |part| match part {
        Part::Control { compression, content } => {
            control = Some(control_files(compression, content)?);
            Ok(ControlFlow::Continue(()))
        }
        Part::Data { compression, content } => {
            let mut spooled = SpooledTempFile::new_in(IN_MEMORY, spool);
            let copied = io::copy(&mut decompressed(compression, content)?.take(LARGEST_DATA), &mut spooled)
                .and_then(|copied| spooled.seek(SeekFrom::Start(0)).map(|_| copied));
            match copied {
                Ok(LARGEST_DATA) => return Err("its content is larger than any package's".to_owned()),
                Ok(_) => data = Some(spooled),
                Err(error) => {
                    let reason = error.to_string();
                    failed = error.raw_os_error().is_some().then_some(error);
                    return Err(reason);
                }
            }
            Ok(ControlFlow::Break(()))
        }
    });
    match (result, failed, control, data) {
        (_, Some(source), ..) => Err(DebError::Io { path: path.to_owned(), source }),
        (Ok(()), None, Some(control), Some(data)) => Ok(Deb { control, data }),
        (result, ..) => {
            let reason = result.err().unwrap_or_else(|| "it has no data.tar".to_owned());
            Err(DebError::Invalid { path: path.to_owned(), reason })
        }
    }
}

/// Their names are about to become those of files in dpkg's database.
fn control_files(compression: &str, content: &mut dyn Read) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let Control(files) = Control::read(compression, content)?;
    let is_plain = |name: &String| {
        !name.is_empty()
            && !name.starts_with('.')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.+".contains(c))
    };
    if !files.keys().all(is_plain) {
        return Err("its control.tar holds more than plain files".to_owned());
    }
    if !files.contains_key("control") {
        return Err("it has no control file".to_owned());
    }
    Ok(files)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A tar of files: (path, link target or none, mode, content).
    pub(in crate::image) fn tarball(entries: &[(&str, TarMember<'_>)]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, entry) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o644);
            header.set_mtime(1_700_000_000);
            header.set_uid(0);
            header.set_gid(0);
            let mut content: &[u8] = &[];
            match entry {
                TarMember::File(bytes) => {
                    header.set_entry_type(tar::EntryType::Regular);
                    content = bytes;
                }
                TarMember::Directory => {
                    header.set_mode(0o755);
                    header.set_entry_type(tar::EntryType::Directory);
                }
                TarMember::Symlink(target) => {
                    header.set_entry_type(tar::EntryType::Symlink);
                    header.as_gnu_mut().unwrap().linkname[..target.len()].copy_from_slice(target.as_bytes());
                }
                TarMember::Hardlink(target) => {
                    header.set_entry_type(tar::EntryType::Link);
                    header.as_gnu_mut().unwrap().linkname[..target.len()].copy_from_slice(target.as_bytes());
                }
                TarMember::Device => header.set_entry_type(tar::EntryType::Char),
            }
            // Past the checks of the tar crate: hostile names are what is tested.
            header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_size(content.len() as u64);
            header.set_cksum();
            tar.append(&header, content).unwrap();
        }
        tar.into_inner().unwrap()
    }

    pub(in crate::image) enum TarMember<'a> {
        File(&'a [u8]),
        Directory,
        Symlink(&'a str),
        Hardlink(&'a str),
        Device,
    }

    pub(in crate::image) fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut ar = b"!<arch>\n".to_vec();
        for (name, content) in members {
            ar.extend(format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100644, content.len()).bytes());
            ar.extend_from_slice(content);
            if content.len() % 2 == 1 {
                ar.push(b'\n');
            }
        }
        ar
    }

    fn xz(content: &[u8]) -> Vec<u8> {
        let mut packed = Vec::new();
        xz2::read::XzEncoder::new(content, 1).read_to_end(&mut packed).unwrap();
        packed
    }

    fn reason(bytes: &[u8]) -> String {
        match read(bytes, Path::new("a.deb"), Path::new("/nonexistent")) {
            Err(DebError::Invalid { reason, .. }) => reason,
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("it was taken"),
        }
    }

    #[test]
    fn each_compression_is_read() {
        let control = tarball(&[("./", TarMember::Directory), ("./control", TarMember::File(b"Package: a\n"))]);
        let data = tarball(&[("./usr/a", TarMember::File(b"content"))]);
        let mut gz = Vec::new();
        flate2::read::GzEncoder::new(&control[..], flate2::Compression::fast()).read_to_end(&mut gz).unwrap();
        for (name, packed) in [
            ("data.tar", data.clone()),
            ("data.tar.xz", xz(&data)),
            ("data.tar.zst", zstd::encode_all(&data[..], 1).unwrap()),
        ] {
            let members =
                [("debian-binary", &b"2.0\n"[..]), ("control.tar.gz", &gz), ("_extra", b"x"), (name, &packed)];
            let mut deb = read(&ar(&members)[..], Path::new("a.deb"), Path::new("/nonexistent")).ok().unwrap();
            assert_eq!(deb.control["control"], b"Package: a\n");
            let mut read = Vec::new();
            deb.data.read_to_end(&mut read).unwrap();
            assert_eq!(read, data);
        }
    }

    #[test]
    fn what_is_no_deb_says_why() {
        let control = tarball(&[("./control", TarMember::File(b"Package: a\n"))]);
        let version = ("debian-binary", &b"2.0\n"[..]);
        assert!(reason(b"PK\x03\x04 not a deb").contains("no ar"));
        assert!(reason(&ar(&[("control.tar", &control)])).contains("first member"));
        assert!(reason(&ar(&[("debian-binary", b"3.0\n")])).contains("2.0"));
        assert!(reason(&ar(&[version, ("data.tar", b"")])).contains("not where dpkg expects"));
        assert!(reason(&ar(&[version, ("control.tar", &control)])).contains("no data.tar"));
        assert!(reason(&ar(&[version, ("control.tar.lz", &control)])).contains("compressed"));
        assert!(reason(&ar(&[version, ("control.tar", &control), ("evil", b"")])).contains("evil"));
        let no_control = tarball(&[("./md5sums", TarMember::File(b""))]);
        assert!(reason(&ar(&[version, ("control.tar", &no_control)])).contains("no control"));
        let nested = tarball(&[("./../postinst", TarMember::File(b""))]);
        assert!(reason(&ar(&[version, ("control.tar", &nested)])).contains("no file at its top"));
        let link = tarball(&[("./control", TarMember::Symlink("/etc/passwd"))]);
        assert!(reason(&ar(&[version, ("control.tar", &link)])).contains("no file at its top"));
        let whole = ar(&[version, ("control.tar", &control), ("data.tar.xz", &xz(&control))]);
        for cut in [5, 30, 70, whole.len() / 2, whole.len() - 20] {
            reason(&whole[..cut]);
        }
    }
}
