//! `farm requires`: what capabilities and toolchain words come to, distribution by distribution.

use serde::Serialize;

use super::args::{BuildArgs, ColorChoice, LintArgs, OriginArgs, RequiresArgs, RunArgs, UnusedForm};
use super::build;
use super::config::Config;
use super::context;
use super::exit::Exit;
use super::failure::Failure;
use super::output::{self, Surroundings};
use crate::matrix::Target;
use crate::packaging::{self, Replaced};
use crate::plan::TargetInputs;
use crate::report::table::Table;
use crate::report::{Style, Tone};

/// One requirement of one target.
#[derive(Debug, Serialize)]
struct Row {
    #[serde(skip)]
    target: Target,
    id: String,
    #[serde(flatten)]
    replaced: Replaced,
}

pub(crate) async fn run(args: &RequiresArgs, color: ColorChoice) -> Result<Exit, Failure> {
    if args.unused {
        return unused(args, color).await;
    }
    let config = Config::load()?;
    let project = context::project(&args.selection.recipes, &args.selection.parameters)?;
    let selected = project.select(&args.selection.selection(), context::default_arch(&[]))?;
    context::known_mirrors(&args.archive.mirrors, &project)?;
    let access = context::access(&args.archive.mirrors, args.archive.stale_contents, &config)?;
    let resolved = selected.resolve(&access, false).await?;
    context::tell(resolved.notes());
    let surroundings = Surroundings::of_this_process();
    context::tell_unread(resolved.unread(), &surroundings.style(color, true));

    let of_target = |inputs: &TargetInputs| {
        let TargetInputs { target, recipe, distro, .. } = inputs;
        let answered = packaging::answered(recipe.recipe(), distro, resolved.answers(inputs));
        let row = |replaced| Row { target: target.clone(), id: target.to_string(), replaced };
        answered.replaced.into_iter().map(row).collect::<Vec<_>>()
    };
    let rows: Vec<Row> = resolved.targets().iter().filter(|inputs| !inputs.only_needed).flat_map(of_target).collect();
    if args.json {
        output::out(&format!("{:#}\n", serde_json::json!({"schema": 1, "requires": rows})));
    } else if rows.is_empty() {
        output::out("no capabilities: every requirement is the name of a package\n");
    } else {
        output::out(&tables(&rows, &surroundings.style(color, false)));
    }
    Ok(Exit::Success)
}

/// Builds for the sake of what that uses.
async fn unused(args: &RequiresArgs, color: ColorChoice) -> Result<Exit, Failure> {
    // Nothing of it is to stay, and what dist/ has is the user's own.
    let store = tempfile::tempdir().map_err(|source| Failure::System { action: "make a temporary folder", source })?;
    let args = args.clone();
    let run = RunArgs {
        jobs: args.jobs,
        origin: OriginArgs { archive: args.archive, ..OriginArgs::default() },
        engine: args.engine,
        network: Default::default(),
        output: store.path().to_owned(),
        shown: Default::default(),
    };
    let form = if args.json { UnusedForm::Json } else { UnusedForm::Text };
    let build = BuildArgs {
        no_test: true,
        no_build_cache: true,
        lint: LintArgs::NONE,
        unused: Some(form),
        ..BuildArgs::plain(args.selection, run)
    };
    build::run(&build, None, color).await
}

/// What one requirement resolves to, and where.
struct Line<'a> {
    key: &'a str,
    wanted: &'a str,
    becomes: String,
    version: &'a str,
    targets: Vec<&'a Target>,
}

/// A table per recipe. Targets for which a requirement resolves to the same share a line.
fn tables(rows: &[Row], style: &Style) -> String {
    let mut text = String::new();
    for of_recipe in rows.chunk_by(|a, b| a.target.recipe == b.target.recipe) {
        let mut lines: Vec<Line<'_>> = Vec::new();
        for Row { target, replaced, .. } in of_recipe {
            let Replaced { key, wanted, becomes, found, unknown } = replaced;
            let becomes = match (unknown, becomes.is_empty()) {
                (true, _) => "not known".to_owned(),
                (false, true) => "always there".to_owned(),
                (false, false) => becomes.join(", "),
            };
            let version = found.as_ref().map_or("-", |found| found.version.as_str());
            let same = |line: &&mut Line<'_>| {
                (line.key, line.wanted, line.version) == (key, wanted, version) && line.becomes == becomes
            };
            match lines.iter_mut().find(same) {
                Some(line) => line.targets.push(target),
                None => lines.push(Line { key, wanted, becomes, version, targets: vec![target] }),
            }
        }
        // As they stand in the recipe, each with its distributions below.
        let mut order: Vec<(&str, &str)> = Vec::new();
        for line in &lines {
            if !order.contains(&(line.key, line.wanted)) {
                order.push((line.key, line.wanted));
            }
        }
        lines.sort_by_key(|line| order.iter().position(|one| *one == (line.key, line.wanted)));
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&format!("{}\n", style.paint(Tone::Strong, &of_recipe[0].target.recipe)));
        let mut table = Table::new(&["KEY", "REQUIREMENT", "PACKAGE", "VERSION", "ON"]);
        let several = of_recipe.iter().any(|row| row.target.arch != of_recipe[0].target.arch);
        let mut before = None;
        for line in &lines {
            let (key, wanted) =
                if before == Some((line.key, line.wanted)) { ("", "") } else { (line.key, line.wanted) };
            before = Some((line.key, line.wanted));
            let cells = [key, wanted, &line.becomes, line.version, &places(&line.targets, several)];
            table.row(cells.map(str::to_owned).to_vec());
        }
        text.push_str(&table.render(style));
    }
    text
}

/// `debian-12, debian-13`, with their architectures where there are several.
fn places(targets: &[&Target], several: bool) -> String {
    let mut places: Vec<String> = Vec::new();
    for target in targets {
        let place = match several {
            true => format!("{}/{}", target.distro, target.arch.for_format(target.format)),
            false => target.distro.clone(),
        };
        // Variants require the same here.
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places.join(", ")
}
