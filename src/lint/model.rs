//! A finding, as a line of a linter says it.

/// A build can make a linter say much: further findings are counted.
pub(super) const MOST_FINDINGS: usize = 2000;
/// As much of what a finding is about as is kept.
pub(super) const LONGEST_CONTEXT: usize = 300;
/// A line of a linter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// `hello`, without version and architecture.
    pub(crate) package: String,
    pub(crate) rule: String,
    /// What the linter itself calls it.
    pub(crate) grade: Grade,
    /// Where and what, in the linter's words; may be empty. Printable.
    pub(crate) context: String,
}

/// How grave a linter calls a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Grade {
    /// `I:`, `P:` and `X:` of lintian, `I:` of rpmlint.
    Remark,
    /// `W:`
    Warning,
    /// `E:`
    Error,
}
