//! A run as one page of HTML that needs nothing but itself: a matrix of targets, what changed, when each job ran, and for each
//! target why it failed, what was found in its packages, what they want and hold, and its log. What lies beside the packages is
//! read while the page is written, a target at a time, so it takes no more memory than the largest of them. Without scripts it is
//! still a page; with them it can be filtered and searched.

#[cfg(test)]
mod browser;
mod log;
mod marks;
mod packages;
mod target;
#[cfg(test)]
mod tests;
mod words;

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::time::Duration;

use marks::{mark, tone};
use words::shown;

use super::changes;
use super::outcome;
use super::sink::ReportFormat;
use super::style::count;
use super::whole::{EndedRun, Whole};
use crate::event::JobReport;
use crate::packaging::StepKind;
use crate::types::human_duration;

pub(super) const FORMAT: ReportFormat = ReportFormat {
    name: "html",
    holds: "a page for people, in one file",
    is_whole: true,
    sink: |out| Box::new(Whole::streaming(out, write)),
};

/// Links to targets in one line about what changed in them.
const MOST_ALIKE: usize = 20;

fn write(run: &EndedRun, out: &mut dyn Write) -> io::Result<()> {
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
    changed(run, &mut page);
    page.push_str("<section>\n<h2 id=\"targets\">Targets</h2>\n");
    out.write_all(page.as_bytes())?;
    let shares = target::Shares::of(&run.jobs);
    for (index, job) in run.jobs.iter().enumerate() {
        target::write(index, job, &shares, out)?;
    }
    let mut page = "</section>\n".to_owned();
    timeline(run, &mut page);
    warnings(run, &mut page);
    page.push_str(&format!("</main>\n<script>\n{}</script>\n</body>\n</html>\n", include_str!("page.js")));
    out.write_all(page.as_bytes())
}

/// `<a href="#t3">jq@debian-12/amd64</a>`
fn link(index: usize, job: &JobReport) -> String {
    format!("<a href=\"#t{index}\">{}</a>", shown(&job.target.to_string()))
}

/// What is different since the last good builds, targets that differ alike together.
fn changed(run: &EndedRun, page: &mut String) {
    let alike = changes::alike(&run.jobs);
    if alike.is_empty() {
        return;
    }
    page.push_str("<section>\n<h2>Changes</h2>\n<ul>\n");
    for (gist, targets) in &alike {
        let links = targets.iter().take(MOST_ALIKE).map(|index| link(*index, &run.jobs[*index]));
        let mut links = links.collect::<Vec<_>>().join(", ");
        if let Some(more) = targets.len().checked_sub(MOST_ALIKE).filter(|more| *more > 0) {
            links.push_str(&format!(" and {}", count(more, "other target", "other targets")));
        }
        page.push_str(&format!("<li>{links}: {}</li>\n", shown(gist)));
    }
    page.push_str("</ul>\n</section>\n");
}

fn warnings(run: &EndedRun, page: &mut String) {
    if run.warnings.is_empty() {
        return;
    }
    let places: HashMap<_, usize> = run.jobs.iter().enumerate().map(|(index, job)| (&job.target, index)).collect();
    page.push_str("<section>\n<h2>Warnings of the run</h2>\n<ul>\n");
    for (target, message) in &run.warnings {
        let target = target.as_ref().map(|target| match places.get(target) {
            Some(index) => format!("{}: ", link(*index, &run.jobs[*index])),
            None => format!("{}: ", shown(&target.to_string())),
        });
        page.push_str(&format!("<li>{}{}</li>\n", target.unwrap_or_default(), shown(message)));
    }
    page.push_str("</ul>\n</section>\n");
}

/// Recipes by distributions.
fn matrix(run: &EndedRun, page: &mut String) {
    let parts = |job: &JobReport| {
        let id = job.target.to_string();
        id.split_once('@').map(|(row, column)| (row.to_owned(), column.to_owned())).unwrap_or((id, String::new()))
    };
    let (row, column) = (|job: &JobReport| parts(job).0, |job: &JobReport| parts(job).1);
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
                     aria-label=\"{1}\">{}</a></td>",
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
        "<p class=\"quiet\">From the beginning of the run to its end, {}; {:.1} jobs at a time on average.</p>\n",
        human_duration(run.run.elapsed),
        ran.iter().map(|(_, job, _)| job.elapsed.as_secs_f64()).sum::<f64>() / whole
    ));
    spent(ran.iter().map(|(_, job, _)| *job), page);
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

/// Where the time of all jobs together went, by step.
fn spent<'a>(jobs: impl Iterator<Item = &'a JobReport>, page: &mut String) {
    let mut steps: Vec<(StepKind, Duration)> = Vec::new();
    for (step, time) in jobs.flat_map(|job| &job.steps) {
        match steps.iter_mut().find(|(known, _)| known == step) {
            Some((_, all)) => *all += *time,
            None => steps.push((*step, *time)),
        }
    }
    let all: f64 = steps.iter().map(|(_, time)| time.as_secs_f64()).sum();
    if all <= 0.0 {
        return;
    }
    steps.sort_by_key(|(_, time)| std::cmp::Reverse(*time));
    let one = |(step, time): &(StepKind, Duration)| {
        format!("{step} {} ({:.0} %)", human_duration(*time), time.as_secs_f64() / all * 100.0)
    };
    let steps: Vec<String> = steps.iter().map(one).collect();
    page.push_str(&format!("<p class=\"quiet\">Time of all jobs, by step: {}.</p>\n", shown(&steps.join(", "))));
}
