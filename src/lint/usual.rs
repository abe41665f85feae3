//! Findings that say nothing of a package that is handed out by its makers, whatever their grade. A recipe that names the rule
//! has them all the same.

use super::model::Found;
use crate::types::Linter;

/// Of lintian, each with its reason.
const LINTIAN: &[&str] = &[
    // What Debian asks of who uploads to Debian.
    "bad-distribution-in-changes-file",
    "initial-upload-closes-no-bugs",
    "no-nmu-in-changelog",
    "source-nmu-has-incorrect-version-number",
    // Who holds the copyright, with years, is in the sources: a recipe has no word for it.
    "copyright-without-copyright-notice",
];

/// Of rpmlint, likewise.
const RPMLINT: &[&str] = &[
    // Packages are signed when a repository is made of them.
    "no-signature",
    // File triggers of the package `info` do it since 2018.
    "info-files-without-install-info-postin",
    "info-files-without-install-info-postun",
    // What the guidelines of Fedora and openSUSE demand of packages of one source.
    "requires-on-release",
    // In %postun rpm has erased the link, and the entry stays: %preun does it.
    "update-alternatives-postun-call-missing",
];

/// Of an rpmlint that has the settings of no distribution, rules and what their contexts begin with.
const RPMLINT_UNSET: &[(&str, &str)] = &[
    // It takes `doc` for a language.
    ("no-dependency-on", "locales-"),
    // Its own default, which no distribution has any more: they compress with gzip, or not at all. It sees no other pages.
    ("manpage-not-compressed", "bz2"),
    ("infopage-not-compressed", "bz2"),
    ("no-manual-page-for-binary", ""),
    // It has no list of licences. That of a recipe is an SPDX expression, and checked.
    ("invalid-license", ""),
    // Only openSUSE has groups.
    ("no-group-tag", ""),
    ("non-standard-group", ""),
    // Names and macros of Mandriva.
    ("no-major-in-name", ""),
    ("lib-package-without-%mklibname", ""),
];

/// `is_unset`: the linter has the settings of no distribution.
pub(super) fn is_left_out(linter: Linter, is_unset: bool, found: &Found) -> bool {
    let Found { rule, context, .. } = found;
    match linter {
        Linter::Lintian => LINTIAN.contains(&rule.as_str()),
        Linter::Rpmlint => {
            let begins = |(known, begin): &(&str, &str)| rule == known && context.starts_with(begin);
            RPMLINT.contains(&rule.as_str()) || (is_unset && RPMLINT_UNSET.iter().any(begins))
        }
    }
}
