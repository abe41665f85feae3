//! One line of the report: what was looked at, and what was found.

use std::time::Duration;

use serde::Serialize;

use crate::report::Tone;
use crate::types::printable;

/// For a probe of this machine.
pub(super) const A_MOMENT: Duration = Duration::from_secs(5);

/// For one that makes a container, or waits for another machine.
pub(super) const A_WHILE: Duration = Duration::from_secs(10);

/// One line of the screen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) state: Verdict,
    pub(super) found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mend: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    Ok,
    /// Neither good nor bad.
    Note,
    /// Some builds may fail, or take longer.
    Warning,
    Bad,
}

impl Verdict {
    pub(super) fn word(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Note => "note",
            Verdict::Warning => "warning",
            Verdict::Bad => "missing",
        }
    }

    pub(super) fn mark(self, unicode: bool) -> &'static str {
        match (self, unicode) {
            (Verdict::Ok, true) => "\u{2713}",
            (Verdict::Ok, false) => "+",
            (Verdict::Note, true) => "\u{b7}",
            (Verdict::Note, false) => "-",
            (Verdict::Warning, _) => "!",
            (Verdict::Bad, true) => "\u{2717}",
            (Verdict::Bad, false) => "x",
        }
    }

    pub(super) fn tone(self) -> Tone {
        match self {
            Verdict::Ok => Tone::Good,
            Verdict::Note => Tone::Quiet,
            Verdict::Warning => Tone::Warning,
            Verdict::Bad => Tone::Bad,
        }
    }
}

impl Check {
    pub(super) fn new(name: &'static str, state: Verdict, found: impl Into<String>) -> Check {
        Check { name, state, found: printable(&found.into()), mend: None }
    }

    pub(super) fn mend(self, mend: impl Into<String>) -> Check {
        Check { mend: Some(printable(&mend.into())), ..self }
    }
}

/// None when it takes too long.
pub(super) async fn within<T>(limit: Duration, probe: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, probe).await.ok()
}

/// A path below the user's home, as people write it.
pub(super) fn at_home(path: &str) -> String {
    let home = std::env::var("HOME").unwrap_or_default();
    match path.strip_prefix(home.trim_end_matches('/')) {
        Some(rest) if rest.starts_with('/') && home.len() > 1 => format!("~{rest}"),
        _ => path.to_owned(),
    }
}
