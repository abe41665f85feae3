//! JUnit's XML, as Jenkins, GitLab and others read test results: a suite for each recipe, a case for each target.

use super::outcome;
use super::sink::ReportFormat;
use super::whole::{EndedRun, Whole};
use crate::event::{JobReport, Outcome};
use crate::formats::xml::escape;

pub(super) const FORMAT: ReportFormat = ReportFormat {
    name: "junit",
    holds: "JUnit XML, a test case for each target",
    is_whole: true,
    sink: |out| Box::new(Whole::new(out, text).or(not_begun)),
};

/// What a test case can be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Passed,
    /// The package's fault.
    Failure,
    /// Not the package's fault.
    Error,
    Skipped,
}

fn verdict(outcome: &Outcome) -> Verdict {
    match outcome {
        Outcome::Succeeded | Outcome::UpToDate | Outcome::Reproduced { .. } => Verdict::Passed,
        Outcome::Skipped { .. } | Outcome::Cancelled => Verdict::Skipped,
        Outcome::DiskFull { .. } | Outcome::SourceUnavailable { .. } | Outcome::Infrastructure { .. } => Verdict::Error,
        Outcome::Failed { .. }
        | Outcome::DepWait { .. }
        | Outcome::TimedOut { .. }
        | Outcome::Stalled { .. }
        | Outcome::LogLimit { .. }
        | Outcome::OutOfMemory { .. }
        | Outcome::Rejected { .. }
        | Outcome::DockerfileFailed { .. }
        | Outcome::NotReproduced { .. }
        | Outcome::NotAsLocked { .. } => Verdict::Failure,
    }
}

fn text(run: &EndedRun) -> String {
    let all: Vec<&JobReport> = run.jobs.iter().collect();
    let mut recipes: Vec<&str> = Vec::new();
    for job in &all {
        if !recipes.contains(&job.target.recipe.as_str()) {
            recipes.push(&job.target.recipe);
        }
    }
    let mut text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    text.push_str(&format!("<testsuites name=\"farm\"{} time=\"{}\">\n", counts(&all), seconds(run.run.elapsed)));
    for recipe in recipes {
        let jobs: Vec<&JobReport> = all.iter().copied().filter(|job| job.target.recipe == recipe).collect();
        let time = jobs.iter().map(|job| job.elapsed).sum();
        let (name, counts, time) = (escape(recipe), counts(&jobs), seconds(time));
        text.push_str(&format!("  <testsuite name=\"{name}\"{counts} time=\"{time}\">\n"));
        jobs.iter().for_each(|job| case(job, &mut text));
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

/// The run itself as a case, so that who reads results sees that there are none.
fn not_begun(error: &str) -> String {
    let (message, error) = (escape(error.lines().next().unwrap_or_default()), escape(error));
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<testsuites name=\"farm\" tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\" time=\"0.000\">
  <testsuite name=\"farm\" tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\" time=\"0.000\">
    <testcase classname=\"farm\" name=\"the run\" time=\"0.000\">
      <error message=\"{message}\" type=\"not-begun\">{error}</error>
    </testcase>
  </testsuite>
</testsuites>
"
    )
}

fn counts(jobs: &[&JobReport]) -> String {
    let of = |verdict_of: Verdict| jobs.iter().filter(|job| verdict(&job.outcome) == verdict_of).count();
    format!(
        " tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\"",
        jobs.len(),
        of(Verdict::Failure),
        of(Verdict::Error),
        of(Verdict::Skipped)
    )
}

fn case(job: &JobReport, text: &mut String) {
    text.push_str(&format!(
        "    <testcase classname=\"{}\" name=\"{}\" time=\"{}\">\n",
        escape(&job.target.recipe),
        escape(&job.target.to_string()),
        seconds(job.elapsed)
    ));
    let element = match verdict(&job.outcome) {
        Verdict::Passed => {
            text.push_str(&format!("      <system-out>{}</system-out>\n", escape(&outcome::detail(job))));
            text.push_str("    </testcase>\n");
            return;
        }
        Verdict::Failure => "failure",
        Verdict::Error => "error",
        Verdict::Skipped => "skipped",
    };
    let (message, word) = (escape(&outcome::detail(job)), job.outcome.word());
    text.push_str(&format!("      <{element} message=\"{message}\" type=\"{word}\">"));
    text.push_str(&escape(&outcome::page(job).join("\n")));
    text.push_str(&format!("</{element}>\n    </testcase>\n"));
}

fn seconds(time: std::time::Duration) -> String {
    format!("{:.3}", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;
    use crate::report::whole;
    use crate::types::testing::skip;

    /// The numbers of cases, failures, errors and skips that Python's reader counts, and the text of the first failure.
    const COUNT: &str = "import sys, xml.etree.ElementTree as tree
root = tree.parse(sys.stdin.buffer).getroot()
print(*(len(root.findall('.//' + name)) for name in ('testcase', 'failure', 'error', 'skipped')))
print(*(root.get(name) for name in ('tests', 'failures', 'errors', 'skipped')))
print(*(found.text for found in (root.find('.//failure'), root.find('.//error')) if found is not None))";

    #[test]
    fn another_reader_of_xml_counts_the_same() {
        let mut run = whole::sample();
        run.jobs[2].tail.as_mut().unwrap().lines = vec!["a <b> & \"c\" ]]> \u{1b}[31m\u{ffff}".to_owned()];
        let Some(told) = counted(&text(&run)) else { return skip("python3 is not there") };
        assert!(told.starts_with("18 10 3 2\n18 10 3 2\n"), "{told}");
        assert!(told.contains("a <b> & \"c\" ]]> ") && told.contains("dist/"), "{told}");
        let told = counted(&not_begun("error: <no> \"recipe\"\nhelp: & so on")).unwrap();
        assert_eq!(told, "1 0 1 0\n1 0 1 0\nerror: <no> \"recipe\"\nhelp: & so on\n");
    }

    /// What Python's reader says of a report.
    fn counted(report: &str) -> Option<String> {
        let python = Command::new("python3").args(["-c", COUNT]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut python = python.ok()?;
        std::io::Write::write_all(&mut python.stdin.take().unwrap(), report.as_bytes()).unwrap();
        let output = python.wait_with_output().unwrap();
        Some(String::from_utf8(output.stdout).unwrap())
    }

    #[test]
    fn a_case_says_what_a_page_of_the_summary_says() {
        let run = whole::sample();
        let mut written = String::new();
        case(&run.jobs[2], &mut written);
        insta::assert_snapshot!(written);
    }
}
