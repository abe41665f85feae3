//! The outer archive of a .deb (deb(5)), read as strictly as all of its readers together: dpkg stops at the member that
//! it wants, apt lists all and takes the last of a name, so that nothing may be there twice, in another order or after
//! the end.

use std::io::{self, Read};

/// What comes next in a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaited {
    Version,
    Control,
    Data,
    Nothing,
}

/// A part of a package; `compression` is the extension behind `.tar`, without its dot.
pub(super) enum Part<'a> {
    Control { compression: &'a str, content: &'a mut dyn Read },
    Data { compression: &'a str, content: &'a mut dyn Read },
}

/// Gives both parts of a package to `take`, in order, until that wants no more.
///
/// # Errors
/// A sentence about what is wrong with it, also when `take` has one.
pub(super) fn read(
    ar: &mut impl Read,
    mut take: impl FnMut(Part<'_>) -> Result<std::ops::ControlFlow<()>, String>,
) -> Result<(), String> {
    let mut magic = [0; 8];
    ar.read_exact(&mut magic).map_err(|_| "it is too short for an ar archive".to_owned())?;
    if &magic != b"!<arch>\n" {
        return Err("it is no ar archive".to_owned());
    }
    let mut awaited = Awaited::Version;
    let mut extras: Vec<String> = Vec::new();
    while let Some((name, size)) = member(ar)? {
        if awaited == Awaited::Version && name != "debian-binary" {
            return Err("its first member is not debian-binary".to_owned());
        }
        // deb(5): such members may stand anywhere after the first, and mean nothing to dpkg and apt.
        if name.starts_with('_') && awaited != Awaited::Version {
            if extras.contains(&name) {
                return Err(format!("it has two members {name}"));
            }
            whole_member(ar, size, |_| Ok(()))?;
            extras.push(name);
            continue;
        }
        let compression = |stem: &str| name.strip_prefix(stem).map(|end| end.strip_prefix('.').unwrap_or(end));
        let misplaced = || format!("its member {name} is not where dpkg expects one");
        let flow = match awaited {
            Awaited::Version => {
                let mut version = Vec::new();
                whole_member(ar, size, |member| {
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
                whole_member(ar, size, |content| take(Part::Control { compression, content }))?
            }
            Awaited::Data => {
                if name.starts_with("control.tar") {
                    return Err("it has two control.tar, of which dpkg and apt do not take the same".to_owned());
                }
                let compression = compression("data.tar").ok_or_else(misplaced)?;
                awaited = Awaited::Nothing;
                whole_member(ar, size, |content| take(Part::Data { compression, content }))?
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

/// Name and size of the next member; `None` at the end.
fn member(ar: &mut impl Read) -> Result<Option<(String, u64)>, String> {
    let mut header = [0; 60];
    let mut filled = 0;
    while filled < header.len() {
        match ar.read(&mut header[filled..]).map_err(|error| error.to_string())? {
            0 if filled == 0 => return Ok(None),
            0 => return Err("it ends inside an ar header, or bytes follow its last member".to_owned()),
            n => filled += n,
        }
    }
    let damaged = || "it has a damaged ar header, or bytes between its members".to_owned();
    if &header[58..] != b"`\n" {
        return Err(damaged());
    }
    let text = |range: std::ops::Range<usize>| {
        std::str::from_utf8(&header[range]).map(|text| text.trim_end_matches(' ')).map_err(|_| damaged())
    };
    let name = text(0..16)?;
    // GNU ar ends names with a slash. Longer ones it keeps elsewhere, `/12`, and BSD's behind the header, `#1/12`.
    let name = name.strip_suffix('/').unwrap_or(name);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+');
    if name.is_empty() || !name.chars().all(is_plain) {
        return Err(damaged());
    }
    let digits = text(48..58)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(damaged());
    }
    Ok(Some((name.to_owned(), digits.parse().map_err(|_| damaged())?)))
}

/// Gives one member to `read` and goes on to its end, padding included.
fn whole_member<R: Read, T>(
    ar: &mut R,
    size: u64,
    read: impl FnOnce(&mut io::Take<&mut R>) -> Result<T, String>,
) -> Result<T, String> {
    let mut member = Read::take(&mut *ar, size);
    let result = read(&mut member)?;
    io::copy(&mut member, &mut io::sink()).map_err(|error| error.to_string())?;
    if member.limit() != 0 {
        return Err("it ends inside a member".to_owned());
    }
    // Members begin at even offsets; after the last one the padding may be missing.
    let mut padding = [b'\n'; 1];
    if size % 2 == 1 {
        let _ = ar.read(&mut padding).map_err(|error| error.to_string())?;
        if padding != *b"\n" {
            return Err("it has bytes between its members".to_owned());
        }
    }
    Ok(result)
}
