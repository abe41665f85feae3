//! From Contents indices to the compact index: read as streams, what capabilities can ask for collected and sorted in
//! memory (Debian 12's main: 60 MB of it), the rest dropped line by line. The same lines give the same bytes.
//!
//! A line is a path, white space, and `[[area/]section/]package` with commas between several. Paths may hold spaces
//! and need not be UTF-8. Old indices start with text for people, up to a line `FILE LOCATION`.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use super::rules::Rules;
use super::table::Writer;
use super::{Index, assemble};
use crate::archive::{ArchiveError, decoder};

/// A path has at most 4 kB, and the longest list of packages in Debian is far from this. A longer line is passed over.
const LONGEST_LINE: u64 = 1 << 20;
/// Several times what all of Debian needs; also keeps every offset in 32 bits.
const MOST_TEXT: usize = 512 << 20;
const MOST_ENTRIES: usize = 16 << 20;
const LINES_BETWEEN_CANCELLATIONS: u64 = 10_000;

/// A downloaded Contents index.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    /// Of its compression: `.gz`
    pub(super) suffix: &'static str,
    /// It may not unpack to more bytes.
    pub(super) largest: u64,
    /// An index of a whole suite holds all components: only these count.
    pub(super) components: Option<Vec<String>>,
}

/// The bytes of the compact index of all these. Blocks, for seconds.
pub(super) fn build(sources: &[Source], arch: &str, cancel: &CancellationToken) -> Result<Vec<u8>, ArchiveError> {
    let rules = Rules::new(arch);
    let mut collected = Collected::default();
    for source in sources {
        let file = File::open(&source.path).map_err(|error| unreadable(&source.path, error))?;
        let text = decoder(file, source.suffix).map_err(|error| unreadable(&source.path, error))?;
        collected.read(text, source, &rules, cancel)?;
    }
    Ok(collected.finish(&rules))
}

/// The same of lines in memory.
pub(super) fn build_lines(lines: &[u8], arch: &str, cancel: &CancellationToken) -> Result<Vec<u8>, ArchiveError> {
    let source = Source { path: PathBuf::from("Contents"), suffix: "", largest: u64::MAX, components: None };
    let (rules, mut collected) = (Rules::new(arch), Collected::default());
    collected.read(lines, &source, &rules, cancel)?;
    Ok(collected.finish(&rules))
}

fn unreadable(path: &Path, source: std::io::Error) -> ArchiveError {
    ArchiveError::Io { path: path.to_owned(), source }
}

fn untrusted(path: &Path, reason: String) -> ArchiveError {
    ArchiveError::Untrusted { what: path.display().to_string(), reason }
}

/// Texts with a number each, in one allocation.
#[derive(Default)]
struct Texts {
    text: Vec<u8>,
    entries: Vec<TextRange>,
}

#[derive(Clone, Copy)]
struct TextRange {
    start: u32,
    length: u32,
    value: u32,
}

impl Texts {
    fn get(&self, entry: &TextRange) -> &[u8] {
        &self.text[entry.start as usize..][..entry.length as usize]
    }

    fn push(&mut self, text: &[u8], value: u32) {
        // One path of several packages, or several files of one Python distribution.
        let again = self.entries.last().filter(|last| self.get(last) == text).copied();
        let entry = again.unwrap_or_else(|| {
            self.text.extend_from_slice(text);
            TextRange { start: (self.text.len() - text.len()) as u32, length: text.len() as u32, value }
        });
        if again.is_none_or(|last| last.value != value) {
            self.entries.push(TextRange { value, ..entry });
        }
    }

    /// Shows `visit` each text once, in order, with its numbers.
    fn sorted(mut self, mut visit: impl FnMut(&[u8], &[u32])) {
        let mut entries = std::mem::take(&mut self.entries);
        entries.sort_unstable_by(|a, b| self.get(a).cmp(self.get(b)).then(a.value.cmp(&b.value)));
        let mut values = Vec::new();
        for same in entries.chunk_by(|a, b| self.get(a) == self.get(b)) {
            values.clear();
            values.extend(same.iter().map(|entry| entry.value));
            values.dedup();
            visit(self.get(&same[0]), &values);
        }
    }
}

#[derive(Default)]
struct Collected {
    /// With numbers of packages, which are in the order of their appearance.
    paths: Texts,
    packages: HashMap<Vec<u8>, u32>,
}

impl Collected {
    fn read(
        &mut self,
        text: impl Read,
        source: &Source,
        rules: &Rules,
        cancel: &CancellationToken,
    ) -> Result<(), ArchiveError> {
        let before = self.paths.entries.len();
        let mut reader = BufReader::with_capacity(256 * 1024, text.take(source.largest.saturating_add(1)));
        let mut line = Vec::new();
        let mut total = 0;
        for number in 0_u64.. {
            if number.is_multiple_of(LINES_BETWEEN_CANCELLATIONS) && cancel.is_cancelled() {
                return Err(ArchiveError::Cancelled);
            }
            let length = next_line(&mut reader, &mut line).map_err(|error| unreadable(&source.path, error))?;
            total += length;
            if total > source.largest {
                let reason = format!("it unpacks to more than {} bytes", source.largest);
                return Err(untrusted(&source.path, reason));
            }
            if length == 0 {
                break;
            }
            if line.starts_with(b"FILE") && line.trim_ascii_end().ends_with(b"LOCATION") {
                self.paths.entries.truncate(before);
            } else if let Some((path, locations)) = split(&line)
                && let Some(path) = rules.kept(path)
            {
                for location in locations.split(|byte| *byte == b',') {
                    if let Some(package) = package(location, source.components.as_deref()) {
                        let package = self.number(package);
                        self.paths.push(&path, package);
                    }
                }
                if self.paths.text.len() > MOST_TEXT || self.paths.entries.len() > MOST_ENTRIES {
                    return Err(untrusted(&source.path, "it lists more files than any archive has".to_owned()));
                }
            }
        }
        Ok(())
    }

    fn number(&mut self, package: &[u8]) -> u32 {
        if let Some(number) = self.packages.get(package) {
            return *number;
        }
        let number = self.packages.len() as u32;
        self.packages.insert(package.to_owned(), number);
        number
    }

    fn finish(mut self, rules: &Rules) -> Vec<u8> {
        // A header's examples may have named packages that nothing is left of: they do no harm.
        let mut packages: Vec<(Vec<u8>, u32)> = self.packages.drain().collect();
        packages.sort_unstable();
        let mut sorted = vec![0; packages.len()];
        let mut package_table = Writer::default();
        for (package, number) in &packages {
            sorted[*number as usize] = package_table.count();
            package_table.push(package, &[]);
        }
        for entry in &mut self.paths.entries {
            entry.value = sorted[entry.value as usize];
        }
        let mut names = Texts::default();
        let mut path_table = Writer::default();
        self.paths.sorted(|path, packages| {
            if let Some((of, name, _)) = rules.name(path) {
                names.push(&of.key(&name), path_table.count());
            }
            path_table.push(path, packages);
        });
        let mut name_table = Writer::default();
        names.sorted(|name, paths| name_table.push(name, paths));
        assemble(&Index { packages: package_table.finish(), paths: path_table.finish(), names: name_table.finish() })
    }
}

/// Reads a line and says how many bytes it took; one that is too long leaves `line` empty.
fn next_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<u64> {
    line.clear();
    let mut length = reader.by_ref().take(LONGEST_LINE).read_until(b'\n', line)? as u64;
    if length == LONGEST_LINE && !line.ends_with(b"\n") {
        line.clear();
        length += reader.skip_until(b'\n')? as u64;
    }
    Ok(length)
}

/// A line's path and its list of packages.
fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = line.trim_ascii_end();
    let at = line.iter().rposition(u8::is_ascii_whitespace)?;
    Some((line[..at].trim_ascii_end(), &line[at + 1..]))
}

/// The package of a location, if it has a proper name and is of one of these components.
fn package<'a>(location: &'a [u8], components: Option<&[String]>) -> Option<&'a [u8]> {
    let mut parts = location.rsplit(|byte| *byte == b'/');
    let package = parts.next()?;
    let component = parts.nth(1).unwrap_or(b"main");
    let proper = package.first()?.is_ascii_alphanumeric()
        && package.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte));
    let wanted = components.is_none_or(|wanted| wanted.iter().any(|wanted| wanted.as_bytes() == component));
    (proper && wanted).then_some(package)
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::super::Contents;
    use super::*;

    fn source(largest: u64, components: Option<Vec<String>>) -> Source {
        Source { path: PathBuf::from("Contents-amd64"), suffix: "", largest, components }
    }

    fn build_text(text: &[u8], source: &Source) -> Result<Vec<u8>, ArchiveError> {
        let mut collected = Collected::default();
        let rules = Rules::new("amd64");
        collected.read(text, source, &rules, &CancellationToken::new())?;
        Ok(collected.finish(&rules))
    }

    /// The compact index of this text, for amd64.
    pub(in crate::archive::contents) fn built(text: &[u8]) -> Vec<u8> {
        build_text(text, &source(u64::MAX, None)).unwrap()
    }

    /// All that an index holds, as a Contents index would have it.
    fn listed(bytes: Vec<u8>) -> Vec<String> {
        let contents = Contents::from_bytes(bytes, "amd64").unwrap();
        let mut lines = Vec::new();
        contents.paths.each(b"", |path| {
            let providers = contents.of_path(path);
            let packages: Vec<&str> = providers.iter().map(|provider| provider.package.as_str()).collect();
            lines.push(format!("{} {}", String::from_utf8_lossy(path), packages.join(",")));
        });
        lines
    }

    #[test]
    fn oddities_of_the_format_are_read() {
        let long = format!("usr/bin/long {}\n", "x,".repeat(LONGEST_LINE as usize / 2));
        let text = [
            &b"This file maps each file to the package it comes from\nusr/bin/example  misc/example\n"[..],
            b"FILE                                                    LOCATION\n",
            b"usr/bin/a b\tc \t \t utils/a\n",
            b"usr/bin/two  utils/two,non-free/libs/one,two\r\n",
            b"usr/include/\xff\xfe.h  libdevel/x-dev\n",
            long.as_bytes(),
            b"\n   \nusr/bin/lonely\nusr/bin/bad  utils/../.x,utils/,UP_per,\xff\n",
            b"bin/two  admin/three\nusr/share/doc/x  doc/x\nusr/bin/last  utils/g++-12",
        ]
        .concat();
        let expected = [
            "usr/bin/a b\tc a",
            "usr/bin/last g++-12",
            "usr/bin/two one,three,two",
            "usr/include/\u{fffd}\u{fffd}.h x-dev",
        ];
        assert_eq!(listed(built(&text)), expected);
        assert!(listed(built(b"")).is_empty());
    }

    #[test]
    fn of_a_whole_suite_only_the_wanted_components_count() {
        let text = b"usr/bin/x  utils/x,universe/utils/y,multiverse/utils/z\n";
        let wanted = Some(vec!["main".to_owned(), "universe".to_owned()]);
        assert_eq!(listed(build_text(text, &source(1000, wanted)).unwrap()), ["usr/bin/x x,y"]);
    }

    #[test]
    fn more_than_was_signed_and_a_cancelled_run_end_it() {
        let text = b"usr/bin/x  utils/x\n";
        assert!(build_text(text, &source(text.len() as u64, None)).is_ok());
        let error = build_text(text, &source(text.len() as u64 - 1, None)).unwrap_err();
        assert!(error.to_string().contains("Contents-amd64 cannot be trusted: it unpacks to more"), "{error}");
        let cancel = CancellationToken::new();
        cancel.cancel();
        let rules = Rules::new("amd64");
        let error = Collected::default().read(&text[..], &source(1000, None), &rules, &cancel).unwrap_err();
        assert!(matches!(error, ArchiveError::Cancelled));
    }

    #[test]
    fn the_same_lines_in_any_order_give_the_same_bytes() {
        let mut lines = Vec::new();
        for number in 0..200_000 {
            let package = number % 7919;
            lines.push(match number % 4 {
                0 => format!("usr/include/p{package}/f{number}.h    libdevel/lib{package}-dev,devel/all-dev\n"),
                1 => format!("usr/lib/x86_64-linux-gnu/pkgconfig/p{number}.pc libdevel/lib{package}-dev\n"),
                2 => format!(
                    "usr/lib/python3/dist-packages/d{package}-1.dist-info/f{number} python/python3-d{package}\n"
                ),
                _ => format!("usr/share/doc/lib{package}/f{number}    doc/lib{package}-doc\n"),
            });
        }
        let first = built(lines.concat().as_bytes());
        assert!(first == built(lines.concat().as_bytes()), "another time");
        lines.reverse();
        assert!(first == built(lines.concat().as_bytes()), "another order");
        assert_eq!(listed(first).len(), 50_000 + 50_000 + 7919);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_goes_in_comes_out(
            files in proptest::collection::btree_map(
                "usr/(bin|include)/[a-c /]{0,5}[a-c]",
                proptest::collection::btree_set("[a-c][a-c0-9+.-]{0,3}", 1..4),
                0..60,
            ),
        ) {
            let files: BTreeMap<String, BTreeSet<String>> = files;
            let listing = |section: &str, space: &str| -> Vec<String> {
                let list = |packages: &BTreeSet<String>| {
                    packages.iter().map(|package| format!("{section}{package}")).collect::<Vec<_>>().join(",")
                };
                files.iter().map(|(path, packages)| format!("{path}{space}{}", list(packages))).collect()
            };
            let text = listing("area/section/", " \t ").join("\n");
            prop_assert_eq!(listed(built(text.as_bytes())), listing("", " "));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(prop_oneof![
            any::<u8>().prop_map(|byte| vec![byte]),
            Just(b"usr/bin/".to_vec()), Just(b"usr/lib/".to_vec()), Just(b"FILE LOCATION\n".to_vec()),
            Just(b"python3/dist-packages/".to_vec()), Just(b"-1.egg-info".to_vec()), Just(b".gemspec".to_vec()),
            Just(b"Config.cmake".to_vec()), Just(b"\n".to_vec()), Just(b" x/y".to_vec()),
        ], 0..40)) {
            listed(built(&bytes.concat()));
        }
    }
}
