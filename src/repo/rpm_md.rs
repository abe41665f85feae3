//! `repodata`, the index of an RPM repository: primary, filelists and other, named by `repomd.xml`. gzip, which every
//! dnf and zypper reads. Times are those of the packages, so that nothing depends on when the index is written.

use std::collections::BTreeSet;
use std::io::Write;

use ::rpm::{Dependency, DependencyFlags, FileFlags, FileType, PackageMetadata};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use super::model::Summed;
use super::{IndexFile, Package};
use crate::artifact::{self, ArtifactError, RpmHeader};
use crate::formats::xml::escape;

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
const COMMON: &str = "http://linux.duke.edu/metadata/common";
const RPM: &str = "http://linux.duke.edu/metadata/rpm";

pub(super) fn index(packages: &[&Package]) -> Result<Vec<IndexFile>, ArtifactError> {
    let each = packages.iter().map(|package| fragments(package)).collect::<Result<Vec<_>, _>>()?;
    let newest = each.iter().map(|one| one.build_time).max().unwrap_or_default();
    let mut files = Vec::new();
    let mut listed = Vec::new();
    for document in DOCUMENTS {
        let mut text = document.head(each.len());
        text.extend(each.iter().map(|one| document.of(one)));
        text.push_str(&document.foot());
        let packed = gzip(text.as_bytes());
        let path = format!("repodata/{}.xml.gz", document.kind);
        let (open, sum) = (Summed::of(text.as_bytes()), Summed::of(&packed));
        listed.push(Listed { kind: document.kind, path: path.clone(), packed: sum, open });
        files.push(IndexFile { path, content: packed });
    }
    let content = repomd(newest, newest, &listed).into_bytes();
    files.push(IndexFile { path: "repodata/repomd.xml".to_owned(), content });
    Ok(files)
}

/// What the three files say of one package.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fragments {
    primary: String,
    filelists: String,
    other: String,
    build_time: u64,
}

/// Reads the header of a package. `file_name` of its artifact is where it lies in the repository.
pub(super) fn fragments(package: &Package) -> Result<Fragments, ArtifactError> {
    fragments_of(package, &artifact::rpm_header(&package.path)?)
}

/// The same of a header that was read.
pub(super) fn fragments_of(package: &Package, header: &RpmHeader) -> Result<Fragments, ArtifactError> {
    let entry = PackageEntry::new(package, header).map_err(|error| ArtifactError::Malformed {
        path: package.path.clone(),
        reason: format!("its header is damaged: {error}"),
    })?;
    let mut fragments = Fragments { build_time: entry.build_time, ..Fragments::default() };
    entry.primary(&mut fragments.primary);
    entry.filelists(&mut fragments.filelists);
    entry.other(&mut fragments.other);
    Ok(fragments)
}

/// The three files, in the order in which `repomd.xml` names them.
pub(super) const DOCUMENTS: [Document; 3] = [
    Document { kind: "primary", element: "metadata", namespace: COMMON },
    Document { kind: "filelists", element: "filelists", namespace: "http://linux.duke.edu/metadata/filelists" },
    Document { kind: "other", element: "otherdata", namespace: "http://linux.duke.edu/metadata/other" },
];

/// One of the three files: a head, what it says of each package, and a foot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Document {
    pub(super) kind: &'static str,
    element: &'static str,
    namespace: &'static str,
}

impl Document {
    pub(super) fn head(self, packages: usize) -> String {
        let Document { kind, element, namespace } = self;
        let rpm = if kind == "primary" { format!(" xmlns:rpm=\"{RPM}\"") } else { String::new() };
        format!("{HEAD}<{element} xmlns=\"{namespace}\"{rpm} packages=\"{packages}\">\n")
    }

    pub(super) fn of(self, package: &Fragments) -> &str {
        match self.kind {
            "primary" => &package.primary,
            "filelists" => &package.filelists,
            _ => &package.other,
        }
    }

    pub(super) fn foot(self) -> String {
        format!("</{}>\n", self.element)
    }
}

/// A line of `repomd.xml`.
pub(super) struct Listed {
    pub(super) kind: &'static str,
    pub(super) path: String,
    pub(super) packed: Summed,
    /// What is packed.
    pub(super) open: Summed,
}

/// `revision` tells clients which of two states is the newer; `time` is seconds since the epoch.
pub(super) fn repomd(revision: u64, time: u64, files: &[Listed]) -> String {
    let mut text = format!(
        "{HEAD}<repomd xmlns=\"http://linux.duke.edu/metadata/repo\" xmlns:rpm=\"{RPM}\">\n  <revision>{revision}</revision>\n"
    );
    for Listed { kind, path, packed, open } in files {
        let (Summed { sha256, size }, Summed { sha256: open_sha256, size: open_size }) = (packed, open);
        text.push_str(&format!(
            "  <data type=\"{kind}\">\n    <checksum type=\"sha256\">{sha256}</checksum>\n    \
             <open-checksum type=\"sha256\">{open_sha256}</open-checksum>\n    <location href=\"{path}\"/>\n    \
             <timestamp>{time}</timestamp>\n    <size>{size}</size>\n    <open-size>{open_size}</open-size>\n  </data>\n"
        ));
    }
    text.push_str("</repomd>\n");
    text
}

/// Writing to memory does not fail.
pub(super) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let _ = encoder.write_all(content);
    encoder.finish().unwrap_or_default()
}

/// One package, as the three files have it.
struct PackageEntry<'a> {
    package: &'a Package,
    header: &'a RpmHeader,
    name: String,
    arch: String,
    /// As an element's attributes.
    version: String,
    build_time: u64,
    /// Path and kind: none for a file, `dir`, `ghost`.
    files: Vec<(String, Option<&'static str>)>,
    relations: Vec<(&'static str, Vec<Dependency>)>,
}

impl<'a> PackageEntry<'a> {
    fn new(package: &'a Package, header: &'a RpmHeader) -> Result<PackageEntry<'a>, ::rpm::Error> {
        let metadata = &header.metadata;
        let files = metadata.get_file_entries()?;
        let kind = |file: &::rpm::FileEntry<'_>| match file.file_type() {
            FileType::Dir => Some("dir"),
            _ if file.flags().contains(FileFlags::GHOST) => Some("ghost"),
            _ => None,
        };
        Ok(PackageEntry {
            package,
            header,
            name: metadata.get_name()?.to_owned(),
            // Its own says where it was packed.
            arch: if metadata.is_source_package() { "src" } else { metadata.get_arch()? }.to_owned(),
            version: format!(
                "epoch=\"{}\" ver=\"{}\" rel=\"{}\"",
                metadata.get_epoch().unwrap_or(0),
                escape(metadata.get_version()?),
                escape(metadata.get_release()?)
            ),
            build_time: metadata.get_build_time().unwrap_or(0),
            files: files.iter().map(|file| (format!("{}{}", file.dirname(), file.basename()), kind(file))).collect(),
            relations: vec![
                ("provides", metadata.get_provides()?),
                ("requires", metadata.get_requires()?),
                ("conflicts", metadata.get_conflicts()?),
                ("obsoletes", metadata.get_obsoletes()?),
                ("suggests", metadata.get_suggests()?),
                ("enhances", metadata.get_enhances()?),
                ("recommends", metadata.get_recommends()?),
                ("supplements", metadata.get_supplements()?),
            ],
        })
    }

    fn primary(&self, out: &mut String) {
        let metadata = &self.header.metadata;
        let artifact = &self.package.artifact;
        let text = |value: Result<&str, ::rpm::Error>| escape(value.unwrap_or_default());
        out.push_str(&format!(
            "<package type=\"rpm\">\n  <name>{}</name>\n  <arch>{}</arch>\n  <version {}/>\n  \
             <checksum type=\"sha256\" pkgid=\"YES\">{}</checksum>\n  <summary>{}</summary>\n  \
             <description>{}</description>\n  <packager>{}</packager>\n  <url>{}</url>\n  \
             <time file=\"{time}\" build=\"{time}\"/>\n  <size package=\"{}\" installed=\"{}\" archive=\"{}\"/>\n  \
             <location href=\"{}\"/>\n  <format>\n",
            escape(&self.name),
            escape(&self.arch),
            self.version,
            artifact.sha256,
            text(metadata.get_summary()),
            text(metadata.get_description()),
            text(metadata.get_packager()),
            text(metadata.get_url()),
            artifact.size_bytes,
            metadata.get_installed_size().unwrap_or(0),
            archive_size(metadata),
            escape(&artifact.file_name),
            time = self.build_time,
        ));
        for (element, value) in [
            ("license", metadata.get_license()),
            ("vendor", metadata.get_vendor()),
            ("group", metadata.get_group()),
            ("buildhost", metadata.get_build_host()),
            ("sourcerpm", metadata.get_source_rpm()),
        ] {
            out.push_str(&format!("    <rpm:{element}>{}</rpm:{element}>\n", text(value)));
        }
        let range = &self.header.range;
        out.push_str(&format!("    <rpm:header-range start=\"{}\" end=\"{}\"/>\n", range.start, range.end));
        for (element, dependencies) in &self.relations {
            relation(out, element, dependencies);
        }
        for (path, kind) in self.files.iter().filter(|(path, _)| artifact::is_primary_file(path)) {
            file(out, "    ", path, *kind);
        }
        out.push_str("  </format>\n</package>\n");
    }

    /// The opening tag and version that filelists and other have.
    fn open(&self, out: &mut String) {
        out.push_str(&format!(
            "<package pkgid=\"{}\" name=\"{}\" arch=\"{}\">\n  <version {}/>\n",
            self.package.artifact.sha256,
            escape(&self.name),
            escape(&self.arch),
            self.version
        ));
    }

    fn filelists(&self, out: &mut String) {
        self.open(out);
        for (path, kind) in &self.files {
            file(out, "  ", path, *kind);
        }
        out.push_str("</package>\n");
    }

    fn other(&self, out: &mut String) {
        self.open(out);
        for entry in self.header.metadata.get_changelog_entries().unwrap_or_default() {
            out.push_str(&format!(
                "  <changelog author=\"{}\" date=\"{}\">{}</changelog>\n",
                escape(&entry.name),
                entry.timestamp,
                escape(&entry.description)
            ));
        }
        out.push_str("</package>\n");
    }
}

fn archive_size(metadata: &PackageMetadata) -> u64 {
    // Of the payload before compression: in the signature header of packages before rpm 6.
    let size = ::rpm::IndexSignatureTag::RPMSIGTAG_PAYLOADSIZE;
    metadata.signature.get_entry_data_as_u32(size).map_or(0, u64::from)
}

fn file(out: &mut String, indent: &str, path: &str, kind: Option<&str>) {
    let kind = kind.map(|kind| format!(" type=\"{kind}\"")).unwrap_or_default();
    out.push_str(&format!("{indent}<file{kind}>{}</file>\n", escape(path)));
}

fn relation(out: &mut String, element: &str, dependencies: &[Dependency]) {
    let mut seen = BTreeSet::new();
    let mut lines = String::new();
    for dependency in dependencies {
        // Features of rpm itself are no packages.
        if dependency.name.starts_with("rpmlib(") {
            continue;
        }
        let version = attributes(dependency);
        let before = DependencyFlags::PREREQ | DependencyFlags::SCRIPT_PRE | DependencyFlags::SCRIPT_POST;
        let pre = if element == "requires" && dependency.flags.intersects(before) { " pre=\"1\"" } else { "" };
        let line = format!("      <rpm:entry name=\"{}\"{version}{pre}/>\n", escape(&dependency.name));
        if seen.insert(line.clone()) {
            lines.push_str(&line);
        }
    }
    if !lines.is_empty() {
        out.push_str(&format!("    <rpm:{element}>\n{lines}    </rpm:{element}>\n"));
    }
}

/// `flags="GE" epoch="0" ver="1.2" rel="3"`, with a blank before; nothing without a version.
fn attributes(dependency: &Dependency) -> String {
    let flags = dependency.flags & (DependencyFlags::LESS | DependencyFlags::GREATER | DependencyFlags::EQUAL);
    let flags = match flags {
        DependencyFlags::LESS => "LT",
        DependencyFlags::GREATER => "GT",
        DependencyFlags::EQUAL => "EQ",
        DependencyFlags::LE => "LE",
        DependencyFlags::GE => "GE",
        _ => return String::new(),
    };
    let (epoch, rest) = dependency.version.split_once(':').unwrap_or(("0", &dependency.version));
    let (version, release) = match rest.rsplit_once('-') {
        Some((version, release)) => (version, Some(release)),
        None => (rest, None),
    };
    let release = release.map(|release| format!(" rel=\"{}\"", escape(release))).unwrap_or_default();
    format!(" flags=\"{flags}\" epoch=\"{}\" ver=\"{}\"{release}", escape(epoch), escape(version))
}

#[cfg(test)]
mod tests {
    #[test]
    fn text_becomes_what_xml_can_hold() {
        assert_eq!(super::escape("a<b>&\"c\"\n\u{1}\u{ffff}\u{7f}d"), "a&lt;b&gt;&amp;&quot;c&quot;\nd");
    }
}
