//! What is different in packages since the last good build, in the summary of a run.

use std::collections::HashMap;

use super::style::{Style, Tone, count};
use crate::compare;
use crate::event::JobReport;

/// For each recipe and each difference the reports with it, in their order, by their numbers.
pub(super) fn alike(reports: &[JobReport]) -> Vec<(String, Vec<usize>)> {
    let mut places: HashMap<(&str, String), usize> = HashMap::new();
    let mut found: Vec<(String, Vec<usize>)> = Vec::new();
    for (index, report) in reports.iter().enumerate().filter(|(_, report)| !report.changes.is_empty()) {
        let gist = compare::gist(&report.changes);
        let place = *places.entry((&report.target.recipe, gist.clone())).or_insert(found.len());
        match found.get_mut(place) {
            Some((_, all)) => all.push(index),
            None => found.push((gist, vec![index])),
        }
    }
    found
}

/// A line for each recipe and each difference: targets that differ alike share one.
pub(super) fn lines(reports: &[JobReport], style: &Style) -> String {
    let label = style.paint(Tone::Quiet, "changed:");
    let line = |(gist, alike): (String, Vec<usize>)| {
        let others = match alike.len() {
            1 => String::new(),
            n => format!(" and {}", count(n - 1, "other target", "other targets")),
        };
        let sentence = format!("{}{others}: {gist}", reports[alike[0]].target);
        format!("{label} {}\n", style.wrap(&sentence, "         ").trim_start())
    };
    alike(reports).into_iter().map(line).collect()
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
