//! What a run of the tests comes to: how many passed, which failed, and how long each took, read from what Rust's test
//! harness prints.

use std::path::Path;

use crate::command::Failure;

#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) passed: u64,
    pub(super) failed: u64,
    pub(super) ignored: u64,
    /// Names of tests, or of whole checks.
    pub(super) failures: Vec<String>,
    timings: Vec<Timing>,
    /// The test binary that prints.
    binary: String,
}

#[derive(Debug, PartialEq)]
struct Timing {
    seconds: f64,
    binary: String,
    test: String,
    result: String,
}

impl Tally {
    /// Takes in one line of what `cargo test` prints; the test binary that begins with it, if one does.
    pub(super) fn count(&mut self, line: &str) -> Option<String> {
        if let Some(counts) = line.strip_prefix("test result: ") {
            let words: Vec<&str> = counts.split([' ', ';']).collect();
            let number = |word: &str| -> u64 {
                words.windows(2).find(|pair| pair[1] == word).and_then(|pair| pair[0].parse().ok()).unwrap_or(0)
            };
            self.passed += number("passed");
            self.failed += number("failed");
            self.ignored += number("ignored");
        } else if let Some(running) = line.strip_prefix("     Running ") {
            // `tests/cli/main.rs (target/debug/deps/cli-8ff1052d06d0a2be)`
            let file = running.rsplit(['/', '(']).next().unwrap_or_default();
            file.rsplit_once('-').map_or(file, |(name, _)| name).clone_into(&mut self.binary);
            return Some(self.binary.clone());
        } else if let Some((test, ended)) = line.strip_prefix("test ").and_then(|line| line.rsplit_once(" ... ")) {
            // `ok <0.123s>`
            let (result, time) = ended.split_once(" <").unwrap_or((ended, ""));
            if result == "FAILED" {
                self.failures.push(format!("{}: {test}", self.binary));
            }
            if let Some(seconds) = time.strip_suffix("s>").and_then(|seconds| seconds.parse().ok()) {
                let (binary, test, result) = (self.binary.clone(), test.to_owned(), result.to_owned());
                self.timings.push(Timing { seconds, binary, test, result });
            }
        }
        None
    }

    /// Takes in a check that passes or fails as a whole.
    pub(super) fn check(&mut self, name: &str, passed: bool) {
        if passed {
            self.passed += 1;
        } else {
            self.failed += 1;
            self.failures.push(name.to_owned());
        }
    }

    /// Takes in how `cargo test` ended, `before` being what had failed when it began. A test binary that is killed has
    /// said nothing of how many of its tests failed.
    pub(super) fn end(&mut self, success: bool, before: u64) {
        if !success && self.failed == before {
            self.check("cargo test: something did not compile, or ended early", false);
        }
    }

    /// Writes one line a test: seconds, test binary, test and result, the slowest first.
    pub(super) fn write_timings(&self, path: &Path) -> Result<(), Failure> {
        let lines: String = self.slowest_first().map(|timing| format!("{timing}\n")).collect();
        std::fs::write(path, lines).map_err(|error| Failure::io("write", path, &error))
    }

    /// The lines of the `count` slowest tests.
    pub(super) fn slowest(&self, count: usize) -> Vec<String> {
        self.slowest_first().take(count).map(ToString::to_string).collect()
    }

    fn slowest_first(&self) -> impl Iterator<Item = &Timing> {
        let mut timings: Vec<&Timing> = self.timings.iter().collect();
        timings.sort_by(|one, other| other.seconds.total_cmp(&one.seconds));
        timings.into_iter()
    }
}

impl std::fmt::Display for Timing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.3}\t{}\t{}\t{}", self.seconds, self.binary, self.test, self.result)
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn the_harness_lines_are_added_up() {
        let mut tally = Tally::default();
        tally.count("     Running tests/cli/main.rs (target/debug/deps/cli-8ff1052d06d0a2be)");
        tally.count("test result: ok. 7 passed; 0 failed; 0 ignored; 0 measured; 48 filtered out; finished in 0.69s");
        tally.count("test distro::x ... FAILED <0.200s>");
        tally.count("test result: FAILED. 3 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 1s");
        tally.count("running 7 tests, 9 passed");
        assert_eq!((tally.passed, tally.failed, tally.ignored), (10, 1, 2));
        assert_eq!(tally.failures, ["cli: distro::x"]);
    }

    #[test]
    fn tests_are_listed_with_the_slowest_first() {
        let mut tally = Tally::default();
        let begun = tally.count("     Running unittests src/lib.rs (target/debug/deps/farm-1052d06d0a2be8ff)");
        assert_eq!(begun.as_deref(), Some("farm"));
        tally.count("test quick ... ok <0.001s>");
        tally.count("test slow ... ok <12.345s>");
        tally.count("test slow has been running for over 60 seconds");
        tally.count("     Running tests/run.rs (target/debug/deps/run-8ff1052d06d0a2be)");
        tally.count("test between ... FAILED <3.000s>");
        assert_eq!(tally.slowest(2), ["12.345\tfarm\tslow\tok", "3.000\trun\tbetween\tFAILED"]);
    }

    #[test]
    fn a_test_binary_that_is_killed_is_a_failure() {
        let mut tally = Tally::default();
        tally.count("test result: ok. 7 passed; 0 failed; 0 ignored; 0 measured; 48 filtered out; finished in 0.69s");
        tally.count("test distro::x ... FAILED <1.000s>");
        tally.end(false, 0);
        assert_eq!((tally.passed, tally.failed, tally.failures.len()), (7, 1, 2));
        tally.end(true, 1);
        assert_eq!(tally.failed, 1);
    }
}
