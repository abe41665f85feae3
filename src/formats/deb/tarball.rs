//! The tar archives in a .deb, as dpkg reads them: plain headers and GNU's long names, no PAX, nothing sparse. tar
//! itself, and apt, know more; what they would read otherwise is refused.

use std::io::{self, Read};

use crate::stream::Bounded;
use crate::types::printable;

const LARGEST_HEADER: u64 = 1 << 20;
/// PATH_MAX, with its zero byte.
const LONGEST_NAME: u64 = 4096;
/// What tar fills its last record with, at most.
const MOST_PADDING: u64 = 1 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MemberKind {
    File,
    HardLink,
    Symlink,
    Folder,
    Special,
}

/// One header.
#[derive(Debug)]
pub(crate) struct Member {
    /// With one leading slash and none at the end, however it is written: `./usr/x`, `usr/x`, `/usr/x`.
    pub(crate) path: Vec<u8>,
    pub(crate) kind: MemberKind,
    pub(crate) mode: u32,
    pub(crate) owner: String,
    pub(crate) group: String,
    /// The path of a hard link's file, the target of a symbolic link as it is written.
    pub(crate) link: Vec<u8>,
    pub(crate) size: u64,
    /// Seconds since 1970.
    pub(crate) time: u64,
}

/// Gives every member of the archive called `name` to `take`, which need not read its content.
///
/// # Errors
/// A sentence about what is wrong with it, also when `take` has one.
pub(crate) fn read(
    name: &str,
    reader: Box<dyn Read + '_>,
    mut take: impl FnMut(Member, &mut dyn Read) -> Result<(), String>,
) -> Result<(), String> {
    let damaged = |error: io::Error| format!("its {name} is damaged: {error}");
    let (reader, allowance) = Bounded::new(reader);
    let mut archive = tar::Archive::new(reader);
    let mut entries = archive.entries().map_err(damaged)?.raw(true);
    // Of the next member, from GNU's headers before it.
    let (mut long_name, mut long_link) = (None, None);
    loop {
        allowance.set(LARGEST_HEADER);
        let Some(entry) = entries.next() else { break };
        let mut entry = entry.map_err(damaged)?;
        allowance.set(u64::MAX);
        let place = match entry.header().as_bytes()[156] {
            b'L' => Some(&mut long_name),
            b'K' => Some(&mut long_link),
            _ => None,
        };
        if let Some(place) = place {
            let text = long_text(&mut entry).map_err(damaged)?;
            if place.replace(text).is_some() {
                return Err(format!("its {name} gives one member two long names"));
            }
            continue;
        }
        let member = member(entry.header(), long_name.take(), long_link.take())
            .map_err(|reason| format!("its {name} {reason}"))?;
        take(member, &mut entry)?;
        io::copy(&mut entry, &mut io::sink()).map_err(damaged)?;
    }
    if long_name.is_some() || long_link.is_some() {
        return Err(format!("its {name} ends after a long name"));
    }
    // One block of zeroes is the end for dpkg; tar can be told to go on.
    allowance.set(MOST_PADDING);
    let mut rest = archive.into_inner();
    let mut buffer = [0; 4096];
    loop {
        match rest.read(&mut buffer).map_err(damaged)? {
            0 => return Ok(()),
            count if buffer[..count].iter().all(|byte| *byte == 0) => {}
            _ => return Err(format!("its {name} goes on after its end")),
        }
    }
}

fn long_text(entry: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    entry.take(LONGEST_NAME + 1).read_to_end(&mut text)?;
    let is_ended = text.pop() == Some(0);
    if !is_ended || text.is_empty() || text.contains(&0) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a long name that is none"));
    }
    Ok(text)
}

/// The header with the long names from before it. Errors read after "its data.tar".
fn member(header: &tar::Header, long_name: Option<Vec<u8>>, long_link: Option<Vec<u8>>) -> Result<Member, String> {
    let name = long_name.unwrap_or_else(|| header.path_bytes().into_owned());
    let shown = || printable(&String::from_utf8_lossy(&name));
    let damaged = |error: io::Error| format!("has a damaged header for {}: {error}", shown());
    if name.is_empty() {
        return Err("has a member without a name".to_owned());
    }
    let kind = match header.as_bytes()[156] {
        b'0' | 0 if name.ends_with(b"/") => {
            return Err(format!("has {}, which is a file by its type and a directory by its name", shown()));
        }
        b'0' | 0 => MemberKind::File,
        b'1' => MemberKind::HardLink,
        b'2' => MemberKind::Symlink,
        b'3' | b'4' | b'6' => MemberKind::Special,
        b'5' => MemberKind::Folder,
        b'x' | b'g' => {
            return Err(format!("has a PAX header ({}), which dpkg does not read and others do", shown()));
        }
        other => {
            let other = printable(&char::from(other).to_string());
            return Err(format!("has {} as a member of type `{other}`, which dpkg does not know", shown()));
        }
    };
    let size = header.entry_size().map_err(damaged)?;
    // dpkg takes for a header what tar takes for their content.
    if kind != MemberKind::File && size != 0 {
        return Err(format!("has content for {}, which is no file", shown()));
    }
    let owner = account(header.uid().map_err(damaged)?, header.username_bytes());
    let group = account(header.gid().map_err(damaged)?, header.groupname_bytes());
    let unclear = |number_and_name: (u64, String), what: &str| {
        let (number, name) = number_and_name;
        let name = printable(&name);
        format!("gives {} to {what} {number} by number and to `{name}` by name: they are not the same", shown())
    };
    let owner = owner.map_err(|both| unclear(both, "user"))?;
    let group = group.map_err(|both| unclear(both, "group"))?;
    let link = match kind {
        MemberKind::HardLink | MemberKind::Symlink => {
            long_link.or_else(|| header.link_name_bytes().map(|link| link.into_owned())).unwrap_or_default()
        }
        _ => Vec::new(),
    };
    if link.is_empty() && matches!(kind, MemberKind::HardLink | MemberKind::Symlink) {
        return Err(format!("has the link {}, which points to nothing", shown()));
    }
    let link = if kind == MemberKind::HardLink { normal(&link) } else { link };
    let mode = header.mode().map_err(damaged)? & 0o7777;
    let time = header.mtime().map_err(damaged)?;
    Ok(Member { path: normal(&name), kind, mode, owner, group, link, size, time })
}

/// dpkg goes by the name of an account where the system has it, by its number where not: both have to mean the same.
fn account(number: u64, name: Option<&[u8]>) -> Result<String, (u64, String)> {
    let name = String::from_utf8_lossy(name.unwrap_or_default()).into_owned();
    match (number, name.as_str()) {
        (0, "" | "root") => Ok("root".to_owned()),
        (number, "") => Ok(number.to_string()),
        (0, _) | (_, "root") => Err((number, name)),
        _ => Ok(name),
    }
}

/// As dpkg makes one name of all spellings: without `/` and `./` at its start, without `/` and `/.` at its end. Then with
/// one leading slash.
fn normal(name: &[u8]) -> Vec<u8> {
    let mut name = name;
    while let Some(rest) = name.strip_prefix(b"/").or_else(|| name.strip_prefix(b"./")) {
        name = rest;
    }
    while let Some(rest) = name.strip_suffix(b"/").or_else(|| name.strip_suffix(b"/.")) {
        name = rest;
    }
    if name == b"." { b"/".to_vec() } else { [b"/", name].concat() }
}
