//! .deb packages (deb(5)) as streams: an ar archive of `debian-binary`, `control.tar` and `data.tar`. Read as strictly as
//! all of its readers together: dpkg stops at the member that it wants, apt lists all and takes the last of a name, so that
//! nothing may be there twice, in another order or after the end. What is in `data.tar` is for those who ask.

pub(crate) mod shlibs;
pub(crate) mod tarball;
pub(crate) mod write;

use std::collections::BTreeMap;
use std::io::Read;
use std::ops::ControlFlow;

use super::ar;
use super::compression::decompressed;
use crate::types::printable;

/// All files of control.tar. Those of Debian's largest package are a tenth of it.
const LARGEST_CONTROL: u64 = 16 << 20;

/// What comes next in a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaited {
    Version,
    Control,
    Data,
    Nothing,
}

/// A part of a package; `compression` is the extension behind `.tar`, without its dot.
pub(crate) enum Part<'a> {
    Control { compression: &'a str, content: &'a mut dyn Read },
    Data { compression: &'a str, content: &'a mut dyn Read },
}

/// Gives both parts of a package to `take`, in order, until that wants no more.
///
/// # Errors
/// A sentence about what is wrong with it, also when `take` has one.
pub(crate) fn read(
    ar: &mut impl Read,
    mut take: impl FnMut(Part<'_>) -> Result<ControlFlow<()>, String>,
) -> Result<(), String> {
    ar::begin(ar)?;
    let mut awaited = Awaited::Version;
    let mut extras: Vec<String> = Vec::new();
    while let Some((name, size)) = ar::member(ar)? {
        if awaited == Awaited::Version && name != "debian-binary" {
            return Err("its first member is not debian-binary".to_owned());
        }
        // deb(5): such members may stand anywhere after the first, and mean nothing to dpkg and apt.
        if name.starts_with('_') && awaited != Awaited::Version {
            if extras.contains(&name) {
                return Err(format!("it has two members {name}"));
            }
            ar::whole_member(ar, size, |_| Ok(()))?;
            extras.push(name);
            continue;
        }
        let compression = |stem: &str| name.strip_prefix(stem).map(|end| end.strip_prefix('.').unwrap_or(end));
        let misplaced = || format!("its member {name} is not where dpkg expects one");
        let flow = match awaited {
            Awaited::Version => {
                let mut version = Vec::new();
                ar::whole_member(ar, size, |member| {
                    member.take(64).read_to_end(&mut version).map_err(|error| error.to_string())
                })?;
                if version != b"2.0\n" {
                    return Err("its debian-binary does not say `2.0`".to_owned());
                }
                awaited = Awaited::Control;
                continue;
            }
            Awaited::Control => {
                let compression = compression("control.tar").ok_or_else(misplaced)?;
                awaited = Awaited::Data;
                ar::whole_member(ar, size, |content| take(Part::Control { compression, content }))?
            }
            Awaited::Data => {
                if name.starts_with("control.tar") {
                    return Err("it has two control.tar, of which dpkg and apt do not take the same".to_owned());
                }
                let compression = compression("data.tar").ok_or_else(misplaced)?;
                awaited = Awaited::Nothing;
                ar::whole_member(ar, size, |content| take(Part::Data { compression, content }))?
            }
            Awaited::Nothing if name.starts_with("data.tar") => {
                return Err("it has two data.tar, of which dpkg and apt do not take the same".to_owned());
            }
            Awaited::Nothing => return Err(format!("it goes on with {name} after its data.tar")),
        };
        if flow.is_break() {
            return Ok(());
        }
    }
    match awaited {
        Awaited::Version => Err("it is empty".to_owned()),
        Awaited::Control => Err("it has no control.tar".to_owned()),
        Awaited::Data => Err("it has no data.tar".to_owned()),
        Awaited::Nothing => Ok(()),
    }
}

/// The files of control.tar, by name. Names are as the package has them: any without a slash.
#[derive(Debug)]
pub(crate) struct Control(pub(crate) BTreeMap<String, Vec<u8>>);

impl Control {
    /// Reads them all.
    ///
    /// # Errors
    /// A sentence about what is wrong with it.
    pub(crate) fn read(compression: &str, content: &mut dyn Read) -> Result<Control, String> {
        let mut files = BTreeMap::new();
        let mut left = LARGEST_CONTROL;
        tarball::read("control.tar", decompressed(compression, content)?, |member, content| {
            let name = String::from_utf8_lossy(&member.path[1..]).into_owned();
            let shown = printable(&name);
            match member.kind {
                tarball::MemberKind::Folder if name.is_empty() => return Ok(()),
                tarball::MemberKind::File if !name.contains('/') => {}
                _ => return Err(format!("its control.tar has {shown}, which is no file at its top")),
            }
            left = left.checked_sub(member.size).ok_or("its control.tar is unreasonably large")?;
            let mut bytes = Vec::new();
            content.read_to_end(&mut bytes).map_err(|error| format!("its control.tar is damaged: {error}"))?;
            if files.insert(name, bytes).is_some() {
                return Err(format!("its control.tar has two files {shown}, of which dpkg takes the last"));
            }
            Ok(())
        })?;
        Ok(Control(files))
    }

    /// One of them as text; none when the package has no such file.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, String> {
        let text = |bytes: &Vec<u8>| {
            String::from_utf8(bytes.clone()).map_err(|_| format!("its file {} is not UTF-8", printable(name)))
        };
        self.0.get(name).map(text).transpose()
    }

    /// What md5sums says of files, by path (deb-md5sums(5)).
    pub(crate) fn md5sums(&self) -> Result<BTreeMap<Vec<u8>, [u8; 16]>, String> {
        let mut sums = BTreeMap::new();
        for line in self.0.get("md5sums").map(Vec::as_slice).unwrap_or_default().split(|byte| *byte == b'\n') {
            if line.is_empty() {
                continue;
            }
            let bad = || {
                let line = printable(&String::from_utf8_lossy(line));
                format!("its md5sums have the line `{line}`, which is no sum of a file, or a second one")
            };
            let (sum, path) = line.split_at_checked(32).ok_or_else(bad)?;
            let path = path.strip_prefix(b"  ").ok_or_else(bad)?;
            let mut bytes = [0; 16];
            hex::decode_to_slice(sum, &mut bytes).map_err(|_| bad())?;
            if sums.insert([b"/", path].concat(), bytes).is_some() {
                return Err(bad());
            }
        }
        Ok(sums)
    }
}

/// One line of `conffiles` (deb-conffiles(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Conffile<'a> {
    /// As it is written, blanks at its end included: nobody has looked whether it is one.
    pub(crate) path: &'a str,
    /// No file of this package: an upgrade removes what an earlier version had there.
    pub(crate) is_to_be_removed: bool,
}

/// The lines of `conffiles`, without empty ones.
pub(crate) fn conffiles(text: &str) -> impl Iterator<Item = Conffile<'_>> {
    text.lines().filter(|line| !line.is_empty()).map(|line| match line.strip_prefix("remove-on-upgrade ") {
        Some(path) => Conffile { path: path.trim_start(), is_to_be_removed: true },
        None => Conffile { path: line, is_to_be_removed: false },
    })
}
