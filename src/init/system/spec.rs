//! A .spec file that the project brings: its preamble, and that it is there.

use crate::init::draft::Draft;
use crate::init::licence::packaged::of_spec;
use crate::init::text::{is_plain_path, is_version, one_line};
use crate::init::tree::{Tree, ending};

pub(super) fn read(tree: &Tree, draft: &mut Draft) {
    let mut specs = tree.texts(|path| ending(path) == "spec");
    if specs.is_empty() {
        specs = tree.texts(|path| path.ends_with(".spec.in"));
    }
    // One is the project's own; several are for several distributions, or examples.
    let [(path, text)] = specs[..] else { return };
    // Macros may be defined in it.
    let sections = ["%description", "%package", "%prep", "%build", "%install", "%files", "%changelog"];
    let in_preamble = |line: &&str| !sections.iter().any(|section| line.starts_with(section));
    let preamble: Vec<&str> = text.lines().take_while(in_preamble).collect();
    let tag = |name: &str| {
        preamble.iter().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            let value = value.trim();
            (key.trim().eq_ignore_ascii_case(name) && !value.is_empty() && !value.contains('%'))
                .then(|| one_line(value))
        })
    };
    if tag("Name").is_none() && !text.contains("%install") {
        return;
    }
    draft.spec = Some(path.to_owned()).filter(|path| is_plain_path(path));
    if let Some((template, spec)) = draft.spec.as_deref().and_then(|path| Some((path, path.strip_suffix(".in")?))) {
        draft.prepare = Some(format!("sed \"s/@VERSION@/$FARM_VERSION/g\" {template} >{spec}"));
        draft.spec = Some(spec.to_owned());
    }
    let license = tag("License").and_then(|license| of_spec(&license)).map(|license| (license, one_line(path)));
    draft.packaged_license = draft.packaged_license.take().or(license);
    draft.summary = draft.summary.take().or_else(|| tag("Summary"));
    draft.homepage = draft.homepage.take().or_else(|| tag("URL"));
    draft.version = draft.version.take().or_else(|| tag("Version").filter(|version| is_version(version)));
}
