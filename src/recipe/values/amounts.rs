//! Sizes and durations, as they are written and shown.

use super::Complaint;

/// Number and unit pairs: `1 h 30 min`, `64MiB`. Sums them; `unit` gives a unit's size.
fn amounts(value: &str, unit: impl Fn(&str) -> Option<u64>) -> Option<u64> {
    let mut rest = value.trim();
    let mut total: u64 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let number: u64 = rest[..digits].parse().ok()?;
        rest = rest[digits..].trim_start();
        let letters = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
        total = total.checked_add(number.checked_mul(unit(&rest[..letters])?)?)?;
        rest = rest[letters..].trim_start();
    }
    Some(total)
}

/// Units of sizes, in bytes.
pub(crate) const SIZES: [(&str, u64); 10] = [
    ("B", 1),
    ("kB", 1000),
    ("KB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Bytes, from `2 GiB`, `500 MB`.
pub(crate) fn size(value: &str) -> Result<u64, Complaint> {
    amounts(value, |unit| SIZES.iter().find(|(name, _)| *name == unit).map(|(_, bytes)| *bytes)).ok_or_else(|| {
        Complaint::new("is no size", "expected a whole number and a unit")
            .help("units are B, kB, MB, GB, TB, KiB, MiB, GiB, TiB: \"2 GiB\"; an integer means bytes")
    })
}

/// Seconds, from `90 min`, `1 h 30 min`.
pub(crate) fn duration(value: &str) -> Result<u64, Complaint> {
    amounts(value, |unit| {
        Some(match unit {
            "s" | "sec" | "second" | "seconds" => 1,
            "min" | "m" | "minute" | "minutes" => 60,
            "h" | "hour" | "hours" => 3600,
            "d" | "day" | "days" => 86_400,
            _ => return None,
        })
    })
    .ok_or_else(|| {
        Complaint::new("is no length of time", "expected whole numbers and units")
            .help("units are s, min, h, d: \"90 min\", \"1 h 30 min\"; an integer means seconds")
    })
}

pub(crate) fn show_size(bytes: u64) -> String {
    let (unit, name) = [(1u64 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")]
        .into_iter()
        .find(|(unit, _)| bytes >= *unit && bytes.is_multiple_of(*unit))
        .unwrap_or((1, "B"));
    format!("{} {name}", bytes / unit)
}

pub(crate) fn show_duration(seconds: u64) -> String {
    let (unit, name) = [(86_400u64, "d"), (3600, "h"), (60, "min")]
        .into_iter()
        .find(|(unit, _)| seconds >= *unit && seconds.is_multiple_of(*unit))
        .unwrap_or((1, "s"));
    format!("{} {name}", seconds / unit)
}
