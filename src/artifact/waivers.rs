//! What the recipe's author has looked at and accepts: findings that neither reject a job nor warn of it, and are told
//! with the reason for it.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{Finding, Severity, Waiver};
use crate::types::pattern;

/// The waivers of a job, each pattern with whether anything was found that it is about.
#[derive(Debug)]
pub(super) struct Waivers {
    all: Vec<(Waiver, Vec<(String, AtomicBool)>)>,
}

impl Waivers {
    pub(super) fn new(waivers: &[Waiver]) -> Waivers {
        let patterns = |waiver: &Waiver| match waiver.paths.as_slice() {
            [] => vec!["/**".to_owned()],
            paths => paths.iter().map(|path| path.trim_end_matches('/').to_owned()).collect(),
        };
        let with_patterns = |waiver: &Waiver| {
            (waiver.clone(), patterns(waiver).into_iter().map(|pattern| (pattern, AtomicBool::new(false))).collect())
        };
        Waivers { all: waivers.iter().map(with_patterns).collect() }
    }

    /// Why findings of this rule about the path are accepted; `path` is none for those about a package as a whole, which
    /// only a waiver without paths takes.
    pub(super) fn reason(&self, rule: &str, path: Option<&str>) -> Option<&str> {
        let (waiver, patterns) = self.all.iter().find(|(waiver, _)| waiver.rule == rule)?;
        let mut is_waived = false;
        for (pattern, used) in patterns {
            let meant = match path {
                Some(path) => pattern::takes(pattern, path),
                None => waiver.paths.is_empty(),
            };
            if meant {
                used.store(true, Ordering::Relaxed);
                is_waived = true;
            }
        }
        is_waived.then_some(waiver.reason.as_str())
    }

    /// A warning for each pattern that nothing was found for: what it was written for is mended, or spelled otherwise.
    pub(super) fn unused(&self) -> impl Iterator<Item = Finding> {
        let each = self.all.iter().flat_map(|(waiver, patterns)| patterns.iter().map(move |pattern| (waiver, pattern)));
        each.filter(|(_, (_, used))| !used.load(Ordering::Relaxed)).map(|(waiver, (pattern, _))| {
            let rule = &waiver.rule;
            let message = match waiver.paths.is_empty() {
                true => format!("the recipe waives `{rule}`, and nothing breaks that rule: take [waivers.{rule}] out"),
                false => format!(
                    "the recipe waives `{rule}` for {pattern}, and nothing there breaks that rule: take the path out of \
                     [waivers.{rule}]"
                ),
            };
            super::check::finding(Severity::Warning, "", "waiver-unused", message)
        })
    }
}
