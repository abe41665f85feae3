//! What a build had of a cache that it took over from another.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A cache of a build, and what the tool that has it counted, where it counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheUse {
    /// As recipes write it: `ccache`.
    pub name: String,
    /// How often the tool found there what it looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hits: Option<u64>,
    /// How often it looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lookups: Option<u64>,
}

impl CacheUse {
    /// A cache whose tool counts nothing.
    pub(crate) fn uncounted(name: &str) -> CacheUse {
        CacheUse { name: name.to_owned(), hits: None, lookups: None }
    }

    /// Never more hits than lookups, whatever a tool in a container says.
    pub(crate) fn counted(name: &str, hits: u64, misses: u64) -> CacheUse {
        CacheUse { name: name.to_owned(), hits: Some(hits), lookups: Some(hits.saturating_add(misses)) }
    }
}

impl fmt::Display for CacheUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.hits, self.lookups) {
            (Some(hits), Some(lookups)) => write!(f, "{} {hits} of {lookups} hits", self.name),
            _ => f.write_str(&self.name),
        }
    }
}
