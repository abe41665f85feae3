//! Numbers of a run in Prometheus's text format, for the textfile collector of its node exporter.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::sink::ReportFormat;
use super::whole::{EndedRun, Whole};
use crate::event::JobReport;

pub(super) const FORMAT: ReportFormat = ReportFormat {
    name: "prometheus",
    holds: "numbers of the run in Prometheus's text format",
    is_whole: true,
    sink: |out| Box::new(Whole::new(out, text)),
};

fn text(run: &EndedRun) -> String {
    let ended = run.ended.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut outcomes: BTreeMap<&str, usize> = BTreeMap::new();
    for job in &run.jobs {
        *outcomes.entry(job.outcome.word()).or_default() += 1;
    }
    let mut text = String::new();
    let mut metric = |name: &str, help: &str, values: Vec<(String, String)>| {
        text.push_str(&format!("# HELP farm_{name} {help}\n# TYPE farm_{name} gauge\n"));
        values.into_iter().for_each(|(labels, value)| text.push_str(&format!("farm_{name}{labels} {value}\n")));
    };
    let one = |value: String| vec![(String::new(), value)];
    metric("run_end_time_seconds", "When the last run ended, since the epoch.", one(ended.to_string()));
    metric("run_duration_seconds", "How long the last run took.", one(run.run.elapsed.as_secs_f64().to_string()));
    metric("run_busy_ratio", "Which part of the last run's slots had work.", one(run.run.busy.to_string()));
    metric(
        "run_interrupted",
        "Whether the last run was ended by a signal.",
        one(u8::from(run.run.interrupted).to_string()),
    );
    let outcomes = outcomes.into_iter().map(|(word, count)| (format!("{{outcome=\"{word}\"}}"), count.to_string()));
    metric("run_targets", "Targets of the last run, by how they ended.", outcomes.collect());
    let each = |value: &dyn Fn(&JobReport) -> Option<String>| {
        run.jobs.iter().filter_map(|job| Some((labels(job), value(job)?))).collect::<Vec<_>>()
    };
    let is_good = |job: &JobReport| Some(u8::from(job.outcome.is_good()).to_string());
    metric("target_good", "Whether the store has good packages of what is wanted now.", each(&is_good));
    let time = |job: &JobReport| (!job.elapsed.is_zero()).then(|| job.elapsed.as_secs_f64().to_string());
    metric("target_duration_seconds", "How long the job took.", each(&time));
    let memory = |job: &JobReport| job.memory_peak_bytes.map(|bytes| bytes.to_string());
    metric("target_memory_peak_bytes", "The most memory that its containers had at a time.", each(&memory));
    let size = |job: &JobReport| {
        let bytes: u64 = job.artifacts.iter().map(|artifact| artifact.size_bytes).sum();
        (!job.artifacts.is_empty()).then(|| bytes.to_string())
    };
    metric("target_packages_bytes", "The size of its packages, and of what belongs to them.", each(&size));
    text
}

fn labels(job: &JobReport) -> String {
    let value = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let target = &job.target;
    format!(
        "{{target=\"{}\",recipe=\"{}\",distro=\"{}\",arch=\"{}\"}}",
        value(&target.to_string()),
        value(&target.recipe),
        value(&target.distro),
        target.arch.for_format(target.format)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::whole;

    #[test]
    fn a_run_in_numbers() {
        let mut run = whole::sample();
        run.jobs.truncate(3);
        insta::assert_snapshot!(text(&run));
    }
}
