//! Versions of packages: the order that dpkg and rpm put them in, and what each takes for a version (deb-version(7), Debian
//! Policy 5.6.12; rpm-version(7) and `build/parseReqs.c` of rpm). The orders are those of the crates `debversion` and
//! `rpm_version`, which nobody else needs to know.

use std::cmp::Ordering;

use crate::types::Format;

pub(crate) use debversion::Version as DebVersion;

/// As dpkg, or rpm, compares two versions. rpm leaves a release out of account that only one of the two has.
pub(crate) fn compare(format: Format, one: &str, other: &str) -> Ordering {
    match format {
        Format::Deb => match (one.parse::<DebVersion>(), other.parse::<DebVersion>()) {
            (Ok(one), Ok(other)) => one.cmp(&other),
            // Neither was written by farm: the format's own tools will say so.
            _ => one.cmp(other),
        },
        Format::Rpm => {
            let without_release = |evr: &str| evr.rsplit_once('-').map_or(evr, |(version, _)| version).to_owned();
            let (one, other) = match (one.contains('-'), other.contains('-')) {
                (true, false) => (without_release(one), other.to_owned()),
                (false, true) => (one.to_owned(), without_release(other)),
                _ => (one.to_owned(), other.to_owned()),
            };
            rpm_version::Evr::parse(&one).cmp(&rpm_version::Evr::parse(&other))
        }
    }
}

/// A version as names of files have it: `2.10-1` of `1:2.10-1`.
pub(crate) fn without_epoch(version: &str) -> &str {
    version.split_once(':').map_or(version, |(_, rest)| rest)
}

/// The project's part of the version of a .deb: `2.10` of `1:2.10-3`.
pub(crate) fn upstream(version: &str) -> &str {
    let version = without_epoch(version);
    version.rsplit_once('-').map_or(version, |(upstream, _)| upstream)
}

/// Whether a format takes it for a version. rpm's may be without a release.
///
/// # Errors
/// A sentence that names the version.
pub(crate) fn check(format: Format, version: &str) -> Result<(), String> {
    match format {
        Format::Deb => check_deb(version),
        Format::Rpm => check_rpm(version),
    }
}

/// deb-version(7)
fn check_deb(version: &str) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("`{version}` is no version of a Debian package: {why}"));
    let (epoch, rest) = version.split_once(':').map_or(("0", version), |(epoch, rest)| (epoch, rest));
    if epoch.parse::<i32>().map_or(true, |epoch| epoch < 0) || !epoch.bytes().all(|b| b.is_ascii_digit()) {
        return wrong("what stands before the colon must be a number");
    }
    let (upstream, revision) = rest.rsplit_once('-').map_or((rest, None), |(rest, revision)| (rest, Some(revision)));
    if !upstream.starts_with(|c: char| c.is_ascii_digit()) {
        return wrong("it must begin with a digit");
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '~');
    if let Some(c) = upstream.chars().find(|c| !plain(*c) && !matches!(c, '-' | ':')) {
        return wrong(&format!("`{c}` is not allowed"));
    }
    match revision {
        Some("") => wrong("there is nothing behind the last hyphen"),
        Some(revision) if !revision.chars().all(plain) => wrong("its revision holds letters, digits, `.`, `+` and `~`"),
        _ => Ok(()),
    }
}

/// `[epoch:]version[-release]`, as rpmbuild checks it.
fn check_rpm(version: &str) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("`{version}` is no version of an RPM package: {why}"));
    let (epoch, rest) = version.split_once(':').map_or(("0", version), |(epoch, rest)| (epoch, rest));
    if epoch.parse::<u32>().is_err() || !epoch.bytes().all(|b| b.is_ascii_digit()) {
        return wrong("what stands before the colon must be a number");
    }
    if rest.split('-').any(str::is_empty) || rest.matches('-').count() > 1 {
        return wrong("one hyphen may stand in it, between version and release");
    }
    if !rest.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return wrong("it must begin with a letter or digit");
    }
    match rest.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '+' | '~' | '^' | '_' | '-')) {
        Some(c) => wrong(&format!("`{c}` is not allowed")),
        None => Ok(()),
    }
}
