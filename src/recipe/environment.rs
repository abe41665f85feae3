//! `[environment]`: where the steps of a target run when that is not in its own distribution. Which images and
//! distributions there are is not known here.

use std::cmp::Ordering;
use std::sync::Arc;

use super::document::{Table, Value};
use super::reader::{Section, stray};
use super::values::{self, Complaint};
use super::{Dockerfile, Environment, EnvironmentOrigin, PackagingTools};
use crate::types::nearest;

/// The keys of which exactly one says what the environment is.
const ORIGINS: [&str; 3] = ["image", "distro", "dockerfile"];
/// What only a Dockerfile has.
const OF_DOCKERFILE: [&str; 3] = ["context", "target", "args"];

const HELP: &str = "an environment is one of: image; distro; dockerfile";

const OF_DOCKERFILE_HELP: &str = "context, target and args say how a Dockerfile is built";

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
        ["image"] => {
            stray(section, &OF_DOCKERFILE, "image", "environment", OF_DOCKERFILE_HELP);
            section
                .checked_line("image", values::image_reference)
                .map(|text| EnvironmentOrigin::Image(text.value.to_owned()))
        }
        ["distro"] => {
            stray(section, &OF_DOCKERFILE, "distro", "environment", OF_DOCKERFILE_HELP);
            section.checked_line("distro", values::label).map(|text| EnvironmentOrigin::Distro(text.value.to_owned()))
        }
        [_] => read_dockerfile(section).map(EnvironmentOrigin::Dockerfile),
        [] => {
            section.problems.add(
                "[environment] does not say what it is",
                &section.span,
                "one of image, distro, dockerfile is required here",
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

fn read_dockerfile(section: &Section<'_>) -> Option<Dockerfile> {
    let path = section.checked_line("dockerfile", values::relative_path);
    let context = section.checked_line("context", values::relative_path);
    let target = section.checked_line("target", stage_name).map(|text| text.value.to_owned());
    let args = section.string_map("args", values::identifier);
    let path = path?;
    let folder = context.map_or(".", |text| text.value);
    if !lies_in(path.value, folder) {
        let (at, label) = match context {
            Some(context) => {
                (context.span, format!("this folder does not hold {}", crate::types::printable(path.value)))
            }
            None => (path.span, "without `context`, that is the recipe's folder".to_owned()),
        };
        let help = "`context` is the folder whose files the Dockerfile can copy; the Dockerfile is one of them";
        section.problems.add("the Dockerfile is not in its context", at, label, Some(help.to_owned()));
        return None;
    }
    Some(Dockerfile { path: path.value.to_owned(), context: folder.to_owned(), target, args })
}

/// A stage of a Dockerfile, by name or number.
fn stage_name(value: &str) -> Result<(), Complaint> {
    let complaint = |label: String| Complaint::new("is no stage of a Dockerfile", label);
    if !value.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Err(complaint("must begin with a letter or a digit".to_owned()));
    }
    match values::first_wrong(value, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')) {
        None => Ok(()),
        Some((part, c)) => Err(complaint(format!("{} is not allowed", values::named(c))).at(part)),
    }
}

/// Whether a file can lie in a folder, by their paths from the recipe's folder alone: what that one is called is not known.
fn lies_in(file: &str, folder: &str) -> bool {
    let ((file_up, file), (folder_up, folder)) = (from_root(file), from_root(folder));
    match file_up.cmp(&folder_up) {
        Ordering::Equal => file.len() > folder.len() && file.starts_with(&folder),
        // Beside or above the recipe's folder: the file is reached by names that are not known here.
        Ordering::Less => file.last().is_some(),
        Ordering::Greater => false,
    }
}

/// How many folders a path goes up, and its components from there: `a/../../b` goes up one, to `b`.
fn from_root(path: &str) -> (usize, Vec<&str>) {
    let (mut up, mut down) = (0, Vec::new());
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if down.pop().is_none() => up += 1,
            ".." => {}
            part => down.push(part),
        }
    }
    (up, down)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dockerfile_lies_in_its_context() {
        for (file, folder, inside) in [
            ("Dockerfile", ".", true),
            ("packaging/Dockerfile", ".", true),
            ("./packaging//Dockerfile", "packaging/", true),
            ("packaging/../Dockerfile", ".", true),
            ("../Dockerfile", "..", true),
            ("Dockerfile", "..", true),
            ("../Dockerfile", ".", false),
            ("Dockerfile", "packaging", false),
            ("packaging", "packaging", false),
            ("packaging-2/Dockerfile", "packaging", false),
            ("../../Dockerfile", "..", false),
            (".", ".", false),
        ] {
            assert_eq!(lies_in(file, folder), inside, "{file} in {folder}");
        }
    }
}
