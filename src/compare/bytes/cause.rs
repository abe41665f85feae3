//! What probably makes two builds different: told by what stands on both sides, and by what is known to be different in the
//! two environments. A guess, and called so.

use serde::Serialize;

/// What a build took over of its environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// When it ran.
    Time,
    /// In which folder.
    Path,
    /// As which user.
    User,
    /// On which host.
    HostName,
    /// On which kernel.
    Kernel,
    /// With how many processors.
    Processors,
    /// By whose rules names are sorted.
    Locale,
    /// In which order parallel steps ended, or a folder listed its files.
    Order,
}

impl Cause {
    /// What it is, after "probably".
    pub fn words(self) -> &'static str {
        match self {
            Cause::Time => "the time of the build",
            Cause::Path => "the folder that it is built in",
            Cause::User => "the user who builds",
            Cause::HostName => "the name of the host",
            Cause::Kernel => "the kernel",
            Cause::Processors => "the number of processors",
            Cause::Locale => "names that are sorted as the locale sorts them",
            Cause::Order => "the order in which parallel steps end, or in which a folder lists its files",
        }
    }

    /// What to do about it in a project.
    pub fn help(self) -> &'static str {
        match self {
            Cause::Time => {
                "write the date of $SOURCE_DATE_EPOCH, as `date -u -d @$SOURCE_DATE_EPOCH` does; `gzip -n` leaves it out, `touch -d \
                 @$SOURCE_DATE_EPOCH` gives it to files"
            }
            Cause::Path => {
                "write names relative to the sources; compilers map them with -ffile-prefix-map=$PWD=. or --remap-path-prefix"
            }
            Cause::User => {
                "leave the user out, or name one; `tar --owner=0 --group=0 --numeric-owner` packs files as root's"
            }
            Cause::HostName => "leave the name of the host out",
            Cause::Kernel => "leave out what `uname` tells of the machine that builds",
            Cause::Processors => "leave the number of processors out of what is installed",
            Cause::Locale => {
                "sort with LC_ALL=C, as `LC_ALL=C sort` and `export LC_ALL=C` before a pattern of the shell do"
            }
            Cause::Order => {
                "let each parallel step write a file of its own, and join them in an order; sort what `find`, `ls -U` and \
                 $(wildcard) list; `tar --sort=name`"
            }
        }
    }
}

/// One thing that is different in the environments of two builds: the words by which each is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Traits {
    pub(crate) cause: Cause,
    /// What stands in the first build.
    pub(crate) before: String,
    /// What stands in the second one, in its place.
    pub(crate) after: String,
}

const NAMES: [&str; 20] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Mon", "Tue", "Wed", "Thu",
    "Fri", "Sat", "Sun", "UTC",
];

/// What makes one side the other, if that can be told.
pub(super) fn of(before: Option<&str>, after: Option<&str>, traits: &[Traits]) -> Option<Cause> {
    let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
    for one in traits {
        // In place of each other: a word that stands on both sides is no cause.
        let is_taken_over = has(after, &one.after) && !has(before, &one.after);
        let was_there = before.is_empty() || (has(before, &one.before) && before != after);
        if is_taken_over && was_there && before.replace(&one.before, &one.after) == after {
            return Some(one.cause);
        }
    }
    for one in traits.iter().filter(|one| one.cause != Cause::Processors) {
        if has(after, &one.after) && !has(before, &one.after) && (before.is_empty() || has(before, &one.before)) {
            return Some(one.cause);
        }
    }
    let (words, others) = (words(before), words(after));
    if words != others && is_permuted(&words, &others) {
        return Some(of_order(&words, &others));
    }
    (!before.is_empty() && masked(before) == masked(after) && (is_time(before) || is_time(after)))
        .then_some(Cause::Time)
}

/// Whether a text has a word, or a path, as such.
fn has(text: &str, word: &str) -> bool {
    let is_inside = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices(word).any(|(start, found)| {
        let before = text[..start].chars().next_back();
        let after = text[start + found.len()..].chars().next();
        let is_begun = found.starts_with(is_inside) && before.is_some_and(is_inside);
        let goes_on = found.ends_with(is_inside) && after.is_some_and(is_inside);
        !is_begun && !goes_on
    })
}

fn words(text: &str) -> Vec<String> {
    text.split([' ', '\t', ',', '\n', '\0']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

pub(super) fn is_permuted(before: &[String], after: &[String]) -> bool {
    if before.len() != after.len() || before.len() < 2 {
        return false;
    }
    let sorted = |words: &[String]| {
        let mut words = words.to_vec();
        words.sort_unstable();
        words
    };
    sorted(before) == sorted(after)
}

/// Why the same names come in another order: where the first build has them as bytes sort, and the second one has not,
/// somebody sorts them, by rules that are not always the same.
pub(super) fn of_order(before: &[String], after: &[String]) -> Cause {
    let folded = |name: &String| name.to_lowercase();
    // What stands around them need not be sorted: only what moved counts.
    let first = before.iter().zip(after).position(|(a, b)| a != b).unwrap_or(0);
    let last = before.iter().zip(after).rposition(|(a, b)| a != b).unwrap_or(0);
    let (old, new) = (&before[first..=last], &after[first..=last]);
    let is_by_case = new.is_sorted_by_key(folded) && !old.is_sorted_by_key(folded);
    if old.is_sorted() && is_by_case { Cause::Locale } else { Cause::Order }
}

/// A text without what is different in two times: numbers, and the names of months and days.
fn masked(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(name) = NAMES.iter().find(|name| rest.starts_with(**name)) {
            masked.push('#');
            rest = &rest[name.len()..];
            continue;
        }
        // A zone is a name or a number with its sign.
        let sign = c.len_utf8() * usize::from(matches!(c, '+' | '-'));
        let digits = rest[sign..].bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 {
            masked.push('#');
            rest = &rest[sign + digits..];
        } else {
            masked.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    // `Nov  8` and `Nov 28`
    masked.replace("  ", " ")
}

/// Whether there is a time in it: `12:30`, `2026-11`, `20261128`, seconds since 1970.
fn is_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_clock = bytes.windows(5).any(|part| {
        part[2] == b':' && [0, 1, 3, 4].iter().all(|at| part[*at].is_ascii_digit()) && part[0] < b'3' && part[3] < b'6'
    });
    let numbers = text.split(|c: char| !c.is_ascii_digit());
    let is_number_of_time = |number: &str| match number.len() {
        4 => number.starts_with("20") || number.starts_with("19"),
        8 | 12 | 14 => number.starts_with("20"),
        10 => number.starts_with('1') || number.starts_with('2'),
        _ => false,
    };
    is_clock || numbers.into_iter().any(is_number_of_time)
}
