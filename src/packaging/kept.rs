//! How a build goes on in the container of one that failed: packaging files of which a part is done already.

use crate::distro::Distro;
use crate::types::Format;

use super::model::{Packaging, StepKind};
use super::target_recipe::TargetRecipe;
use super::text::quote;
use super::{build_top, generate, is_own, staging};

/// Where a tree waits that rpm is about to make room for.
const WAITING: &str = "/build/.farm-kept-tree";
/// In place of the script of a step that is done; with the word, debhelper does not do it by itself, either.
const DONE: &str = ": done before, autoreconf too";

/// Whether a build of it can go on from a step: farm does not know what the rules of a project's own packaging have done.
pub(crate) fn can_go_on(recipe: &TargetRecipe, format: Format) -> bool {
    !is_own(recipe, format)
}

/// As [`generate`], or [`staging`] where farm makes the packages, for a container in which the steps before `from` are done.
pub(crate) fn going_on(
    recipe: &TargetRecipe,
    distro: &Distro,
    source_date_epoch: i64,
    from: StepKind,
    by_farm: bool,
) -> Packaging {
    let is_done = |step: StepKind| StepKind::ALL.iter().position(|known| *known == step) < position(from);
    let changed = recipe.with(|recipe| {
        for source in &mut recipe.sources {
            source.patches.clear();
        }
        if is_done(StepKind::Build) {
            recipe.build.build = Some(DONE.to_owned());
        }
        if is_done(StepKind::Check) {
            recipe.build.check = None;
        }
    });
    if by_farm {
        return staging(&changed, distro, source_date_epoch);
    }
    let mut packaging = generate(&changed, distro, source_date_epoch);
    if distro.format == Format::Rpm {
        take_tree(&mut packaging, &build_top(recipe));
    }
    packaging
}

fn position(step: StepKind) -> Option<usize> {
    StepKind::ALL.iter().position(|known| *known == step)
}

/// rpm begins with an empty folder; newer versions have it at another place.
fn take_tree(packaging: &mut Packaging, top: &str) {
    let (builds, quoted) = ("/build/rpmbuild/BUILD", quote(top));
    let wait = format!(
        "for tree in {builds}/{quoted} {builds}/*/{quoted}; do\n    [ ! -d \"$tree\" ] || {{ rm -rf {WAITING}; mv \"$tree\" {WAITING}; \
         break; }}\ndone\n[ -d {WAITING} ] || {{ echo 'farm: no sources were unpacked here: it cannot go on' >&2; exit 1; }}\n"
    );
    for step in &mut packaging.steps {
        step.script.insert_str(0, &wait);
    }
    for file in packaging.files.iter_mut().filter(|file| file.path.ends_with(".spec")) {
        let text = file.content.to_string();
        let Some(begin) = text.find("\n%autosetup").map(|at| at + 1) else { continue };
        let end = text[begin..].find('\n').map_or(text.len(), |length| begin + length);
        let prep = format!("rm -rf {quoted}\nmv {WAITING} {quoted}\n%setup -q -T -D -n {top}");
        file.content = format!("{}{prep}{}", &text[..begin], &text[end..]).into();
    }
}
