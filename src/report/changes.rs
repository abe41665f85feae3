//! What is different in packages since the last good build, in the summary of a run.

use super::style::{Style, Tone, count};
use crate::compare;
use crate::event::JobReport;

/// A line for each recipe and each difference: targets that differ alike share one.
pub(super) fn lines(reports: &[JobReport], style: &Style) -> String {
    let mut found: Vec<(&JobReport, String, usize)> = Vec::new();
    for report in reports.iter().filter(|report| !report.changes.is_empty()) {
        let gist = compare::gist(&report.changes);
        match found.iter_mut().find(|(first, known, _)| first.target.recipe == report.target.recipe && *known == gist) {
            Some((_, _, others)) => *others += 1,
            None => found.push((report, gist, 0)),
        }
    }
    let label = style.paint(Tone::Quiet, "changed:");
    let line = |(report, gist, others): (&JobReport, String, usize)| {
        let others = match others {
            0 => String::new(),
            n => format!(" and {}", count(n, "other target", "other targets")),
        };
        let sentence = format!("{}{others}: {gist}", report.target);
        format!("{label} {}\n", style.wrap(&sentence, "         ").trim_start())
    };
    found.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::{Aspect, Change, PackageChanges, PackageRef};
    use crate::event::Outcome;
    use crate::report::samples;
    use crate::types::Format;

    #[test]
    fn targets_that_changed_alike_share_a_line() {
        let package = |version: &str| PackageRef {
            file_name: format!("jq_{version}_amd64.deb"),
            format: Format::Deb,
            version: version.to_owned(),
            architecture: "amd64".to_owned(),
        };
        let change = |aspect, subject: &str, before: Option<&str>, after: Option<&str>| Change {
            aspect,
            subject: subject.to_owned(),
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
        };
        let changes = vec![
            PackageChanges {
                name: "jq".to_owned(),
                before: Some(package("1.6-1")),
                after: Some(package("1.7-1")),
                identical: false,
                changes: vec![
                    change(Aspect::Version, "version", Some("1.6-1"), Some("1.7-1")),
                    change(Aspect::Mode, "/usr/bin/jq", Some("755"), Some("750")),
                    change(Aspect::Content, "/usr/bin/jq", Some("1"), Some("2")),
                    change(Aspect::File, "/usr/share/jq/x", None, Some("file")),
                    change(Aspect::Symbol, "libjq.so.1 jv_old", Some("jv_old"), None),
                ],
            },
            PackageChanges {
                name: "jq-doc".to_owned(),
                before: None,
                after: Some(package("1.7-1")),
                identical: false,
                changes: Vec::new(),
            },
        ];
        let with = |id: &str, changes: &[PackageChanges]| JobReport {
            changes: changes.to_vec(),
            ..samples::report(id, Outcome::Succeeded)
        };
        let reports = [
            with("jq@debian-12", &changes),
            with("jq@debian-13", &changes),
            with("jq@debian-11", &[]),
            with("yq@debian-12", &changes[1..]),
        ];
        assert_eq!(
            lines(&reports, &Style::PLAIN).replace("\n         ", " "),
            "changed: jq@debian-12/amd64 and 1 other target: 1.6-1 -> 1.7-1; packages: 1 new; files: 1 new, 1 changed; \
             libraries: 1 gone\nchanged: yq@debian-12/amd64: packages: 1 new\n"
        );
    }
}
