//! Whether the packages of one recipe mean the same in both formats, once a run has them: a run that built none of them compares
//! nothing. What differs is told and decides nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::work::Shared;
use crate::artifact::ArtifactKind;
use crate::compare::{self, Described};
use crate::event::{JobReport, Outcome};
use crate::matrix::Target;
use crate::plan::Job;
use crate::recipe::Waiver;
use crate::types::{Format, pattern};

/// The rule of `[waivers.RULE]` that accepts such differences.
pub(super) const RULE: &str = "formats-differ";

/// Differences of one recipe that are told; who wants all of them has `farm diff`.
const MOST: usize = 10;

/// What is different, as warnings of the targets that have it. The first good target of each format stands for its format:
/// each target of the other one is compared with it. Blocks, and reads packages.
pub(super) fn differences(shared: &Shared, jobs: &[Job], reports: &[Option<JobReport>]) -> Vec<(Target, String)> {
    let mut groups: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (index, job) in jobs.iter().enumerate() {
        let target = &job.target;
        if !target.source && reports[index].as_ref().is_some_and(|report| report.outcome.is_good()) {
            let key = (target.recipe.to_string(), target.variant.clone(), target.arch.deb());
            groups.entry(key).or_default().push(index);
        }
    }
    let is_new =
        |index: &usize| matches!(reports[*index].as_ref().map(|report| &report.outcome), Some(Outcome::Succeeded));
    let packages = |index: usize| -> Vec<PathBuf> {
        let folder = shared.store.folder(&jobs[index].target);
        let binaries = reports[index].iter().flat_map(|report| &report.artifacts);
        let binaries = binaries.filter(|artifact| artifact.kind == ArtifactKind::Binary);
        binaries.map(|artifact| folder.join(&artifact.file_name)).collect()
    };
    let mut told = Vec::new();
    for group in groups.into_values() {
        let first = |format| group.iter().copied().find(|index| jobs[*index].target.format == format);
        let (Some(deb), Some(rpm)) = (first(Format::Deb), first(Format::Rpm)) else { continue };
        let others = group.iter().copied().filter(|index| *index != deb && *index != rpm);
        let mut pairs = vec![(deb, rpm)];
        pairs.extend(
            others.map(|index| if jobs[index].target.format == Format::Deb { (index, rpm) } else { (deb, index) }),
        );
        pairs.retain(|(deb, rpm)| is_new(deb) || is_new(rpm));
        let mut read: BTreeMap<usize, Described> = BTreeMap::new();
        let mut known = Vec::new();
        for (one, other) in pairs {
            for index in [one, other] {
                // A package that cannot be read was refused, or is none of a test's.
                if !read.contains_key(&index)
                    && let Ok(described) = compare::described(&packages(index))
                {
                    read.insert(index, described);
                }
            }
            if let (Some(debs), Some(rpms)) = (read.get(&one), read.get(&other)) {
                let mut found = compare::between_formats(debs, rpms, &names(&jobs[one], &jobs[other]));
                found.retain(|one| !is_waived(&jobs[other], &one.subject) && !known.contains(one));
                known.extend(found.iter().cloned());
                let target = &jobs[if one == deb { other } else { one }].target;
                let more = found.len().saturating_sub(MOST);
                let lines = found.into_iter().take(MOST);
                told.extend(
                    lines.map(|one| (target.clone(), format!("formats differ: {}: {}", one.package, one.text))),
                );
                if more > 0 {
                    let (deb, rpm) = (jobs[one].target.folder(), jobs[other].target.folder());
                    let text =
                        format!("formats differ: {more} more: `farm diff` of {deb} and {rpm} in the store shows them");
                    told.push((target.clone(), text));
                }
            }
            // The two that stand for their formats stay.
            read.retain(|index, _| *index == deb || *index == rpm);
        }
    }
    told
}

/// What each package is called in both formats: the plan has them in one order.
fn names(deb: &Job, rpm: &Job) -> Vec<(String, String)> {
    let of = |job: &Job| job.packaging.expected.iter().map(|package| package.name.clone()).collect::<Vec<_>>();
    let (debs, rpms) = (of(deb), of(rpm));
    if debs.len() == rpms.len() { debs.into_iter().zip(rpms).collect() } else { Vec::new() }
}

/// Whether the recipe says that a difference is meant.
fn is_waived(job: &Job, subject: &str) -> bool {
    let is_meant = |waiver: &Waiver| {
        waiver.paths.is_empty() || waiver.paths.iter().any(|path| pattern::takes(path.trim_end_matches('/'), subject))
    };
    job.recipe.waivers.get(RULE).is_some_and(is_meant)
}
