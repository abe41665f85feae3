//! What a project's own .spec requires where it is built on a Debian base: which of the packages that `packaging` names for
//! it the archive has, and what to write where it has none.

use std::collections::BTreeMap;

use super::Project;
use super::capabilities::{Wished, shown};
use crate::archive::{ArchiveError, ArchiveIndex, Choice};
use crate::matrix;
use crate::packaging::{self, Search, SpecWish};
use crate::recipe::{Problem, RecipeError};
use crate::types::printable;

/// The first of the searches that finds one package. Blocks: it reads the index.
///
/// # Errors
/// An index that cannot be read.
pub(super) fn choose(index: &ArchiveIndex, wish: &SpecWish) -> Result<Choice, ArchiveError> {
    let mut best = Choice::Absent { similar: Vec::new(), covered: true };
    for search in &wish.searches {
        let found = match search {
            Search::Package(name, constraint) => index.choose_named(name, constraint.as_ref())?,
            Search::Capability(capability) => Some(index.choose(capability)?),
        };
        match found {
            Some(Choice::Package(chosen)) => return Ok(Choice::Package(chosen)),
            Some(found @ (Choice::Several(_) | Choice::Unfit(_))) if matches!(best, Choice::Absent { .. }) => {
                best = found
            }
            Some(Choice::Absent { similar, covered }) => {
                if let Choice::Absent { similar: known, .. } = &best
                    && known.is_empty()
                {
                    best = Choice::Absent { similar, covered };
                }
            }
            _ => {}
        }
    }
    Ok(best)
}

/// What is required and not found, at the .spec's place in the recipe.
pub(super) fn problems(
    project: &Project,
    wished: &[Wished<'_>],
    choices: &BTreeMap<&str, BTreeMap<String, Choice>>,
) -> Vec<RecipeError> {
    let mut by_recipe: BTreeMap<usize, Vec<Problem>> = BTreeMap::new();
    for (inputs, wishes) in wished {
        let target = &inputs.target;
        let Some(found) = choices.get(inputs.place().as_str()) else { continue };
        let (Some(number), Some(spec)) = (project.number(&target.recipe), &inputs.recipe.packaging.spec) else {
            continue;
        };
        let file = &project.set()[number];
        let selection = matrix::selection(target, project.catalogue());
        let span = file.place_of_key(&selection, "packaging.spec").unwrap_or_default();
        let problems = by_recipe.entry(number).or_default();
        for wish in wishes.iter().filter(|wish| wish.is_certain) {
            let Some(choice) = found.get(&packaging::wish_key(wish)) else { continue };
            let Some(problem) = problem(wish, spec, &target.distro, choice, span.clone()) else { continue };
            if !problems.iter().any(|known| known.message == problem.message) {
                problems.push(problem);
            }
        }
    }
    let invalid = |(number, problems): (usize, Vec<Problem>)| {
        let file = &project.set()[number];
        RecipeError::Invalid { path: file.path.clone(), text: file.text.clone(), problems }
    };
    by_recipe.into_iter().filter(|(_, problems)| !problems.is_empty()).map(invalid).collect()
}

fn problem(
    wish: &SpecWish,
    spec: &str,
    distro: &str,
    choice: &Choice,
    span: std::ops::Range<usize>,
) -> Option<Problem> {
    let text = printable(&wish.text);
    let instead =
        |package: &str| format!("[packaging] stand-ins = {{ \"{}\" = \"{package}\" }}", printable(&wish.name));
    let (message, help) = match choice {
        Choice::Package(_) => return None,
        Choice::Several(candidates) => (
            format!("several Debian packages have `{text}`"),
            format!("{distro} has {}; name one: {}", shown(candidates), instead(&candidates[0].package.name)),
        ),
        Choice::Unfit(candidates) => (
            format!("no Debian package has `{text}` in this version"),
            format!(
                "{distro} has {}; where that will do, name it: {}",
                shown(candidates),
                instead(&candidates[0].package.name)
            ),
        ),
        Choice::Absent { similar, .. } => {
            let similar: Vec<String> = similar.iter().map(|one| format!("`{one}`")).collect();
            let similar = match similar.is_empty() {
                true => String::new(),
                false => format!("there is {}; ", similar.join(", ")),
            };
            (
                format!("no Debian package is known for `{text}`"),
                format!(
                    "{similar}name what stands in for it, or nothing where the build can do without: {}",
                    instead("PACKAGE")
                ),
            )
        }
    };
    let label = format!("line {} of {} requires it, on {distro}", wish.line, printable(spec));
    Some(Problem { message, span, label, help: Some(help) })
}
