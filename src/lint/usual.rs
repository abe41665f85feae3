//! Findings that say nothing of a package that is handed out by its makers, whatever their grade. A recipe that names the rule
//! has them all the same.

use super::model::Found;
use crate::types::Linter;

/// Of lintian: what Debian asks of who uploads to Debian.
const LINTIAN: &[&str] = &[
    "bad-distribution-in-changes-file",
    "initial-upload-closes-no-bugs",
    "no-nmu-in-changelog",
    "source-nmu-has-incorrect-version-number",
];

/// Of rpmlint, each with its reason.
const RPMLINT: &[&str] = &[
    // Packages are signed when a repository is made of them.
    "no-signature",
    // File triggers of the package `info` do it since 2018.
    "info-files-without-install-info-postin",
    "info-files-without-install-info-postun",
    // A macro of Mandriva.
    "lib-package-without-%mklibname",
    // In %postun rpm has erased the link, and the entry stays: %preun does it.
    "update-alternatives-postun-call-missing",
];

/// Of rpmlint, rules and what their contexts begin with, where it has the settings of no distribution.
const RPMLINT_UNSET: &[(&str, &str)] = &[
    // It takes `doc` for a language.
    ("no-dependency-on", "locales-"),
    // Its own default, which no distribution has any more: they compress with gzip, or not at all.
    ("manpage-not-compressed", "bz2"),
    ("infopage-not-compressed", "bz2"),
    // It has no list of licences. That of a recipe is an SPDX expression, and checked.
    ("invalid-license", ""),
];

pub(super) fn is_left_out(linter: Linter, found: &Found) -> bool {
    let Found { rule, context, .. } = found;
    match linter {
        Linter::Lintian => LINTIAN.contains(&rule.as_str()),
        Linter::Rpmlint => {
            let begins = |(known, begin): &(&str, &str)| rule == known && context.starts_with(begin);
            RPMLINT.contains(&rule.as_str()) || RPMLINT_UNSET.iter().any(begins)
        }
    }
}
