//! `farm plan`: what `farm build` would run, and why.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::args::{ColorChoice, GraphChoice, PlanArgs};
use super::ci;
use super::config::Config;
use super::context;
use super::engines;
use super::exit::Exit;
use super::failure::Failure;
use super::graph;
use super::output::{self, Surroundings};
use crate::distro::Distro;
use crate::engine::Network;
use crate::matrix::Target;
use crate::packaging;
use crate::plan::{Change, INPUT_OF_SET, INPUT_OF_TEST_SET, Job, Plan, Reason};
use crate::project::{Decided, Limits};
use crate::recipe::EnvironmentOrigin;
use crate::report::table::Table;
use crate::report::{Style, Tone};
use crate::store::Store;
use crate::types::printable;

/// Hex digits of a digest that a person needs to see.
const SHORT_DIGEST: usize = 12;
pub(crate) async fn run(args: &PlanArgs, color: ColorChoice) -> Result<Exit, Failure> {
    let config = Config::load()?;
    let project = context::project(&args.selection.recipes, &args.selection.parameters)?;
    let connected = engines::connect_all(&args.engine, &config).await;
    let arch = context::default_arch(connected.as_deref().unwrap_or_default());
    let selected = project.select(&args.selection.selection(), arch)?;
    context::tell_left_out(&selected);
    context::known_mirrors(&args.origin.archive.mirrors, &project)?;
    let access = context::access(&args.origin.archive.mirrors, args.origin.archive.stale_contents, &config)?;
    let resolved = selected.resolve(&access, args.snapshot).await?;
    context::tell(resolved.notes());

    let surroundings = Surroundings::of_this_process();
    let style = surroundings.style(color, false);
    context::tell_unread(resolved.unread(), &surroundings.style(color, true));
    let limits = Limits { jobs: None, test: !args.no_test, lint: !args.no_lint };
    let planned = match connected {
        Ok(connected) => {
            let base = args.origin.base.into();
            let images = |of: &engines::Connected| resolved.images(of.engine.clone(), base, "plan", Network::Default);
            let pool = connected.iter().map(|of| of.member(images(of))).collect();
            resolved.plan(pool, limits).await?
        }
        Err(error) => {
            let style = surroundings.style(color, true);
            let reason = error.to_string();
            let reason = reason.lines().next().unwrap_or_default();
            output::err(&format!(
                "{} {reason}: base images are unknown and take no part in this plan\n",
                style.paint(Tone::Warning, "note:")
            ));
            resolved.plan(Vec::new(), limits).await?
        }
    };
    // Planning changes nothing: a folder that is not there is not made.
    let store = if args.output.is_dir() { Some(Store::open(&args.output)?) } else { None };
    let decided = planned.decide(store.as_ref());
    let origin = |job: &Job, input: &str| project.set_by(&job.target, input.strip_prefix("recipe.")?);
    let text = match (args.graph, args.ci) {
        _ if args.json => json(&planned.plan, &decided),
        (_, Some(choice)) => ci::text(&decided, choice),
        (Some(GraphChoice::Text), _) => graph::text(&decided, &style),
        (Some(GraphChoice::Dot), _) => graph::dot(&decided),
        (None, None) => table(&planned.plan, &decided, args.explain, &style, &origin),
    };
    output::out(&text);
    Ok(Exit::Success)
}

#[derive(Serialize)]
struct PlannedJob<'a> {
    id: String,
    version: String,
    image: String,
    because: &'a Reason,
    #[serde(flatten)]
    job: &'a Job,
}

fn json(plan: &Plan, decided: &[Decided<'_>]) -> String {
    let jobs: Vec<PlannedJob<'_>> = decided
        .iter()
        .map(|Decided { job, reason }| PlannedJob {
            id: job.target.to_string(),
            version: version(job),
            image: image(job),
            because: reason,
            job,
        })
        .collect();
    let mut value = serde_json::json!({"schema": 2, "jobs": jobs, "warnings": plan.warnings});
    let mut texts = BTreeMap::new();
    share_texts(&mut value["jobs"], &mut texts);
    value["texts"] = serde_json::json!(texts);
    format!("{value:#}\n")
}

/// Keys of a job that hold a script or the content of a file: the same text for many targets.
const TEXTS: [&str; 10] =
    ["script", "content", "install", "reinstall", "check", "test", "remove", "former", "upgrade", "downgrade"];

/// Puts digests in the place of scripts and files, and these, once each, into `texts`.
fn share_texts(value: &mut Value, texts: &mut BTreeMap<String, String>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| share_texts(item, texts)),
        Value::Object(entries) => {
            for (key, entry) in entries {
                match entry {
                    Value::String(text) if TEXTS.contains(&key.as_str()) => {
                        let digest = format!("sha256:{}", hex::encode(Sha256::digest(text.as_bytes())));
                        texts.insert(digest.clone(), std::mem::replace(text, digest));
                    }
                    entry => share_texts(entry, texts),
                }
            }
        }
        _ => {}
    }
}

/// The header of the override that gives a job an input, if it is not the recipe itself.
type Origin<'a> = &'a dyn Fn(&Job, &str) -> Option<String>;

fn table(plan: &Plan, decided: &[Decided<'_>], explain: bool, style: &Style, origin: Origin<'_>) -> String {
    let mut table = Table::new(&["TARGET", "VERSION", "IMAGE", "ACTION", "BECAUSE"]);
    for Decided { job, reason } in decided {
        let mut because = because(reason, &|input| origin(job, input));
        if job.only_needed && *reason != Reason::UpToDate {
            because.push_str(&format!("; needed by {}", needed_by(plan, job)));
        }
        table.row(vec![job.target.to_string(), version(job), image(job), action(reason).to_owned(), because]);
    }
    let mut text = table.render(style);
    if explain {
        for Decided { job, reason } in decided {
            if let Reason::Changed { inputs } = reason {
                text.push_str(&format!("\n{}\n", style.paint(Tone::Strong, &job.target.to_string())));
                let mut table = Table::new(&["  INPUT", "LAST BUILD", "NOW"]);
                for change in inputs {
                    table.row(vec![format!("  {}", change.input), short(&change.before), short(&change.after)]);
                }
                text.push_str(&table.render(style));
            }
        }
    }
    for (repository, targets) in repositories(plan) {
        text.push_str(&format!("{} {repository}: {targets}\n", style.paint(Tone::Strong, "repository:")));
    }
    for warning in &plan.warnings {
        let target = warning.target.as_ref().map(|target| format!("{target}: ")).unwrap_or_default();
        text.push_str(&format!("{} {target}{}\n", style.paint(Tone::Warning, "warning:"), warning.message));
    }
    text
}

/// Targets that are named for a repository.
const NAMED_TARGETS: usize = 3;

/// Each repository of a recipe, and the targets that may take packages from it.
fn repositories(plan: &Plan) -> Vec<(String, String)> {
    let mut users: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for job in &plan.jobs {
        for repository in &job.repositories {
            users.entry(printable(&repository.described())).or_default().push(job.target.to_string());
        }
    }
    let shown = |targets: Vec<String>| match targets.len() {
        0..=NAMED_TARGETS => targets.join(", "),
        many => format!("{} and {} more", targets[..NAMED_TARGETS].join(", "), many - NAMED_TARGETS),
    };
    users.into_iter().map(|(repository, targets)| (repository, shown(targets))).collect()
}

/// As the packages have it, with epoch, release and tag; the recipe's own where the project's packaging says the rest.
fn version(job: &Job) -> String {
    packaging::version(&job.recipe, &job.distro).unwrap_or_else(|| job.recipe.package.version.clone())
}

/// What the steps run in, as short as Docker's users write it.
fn image(job: &Job) -> String {
    let of_distro = |distro: &Distro| distro.image.clone().unwrap_or_else(|| distro.id.clone());
    let name = match job.environment.as_ref().map(|environment| (&environment.origin, &environment.distro)) {
        None => of_distro(&job.distro),
        Some((EnvironmentOrigin::Image(reference), _)) => reference.clone(),
        Some((EnvironmentOrigin::Dockerfile(dockerfile), _)) => dockerfile.path.clone(),
        Some((EnvironmentOrigin::Distro(id), distro)) => distro.as_ref().map_or_else(|| id.clone(), |d| of_distro(d)),
    };
    let short = name.strip_prefix("docker.io/").unwrap_or(&name);
    printable(short.strip_prefix("library/").unwrap_or(short))
}

/// What the plan has decided. A job that may be built or not is decided when what it needs is done.
pub(crate) fn action(reason: &Reason) -> &'static str {
    match reason {
        Reason::UpToDate => "up to date",
        Reason::Needs { .. } => "build if",
        _ => "build",
    }
}

/// The first target that needs a job.
fn needed_by(plan: &Plan, job: &Job) -> String {
    let needs = |other: &&Job| other.needs.iter().any(|need| need.target == job.target);
    plan.jobs.iter().find(needs).map(|other| other.target.to_string()).unwrap_or_default()
}

fn because(reason: &Reason, origin: &dyn Fn(&str) -> Option<String>) -> String {
    // `[override.debian-13] build.env`: where to look, and for what.
    let named = |input: &str| match (origin(input), input.strip_prefix("recipe.")) {
        (Some(header), Some(key)) => format!("{header} {key}"),
        _ => match input.strip_prefix(INPUT_OF_SET).or(input.strip_prefix(INPUT_OF_TEST_SET)) {
            Some(package) => format!("{package} of the set"),
            None => input.to_owned(),
        },
    };
    match reason {
        Reason::UpToDate => String::new(),
        Reason::NeverBuilt => "never built".to_owned(),
        Reason::NotTested => "built, but never tested".to_owned(),
        Reason::Needs { targets } => {
            let targets: Vec<String> = targets.iter().map(Target::to_string).collect();
            format!("the packages of {} change", targets.join(" or "))
        }
        Reason::Changed { inputs } => match inputs.as_slice() {
            [Change { input, before: Some(before), after: Some(after) }] if input == "base" => {
                format!("base image is another ({} -> {})", shorten(before), shorten(after))
            }
            [Change { input, before: Some(before), after: Some(after) }] if input == "environment" => {
                format!("image of the environment is another ({} -> {})", shorten(before), shorten(after))
            }
            [Change { input, before: None, .. }] => format!("{} is new", named(input)),
            [Change { input, after: None, .. }] => format!("{} is gone", named(input)),
            changes => {
                let names: Vec<String> = changes.iter().map(|change| named(&change.input)).collect();
                format!("{} changed", names.join(", "))
            }
        },
    }
}

fn short(digest: &Option<String>) -> String {
    digest.as_deref().map_or_else(|| "-".to_owned(), shorten)
}

/// `sha256:3f1c0a…`; what is no digest stays whole.
fn shorten(digest: &str) -> String {
    let hex = digest.rsplit(':').next().unwrap_or(digest);
    if hex.len() < 40 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return digest.to_owned();
    }
    digest[..digest.len() - hex.len() + SHORT_DIGEST].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_reads_after_because() {
        let change = |input: &str, before: Option<&str>, after: Option<&str>| Change {
            input: input.into(),
            before: before.map(Into::into),
            after: after.map(Into::into),
        };
        let recipe_itself = |_: &str| None;
        let changed = |inputs: Vec<Change>| because(&Reason::Changed { inputs }, &recipe_itself);
        assert_eq!(because(&Reason::UpToDate, &recipe_itself), "");
        assert_eq!(because(&Reason::NeverBuilt, &recipe_itself), "never built");
        let inputs = vec![change("recipe.build.env", Some("a"), Some("b"))];
        let overridden = |_: &str| Some("[override.debian-13]".to_owned());
        assert_eq!(because(&Reason::Changed { inputs }, &overridden), "[override.debian-13] build.env changed");
        assert_eq!(changed(vec![change("source", Some("a"), Some("b"))]), "source changed");
        assert_eq!(
            changed(vec![change("recipe.build.env", Some("a"), Some("b")), change("distro", Some("a"), Some("b"))]),
            "recipe.build.env, distro changed"
        );
        assert_eq!(changed(vec![change("recipe.test", None, Some("b"))]), "recipe.test is new");
        let digest = |digit: &str| format!("sha256:{}", digit.repeat(64));
        assert_eq!(
            changed(vec![change("base", Some(&digest("3")), Some(&digest("8")))]),
            "base image is another (sha256:333333333333 -> sha256:888888888888)"
        );
    }
}
