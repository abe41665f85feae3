//! `[build] cache`: what a build may take over from the last good one of the same recipe and target.

use super::model::BuildCache;
use super::reader::Section;
use super::values::{Check, Complaint};

/// What else people look for, and why it is not there.
const UNSOUND: [(&[&str], &str); 2] = [
    (
        &["cargo", "target", "rust"],
        "Cargo goes by times of files, and sources of a build all have the same: it would take what it compiled of older ones",
    ),
    (&["sccache"], "sccache does not see files that macros of Rust read, and for C and C++ \"ccache\" does the same"),
];

fn known(word: &str) -> Check {
    if BuildCache::ALL.into_iter().any(|cache| cache.key() == word) {
        return Ok(());
    }
    let unsound = UNSOUND.iter().find(|(words, _)| words.contains(&word));
    let names = BuildCache::ALL.map(|cache| format!("`{}`", cache.key())).join(" and ");
    Err(match unsound {
        Some((_, reason)) => {
            Complaint::new("names a cache that farm does not keep", "this one is left out").help(*reason)
        }
        None => Complaint::new("names no cache that farm keeps", format!("there are {names}")),
    })
}

/// Sorted, each once: their order means nothing.
pub(super) fn read(section: &Section<'_>) -> Vec<BuildCache> {
    let words = section.strings("cache", known);
    BuildCache::ALL.into_iter().filter(|cache| words.iter().any(|word| word == cache.key())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_that_would_give_other_bytes_is_refused_with_its_reason() {
        for cache in BuildCache::ALL {
            known(cache.key()).unwrap();
        }
        let told = |word: &str| known(word).unwrap_err();
        for (words, reason) in UNSOUND {
            assert!(words.iter().all(|word| told(word).help.as_deref() == Some(reason)));
        }
        assert_eq!(told("npm").label, "there are `ccache` and `go`");
    }
}
