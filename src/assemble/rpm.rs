//! Writes an .rpm: version 4 packages, which every rpm reads. The `rpm` crate makes lead, signature and header, of files that
//! it takes to be empty, as it would keep what is in them in memory; what the header says of contents and payload is put
//! in when `payload` has streamed them to disk.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, BufWriter, Seek};
use std::path::Path;

use ::rpm::{
    BuildConfig, CompressionWithLevel, Dependency, FileFlags, FileMode, FileOptions, FileOptionsBuilder, Header,
    HeaderEntry, IndexData, IndexTag, PackageBuilder, PackageMetadata, RpmFormat, Scriptlet, SignatureHeaderBuilder,
    Timestamp,
};

use super::AssembleError;
use super::development::{behind_links, modules};
use super::layout::{ghosts, is_config, links};
use super::libraries::{behind_private, rpm_provides, rpm_requires};
use super::payload::{self, GZIP_LEVEL, PayloadFile, Written, ZSTD_LEVEL};
use super::staged::Staged;
use super::tree::{Content, Node, NodeKind, Tree, elves};
use crate::distro::Payload;
use crate::packaging::{AssembledPackage, Assembly};
use crate::recipe::{Attributes, PackageArch};
use crate::types::{Arch, printable};

/// The crate reads users from files here.
const SYSUSERS: &str = "/usr/lib/sysusers.d/";
const LARGEST_SYSUSERS: u64 = 1 << 20;
const DOCUMENTATION: [&str; 4] = ["/usr/share/doc/", "/usr/share/man/", "/usr/share/info/", "/usr/share/gtk-doc/"];

/// Writes one package into `folder` and returns its file name.
pub(super) fn write(
    staged: &Staged,
    assembly: &Assembly,
    number: usize,
    arch: Arch,
    folder: &Path,
) -> Result<String, AssembleError> {
    let Staged { tree, layout, .. } = staged;
    let (package, contents) = (&assembly.packages[number], &layout[number]);
    let architecture = match package.architecture {
        PackageArch::All => "noarch",
        PackageArch::Any => arch.rpm(),
    };
    let (version, release) = (&assembly.upstream_version, &assembly.release);
    let name = format!("{}-{version}-{release}.{architecture}.rpm", package.name);
    let path = folder.join(&name);
    let cannot = |error: ::rpm::Error| match error {
        ::rpm::Error::Io(error) => AssembleError::Io(path.clone(), error),
        error => AssembleError::Refused(vec![format!("{name}: {}", printable(&error.to_string()))]),
    };
    let time = Timestamp(u32::try_from(assembly.source_date_epoch).unwrap_or(0));
    let compression = match assembly.payload {
        Payload::Gzip => CompressionWithLevel::Gzip(GZIP_LEVEL),
        Payload::Zstd => CompressionWithLevel::Zstd(ZSTD_LEVEL),
    };

    let mut builder = PackageBuilder::new(&package.name, version, &assembly.license, architecture, &package.summary);
    builder.using_config(BuildConfig::v4().compression(compression).source_date(time));
    builder.release(release.as_str()).description(package.description.as_str()).group(package.group.as_str());
    builder.packager(assembly.maintainer.as_str()).build_host("localhost");
    if assembly.epoch > 0 {
        builder.epoch(assembly.epoch);
    }
    if let Some(homepage) = &assembly.homepage {
        builder.url(homepage.as_str());
    }
    if let Some(vendor) = &assembly.vendor {
        builder.vendor(vendor.as_str());
    }
    let macros = package.relations.values().flatten().filter(|relation| relation.contains("%{"));
    let refused: Vec<String> = macros
        .map(|one| {
            format!("`{one}` has a macro of rpmbuild's, which does not make this package: write out what it stands for")
        })
        .collect();
    if !refused.is_empty() {
        return Err(AssembleError::Refused(refused));
    }
    let author = format!("{} - {}", assembly.maintainer, assembly.changelog_version);
    builder.add_changelog_entry(author, &assembly.changelog, noon(assembly.source_date_epoch));
    relations(&mut builder, staged, package, contents);
    let siblings: BTreeSet<usize> =
        behind_links(layout, number).into_iter().chain(behind_private(tree, layout, number, &staged.private)).collect();
    for sibling in siblings {
        builder.requires(Dependency::eq(&assembly.packages[sibling].name, &assembly.version));
    }
    for module in modules(tree, contents)? {
        let name = format!("pkgconfig({})", module.name);
        builder.provides(match module.version.as_str() {
            "" => Dependency::any(name),
            version => Dependency::eq(name, version),
        });
        for [name, operator, version] in module.requires {
            builder.requires(dependency(format!("pkgconfig({name}) {operator} {version}").trim_end()));
        }
    }
    scripts(&mut builder, staged, package, contents, assembly.runs_ldconfig);
    let files = Files::new(tree, package, contents, &staged.attributes[number], time);
    files.add_to(&mut builder, tree, assembly.rpm_makes_users).map_err(&cannot)?;
    if files.are_large() {
        builder.requires(Dependency::rpmlib("LargeFiles", "4.12.0-1"));
    }

    let mut metadata = builder.build().map_err(&cannot)?.metadata;
    let failed = |error| AssembleError::Io(path.clone(), error);
    let mut spool = tempfile::tempfile_in(folder).map_err(failed)?;
    let entries = files.entries(&metadata).map_err(&cannot)?;
    let written = payload::write(&entries, files.are_large(), assembly.payload, &mut spool).map_err(failed)?;
    finish(&mut metadata, &files, &entries, &written).map_err(&cannot)?;

    let mut out = BufWriter::new(File::create_new(&path).map_err(failed)?);
    metadata.write(&mut out).map_err(&cannot)?;
    let mut out = out.into_inner().map_err(|error| failed(error.into_error()))?;
    spool.rewind().map_err(failed)?;
    io::copy(&mut spool, &mut out).map_err(failed)?;
    Ok(name)
}

/// Puts into the header what is known of the contents and the payload, and signs it with its digests.
fn finish(
    metadata: &mut PackageMetadata,
    files: &Files<'_>,
    entries: &[PayloadFile<'_>],
    written: &Written,
) -> Result<(), ::rpm::Error> {
    let narrow = |size: u64| u32::try_from(size).unwrap_or(u32::MAX);
    let mut replaced: BTreeMap<u32, IndexData> = BTreeMap::new();
    let mut replace = |tag: IndexTag, data: IndexData| replaced.insert(tag as u32, data);
    if let Some(body) = files.package.scriptlets.get("pretrans") {
        replace(IndexTag::RPMTAG_PRETRANS, IndexData::StringTag(body.clone()));
        replace(IndexTag::RPMTAG_PRETRANSPROG, IndexData::StringTag("<lua>".to_owned()));
    }
    let sizes = entries.iter().map(|entry| entry.size);
    if files.are_large() {
        replace(IndexTag::RPMTAG_LONGSIZE, IndexData::Int64(vec![files.size]));
        replace(IndexTag::RPMTAG_LONGFILESIZES, IndexData::Int64(sizes.collect()));
    } else {
        replace(IndexTag::RPMTAG_SIZE, IndexData::Int32(vec![narrow(files.size)]));
        if !entries.is_empty() {
            replace(IndexTag::RPMTAG_FILESIZES, IndexData::Int32(sizes.map(narrow).collect()));
        }
    }
    if !entries.is_empty() {
        let digest = |entry: &PayloadFile<'_>| match entry.content {
            Some(content) => written.digests.get(&content).cloned().unwrap_or_default(),
            None => String::new(),
        };
        replace(IndexTag::RPMTAG_FILEDIGESTS, IndexData::StringArray(entries.iter().map(digest).collect()));
    }
    replace(IndexTag::RPMTAG_PAYLOADSHA256, IndexData::StringArray(vec![written.sha256.clone()]));
    replace(IndexTag::RPMTAG_PAYLOADSHA256ALT, IndexData::StringArray(vec![written.archive_sha256.clone()]));

    let region = IndexTag::RPMTAG_HEADERIMMUTABLE;
    let sizes_of_files = [IndexTag::RPMTAG_SIZE, IndexTag::RPMTAG_FILESIZES].map(|tag| tag as u32);
    let kept = metadata.header.get_all_entries()?.into_iter().filter(|(tag, _)| {
        *tag != region as u32 && !replaced.contains_key(tag) && !(files.are_large() && sizes_of_files.contains(tag))
    });
    let kept: Vec<HeaderEntry> = kept.map(|(tag, data)| HeaderEntry::new(tag, data)).collect();
    let new = replaced.into_iter().map(|(tag, data)| HeaderEntry::new(tag, data));
    metadata.header = Header::from_entries(kept.into_iter().chain(new), region);
    let header = metadata.header_bytes()?;
    let signature = SignatureHeaderBuilder::new().format(RpmFormat::V4);
    let signature = signature.set_content_length(header.len() as u64 + written.size).calculate_digests(&header);
    metadata.signature = signature.build()?;
    Ok(())
}

/// Changelogs have days, no times; rpm takes them to be at noon.
fn noon(epoch: i64) -> Timestamp {
    const DAY: i64 = 86_400;
    Timestamp(u32::try_from(epoch.div_euclid(DAY) * DAY + DAY / 2).unwrap_or(0))
}

fn relations(
    builder: &mut PackageBuilder,
    staged: &Staged,
    package: &AssembledPackage,
    contents: &BTreeMap<String, Node>,
) {
    for (tag, list) in &package.relations {
        for dependency in list.iter().map(|relation| dependency(relation)) {
            match tag.as_str() {
                "Requires" => builder.requires(dependency),
                "Recommends" => builder.recommends(dependency),
                "Suggests" => builder.suggests(dependency),
                "Enhances" => builder.enhances(dependency),
                "Supplements" => builder.supplements(dependency),
                "Provides" => builder.provides(dependency),
                "Conflicts" => builder.conflicts(dependency),
                "Obsoletes" => builder.obsoletes(dependency),
                "Requires(pre)" => {
                    let flags = dependency.flags | Dependency::script_pre("").flags;
                    builder.requires(Dependency { flags, ..dependency })
                }
                "Requires(post)" => builder.requires(Dependency::script_post(dependency.name)),
                "Requires(preun)" => builder.requires(Dependency::script_preun(dependency.name)),
                _ => builder.requires(Dependency::script_postun(dependency.name)),
            };
        }
    }
    if package.relations.values().flatten().any(|relation| relation.starts_with('(')) {
        builder.requires(Dependency::rpmlib("RichDependencies", "4.12.0-1"));
    }
    for capability in rpm_requires(&staged.tree, contents, &staged.private) {
        builder.requires(Dependency::any(capability));
    }
    for capability in rpm_provides(&staged.tree, contents, &staged.private) {
        builder.provides(Dependency::any(capability));
    }
}

/// `zlib >= 1.2`, or a rich one, which is a name to rpm: `(a or b)`.
fn dependency(relation: &str) -> Dependency {
    let words: Vec<&str> = relation.split_whitespace().collect();
    match words[..] {
        [name, "<", version] => Dependency::less(name, version),
        [name, "<=", version] => Dependency::less_eq(name, version),
        [name, "=", version] => Dependency::eq(name, version),
        [name, ">=", version] => Dependency::greater_eq(name, version),
        [name, ">", version] => Dependency::greater(name, version),
        _ => Dependency::any(relation),
    }
}

fn scripts(
    builder: &mut PackageBuilder,
    staged: &Staged,
    package: &AssembledPackage,
    contents: &BTreeMap<String, Node>,
    runs_ldconfig: bool,
) {
    let private = &staged.private;
    let is_for_loader = |path: &str| private.is_searched(path) && !private.has(path);
    let has_libraries = elves(&staged.tree, contents)
        .any(|(path, content)| is_for_loader(path) && content.elf.as_ref().is_some_and(|elf| elf.soname.is_some()));
    // The text comes in `finish`: the crate would require a program called `<lua>`.
    if package.scriptlets.contains_key("pretrans") {
        builder.requires(Dependency::rpmlib("BuiltinLuaScripts", "4.2.2-1"));
    }
    for section in ["pre", "post", "preun", "postun", "posttrans"] {
        let ldconfig = runs_ldconfig && has_libraries && matches!(section, "post" | "postun");
        let scriptlet = match package.scriptlets.get(section) {
            Some(body) => {
                let before = if ldconfig { "/sbin/ldconfig\n" } else { "" };
                Scriptlet::new(format!("{before}{body}")).prog(vec!["/bin/sh"])
            }
            None if ldconfig => Scriptlet::new("/sbin/ldconfig\n").prog(vec!["/bin/sh"]),
            None => continue,
        };
        match section {
            "pre" => builder.pre_install_script(scriptlet),
            "post" => builder.post_install_script(scriptlet),
            "preun" => builder.pre_uninstall_script(scriptlet),
            "postun" => builder.post_uninstall_script(scriptlet),
            _ => builder.post_trans_script(scriptlet),
        };
    }
}

/// What a package holds, as a header describes it.
struct Files<'a> {
    package: &'a AssembledPackage,
    contents: &'a BTreeMap<String, Node>,
    /// What the recipe says of files, by path.
    attributes: &'a BTreeMap<String, Attributes>,
    /// By path in the payload, which is what headers are sorted by.
    sources: HashMap<&'a str, (usize, &'a Content)>,
    /// How many files there are of a content that are alike in all else, too: hard links to each other.
    links: HashMap<Link, usize>,
    /// When the package was made: nothing is newer.
    time: Timestamp,
    /// Of all files, those with hard links once.
    size: u64,
}

/// A file as far as it must be the same to be a hard link: content, mode and what kind of file the package says it is.
type Link = (usize, u32, &'static str);

impl<'a> Files<'a> {
    fn new(
        tree: &'a Tree,
        package: &'a AssembledPackage,
        contents: &'a BTreeMap<String, Node>,
        attributes: &'a BTreeMap<String, Attributes>,
        time: Timestamp,
    ) -> Files<'a> {
        let mut files =
            Files { package, contents, attributes, sources: HashMap::new(), links: HashMap::new(), time, size: 0 };
        for (path, node) in contents {
            match &node.kind {
                NodeKind::File(content) => {
                    files.sources.insert(path, (*content, &tree.contents[*content]));
                    let count = files.links.entry(files.link(path, *content, node.mode)).or_default();
                    *count += 1;
                    if *count == 1 {
                        files.size += tree.contents[*content].size;
                    }
                }
                NodeKind::Symlink(target) => files.size += target.len() as u64,
                NodeKind::Folder => {}
            }
        }
        files
    }

    fn link(&self, path: &str, content: usize, mode: u32) -> Link {
        (content, mode, mark(path, self.package))
    }

    /// Sizes are 32 bits wide where they all fit: older rpms read nothing else.
    fn are_large(&self) -> bool {
        self.size > u32::MAX.into()
    }

    /// Files go in empty, but for those that rpm reads users from.
    fn add_to(&self, builder: &mut PackageBuilder, tree: &Tree, rpm_makes_users: bool) -> Result<(), ::rpm::Error> {
        for (path, node) in self.contents {
            let permissions = u16::try_from(node.mode & 0o7777).unwrap_or(0o644);
            let modified = Timestamp(u32::try_from(node.mtime).unwrap_or(u32::MAX).min(self.time.0));
            match &node.kind {
                NodeKind::Folder => {
                    let options = FileOptions::dir(path).permissions(permissions).modified_at(modified);
                    builder.with_dir_entry(given(options, self.attributes.get(path))?)?;
                }
                NodeKind::Symlink(target) => {
                    let options = FileOptions::symlink(path, target).modified_at(modified);
                    builder.with_symlink(marked(options, path, mark_by_place(path)))?;
                }
                NodeKind::File(content) => {
                    let mut options = FileOptions::new(path).mode(FileMode::regular(permissions)).modified_at(modified);
                    let (_, mode, mark) = self.link(path, *content, node.mode);
                    if self.links.get(&(*content, mode, mark)).is_some_and(|count| *count > 1) {
                        options = options.hardlink(format!("{content} {mode} {mark}"));
                    }
                    let is_read = rpm_makes_users && path.starts_with(SYSUSERS) && path.ends_with(".conf");
                    let source = &tree.contents[*content];
                    let text =
                        if is_read && source.size <= LARGEST_SYSUSERS { tree.read(*content)? } else { Vec::new() };
                    let options = given(marked(options, path, mark), self.attributes.get(path))?;
                    builder.with_file_contents(text, options)?;
                }
            }
        }
        for (path, attributes) in ghosts(self.package) {
            let permissions = u16::try_from(attributes.mode.unwrap_or(0o644)).unwrap_or(0o644);
            let options = FileOptions::new(path).mode(FileMode::regular(permissions)).modified_at(self.time).ghost();
            builder.with_ghost(given(options, Some(attributes))?)?;
        }
        for (name, link) in links(self.package) {
            let behind = format!("/etc/alternatives/{name}");
            builder.with_ghost(FileOptions::symlink(&link.link, &behind).modified_at(self.time).ghost())?;
            builder.with_ghost(FileOptions::symlink(&behind, &link.path).modified_at(self.time).ghost())?;
        }
        Ok(())
    }

    /// All files in the header's order.
    fn entries<'b>(&'b self, metadata: &PackageMetadata) -> Result<Vec<PayloadFile<'b>>, ::rpm::Error> {
        let header = &metadata.header;
        if !header.entry_is_present(IndexTag::RPMTAG_BASENAMES as u32) {
            return Ok(Vec::new());
        }
        let inodes = header.get_entry_data_as_u32_array(IndexTag::RPMTAG_FILEINODES)?;
        let files = metadata.get_file_entries()?.into_iter().zip(inodes);
        let entry = |(file, inode): (::rpm::FileEntry<'_>, u32)| {
            let name = file.path().to_string_lossy().into_owned();
            let source = self.sources.get(name.as_str());
            let is_ghost = file.flags().contains(FileFlags::GHOST);
            let link = file.linkto().filter(|link| !link.is_empty()).map(str::to_owned);
            let size = match (&link, source) {
                (_, Some((_, content))) => content.size,
                (Some(link), None) if !is_ghost => link.len() as u64,
                _ => 0,
            };
            PayloadFile {
                size,
                content: source.map(|(number, _)| *number),
                source: source.map(|(_, content)| content.path.as_path()),
                mode: u32::from(file.mode().raw_mode()),
                mtime: file.modified_at().0,
                is_ghost,
                name,
                link,
                inode,
            }
        };
        Ok(files.map(entry).collect())
    }
}

/// What a regular file is, as `assign.awk` says it to rpmbuild.
fn mark(path: &str, package: &AssembledPackage) -> &'static str {
    if is_config(path, package) { "config" } else { mark_by_place(path) }
}

fn mark_by_place(path: &str) -> &'static str {
    if path.starts_with("/usr/share/licenses/") {
        return "license";
    }
    if DOCUMENTATION.iter().any(|folder| path.starts_with(folder)) { "doc" } else { "" }
}

/// Its owners and capabilities; the mode is that of the layout.
fn given(mut options: FileOptionsBuilder, attributes: Option<&Attributes>) -> Result<FileOptionsBuilder, ::rpm::Error> {
    let Some(Attributes { owner, group, capabilities, .. }) = attributes else { return Ok(options) };
    if let Some(owner) = owner {
        options = options.user(owner);
    }
    if let Some(group) = group {
        options = options.group(group);
    }
    match capabilities {
        Some(capabilities) => options.caps(capabilities),
        None => Ok(options),
    }
}

fn marked(options: FileOptionsBuilder, path: &str, mark: &str) -> FileOptionsBuilder {
    match mark {
        "config" => return options.config().noreplace(),
        "license" => return options.license(),
        "doc" => return options.doc(),
        _ => {}
    }
    match path.strip_prefix("/usr/share/locale/").and_then(|rest| rest.split_once('/')) {
        Some((language, _)) => options.language(language),
        None => options,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relations_are_read_as_rpm_does() {
        assert_eq!(dependency("zlib >= 1.2"), Dependency::greater_eq("zlib", "1.2"));
        assert_eq!(dependency("zlib"), Dependency::any("zlib"));
        assert_eq!(dependency("(a or b)").name, "(a or b)");
        assert_eq!(dependency("pkgconfig(x) = 1:2-3"), Dependency::eq("pkgconfig(x)", "1:2-3"));
    }

    #[test]
    fn changes_are_made_at_noon() {
        assert_eq!(noon(0).0, 43_200);
        assert_eq!(noon(86_399).0, 43_200);
        assert_eq!(noon(86_400).0, 129_600);
    }
}
