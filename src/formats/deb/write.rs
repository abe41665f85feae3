//! Writes a .deb (deb(5)) as dpkg-deb(1) does: an ar archive of `debian-binary`, `control.tar.xz` and `data.tar.xz`, with
//! GNU's long names. All is root's, in the order in which it is given, so that the same files give the same bytes.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, Write};

use xz2::stream::{Check, Filters, LzmaOptions, Stream};
use xz2::write::XzEncoder;

use crate::formats::ar;

/// The level that dpkg-deb takes by itself, with a smaller dictionary than its 8 MiB: xz takes eleven times as much memory,
/// for each package that is written at the same time.
const XZ_LEVEL: u32 = 6;
const XZ_DICTIONARY_BYTES: u32 = 1 << 20;

/// The files of control.tar, by name, with their modes.
pub(crate) type ControlFiles = BTreeMap<String, (String, u32)>;

/// Writes a package that was made at `time`; `data` gives its files.
pub(crate) fn write(
    out: impl Write + Seek,
    time: i64,
    control: &ControlFiles,
    data: impl FnOnce(&mut Tarball<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let mut ar = ar::Writer::begin(out)?;
    ar.member("debian-binary", time, |out| out.write_all(b"2.0\n"))?;
    ar.member("control.tar.xz", time, |out| {
        compressed_tar(out, time, |tar| {
            for (name, (content, mode)) in control {
                tar.file(&format!("/{name}"), *mode, time, content.len() as u64, content.as_bytes())?;
            }
            Ok(())
        })
    })?;
    ar.member("data.tar.xz", time, |out| compressed_tar(out, time, data))?;
    ar.end()
}

/// A tar archive being written. Paths are absolute, and stand in it behind a full stop, as dpkg has them: the tar crate
/// by itself would drop it.
pub(crate) struct Tarball<'a> {
    tar: tar::Builder<&'a mut dyn Write>,
}

impl Tarball<'_> {
    pub(crate) fn folder(&mut self, path: &str, mode: u32, time: i64) -> io::Result<()> {
        let header = header(tar::EntryType::Directory, mode, 0, time);
        self.append(&format!("{}/", path.trim_end_matches('/')), header, io::empty())
    }

    pub(crate) fn file(&mut self, path: &str, mode: u32, time: i64, size: u64, content: impl Read) -> io::Result<()> {
        self.append(path, header(tar::EntryType::Regular, mode, size, time), content)
    }

    pub(crate) fn symlink(&mut self, path: &str, target: &str, time: i64) -> io::Result<()> {
        self.append_link(path, target, header(tar::EntryType::Symlink, 0o777, 0, time))
    }

    /// Another name of a file that stands before it.
    pub(crate) fn hard_link(&mut self, path: &str, file: &str, mode: u32, time: i64) -> io::Result<()> {
        self.append_link(path, &format!(".{file}"), header(tar::EntryType::Link, mode, 0, time))
    }

    fn append(&mut self, path: &str, mut header: tar::Header, content: impl Read) -> io::Result<()> {
        let name = format!(".{path}");
        set_name(&mut self.tar, &mut header, name.as_bytes(), tar::EntryType::GNULongName)?;
        header.set_cksum();
        self.tar.append(&header, content)
    }

    fn append_link(&mut self, path: &str, target: &str, mut header: tar::Header) -> io::Result<()> {
        let name = format!(".{path}");
        set_name(&mut self.tar, &mut header, name.as_bytes(), tar::EntryType::GNULongName)?;
        set_name(&mut self.tar, &mut header, target.as_bytes(), tar::EntryType::GNULongLink)?;
        header.set_cksum();
        self.tar.append(&header, io::empty())
    }
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

/// A compressed archive whose first entry is its top folder.
fn compressed_tar(
    out: &mut dyn Write,
    time: i64,
    write: impl FnOnce(&mut Tarball<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let mut options = LzmaOptions::new_preset(XZ_LEVEL)?;
    let mut filters = Filters::new();
    filters.lzma2(options.dict_size(XZ_DICTIONARY_BYTES));
    let mut encoder = XzEncoder::new_stream(out, Stream::new_stream_encoder(&filters, Check::Crc64)?);
    let mut tarball = Tarball { tar: tar::Builder::new(&mut encoder) };
    tarball.folder("/", 0o755, time)?;
    write(&mut tarball)?;
    tarball.tar.finish()?;
    drop(tarball);
    encoder.finish().map(|_| ())
}
