//! What is wrong with a text that is no TOML, in the words of somebody who sees what was meant: a parser only says what
//! it expected.

use std::ops::Range;

use toml::de::Error;

use super::Problem;
use crate::types::printable;

/// A syntax error often causes others after it: more than these only hide the first.
const MAX_PROBLEMS: usize = 5;

/// The first few of a document's errors, one for each line, in the order of the text.
pub(crate) fn problems(text: &str, errors: &[Error]) -> Vec<Problem> {
    if let Some(problem) = other_language(text) {
        return vec![problem];
    }
    let mut problems: Vec<Problem> = errors.iter().map(|error| problem(text, error)).collect();
    problems.sort_by_key(|problem| problem.span.start);
    problems.dedup_by_key(|problem| text.get(..problem.span.start).map(|before| before.matches('\n').count()));
    problems.truncate(MAX_PROBLEMS);
    problems
}

/// A whole file in the language of another tool, told by its first line.
fn other_language(text: &str) -> Option<Problem> {
    let mut at = 0;
    let line = text.split_inclusive('\n').find(|line| {
        let passed = line.trim().is_empty() || line.starts_with('#') || line.trim() == "---";
        at += if passed { line.len() } else { 0 };
        !passed
    })?;
    let line = line.trim_end();
    let end = line.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_')).unwrap_or(line.len());
    let (word, rest) = line.split_at(end);
    let (language, label) = if line.starts_with('{') {
        ("JSON", "a recipe begins with [package]".to_owned())
    } else if let Some(value) = rest.strip_prefix(':').filter(|_| !word.is_empty()) {
        let value: String = printable(value.trim().trim_matches(['"', '\''])).chars().take(40).collect();
        ("YAML, a control file or a spec", format!("in TOML: {} = \"{value}\"", word.to_ascii_lowercase()))
    } else if word.starts_with("pkg") && rest.starts_with('=') {
        ("a PKGBUILD", "in TOML: name = \"NAME\", in [package]".to_owned())
    } else {
        return None;
    };
    Some(Problem {
        message: format!("this is no TOML; it looks like {language}"),
        span: at..at + line.len(),
        label,
        help: Some("a recipe is written in TOML: https://toml.io".to_owned()),
    })
}

fn problem(text: &str, error: &Error) -> Problem {
    let span = error.span().unwrap_or(0..0);
    let message = error.message().lines().collect::<Vec<_>>().join(", ");
    if message.starts_with("duplicate key") {
        let key = text.get(span.clone()).unwrap_or_default();
        return Problem {
            message: format!("`{key}` is written twice"),
            span,
            label: "a second time here".to_owned(),
            help: Some("a key, and a table's header, may stand only once: join the two".to_owned()),
        };
    }
    let Meant { what, label, help } = meant(text, &span, &message);
    Problem {
        message: format!("not valid TOML: {}", what.unwrap_or(&message)),
        span,
        label: label.to_owned(),
        help: Some(help.to_owned()),
    }
}

/// What is said in place of the parser's words, at the place, and what helps.
struct Meant {
    what: Option<&'static str>,
    label: &'static str,
    help: &'static str,
}

fn meant(text: &str, span: &Range<usize>, message: &str) -> Meant {
    let at = text.get(span.clone()).unwrap_or_default();
    let after = text.get(span.end..).unwrap_or_default();
    let says = |words: &str| message.contains(words);
    let meant = |what, label, help| Meant { what: Some(what), label, help };
    let plain = |help| Meant { what: None, label: "here", help };
    if at.starts_with(['\u{201c}', '\u{201d}', '\u{2018}', '\u{2019}', '\u{ab}']) {
        meant("typographic quotes", "these are no quotes to TOML", "write plain ones, \" or '")
    } else if says("escape") {
        meant(
            "no such escape",
            "in \", a backslash begins an escape",
            "write the string in single quotes ('), in which a backslash is only itself",
        )
    } else if says("invalid boolean") {
        meant("no boolean", "neither true nor false", "booleans are true and false, in lower case and without quotes")
    } else if says("must be quoted") && at.trim_start_matches('=').trim().is_empty() && after.starts_with('\n') {
        meant("a key without a value", "the value is missing", "leave the key out, or write \"\" for an empty string")
    } else if says("key with no value") {
        meant(
            "a key without a value",
            "`=` is missing",
            "keys are written as: key = \"value\"; strings of several lines stand between ''' and '''",
        )
    } else if says("in array") || says("array elements") || says("unclosed array") {
        plain("values of an array stand between commas, and `]` ends it: [\"a\", \"b\"]")
    } else if says("unclosed table") || says("unclosed array of tables") {
        meant("a header that does not end", "`]` is missing", "a header stands alone on its line: [build]")
    } else if says("multi-line") {
        meant(
            "a string that does not end",
            "the file ends within it",
            "what begins with three quotes ends with the same three: ''' or \"\"\"",
        )
    } else if says("invalid basic string") || says("invalid literal string") {
        meant(
            "a string that does not end on its line",
            "the closing quote is missing",
            "strings of several lines stand between ''' and '''",
        )
    } else if says("printable") {
        plain("take the control character out; an editor that shows such characters finds it")
    } else {
        plain("strings stand in quotes, scripts of several lines between ''' and ''': https://toml.io")
    }
}
