//! One line of what `farm doctor` says: what was looked at, and what was found.

use std::fmt;

use serde::Serialize;

use super::printable;

/// Something that was looked at on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    pub name: &'static str,
    #[serde(rename = "state")]
    pub severity: Severity,
    pub found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    Ok,
    /// Neither good nor bad.
    Note,
    /// Some builds may fail, or take longer.
    Warning,
    Bad,
}

impl Severity {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Severity::Ok => "ok",
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Bad => "missing",
        }
    }
}

impl Check {
    pub(crate) fn new(name: &'static str, severity: Severity, found: impl Into<String>) -> Check {
        Check { name, severity, found: printable(&found.into()), mend: None }
    }

    pub(crate) fn mend(self, mend: impl Into<String>) -> Check {
        Check { mend: Some(printable(&mend.into())), ..self }
    }
}

/// For tests and logs, on one line.
impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.severity.word(), self.name, self.found)?;
        match &self.mend {
            Some(mend) => write!(f, " [{mend}]"),
            None => Ok(()),
        }
    }
}
