//! Makes a .deb of a package's part of the tree: what its control files say, and which files it has. Everything is in a fixed
//! order and no newer than the package's date, so that the same tree gives the same bytes.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read};
use std::path::Path;

use md5::{Digest, Md5};

use super::AssembleError;
use super::layout::{Layout, add_parents, is_config, keep_gzipped, keep_text};
use super::libraries::{Libraries, deb_depends};
use super::staged::Staged;
use super::system::system_files;
use super::tree::{Node, NodeKind, Tree, elves, files};
use crate::formats::deb::write::{ControlFiles, Tarball};
use crate::formats::deb::{self, shlibs};
use crate::formats::version::without_epoch;
use crate::formats::{deb822, relation};
use crate::packaging::{AssembledPackage, Assembly, common_licence, maintainer_depends, maintainer_scripts};
use crate::recipe::PackageArch;
use crate::stream::guard::watched;
use crate::types::{Arch, printable};

/// Fields of other packages, in the order in which dpkg-gencontrol(1) writes them.
const RELATIONS: [&str; 9] =
    ["Pre-Depends", "Depends", "Recommends", "Suggests", "Enhances", "Conflicts", "Breaks", "Replaces", "Provides"];

/// What every Debian package has beside what was installed: its changelog and copyright (Policy 12.5, 12.7).
pub(super) fn add_documents(tree: &mut Tree, assembly: &Assembly, layout: &mut Layout) -> Result<(), AssembleError> {
    let changelog = keep_gzipped(tree, &assembly.changelog)?;
    let copyright = copyright(tree, assembly)?;
    let copyright = keep_text(tree, copyright.as_bytes())?;
    for (package, contents) in assembly.packages.iter().zip(layout) {
        let folder = format!("/usr/share/doc/{}", package.name);
        for (name, content) in [("changelog.Debian.gz", changelog), ("copyright", copyright)] {
            let node = Node { kind: NodeKind::File(content), mode: 0o644, mtime: i64::MAX };
            let path = format!("{folder}/{name}");
            add_parents(contents, &path, tree);
            contents.insert(path, node);
        }
    }
    Ok(())
}

/// The copyright file, with the licences as upstream words them where Debian has no copy to point to.
fn copyright(tree: &Tree, assembly: &Assembly) -> Result<String, AssembleError> {
    let Some((text, complete)) = &assembly.copyright else { return Ok(String::new()) };
    let mut text = text.clone();
    if *complete {
        return Ok(text);
    }
    for (name, content) in &tree.licences {
        let bytes = tree.text(*content)?;
        // Control files are UTF-8 (Policy 5.1); what is not was Latin-1 when such files were written.
        let licence = String::from_utf8(bytes)
            .unwrap_or_else(|error| error.as_bytes().iter().map(|byte| char::from(*byte)).collect());
        if let Some(common) = common_licence(&licence) {
            let name = printable(name);
            text.push_str(&format!(" .\n {name} is on Debian systems in /usr/share/common-licenses/{common}.\n"));
            continue;
        }
        text.push_str(&format!(" .\n {} says:\n .\n", printable(name)));
        for line in licence.lines() {
            let line = line.replace(['\u{c}', '\r'], "");
            let line = line.trim_end();
            text.push_str(&format!(" {}\n", if line.is_empty() { "." } else { line }));
        }
    }
    Ok(text)
}

/// Writes the package with this number into `folder` and returns its file name.
pub(super) fn write(
    staged: &Staged,
    assembly: &Assembly,
    number: usize,
    arch: Arch,
    libraries: &Libraries,
    folder: &Path,
) -> Result<String, AssembleError> {
    let Staged { tree, layout, .. } = staged;
    let package = &assembly.packages[number];
    let contents = &layout[number];
    let architecture = match package.architecture {
        PackageArch::All => "all",
        PackageArch::Any => arch.deb(),
    };
    let version = without_epoch(&assembly.version);
    let name = format!("{}_{version}_{architecture}.deb", package.name);
    let path = folder.join(&name);
    let failed = |error| AssembleError::Io(path.clone(), error);

    let depends = deb_depends(tree, layout, number, assembly, libraries)?;
    let mut members = maintainer_files(staged, assembly, number)?;
    let package = &for_arch(package, arch)?;
    let control = control(assembly, package, architecture, contents, tree, depends);
    members.insert("control".to_owned(), (control, 0o644));
    members.insert("md5sums".to_owned(), (md5sums(tree, package, contents)?, 0o644));

    let epoch = assembly.source_date_epoch;
    let out = BufWriter::new(File::create_new(&path).map_err(failed)?);
    deb::write::write(out, epoch, &members, |tar| add_contents(tar, tree, contents, epoch)).map_err(failed)?;
    Ok(name)
}

/// The package with its relations as they are on an architecture, where no variables are filled in any more.
fn for_arch(package: &AssembledPackage, arch: Arch) -> Result<AssembledPackage, AssembleError> {
    let mut package = package.clone();
    let variables: Vec<String> =
        package.relations.values().flatten().filter(|one| one.contains("${")).cloned().collect();
    if !variables.is_empty() {
        let refused = variables.iter().map(|one| {
            format!("`{one}` is filled in by debhelper, which does not make this package: name the packages themselves")
        });
        return Err(AssembleError::Refused(refused.collect()));
    }
    for list in package.relations.values_mut() {
        *list = list.iter().filter_map(|written| relation::for_arch(written, arch)).collect();
    }
    Ok(package)
}

fn control(
    assembly: &Assembly,
    package: &AssembledPackage,
    architecture: &str,
    contents: &BTreeMap<String, Node>,
    tree: &Tree,
    depends: Vec<String>,
) -> String {
    let mut text = String::new();
    let mut field = |name: &str, value: &str| deb822::push(&mut text, name, value);
    field("Package", &package.name);
    if package.name != assembly.source {
        field("Source", &assembly.source);
    }
    field("Version", &assembly.version);
    field("Architecture", architecture);
    field("Maintainer", &assembly.maintainer);
    field("Installed-Size", &installed_kib(tree, contents).to_string());
    for name in RELATIONS {
        let mut values = package.relations.get(name).cloned().unwrap_or_default();
        if name == "Depends" {
            // What the recipe says of a package stands for what was found.
            let first = |relation: &str| relation::field::names(relation).next().unwrap_or_default().to_owned();
            let said: HashSet<String> = values.iter().map(|relation| first(relation)).collect();
            values.extend(depends.iter().filter(|found| !said.contains(&first(found))).cloned());
            values.extend(maintainer_depends(package).map(str::to_owned));
        }
        if !values.is_empty() {
            field(name, &values.join(", "));
        }
    }
    field("Section", &package.section);
    field("Priority", "optional");
    if let Some(multi_arch) = package.multi_arch {
        field("Multi-Arch", multi_arch.as_str());
    }
    if let Some(homepage) = &assembly.homepage {
        field("Homepage", homepage);
    }
    if let Some(vendor) = &assembly.vendor {
        field("Vendor", vendor);
    }
    // The extended description has its lines ended.
    field("Description", format!("{}\n{}", package.summary, package.description).trim_end_matches('\n'));
    text
}

/// As dpkg-gencontrol(1) counts: files and links by their size, all else as one KiB; hard links once.
fn installed_kib(tree: &Tree, contents: &BTreeMap<String, Node>) -> u64 {
    let mut seen = HashSet::new();
    let sizes = contents.values().map(|node| match &node.kind {
        NodeKind::File(content) if seen.insert(*content) => tree.contents[*content].size.div_ceil(1024),
        NodeKind::File(_) => 0,
        NodeKind::Symlink(target) => (target.len() as u64).div_ceil(1024),
        NodeKind::Folder => 1,
    });
    sizes.sum()
}

/// All of control.tar but `control` and `md5sums`: name, content, mode.
fn maintainer_files(staged: &Staged, assembly: &Assembly, number: usize) -> Result<ControlFiles, AssembleError> {
    let Staged { tree, layout, private, attributes, .. } = staged;
    let (package, contents) = (&assembly.packages[number], &layout[number]);
    let mut system = system_files(tree, assembly, contents)?;
    let said = attributes[number].iter().filter(|(_, one)| one.owners().is_some() || one.capabilities.is_some());
    system.attributes = said.map(|(path, one)| (path.clone(), one.clone())).collect();
    let scripts = maintainer_scripts(package, &system);
    let mut members: ControlFiles = scripts.into_iter().map(|(name, script)| (name, (script, 0o755))).collect();
    let conffiles: Vec<&str> =
        files(tree, contents).map(|(path, ..)| path).filter(|path| is_config(path, package)).collect();
    if !conffiles.is_empty() {
        members.insert("conffiles".to_owned(), (conffiles.join("\n") + "\n", 0o644));
    }
    let mut lines = String::new();
    for (path, content) in elves(tree, contents) {
        let soname = content.elf.as_ref().and_then(|elf| elf.soname.as_deref());
        if let Some(soname) = soname.filter(|_| !private.has(path))
            && let Some(line) = shlibs::line(soname, &format!("{} (>= {})", package.name, assembly.version))
            && !lines.contains(&line)
        {
            lines.push_str(&line);
        }
    }
    if !lines.is_empty() {
        members.insert("shlibs".to_owned(), (lines, 0o644));
        // Policy 8.1.1
        members.insert("triggers".to_owned(), ("activate-noawait ldconfig\n".to_owned(), 0o644));
    }
    Ok(members)
}

/// Of every regular file that is no conffile, as dh_md5sums(1) writes them.
fn md5sums(
    tree: &Tree,
    package: &AssembledPackage,
    contents: &BTreeMap<String, Node>,
) -> Result<String, AssembleError> {
    let mut known: HashMap<&Path, String> = HashMap::new();
    let mut text = String::new();
    for (path, _, content) in files(tree, contents).filter(|(path, ..)| !is_config(path, package)) {
        let sum = match known.get(content.path.as_path()) {
            Some(sum) => sum.clone(),
            None => {
                let failed = |error| AssembleError::Io(content.path.clone(), error);
                let mut hasher = Md5::new();
                io::copy(&mut watched(File::open(&content.path).map_err(failed)?), &mut hasher).map_err(failed)?;
                hex::encode(hasher.finalize())
            }
        };
        text.push_str(&format!("{sum}  {}\n", path.trim_start_matches('/')));
        known.insert(&content.path, sum);
    }
    Ok(text)
}

/// What was installed, no newer than the package.
fn add_contents(tar: &mut Tarball<'_>, tree: &Tree, contents: &BTreeMap<String, Node>, epoch: i64) -> io::Result<()> {
    let mut first_paths: HashMap<usize, &str> = HashMap::new();
    for (path, node) in contents {
        let time = node.mtime.min(epoch);
        match &node.kind {
            NodeKind::Folder => tar.folder(path, node.mode, time)?,
            NodeKind::Symlink(target) => tar.symlink(path, target, time)?,
            NodeKind::File(content) => match first_paths.get(content) {
                Some(first) => tar.hard_link(path, first, node.mode, time)?,
                None => {
                    first_paths.insert(*content, path);
                    let content = &tree.contents[*content];
                    let file = BufReader::new(watched(File::open(&content.path)?));
                    tar.file(path, node.mode, time, content.size, file.take(content.size))?;
                }
            },
        }
    }
    Ok(())
}
