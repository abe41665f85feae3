//! What all parts of the page write with: text of anybody's as text, and how much of it there may be.

use crate::compare;
use crate::formats::xml::escape;
use crate::types::printable;

/// A longer text of a package is cut.
const LONGEST: usize = 500;

/// Text of anybody's for an element or an attribute.
pub(super) fn shown(text: &str) -> String {
    escape(&printable(text))
}

/// The same of a package's names and paths: what cannot be seen of them is written out, as two that look alike may differ by
/// it, and very long ones are cut.
pub(super) fn named(text: &str) -> String {
    escape(&cut(&compare::visible(text), LONGEST))
}

/// The first characters of a text, and how many more it has.
pub(super) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}… ({} more characters)", &text[..end], text[end..].chars().count()),
    }
}

/// How much each may have when all together may have `total`: what the small ones do not need is for the large ones.
pub(super) fn fair(sizes: impl Iterator<Item = u64>, total: u64) -> u64 {
    let mut sizes: Vec<u64> = sizes.collect();
    sizes.sort_unstable();
    let mut left = total;
    for (at, size) in sizes.iter().enumerate() {
        let share = left / (sizes.len() - at) as u64;
        if *size > share {
            return share;
        }
        left -= size;
    }
    u64::MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_small_ones_leave_is_for_large_ones() {
        let share = |sizes: &[u64], total| fair(sizes.iter().copied(), total);
        assert_eq!(share(&[10, 20, 30], 60), u64::MAX);
        assert_eq!(share(&[10, 20, 30], 59), 29);
        assert_eq!(share(&[1000, 1, 1000], 101), 50);
        assert_eq!(share(&[9; 1000], 100), 0);
        assert_eq!(share(&[], 0), u64::MAX);
    }

    #[test]
    fn nothing_in_a_name_is_hidden() {
        assert_eq!(named("a\u{202e}b\u{200b}\u{1b}[1m<i>"), "a\\u{202e}b\\u{200b}\\u{1b}[1m&lt;i&gt;");
        assert!(named(&"ä".repeat(600)).ends_with("ä… (100 more characters)"));
        assert_eq!(shown("\u{1b}[1mred\u{202e}"), "red\\x202e");
    }
}
