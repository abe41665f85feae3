//! `[environment]`: where the steps of a target run when that is not in its own distribution. Which images and
//! distributions there are is not known here.

use std::sync::Arc;

use super::document::{Table, Value};
use super::reader::Section;
use super::values;
use super::{Environment, EnvironmentOrigin, PackagingTools};
use crate::types::nearest;

/// The keys of which exactly one says what the environment is.
const ORIGINS: [&str; 2] = ["image", "distro"];

const HELP: &str = "an environment is one of: image; distro";

/// `base` with an override laid on top. An environment is one thing: that of the override stands for the whole.
pub(super) fn merged(base: &Table, over: &Table) -> Table {
    let mut merged = base.merged(over);
    if let Some(entry) = over.get("environment") {
        merged.entries.insert(Arc::from("environment"), entry.clone());
    }
    merged
}

/// None when the table says nothing, by which an override goes back to the target's own distribution.
pub(super) fn read(section: &Section<'_>) -> Option<Environment> {
    if section.table.entries.is_empty() {
        return None;
    }
    let named: Vec<&str> = ORIGINS.into_iter().filter(|key| section.table.get(key).is_some()).collect();
    let origin = match named[..] {
        ["image"] => section
            .checked_line("image", values::image_reference)
            .map(|text| EnvironmentOrigin::Image(text.value.to_owned())),
        [_] => {
            section.checked_line("distro", values::label).map(|text| EnvironmentOrigin::Distro(text.value.to_owned()))
        }
        [] => {
            section.problems.add(
                "[environment] does not say what it is",
                &section.span,
                "one of image, distro is required here",
                Some(HELP.to_owned()),
            );
            return None;
        }
        [first, second, ..] => {
            let span = section.table.get(second).map_or(section.span.clone(), |entry| entry.key_span.clone());
            section.problems.add(
                format!("[environment] has both `{first}` and `{second}`"),
                &span,
                "only one of them can be meant",
                Some(format!("{HELP}; where targets differ, write [override.SELECTOR.environment]")),
            );
            return None;
        }
    };
    let tools = read_tools(section);
    Some(Environment { origin: origin?, tools })
}

fn read_tools(section: &Section<'_>) -> PackagingTools {
    let Some(text) = section.line("tools") else { return PackagingTools::Auto };
    match text.value {
        "auto" => PackagingTools::Auto,
        "image" => PackagingTools::Image,
        "farm" => PackagingTools::Farm,
        other => {
            let label = match nearest(other, ["auto", "image", "farm"]) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => "must be \"auto\", \"image\" or \"farm\"".to_owned(),
            };
            let help = "\"image\": the packages are made by dpkg-buildpackage or rpmbuild in the image; \"farm\": farm \
                        makes them; \"auto\": whichever the image allows";
            section.problems.add("`tools` names nobody who makes packages", text.span, label, Some(help.to_owned()));
            PackagingTools::Auto
        }
    }
}

/// The distribution that a table of a recipe, or of an override, takes for its environment, with its place.
pub(super) fn named_distro(table: &Table) -> Option<(&str, std::ops::Range<usize>)> {
    let Value::Table(environment) = &table.get("environment")?.node.value else { return None };
    let entry = environment.get("distro")?;
    match &entry.node.value {
        Value::String(id) => Some((id, entry.node.span.clone())),
        _ => None,
    }
}
