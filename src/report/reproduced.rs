//! Packages that came out otherwise when they were built elsewhere, as pages tell it.

use std::collections::BTreeSet;

use super::outcome::safe;
use crate::compare::ByteDifference;
use crate::event::JobReport;
use crate::packaging::Factor;

/// Places that are shown.
const MOST_SHOWN: usize = 10;

pub(super) fn explain(varied: &[Factor], differences: &[ByteDifference]) -> Vec<String> {
    let mut lines = vec![format!("built once more with another {}, packages are not the same:", words(varied))];
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

/// What was another one, the time among it.
fn words(varied: &[Factor]) -> String {
    let words: Vec<&str> = ["time"].into_iter().chain(varied.iter().map(|factor| factor.as_str())).collect();
    words.join(", ")
}

/// How to find out more where no cause is known.
pub(super) fn help(report: &JobReport, differences: &[ByteDifference]) -> Option<String> {
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
