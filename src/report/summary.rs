//! The end of a run in one look: what was made, where it is, what is wrong, what to do next.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::caches;
use super::changes;
use super::counted::Counted;
use super::known;
use super::outcome;
use super::row::finished_row;
use super::sink::Sink;
use super::style::{Style, Tone, count, width};
use crate::artifact::{ArtifactKind, Finding};
use crate::event::{Event, JobReport, Outcome, RunReport, Tail};
use crate::hint::{Missing, begins, repeats};
use crate::matrix::Target;
use crate::types::{human_bytes, human_duration, printable};

/// Lines of the failing step that a page shows.
const TAIL_LINES: usize = 12;
/// Of them, lines from the one that tells most on, when the last lines do not hold it.
const TELLING_LINES: usize = 4;

/// What a summary says that no event does.
pub(crate) struct SummaryOptions {
    /// The store's folder, as it is shown to people.
    pub dist: PathBuf,
    /// What to do about one target.
    pub commands: Box<dyn Fn(&Target) -> Commands + Send>,
    /// Whether to list every job: not where its line stands above already.
    pub table: bool,
}

/// The commands for a target that was not built.
pub(crate) struct Commands {
    /// Builds it again.
    pub again: String,
    /// Opens a shell where it failed, if there is something to look at.
    pub into: Option<String>,
}

/// Keeps how jobs ended, and writes the summary when the run has.
pub(crate) struct Summary<W> {
    out: W,
    /// What can be shown at the end: a window may have another size by then.
    style: Box<dyn Fn() -> Style + Send>,
    options: SummaryOptions,
    slots: usize,
    /// In the order of the plan.
    targets: Vec<Target>,
    reports: Vec<JobReport>,
}

impl<W: Write + Send> Summary<W> {
    pub(crate) fn new(out: W, style: impl Fn() -> Style + Send + 'static, options: SummaryOptions) -> Summary<W> {
        Summary { out, style: Box::new(style), options, slots: 0, targets: Vec::new(), reports: Vec::new() }
    }
}

impl<W: Write + Send> Sink for Summary<W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::RunStarted { slots, targets, .. } => {
                self.slots = *slots;
                self.targets.clone_from(targets);
            }
            Event::JobFinished(report) => self.reports.push((**report).clone()),
            Event::RunFinished(run) => {
                let place = |report: &JobReport| self.targets.iter().position(|target| *target == report.target);
                self.reports.sort_by_cached_key(place);
                let run = Run { report: run, slots: self.slots, options: &self.options };
                self.out.write_all(summary(&self.reports, &run, &(self.style)()).as_bytes())?;
                self.out.flush()?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// What a summary says beside the jobs' reports.
struct Run<'a> {
    report: &'a RunReport,
    slots: usize,
    options: &'a SummaryOptions,
}

/// The whole text, ended: table, a page for each failure, totals.
fn summary(reports: &[JobReport], run: &Run<'_>, style: &Style) -> String {
    let mut text = String::new();
    match reports {
        [report] if report.outcome.is_good() => text.push_str(&files(report, style)),
        _ if run.options.table => {
            let mut counted = Counted::default();
            let alone = reports.len() == 1;
            let rows: Vec<_> = reports.iter().filter(|report| alone || !counted.take(report)).collect();
            let target_width = rows.iter().map(|report| width(&report.target.to_string())).max().unwrap_or(0);
            for report in rows {
                text.push_str(&finished_row(report, target_width, style));
                text.push('\n');
            }
            for line in counted.told(style) {
                text.push_str(&format!("  {line}\n"));
            }
        }
        _ => {}
    }
    for alike in failures(reports) {
        text.push_str(&page(&alike, run, style));
    }
    let warnings = warnings(reports, style);
    if !warnings.is_empty() {
        text.push('\n');
        text.push_str(&warnings);
    }
    let noted = changes::lines(reports, style) + &known::line(reports, style) + &caches::lines(reports, style);
    if !noted.is_empty() {
        text.push('\n');
        text.push_str(&noted);
    }
    // Lines of finished jobs stand above, here or already on the screen.
    if !text.is_empty() || !run.options.table {
        text.push('\n');
    }
    text.push_str(&totals(reports, run, style));
    text.push_str(&what_next(reports, run, style));
    text
}

/// Of a run with several jobs, below everything else: which failed, the first log, and the command to go on with. Pages of
/// failures are far above by then.
fn what_next(reports: &[JobReport], run: &Run<'_>, style: &Style) -> String {
    let failed: Vec<&JobReport> = reports.iter().filter(|report| outcome::is_failure(&report.outcome)).collect();
    let ([first, others @ ..], true) = (failed.as_slice(), reports.len() > 1) else { return String::new() };
    let names: Vec<String> = failed.iter().map(|report| report.target.to_string()).collect();
    let mut text = hanging("failed:", &names.join(", "), style);
    if let Some(log) = failed.iter().find_map(|report| report.log.as_ref()) {
        let log = printable(&log.display().to_string());
        text.push_str(&format!("  {} {log}\n", style.paint(Tone::Quiet, "log: ")));
    }
    let again = (run.options.commands)(&first.target).again;
    let again = match others {
        [] => again,
        _ => again.replacen(&format!("-t {}", first.target), "--failed", 1),
    };
    text.push_str(&format!("  {} {again}\n", style.paint(Tone::Quiet, "try: ")));
    text
}

/// What a run of one target made, file by file.
fn files(report: &JobReport, style: &Style) -> String {
    if report.artifacts.is_empty() {
        return String::new();
    }
    let columns = report.artifacts.iter().map(|artifact| width(&artifact.file_name)).max().unwrap_or(0);
    let mut text = format!("\n  {}/\n", printable(&report.folder.display().to_string()));
    for artifact in &report.artifacts {
        let line = format!(
            "    {}  {:>7}",
            super::style::pad(&printable(&artifact.file_name), columns),
            human_bytes(artifact.size_bytes)
        );
        let quiet = artifact.kind != ArtifactKind::Binary;
        text.push_str(&if quiet { style.paint(Tone::Quiet, &line) } else { line });
        text.push('\n');
    }
    text
}

/// The reports that need a page, those that failed alike together: one recipe often fails in one way on many targets, and a
/// network in one way for many recipes.
fn failures(reports: &[JobReport]) -> Vec<Vec<&JobReport>> {
    let mut groups: Vec<(_, Vec<&JobReport>)> = Vec::new();
    for report in reports {
        if !outcome::is_failure(&report.outcome) {
            continue;
        }
        // A mirror that is not there is the same failure for all recipes.
        let of_recipe = !matches!(report.outcome, Outcome::Infrastructure { .. } | Outcome::SourceUnavailable { .. });
        let recipe = Some(&report.target.recipe).filter(|_| of_recipe);
        let how = (recipe, outcome::headline(report), outcome::gist(report));
        match groups.iter_mut().find(|(known, _)| *known == how) {
            Some((_, alike)) => alike.push(report),
            None => groups.push((how, vec![report])),
        }
    }
    groups.into_iter().map(|(_, alike)| alike).collect()
}

/// What the package check found and let pass, once for all targets of a recipe that it holds for; what a recipe waives
/// comes behind.
fn warnings(reports: &[JobReport], style: &Style) -> String {
    let mut found: Vec<(&JobReport, &Finding, usize)> = Vec::new();
    for report in reports {
        for finding in report.warnings.iter().filter(|finding| finding.waived.is_none()) {
            let same = found.iter_mut().find(|(first, known, _)| {
                first.target.recipe == report.target.recipe
                    && known.rule == finding.rule
                    && known.message == finding.message
            });
            match same {
                Some((first, _, others)) => *others += usize::from(first.target != report.target),
                None => found.push((report, finding, 0)),
            }
        }
    }
    let mut text = String::new();
    for (report, finding, others) in found {
        let others = match others {
            0 => String::new(),
            n => format!(" (and on {})", count(n, "other target", "other targets")),
        };
        let artifact = if finding.artifact.is_empty() { String::new() } else { format!("{}: ", finding.artifact) };
        let sentence = format!("{}: {artifact}{} [{}]{others}", report.target, finding.message, finding.rule);
        let wrapped = style.wrap(&printable(&sentence), "         ");
        text.push_str(&format!("{} {}\n", style.paint(Tone::Warning, "warning:"), wrapped.trim_start()));
    }
    text + &waived(reports, style)
}

/// What a recipe waives of one rule, with one reason.
struct Waived<'a> {
    finding: &'a Finding,
    reason: &'a str,
    /// On which targets.
    of: Vec<&'a JobReport>,
    count: usize,
}

/// What recipes waive, a line for each rule and reason: the findings themselves stand in the logs.
fn waived(reports: &[JobReport], style: &Style) -> String {
    let mut all: Vec<Waived<'_>> = Vec::new();
    for report in reports {
        for finding in &report.warnings {
            let Some(reason) = finding.waived.as_deref() else { continue };
            let alike = |one: &&mut Waived<'_>| {
                let same = (&one.finding.rule, one.reason) == (&finding.rule, reason);
                same && one.of[0].target.recipe == report.target.recipe
            };
            match all.iter_mut().find(alike) {
                Some(one) => {
                    one.count += 1;
                    if one.of.last().is_some_and(|last| last.target != report.target) {
                        one.of.push(report);
                    }
                }
                None => all.push(Waived { finding, reason, of: vec![report], count: 1 }),
            }
        }
    }
    let line = |one: Waived<'_>| {
        let others = match one.of.len() {
            1 => String::new(),
            n => format!(" and {}", count(n - 1, "other target", "other targets")),
        };
        let found = count(one.count, "finding", "findings");
        let sentence = format!("{}{others}: {found} of {}: {}", one.of[0].target, one.finding.rule, one.reason);
        let wrapped = style.wrap(&printable(&sentence), "         ");
        format!("{}  {}\n", style.paint(Tone::Quiet, "waived:"), wrapped.trim_start())
    };
    all.into_iter().map(line).collect()
}

/// A failure as a page that a tired person can act on: of the first report, and the names of those that failed alike.
fn page(alike: &[&JobReport], run: &Run<'_>, style: &Style) -> String {
    let [report, others @ ..] = alike else { return String::new() };
    let mut text = format!(
        "\n{} {} {}",
        outcome::mark(&report.outcome, style),
        style.paint(Tone::Strong, &report.target.to_string()),
        outcome::headline(report)
    );
    if !report.elapsed.is_zero() {
        text.push_str(&format!(", {} after it started", human_duration(report.elapsed)));
    }
    text.push('\n');
    // What was printed before sources were missing says nothing about them.
    let tail = report.tail.as_ref().filter(|_| !matches!(report.outcome, Outcome::SourceUnavailable { .. }));
    if let Some(tail) = tail {
        text.push('\n');
        let tail = if report.failed_command.is_some() { of_script(tail) } else { tail.clone() };
        for line in excerpt(&tail, report.hints.first().map(|hint| &hint.missing)) {
            text.push_str(&format!("    {}\n", style.cut(&line, style.width.saturating_sub(5))));
        }
    }
    text.push('\n');
    for line in outcome::cause(report) {
        match line.len() - line.trim_start().len() {
            // What stands below each other.
            1.. if width(&line) + 2 <= style.width => text.push_str(&format!("  {line}")),
            own => text.push_str(&style.wrap(&line, &" ".repeat(2 + own))),
        }
        text.push('\n');
    }
    for (help, place) in outcome::help(report) {
        text.push_str(&hanging("help:", &help, style));
        if let Some(place) = place {
            text.push_str(&format!("        {place}\n"));
        }
    }
    if !others.is_empty() {
        let names: Vec<String> = others.iter().map(|report| report.target.to_string()).collect();
        text.push_str(&hanging("also:", &names.join(", "), style));
    }
    if let Some(log) = outcome::log_place(report) {
        text.push_str(&format!("  {} {log}\n", style.paint(Tone::Quiet, "log: ")));
    }
    let Commands { again, into } = (run.options.commands)(&report.target);
    text.push_str(&format!("  {} {again}\n", style.paint(Tone::Quiet, "try: ")));
    if let Some(into) = into.filter(|_| outcome::is_in_build(&report.outcome)) {
        text.push_str(&format!("  {} {into}\n", style.paint(Tone::Quiet, "into:")));
    }
    if let Some(step) = report.kept.map(outcome::step_to_go_on) {
        text.push_str(&format!("  {} {again} --from {step}\n", style.paint(Tone::Quiet, "on:  ")));
    }
    text
}

/// What the script printed whose command failed, without what came before it.
fn of_script(tail: &Tail) -> Tail {
    let begin = tail.lines.iter().rposition(|line| begins(line)).map_or(0, |last| last + 1);
    if tail.lines[begin..].iter().all(|line| line.trim().is_empty() || repeats(line)) {
        return tail.clone();
    }
    Tail { first_line: tail.first_line + begin as u64, lines: tail.lines[begin..].to_vec() }
}

/// The last lines of a step, or the line that tells most and what follows it, when that stands further up: where
/// something is missing, the line that says so.
fn excerpt(tail: &Tail, missing: Option<&Missing>) -> Vec<String> {
    let mut lines: Vec<String> = tail.lines.iter().map(|line| printable(line)).collect();
    // What only says again that something failed hides what did.
    let told = lines.iter().rposition(|line| !line.trim().is_empty() && !repeats(line));
    lines.truncate(told.map_or(lines.len(), |last| last + 1));
    if let Some(missing) = missing.filter(|missing| missing.line < tail.first_line) {
        let rest = lines.len().saturating_sub(TAIL_LINES - 2);
        let shown = [printable(&missing.text), "[...]".to_owned()].into_iter().chain(lines[rest..].iter().cloned());
        return shown.collect();
    }
    let skipped = lines.len().saturating_sub(TAIL_LINES);
    let of_missing = missing.and_then(|missing| usize::try_from(missing.line - tail.first_line).ok());
    let telling = of_missing.or_else(|| outcome::telling_index(tail)).filter(|index| *index < skipped);
    let Some(telling) = telling else { return lines[skipped..].to_vec() };
    let rest = lines.len() - (TAIL_LINES - TELLING_LINES - 1);
    let mut shown = lines[telling..(telling + TELLING_LINES).min(rest)].to_vec();
    if telling + TELLING_LINES < rest {
        shown.push("[...]".to_owned());
    }
    shown.extend_from_slice(&lines[rest..]);
    shown
}

fn hanging(label: &str, sentence: &str, style: &Style) -> String {
    let narrow = Style { width: style.width.saturating_sub(1), ..*style };
    let wrapped = narrow.wrap(sentence, "        ");
    format!("  {} {}\n", style.paint(Tone::Quiet, label), wrapped.trim_start())
}

/// `13 succeeded · 1 up to date · 1 failed        3m 12s, 2 slots 97 % busy`, and where the packages are.
fn totals(reports: &[JobReport], run: &Run<'_>, style: &Style) -> String {
    let mut counts: Vec<(&str, Tone, usize)> = Vec::new();
    for report in reports {
        let (word, tone) = match &report.outcome {
            Outcome::Succeeded => ("succeeded", Tone::Good),
            Outcome::Reproduced { .. } => ("reproduced", Tone::Good),
            Outcome::UpToDate => ("up to date", Tone::Quiet),
            Outcome::Skipped { .. } | Outcome::Cancelled => (report.outcome.word(), Tone::Quiet),
            other => (other.word(), Tone::Bad),
        };
        match counts.iter_mut().find(|(known, ..)| *known == word) {
            Some((_, _, number)) => *number += 1,
            None => counts.push((word, tone, 1)),
        }
    }
    // What went well first, then the rest in the order it was met.
    counts.sort_by_key(|(word, ..)| match *word {
        "succeeded" | "reproduced" => 0,
        "up to date" => 1,
        _ => 2,
    });
    let mut facts: Vec<String> =
        counts.iter().map(|(word, tone, number)| style.paint(*tone, &format!("{number} {word}"))).collect();
    if run.report.interrupted {
        facts.push(style.paint(Tone::Warning, "interrupted"));
    }
    let mut time = human_duration(run.report.elapsed);
    if run.slots > 1 && run.report.elapsed >= Duration::from_secs(1) {
        time.push_str(&format!(", {} slots {:.0} % busy", run.slots, run.report.busy.clamp(0.0, 1.0) * 100.0));
    }
    let mut lines = filled(&facts, style);
    let last = lines.pop().unwrap_or_default();
    lines.push(style.edges(&last, &time));
    let mut text = lines.join("\n");
    text.push('\n');
    // What only proves somebody else's packages is not kept.
    let is_kept =
        |outcome: &Outcome| outcome.is_good() && !matches!(outcome, Outcome::Reproduced { stated: Some(_), .. });
    let kept: Vec<_> = reports.iter().filter(|report| is_kept(&report.outcome)).collect();
    if !kept.is_empty() {
        let artifacts = || kept.iter().flat_map(|report| &report.artifacts);
        let packages =
            artifacts().filter(|artifact| matches!(artifact.kind, ArtifactKind::Binary | ArtifactKind::Debug)).count();
        text.push_str(&format!(
            "{}: {}, {}, SHA256SUMS\n",
            folder(&run.options.dist),
            count(packages, "package", "packages"),
            human_bytes(artifacts().map(|artifact| artifact.size_bytes).sum()),
        ));
    }
    text
}

/// Facts with dots between them, in as many lines as they need.
fn filled(facts: &[String], style: &Style) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for fact in facts {
        match lines.last_mut() {
            Some(line) if width(line) + width(style.dot()) + width(fact) <= style.width => {
                line.push_str(style.dot());
                line.push_str(fact);
            }
            _ => lines.push(fact.clone()),
        }
    }
    lines
}

fn folder(path: &Path) -> String {
    format!("{}/", printable(path.display().to_string().trim_end_matches('/')))
}

#[cfg(test)]
mod tests;
