//! How a line of the report looks, and how long finding it out may take.

use std::time::Duration;

use crate::report::Tone;

pub(super) use crate::types::{Check, Severity};

/// For a probe of this machine.
pub(super) const A_MOMENT: Duration = Duration::from_secs(5);

/// For one that makes a container, or waits for another machine.
pub(super) const A_WHILE: Duration = Duration::from_secs(10);

pub(super) fn mark(severity: Severity, unicode: bool) -> &'static str {
    match (severity, unicode) {
        (Severity::Ok, true) => "\u{2713}",
        (Severity::Ok, false) => "+",
        (Severity::Note, true) => "\u{b7}",
        (Severity::Note, false) => "-",
        (Severity::Warning, _) => "!",
        (Severity::Bad, true) => "\u{2717}",
        (Severity::Bad, false) => "x",
    }
}

pub(super) fn tone(severity: Severity) -> Tone {
    match severity {
        Severity::Ok => Tone::Good,
        Severity::Note => Tone::Quiet,
        Severity::Warning => Tone::Warning,
        Severity::Bad => Tone::Bad,
    }
}

/// None when it takes too long.
pub(super) async fn within<T>(limit: Duration, probe: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, probe).await.ok()
}
