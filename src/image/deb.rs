//! One .deb opened for unpacking (deb(5)): its control files in memory, its content as an uncompressed tar on a spool.
//! Reading is strict, and interprets nothing: what entries may do to a system is `layer`'s to decide.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use tempfile::SpooledTempFile;

/// All of a package's control files together; Debian's largest have one megabyte.
const LARGEST_CONTROL: u64 = 32 << 20;
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
    read(BufReader::new(file), spool).map_err(|problem| problem.of(path))
}

/// The control files of a .deb, which stand at its beginning. Blocks.
pub(super) fn control(path: &Path) -> Result<BTreeMap<String, Vec<u8>>, DebError> {
    let file = File::open(path).map_err(|source| DebError::Io { path: path.to_owned(), source })?;
    let read = members(BufReader::new(file), |_, control, _| Ok(control));
    read.map_err(|problem| problem.of(path))
}

#[derive(Debug, thiserror::Error)]
pub(super) enum DebError {
    #[error("cannot read {}", .path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{} is no proper .deb: {reason}", .path.display())]
    Invalid { path: PathBuf, reason: String },
}

enum Problem {
    Io(io::Error),
    Invalid(String),
}

impl Problem {
    fn of(self, path: &Path) -> DebError {
        match self {
            Problem::Io(source) => DebError::Io { path: path.to_owned(), source },
            Problem::Invalid(reason) => DebError::Invalid { path: path.to_owned(), reason },
        }
    }
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Problem {
        // What the operating system did not say is said of the content, by a decompressor or the tar reader.
        match error.raw_os_error() {
            Some(_) => Problem::Io(error),
            None => Problem::Invalid(error.to_string()),
        }
    }
}

fn invalid(reason: impl Into<String>) -> Problem {
    Problem::Invalid(reason.into())
}

fn read(file: impl Read, spool: &Path) -> Result<Deb, Problem> {
    members(file, |name, control, content| {
        let mut data = SpooledTempFile::new_in(IN_MEMORY, spool);
        let copied = io::copy(&mut decompressed(name, content)?.take(LARGEST_DATA), &mut data)?;
        if copied == LARGEST_DATA {
            return Err(invalid("its content is larger than any package's"));
        }
        data.seek(SeekFrom::Start(0))?;
        Ok(Deb { control, data })
    })
}

/// Reads all up to the content, and has `then` read that: it gets the member's name, the control files, and the content.
fn members<R: Read, T>(
    mut file: R,
    then: impl FnOnce(&str, BTreeMap<String, Vec<u8>>, &mut io::Take<&mut R>) -> Result<T, Problem>,
) -> Result<T, Problem> {
    let mut magic = [0; 8];
    file.read_exact(&mut magic)?;
    if magic != *b"!<arch>\n" {
        return Err(invalid("it is not an ar archive"));
    }
    let mut control = None;
    let mut first = true;
    loop {
        let Some((name, size)) = member(&mut file)? else { return Err(invalid("it has no data.tar")) };
        let mut content = (&mut file).take(size);
        match name.as_str() {
            "debian-binary" => {
                let mut version = String::new();
                (&mut content).take(64).read_to_string(&mut version)?;
                if !version.starts_with("2.") {
                    return Err(invalid(format!("its format is {:?}, not 2", version.trim())));
                }
            }
            _ if first => return Err(invalid("it does not begin with debian-binary")),
            _ if name.starts_with("control.tar") && control.is_none() => {
                control = Some(control_files(decompressed(&name, &mut content)?)?);
            }
            _ if name.starts_with("data.tar") => {
                let control = control.ok_or_else(|| invalid("its data.tar comes before its control.tar"))?;
                return then(&name, control, &mut content);
            }
            // deb(5): members that begin with an underscore are to be ignored, others are an error.
            _ if name.starts_with('_') => {}
            _ => return Err(invalid(format!("it has an unknown member {:?}", crate::types::printable(&name)))),
        }
        first = false;
        io::copy(&mut content, &mut io::sink())?;
        if size % 2 == 1 {
            file.read_exact(&mut [0])?;
        }
    }
}

/// The name and size of the next ar member.
fn member(file: &mut impl Read) -> Result<Option<(String, u64)>, Problem> {
    let mut header = [0; 60];
    let mut filled = 0;
    while filled < header.len() {
        match file.read(&mut header[filled..])? {
            0 if filled == 0 => return Ok(None),
            0 => return Err(invalid("it is cut off")),
            read => filled += read,
        }
    }
    if header[58..] != *b"`\n" {
        return Err(invalid("an ar header is broken"));
    }
    let text = std::str::from_utf8(&header[..58]).map_err(|_| invalid("an ar header is not text"))?;
    let name = text.get(..16).unwrap_or_default().trim_end().trim_end_matches('/');
    let size = text.get(48..58).and_then(|size| size.trim().parse().ok());
    let size = size.ok_or_else(|| invalid("an ar header has no size"))?;
    Ok(Some((name.to_owned(), size)))
}

fn decompressed<'a>(name: &str, content: impl Read + 'a) -> Result<Box<dyn Read + 'a>, Problem> {
    Ok(match name.split_once(".tar").map(|(_, suffix)| suffix) {
        Some("") => Box::new(content),
        Some(".gz") => Box::new(flate2::read::GzDecoder::new(content)),
        Some(".xz") => Box::new(xz2::read::XzDecoder::new(content)),
        Some(".zst") => Box::new(zstd::Decoder::new(content)?),
        _ => {
            return Err(invalid(format!("{} is compressed in a way that is not known", crate::types::printable(name))));
        }
    })
}

fn control_files(tar: impl Read) -> Result<BTreeMap<String, Vec<u8>>, Problem> {
    let mut files = BTreeMap::new();
    let mut archive = tar::Archive::new(tar.take(LARGEST_CONTROL));
    for entry in archive.entries()? {
        let mut entry = entry?;
        if entry.header().entry_type().is_dir() {
            continue;
        }
        let path = entry.path_bytes().into_owned();
        let name = std::str::from_utf8(path.strip_prefix(b"./").unwrap_or(&path)).unwrap_or_default();
        let plain = !name.is_empty()
            && !name.starts_with('.')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.+".contains(c));
        if !plain || !entry.header().entry_type().is_file() {
            return Err(invalid("its control.tar holds more than plain files"));
        }
        let name = name.to_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        files.insert(name, content);
    }
    if !files.contains_key("control") {
        return Err(invalid("it has no control file"));
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
        match read(bytes, Path::new("/nonexistent")) {
            Err(Problem::Invalid(reason)) => reason,
            Err(Problem::Io(error)) => panic!("{error}"),
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
            let mut deb = read(&ar(&members)[..], Path::new("/nonexistent")).ok().unwrap();
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
        assert!(reason(b"PK\x03\x04 not a deb").contains("not an ar"));
        assert!(reason(&ar(&[("control.tar", &control)])).contains("begin"));
        assert!(reason(&ar(&[("debian-binary", b"3.0\n")])).contains("format"));
        assert!(reason(&ar(&[version, ("data.tar", b"")])).contains("before"));
        assert!(reason(&ar(&[version, ("control.tar", &control)])).contains("no data.tar"));
        assert!(reason(&ar(&[version, ("control.tar.lz", &control)])).contains("compressed"));
        assert!(reason(&ar(&[version, ("control.tar", &control), ("evil", b"")])).contains("unknown member"));
        let no_control = tarball(&[("./md5sums", TarMember::File(b""))]);
        assert!(reason(&ar(&[version, ("control.tar", &no_control)])).contains("no control"));
        let nested = tarball(&[("./../postinst", TarMember::File(b""))]);
        assert!(reason(&ar(&[version, ("control.tar", &nested)])).contains("plain files"));
        let link = tarball(&[("./control", TarMember::Symlink("/etc/passwd"))]);
        assert!(reason(&ar(&[version, ("control.tar", &link)])).contains("plain files"));
        let whole = ar(&[version, ("control.tar", &control), ("data.tar.xz", &xz(&control))]);
        for cut in [5, 30, 70, whole.len() / 2, whole.len() - 20] {
            reason(&whole[..cut]);
        }
    }
}
