//! A `debian/` folder that the project brings: what its control file says of the package, and that it is there.

use crate::formats::deb822::{self, field};
use crate::formats::version::upstream;
use crate::init::draft::Draft;
use crate::init::licence::packaged::of_copyright;
use crate::init::text::{is_version, one_line};
use crate::init::tree::Tree;

/// Where projects keep it, in the order in which it is looked for.
const FOLDERS: [&str; 6] =
    ["debian", "packaging/debian", "packages/debian", "package/debian", "pkg/debian", "contrib/debian"];

pub(super) fn read(tree: &Tree, draft: &mut Draft) {
    let found = FOLDERS.iter().find_map(|folder| Some((folder, tree.text(&format!("{folder}/control"))?)));
    let Some((folder, control)) = found else { return };
    if tree.has(&format!("{folder}/rules")) && tree.has(&format!("{folder}/changelog")) {
        draft.debian = Some((*folder).to_owned());
    }
    let copyright = format!("{folder}/copyright");
    let license = tree.text(&copyright).and_then(of_copyright);
    draft.packaged_license = license.map(|license| (license, copyright));
    let control = deb822::without_comments(control);
    let mut paragraphs = deb822::paragraphs(&control);
    let source = paragraphs.next().unwrap_or_default();
    draft.homepage = field(source, "Homepage").map(str::to_owned);
    let binaries: Vec<&str> = paragraphs.filter(|paragraph| field(paragraph, "Package").is_some()).collect();
    let name = field(source, "Source");
    // The package that has the source's name says what the whole is.
    let main = binaries.iter().find(|paragraph| field(paragraph, "Package") == name).or(binaries.first());
    if let Some(description) = main.and_then(|main| field(main, "Description")) {
        let (summary, rest) = description.split_once('\n').unwrap_or((description, ""));
        draft.summary = Some(one_line(summary));
        let rest: Vec<&str> = rest.lines().map(|line| if line.trim() == "." { "" } else { line.trim() }).collect();
        draft.description = Some(rest.join("\n")).filter(|text| !text.trim().is_empty());
    }
}

/// The project's part of the version in the changelog's first line: `greet (1:1.0-2) unstable; …`.
pub(in crate::init) fn version(tree: &Tree) -> Option<String> {
    let changelog = FOLDERS.iter().find_map(|folder| tree.text(&format!("{folder}/changelog")))?;
    let (version, _) = changelog.split_once('(')?.1.split_once(')')?;
    Some(upstream(version).to_owned()).filter(|version| is_version(version))
}
