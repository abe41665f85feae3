//! Writes an .rpm with the `rpm` crate: version 4 packages, which every rpm reads. The contents are read from disk; the
//! compressed payload stands in memory while a package is written, which is the crate's way.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use ::rpm::{
    BuildConfig, CompressionWithLevel, Dependency, FileMode, FileOptions, FileOptionsBuilder, PackageBuilder,
    Scriptlet, Timestamp,
};

use super::AssembleError;
use super::deb::is_public;
use super::libraries::{elves, rpm_provides, rpm_requires};
use super::tree::{Kind, Node, Tree};
use crate::family::{AssembledPackage, Assembly, Payload};
use crate::recipe::PackageArch;
use crate::types::{Arch, printable};

/// As rpmbuild compresses by itself, and between size and time.
const GZIP_LEVEL: u32 = 6;
const ZSTD_LEVEL: i32 = 12;
const DOCUMENTATION: [&str; 4] = ["/usr/share/doc/", "/usr/share/man/", "/usr/share/info/", "/usr/share/gtk-doc/"];

/// Writes one package into `folder` and returns its file name.
pub(super) fn write(
    tree: &Tree,
    assembly: &Assembly,
    package: &AssembledPackage,
    contents: &BTreeMap<String, Node>,
    arch: Arch,
    folder: &Path,
) -> Result<String, AssembleError> {
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
    let author = format!("{} - {}", assembly.maintainer, assembly.version);
    builder.add_changelog_entry(author, &assembly.changelog, noon(assembly.source_date_epoch));
    relations(&mut builder, tree, package, contents);
    scripts(&mut builder, tree, package, contents);
    add_files(&mut builder, tree, package, contents, time).map_err(&cannot)?;

    let built = builder.build().map_err(&cannot)?;
    let failed = |error| AssembleError::Io(path.clone(), error);
    let mut out = BufWriter::new(File::create_new(&path).map_err(failed)?);
    built.write(&mut out).map_err(&cannot)?;
    out.flush().map_err(failed)?;
    Ok(name)
}

/// Changelogs have days, no times; rpm takes them to be at noon.
fn noon(epoch: i64) -> Timestamp {
    const DAY: i64 = 86_400;
    Timestamp(u32::try_from(epoch.div_euclid(DAY) * DAY + DAY / 2).unwrap_or(0))
}

fn relations(builder: &mut PackageBuilder, tree: &Tree, package: &AssembledPackage, contents: &BTreeMap<String, Node>) {
    for (tag, list) in &package.relations {
        for dependency in list.iter().map(|relation| dependency(relation)) {
            match tag.as_str() {
                "Requires" => builder.requires(dependency),
                "Recommends" => builder.recommends(dependency),
                "Suggests" => builder.suggests(dependency),
                "Provides" => builder.provides(dependency),
                "Conflicts" => builder.conflicts(dependency),
                _ => builder.obsoletes(dependency),
            };
        }
    }
    for capability in rpm_requires(tree, contents) {
        builder.requires(Dependency::any(capability));
    }
    for capability in rpm_provides(tree, contents) {
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

fn scripts(builder: &mut PackageBuilder, tree: &Tree, package: &AssembledPackage, contents: &BTreeMap<String, Node>) {
    let has_libraries = elves(tree, contents)
        .any(|(path, content)| is_public(path) && content.elf.as_ref().is_some_and(|elf| elf.soname.is_some()));
    for section in ["pre", "post", "preun", "postun"] {
        let ldconfig = has_libraries && section.starts_with("post");
        let scriptlet = match package.scripts.get(section) {
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
            _ => builder.post_uninstall_script(scriptlet),
        };
    }
}

fn add_files(
    builder: &mut PackageBuilder,
    tree: &Tree,
    package: &AssembledPackage,
    contents: &BTreeMap<String, Node>,
    time: Timestamp,
) -> Result<(), ::rpm::Error> {
    let mut links: HashMap<usize, usize> = HashMap::new();
    for node in contents.values() {
        if let Kind::File(content) = node.kind {
            *links.entry(content).or_default() += 1;
        }
    }
    for (path, node) in contents {
        let permissions = u16::try_from(node.mode & 0o7777).unwrap_or(0o644);
        let modified = Timestamp(u32::try_from(node.mtime).unwrap_or(u32::MAX).min(time.0));
        match &node.kind {
            Kind::Folder => {
                let options = FileOptions::dir(path).permissions(permissions).modified_at(modified);
                builder.with_dir_entry(options)?;
            }
            Kind::Symlink(target) => {
                let options = FileOptions::symlink(path, target).modified_at(modified);
                builder.with_symlink(marked(options, path, package))?;
            }
            Kind::File(content) => {
                let mut options = FileOptions::new(path).mode(FileMode::regular(permissions)).modified_at(modified);
                if links.get(content).is_some_and(|count| *count > 1) {
                    options = options.hardlink(content.to_string());
                }
                builder.with_file(&tree.contents[*content].path, marked(options, path, package))?;
            }
        }
    }
    Ok(())
}

/// What the file is, as `assign.awk` says it to rpmbuild.
fn marked(options: FileOptionsBuilder, path: &str, package: &AssembledPackage) -> FileOptionsBuilder {
    if package.config_files.iter().any(|config| config == path) {
        return options.config().noreplace();
    }
    if path.starts_with("/usr/share/licenses/") {
        return options.license();
    }
    if DOCUMENTATION.iter().any(|folder| path.starts_with(folder)) {
        return options.doc();
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
