//! `farm plan --ci`: what has to be built as the jobs of a CI, each for a machine of its own. What is built on each other
//! stays together; `farm merge` puts the stores of all jobs into one.

use std::collections::BTreeMap;

use serde::Serialize;

use super::args::CiChoice;
use crate::packaging::quote;
use crate::plan::Reason;
use crate::project::Decided;
use crate::types::Arch;

/// One job of a CI.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct CiJob {
    /// For people, and unlike all others: `hello-debian-12-amd64`. Letters, digits, `.`, `_` and `-`.
    name: String,
    distro: String,
    /// As OCI calls it: of the machine that builds without an emulator.
    arch: &'static str,
    /// Arguments for `farm build`, quoted for a shell.
    arguments: String,
    targets: Vec<String>,
}

pub(super) fn text(decided: &[Decided<'_>], choice: CiChoice) -> String {
    let jobs = jobs(decided);
    match choice {
        // One line, as GITHUB_OUTPUT takes it.
        CiChoice::Github => format!("{}\n", serde_json::json!({ "include": jobs })),
        CiChoice::Gitlab => gitlab(&jobs),
        CiChoice::Jenkins => format!("{:#}\n", serde_json::json!(jobs)),
    }
}

/// In the order of the plan. Targets of one distribution and architecture that need each other are one job.
fn jobs(decided: &[Decided<'_>]) -> Vec<CiJob> {
    let numbers: BTreeMap<_, usize> = decided.iter().enumerate().map(|(at, one)| (&one.job.target, at)).collect();
    // Each target's first relative; all of a group end at the same one.
    let mut first: Vec<usize> = (0..decided.len()).collect();
    for (at, Decided { job, .. }) in decided.iter().enumerate() {
        for needed in job.needs.iter().filter_map(|need| numbers.get(&need.target)) {
            let (one, other) = (root(&first, at), root(&first, *needed));
            first[one.max(other)] = one.min(other);
        }
    }
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, one) in decided.iter().enumerate() {
        // What is only needed is built where it is needed, if it has to be.
        if one.reason != Reason::UpToDate && !one.job.only_needed {
            groups.entry(root(&first, at)).or_default().push(at);
        }
    }
    groups.into_values().map(|group| job(&group.into_iter().map(|at| &decided[at]).collect::<Vec<_>>())).collect()
}

fn root(first: &[usize], mut at: usize) -> usize {
    while first[at] != at {
        at = first[at];
    }
    at
}

fn job(group: &[&Decided<'_>]) -> CiJob {
    let target = &group[0].job.target;
    let targets: Vec<String> = group.iter().map(|one| one.job.target.to_string()).collect();
    let more = if targets.len() > 1 { format!("-and-{}", targets.len() - 1) } else { String::new() };
    let arguments: Vec<String> = targets.iter().map(|target| format!("-t {}", quote(target))).collect();
    CiJob {
        name: format!("{}{more}", plain(&targets[0])),
        distro: target.distro.clone(),
        arch: machine(target.arch),
        arguments: arguments.join(" "),
        targets,
    }
}

fn machine(arch: Arch) -> &'static str {
    arch.oci().0
}

/// As names of jobs, artifacts and caches may be everywhere.
fn plain(target: &str) -> String {
    target.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' }).collect()
}

/// A pipeline for `trigger: include: artifact`. What each job does is said by `.farm` in farm-jobs.yml of the project.
fn gitlab(jobs: &[CiJob]) -> String {
    // Strings of JSON are strings of YAML.
    let string = |text: &str| serde_json::json!(text).to_string();
    let mut text = String::from("# Written by `farm plan --ci gitlab`.\ninclude:\n  - local: farm-jobs.yml\n");
    for job in jobs {
        text.push_str(&format!(
            "\n{}:\n  extends: .farm\n  variables:\n    FARM_ARGUMENTS: {}\n    FARM_ARCH: {}\n    FARM_DISTRO: {}\n",
            string(&job.name),
            string(&job.arguments),
            string(job.arch),
            string(&job.distro)
        ));
    }
    if jobs.is_empty() {
        // GitLab refuses a pipeline without a job.
        text.push_str("\n\"nothing to build\":\n  script:\n    - \"true\"\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ci_job(name: &str) -> CiJob {
        CiJob {
            name: plain(name),
            distro: "debian-12".to_owned(),
            arch: "amd64",
            arguments: format!("-t {}", quote(name)),
            targets: vec![name.to_owned()],
        }
    }

    #[test]
    fn names_are_plain_and_arguments_are_quoted() {
        let job = ci_job("jq+minimal@debian-12/amd64");
        assert_eq!(job.name, "jq-minimal-debian-12-amd64");
        let pipeline = gitlab(&[job]);
        assert!(pipeline.contains("\n\"jq-minimal-debian-12-amd64\":\n  extends: .farm\n"), "{pipeline}");
        assert!(pipeline.contains("FARM_ARGUMENTS: \"-t "), "{pipeline}");
        assert!(gitlab(&[]).contains("nothing to build"));
    }
}
