//! Folders from tar streams and tar streams from folders, with owners, modes, times and links, one entry at a time.
//! Where a name may lead is not decided here: whoever calls is confined to the folder, or to the container, already.

use std::collections::HashMap;
use std::ffi::{CString, OsStr, OsString};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use sha2::{Digest, Sha256};

use super::clear;
use crate::stream::holes::Sparse;
use crate::stream::{self, Bounded};

/// Room for a tar header with its long name; more is no archive of files.
const LARGEST_HEADER: u64 = 1 << 20;
const BUFFER: usize = 128 << 10;

/// Names of the OCI image specification ("Whiteouts") for what a layer takes away.
const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
/// How overlayfs keeps the same, where it is mounted in a user namespace.
const OPAQUE_ATTRIBUTE: &str = "user.overlay.opaque";

/// What a tar stream is to its unpacking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unpack {
    /// Files to put into a tree that is there; what is in the way gives way.
    Files,
    /// An image's layer: whiteouts become overlayfs's.
    Layer,
}

/// Unpacks a tar stream below `root`. Device files are left out: nobody in a user namespace can make them. Extended
/// attributes are, too: the ones that overlayfs obeys must not come from an archive.
pub(super) fn unpack(input: impl Read, root: &Path, kind: Unpack) -> io::Result<()> {
    let (input, allowance) = Bounded::new(input);
    let mut archive = tar::Archive::new(input);
    // Folders get their times last: what is put into them changes them.
    let mut folders: Vec<(PathBuf, i64)> = Vec::new();
    let mut buffer = vec![0; BUFFER];
    let mut entries = archive.entries()?;
    loop {
        allowance.set(LARGEST_HEADER);
        let Some(entry) = entries.next() else { break };
        let mut entry = entry?;
        allowance.set(u64::MAX);
        let name = entry.path_bytes().into_owned();
        unpack_entry(&mut entry, &name, root, kind, &mut folders, &mut buffer).map_err(|error| named(&error, &name))?;
    }
    for (folder, time) in folders.iter().rev() {
        set_time(folder, *time)?;
    }
    Ok(())
}

fn named(error: &io::Error, name: &[u8]) -> io::Error {
    let name = crate::types::printable(&String::from_utf8_lossy(name));
    match error.raw_os_error() {
        // The caller tells these apart by their numbers.
        Some(code @ (libc::ENOSPC | libc::EDQUOT)) => io::Error::from_raw_os_error(code),
        _ => io::Error::new(error.kind(), format!("{name}: {error}")),
    }
}

fn unpack_entry(
    entry: &mut tar::Entry<'_, impl Read>,
    name: &[u8],
    root: &Path,
    kind: Unpack,
    folders: &mut Vec<(PathBuf, i64)>,
    buffer: &mut [u8],
) -> io::Result<()> {
    let relative = relative(name)?;
    let header = entry.header().clone();
    let raw = header.as_old();
    let mode = stream::field(header.mode().map(u64::from), &raw.mode)? as u32 & 0o7777;
    let time = i64::try_from(stream::field(header.mtime(), &raw.mtime)?).unwrap_or(i64::MAX);
    let id = |id: u64, what: &str| {
        u32::try_from(id).map_err(|_| io::Error::other(format!("its {what} {id} is no id of this system")))
    };
    let owner =
        (id(stream::field(header.uid(), &raw.uid)?, "owner")?, id(stream::field(header.gid(), &raw.gid)?, "group")?);
    if relative.as_os_str().is_empty() {
        if kind == Unpack::Layer && header.entry_type().is_dir() {
            finish(root, owner, Some(mode))?;
            folders.push((root.to_owned(), time));
        }
        return Ok(());
    }
    let path = root.join(&relative);
    if let Some(parent) = path.parent().filter(|parent| !parent.is_dir()) {
        make_folders(parent)?;
    }
    let file_name = relative.file_name().unwrap_or_default().as_bytes();
    if kind == Unpack::Layer && file_name.starts_with(WHITEOUT) {
        return white_out(&path, file_name);
    }
    let there = fs::symlink_metadata(&path).ok();
    let entry_type = header.entry_type();
    if entry_type.is_dir() {
        // A link to a folder serves as one, as in tar(1) and in Docker.
        if !path.is_dir() {
            make_way(&path, there.as_ref())?;
            fs::DirBuilder::new().mode(0o700).create(&path)?;
        }
        if there.as_ref().is_none_or(|there| !there.is_symlink()) {
            finish(&path, owner, Some(mode))?;
            folders.push((path, time));
        }
        return Ok(());
    }
    if entry_type.is_hard_link() {
        let target = entry.link_name_bytes().ok_or_else(|| io::Error::other("a link to nothing"))?;
        let target = root.join(self::relative(&target)?);
        if target != path {
            make_way(&path, there.as_ref())?;
            fs::hard_link(target, &path)?;
        }
        return Ok(());
    }
    if entry_type.is_symlink() {
        let target = entry.link_name_bytes().ok_or_else(|| io::Error::other("a link to nothing"))?;
        make_way(&path, there.as_ref())?;
        std::os::unix::fs::symlink(OsStr::from_bytes(&target), &path)?;
        finish(&path, owner, None)?;
    } else if entry_type.is_fifo() {
        make_way(&path, there.as_ref())?;
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::from_bits_truncate(0o600))?;
        finish(&path, owner, Some(mode))?;
    } else if entry_type.is_file() || entry_type.is_contiguous() || entry_type.is_gnu_sparse() {
        make_way(&path, there.as_ref())?;
        let file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).custom_flags(libc::O_NOFOLLOW).open(&path)?;
        // What is mostly holes is said in a few bytes: nothing is written that the disk cannot have.
        if entry_type.is_gnu_sparse() && entry.size() > room(&file)? {
            return Err(io::Error::from_raw_os_error(libc::ENOSPC));
        }
        let mut file = Sparse::new(file);
        copy(entry, &mut file, buffer)?;
        let file = file.finish()?;
        std::os::unix::fs::fchown(&file, Some(owner.0), Some(owner.1)).map_err(|error| unmapped(error, owner))?;
        // After the owner: changing that takes set-user-id bits away.
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        return set_file_time(&file, time);
    } else {
        return Ok(());
    }
    set_time(&path, time)
}

/// How many bytes the file system of a file has in all.
fn room(file: &File) -> io::Result<u64> {
    let found = nix::sys::statvfs::fstatvfs(file)?;
    #[allow(clippy::useless_conversion, reason = "their types differ between C libraries")]
    Ok(u64::from(found.blocks()).saturating_mul(u64::from(found.fragment_size())))
}

fn copy(from: &mut impl Read, to: &mut impl Write, buffer: &mut [u8]) -> io::Result<()> {
    loop {
        match from.read(buffer) {
            Ok(0) => return Ok(()),
            Ok(n) => to.write_all(&buffer[..n])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A name in an archive as a path below where it is unpacked: no way up.
fn relative(name: &[u8]) -> io::Result<PathBuf> {
    let mut path = PathBuf::new();
    for component in Path::new(OsStr::from_bytes(name)).components() {
        match component {
            Component::Normal(part) => path.push(part),
            Component::CurDir | Component::RootDir => {}
            Component::ParentDir | Component::Prefix(_) => {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a name that leads out of its folder"));
            }
        }
    }
    Ok(path)
}

/// As `mkdir -p`, with a mode that does not depend on who asks.
pub(super) fn make_folders(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_folders(parent)?;
    }
    match fs::DirBuilder::new().mode(0o755).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        result => result,
    }
}

fn make_way(path: &Path, there: Option<&Metadata>) -> io::Result<()> {
    match there {
        None => Ok(()),
        Some(there) if there.is_dir() => clear::remove(path).map(|_| ()),
        Some(_) => fs::remove_file(path),
    }
}

fn finish(path: &Path, owner: (u32, u32), mode: Option<u32>) -> io::Result<()> {
    std::os::unix::fs::lchown(path, Some(owner.0), Some(owner.1)).map_err(|error| unmapped(error, owner))?;
    match mode {
        Some(mode) => fs::set_permissions(path, fs::Permissions::from_mode(mode)),
        None => Ok(()),
    }
}

/// The kernel's "invalid argument" for an id that a user namespace does not have.
fn unmapped(error: io::Error, (user, group): (u32, u32)) -> io::Error {
    match error.raw_os_error() {
        Some(libc::EINVAL) => io::Error::new(
            io::ErrorKind::InvalidData,
            format!("its owner {user}:{group} is not among the ids of this user (see /etc/subuid and /etc/subgid)"),
        ),
        _ => error,
    }
}

fn white_out(path: &Path, name: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    if name == OPAQUE {
        return set_attribute(folder, OPAQUE_ATTRIBUTE, b"y");
    }
    let taken = &name[WHITEOUT.len()..];
    if matches!(taken, b"" | b"." | b"..") {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it takes away what is no file"));
    }
    let hidden = folder.join(OsStr::from_bytes(taken));
    // Other names of this form were aufs's own.
    if name.starts_with(b".wh..wh.") {
        return Ok(());
    }
    make_way(&hidden, fs::symlink_metadata(&hidden).ok().as_ref())?;
    use nix::sys::stat::{Mode, SFlag, makedev, mknod};
    Ok(mknod(&hidden, SFlag::S_IFCHR, Mode::empty(), makedev(0, 0))?)
}

fn c_string(path: &OsStr) -> io::Result<CString> {
    Ok(CString::new(path.as_bytes())?)
}

fn set_attribute(path: &Path, name: &str, value: &[u8]) -> io::Result<()> {
    let (path, name) = (c_string(path.as_os_str())?, CString::new(name)?);
    // SAFETY: both strings end with a zero byte, and `value` is as long as said.
    let result = unsafe { libc::lsetxattr(path.as_ptr(), name.as_ptr(), value.as_ptr().cast(), value.len(), 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn has_attribute(path: &Path, name: &str) -> io::Result<bool> {
    let (path, name) = (c_string(path.as_os_str())?, CString::new(name)?);
    let mut value = [0_u8; 8];
    // SAFETY: both strings end with a zero byte, and `value` is as long as said.
    let n = unsafe { libc::lgetxattr(path.as_ptr(), name.as_ptr(), value.as_mut_ptr().cast(), value.len()) };
    Ok(n == 1 && value[0] == b'y')
}

fn times(time: i64) -> [libc::timespec; 2] {
    let time = libc::timespec { tv_sec: time, tv_nsec: 0 };
    [time, time]
}

fn set_time(path: &Path, time: i64) -> io::Result<()> {
    let path = c_string(path.as_os_str())?;
    let times = times(time);
    // SAFETY: the path ends with a zero byte, and there are two times.
    let result = unsafe { libc::utimensat(libc::AT_FDCWD, path.as_ptr(), times.as_ptr(), libc::AT_SYMLINK_NOFOLLOW) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn set_file_time(file: &File, time: i64) -> io::Result<()> {
    let times = times(time);
    // SAFETY: there are two times, and the descriptor is open.
    let result = unsafe { libc::futimens(file.as_raw_fd(), times.as_ptr()) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Writes the file or folder at `path` as a tar stream, its entries named from the last component on.
pub(super) fn pack(path: &Path, output: impl Write) -> io::Result<()> {
    let name = path.file_name().map_or_else(|| PathBuf::from("."), PathBuf::from);
    let mut pack = Pack { tar: tar::Builder::new(output), twins: HashMap::new(), layer: false };
    pack.entry(path, &name)?;
    pack.tar.into_inner()?.flush()
}

/// The digest and size of the layer that a folder is: the tar stream of all that is in it, in the order of names, with
/// whiteouts as the OCI image specification has them. The same folder gives the same digest.
pub(super) fn seal(folder: &Path) -> io::Result<(String, u64)> {
    let mut pack = Pack { tar: tar::Builder::new(Hashing::default()), twins: HashMap::new(), layer: true };
    pack.children(folder, Path::new(""))?;
    let hashed = pack.tar.into_inner()?;
    Ok((format!("sha256:{}", hex::encode(hashed.digest.finalize())), hashed.bytes))
}

#[derive(Default)]
struct Hashing {
    digest: Sha256,
    bytes: u64,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Pack<W: Write> {
    tar: tar::Builder<W>,
    /// Where the first name of a file with several was written, by device and inode.
    twins: HashMap<(u64, u64), PathBuf>,
    /// Whether overlayfs's whiteouts become those of images.
    layer: bool,
}

impl<W: Write> Pack<W> {
    fn children(&mut self, path: &Path, name: &Path) -> io::Result<()> {
        let mut names: Vec<OsString> = fs::read_dir(path)
            .map_err(|error| at(path, &error))?
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect::<io::Result<_>>()?;
        names.sort_unstable();
        for child in names {
            self.entry(&path.join(&child), &name.join(&child))?;
        }
        Ok(())
    }

    fn entry(&mut self, path: &Path, name: &Path) -> io::Result<()> {
        let found = fs::symlink_metadata(path).map_err(|error| at(path, &error))?;
        let mut header = tar::Header::new_gnu();
        header.set_mode(found.mode() & 0o7777);
        header.set_uid(u64::from(found.uid()));
        header.set_gid(u64::from(found.gid()));
        header.set_mtime(u64::try_from(found.mtime()).unwrap_or(0));
        header.set_size(0);
        let kind = found.file_type();
        if kind.is_dir() {
            header.set_entry_type(tar::EntryType::Directory);
            let mut folder = name.as_os_str().to_owned().into_vec();
            folder.push(b'/');
            self.tar.append_data(&mut header, OsStr::from_bytes(&folder), io::empty())?;
            if self.layer && has_attribute(path, OPAQUE_ATTRIBUTE)? {
                self.mark(&name.join(OsStr::from_bytes(OPAQUE)))?;
            }
            return self.children(path, name);
        }
        if self.layer && kind.is_char_device() && found.rdev() == 0 {
            let hidden = [WHITEOUT, name.file_name().unwrap_or_default().as_bytes()].concat();
            return self.mark(&name.with_file_name(OsStr::from_bytes(&hidden)));
        }
        if found.nlink() > 1 {
            if let Some(twin) = self.twins.get(&(found.dev(), found.ino())) {
                header.set_entry_type(tar::EntryType::Link);
                return self.tar.append_link(&mut header, name, twin);
            }
            self.twins.insert((found.dev(), found.ino()), name.to_owned());
        }
        if kind.is_symlink() {
            header.set_entry_type(tar::EntryType::Symlink);
            let target = fs::read_link(path).map_err(|error| at(path, &error))?;
            return self.tar.append_link(&mut header, name, target);
        }
        if kind.is_file() {
            header.set_entry_type(tar::EntryType::Regular);
            header.set_size(found.len());
            let file = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path);
            let file = file.map_err(|error| at(path, &error))?;
            let mut content = Exactly { inner: file, left: found.len() };
            return self.tar.append_data(&mut header, name, &mut content).map_err(|error| at(path, &error));
        }
        if kind.is_fifo() {
            header.set_entry_type(tar::EntryType::Fifo);
            return self.tar.append_data(&mut header, name, io::empty());
        }
        // Sockets and devices are no content.
        Ok(())
    }

    /// An empty file whose name says something.
    fn mark(&mut self, name: &Path) -> io::Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_mode(0);
        header.set_size(0);
        self.tar.append_data(&mut header, name, io::empty())
    }
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    let name = crate::types::printable(&path.to_string_lossy());
    match error.kind() {
        // Whoever reads has gone: that is theirs to explain.
        io::ErrorKind::BrokenPipe => io::ErrorKind::BrokenPipe.into(),
        kind => io::Error::new(kind, format!("{name}: {error}")),
    }
}

/// As many bytes as a header promised: a file may grow or shrink while it is read.
struct Exactly {
    inner: File,
    left: u64,
}

impl Read for Exactly {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Ok(0);
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let n = self.inner.read(&mut buffer[..most])?;
        if n == 0 {
            return Err(io::Error::other("it became shorter while it was read"));
        }
        self.left -= n as u64;
        Ok(n)
    }
}
