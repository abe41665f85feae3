//! `.dockerignore` as Docker reads it: patterns from the context's top, `**` across folders, `!` takes back, the last
//! pattern that matches decides, and what matches a folder holds for all below it.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

use regex::{RegexSet, RegexSetBuilder};

use super::SourceError;
use super::tree::{refused, shown};

/// The largest such file that is read.
const LARGEST: u64 = 1 << 20;

/// What an ignore file says; by default nothing.
#[derive(Debug, Default)]
pub(super) struct Ignore {
    patterns: RegexSet,
    /// For each pattern, whether it takes back.
    exceptions: Vec<bool>,
    /// Of each folder met so far, the patterns that hold for what is in it.
    folders: HashMap<Vec<u8>, Vec<bool>>,
}

impl Ignore {
    pub(super) fn read(path: &Path) -> Result<Ignore, SourceError> {
        let io = |source| SourceError::Io { path: path.to_owned(), source };
        let name = path.display().to_string();
        if std::fs::metadata(path).map_err(io)?.len() > LARGEST {
            return Err(refused(&name, format!("has more than {LARGEST} bytes")));
        }
        let text = std::fs::read(path).map_err(io)?;
        Ignore::parse(&String::from_utf8_lossy(&text)).map_err(|reason| refused(&name, reason))
    }

    /// # Errors
    /// A sentence, for a pattern that Docker refuses.
    fn parse(text: &str) -> Result<Ignore, String> {
        let mut patterns = Vec::new();
        let mut exceptions = Vec::new();
        for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let number = number + 1;
            // Only at the very beginning of a line does it begin a comment.
            if line.starts_with('#') {
                continue;
            }
            let line = line.trim();
            let (exception, pattern) = match line.strip_prefix('!') {
                Some(rest) => (true, rest.trim()),
                None => (false, line),
            };
            if pattern.is_empty() {
                if exception {
                    return Err(format!("line {number}: `!` takes back nothing"));
                }
                continue;
            }
            let expression = expression(&clean(pattern));
            RegexSet::new([&expression])
                .map_err(|_| format!("line {number}: {} is no pattern", shown(pattern.as_bytes())))?;
            patterns.push(expression);
            exceptions.push(exception);
        }
        let patterns = RegexSetBuilder::new(patterns).build().map_err(|error| error.to_string())?;
        Ok(Ignore { patterns, exceptions, folders: HashMap::new() })
    }

    /// Whether a file or link, by its `/`-separated name from the top, is left out.
    pub(super) fn ignores(&mut self, name: &[u8]) -> bool {
        if self.exceptions.is_empty() {
            return false;
        }
        let matched = self.matched(name);
        matched.iter().zip(&self.exceptions).rfind(|(matched, _)| **matched).is_some_and(|(_, exception)| !exception)
    }

    /// For each pattern, whether it matches the name or a folder that it lies in.
    fn matched(&mut self, name: &[u8]) -> Vec<bool> {
        let mut matched = match name.iter().rposition(|byte| *byte == b'/') {
            Some(end) => {
                let folder = &name[..end];
                match self.folders.get(folder) {
                    Some(known) => known.clone(),
                    None => {
                        let found = self.matched(folder);
                        self.folders.insert(folder.to_vec(), found.clone());
                        found
                    }
                }
            }
            None => vec![false; self.exceptions.len()],
        };
        for pattern in self.patterns.matches(&String::from_utf8_lossy(name)) {
            matched[pattern] = true;
        }
        matched
    }
}

/// As Go's `filepath.Clean` makes it, without a slash in front: `./a//b/../c/` -> `a/c`.
fn clean(pattern: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in pattern.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            // Above the top there is nothing.
            ".." if pattern.starts_with('/') => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// A pattern as a regular expression, by the rules of moby's patternmatcher.
fn expression(pattern: &str) -> String {
    let mut expression = "(?s)^".to_owned();
    let mut rest = pattern.chars().peekable();
    let mut in_class = false;
    while let Some(c) = rest.next() {
        match c {
            '*' if !in_class && rest.next_if_eq(&'*').is_some() => {
                rest.next_if_eq(&'/');
                expression.push_str(if rest.peek().is_some() { "(.*/)?" } else { ".*" });
            }
            '*' if !in_class => expression.push_str("[^/]*"),
            '?' if !in_class => expression.push_str("[^/]"),
            '[' if !in_class => {
                in_class = true;
                expression.push('[');
                if rest.next_if_eq(&'^').is_some() {
                    expression.push('^');
                }
            }
            ']' if in_class => {
                in_class = false;
                expression.push(']');
            }
            '-' if in_class => expression.push('-'),
            '\\' => literal(&mut expression, rest.next().unwrap_or('\\')),
            c => literal(&mut expression, c),
        }
    }
    expression.push('$');
    expression
}

fn literal(expression: &mut String, c: char) {
    // Writing to a string cannot fail.
    let _ = write!(expression, "\\x{{{:x}}}", u32::from(c));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, ignored: &[&str], kept: &[&str]) {
        let mut ignore = Ignore::parse(text).unwrap();
        for name in ignored {
            assert!(ignore.ignores(name.as_bytes()), "{text:?} leaves out {name}");
        }
        for name in kept {
            assert!(!ignore.ignores(name.as_bytes()), "{text:?} keeps {name}");
        }
    }

    #[test]
    fn patterns_begin_at_the_top() {
        check("docs", &["docs", "docs/a/b"], &["src/docs", "docs2"]);
        check("/docs/", &["docs/a"], &["src/docs"]);
        check("*.md", &["README.md"], &["docs/README.md", "README.mdx"]);
        check("*/temp*", &["a/temporary.txt", "a/temp/b"], &["temp", "a/b/temp"]);
        check("temp?", &["tempa"], &["temp", "temp/x", "tempab"]);
        check("./a//b/../c", &["a/c"], &["a/b"]);
    }

    #[test]
    fn two_stars_cross_folders() {
        check("**/*.o", &["a.o", "x/y/a.o"], &["a.c"]);
        check("**/node_modules", &["node_modules/a", "web/node_modules/b/c"], &["web/src"]);
        check("a/**", &["a/b", "a/b/c"], &["a", "b/a/c"]);
        check("a/**/z", &["a/z", "a/b/c/z"], &["a/b"]);
        check("**", &["a", "a/b"], &[]);
        check("x**y", &["xy", "xa/b/y"], &["xay"]);
    }

    #[test]
    fn the_last_pattern_that_matches_decides() {
        check("*.md\n!README.md", &["a.md"], &["README.md"]);
        check("*.md\n!README*.md\nREADME-secret.md", &["README-secret.md"], &["README-a.md"]);
        check("!README.md\n*.md", &["README.md"], &[]);
        check("build\n!build/keep", &["build/a", "build/sub/keep"], &["build/keep", "build/keep/b"]);
        check("*\n!packaging", &["src/a", "Makefile"], &["packaging/Dockerfile"]);
    }

    #[test]
    fn classes_escapes_and_comments_are_understood() {
        check("[a-c]x", &["ax", "cx"], &["dx", "a/x"]);
        check("[^a]x", &["bx"], &["ax"]);
        check("\\*x\n\\[y", &["*x", "[y"], &["ax"]);
        check("# no\n  \n \t a.$(b)  ", &["a.$(b)"], &["no", "aX$(b)"]);
        check("\u{feff}a\r\nb\r\n", &["a", "b"], &[]);
        check(" #a", &["#a"], &["a"]);
        check("", &[], &["a"]);
    }

    #[test]
    fn what_is_no_pattern_is_told_with_its_line() {
        assert_eq!(Ignore::parse("a\n[b\n").unwrap_err(), "line 2: [b is no pattern");
        assert_eq!(Ignore::parse("!\n").unwrap_err(), "line 1: `!` takes back nothing");
        assert!(Ignore::parse("[]").is_err());
    }
}
