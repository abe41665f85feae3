//! The same part of two builds, with other contents: where they part, and what stands there.

use std::collections::BTreeMap;
use std::io::Read;

use super::Found;
use super::cause::{self, Cause, Traits};

/// As much of what gzip packed.
const LARGEST_UNPACKED: u64 = 64 << 20;
/// A gzip member's header (RFC 1952): the magic, and where the time is.
const GZIP: [u8; 2] = [0x1f, 0x8b];
const GZIP_TIME: std::ops::Range<usize> = 4..8;
/// Shorter runs of printable characters are no strings (as for strings(1)).
const SHORTEST_STRING: usize = 4;
/// Pairs of lines or strings that are looked at for a cause.
const MOST_PAIRS: usize = 2000;
/// Characters before the first difference in a long line.
const BEFORE: usize = 60;

/// Looks into contents that are not the same.
pub(super) fn look(place: &str, before: &[u8], after: &[u8], traits: &[Traits]) -> Found {
    if before.starts_with(&GZIP) && after.starts_with(&GZIP) {
        return packed(place, before, after, traits);
    }
    match (text(before), text(after)) {
        (Some(old), Some(new)) => lines(place, old, new, traits),
        _ => binary(place, before, after, traits),
    }
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

fn packed(place: &str, before: &[u8], after: &[u8], traits: &[Traits]) -> Found {
    let unpack = |bytes: &[u8]| {
        let mut unpacked = Vec::new();
        let read = flate2::read::MultiGzDecoder::new(bytes).take(LARGEST_UNPACKED).read_to_end(&mut unpacked);
        read.ok().map(|_| unpacked)
    };
    let inside = format!("{place}, unpacked");
    match (unpack(before), unpack(after)) {
        (Some(old), Some(new)) if old != new => return look(&inside, &old, &new, traits),
        (Some(_), Some(_)) => {}
        _ => return binary(place, before, after, traits),
    }
    let time = |bytes: &[u8]| {
        let time = bytes.get(GZIP_TIME).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes);
        format!("{time} seconds since 1970")
    };
    let (old, new) = (time(before), time(after));
    if old != new {
        return Found::new(format!("{place}, the time in its gzip header"), &old, &new, Some(Cause::Time));
    }
    Found { place: format!("{place}, how gzip packed it"), before: None, after: None, cause: None }
}

fn lines(place: &str, before: &str, after: &str, traits: &[Traits]) -> Found {
    let owned = |text: &str| -> Vec<String> { text.lines().map(str::to_owned).collect() };
    let (old, new) = (owned(before), owned(after));
    if cause::is_permuted(&old, &new)
        && let Some(at) = old.iter().zip(&new).position(|(a, b)| a != b)
    {
        let place = format!("{place}, the order of its lines, from line {}", at + 1);
        return Found::new(place, &old[at], &new[at], Some(cause::of_order(&old, &new)));
    }
    let common = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let (gone, come) = only(&old[common..], &new[common..]);
    match telling(&gone, &come, traits) {
        Some((one, other, cause)) => {
            let at = new.iter().position(|line| line == other).or_else(|| old.iter().position(|line| line == one));
            let place = format!("{place}, line {}", at.map_or(common, |at| at) + 1);
            let (one, other) = around(one, other);
            Found::new(place, &one, &other, cause)
        }
        None => {
            let place = format!("{place}, the end of its last line");
            Found { place, before: None, after: None, cause: None }
        }
    }
}

fn binary(place: &str, before: &[u8], after: &[u8], traits: &[Traits]) -> Found {
    let offset = before.iter().zip(after).take_while(|(a, b)| a == b).count();
    let (old, new) = (strings(before), strings(after));
    if cause::is_permuted(&old, &new)
        && let Some(at) = old.iter().zip(&new).position(|(a, b)| a != b)
    {
        let place = format!("{place}, the order of its strings");
        return Found::new(place, &old[at], &new[at], Some(cause::of_order(&old, &new)));
    }
    let (gone, come) = only(&old, &new);
    match telling(&gone, &come, traits) {
        Some((one, other, cause)) if cause.is_some() || (!one.is_empty() && !other.is_empty()) => {
            let (one, other) = around(one, other);
            Found::new(format!("{place}, a string in it (it differs from byte {offset} on)"), &one, &other, cause)
        }
        _ => {
            let bytes = |bytes: &[u8]| hex::encode(&bytes[offset.min(bytes.len())..(offset + 16).min(bytes.len())]);
            Found::new(format!("{place}, from byte {offset} on"), &bytes(before), &bytes(after), None)
        }
    }
}

/// What stands in one list and not in the other, in order; of what is there several times, as often as it is there more.
fn only<'a>(before: &'a [String], after: &'a [String]) -> (Vec<&'a str>, Vec<&'a str>) {
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    before.iter().for_each(|line| *counts.entry(line.as_str()).or_default() += 1);
    after.iter().for_each(|line| *counts.entry(line.as_str()).or_default() -= 1);
    let mut take = |lines: &'a [String], sign: i64| -> Vec<&'a str> {
        let mut taken = Vec::new();
        for line in lines {
            let left = counts.entry(line.as_str()).or_default();
            if *left * sign > 0 {
                *left -= sign;
                taken.push(line.as_str());
            }
        }
        taken
    };
    (take(before, 1), take(after, -1))
}

/// The first pair of lines that tells a cause, else the first pair.
fn telling<'a>(gone: &[&'a str], come: &[&'a str], traits: &[Traits]) -> Option<(&'a str, &'a str, Option<Cause>)> {
    let pair = |at: usize| (gone.get(at).copied().unwrap_or_default(), come.get(at).copied().unwrap_or_default());
    let count = gone.len().max(come.len()).min(MOST_PAIRS);
    let pairs = (0..count).map(pair);
    let told = pairs.clone().find_map(|(one, other)| {
        let cause = cause::of(Some(one), Some(other), traits)?;
        Some((one, other, Some(cause)))
    });
    told.or_else(|| pairs.into_iter().next().map(|(one, other)| (one, other, None)))
}

/// Both without what long lines have in common before the difference.
fn around(one: &str, other: &str) -> (String, String) {
    let common = one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
    let cut = |text: &str| match common.saturating_sub(BEFORE) {
        0 => text.trim_start().to_owned(),
        skipped => format!("...{}", text.chars().skip(skipped).collect::<String>()),
    };
    (cut(one), cut(other))
}

fn strings(bytes: &[u8]) -> Vec<String> {
    bytes
        .split(|byte| !(0x20..0x7f).contains(byte) && *byte != b'\t')
        .filter(|run| run.len() >= SHORTEST_STRING)
        .map(|run| String::from_utf8_lossy(run).into_owned())
        .collect()
}
