//! A run as Markdown, for the summary of a job of GitHub Actions (`--report markdown=$GITHUB_STEP_SUMMARY`), or a comment.

use super::outcome;
use super::sink::ReportFormat;
use super::style::count;
use super::whole::{EndedRun, Whole};
use crate::event::{JobReport, Outcome};
use crate::types::{human_duration, printable};

pub(super) const FORMAT: ReportFormat = ReportFormat {
    name: "markdown",
    holds: "a table of targets, and why some failed",
    is_whole: true,
    sink: |out| Box::new(Whole::new(out, text).or(not_begun)),
};

fn text(run: &EndedRun) -> String {
    let bad = run.jobs.iter().filter(|job| !job.outcome.is_good()).count();
    let all = count(run.jobs.len(), "target", "targets");
    let head = match bad {
        0 => format!("{all} built"),
        _ => format!("{bad} of {all} not built"),
    };
    let time = human_duration(run.run.elapsed);
    let mut text = format!("## farm: {head}\n\n{time} on {}\n\n", escape(&run.engine));
    text.push_str("| Target | Outcome | Time | |\n|---|---|---|---|\n");
    for job in &run.jobs {
        let result = match &job.outcome {
            Outcome::Succeeded | Outcome::UpToDate | Outcome::Reproduced { .. } => outcome::detail(job),
            _ => outcome::gist(job).unwrap_or_default(),
        };
        text.push_str(&format!(
            "| {} | {} | {} | {} |\n",
            escape(&job.target.to_string()),
            escape(&outcome::headline(job)),
            outcome::time(job),
            escape(&result)
        ));
    }
    for job in run.jobs.iter().filter(|job| !job.outcome.is_good()) {
        text.push_str(&details(job));
    }
    let warnings = run.warnings.iter().map(|(target, message)| match target {
        Some(target) => format!("- {}: {}\n", escape(&target.to_string()), escape(message)),
        None => format!("- {}\n", escape(message)),
    });
    let of_jobs = run.jobs.iter().flat_map(|job| {
        job.warnings
            .iter()
            .map(|finding| format!("- {}: {}\n", escape(&job.target.to_string()), escape(&outcome::finding(finding))))
    });
    let warnings: String = warnings.chain(of_jobs).collect();
    if !warnings.is_empty() {
        text.push_str(&format!("\n### Warnings\n\n{warnings}"));
    }
    text
}

fn not_begun(error: &str) -> String {
    let lines: Vec<String> = error.lines().map(str::to_owned).collect();
    format!("## farm did not begin\n\n{}\n", fenced(&lines))
}

fn details(job: &JobReport) -> String {
    let page = outcome::page(job);
    if page.is_empty() {
        return String::new();
    }
    let title = format!("{} {}", escape(&job.target.to_string()), escape(&outcome::headline(job)));
    format!("\n<details><summary>{title}</summary>\n\n{}\n\n</details>\n", fenced(&page))
}

/// Lines as they are. None of them ends the block before its time.
fn fenced(lines: &[String]) -> String {
    let longest =
        lines.iter().map(|line| line.trim_start().chars().take_while(|c| *c == '`').count()).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}\n{}\n{fence}", lines.join("\n"))
}

/// Text that is nothing else in Markdown, on one line of a table.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // An at sign would call somebody.
            '@' => escaped.push_str("&#64;"),
            '\\' | '|' | '`' | '*' | '_' | '[' | ']' | '#' | '~' | '!' => escaped.extend(['\\', c]),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::whole;

    #[test]
    fn a_run_with_every_outcome() {
        insta::assert_snapshot!(text(&whole::sample()));
    }

    #[test]
    fn what_a_build_prints_stays_text() {
        let mut run = whole::sample();
        let line = "```` <script>";
        run.jobs[2].tail.as_mut().unwrap().lines = vec![line.to_owned()];
        let told = details(&run.jobs[2]);
        assert!(told.contains("`````\n") && told.trim_end().ends_with("</details>"), "{told}");
        assert_eq!(escape("a|b *c* @d\n<e>"), "a\\|b \\*c\\* &#64;d\\\\x0a&lt;e&gt;");
    }
}
