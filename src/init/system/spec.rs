//! A .spec file that the project brings: its preamble, and that it is there.

use crate::init::draft::Draft;
use crate::init::text::{is_plain_path, is_version, one_line};
use crate::init::tree::{Tree, ending};

pub(super) fn read(tree: &Tree, draft: &mut Draft) {
    let specs = tree.texts(|path| ending(path) == "spec");
    // One is the project's own; several are for several distributions, or examples.
    let [(path, text)] = specs[..] else { return };
    let preamble = text.split("\n%").next().unwrap_or_default();
    let tag = |name: &str| {
        preamble.lines().find_map(|line| {
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
    draft.summary = draft.summary.take().or_else(|| tag("Summary"));
    draft.homepage = draft.homepage.take().or_else(|| tag("URL"));
    draft.version = draft.version.take().or_else(|| tag("Version").filter(|version| is_version(version)));
}
