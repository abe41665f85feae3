//! What discovery may look at, as a value, so that each layout of a host is a unit test.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Environment variables and a file system.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Surroundings {
    pub(in crate::engine) env: BTreeMap<String, String>,
    /// Prefixed to every absolute path that is read; `/` outside tests.
    pub(in crate::engine) root: PathBuf,
}

impl Surroundings {
    pub(in crate::engine) fn of_this_process() -> Surroundings {
        let env = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Surroundings { env, root: PathBuf::from("/") }
    }

    /// A variable that is set and not empty.
    pub(in crate::engine) fn var(&self, name: &str) -> Option<&str> {
        self.env.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(in crate::engine) fn home(&self) -> Option<&str> {
        self.var("HOME").or_else(|| self.var("USERPROFILE"))
    }

    /// Where a path of this host is to be read.
    pub(in crate::engine) fn below_root(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }
}
