//! What builds had of caches, in the summary of a run.

use super::style::{Style, Tone};
use crate::event::JobReport;
use crate::types::printable;

/// What builds had of caches, where their tools count it.
pub(super) fn lines(reports: &[JobReport], style: &Style) -> String {
    let counted = |report: &JobReport| {
        let of_job = report.caches.iter().filter(|used| used.hits.is_some()).map(ToString::to_string);
        let of_job = of_job.collect::<Vec<_>>().join(", ");
        let label = style.paint(Tone::Quiet, "cache:");
        (!of_job.is_empty()).then(|| format!("{label} {} {}\n", report.target, printable(&of_job)))
    };
    reports.iter().filter_map(counted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Outcome;
    use crate::report::samples;
    use crate::types::CacheUse;

    #[test]
    fn hits_are_told_by_target_where_they_are_counted() {
        let with = |id: &str, caches: Vec<CacheUse>| JobReport { caches, ..samples::report(id, Outcome::Succeeded) };
        let reports = [
            with("hello@debian-12", vec![CacheUse::counted("ccache", 41, 1), CacheUse::uncounted("go")]),
            with("fzf@debian-12", vec![CacheUse::uncounted("go")]),
            with("jq@rpm-generic", Vec::new()),
        ];
        assert_eq!(lines(&reports, &Style::PLAIN), "cache: hello@debian-12/amd64 ccache 41 of 42 hits\n");
    }
}
