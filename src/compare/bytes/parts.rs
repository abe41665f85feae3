//! A package as its parts, in their order.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::ops::ControlFlow;
use std::path::Path;

use ::rpm::{IndexData, IndexTag};
use chrono::DateTime;
use sha2::{Digest, Sha256};

use crate::formats::compression::decompressed;
use crate::formats::cpio::{self, Header};
use crate::formats::deb::tarball::{self, MemberKind};
use crate::formats::{deb, rpm};
use crate::stream::guard;

/// Of a part that is looked into, so much is held.
const MOST_HELD: u64 = 32 << 20;

/// What an .rpm's header says of all its files together: their digests and sizes follow from them, and where they lie in
/// the file system of the build is nobody's concern.
const OF_FILES: [u32; 16] = [
    1028, // FILESIZES
    1030, // FILEMODES
    1033, // FILERDEVS
    1034, // FILEMTIMES
    1035, // FILEDIGESTS
    1036, // FILELINKTOS
    1037, // FILEFLAGS
    1039, // FILEUSERNAME
    1040, // FILEGROUPNAME
    1095, // FILEDEVICES
    1096, // FILEINODES
    1117, // BASENAMES: the files' own names tell it
    1009, // SIZE
    5009, // LONGSIZE
    5092, // PAYLOADSHA256
    5097, // PAYLOADSHA256ALT
];
/// The tag that covers all others of a header.
const REGION: u32 = 63;

/// What rpmbuild itself writes of the folder that it works in: the .spec with all macros expanded, in the source package
/// (RPMTAG_SPEC), and the sum of that package in the others (RPMTAG_SOURCEPKGID).
pub(super) const OF_FOLDER: [&str; 2] = ["header SPEC", "header SOURCEPKGID"];

/// One part, without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// All that is said of it beside its content, in words.
    pub(super) about: String,
    /// The same without its time.
    pub(super) kept: String,
    pub(super) time: Option<i64>,
    pub(super) sha256: [u8; 32],
}

/// Contents by the name of their part.
type Contents = BTreeMap<String, Vec<u8>>;

/// Reads a package; the contents of the parts in `wanted` are kept.
///
/// # Errors
/// A sentence about what is wrong with it.
pub(super) fn read(path: &Path, wanted: &BTreeSet<String>) -> Result<(Vec<(String, Part)>, Contents), String> {
    let file = guard::watched(File::open(path).map_err(|error| error.to_string())?);
    let mut reader = BufReader::with_capacity(128 * 1024, file);
    let mut taken = Taken { wanted, parts: Vec::new(), contents: Contents::new() };
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("rpm") => of_rpm(&mut reader, &mut taken)?,
        _ => of_deb(&mut reader, &mut taken)?,
    }
    Ok((taken.parts, taken.contents))
}

struct Taken<'a> {
    wanted: &'a BTreeSet<String>,
    parts: Vec<(String, Part)>,
    contents: Contents,
}

impl Taken<'_> {
    fn part(&mut self, name: String, kept: String, time: Option<i64>, content: &mut dyn Read) -> io::Result<()> {
        let mut hasher = Sha256::new();
        if self.wanted.contains(&name) {
            let mut held = Vec::new();
            Read::take(&mut *content, MOST_HELD).read_to_end(&mut held)?;
            hasher.update(&held);
            self.contents.insert(name.clone(), held);
        }
        io::copy(content, &mut hasher)?;
        let about = match time.and_then(|time| DateTime::from_timestamp(time, 0)) {
            Some(time) => format!("{kept}, {}", time.format("%Y-%m-%d %H:%M:%S")),
            None => kept.clone(),
        };
        self.parts.push((name, Part { about, kept, time, sha256: hasher.finalize().into() }));
        Ok(())
    }
}

fn of_deb(reader: &mut impl Read, taken: &mut Taken<'_>) -> Result<(), String> {
    deb::read(reader, |part| {
        let (archive, compression, content) = match part {
            deb::Part::Control { compression, content } => ("control.tar", compression, content),
            deb::Part::Data { compression, content } => ("data.tar", compression, content),
        };
        tarball::read(archive, decompressed(compression, content)?, |member, content| {
            let path = String::from_utf8_lossy(&member.path).into_owned();
            // What the package manager knows of, not what lies on the system.
            let name = if archive == "control.tar" { format!("{archive} {path}") } else { path };
            let kind = match member.kind {
                MemberKind::File => "file".to_owned(),
                MemberKind::HardLink => format!("hard link to {}", String::from_utf8_lossy(&member.link)),
                MemberKind::Symlink => format!("link to {}", String::from_utf8_lossy(&member.link)),
                MemberKind::Folder => "folder".to_owned(),
                MemberKind::Special => "special file".to_owned(),
            };
            let kept = format!("{kind}, {:04o} {}:{}", member.mode, member.owner, member.group);
            let time = i64::try_from(member.time).ok();
            taken.part(name, kept, time, content).map_err(|error| format!("its {archive} is damaged: {error}"))
        })?;
        Ok(ControlFlow::Continue(()))
    })
}

fn of_rpm(reader: &mut impl Read, taken: &mut Taken<'_>) -> Result<(), String> {
    let damaged = |error: ::rpm::Error| format!("its header is damaged: {error}");
    let broken = |error: io::Error| format!("its payload is damaged: {error}");
    let metadata = rpm::read(reader)?.metadata;
    for (tag, data) in metadata.header.get_all_entries().map_err(damaged)? {
        if tag != REGION && !OF_FILES.contains(&tag) {
            taken.part(tag_name(tag), String::new(), None, &mut text(&data).as_bytes()).map_err(broken)?;
        }
    }
    let files = metadata.get_file_entries().map_err(damaged)?;
    let about: Vec<(String, String, i64)> = files
        .iter()
        .map(|file| {
            let kind = match file.linkto() {
                Some(link) if !link.is_empty() => format!("link to {link}"),
                _ => format!("{:?}", file.file_type()).to_lowercase(),
            };
            let kept = format!("{kind}, {:04o} {}:{}", file.permissions(), file.user(), file.group());
            (file.path().to_string_lossy().into_owned(), kept, i64::from(file.modified_at().0))
        })
        .collect();
    let by_name: HashMap<&str, usize> = about.iter().enumerate().map(|(at, (path, ..))| (bare(path), at)).collect();
    let sizes: Vec<u64> = files.iter().map(|file| file.size() as u64).collect();
    let compressor = metadata.header.get_entry_data_as_string(IndexTag::RPMTAG_PAYLOADCOMPRESSOR).unwrap_or_default();
    let mut seen = BTreeSet::new();
    let mut payload = decompressed(compressor, reader)?;
    loop {
        let (at, size) = match cpio::header(&mut payload).map_err(broken)? {
            Header::Trailer { .. } => break,
            Header::Newc { name, size, .. } => {
                let name = String::from_utf8_lossy(&name).into_owned();
                (by_name.get(bare(&name)).copied(), size)
            }
            Header::Stripped { number } => (Some(number), sizes.get(number).copied().unwrap_or(0)),
        };
        let (name, kept, time) =
            at.and_then(|at| about.get(at)).ok_or("its payload has a file that its header does not list")?;
        let mut content = Read::take(&mut payload, size);
        taken.part(name.clone(), kept.clone(), Some(*time), &mut content).map_err(broken)?;
        seen.insert(name);
        cpio::skip_padding(&mut payload, size).map_err(broken)?;
    }
    // What is not in the payload: files of which only the name is the package's.
    for (name, kept, time) in about.iter().filter(|(name, ..)| !seen.contains(&name)) {
        taken.part(name.clone(), kept.clone(), Some(*time), &mut io::empty()).map_err(broken)?;
    }
    Ok(())
}

/// A path as both header and payload have it: `./usr/x`, `/usr/x`, and in a source package `x`.
fn bare(path: &str) -> &str {
    path.trim_start_matches('.').trim_start_matches('/')
}

/// `header BUILDTIME`
fn tag_name(tag: u32) -> String {
    match known_tag(tag) {
        Some(known) => format!("header {known}"),
        None => format!("header tag {tag}"),
    }
}

/// Names of the tags that builds differ in.
fn known_tag(tag: u32) -> Option<&'static str> {
    Some(match tag {
        1000 => "NAME",
        1001 => "VERSION",
        1002 => "RELEASE",
        1004 => "SUMMARY",
        1005 => "DESCRIPTION",
        1006 => "BUILDTIME",
        1007 => "BUILDHOST",
        1023 => "PREIN",
        1024 => "POSTIN",
        1025 => "PREUN",
        1026 => "POSTUN",
        1044 => "SOURCERPM",
        1047 => "PROVIDENAME",
        1049 => "REQUIRENAME",
        1064 => "RPMVERSION",
        1080 => "CHANGELOGTIME",
        1094 => "COOKIE",
        1113 => "PROVIDEVERSION",
        1118 => "DIRNAMES",
        1122 => "OPTFLAGS",
        1124 => "PAYLOADFORMAT",
        1125 => "PAYLOADCOMPRESSOR",
        1132 => "PLATFORM",
        1142 => "CLASSDICT",
        1146 => "SOURCEPKGID",
        5099 => "SPEC",
        _ => return None,
    })
}

/// The values of a tag, a line each.
fn text(data: &IndexData) -> String {
    let lines = |numbers: &mut dyn Iterator<Item = String>| numbers.collect::<Vec<_>>().join("\n");
    match data {
        IndexData::Null => String::new(),
        IndexData::Char(bytes) | IndexData::Int8(bytes) | IndexData::Bin(bytes) => hex::encode(bytes),
        IndexData::Int16(numbers) => lines(&mut numbers.iter().map(ToString::to_string)),
        IndexData::Int32(numbers) => lines(&mut numbers.iter().map(ToString::to_string)),
        IndexData::Int64(numbers) => lines(&mut numbers.iter().map(ToString::to_string)),
        IndexData::StringTag(text) => text.clone(),
        IndexData::StringArray(texts) | IndexData::I18NString(texts) => texts.join("\n"),
    }
}
