//! Target patterns: `[RECIPE[+VARIANT]@]DISTRO[/ARCH][+VARIANT]`, as after `-t` and in `exclude`.

use super::{SOURCE, Target};
use crate::recipe::glob_matches;
use crate::types::Arch;

/// A pattern taken apart. What is left out matches everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// What stands before the `@`. Recipes may have a `+` in their name, as variants begin with one: it is compared
    /// with the recipe, and with recipe and variant together.
    recipe: Option<String>,
    pub(super) distro: Option<String>,
    arch: Option<ArchPattern>,
    /// After the distribution.
    variant: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum ArchPattern {
    One(Arch),
    Glob(String),
}

impl Pattern {
    /// # Errors
    /// A sentence without the pattern itself: "is empty".
    pub(crate) fn parse(text: &str) -> Result<Pattern, String> {
        if text.trim().is_empty() {
            return Err("is empty".to_owned());
        }
        if text.contains(char::is_whitespace) {
            return Err("holds white space".to_owned());
        }
        let some = |part: &str| Some(part).filter(|part| !part.is_empty()).map(str::to_owned);
        let (recipe, rest) = match text.split_once('@') {
            Some((recipe, rest)) => (some(recipe), rest),
            None => (None, text),
        };
        if rest.contains('@') {
            return Err("has more than one `@`".to_owned());
        }
        let (rest, variant) = match rest.split_once('+') {
            Some((_, variant)) if variant.is_empty() || variant.contains(['+', '/']) => {
                return Err("must end in the variant: DISTRO/ARCH+VARIANT".to_owned());
            }
            Some((rest, variant)) => (rest, some(variant)),
            None => (rest, None),
        };
        let (distro, arch) = match rest.split_once('/') {
            Some((distro, arch)) => (distro, some(arch)),
            None => (rest, None),
        };
        let arch = match arch {
            None => None,
            Some(arch) if arch.contains(['*', '?']) || arch == SOURCE => Some(ArchPattern::Glob(arch)),
            Some(arch) => {
                Some(ArchPattern::One(arch.parse().map_err(|_| format!("has an unknown architecture `{arch}`"))?))
            }
        };
        Ok(Pattern { recipe, distro: some(distro), arch, variant })
    }

    pub(crate) fn matches(&self, target: &Target) -> bool {
        self.matches_parts(&target.recipe, target.variant.as_deref(), &target.distro, target.kind())
    }

    /// As [`Pattern::matches`], for what a target's id says. `kind` is an architecture, by any of its names, or [`SOURCE`].
    pub(crate) fn matches_parts(&self, recipe: &str, variant: Option<&str>, distro: &str, kind: &str) -> bool {
        let is_recipe = self.recipe.as_deref().is_none_or(|pattern| {
            glob_matches(pattern, recipe)
                || variant.is_some_and(|name| glob_matches(pattern, &format!("{recipe}+{name}")))
        });
        let is_arch = self.arch.as_ref().is_none_or(|pattern| match pattern {
            ArchPattern::One(one) => kind.parse() == Ok(*one),
            ArchPattern::Glob(glob) => match kind.parse::<Arch>() {
                Ok(arch) => [arch.deb(), arch.rpm(), arch.oci().0].iter().any(|name| glob_matches(glob, name)),
                Err(_) => glob_matches(glob, kind),
            },
        });
        is_recipe
            && is_arch
            && self.distro.as_deref().is_none_or(|pattern| glob_matches(pattern, distro))
            && self.variant.as_deref().is_none_or(|pattern| variant.is_some_and(|name| glob_matches(pattern, name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Format;

    fn target(recipe: &str, distro: &str, arch: Arch, variant: Option<&str>) -> Target {
        Target {
            recipe: recipe.to_owned(),
            distro: distro.to_owned(),
            arch,
            format: if distro.starts_with("debian") { Format::Deb } else { Format::Rpm },
            variant: variant.map(str::to_owned),
            source: false,
        }
    }

    #[test]
    fn source_packages_have_a_kind_of_their_own() {
        let on = |arch, variant| target("hello", "debian-12", arch, variant);
        let all = [on(Arch::Arm64, None), on(Arch::Amd64, None), on(Arch::Amd64, Some("minimal"))];
        let sources = super::super::sources_of(&all, Arch::Amd64);
        let ids: Vec<String> =
            sources.iter().map(|source| format!("{source} {} {}", source.arch, source.folder())).collect();
        assert_eq!(
            ids,
            [
                "hello@debian-12/source amd64 hello/debian-12-source",
                "hello+minimal@debian-12/source amd64 hello/debian-12-source+minimal"
            ]
        );
        for (pattern, on_source, on_binary) in [
            ("debian-12", true, true),
            ("hello@debian-12/source", true, false),
            ("*/source", true, false),
            ("*/s*", true, false),
            ("*/amd64", false, true),
            ("*/x86_64", false, true),
        ] {
            let parsed = Pattern::parse(pattern).unwrap();
            assert_eq!(
                [&sources[0], &all[1]].map(|target| parsed.matches(target)),
                [on_source, on_binary],
                "{pattern}"
            );
        }
    }

    #[test]
    fn patterns_choose_targets() {
        let hello = target("hello", "debian-12", Arch::Amd64, None);
        let jq = target("jq", "fedora-43", Arch::Arm64, Some("minimal"));
        let plus = target("g++", "debian-12", Arch::Amd64, None);
        for (pattern, on_hello, on_jq, on_plus) in [
            ("debian-12", true, false, true),
            ("debian-*", true, false, true),
            ("*", true, true, true),
            ("*/arm64", false, true, false),
            ("*/aarch64", false, true, false),
            ("/aarch64", false, true, false),
            ("*/a*64", true, true, true),
            ("fedora-*/arm64+minimal", false, true, false),
            ("+minimal", false, true, false),
            ("*+*", false, true, false),
            ("hello@*", true, false, false),
            ("hello@", true, false, false),
            ("h*@debian-12/x86_64", true, false, false),
            ("jq+minimal@*", false, true, false),
            ("jq+full@*", false, false, false),
            ("jq@*", false, true, false),
            ("g++@*", false, false, true),
            ("hello", false, false, false),
            ("debian", false, false, false),
        ] {
            let parsed = Pattern::parse(pattern).unwrap();
            let found = [&hello, &jq, &plus].map(|target| parsed.matches(target));
            assert_eq!(found, [on_hello, on_jq, on_plus], "{pattern}");
        }
    }

    #[test]
    fn every_target_is_matched_by_its_own_id() {
        for recipe in ["hello", "g++", "libstdc++6"] {
            for variant in [None, Some("minimal")] {
                for arch in Arch::ALL {
                    for distro in ["debian-12", "opensuse-leap-15.6"] {
                        let target = target(recipe, distro, arch, variant);
                        let pattern = Pattern::parse(&target.to_string()).unwrap();
                        assert!(pattern.matches(&target), "{target}");
                    }
                }
            }
        }
    }

    #[test]
    fn patterns_that_mean_nothing_are_refused() {
        for wrong in ["", " ", "a b", "a@b@c", "debian-12/vax", "debian-12+", "debian-12+a/arm64", "debian-12+a+b"] {
            assert!(Pattern::parse(wrong).is_err(), "{wrong}");
        }
    }
}
