//! A run as one page of HTML that needs nothing but itself: a matrix of targets, when each job ran, and for each target why it
//! failed, the end of its log, and its packages. Without scripts it is still a page; with them it can be filtered and searched.

#[cfg(test)]
mod browser;
mod log;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::outcome;
use super::sink::ReportFormat;
use super::style::{Style, Tone, count};
use super::whole::{EndedRun, Whole};
use crate::artifact::ArtifactKind;
use crate::compare;
use crate::event::{JobReport, Outcome};
use crate::formats::xml::escape;
use crate::types::{human_bytes, human_duration, printable};

pub(super) const FORMAT: ReportFormat = ReportFormat {
    name: "html",
    holds: "a page for people, in one file",
    is_whole: true,
    sink: |out| Box::new(Whole::new(out, text)),
};

/// Lines of one group about one package that the page shows.
const MOST_CHANGES: usize = 100;

/// How the page tells outcomes apart, beside their words.
fn kind(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded | Outcome::Reproduced { .. } => "built",
        Outcome::UpToDate => "current",
        Outcome::Skipped { .. } | Outcome::Cancelled => "not-run",
        _ => "failed",
    }
}

fn tone(outcome: &Outcome) -> &'static str {
    match outcome::tone(outcome) {
        Tone::Good => "good",
        Tone::Quiet => "quiet",
        Tone::Warning => "other",
        _ => "bad",
    }
}

fn text(run: &EndedRun) -> String {
    let bad = run.jobs.iter().filter(|job| !job.outcome.is_good()).count();
    let all = count(run.jobs.len(), "target", "targets");
    let title = if bad == 0 { format!("{all} built") } else { format!("{bad} of {all} not built") };
    let ended = chrono::DateTime::<chrono::Utc>::from(run.ended).format("%Y-%m-%d %H:%M UTC");
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>farm: {title}</title>\n\
         <style>\n{}</style>\n</head>\n<body>\n<header>\n<h1>{title}</h1>\n\
         <p class=\"quiet\">{} on {}, {:.0} % busy; run {} ended {ended}{}</p>\n</header>\n<main>\n",
        include_str!("page.css"),
        human_duration(run.run.elapsed),
        shown(&run.engine),
        run.run.busy * 100.0,
        shown(&run.run.run),
        if run.run.interrupted { ", interrupted" } else { "" },
    );
    page.push_str(
        "<form class=\"controls\" id=\"controls\" role=\"search\" hidden onsubmit=\"return false\">\n\
         <label>Filter <input type=\"search\" id=\"filter\" autocomplete=\"off\"></label>\n\
         <label>Outcome <select id=\"outcome\"><option value=\"\">all</option><option value=\"failed\">failed</option>\
         <option value=\"built\">built</option><option value=\"current\">up to date</option>\
         <option value=\"not-run\">not run</option></select></label>\n\
         <span id=\"told\" class=\"quiet\" role=\"status\"></span>\n</form>\n",
    );
    matrix(run, &mut page);
    page.push_str("<section>\n<h2 id=\"targets\">Targets</h2>\n");
    for (index, job) in run.jobs.iter().enumerate() {
        target(index, job, &mut page);
    }
    page.push_str("</section>\n");
    timeline(run, &mut page);
    if !run.warnings.is_empty() {
        page.push_str("<section>\n<h2>Warnings of the run</h2>\n<ul>\n");
        for (target, message) in &run.warnings {
            let target = target.as_ref().map(|target| format!("{}: ", shown(&target.to_string()))).unwrap_or_default();
            page.push_str(&format!("<li>{target}{}</li>\n", shown(message)));
        }
        page.push_str("</ul>\n</section>\n");
    }
    page.push_str(&format!("</main>\n<script>\n{}</script>\n</body>\n</html>\n", include_str!("page.js")));
    page
}

/// Recipes by distributions.
fn matrix(run: &EndedRun, page: &mut String) {
    let row = |job: &JobReport| {
        let variant = job.target.variant.as_ref().map(|name| format!("+{name}")).unwrap_or_default();
        format!("{}{variant}", job.target.recipe)
    };
    let column = |job: &JobReport| format!("{}/{}", job.target.distro, job.target.arch.for_format(job.target.format));
    let rows = in_order(run.jobs.iter().map(row));
    let columns = in_order(run.jobs.iter().map(column));
    page.push_str(
        "<section>\n<h2>Matrix</h2>\n<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Matrix\">\n",
    );
    page.push_str("<table>\n<thead><tr><th scope=\"col\">recipe</th>");
    columns.iter().for_each(|name| page.push_str(&format!("<th scope=\"col\">{}</th>", shown(name))));
    page.push_str("</tr></thead>\n<tbody>\n");
    let cells: HashMap<(String, String), (usize, &JobReport)> =
        run.jobs.iter().enumerate().map(|(index, job)| ((row(job), column(job)), (index, job))).collect();
    for name in &rows {
        page.push_str(&format!("<tr><th scope=\"row\">{}</th>", shown(name)));
        for place in &columns {
            match cells.get(&(name.clone(), place.clone())) {
                None => page.push_str("<td></td>"),
                Some((index, job)) => page.push_str(&format!(
                    "<td class=\"cell\"><a class=\"{}\" data-of=\"t{index}\" href=\"#t{index}\" title=\"{}\" \
                     aria-label=\"{0}\">{}</a></td>",
                    tone(&job.outcome),
                    shown(&format!("{} {}", job.target, outcome::headline(job))),
                    mark(&job.outcome)
                )),
            }
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody>\n</table>\n</div>\n</section>\n");
}

/// Each once, where it comes first.
fn in_order(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = HashSet::new();
    names.filter(|name| seen.insert(name.clone())).collect()
}

fn mark(outcome: &Outcome) -> String {
    outcome::mark(outcome, &Style { unicode: true, ..Style::PLAIN })
}

fn target(index: usize, job: &JobReport, page: &mut String) {
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
    let (cause, help) = (outcome::cause(job), outcome::help(job));
    if !cause.is_empty() {
        page.push_str("<h3>Cause</h3>\n");
        for line in &cause {
            // What stands below each other.
            let class = if line.starts_with("  ") { " class=\"code\"" } else { "" };
            page.push_str(&format!("<p{class}>{}</p>\n", shown(line)));
        }
    }
    for (help, place) in help {
        let place = place.map(|place| format!(" <span class=\"quiet\">{}</span>", shown(&place))).unwrap_or_default();
        page.push_str(&format!("<p><strong>Help:</strong> {}{place}</p>\n", shown(&help)));
    }
    if !job.warnings.is_empty() {
        page.push_str("<h3>Findings</h3>\n<ul>\n");
        for finding in &job.warnings {
            let waived = finding.waived.as_ref().map(|reason| format!(" (waived: {reason})")).unwrap_or_default();
            page.push_str(&format!("<li>{}{}</li>\n", shown(&outcome::finding(finding)), shown(&waived)));
        }
        page.push_str("</ul>\n");
    }
    if job.known_findings > 0 {
        let known = count(job.known_findings, "finding", "findings");
        page.push_str(&format!("<p class=\"quiet\">{known} of linters, as in the last good build: the log of a build with --all-findings has them</p>\n"));
    }
    artifacts(job, page);
    changes(job, page);
    steps(job, page);
    if let Some(path) = &job.log {
        let path = shown(&path.display().to_string());
        page.push_str(&format!("<p class=\"quiet\">The whole log is {path}</p>\n"));
    }
    if !job.outcome.is_good() {
        log::excerpt(index, job, page);
    }
    page.push_str("</div>\n</details>\n");
}

fn artifacts(job: &JobReport, page: &mut String) {
    if job.artifacts.is_empty() {
        return;
    }
    page.push_str("<h3>Files</h3>\n<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Files\">\n<table>\n<thead><tr>");
    for name in ["file", "kind", "version", "architecture", "size", "SHA-256"] {
        page.push_str(&format!("<th scope=\"col\">{name}</th>"));
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for artifact in &job.artifacts {
        let kind = match artifact.kind {
            ArtifactKind::Binary => "package",
            ArtifactKind::Debug => "debug package",
            ArtifactKind::Source => "source",
            ArtifactKind::Metadata => "metadata",
        };
        let package = artifact.package.as_ref();
        page.push_str(&format!(
            "<tr><td>{}</td><td>{kind}</td><td>{}</td><td>{}</td><td>{}</td><td><code>{}</code></td></tr>\n",
            shown(&artifact.file_name),
            shown(package.map_or("", |package| &package.version)),
            shown(package.map_or("", |package| &package.architecture)),
            human_bytes(artifact.size_bytes),
            shown(&artifact.sha256)
        ));
    }
    page.push_str("</tbody>\n</table>\n</div>\n");
}

/// What is different since the last good build.
fn changes(job: &JobReport, page: &mut String) {
    if job.changes.is_empty() {
        return;
    }
    page.push_str(&format!(
        "<h3>Changes</h3>\n<p>Since the last good build: {}</p>\n<pre tabindex=\"0\" role=\"group\" aria-label=\"Changes\">",
        shown(&compare::gist(&job.changes))
    ));
    for line in job.changes.iter().flat_map(|package| compare::lines(package, MOST_CHANGES)) {
        page.push_str(&format!("{}\n", shown(&line)));
    }
    page.push_str("</pre>\n");
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

/// When each job ran, with its steps.
fn timeline(run: &EndedRun, page: &mut String) {
    let whole = run.run.elapsed.as_secs_f64();
    let ran: Vec<(usize, &JobReport, Duration)> = run
        .jobs
        .iter()
        .enumerate()
        .filter_map(|(index, job)| Some((index, job, *run.began.get(&job.target)?)))
        .collect();
    if ran.is_empty() || whole <= 0.0 {
        return;
    }
    let percent = |time: Duration| (time.as_secs_f64() / whole * 100.0).clamp(0.0, 100.0);
    page.push_str("<section>\n<h2>Timeline</h2>\n");
    page.push_str(&format!(
        "<p class=\"quiet\">From the beginning of the run to its end, {}.</p>\n",
        human_duration(run.run.elapsed)
    ));
    for (index, job, began) in ran {
        let tone = if job.outcome.is_good() { "" } else { " bad" };
        page.push_str(&format!(
            "<div class=\"line\" data-of=\"t{index}\"><a href=\"#t{index}\">{}</a><div class=\"track{tone}\">",
            shown(&job.target.to_string())
        ));
        let mut at = began;
        for (step, time) in &job.steps {
            page.push_str(&format!(
                "<span style=\"left:{:.2}%;width:{:.2}%\" title=\"{step} {}\"></span>",
                percent(at),
                percent(*time),
                human_duration(*time)
            ));
            at += *time;
        }
        page.push_str("</div></div>\n");
    }
    page.push_str("</section>\n");
}

/// Text of anybody's for an element or an attribute.
fn shown(text: &str) -> String {
    escape(&printable(text))
}
