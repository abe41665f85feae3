//! `farm diff`: what is different in packages.

use super::args::{ColorChoice, DiffArgs};
use super::context;
use super::exit::Exit;
use super::failure::Failure;
use super::output::{self, Surroundings};
use crate::compare::{self, PackageChanges, TargetChanges};
use crate::report::{Style, Tone, count};

/// Lines of one group about one package that are shown without --all.
const MOST_LINES: usize = 20;
/// Version of the shape that --json prints: docs/diff.schema.json.
const SCHEMA: u32 = 1;

pub(crate) async fn run(args: DiffArgs, color: ColorChoice) -> Result<Exit, Failure> {
    let work = move || {
        let mut targets = compare::of_paths(&args.before, &args.after)?;
        if !args.no_abi {
            for untold in compare::add_abi(&mut targets, &args.before, &args.after) {
                output::err(&format!("note: {}\n", compare::visible(&untold)));
            }
        }
        let is_same = targets.iter().all(TargetChanges::is_same);
        if args.json {
            let json = serde_json::json!({
                "schema": SCHEMA,
                "before": args.before.to_string_lossy(),
                "after": args.after.to_string_lossy(),
                "same": is_same,
                "targets": targets,
            });
            output::out(&format!("{json:#}\n"));
        } else {
            let most = if args.all { usize::MAX } else { MOST_LINES };
            output::out(&text(&targets, most, &Surroundings::of_this_process().style(color, false)));
        }
        Ok(if is_same { Exit::Success } else { Exit::Different })
    };
    context::blocking(work).await
}

fn text(targets: &[TargetChanges], most: usize, style: &Style) -> String {
    let mut out = String::new();
    for target in targets.iter().filter(|target| !target.is_same()) {
        if let Some(name) = &target.target {
            out.push_str(&format!("{}\n", style.paint(Tone::Strong, &compare::visible(name))));
        }
        for line in target.packages.iter().flat_map(|package| compare::lines(package, most, ": --all shows them")) {
            let tone = match line.trim_start().chars().next() {
                Some('+') => Some(Tone::Good),
                Some('-') => Some(Tone::Bad),
                _ => None,
            };
            out.push_str(&tone.map_or(line.clone(), |tone| style.paint(tone, &line)));
            out.push('\n');
        }
    }
    let packages: Vec<&PackageChanges> = targets.iter().flat_map(|target| &target.packages).collect();
    let different = packages.iter().filter(|package| !package.is_same()).count();
    let compared = count(packages.len(), "package", "packages");
    let repacked = packages.iter().filter(|package| package.is_same() && !package.identical).count();
    match (different, repacked) {
        (0, 0) => out.push_str(&format!("{compared} compared, byte by byte the same\n")),
        (0, _) => out.push_str(&format!(
            "{compared} compared, no difference: what differs in their bytes (times, compression) is not compared\n"
        )),
        _ => out.push_str(&format!("{compared} compared, {different} different\n")),
    }
    out
}
