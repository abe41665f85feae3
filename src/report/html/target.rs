//! One target of the page: why it failed, what was found in its packages, what changed in them, what they are, its log.

use std::io::{self, Write};

use super::log::{self, Excerpt};
use super::marks::{kind, mark, tone};
use super::packages::{self, OfTarget, Packages};
use super::words::{cut, shown};
use crate::artifact::{Finding, Severity};
use crate::compare;
use crate::event::{JobReport, Outcome};
use crate::report::outcome;
use crate::report::style::count;
use crate::types::{human_bytes, human_duration};

/// Lines about findings, and about changes, of all targets together; of one no more than the second.
const ALL_LINES: usize = 8_000;
const MOST_LINES: usize = 500;
const LEAST_LINES: usize = 10;
/// Characters of a line of a log in a sentence.
const MOST_QUOTED: usize = 300;
/// Changes that need not be folded.
const FEW_CHANGES: usize = 30;

/// How much there may be of each target, and where packages are.
pub(super) struct Shares<'a> {
    logs: log::Share,
    packages: Packages<'a>,
    findings: usize,
    /// Lines of one group about one package.
    changes: usize,
}

impl<'a> Shares<'a> {
    pub(super) fn of(jobs: &'a [JobReport]) -> Shares<'a> {
        let share = |of: usize| (ALL_LINES / of.max(1)).clamp(LEAST_LINES, MOST_LINES);
        let changed: usize = jobs.iter().map(|job| job.changes.len()).sum();
        Shares {
            logs: log::Share::of(jobs),
            packages: Packages::of(jobs),
            findings: share(jobs.iter().filter(|job| findings(job).next().is_some()).count()),
            changes: share(changed),
        }
    }
}

pub(super) fn write(index: usize, job: &JobReport, shares: &Shares<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut of_target = shares.packages.of_target(index, job);
    let excerpt = Excerpt::of(job, shares.logs);
    let mut page = String::new();
    head(index, job, &mut page);
    told(index, job, excerpt.as_ref(), &mut page);
    found(job, shares.findings, &mut of_target, &mut page);
    changes(job, shares.changes, &mut page);
    packages::files(&job.artifacts, &of_target, &mut page);
    of_target.write(job, &shares.packages, &mut page);
    steps(job, &mut page);
    out.write_all(page.as_bytes())?;
    if let Some(path) = &job.log {
        let path = shown(&path.display().to_string());
        let line = outcome::log_line(job).filter(|line| excerpt.as_ref().is_some_and(|excerpt| excerpt.has(*line)));
        let line = line.map(|line| {
            let text = job.tail.as_ref().and_then(|tail| {
                let at = usize::try_from(line.checked_sub(tail.first_line)?).ok()?;
                Some(format!(": <code>{}</code>", shown(&cut(tail.lines.get(at)?, MOST_QUOTED))))
            });
            format!("; <a href=\"#t{index}-{line}\">line {line}</a> of it tells most{}", text.unwrap_or_default())
        });
        writeln!(out, "<p class=\"quiet\">The whole log is {path}{}</p>", line.unwrap_or_default())?;
    }
    if let Some(excerpt) = excerpt {
        excerpt.write(index, job, out)?;
    }
    out.write_all(b"</div>\n</details>\n")
}

fn head(index: usize, job: &JobReport, page: &mut String) {
    let id = job.target.to_string();
    let headline = outcome::headline(job);
    let words = format!("{id} {headline} {}", job.outcome.word()).to_lowercase();
    let open = if kind(&job.outcome) == "failed" { " open" } else { "" };
    page.push_str(&format!(
        "<details class=\"target\" id=\"t{index}\" data-kind=\"{}\" data-words=\"{}\"{open}>\n\
         <summary><span class=\"mark {}\" aria-hidden=\"true\">{}</span>{} <span class=\"quiet\">{}{}</span></summary>\n\
         <div class=\"inside\">\n",
        kind(&job.outcome),
        shown(&words),
        tone(&job.outcome),
        mark(&job.outcome),
        shown(&id),
        shown(&headline),
        match outcome::time(job).as_str() {
            "-" => String::new(),
            time => format!(", {time}"),
        },
    ));
}

/// Why it failed, and what to do. Where findings are the reason, they stand below, with more than a line each.
fn told(index: usize, job: &JobReport, excerpt: Option<&Excerpt<'_>>, page: &mut String) {
    let is_refused = matches!(job.outcome, Outcome::Rejected { .. });
    let (cause, help) = (outcome::cause(job), outcome::help(job));
    if !cause.is_empty() && !is_refused {
        page.push_str("<h3>Cause</h3>\n");
        for line in &cause {
            // What stands below each other.
            let class = if line.starts_with("  ") { " class=\"code\"" } else { "" };
            page.push_str(&format!("<p{class}>{}</p>\n", shown(line)));
        }
    }
    for hint in &job.hints {
        let line = hint.missing.line;
        if excerpt.is_some_and(|excerpt| excerpt.has(line)) {
            let (what, text) = (shown(&hint.missing.to_string()), shown(&hint.missing.text));
            page.push_str(&format!(
                "<p>{what}: <a href=\"#t{index}-{line}\">line {line}</a> <code>{text}</code></p>\n"
            ));
        }
    }
    for (help, place) in help {
        let place = place.map(|place| format!(" <span class=\"quiet\">{}</span>", shown(&place))).unwrap_or_default();
        page.push_str(&format!("<p><strong>Help:</strong> {}{place}</p>\n", shown(&help)));
    }
}

/// Those that refused the packages first.
fn findings(job: &JobReport) -> impl Iterator<Item = &Finding> {
    let refused = match &job.outcome {
        Outcome::Rejected { findings, .. } => findings.as_slice(),
        _ => &[],
    };
    refused.iter().chain(&job.warnings)
}

fn found(job: &JobReport, most: usize, of_target: &mut OfTarget, page: &mut String) {
    let all = findings(job).count();
    if all + job.known_findings > 0 {
        page.push_str("<h3>Findings</h3>\n");
    }
    if all > 0 {
        page.push_str("<ul class=\"findings\">\n");
    }
    for finding in findings(job).take(most) {
        let (class, severity) = match finding.severity {
            Severity::Error => ("bad", "error"),
            Severity::Warning => ("other", "warning"),
            Severity::Waived => ("quiet", "waived"),
        };
        let package = match finding.artifact.as_str() {
            "" => String::new(),
            name => format!("{}: ", of_target.link(name)),
        };
        let waived = finding.waived.as_ref().map(|reason| format!(" <em>waived: {}</em>", shown(reason)));
        page.push_str(&format!(
            "<li><strong class=\"{class}\">{severity}</strong> {package}{} <code>{}</code>{}</li>\n",
            of_target.linked(&finding.artifact, &finding.message),
            shown(&finding.rule),
            waived.unwrap_or_default()
        ));
    }
    if let Some(more) = all.checked_sub(most).filter(|more| *more > 0) {
        page.push_str(&format!("<li>and {more} more, left out of this page: the log has them</li>\n"));
    }
    if all > 0 {
        page.push_str("</ul>\n");
    }
    if job.known_findings > 0 {
        let known = count(job.known_findings, "finding", "findings");
        page.push_str(&format!("<p class=\"quiet\">{known} of linters, as in the last good build: the log of a build with --all-findings has them</p>\n"));
    }
}

/// What is different since the last good build.
fn changes(job: &JobReport, most: usize, page: &mut String) {
    if job.changes.is_empty() {
        return;
    }
    let rest = ", left out of this page: the JSON report of a run has all";
    let lines: Vec<String> =
        job.changes.iter().flat_map(|package| compare::lines(package, most, rest)).map(|line| shown(&line)).collect();
    page.push_str(&format!(
        "<h3>Changes</h3>\n<details class=\"part\"{}>\n<summary>Since the last good build: {}</summary>\n\
         <pre class=\"changes\" tabindex=\"0\" role=\"group\" aria-label=\"Changes\">",
        if lines.len() > FEW_CHANGES { "" } else { " open" },
        shown(&compare::gist(&job.changes))
    ));
    for line in lines {
        let class = match line.trim_start().chars().next() {
            Some('+') => "good",
            Some('-') => "bad",
            _ => "",
        };
        match class {
            "" => page.push_str(&format!("{line}\n")),
            class => page.push_str(&format!("<span class=\"{class}\">{line}</span>\n")),
        }
    }
    page.push_str("</pre>\n</details>\n");
}

fn steps(job: &JobReport, page: &mut String) {
    if job.steps.is_empty() {
        return;
    }
    let steps: Vec<String> = job.steps.iter().map(|(step, time)| format!("{step} {}", human_duration(*time))).collect();
    let memory = job.memory_peak_bytes.map(|bytes| format!("; at most {} of memory", human_bytes(bytes)));
    page.push_str(&format!(
        "<p class=\"quiet\">Time: {}{}</p>\n",
        shown(&steps.join(", ")),
        memory.unwrap_or_default()
    ));
}
