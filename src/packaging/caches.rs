//! Caches that a build takes over from the last good one of the same recipe and target: one table of what each tool wants
//! for it. How they come into a container and out of it is `runner`'s business.
//!
//! A cache must not change a byte of a package. So a cache is only used with the very packages that it was filled with,
//! ccache is configured by nothing that lies in the cache, and does not trust its memory of which headers there are; Go's
//! is used without cgo alone, which does not look at headers outside a package's folder.

use std::collections::BTreeMap;

use super::Packaging;
use crate::distro::Distro;
use crate::recipe::{BuildCache, Recipe};
use crate::types::CacheUse;

/// Where caches lie in a build's container, a folder each: all of it is kept.
pub(crate) const CACHES_ROOT: &str = "/build/caches";

/// What one tool wants.
struct Kind {
    cache: BuildCache,
    /// The program, and the package of that name in the builder; none where the build has it anyway.
    program: Option<&'static str>,
    env: &'static [(&'static str, &'static str)],
    /// Shell that a step begins with, when the folders of the caches are there.
    begin: &'static str,
    count: Option<Count>,
}

/// How a tool tells what it found.
struct Count {
    script: &'static str,
    /// Hits and misses.
    read: fn(&str) -> Option<(u64, u64)>,
}

const KINDS: [Kind; 2] = [
    Kind {
        cache: BuildCache::Ccache,
        program: Some("ccache"),
        env: &[
            ("CCACHE_DIR", "/build/caches/ccache"),
            // Not there: a configuration that a build left in the cache is none of the next one's.
            ("CCACHE_CONFIGPATH", "/build/cache-tools/ccache.conf"),
            ("CCACHE_MAXSIZE", "1G"),
            ("CCACHE_COMPILERCHECK", "content"),
            // A new header that is found before one that was there has to count.
            ("CCACHE_NODIRECT", "1"),
        ],
        begin: include_str!("scripts/ccache.sh"),
        count: Some(Count { script: "ccache --print-stats", read: ccache_counts }),
    },
    Kind { cache: BuildCache::Go, program: None, env: &[("GOCACHE", "/build/caches/go")], begin: "", count: None },
];

fn kinds(recipe: &Recipe) -> impl Iterator<Item = &'static Kind> {
    KINDS.iter().filter(|kind| recipe.build.cache.contains(&kind.cache))
}

/// Packages that a builder needs for them.
pub(super) fn packages(recipe: &Recipe) -> impl Iterator<Item = String> {
    kinds(recipe).filter_map(|kind| kind.program).map(str::to_owned)
}

/// `packaging` with steps that use the recipe's caches; what the recipe says itself of their environment stays.
pub(super) fn with_caches(mut packaging: Packaging, recipe: &Recipe) -> Packaging {
    if recipe.build.cache.is_empty() {
        return packaging;
    }
    let begin: String = kinds(recipe).map(|kind| kind.begin).collect();
    for step in &mut packaging.steps {
        for (name, value) in kinds(recipe).flat_map(|kind| kind.env) {
            step.env.entry((*name).to_owned()).or_insert_with(|| (*value).to_owned());
        }
        step.script = format!("set -eu\n{}{begin}{}", include_str!("scripts/caches.sh"), step.script);
    }
    packaging
}

/// What keeps a recipe from its caches where `builder` is what it is built on, as sentences. None: in an image that is
/// taken as it is.
pub(super) fn check(recipe: &Recipe, builder: Option<&Distro>) -> Vec<String> {
    let mut problems = Vec::new();
    for kind in kinds(recipe) {
        let name = kind.cache.key();
        if let (Some(program), Some(distro)) = (kind.program, builder)
            && !distro.build_caches.iter().any(|known| known == program)
            && !recipe.build.requires.iter().any(|required| required == program)
        {
            problems.push(format!(
                "[build] cache: {} has no package {program} in the repositories that farm uses: add one that has it to \
                 [[repositories]], and \"{program}\" to [build] requires; or say cache = [] for it in an [override]",
                distro.name
            ));
        }
        if kind.cache == BuildCache::Go && recipe.build.env.get("CGO_ENABLED").is_none_or(|value| value != "0") {
            problems.push(format!(
                "[build] cache: with cgo, \"{name}\" could put old code into the packages, because Go's cache does not see \
                 changes of headers outside a package's folder: set CGO_ENABLED = \"0\" in [build] env, or leave it out"
            ));
        }
    }
    problems
}

/// A question to a tool in a container in which a build has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CacheQuestion {
    /// Run by `sh -c` as the build's user.
    pub(crate) script: String,
    pub(crate) env: BTreeMap<String, String>,
}

/// The caches that a build of `recipe` used, in the order of their names, and what to ask where the tool counts.
pub(crate) fn cache_questions(recipe: &Recipe) -> Vec<(BuildCache, Option<CacheQuestion>)> {
    let question = |kind: &Kind| {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let script = kind.count.as_ref()?.script.to_owned();
        Some(CacheQuestion { script, env: kind.env.iter().map(owned).collect() })
    };
    kinds(recipe).map(|kind| (kind.cache, question(kind))).collect()
}

/// What the answer says. It comes out of a container in which anything may have run: nothing of it counts but numbers.
pub(crate) fn cache_use(cache: BuildCache, answer: &str) -> CacheUse {
    let count = KINDS.iter().find(|kind| kind.cache == cache).and_then(|kind| kind.count.as_ref());
    match count.and_then(|count| (count.read)(answer)) {
        Some((hits, misses)) => CacheUse::counted(cache.key(), hits, misses),
        None => CacheUse::uncounted(cache.key()),
    }
}

/// Of lines `NAME<tab>NUMBER` (ccache(1), --print-stats).
fn ccache_counts(answer: &str) -> Option<(u64, u64)> {
    let mut counts = (0_u64, 0_u64);
    let mut found = false;
    for line in answer.lines() {
        let Some((name, Ok(number))) = line.split_once('\t').map(|(name, number)| (name, number.trim().parse::<u64>()))
        else {
            continue;
        };
        let count = match name {
            "direct_cache_hit" | "preprocessed_cache_hit" => &mut counts.0,
            "cache_miss" => &mut counts.1,
            _ => continue,
        };
        *count = count.saturating_add(number);
        found = true;
    }
    found.then_some(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cache_has_a_row_and_lies_below_the_folder_that_is_kept() {
        assert_eq!(KINDS.map(|kind| kind.cache), BuildCache::ALL);
        for kind in &KINDS {
            let folder = format!("{CACHES_ROOT}/{}", kind.cache.key());
            assert!(kind.env.iter().any(|(_, value)| *value == folder), "{folder}");
        }
    }

    #[test]
    fn of_what_ccache_says_only_numbers_count() {
        let answer =
            "stats_zeroed_timestamp\t1700000000\ndirect_cache_hit\t3\npreprocessed_cache_hit\t38\ncache_miss\t1\n";
        let used = cache_use(BuildCache::Ccache, answer);
        assert_eq!(used.to_string(), "ccache 41 of 42 hits");
        for hostile in ["", "cache_miss", "cache_miss\t-1\n", "cache_miss\tx\u{1b}[31m\n", "\0\0\t1"] {
            assert_eq!(cache_use(BuildCache::Ccache, hostile), CacheUse::uncounted("ccache"), "{hostile:?}");
        }
        let many = format!("direct_cache_hit\t{0}\ncache_miss\t{0}\ncache_miss\t{0}\n", u64::MAX);
        assert_eq!(cache_use(BuildCache::Ccache, &many), CacheUse::counted("ccache", u64::MAX, u64::MAX));
        assert_eq!(cache_use(BuildCache::Go, answer), CacheUse::uncounted("go"));
    }
}
