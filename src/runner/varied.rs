//! What of a job's container is other than in the last good build.

use std::collections::BTreeSet;

use crate::packaging::Factor;

/// How the container of a job is another one than that of the last good build.
#[derive(Debug, Clone, Default)]
pub(crate) struct Varied {
    pub(crate) factors: BTreeSet<Factor>,
    pub(crate) zone: &'static str,
    /// How many processes a step might run at a time in the last good build.
    pub(crate) processes: usize,
}
