//! `repodata` as it is read: which file of it lists the packages, and what that says of each. Small, and no more of XML
//! than these files have: elements, attributes, text; anything else is refused.

use std::io::{BufRead, Read};

use crate::types::printable;

/// No element or text of these files comes near it; descriptions have some kilobytes.
const LONGEST_PIECE: u64 = 4 << 20;

/// Where the list of packages is, as `repomd.xml` says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Relative to the repository.
    pub(crate) href: String,
    pub(crate) sha256: String,
    /// As it is served.
    pub(crate) size: Option<u64>,
}

/// A package of a repository, as its `primary.xml` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) arch: String,
    /// `1:2.10-1`; the epoch only where there is one.
    pub(crate) version: String,
    pub(crate) sha256: String,
    pub(crate) size: u64,
    pub(crate) href: String,
    pub(crate) requires: Vec<String>,
    /// Beside its name; files that others may require by their paths among them.
    pub(crate) provides: Vec<String>,
}

/// A piece of XML.
enum Piece {
    Start(String, Vec<(String, String)>),
    End(String),
    Text(String),
}

struct Pieces<R> {
    reader: R,
    /// An element that was empty has an end, too.
    ended: Option<String>,
    is_tag: bool,
}

impl<R: BufRead> Pieces<R> {
    fn new(reader: R) -> Pieces<R> {
        Pieces { reader, ended: None, is_tag: false }
    }

    fn until(&mut self, end: u8) -> Result<Option<String>, String> {
        let mut bytes = Vec::new();
        let mut reader = (&mut self.reader).take(LONGEST_PIECE);
        reader.read_until(end, &mut bytes).map_err(|error| error.to_string())?;
        match bytes.pop() {
            None => Ok(None),
            Some(last) if last == end => Ok(Some(String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?)),
            Some(_) if end == b'<' && bytes.trim_ascii().is_empty() => Ok(None),
            Some(_) => Err("it ends in the middle of an element, or has one of more than 4 MiB".to_owned()),
        }
    }

    fn next(&mut self) -> Result<Option<Piece>, String> {
        if let Some(name) = self.ended.take() {
            return Ok(Some(Piece::End(name)));
        }
        loop {
            if !self.is_tag {
                let Some(text) = self.until(b'<')? else { return Ok(None) };
                self.is_tag = true;
                if !text.trim().is_empty() {
                    return Ok(Some(Piece::Text(unescaped(text.trim())?)));
                }
            }
            let Some(tag) = self.until(b'>')? else { return Err("it ends in the middle of an element".to_owned()) };
            self.is_tag = false;
            if tag.starts_with('?') {
                continue;
            }
            if tag.starts_with('!') {
                return Err("it has a declaration, a comment or CDATA, which repodata does not have".to_owned());
            }
            if let Some(name) = tag.strip_prefix('/') {
                return Ok(Some(Piece::End(name.trim().to_owned())));
            }
            let (tag, is_empty) = match tag.strip_suffix('/') {
                Some(tag) => (tag, true),
                None => (tag.as_str(), false),
            };
            let name = tag.split_ascii_whitespace().next().unwrap_or_default().to_owned();
            let attributes = attributes(tag[name.len()..].trim())?;
            self.ended = is_empty.then(|| name.clone());
            return Ok(Some(Piece::Start(name, attributes)));
        }
    }
}

fn attributes(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut attributes = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let wrong = || format!("`{}` is no attribute", printable(rest));
        let (name, after) = rest.split_once('=').ok_or_else(wrong)?;
        let after = after.trim_start();
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\'')).ok_or_else(wrong)?;
        let (value, after) = after[1..].split_once(quote).ok_or_else(wrong)?;
        attributes.push((name.trim().to_owned(), unescaped(value)?));
        rest = after.trim_start();
    }
    Ok(attributes)
}

fn unescaped(text: &str) -> Result<String, String> {
    let mut whole = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        whole.push_str(before);
        let (name, after) = after.split_once(';').ok_or("it has a `&` that begins no entity")?;
        let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
        let c = match name {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            name => match name.strip_prefix("#x") {
                Some(digits) => number(digits, 16),
                None => name.strip_prefix('#').and_then(|digits| number(digits, 10)),
            },
        };
        whole.push(c.ok_or_else(|| format!("it has the entity `{}`", printable(name)))?);
        rest = after;
    }
    whole.push_str(rest);
    Ok(whole)
}

fn value<'a>(attributes: &'a [(String, String)], name: &str) -> &'a str {
    attributes.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}

/// Where `repomd.xml` says that the packages are listed.
///
/// # Errors
/// In words.
pub(crate) fn listed(repomd: &[u8]) -> Result<Listed, String> {
    let primary = read(repomd)?.into_iter().find(|(kind, _)| kind == "primary");
    let (kind, found) = primary.ok_or_else(|| "it lists no packages (primary)".to_owned())?;
    found.checked(&kind)
}

/// All files that `repomd.xml` names, with what each is: `primary`, `filelists`.
///
/// # Errors
/// In words.
pub(crate) fn files(repomd: &[u8]) -> Result<Vec<(String, Listed)>, String> {
    let checked = |(kind, found): (String, Listed)| found.checked(&kind).map(|found| (kind, found));
    read(repomd)?.into_iter().map(checked).collect()
}

fn read(repomd: &[u8]) -> Result<Vec<(String, Listed)>, String> {
    let mut pieces = Pieces::new(repomd);
    let mut found: Vec<(String, Listed)> = Vec::new();
    let (mut is_inside, mut element, mut kind) = (false, String::new(), String::new());
    while let Some(piece) = pieces.next()? {
        match piece {
            Piece::Start(name, attributes) => {
                if name == "data" {
                    is_inside = true;
                    found.push((value(&attributes, "type").to_owned(), Listed::default()));
                }
                if let Some((_, found)) = found.last_mut().filter(|_| is_inside && name == "location") {
                    found.href = value(&attributes, "href").to_owned();
                }
                kind = value(&attributes, "type").to_owned();
                element = name;
            }
            Piece::End(name) => {
                is_inside &= name != "data";
                element.clear();
            }
            Piece::Text(text) => {
                let Some((_, found)) = found.last_mut().filter(|_| is_inside) else { continue };
                match element.as_str() {
                    "checksum" if kind == "sha256" => found.sha256 = text,
                    "size" => found.size = text.parse().ok(),
                    _ => {}
                }
            }
        }
    }
    Ok(found)
}

impl Listed {
    fn checked(self, kind: &str) -> Result<Listed, String> {
        let what =
            if kind == "primary" { "list of packages".to_owned() } else { format!("file of {}", printable(kind)) };
        if !is_sha256(&self.sha256) {
            return Err(format!("it has no SHA-256 sum of the {what}"));
        }
        if !is_inner(&self.href) {
            return Err(format!("its {what} is at `{}`", printable(&self.href)));
        }
        Ok(self)
    }
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether it stays below the repository, and is a plain path.
fn is_inner(href: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._+~^/@=,:%".contains(c);
    !href.is_empty()
        && !href.starts_with('/')
        && !href.ends_with('/')
        && !href.contains("://")
        && href.chars().all(plain)
        && href.split('/').all(|part| part != "..")
}

/// The packages that `arch` (RPM's name) may install, or, where that is none, all of them.
///
/// # Errors
/// In words.
pub(crate) fn packages(primary: impl BufRead, arch: Option<&str>) -> Result<Vec<Entry>, String> {
    let mut pieces = Pieces::new(primary);
    let mut packages = Vec::new();
    let mut entry: Option<Entry> = None;
    let (mut element, mut kind, mut relations) = (String::new(), String::new(), String::new());
    while let Some(piece) = pieces.next()? {
        match piece {
            Piece::Start(name, attributes) => {
                if name == "package" {
                    entry = Some(Entry::default());
                }
                let Some(entry) = entry.as_mut() else { continue };
                match name.as_str() {
                    "version" => entry.version = version(&attributes),
                    "location" => entry.href = value(&attributes, "href").to_owned(),
                    "size" => entry.size = value(&attributes, "package").parse().unwrap_or_default(),
                    "rpm:requires" | "rpm:provides" => relations.clone_from(&name),
                    "rpm:entry" => {
                        let capability = value(&attributes, "name").to_owned();
                        match relations.as_str() {
                            "rpm:requires" if !capability.starts_with("rpmlib(") => entry.requires.push(capability),
                            "rpm:provides" => entry.provides.push(capability),
                            _ => {}
                        }
                    }
                    _ => {}
                }
                kind = value(&attributes, "type").to_owned();
                element = name;
            }
            Piece::End(name) => {
                element.clear();
                match name.as_str() {
                    "package" => {
                        let Some(entry) = entry.take() else { continue };
                        if arch.is_none_or(|arch| entry.arch == arch || entry.arch == "noarch") {
                            packages.push(checked(entry)?);
                        }
                    }
                    "rpm:requires" | "rpm:provides" => relations.clear(),
                    _ => {}
                }
            }
            Piece::Text(text) => {
                let Some(entry) = entry.as_mut() else { continue };
                match element.as_str() {
                    "name" => entry.name = text,
                    "arch" => entry.arch = text,
                    "checksum" if kind == "sha256" => entry.sha256 = text,
                    "file" => entry.provides.push(text),
                    _ => {}
                }
            }
        }
    }
    Ok(packages)
}

fn version(attributes: &[(String, String)]) -> String {
    let [epoch, version, release] = ["epoch", "ver", "rel"].map(|name| value(attributes, name));
    let epoch = if matches!(epoch, "" | "0") { String::new() } else { format!("{epoch}:") };
    format!("{epoch}{version}-{release}")
}

fn checked(entry: Entry) -> Result<Entry, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._+".contains(c);
    if entry.name.is_empty() || entry.name.starts_with(['.', '-']) || !entry.name.chars().all(plain) {
        return Err(format!("it lists a package called `{}`", printable(&entry.name)));
    }
    let what = match () {
        () if !is_sha256(&entry.sha256) => "SHA-256 sum",
        () if !is_inner(&entry.href) => "proper location",
        () if entry.size == 0 => "size",
        () => return Ok(entry),
    };
    Err(format!("its package {} has no {what}", entry.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPOMD: &str = "<?xml version=\"1.0\"?>\n<repomd>\n <revision>1</revision>\n <data type=\"filelists\"><checksum \
        type=\"sha256\">no</checksum></data>\n <data type=\"primary\">\n  <checksum type=\"sha256\">SUM</checksum>\n  \
        <open-checksum type=\"sha256\">x</open-checksum><location href=\"repodata/p.xml.gz\"/><size>12</size></data>\n</repomd>\n";
    const PRIMARY: &str = "<metadata packages=\"2\"><package type=\"rpm\"><name>pond</name><arch>noarch</arch>\
        <version epoch=\"1\" ver=\"2\" rel=\"3\"/><checksum type=\"sha256\" pkgid=\"YES\">SUM</checksum>\
        <description>a &lt;b&gt; &amp; &#99;</description><size package=\"7\" installed=\"1\"/>\
        <location href=\"p/pond-2-3.noarch.rpm\"/><format><rpm:license>MIT</rpm:license><rpm:provides>\
        <rpm:entry name=\"pond-api\" flags=\"EQ\" ver=\"1\"/></rpm:provides><rpm:requires><rpm:entry name='reed &gt; 1'/>\
        <rpm:entry name=\"rpmlib(X)\"/></rpm:requires><rpm:conflicts><rpm:entry name=\"x\"/></rpm:conflicts>\
        <file>/usr/bin/pond</file></format></package><package><name>other</name><arch>ppc</arch></package></metadata>";

    fn sum() -> String {
        "0a".repeat(32)
    }

    #[test]
    fn repodata_is_read() {
        let listed = listed(REPOMD.replace("SUM", &sum()).as_bytes()).unwrap();
        assert_eq!(listed, Listed { href: "repodata/p.xml.gz".to_owned(), sha256: sum(), size: Some(12) });
        let packages = packages(PRIMARY.replace("SUM", &sum()).as_bytes(), Some("x86_64")).unwrap();
        let text = |text: &str| text.to_owned();
        let pond = Entry {
            name: text("pond"),
            arch: text("noarch"),
            version: text("1:2-3"),
            sha256: sum(),
            size: 7,
            href: text("p/pond-2-3.noarch.rpm"),
            requires: vec![text("reed > 1")],
            provides: vec![text("pond-api"), text("/usr/bin/pond")],
        };
        assert_eq!(packages, [pond]);
    }

    #[test]
    fn what_is_no_repodata_or_leads_elsewhere_is_refused() {
        let good = REPOMD.replace("SUM", &sum());
        for (from, to) in [
            ("repodata/p.xml.gz", "../p.xml.gz"),
            ("repodata/p.xml.gz", "http://example.org/p.xml.gz"),
            ("0a0a", "../.."),
            ("type=\"primary\"", "type=\"other\""),
            ("<data", "<!ENTITY x \"y\"><data"),
            ("</repomd>", "</repomd"),
        ] {
            assert!(listed(good.replacen(from, to, 1).as_bytes()).is_err(), "{to}");
        }
        let good = PRIMARY.replace("SUM", &sum());
        for (from, to) in [
            ("p/pond", "/p/pond"),
            ("p/pond", "p/../../pond"),
            ("<name>pond", "<name>../pond"),
            ("package=\"7\"", "package=\"x\""),
            ("&amp;", "&x;"),
            ("epoch=\"1\"", "epoch=1"),
        ] {
            assert!(packages(good.replacen(from, to, 1).as_bytes(), Some("x86_64")).is_err(), "{to}");
        }
        for end in 0..good.len() {
            let _ = packages(&good.as_bytes()[..end], Some("x86_64"));
        }
    }
}
