//! The variables of this process, as those look at them who need keys.

use std::collections::BTreeMap;

/// The variables of this process, some of which are secrets.
#[derive(Clone, Default)]
pub(crate) struct Environment(BTreeMap<String, String>);

impl Environment {
    pub(crate) fn new(variables: BTreeMap<String, String>) -> Environment {
        Environment(variables)
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// All whose name begins so.
    pub(super) fn beginning(&self, start: &str) -> impl Iterator<Item = (&str, &str)> {
        let start = start.to_owned();
        self.0
            .iter()
            .filter(move |(name, _)| name.starts_with(&start))
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Nobody prints what is in it.
impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Environment").finish_non_exhaustive()
    }
}
