//! `if`, `else`, `endif` in CMake files, as far as they say that something is for another system, or a choice.

use std::collections::BTreeMap;

use crate::init::toolchains::is_enough;

/// Every distribution that is offered has this CMake at least.
const LEAST_CMAKE: &str = "3.18";

/// Variables that are true on systems that no .deb or .rpm is for.
const FOREIGN: [&str; 20] = [
    "WIN32",
    "MSVC",
    "APPLE",
    "MINGW",
    "CYGWIN",
    "ANDROID",
    "IOS",
    "MSYS",
    "WINDOWS",
    "Windows",
    "Darwin",
    "MACOSX",
    "EMSCRIPTEN",
    "HAIKU",
    "BEOS",
    "OS2",
    "FreeBSD",
    "NetBSD",
    "OpenBSD",
    "SunOS",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Branch {
    Taken,
    /// May be taken: it depends on a choice.
    Maybe,
    Never,
}

/// Where in nested conditions a file is being read.
#[derive(Debug, Default)]
pub(super) struct Condition {
    stack: Vec<Branch>,
}

impl Condition {
    /// Takes in a command when it is one of conditions; says whether it was.
    pub(super) fn take(&mut self, command: &str, words: &[String], options: &BTreeMap<String, bool>) -> bool {
        match command {
            "if" => self.stack.push(branch(words, options)),
            "elseif" => {
                let before = self.stack.pop();
                self.stack.push(if before == Some(Branch::Taken) { Branch::Never } else { branch(words, options) });
            }
            "else" => {
                let turned = match self.stack.pop() {
                    Some(Branch::Taken) => Branch::Never,
                    Some(Branch::Never) => Branch::Taken,
                    _ => Branch::Maybe,
                };
                self.stack.push(turned);
            }
            "endif" => {
                self.stack.pop();
            }
            _ => return false,
        }
        true
    }

    /// For another system, or switched off.
    pub(super) fn is_foreign(&self) -> bool {
        self.stack.contains(&Branch::Never)
    }

    pub(super) fn is_optional(&self) -> bool {
        self.doubts() > 0
    }

    /// How many choices that nobody knows a place depends on.
    pub(super) fn doubts(&self) -> usize {
        self.stack.iter().filter(|branch| **branch == Branch::Maybe).count()
    }
}

fn branch(words: &[String], options: &BTreeMap<String, bool>) -> Branch {
    let known = |word: &str| match word {
        "UNIX" | "LINUX" | "PROJECT_IS_TOP_LEVEL" | "TRUE" | "ON" | "YES" | "1" => Some(true),
        "FALSE" | "OFF" | "NO" | "0" => Some(false),
        word if FOREIGN.contains(&word) => Some(false),
        word => options.get(word).copied(),
    };
    let bare = |word: &'_ String| -> String {
        let word = word.trim_matches(['(', ')', '"']);
        word.strip_prefix("${").and_then(|word| word.strip_suffix('}')).unwrap_or(word).to_owned()
    };
    let words: Vec<String> = words.iter().map(bare).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let plain_term = |term: &[&str]| match term {
        [word] => known(word),
        // What is set to nothing is false, as what is switched off.
        [word, "STREQUAL", ""] => known(word).map(|value| !value),
        ["DEFINED", word] => options.contains_key(*word).then_some(true),
        ["CMAKE_VERSION", "VERSION_LESS", version] => is_enough(LEAST_CMAKE, version).then_some(false),
        ["CMAKE_VERSION", "VERSION_GREATER" | "VERSION_GREATER_EQUAL", version] => {
            is_enough(LEAST_CMAKE, version).then_some(true)
        }
        // What is packaged is the project itself, on Linux.
        [
            "CMAKE_CURRENT_SOURCE_DIR" | "PROJECT_SOURCE_DIR" | "CMAKE_PROJECT_NAME",
            "STREQUAL",
            "CMAKE_SOURCE_DIR" | "PROJECT_NAME",
        ]
        | ["CMAKE_SOURCE_DIR", "STREQUAL", "CMAKE_CURRENT_SOURCE_DIR" | "PROJECT_SOURCE_DIR"]
        | [_, "STREQUAL" | "MATCHES", "Linux"] => Some(true),
        // `CMAKE_SYSTEM_NAME STREQUAL Windows`
        [_, "STREQUAL" | "MATCHES", word] if FOREIGN.contains(word) => Some(false),
        _ => None,
    };
    let term = |term: &[&str]| match term {
        ["NOT", rest @ ..] => plain_term(rest).map(|value| !value),
        term => plain_term(term),
    };
    let (all, any) = (words.contains(&"AND"), words.contains(&"OR"));
    let mut values = words.split(|word| matches!(*word, "AND" | "OR")).map(term);
    let value = match (all, any) {
        // Which of them binds more closely is for CMake to know.
        (true, true) => None,
        (true, false) if values.clone().any(|value| value == Some(false)) => Some(false),
        (false, true) if values.clone().any(|value| value == Some(true)) => Some(true),
        // All of them decide.
        (true, false) => values.all(|value| value == Some(true)).then_some(true),
        (false, _) => values.all(|value| value == Some(false)).then_some(false).or(match words.as_slice() {
            words if !any => term(words),
            _ => None,
        }),
    };
    match value {
        Some(true) => Branch::Taken,
        Some(false) => Branch::Never,
        None => Branch::Maybe,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(lines: &[&str]) -> (bool, bool) {
        let options = BTreeMap::from([("TESTS".to_owned(), true), ("GUI".to_owned(), false)]);
        let mut condition = Condition::default();
        for line in lines {
            let mut words = line.split(' ').map(str::to_owned);
            let command = words.next().unwrap();
            assert!(condition.take(&command, &words.collect::<Vec<_>>(), &options), "{line}");
        }
        (condition.is_foreign(), condition.is_optional())
    }

    #[test]
    fn other_systems_are_left_out_and_choices_are_choices() {
        assert_eq!(state(&["if WIN32"]), (true, false));
        assert_eq!(state(&["if WIN32", "else"]), (false, false));
        assert_eq!(state(&["if NOT WIN32"]), (false, false));
        assert_eq!(state(&["if WIN32 OR MSVC"]), (true, false));
        assert_eq!(state(&["if TESTS"]), (false, false));
        assert_eq!(state(&["if GUI"]), (true, false));
        assert_eq!(state(&["if SOMETHING"]), (false, true));
        assert_eq!(state(&["if TESTS AND NOT GUI"]), (false, false));
        assert_eq!(state(&["if SOMETHING AND GUI"]), (true, false));
        assert_eq!(state(&["if SOMETHING OR TESTS"]), (false, false));
        assert_eq!(state(&["if SOMETHING AND TESTS"]), (false, true));
        assert_eq!(state(&["if CMAKE_SYSTEM_NAME STREQUAL Windows"]), (true, false));
        assert_eq!(state(&["if WIN32", "elseif SOMETHING"]), (false, true));
        assert_eq!(state(&["if UNIX", "if WIN32", "endif"]), (false, false));
        assert_eq!(state(&["if NOT ${GUI}"]), (false, false));
        assert_eq!(state(&["if NOT CMAKE_VERSION VERSION_LESS 3.0"]), (false, false));
        assert_eq!(state(&["if CMAKE_VERSION VERSION_LESS 3.30"]), (false, true));
        assert_eq!(state(&["if DEFINED GUI"]), (false, false));
        assert_eq!(state(&["if DEFINED SOMETHING"]), (false, true));
        assert_eq!(state(&["if GUI STREQUAL "]), (false, false));
        assert_eq!(state(&["if CMAKE_CURRENT_SOURCE_DIR STREQUAL CMAKE_SOURCE_DIR", "else"]), (true, false));
        assert_eq!(state(&["if CMAKE_SYSTEM_NAME STREQUAL Linux", "else"]), (true, false));
        assert_eq!(state(&["endif"]), (false, false));
    }
}
