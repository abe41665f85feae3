//! `farm plan`: what `farm build` would run, and why.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::args::{ColorChoice, GraphChoice, PlanArgs};
use super::config::Config;
use super::context::{self, Connected};
use super::exit::Exit;
use super::failure::Failure;
use super::output::{self, Surroundings};
use super::{graph, resolve, select};
use crate::distro::Distro;
use crate::engine::{EngineInfo, Network};
use crate::family::{self, Answers};
use crate::fetch::Fetcher;
use crate::image::{Images, KnownBases};
use crate::matrix::Target;
use crate::plan::{self, Cell, Change, INPUT_OF_SET, INPUT_OF_TEST_SET, Inputs, Job, Plan, PlanWarning, Reason};
use crate::recipe::EnvironmentOrigin;
use crate::report::table::Table;
use crate::report::{Style, Tone};
use crate::runner::Supplies;
use crate::store::Store;
use crate::types::{Arch, printable};

/// Hex digits of a digest that a person needs to see.
const SHORT_DIGEST: usize = 12;
/// A base that is older is told of: by then its distribution has had security fixes.
const OLD_BASE_DAYS: i64 = 30;

pub(crate) async fn run(args: &PlanArgs, color: ColorChoice) -> Result<Exit, Failure> {
    let config = Config::load()?;
    let loaded = select::load(&args.selection.recipes, Path::new("."))?;
    let connected = context::connect(&args.engine.engine, &config).await;
    let info = connected.as_ref().ok().map(|connected| &connected.info);
    let arch = context::default_arch(info);
    let chosen = select::choose(&loaded, &args.selection, arch)?;
    let cells = select::cells(&loaded, &chosen, arch, args.snapshot).await?;
    let (chosen, cells): (Vec<_>, Vec<_>) = cells.into_iter().unzip();

    let surroundings = Surroundings::of_this_process();
    let style = surroundings.style(color, false);
    let slots = context::default_slots(info.map_or_else(host_cpus, |info| info.cpus)).min(cells.len());
    let distros: Vec<_> = cells.iter().map(|cell| cell.distro.as_ref()).collect();
    let archives = context::archives_of(Fetcher::new()?, &distros, &args.origin.archive, &config)?;
    let (answers, open) = resolve::answers(&loaded, &chosen, &cells, &archives).await?;
    resolve::tell(&open, &surroundings.style(color, true));
    let plan = match connected {
        Ok(Connected { engine, info }) => {
            let images = context::images(engine, args.origin.base.into(), archives, "plan", Network::Default);
            make_plan(cells, answers, Some((&images, &info)), slots, !args.no_test).await?
        }
        Err(error) => {
            let style = surroundings.style(color, true);
            let reason = error.to_string();
            let reason = reason.lines().next().unwrap_or_default();
            output::err(&format!(
                "{} {reason}: base images are unknown and take no part in this plan\n",
                style.paint(Tone::Warning, "note:")
            ));
            make_plan(cells, answers, None, slots, !args.no_test).await?
        }
    };
    // Planning changes nothing: a folder that is not there is not made.
    let store = if args.output.is_dir() { Some(Store::open(&args.output)?) } else { None };
    let supplies = Supplies::new(&plan.jobs);
    let reasons = reasons(&plan.jobs, &supplies, store.as_ref());

    // Jobs are in the order of what was chosen.
    let origin = |job: usize, input: &str| {
        let chosen = &chosen[job];
        let selection = crate::matrix::selection(&chosen.target, &loaded.catalogue);
        loaded.recipes[chosen.recipe].set_by(&selection, input.strip_prefix("recipe.")?)
    };
    let text = match args.graph {
        _ if args.json => json(&plan, &reasons),
        Some(GraphChoice::Text) => graph::text(&plan, &reasons, &style),
        Some(GraphChoice::Dot) => graph::dot(&plan, &reasons),
        None => table(&plan, &reasons, args.explain, &style, &origin),
    };
    output::out(&text);
    Ok(Exit::Success)
}

/// The plan of these cells, with what the engine (if there is one) already has.
pub(crate) async fn make_plan(
    cells: Vec<Cell>,
    answers: BTreeMap<String, Arc<Answers>>,
    engine: Option<(&Images, &EngineInfo)>,
    slots: usize,
    test: bool,
) -> Result<Plan, Failure> {
    let known = match engine {
        Some((images, _)) => {
            let of_cell = |cell: &Cell| {
                let distros = [Some(&cell.distro), cell.environment_distro.as_ref()];
                distros.into_iter().flatten().map(|distro| (distro.clone(), cell.target.arch)).collect::<Vec<_>>()
            };
            let mut distros: Vec<_> = cells.iter().flat_map(of_cell).collect();
            distros.sort_by(|a, b| (&a.0.id, a.1).cmp(&(&b.0.id, b.1)));
            distros.dedup_by(|a, b| a.0.id == b.0.id && a.1 == b.1);
            images.known_bases(&distros).await?
        }
        None => KnownBases::default(),
    };
    let of_bases = base_notes(&known, chrono::Utc::now().timestamp());
    let bases = known.identities;
    let environments = match engine {
        Some((images, _)) => known_environments(&cells, &bases, images).await?,
        None => BTreeMap::new(),
    };
    let inputs = Inputs {
        cells,
        bases,
        answers,
        environments,
        cpus: engine.map_or_else(host_cpus, |(_, info)| info.cpus),
        memory_bytes: engine.map_or(u64::MAX, |(_, info)| info.memory_bytes),
        slots,
        test,
        today: context::today(),
    };
    let mut plan = plan::plan(&inputs)?;
    plan.warnings.extend(of_bases.into_iter().map(|message| PlanWarning { target: None, message }));
    Ok(plan)
}

/// Bases that are another image than when they were last built on, and such as nobody has brought up to date for long.
fn base_notes(known: &KnownBases, now: i64) -> Vec<String> {
    let mut notes: Vec<String> = known
        .moved
        .iter()
        .map(|(base, image)| format!("base {base} is made anew: {} is another image now", printable(image)))
        .collect();
    let old: Vec<&str> = known
        .made
        .iter()
        .filter(|(_, made)| now - **made > OLD_BASE_DAYS * 24 * 60 * 60)
        .map(|(base, _)| base.as_str())
        .collect();
    if !old.is_empty() {
        notes.push(format!(
            "made more than {OLD_BASE_DAYS} days ago, without the fixes since then: base {} (`farm images update`)",
            old.join(", ")
        ));
    }
    notes
}

/// Identities of the images that the engine has for targets with environments of their own. Each is asked for once.
async fn known_environments(
    cells: &[Cell],
    bases: &BTreeMap<String, String>,
    images: &Images,
) -> Result<BTreeMap<Target, String>, Failure> {
    let mut asked: BTreeMap<(String, Arch), Option<String>> = BTreeMap::new();
    let mut known = BTreeMap::new();
    for cell in cells {
        let Cell { target, recipe, environment_distro, .. } = cell;
        if let Some(distro) = environment_distro {
            let base = bases.get(&plan::base_id(distro, target.arch));
            known.extend(base.map(|identity| (target.clone(), identity.clone())));
        }
        let dockerfile = cell.dockerfile_image();
        let name = match (recipe.environment.as_ref().map(|found| &found.origin), &dockerfile) {
            (Some(EnvironmentOrigin::Image(reference)), _) => reference.clone(),
            (Some(EnvironmentOrigin::Dockerfile(_)), Some(image)) => image.key(),
            _ => continue,
        };
        let asking = (name, target.arch);
        let identity = match asked.get(&asking) {
            Some(identity) => identity.clone(),
            None => {
                let identity = match &dockerfile {
                    Some(image) => images.known_built(image).await?.map(|base| base.identity),
                    None => images.known_environment(&asking.0, target.arch).await?,
                };
                asked.insert(asking, identity.clone());
                identity
            }
        };
        known.extend(identity.map(|identity| (target.clone(), identity)));
    }
    Ok(known)
}

fn host_cpus() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Why each job is to be built, or that it is not, in the order of the plan: each after what it needs.
fn reasons(jobs: &[Job], supplies: &Supplies, store: Option<&Store>) -> Vec<Reason> {
    let mut reasons: Vec<Reason> = Vec::with_capacity(jobs.len());
    for (number, job) in jobs.iter().enumerate() {
        let needs = supplies.needs(number);
        let unsettled: Vec<Target> = needs
            .iter()
            .filter(|need| reasons.get(**need) != Some(&Reason::UpToDate))
            .map(|need| jobs[*need].target.clone())
            .collect();
        let decided = match store {
            Some(store) if !needs.is_empty() && unsettled.is_empty() => match supplies.of(jobs, number, store) {
                Ok(supply) => reason(&job.with_set(supply.inputs(job.test.is_some())), Some(store)),
                Err(_) => Reason::Needs { targets: needs.iter().map(|need| jobs[*need].target.clone()).collect() },
            },
            _ if unsettled.is_empty() => reason(job, store),
            _ => match reason(&with_last_set(job, store), store) {
                Reason::UpToDate => Reason::Needs { targets: unsettled },
                reason => reason,
            },
        };
        reasons.push(decided);
    }
    reasons
}

/// The job with what it took from others when it was last built: then only what is its own can differ.
fn with_last_set(job: &Job, store: Option<&Store>) -> Job {
    let last = store.and_then(|store| store.record(&job.target)).map(|record| record.key.inputs).unwrap_or_default();
    let of_set = |name: &String| name.starts_with(INPUT_OF_SET) || name.starts_with(INPUT_OF_TEST_SET);
    job.with_set(last.into_iter().filter(|(name, _)| of_set(name)).collect())
}

fn reason(job: &Job, store: Option<&Store>) -> Reason {
    let last = store.and_then(|store| store.record(&job.target));
    match plan::reason(job, last.as_ref().map(|record| &record.key)) {
        Reason::UpToDate if job.test.is_some() && last.is_some_and(|record| !record.tested) => Reason::NotTested,
        reason => reason,
    }
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

fn json(plan: &Plan, reasons: &[Reason]) -> String {
    let jobs: Vec<PlannedJob<'_>> = plan
        .jobs
        .iter()
        .zip(reasons)
        .map(|(job, because)| PlannedJob {
            id: job.target.to_string(),
            version: version(job),
            image: image(job),
            because,
            job,
        })
        .collect();
    let value = serde_json::json!({"schema": 1, "jobs": jobs, "warnings": plan.warnings});
    format!("{value:#}\n")
}

/// The header of the override that gives a job (by its number) an input, if it is not the recipe itself.
type Origin<'a> = &'a dyn Fn(usize, &str) -> Option<String>;

fn table(plan: &Plan, reasons: &[Reason], explain: bool, style: &Style, origin: Origin<'_>) -> String {
    let mut table = Table::new(&["TARGET", "VERSION", "IMAGE", "ACTION", "BECAUSE"]);
    for (number, (job, reason)) in plan.jobs.iter().zip(reasons).enumerate() {
        let mut because = because(reason, &|input| origin(number, input));
        if job.only_needed && *reason != Reason::UpToDate {
            because.push_str(&format!("; needed by {}", needed_by(plan, job)));
        }
        table.row(vec![job.target.to_string(), version(job), image(job), action(reason).to_owned(), because]);
    }
    let mut text = table.render(style);
    if explain {
        for (job, reason) in plan.jobs.iter().zip(reasons) {
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
    for warning in &plan.warnings {
        let target = warning.target.as_ref().map(|target| format!("{target}: ")).unwrap_or_default();
        text.push_str(&format!("{} {target}{}\n", style.paint(Tone::Warning, "warning:"), warning.message));
    }
    text
}

/// As the packages have it, with epoch, release and tag; the recipe's own where the project's packaging says the rest.
fn version(job: &Job) -> String {
    family::version(&job.recipe, &job.distro).unwrap_or_else(|| job.recipe.package.version.clone())
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
        Reason::UpToDate => "up-to-date",
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
        Reason::Forced => "forced".to_owned(),
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
    fn bases_that_moved_and_old_ones_are_told() {
        let name = |text: &str| text.to_owned();
        let mut known = KnownBases::default();
        assert_eq!(base_notes(&known, 0), Vec::<String>::new());
        known.moved.push((name("rocky-9/amd64"), name("docker.io/rockylinux/rockylinux:9")));
        let day = 24 * 60 * 60;
        known.made = BTreeMap::from([
            (name("debian-12/amd64"), 0),
            (name("debian-13/amd64"), 40 * day),
            (name("fedora-44/amd64"), 9 * day),
        ]);
        assert_eq!(
            base_notes(&known, 40 * day),
            [
                "base rocky-9/amd64 is made anew: docker.io/rockylinux/rockylinux:9 is another image now",
                "made more than 30 days ago, without the fixes since then: base debian-12/amd64, fedora-44/amd64 \
                 (`farm images update`)",
            ]
        );
    }

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
