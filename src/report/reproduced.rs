//! Packages that came out otherwise when they were built elsewhere, as pages tell it.

use std::collections::BTreeSet;

use super::outcome::safe;
use super::style::count;
use crate::compare::ByteDifference;
use crate::event::{JobReport, Stated};
use crate::packaging::Factor;

/// Places that are shown.
const MOST_SHOWN: usize = 10;

/// What to do where a builder has others packages than a .buildinfo says.
pub(super) const OTHER_PACKAGES: &str = "the archive has moved on since: --mirror names one of a former state; --nearest builds with what there is, and says so";

pub(super) fn explain(varied: &[Factor], stated: Option<&Stated>, differences: &[ByteDifference]) -> Vec<String> {
    let mut lines = vec![match stated {
        None => format!("built once more with another {}, packages are not the same:", words(varied)),
        Some(stated) if stated.others.is_empty() => {
            format!("built as {} says, packages are not those that it names:", safe(&stated.file))
        }
        Some(stated) => format!(
            "built as far as can be as {} says, though {}, packages are not those that it names:",
            safe(&stated.file),
            others(stated)
        ),
    }];
    let mut causes = BTreeSet::new();
    // One of each cause is worth more than many of one.
    let (first, others): (Vec<_>, Vec<_>) =
        differences.iter().partition(|difference| difference.cause.is_none_or(|cause| causes.insert(cause)));
    for difference in first.iter().chain(&others).take(MOST_SHOWN) {
        lines.push(format!("  {}", safe(&difference.told())));
        for (sign, text) in [('-', &difference.before), ('+', &difference.after)] {
            if let Some(text) = text {
                lines.push(format!("    {sign} {}", safe(text)));
            }
        }
        if let Some(cause) = difference.cause.filter(|cause| causes.remove(cause)) {
            lines.push(format!("    {}", cause.help()));
        }
    }
    if differences.len() > MOST_SHOWN {
        lines.push(format!("  and {} more, in the log", differences.len() - MOST_SHOWN));
    }
    lines
}

/// `1 package, byte by byte the same with another time, path, user`
pub(super) fn detail(varied: &[Factor], packages: String) -> String {
    format!("{packages}, byte by byte the same with another {}", words(varied))
}

/// `1 package, byte by byte what hello_2.10-3_amd64.buildinfo says`
pub(super) fn as_stated(stated: &Stated) -> String {
    let packages = count(stated.packages, "package", "packages");
    let but = if stated.others.is_empty() { String::new() } else { format!(", though {}", others(stated)) };
    format!("{packages}, byte by byte what {} says{but}", safe(&stated.file))
}

fn others(stated: &Stated) -> String {
    match &stated.others[..] {
        [one] => format!("in the builder {}", safe(one)),
        others => format!("{} packages of the builder are others", others.len()),
    }
}

/// What was another one, the time among it.
fn words(varied: &[Factor]) -> String {
    let words: Vec<&str> = ["time"].into_iter().chain(varied.iter().map(|factor| factor.as_str())).collect();
    words.join(", ")
}

/// How to find out more where no cause is known.
pub(super) fn help(report: &JobReport, stated: Option<&Stated>, differences: &[ByteDifference]) -> Option<String> {
    if stated.is_some() {
        let folder = report.folder.display();
        return Some(format!(
            "what was built is in {folder}/broken; packages that lie beside the .buildinfo are compared byte by byte; \
             `diffoscope` shows all that is different in two of them"
        ));
    }
    if differences.iter().any(|difference| difference.cause.is_some()) {
        return None;
    }
    let file = differences.first().map(|difference| difference.file_name.as_str()).unwrap_or_default();
    let folder = report.folder.display();
    Some(format!(
        "`farm verify --vary path` and the like vary one thing alone; `diffoscope {folder}/{file} {folder}/broken/{file}` \
         shows all that is different"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Cause;

    #[test]
    fn what_a_buildinfo_says_is_told_by_its_name() {
        let stated = |others: &[&str]| Stated {
            file: "a_1_amd64.buildinfo".to_owned(),
            packages: 2,
            others: others.iter().map(|other| (*other).to_owned()).collect(),
        };
        assert_eq!(as_stated(&stated(&[])), "2 packages, byte by byte what a_1_amd64.buildinfo says");
        assert_eq!(
            as_stated(&stated(&["gcc is 2 and not 1"])),
            "2 packages, byte by byte what a_1_amd64.buildinfo says, though in the builder gcc is 2 and not 1"
        );
        let difference = ByteDifference {
            file_name: "a_1_amd64.deb".to_owned(),
            place: "/usr/share/a/built, line 1".to_owned(),
            before: Some("1".to_owned()),
            after: None,
            cause: Some(Cause::Time),
        };
        let lines = explain(&[], Some(&stated(&["a", "b"])), &[difference]);
        assert_eq!(
            lines[..3],
            [
                "built as far as can be as a_1_amd64.buildinfo says, though 2 packages of the builder are others, packages \
                 are not those that it names:",
                "  a_1_amd64.deb: /usr/share/a/built, line 1: probably the time of the build",
                "    - 1",
            ]
        );
    }
}
