//! From how a project writes its versions to versions that sort right in both formats. Pure.

/// Words by which projects call what comes before a release, longest first where one begins with another.
const PRE_RELEASES: [&str; 10] =
    ["alpha", "beta", "preview", "pre", "rc", "dev", "snapshot", "nightly", "canary", "next"];
/// Letters that mean the same when a number follows: `2.0a1`. Alone they come after a release: `1.0.2a`.
const SHORT_PRE_RELEASES: [&str; 3] = ["a", "b", "c"];

/// Characters of a commit id in versions: always as many, or clones of different sizes would not agree.
const SHORT_COMMIT: usize = 7;

/// The version that a tag names: `v1.4.2-rc1` is `1.4.2~rc1`. What stands before the version is dropped: what `glob`
/// begins with, the package's name, letters. Empty when there is no digit in it.
pub(super) fn of_tag(tag: &str, name: &str, glob: Option<&str>) -> String {
    let literal = glob.map_or("", |glob| glob.split(['*', '?', '[']).next().unwrap_or_default());
    let literal = literal.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let rest = tag.strip_prefix(literal).unwrap_or(tag);
    let rest = rest.rsplit('/').next().unwrap_or(rest);
    let rest = rest.strip_prefix(name).filter(|rest| rest.starts_with(['-', '_'])).unwrap_or(rest);
    spelled(rest.trim_start_matches(|c: char| !c.is_ascii_digit()))
}

/// A version in the spelling of both formats: pre-releases behind `~`, no `-` and `_`.
pub(super) fn spelled(text: &str) -> String {
    let (text, build) = text.split_once('+').map_or((text, None), |(text, build)| (text, Some(build)));
    let mut version = match pre_release(text) {
        Some((before, word, after)) => {
            let after = after.strip_prefix(['-', '_']).unwrap_or(after);
            format!("{}~{}{}", separated(before), word.to_ascii_lowercase(), after.replace(['-', '_'], "."))
        }
        None => separated(text),
    };
    if let Some(build) = build {
        version.push('+');
        version.push_str(&build.replace(['-', '_'], "."));
    }
    version
}

/// `1_4_2`, `2026-11-24` and `1.4-2` without what versions may not hold: what follows a `-` came after the release.
fn separated(text: &str) -> String {
    let later = if text.contains('.') { "+" } else { "." };
    text.replace('_', ".").replacen('-', later, 1).replace('-', ".")
}

/// What stands before a word for pre-releases, the word, and what follows it.
fn pre_release(text: &str) -> Option<(&str, &str, &str)> {
    let lower = text.to_ascii_lowercase();
    let bytes = lower.as_bytes();
    (1..lower.len()).find_map(|at| {
        let before = bytes[at - 1];
        if !(before.is_ascii_digit() || matches!(before, b'-' | b'_' | b'.' | b'~')) {
            return None;
        }
        let rest = lower.get(at..)?;
        let word = PRE_RELEASES
            .iter()
            .find(|word| {
                rest.strip_prefix(**word).is_some_and(|after| !after.starts_with(|c: char| c.is_ascii_alphabetic()))
            })
            .or_else(|| {
                SHORT_PRE_RELEASES.iter().find(|word| {
                    rest.strip_prefix(**word).is_some_and(|after| after.starts_with(|c: char| c.is_ascii_digit()))
                })
            })?;
        let (before, after) = (&text[..at], &text[at + word.len()..]);
        Some((before.trim_end_matches(['-', '_', '.', '~']), &text[at..at + word.len()], after))
    })
}

/// Where a tree stands: how many commits after what, at which commit, and whether files differ from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) commits: u64,
    pub(super) commit: String,
    pub(super) dirty: bool,
}

impl Standing {
    /// `git12.abc1234.dirty`: grows with each commit. The word in front keeps rpm from taking the number for one of the
    /// version's own, so that `1.4.2.1` comes later.
    fn mark(&self) -> String {
        let commit = self.commit.get(..SHORT_COMMIT).unwrap_or(&self.commit);
        format!("git{}.{commit}{}", self.commits, if self.dirty { ".dirty" } else { "" })
    }

    /// The version of this tree, of which `released` is the last release: that itself, or something after it and before
    /// all that could follow it.
    pub(super) fn after(&self, released: &str) -> String {
        if self.commits == 0 && !self.dirty { released.to_owned() } else { format!("{released}+{}", self.mark()) }
    }

    /// The version of this tree when nothing was released yet: something before the first release.
    pub(super) fn before(&self, first: &str) -> String {
        format!("{first}~{}", self.mark())
    }
}

/// Takes `v1.4.2-12-gabc…` of `git describe --long` apart: tag and number of commits.
pub(super) fn described(text: &str) -> Option<(&str, u64)> {
    let (rest, _) = text.rsplit_once("-g")?;
    let (tag, commits) = rest.rsplit_once('-')?;
    Some((tag, commits.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::*;

    #[test]
    fn tags_become_versions() {
        for (tag, version) in [
            ("v1.4.2", "1.4.2"),
            ("1.4.2", "1.4.2"),
            ("V2.0", "2.0"),
            ("greeter-1.4", "1.4"),
            ("greeter_1_4_2", "1.4.2"),
            ("release/1.4", "1.4"),
            ("version-3", "3"),
            ("v1.4.2-rc1", "1.4.2~rc1"),
            ("v1.4.2-RC.1", "1.4.2~rc.1"),
            ("v1.4.2-rc-1", "1.4.2~rc1"),
            ("1.4.2rc1", "1.4.2~rc1"),
            ("1.0.0-alpha.2+build.5", "1.0.0~alpha.2+build.5"),
            ("2.0a1", "2.0~a1"),
            ("2.0b2", "2.0~b2"),
            ("1.0.2a", "1.0.2a"),
            ("3.1-preview3", "3.1~preview3"),
            ("1.4.2-1", "1.4.2+1"),
            ("1.4.2-p1", "1.4.2+p1"),
            ("1.0.post1", "1.0.post1"),
            ("2026-11-24", "2026.11.24"),
            ("1.0-recent", "1.0+recent"),
            ("latest", ""),
        ] {
            assert_eq!(of_tag(tag, "greeter", None), version, "{tag}");
        }
        assert_eq!(of_tag("libgreet2-1.4", "greeter", Some("libgreet2-*")), "1.4");
        assert_eq!(of_tag("v1.4", "greeter", Some("v1.*")), "1.4");
        assert_eq!(of_tag("v4-ü1", "greeter", None), "4.ü1", "what is no version is told by its check");
    }

    #[test]
    fn git_describes() {
        assert_eq!(described("v1.4.2-12-gabcdef"), Some(("v1.4.2", 12)));
        assert_eq!(described("with-g-1.0-rc1-0-gabcdef"), Some(("with-g-1.0-rc1", 0)));
        assert_eq!(described("abcdef"), None);
    }

    /// As dpkg and rpm order them, for packages of the same release.
    #[track_caller]
    fn rises(versions: &[String]) {
        for pair in versions.windows(2) {
            let (older, newer) = (&pair[0], &pair[1]);
            let deb = |version: &str| format!("{version}-1~deb12").parse::<debversion::Version>().unwrap();
            assert_eq!(deb(older).cmp(&deb(newer)), Ordering::Less, "deb: {older} < {newer}");
            let rpm = |version| rpm_version::Evr::new("", version, "1.fc43");
            assert_eq!(rpm(older.as_str()).cmp(&rpm(newer)), Ordering::Less, "rpm: {older} < {newer}");
        }
    }

    #[test]
    fn trees_sort_between_the_releases_around_them() {
        let tree = |commits, dirty| Standing { commits, commit: "abc1234def".to_owned(), dirty };
        let at = |tag: &str| of_tag(tag, "greeter", None);
        let (last, candidate) = (at("v1.4.2"), at("v1.5.0-rc1"));
        rises(&[
            at("v1.4.2-rc2"),
            last.clone(),
            tree(0, true).after(&last),
            tree(1, false).after(&last),
            tree(9, true).after(&last),
            tree(12, false).after(&last),
            tree(12, true).after(&last),
            at("v1.4.2.1"),
            at("v1.4.3-rc1"),
            at("v1.4.3"),
            candidate.clone(),
            tree(3, false).after(&candidate),
            at("v1.5.0-rc2"),
            at("v1.5.0"),
        ]);
        rises(&[tree(1, false).before("0.1.0"), tree(20, true).before("0.1.0"), at("v0.1.0-rc1"), "0.1.0".to_owned()]);
        assert_eq!(tree(12, false).after(&last), "1.4.2+git12.abc1234");
        assert_eq!(tree(0, false).after(&last), "1.4.2");
        assert_eq!(tree(0, true).after(&last), "1.4.2+git0.abc1234.dirty");
    }
}
