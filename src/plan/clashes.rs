//! Targets and jobs that are in each other's way, and what people should know before they build.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use super::model::{Inputs, Job, PlanWarning, TargetInputs};
use crate::matrix::Target;
use crate::packaging;
use crate::types::{Arch, Format};

/// How long before a distribution's end of life a plan begins to warn.
const END_OF_LIFE_NOTICE_DAYS: i64 = 90;

/// Targets that two recipes claim: their results would go into one folder. Within a recipe, `matrix::expand` gives no
/// target twice.
pub(super) fn duplicates(targets: &[TargetInputs]) -> Vec<(Target, String)> {
    let mut owners: HashMap<&Target, &TargetInputs> = HashMap::with_capacity(targets.len());
    let mut problems = Vec::new();
    for target in targets {
        let owner = owners.entry(&target.target).or_insert(target);
        if owner.recipe.root != target.recipe.root {
            let (one, two) = (owner.recipe.root.display(), target.recipe.root.display());
            let message = format!("the recipes in {one} and {two} have the same name: give one of them another");
            problems.push((target.target.clone(), message));
        }
    }
    problems
}

/// Variants of one recipe that make the same package for one distribution and architecture: nothing tells them apart
/// where they are published, and neither can be installed beside the other.
pub(super) fn collisions(jobs: &[Job]) -> Vec<(Target, String)> {
    let mut owners: HashMap<(&str, Arch, &str, &str), &Target> = HashMap::new();
    let mut problems = Vec::new();
    for Job { target, packaging, .. } in jobs.iter().filter(|job| job.target.variant.is_some()) {
        let same = packaging.expected.iter().find_map(|package| {
            let (name, version) = (package.name.as_str(), package.version.as_str());
            let owner = *owners.entry((&target.distro, target.arch, name, version)).or_insert(target);
            let is_variant = owner.recipe == target.recipe && owner.variant != target.variant;
            is_variant.then_some((package, owner))
        });
        if let (Some((package, owner)), Some(variant)) = (same, &target.variant) {
            problems.push((
                target.clone(),
                format!(
                    "makes {} {}, as {owner} does: give the variant a name or version of its own, \
                     [override.\"variant:{variant}\".package] name = \"{}-{variant}\"",
                    package.name, package.version, package.name
                ),
            ));
        }
    }
    problems
}

/// Packages of one name that two recipes make for one distribution: only one of them can be published, and whoever
/// requires it gets either.
pub(super) fn name_clashes(jobs: &[Job]) -> Vec<(Target, String)> {
    let mut owners: HashMap<(&str, &str), Vec<(&Job, usize)>> = HashMap::new();
    let mut problems = Vec::new();
    for job in jobs {
        for (number, package) in job.packaging.expected.iter().enumerate() {
            let known = owners.entry((&job.target.distro, &package.name)).or_default();
            let clash = known.iter().find(|(other, index)| {
                let is_everywhere =
                    package.is_arch_independent() || other.packaging.expected[*index].is_arch_independent();
                other.recipe.root != job.recipe.root && (is_everywhere || other.target.arch == job.target.arch)
            });
            match clash {
                Some((other, index)) if other.target != job.target => {
                    let (one, two) = (place_of(other, *index), place_of(job, number));
                    let message = format!(
                        "{one} and {two} make a package of one name, {}: give one of them another",
                        package.name
                    );
                    problems.push((job.target.clone(), message));
                }
                // One name for the whole recipe is told of already.
                Some(_) => {}
                None => known.push((job, number)),
            }
        }
    }
    problems
}

/// Where a recipe speaks of the package with this number: the main one first, then the others by key.
fn place_of(job: &Job, number: usize) -> String {
    let table = match number.checked_sub(1).and_then(|number| job.recipe.packages.keys().nth(number)) {
        Some(key) => format!("[packages.{key}]"),
        None => "[package]".to_owned(),
    };
    format!("{table} of {}", job.recipe.root.display())
}

/// Targets of different distributions for which a project's own packaging makes packages of one name and version: their
/// contents differ, as each has its distribution's libraries, and nothing tells the files apart.
pub(super) fn own_twins(jobs: &[Job]) -> Vec<(Target, String)> {
    let mut first: HashMap<(&Path, Format, Arch, Option<&str>, String), &Target> = HashMap::new();
    let mut problems = Vec::new();
    for job in jobs.iter().filter(|job| packaging::is_own(&job.recipe, job.distro.format) && !job.target.source) {
        let Some(version) = packaging::version(&job.recipe, &job.distro) else { continue };
        if job.recipe.packaging.distribution_suffix == Some(false) {
            continue;
        }
        let Target { arch, variant, .. } = &job.target;
        let key = (job.recipe.root.as_path(), job.distro.format, *arch, variant.as_deref(), version.clone());
        let other = *first.entry(key).or_insert(&job.target);
        if other.distro != job.target.distro {
            // A tag that both have tells nothing apart.
            let advice = match job.recipe.packaging.distribution_suffix {
                None if job.distro.format == Format::Deb => {
                    "distribution-suffix = true puts the distribution's tag behind it, false leaves it so"
                }
                _ => {
                    "distribution-suffix = false leaves it so, and a distros/NAME.toml of your own can have another \
                     release-tag"
                }
            };
            let message = format!(
                "its packaging gives version {version}, as for {other}: files of one name with different contents; \
                 [packaging] {advice}"
            );
            problems.push((job.target.clone(), message));
        }
    }
    problems
}

/// Targets of different distributions whose packages nothing tells apart: rebuilds of Enterprise Linux have one dist tag,
/// and not one content. Said once for each recipe and version.
pub(super) fn twins(jobs: &[Job]) -> Vec<PlanWarning> {
    let mut groups: BTreeMap<(String, String, Arch), BTreeSet<String>> = BTreeMap::new();
    for job in jobs.iter().filter(|job| !packaging::is_own(&job.recipe, job.distro.format) && !job.target.source) {
        if let Some(version) = packaging::version(&job.recipe, &job.distro) {
            let key = (job.target.recipe.clone(), format!("{version} {}", job.distro.format), job.target.arch);
            groups.entry(key).or_default().insert(job.distro.id.clone());
        }
    }
    let mut said = BTreeSet::new();
    let several = groups.into_iter().filter(|(_, distros)| distros.len() > 1);
    let warning = several.filter_map(|((recipe, version, _), distros)| {
        let names: Vec<String> = distros.into_iter().collect();
        let version = version.split(' ').next().unwrap_or_default();
        let message = format!(
            "{recipe}: packages for {} have the same names and versions ({version}) and different contents: they cannot \
             lie in one repository (a distros/NAME.toml of your own can give them another release-tag)",
            names.join(", ")
        );
        said.insert(message.clone()).then_some(PlanWarning { target: None, message })
    });
    warning.collect()
}

/// One warning per distribution, in the order of the targets.
pub(super) fn end_of_life_warnings(inputs: &Inputs) -> Vec<PlanWarning> {
    let day = |text: &str| chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    let Some(today) = day(&inputs.today) else { return Vec::new() };
    let mut seen = BTreeSet::new();
    let mut warnings = Vec::new();
    for distro in inputs.targets.iter().map(|target| &target.distro) {
        let Some(end) = distro.end_of_life.as_deref().and_then(day) else { continue };
        if !seen.insert(&distro.id) {
            continue;
        }
        let left = (end - today).num_days();
        let message = if left <= 0 {
            format!("{} is past its end of life ({end}): it gets no security fixes any more", distro.name)
        } else if left <= END_OF_LIFE_NOTICE_DAYS {
            let days = if left == 1 { "1 day".to_owned() } else { format!("{left} days") };
            format!("{} reaches its end of life in {days} ({end})", distro.name)
        } else {
            continue;
        };
        warnings.push(PlanWarning { target: None, message });
    }
    warnings
}
