//! What linters found and nobody is told again, in the summary of a run: that it is there.

use super::style::{Style, Tone, count};
use crate::event::JobReport;

/// One line for all targets.
pub(super) fn line(reports: &[JobReport], style: &Style) -> String {
    let of: Vec<usize> = reports.iter().map(|report| report.known_findings).filter(|known| *known > 0).collect();
    let findings: usize = of.iter().sum();
    if findings == 0 {
        return String::new();
    }
    let label = style.paint(Tone::Quiet, "known:");
    let sentence = format!(
        "{} of linters in {}, as in the last good build; --all-findings tells them",
        count(findings, "finding", "findings"),
        count(of.len(), "target", "targets")
    );
    format!("{label} {}\n", style.wrap(&sentence, "       ").trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Outcome;
    use crate::report::samples;

    #[test]
    fn what_is_known_is_counted_once_for_all() {
        let with =
            |id: &str, known_findings: usize| JobReport { known_findings, ..samples::report(id, Outcome::Succeeded) };
        let none = [with("jq@debian-12", 0)];
        assert_eq!(line(&none, &Style::PLAIN), "");
        let some = [with("jq@debian-12", 2), with("jq@debian-13", 0), with("yq@debian-12", 1)];
        assert_eq!(
            line(&some, &Style::PLAIN).replace("\n       ", " "),
            "known: 3 findings of linters in 2 targets, as in the last good build; --all-findings tells them\n"
        );
    }
}
