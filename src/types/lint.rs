//! Words about linters that recipes, distributions and reports share.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A program that looks for what is unusual in packages, by the rules of a distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Linter {
    /// Debian's, for .deb packages: lintian(1).
    Lintian,
    /// For .rpm packages: rpmlint(1), of version 1 or 2.
    Rpmlint,
}

impl Linter {
    /// Every linter.
    pub(crate) const ALL: [Linter; 2] = [Linter::Lintian, Linter::Rpmlint];

    /// The program's name: `lintian`.
    pub fn as_str(self) -> &'static str {
        match self {
            Linter::Lintian => "lintian",
            Linter::Rpmlint => "rpmlint",
        }
    }
}

impl fmt::Display for Linter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a finding of a linter is to the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LintLevel {
    /// Nobody is told.
    Off,
    /// People are told; the job succeeds all the same.
    Warn,
    /// The job is rejected.
    Require,
}

impl LintLevel {
    /// Every level, from the mildest on.
    pub(crate) const ALL: [LintLevel; 3] = [LintLevel::Off, LintLevel::Warn, LintLevel::Require];

    /// The word for it in recipes: `warn`.
    pub fn as_str(self) -> &'static str {
        match self {
            LintLevel::Off => "off",
            LintLevel::Warn => "warn",
            LintLevel::Require => "require",
        }
    }
}
