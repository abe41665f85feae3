//! `farm init`: a project's files -> the text of a farm.toml. Reads build files as data, within bounds; runs nothing of the
//! project, fetches nothing and writes nothing. What it cannot know for certain it says.
//!
//! Inside: `tree` reads the files; `system` has one reader per build system, which fill in a `draft`; `identity`, `readme`,
//! `manual` and `licence` complete it; `toolchains` chooses distributions; `write` makes the text, which must load as a recipe before
//! anybody sees it.

mod draft;
mod identity;
mod licence;
mod manual;
mod model;
mod readme;
mod system;
mod text;
mod toolchains;
mod tree;
mod write;

#[cfg(test)]
mod tests;

use std::path::Path;

use crate::recipe::RecipeFile;

pub(crate) use model::{InitError, Request, SourceOf, Written};
pub(crate) use toolchains::offered;
pub(crate) use tree::Tree;

/// Looks at a project and writes a recipe for it, which loads.
///
/// # Errors
/// [`InitError::Invalid`] only: anything in the tree is data, and can at most be of no use.
pub(crate) fn recipe(tree: &Tree, request: &Request) -> Result<Written, InitError> {
    let mut draft = draft::Draft::default();
    system::read(tree, &mut draft);
    if draft.system.is_empty() && draft.debian.is_none() && draft.spec.is_none() {
        draft.cannot("no build system was found: say in [build] how it is built and installed");
    }
    draft.leave_out_what_is_implied();
    draft.leave_out_what_it_makes(tree);
    identity::complete(tree, request, &mut draft);
    manual::options(tree, &mut draft);
    draft.name_development_package();
    let licence = licence::find(tree, &draft);
    if !licence.certain {
        draft.check(format!("the licence is not certain: {}", licence.comment));
    }
    let choice = toolchains::choose(&mut draft, &request.distros, &request.known);
    let text = write::recipe(&draft, &licence, &choice, request);
    RecipeFile::parse(Path::new("farm.toml"), text.as_bytes()).map_err(InitError::Invalid)?;

    let needed = draft.build_requires.iter().chain(&draft.requires).filter(|one| !one.optional).count();
    let optional = draft.build_requires.iter().filter(|one| one.optional).count();
    let mut found = Vec::new();
    if !draft.system.is_empty() {
        found.push(("build system", format!("{}, {}", draft.system, draft.system_file)));
    }
    found.push(("licence", format!("{}: {}", licence.expression, licence.comment)));
    let more =
        if optional > 0 { format!(", and {optional} that it can do without, as comments") } else { String::new() };
    found.push(("requirements", format!("{needed}{more}")));
    if !choice.left_out.is_empty() {
        found.push(("left out", choice.left_out.join("; ")));
    }
    if !draft.programs.is_empty() {
        found.push(("programs", draft.programs.join(", ")));
    }
    if !draft.libraries.is_empty() {
        let names: Vec<String> = draft.libraries.iter().map(|library| format!("lib{}", library.name)).collect();
        found.push(("libraries", names.join(", ")));
    }
    let (name, version) = (draft.name.unwrap_or_default(), draft.version.unwrap_or_default());
    Ok(Written { text, name, version, found, checks: draft.checks })
}
