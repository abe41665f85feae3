//! Jobs that have no row of their own: those that were up to date, and those that never began. A project of a thousand
//! targets of which two are built has two rows, and a line that counts the others.

use super::outcome::{self, binaries};
use super::style::{Style, count};
use crate::event::{JobReport, Outcome};

/// Counts of them.
#[derive(Debug, Default)]
pub(super) struct Counted {
    up_to_date: usize,
    /// In those that were up to date.
    packages: usize,
    skipped: usize,
    /// Why, each once.
    because: Vec<String>,
    cancelled: usize,
}

impl Counted {
    /// Whether a job is one of these.
    pub(super) fn is(report: &JobReport) -> bool {
        match report.outcome {
            Outcome::UpToDate | Outcome::Skipped { .. } => true,
            Outcome::Cancelled => report.elapsed.is_zero(),
            _ => false,
        }
    }

    /// Counts a job, if it is one of these.
    pub(super) fn take(&mut self, report: &JobReport) -> bool {
        match &report.outcome {
            Outcome::UpToDate => {
                self.up_to_date += 1;
                self.packages += binaries(&report.artifacts).count();
            }
            Outcome::Skipped { because } => {
                self.skipped += 1;
                if !self.because.contains(because) {
                    self.because.push(because.clone());
                }
            }
            _ => self.cancelled += usize::from(Counted::is(report)),
        }
        Counted::is(report)
    }

    /// A line for each kind, with its mark, and begins anew.
    pub(super) fn told(&mut self, style: &Style) -> Vec<String> {
        let Counted { up_to_date, packages, skipped, because, cancelled } = std::mem::take(self);
        let targets = |number: usize| count(number, "target", "targets");
        let mut lines = Vec::new();
        let mut line = |number: usize, of: &Outcome, text: String| {
            if number > 0 {
                lines.push(format!("{} {text}", outcome::mark(of, style)));
            }
        };
        let packages = count(packages, "package", "packages");
        let text = format!("{} up to date: {packages}, nothing changed", targets(up_to_date));
        line(up_to_date, &Outcome::UpToDate, text);
        let why = match because.as_slice() {
            [one] => outcome::safe(one),
            _ => "what they need was not built".to_owned(),
        };
        line(skipped, &Outcome::Skipped { because: String::new() }, format!("{} skipped: {why}", targets(skipped)));
        line(cancelled, &Outcome::Cancelled, format!("{} cancelled before any step", targets(cancelled)));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;
    use std::time::Duration;

    #[test]
    fn each_kind_is_a_line_whatever_its_number() {
        let mut counted = Counted::default();
        for index in 0..1020 {
            assert!(counted.take(&samples::report(&format!("jq{index}@debian-12"), Outcome::UpToDate)));
        }
        let skipped = |because: &str| samples::report("jq@debian-12", Outcome::Skipped { because: because.into() });
        counted.take(&skipped("a@debian-12/amd64 failed"));
        counted.take(&skipped("a@debian-12/amd64 failed"));
        assert!(
            counted.take(&JobReport { elapsed: Duration::ZERO, ..samples::report("jq@debian-12", Outcome::Cancelled) })
        );
        // That one had begun.
        assert!(!counted.take(&samples::report("jq@debian-12", Outcome::Cancelled)));
        assert!(!counted.take(&samples::report("jq@debian-12", Outcome::Succeeded)));
        insta::assert_snapshot!(counted.told(&Style::PLAIN).join("\n"), @"
        = 1020 targets up to date: 3060 packages, nothing changed
        - 2 targets skipped: a@debian-12/amd64 failed
        - 1 target cancelled before any step
        ");
        assert_eq!(counted.told(&Style::PLAIN), Vec::<String>::new());
        counted.take(&skipped("a@debian-12/amd64 failed"));
        counted.take(&skipped("b@debian-12/amd64 failed"));
        assert_eq!(counted.told(&Style::PLAIN), ["- 2 targets skipped: what they need was not built"]);
    }
}
