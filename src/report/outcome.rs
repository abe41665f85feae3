//! The words for how a job ended: its mark, one phrase for a line, a sentence with the cause, and what to do next.
//! The outcome itself is the runner's evidence; text of the build is only quoted here, and hinted at.

use std::time::Duration;

use super::reproduced;
use super::style::{Style, Tone, count};
use crate::artifact::{Artifact, ArtifactKind, Finding, Severity};
use crate::event::{
    FailedCommand, Hint, HintPackage, JobReport, NearNames, Outcome, Quote, RecipePlace, RequiredBy, Tail,
};
use crate::formats::relation::field;
use crate::hint::repeats;
use crate::packaging::{BUILD_ROOT, StepKind};
use crate::types::{human_bytes, human_duration, printable};

/// One column, in colour: what went well, what was not done, what is the package's fault, what is not.
pub(crate) fn mark(outcome: &Outcome, style: &Style) -> String {
    let (unicode, ascii, tone) = signs(outcome);
    style.paint(tone, if style.unicode { unicode } else { ascii })
}

/// The colour of its mark.
pub(super) fn tone(outcome: &Outcome) -> Tone {
    signs(outcome).2
}

fn signs(outcome: &Outcome) -> (&'static str, &'static str, Tone) {
    match outcome {
        Outcome::Succeeded | Outcome::Reproduced { .. } => ("\u{2713}", "+", Tone::Good),
        Outcome::UpToDate => ("=", "=", Tone::Quiet),
        Outcome::Skipped { .. } | Outcome::Cancelled => ("-", "-", Tone::Quiet),
        Outcome::Infrastructure { .. } | Outcome::SourceUnavailable { .. } => ("!", "!", Tone::Warning),
        Outcome::Failed { .. }
        | Outcome::DepWait { .. }
        | Outcome::TimedOut { .. }
        | Outcome::Stalled { .. }
        | Outcome::LogLimit { .. }
        | Outcome::OutOfMemory { .. }
        | Outcome::DiskFull { .. }
        | Outcome::Rejected { .. }
        | Outcome::DockerfileFailed { .. }
        | Outcome::NotReproduced { .. }
        | Outcome::NotAsLocked { .. } => ("\u{2717}", "x", Tone::Bad),
    }
}

/// What the time column says.
pub(crate) fn time(report: &JobReport) -> String {
    match report.outcome {
        _ if report.elapsed.is_zero() => "-".to_owned(),
        _ => human_duration(report.elapsed),
    }
}

/// What follows target and time in a line: the result's packages, or how it failed. Not cut.
pub(crate) fn detail(report: &JobReport) -> String {
    match &report.outcome {
        Outcome::Succeeded => packages(&report.artifacts),
        Outcome::Reproduced { stated: Some(stated), .. } => reproduced::as_stated(stated),
        Outcome::Reproduced { varied, .. } => {
            reproduced::detail(varied, count(binaries(&report.artifacts).count(), "package", "packages"))
        }
        Outcome::UpToDate => {
            let made = binaries(&report.artifacts).count();
            format!("up to date: {}, nothing changed", count(made, "package", "packages"))
        }
        _ => match gist(report) {
            Some(gist) => format!("{}: {gist}", headline(report)),
            None => headline(report),
        },
    }
}

/// `failed in build`, `timed out in check`: reads after the target. What a script of the recipe did is told by its name.
pub(crate) fn headline(report: &JobReport) -> String {
    match &report.outcome {
        Outcome::Failed { step: StepKind::Package, .. }
            if report.failed_command.as_ref().is_some_and(|command| command.script == "install") =>
        {
            "failed in install".to_owned()
        }
        Outcome::Succeeded => "succeeded".to_owned(),
        Outcome::UpToDate => "is up to date".to_owned(),
        Outcome::Failed { step, .. } => format!("failed in {step}"),
        Outcome::DepWait { .. } => "waits for requirements".to_owned(),
        Outcome::TimedOut { step, .. } => format!("timed out in {step}"),
        Outcome::Stalled { step, .. } => format!("stalled in {step}"),
        Outcome::LogLimit { step, .. } => format!("printed too much in {step}"),
        Outcome::OutOfMemory { step, .. } => format!("ran out of memory in {step}"),
        Outcome::DiskFull { step, .. } => format!("found the disk full in {step}"),
        Outcome::Rejected { step, .. } => match step {
            StepKind::Test => "rejected by its test".to_owned(),
            StepKind::Lint => "rejected by the linter".to_owned(),
            _ => "rejected by the package check".to_owned(),
        },
        Outcome::Skipped { .. } => "skipped".to_owned(),
        Outcome::Cancelled => "cancelled".to_owned(),
        Outcome::DockerfileFailed { .. } => "has no environment".to_owned(),
        Outcome::Reproduced { .. } => "is reproducible".to_owned(),
        Outcome::NotReproduced { stated: Some(stated), .. } => format!("is not what {} says", safe(&stated.file)),
        Outcome::NotReproduced { .. } => "is not reproducible".to_owned(),
        Outcome::NotAsLocked { by_file: Some(file), .. } => format!("cannot be built as {} says", safe(file)),
        Outcome::NotAsLocked { by_build: true, .. } => "cannot be built as it was".to_owned(),
        Outcome::NotAsLocked { .. } => "is not as farm.lock says".to_owned(),
        Outcome::SourceUnavailable { .. } => "has no sources".to_owned(),
        Outcome::Infrastructure { .. } => "could not be built".to_owned(),
    }
}

/// Of a line of a recipe, how many characters are shown.
const QUOTED: usize = 60;

/// Of what is not as the lock says, how much is shown.
const MOST_DIFFERENCES: usize = 12;

/// The few words that tell one failure from another in a list.
pub(crate) fn gist(report: &JobReport) -> Option<String> {
    match &report.outcome {
        Outcome::Failed { exit_code, .. } => {
            let told = report.told.first().map(|finding| finding.message.as_str());
            if let Some(told) = told {
                return Some(format!("{}{}", safe(told), and_more(report.told.len())));
            }
            let hinted = report.hints.first().map(|hint| hint.missing.text.as_str());
            let speaking = || report.tail.as_ref().and_then(|tail| Some(tail.lines[speaking_index(tail)?].as_str()));
            if let Some(line) = hinted.or_else(speaking) {
                return Some(below_source_tree(line.trim()).to_owned());
            }
            if let Some(FailedCommand { exit_code: Some(code), .. }) = &report.failed_command {
                let command = report.failed_command.as_ref().map(FailedCommand::shown).unwrap_or_default();
                return Some(format!("{command} ended with exit code {code}"));
            }
            let last = report.tail.as_ref().and_then(telling_line);
            let line = last.map(|line| below_source_tree(line.trim()).to_owned());
            Some(line.unwrap_or_else(|| format!("exit code {exit_code}")))
        }
        Outcome::DepWait { requirements, .. } => Some(safe(&requirements.join(", "))),
        Outcome::TimedOut { limit, .. } => Some(format!("over {}", whole(*limit))),
        Outcome::Stalled { limit, .. } => Some(format!("silent for {}", whole(*limit))),
        Outcome::LogLimit { limit_bytes, .. } => Some(format!("over {}", human_bytes(*limit_bytes))),
        Outcome::OutOfMemory { limit_bytes, .. } => limit_bytes.map(|limit| format!("limit {}", human_bytes(limit))),
        Outcome::DiskFull { place, .. } => Some(safe(place)),
        Outcome::Rejected { findings, .. } => {
            let errors: Vec<_> = findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
            let first = errors.first()?;
            Some(format!("{}{}", safe(&first.message), and_more(errors.len())))
        }
        Outcome::Skipped { because } => Some(safe(because)),
        Outcome::DockerfileFailed { dockerfile, reason } => Some(first_line(&format!("{dockerfile}: {reason}"))),
        Outcome::NotReproduced { differences, .. } => {
            differences.first().map(|first| format!("{}{}", safe(&first.told()), and_more(differences.len())))
        }
        Outcome::NotAsLocked { differences, .. } => {
            differences.first().map(|first| format!("{}{}", safe(first), and_more(differences.len())))
        }
        Outcome::SourceUnavailable { reason, .. } | Outcome::Infrastructure { reason } => Some(first_line(reason)),
        Outcome::Succeeded | Outcome::UpToDate | Outcome::Reproduced { .. } | Outcome::Cancelled => None,
    }
}

fn and_more(count: usize) -> String {
    if count > 1 { format!(" (and {} more)", count - 1) } else { String::new() }
}

/// `jq_1.7-1_amd64.deb: owns /usr [owns-shared-directory]`
pub(super) fn finding(finding: &Finding) -> String {
    let severity = if finding.severity == Severity::Error { "" } else { "warning: " };
    let artifact = if finding.artifact.is_empty() { String::new() } else { format!("{}: ", safe(&finding.artifact)) };
    format!("{severity}{artifact}{} [{}]", safe(&finding.message), safe(&finding.rule))
}

/// A sentence, or a few, on what the evidence says, and what the output suggests.
pub(crate) fn cause(report: &JobReport) -> Vec<String> {
    let mut lines = evidence(report);
    lines.extend(report.told.iter().map(finding));
    if let Some(last) = lines.last_mut()
        && !report.hints.is_empty()
    {
        let lacks: Vec<String> = report.hints.iter().map(|hint| safe(&hint.missing.to_string())).collect();
        last.push_str(&format!("; by its output it lacks {}", lacks.join(", ")));
    }
    lines
}

fn evidence(report: &JobReport) -> Vec<String> {
    match &report.outcome {
        Outcome::Failed { step: StepKind::Prepare, exit_code } => {
            vec![format!("making the build environment ended with exit code {exit_code}")]
        }
        Outcome::Failed { .. } if report.failed_command.is_some() => {
            report.failed_command.iter().map(in_script).collect()
        }
        Outcome::Failed { step, exit_code } => vec![format!("the {step} step ended with exit code {exit_code}")],
        Outcome::DepWait { by, requirements, place, near } => {
            let what = match by {
                RequiredBy::Build => "these build requirements",
                RequiredBy::Package => "what the packages require to be installed",
                RequiredBy::Test => "what the test requires",
            };
            let mut lines = vec![format!("the distribution has no package for {what}:")];
            lines.extend(requirements.iter().map(|requirement| {
                let instead = near.iter().find(|near| near.requirement == *requirement).map(instead);
                format!("  {}{}", safe(requirement), instead.unwrap_or_default())
            }));
            lines.extend(place.iter().map(self::place));
            lines.extend(place.iter().filter_map(|place| place.quote.as_ref()).flat_map(quoted));
            lines
        }
        Outcome::TimedOut { step, limit } => {
            vec![format!("the {step} step was still running after its limit of {}", whole(*limit))]
        }
        Outcome::Stalled { step, limit } => {
            vec![format!("the {step} step printed nothing for {}, its limit, and was ended", whole(*limit))]
        }
        Outcome::LogLimit { step, limit_bytes } => {
            vec![format!("the {step} step printed more than its limit of {} and was ended", human_bytes(*limit_bytes))]
        }
        Outcome::OutOfMemory { step, limit_bytes } => vec![match limit_bytes {
            Some(limit) => {
                format!("the kernel ended a process of the {step} step: it needs more than {}", human_bytes(*limit))
            }
            None => format!("the kernel ended a process of the {step} step: the machine's memory is used up"),
        }],
        Outcome::DiskFull { step, place } => {
            vec![format!("no space was left in the {step} step on {}", safe(place))]
        }
        Outcome::Rejected { findings, .. } => findings.iter().map(finding).collect(),
        Outcome::Skipped { because } => vec![safe(because)],
        Outcome::DockerfileFailed { dockerfile, reason } => {
            vec![format!("the image of {} cannot be built: {}", safe(dockerfile), safe(reason))]
        }
        Outcome::NotReproduced { varied, differences, stated } => {
            reproduced::explain(varied, stated.as_ref(), differences)
        }
        Outcome::NotAsLocked { differences, .. } => {
            let mut lines = vec!["nothing was built, because it would be built from something else:".to_owned()];
            lines.extend(differences.iter().take(MOST_DIFFERENCES).map(|difference| format!("  {}", safe(difference))));
            if differences.len() > MOST_DIFFERENCES {
                lines.push(format!("  and {} more, in the log", differences.len() - MOST_DIFFERENCES));
            }
            lines
        }
        Outcome::SourceUnavailable { reason, place, .. } => {
            let at = place.iter().map(self::place);
            reason.lines().map(safe).chain(at).collect()
        }
        Outcome::Infrastructure { reason } => {
            let mut lines = vec!["this is not the package's fault, and trying again did not help:".to_owned()];
            lines.extend(reason.lines().map(|line| format!("  {}", safe(line))));
            lines
        }
        Outcome::Succeeded | Outcome::UpToDate | Outcome::Reproduced { .. } | Outcome::Cancelled => Vec::new(),
    }
}

/// `make check` of the `check` script ended with exit code 2: farm.toml:31
fn in_script(command: &FailedCommand) -> String {
    let place = command.place.as_ref().map_or_else(|| format!("line {}", command.line), place);
    match command.exit_code {
        Some(code) => {
            format!("`{}` of the `{}` script ended with exit code {code}: {place}", safe(&command.text), command.script)
        }
        None => format!("the shell cannot read the `{}` script, so nothing was run: {place}", command.script),
    }
}

/// Whether it was a step in the build's own container that failed: what a shell can be opened in.
pub(super) fn is_in_build(outcome: &Outcome) -> bool {
    let (Outcome::Failed { step, .. }
    | Outcome::TimedOut { step, .. }
    | Outcome::Stalled { step, .. }
    | Outcome::LogLimit { step, .. }
    | Outcome::OutOfMemory { step, .. }) = outcome
    else {
        return false;
    };
    matches!(step, StepKind::Unpack | StepKind::Build | StepKind::Check | StepKind::Package)
}

/// Where to go on with a build that failed in `step`.
pub(super) fn step_to_go_on(step: StepKind) -> StepKind {
    match step {
        StepKind::Check | StepKind::Package => step,
        StepKind::Collect => StepKind::Package,
        _ => StepKind::Build,
    }
}

/// Where the log of a failure is, and the line of it that tells most: `dist/jq/debian-12-amd64/build.log, line 813`.
pub(super) fn log_place(report: &JobReport) -> Option<String> {
    let log = safe(&report.log.as_ref()?.display().to_string());
    Some(log_line(report).map_or_else(|| log.clone(), |line| format!("{log}, line {line}")))
}

/// The number of the line of its log that tells most, from 1 on.
pub(super) fn log_line(report: &JobReport) -> Option<u64> {
    let of_tail = || {
        // What was printed before sources were missing says nothing about them.
        let tail = report.tail.as_ref().filter(|_| !matches!(report.outcome, Outcome::SourceUnavailable { .. }))?;
        Some(tail.first_line + telling_index(tail)? as u64)
    };
    report.hints.first().map(|hint| hint.missing.line).or_else(of_tail)
}

/// Whether a job failed, and not because it never ran.
pub(super) fn is_failure(outcome: &Outcome) -> bool {
    !outcome.is_good() && !matches!(outcome, Outcome::Cancelled | Outcome::Skipped { .. })
}

/// What a person may try first, and the line of the recipe that it is about.
pub(crate) fn help(report: &JobReport) -> Vec<(String, Option<String>)> {
    let hinted = report.hints.iter().map(|hint| (advice(report, hint), hint.place.as_ref().map(place)));
    hinted.chain(usual_help(report).map(|help| (help, None))).collect()
}

/// All that is to be said of a job that was not good, for who has not seen it: cause, help, and the end of its log.
pub(super) fn page(report: &JobReport) -> Vec<String> {
    let mut lines = cause(report);
    lines.extend(help(report).into_iter().map(|(help, place)| match place {
        Some(place) => format!("help: {help} ({place})"),
        None => format!("help: {help}"),
    }));
    if let Some(log) = &report.log {
        let line = report.tail.as_ref().map(|tail| format!(":{}", tail.first_line)).unwrap_or_default();
        lines.push(safe(&format!("log: {}{line}", log.display())));
    }
    if let Some(tail) = &report.tail {
        lines.push(String::new());
        lines.extend(tail.lines.iter().map(|line| safe(line)));
    }
    lines
}

fn place(place: &RecipePlace) -> String {
    safe(&format!("{}:{}", place.path.display(), place.line))
}

/// `add "pkgconfig(oniguruma)" to [build] requires; here that is libonig-dev 6.9.8-1`
pub(super) fn advice(report: &JobReport, hint: &Hint) -> String {
    let (requirement, to, distro) = (safe(&hint.requirement), safe(&hint.to), safe(&report.target.distro));
    let versions = |packages: &[HintPackage]| -> String {
        packages
            .iter()
            .map(|package| safe(&format!("{} {}", package.name, package.version)))
            .collect::<Vec<_>>()
            .join(", ")
    };
    if hint.in_dockerfile {
        let what = safe(&hint.missing.to_string());
        return match hint.packages.as_deref() {
            Some(packages @ [_]) => format!("add a line to {to}: on {distro} the package is {}", versions(packages)),
            Some(packages @ [_, ..]) => {
                format!("add a line to {to}: on {distro} {what} is in each of {}", versions(packages))
            }
            Some([]) | None => format!("add a line to {to} that installs {what}"),
        };
    }
    // Only recipes know capabilities on every distribution.
    let in_recipe = hint.to.starts_with('[');
    match hint.packages.as_deref() {
        None if in_recipe => format!("add \"{requirement}\" to {to}"),
        None => format!("add {requirement} to {to}"),
        Some([]) => format!(
            "no package of {distro} has {}: is it the project's own, or from elsewhere?",
            safe(&hint.missing.to_string())
        ),
        Some([package]) if !in_recipe => format!("add {} to {to}", safe(&package.name)),
        Some([package]) if package.name == hint.requirement => {
            format!("add \"{requirement}\" to {to}; here that is version {}", safe(&package.version))
        }
        Some([package]) => {
            format!("add \"{requirement}\" to {to}; here that is {}", versions(std::slice::from_ref(package)))
        }
        Some(several) => format!("add one of these to {to}, each of which has {requirement}: {}", versions(several)),
    }
}

/// What the distribution has in place of a requirement.
fn instead(near: &NearNames) -> String {
    let asked = field::names(&near.requirement).next().unwrap_or_default();
    // `pkgconfig(zlib) >= 9`
    let word = near.requirement.split(' ').next();
    let names: Vec<String> = near.packages.iter().map(|package| safe(&package.name)).collect();
    match (near.packages.as_slice(), names.split_last()) {
        ([package], _) if package.name == asked || Some(package.name.as_str()) == word => {
            format!(": it has version {}", safe(&package.version))
        }
        (_, Some((last, []))) => format!(": did you mean {last}?"),
        (_, Some((last, others))) => format!(": did you mean {} or {last}?", others.join(", ")),
        (_, None) => String::new(),
    }
}

/// A line of a recipe, with the part of it that is meant under it.
fn quoted(quote: &Quote) -> [String; 2] {
    let text: Vec<char> = quote.text.chars().map(|c| if c == '\t' { ' ' } else { c }).collect();
    let (begin, width) = (quote.column.saturating_sub(1).min(text.len()), quote.width.clamp(1, QUOTED));
    // A line that is longer than a screen begins later.
    let indent = text.iter().take_while(|c| **c == ' ').count().min(begin);
    let cut = if begin - indent + width > QUOTED { begin - (QUOTED - width).min(begin) } else { indent };
    let shown: String = text.iter().skip(cut).take(QUOTED).collect();
    [format!("  {}", safe(&shown)), format!("  {}{}", " ".repeat(begin - cut), "^".repeat(width))]
}

fn usual_help(report: &JobReport) -> Option<String> {
    match &report.outcome {
        Outcome::DepWait { by, near, .. } => {
            let array = match by {
                RequiredBy::Build => "[build] requires",
                RequiredBy::Package => "the packages' requires",
                RequiredBy::Test => "[test] requires",
            };
            let distro = safe(&report.target.distro);
            Some(match near.is_empty() {
                true => format!("name what {distro} has instead in an override of {array}"),
                false => format!("correct {array}; where only {distro} has another name for it, in an override"),
            })
        }
        Outcome::TimedOut { .. } => Some("raise `timeout` in [limits] if the step needs longer".to_owned()),
        Outcome::Stalled { .. } => Some("raise `stall` in [limits] if the step is silent for long".to_owned()),
        Outcome::LogLimit { .. } => Some("raise `log` in [limits] if all of it is wanted".to_owned()),
        Outcome::OutOfMemory { .. } => {
            Some("raise `memory` in [limits], or run fewer jobs at a time with -j".to_owned())
        }
        Outcome::DiskFull { .. } => {
            Some("`farm images prune` frees what farm keeps in the engine; dist/ and the cache are yours".to_owned())
        }
        Outcome::Rejected { step: StepKind::Test, .. } => None,
        Outcome::Rejected { step: StepKind::Lint, findings } => findings.first().map(|finding| {
            let rule = finding.rule.split_once(':').map_or(finding.rule.as_str(), |(_, rule)| rule);
            format!("mend it, or write {rule} = \"warn\" under [lint] in the recipe: what is accepted once is not told again")
        }),
        Outcome::NotReproduced { differences, stated, .. } => reproduced::help(report, stated.as_ref(), differences),
        Outcome::NotAsLocked { by_file: Some(_), .. } => Some(reproduced::OTHER_PACKAGES.to_owned()),
        Outcome::NotAsLocked { by_build: true, .. } => Some(
            "only what is built from the same can be the same: build first, and verify before archives move on; with a farm.lock, \
             --locked asks archives of former states"
                .to_owned(),
        ),
        Outcome::NotAsLocked { .. } => Some(
            "`farm images update` makes images anew of what archives have now; where that is another state than the lock's, \
             build without --locked, and `farm lock` takes it over"
                .to_owned(),
        ),
        Outcome::SourceUnavailable { help, .. } => help.as_deref().map(safe),
        // An archive that cannot be reached says itself what to do.
        Outcome::Infrastructure { reason } if reason.starts_with("base image for ") && !reason.contains("; --mirror ") => Some(
            "a machine that reaches the registry can write the image to a file, of which `farm images import` makes the base here; \
             docs/engines.md says how"
                .to_owned(),
        ),
        Outcome::Failed { .. }
            if report
                .told
                .iter()
                .any(|finding| finding.rule.starts_with("file-") || finding.rule == "pattern-without-files") =>
        {
            let of_config = |finding: &&Finding| finding.message.starts_with("configuration file ");
            let of_unit = |finding: &&Finding| {
                finding.message.contains("/systemd/system/") && finding.message.contains(" was not installed")
            };
            Some(
                match (report.told.iter().find(of_config), report.told.iter().find(of_unit)) {
                    (Some(_), _) => "`config-files` names what `install` puts below $DESTDIR: correct one of the two",
                    (_, Some(_)) => {
                        "a unit of `services` is a file that `install` puts below $DESTDIR, where systemd looks for units, or a \
                         [[sources]] with `file` and `text`: install it, or correct the name"
                    }
                    _ => "`files` of a package says what it holds; what nobody wants, `install` can leave out",
                }
                .to_owned(),
            )
        }
        Outcome::Rejected { .. } => Some("the refused packages are kept in broken/ beside the log".to_owned()),
        _ => None,
    }
}

/// Binary packages, without debug symbols, sources and metadata.
pub(crate) fn binaries(artifacts: &[Artifact]) -> impl Iterator<Item = &Artifact> {
    artifacts.iter().filter(|artifact| artifact.kind == ArtifactKind::Binary)
}

/// `52 kB  hello_2.10-1~deb12_amd64.deb`; from two on `83 kB  3 packages: a, b, c`. The size stands first: what a narrow
/// terminal cuts off is the end of a name.
fn packages(artifacts: &[Artifact]) -> String {
    let made: Vec<&Artifact> = binaries(artifacts).collect();
    let size = human_bytes(made.iter().map(|artifact| artifact.size_bytes).sum());
    match made.as_slice() {
        [] => {
            let sources = artifacts.iter().filter(|artifact| artifact.kind == ArtifactKind::Source);
            let size = human_bytes(sources.clone().map(|artifact| artifact.size_bytes).sum());
            match sources.map(|artifact| &artifact.file_name).find(|name| is_source_package(name)) {
                Some(name) => format!("{size}  {}", safe(name)),
                None => "no package".to_owned(),
            }
        }
        [one] => format!("{size}  {}", safe(&one.file_name)),
        several => {
            let names: Vec<&str> = several.iter().map(|artifact| package_name(&artifact.file_name)).collect();
            format!("{size}  {} packages: {}", several.len(), safe(&names.join(", ")))
        }
    }
}

/// What stands for a whole source package.
fn is_source_package(file_name: &str) -> bool {
    file_name.ends_with(".dsc") || file_name.ends_with(".src.rpm")
}

/// The package's name in a file name: up to the version, as both formats write them.
fn package_name(file_name: &str) -> &str {
    match file_name.split_once('_') {
        Some((name, _)) if file_name.ends_with(".deb") => name,
        _ => file_name.rsplitn(3, '-').nth(2).unwrap_or(file_name),
    }
}

/// The line of the last output that a person would look for: the first that speaks of an error, else the last that
/// speaks of something missing or failed, else the last one. Build drivers that only repeat a failure are passed over.
fn telling_line(tail: &Tail) -> Option<&str> {
    telling_index(tail).map(|index| tail.lines[index].as_str())
}

/// Where in the tail that line stands.
pub(crate) fn telling_index(tail: &Tail) -> Option<usize> {
    let written = || tail.lines.iter().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let last = || written().rfind(|(_, line)| !repeats(line)).map(|(index, _)| index);
    speaking_index(tail).or_else(last).or_else(|| written().next_back().map(|(index, _)| index))
}

/// Where in the tail a line speaks of an error, or of something that is missing or failed.
fn speaking_index(tail: &Tail) -> Option<usize> {
    let speaks = |line: &str, words: &[&str]| {
        // An option of a compiler, in the line that starts it.
        let line = line.to_ascii_lowercase().replace("-werror", "").replace("-wno-error", "");
        words.iter().any(|word| line.contains(word))
    };
    let lines = || tail.lines.iter().enumerate().filter(|(_, line)| !line.trim().is_empty() && !repeats(line));
    lines()
        .find(|(_, line)| speaks(line, &["error:", "error[", "fatal:", "undefined reference", "traceback"]))
        .or_else(|| {
            lines().rfind(|(_, line)| speaks(line, &["not found", "not set", "fail", "error", "denied", "cannot "]))
        })
        .map(|(index, _)| index)
}

/// A line without the path of the source tree that it begins with: `/build/hello-2.10/src/a.c:1:` -> `src/a.c:1:`.
fn below_source_tree(line: &str) -> &str {
    let below =
        line.strip_prefix(BUILD_ROOT).and_then(|rest| rest.strip_prefix('/')).and_then(|rest| rest.split_once('/'));
    match below {
        Some((folder, path)) if !folder.contains([' ', ':']) => path,
        _ => line,
    }
}

/// Limits are whole numbers: `30 minutes`, not `30m 00s`.
pub(crate) fn whole(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..120 => count(seconds as usize, "second", "seconds"),
        120..7200 if seconds.is_multiple_of(60) => count((seconds / 60) as usize, "minute", "minutes"),
        7200.. if seconds.is_multiple_of(3600) => count((seconds / 3600) as usize, "hour", "hours"),
        _ => human_duration(duration),
    }
}

fn first_line(text: &str) -> String {
    safe(text.lines().next().unwrap_or_default())
}

pub(super) fn safe(text: &str) -> String {
    printable(text)
}

#[cfg(test)]
mod tests;
