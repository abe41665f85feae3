//! Small readers of other people's text: words that are safe in scripts and relations, calls like `name(a, 'b')`, and
//! capabilities made from names. Pure functions; none of them trusts what it is given.

/// Letters, digits and `._+-`, beginning with a letter or digit: safe in shell, in file names and in relations.
pub(super) fn is_plain_word(text: &str) -> bool {
    text.len() <= 128
        && text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '+' | '-'))
}

/// A path of plain words.
pub(super) fn is_plain_path(text: &str) -> bool {
    !text.is_empty() && text.split('/').all(is_plain_word)
}

/// What looks like a version: digits first, and nothing that a build system would still expand.
pub(super) fn is_version(text: &str) -> bool {
    is_plain_version(text) && text.starts_with(|c: char| c.is_ascii_digit())
}

fn is_plain_version(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 && text.chars().all(|c| c.is_ascii_alphanumeric() || ".+~".contains(c))
}

/// `kind(name)`, with `>= version` when that is one; none for a name that no package has.
pub(super) fn capability(kind: &str, name: &str, version: Option<&str>) -> Option<String> {
    let plain = match kind {
        "perl" => name.split("::").all(|part| is_plain_word(part) && !part.contains(['.', '+', '-'])),
        _ => is_plain_word(name),
    };
    if !plain {
        return None;
    }
    let version = version.filter(|version| is_version(version)).map(|version| format!(" >= {version}"));
    Some(format!("{kind}({name}){}", version.unwrap_or_default()))
}

/// The line that a place in a text is in, from 1.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// A call of a function in a build file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) name: String,
    /// As written, without the parentheses.
    pub(super) arguments: String,
    pub(super) line: usize,
    /// Where the name begins, in bytes.
    pub(super) at: usize,
}

/// The calls in a text, in order, nested ones after the one they stand in. Comments begin with `comment` and end with
/// their line; strings stand in either quote when `quotes` says so.
pub(super) fn calls(text: &str, comment: &str, quotes: bool) -> Vec<Call> {
    let clean = without_comments(text, comment, quotes);
    let bytes = clean.as_bytes();
    let mut found = Vec::new();
    for (open, _) in clean.match_indices('(').take(MAX_CALLS) {
        let before = clean[..open].trim_end_matches([' ', '\t']);
        let name_at = before
            .rfind(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.')))
            .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
        let name = &before[name_at..];
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            continue;
        }
        let Some(close) = closing(bytes, open, quotes) else { continue };
        found.push(Call {
            name: name.to_owned(),
            arguments: clean[open + 1..close].to_owned(),
            line: line_of(&clean, name_at),
            at: name_at,
        });
    }
    found
}

/// More calls than a build file has; one that is made to have more is not read on.
const MAX_CALLS: usize = 5000;
/// A call that is longer than this is none.
const MAX_CALL: usize = 32 << 10;

/// The place of the parenthesis that closes the one at `open`.
fn closing(bytes: &[u8], open: usize, quotes: bool) -> Option<usize> {
    let mut depth = 0usize;
    let mut quote = 0u8;
    let mut at = open;
    while at < bytes.len() && at - open < MAX_CALL {
        let byte = bytes[at];
        if quote != 0 {
            if byte == b'\\' {
                at += 1;
            } else if byte == quote {
                quote = 0;
            }
        } else {
            match byte {
                b'"' | b'\'' if quotes => quote = byte,
                b'(' => depth += 1,
                b')' => {
                    depth -= 1;
                    if depth == 0 {
                        return Some(at);
                    }
                }
                _ => {}
            }
        }
        at += 1;
    }
    None
}

/// The text with each comment blanked out, so that places stay what they are.
pub(super) fn without_comments(text: &str, comment: &str, quotes: bool) -> String {
    let mut clean = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let mut quote = None;
        let mut end = line.len();
        for (at, c) in line.char_indices() {
            match quote {
                Some(open) if c == open => quote = None,
                Some(_) => {}
                None if quotes && (c == '"' || c == '\'') => quote = Some(c),
                None if line[at..].starts_with(comment) => {
                    end = at;
                    break;
                }
                None => {}
            }
        }
        clean.push_str(&line[..end]);
        if end < line.len() {
            clean.extend(std::iter::repeat_n(' ', line.len() - end - usize::from(line.ends_with('\n'))));
            if line.ends_with('\n') {
                clean.push('\n');
            }
        }
    }
    clean
}

/// The arguments of a call, at its own commas, trimmed.
pub(super) fn split_arguments(arguments: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut quote, mut from) = (0i32, None, 0);
    for (at, c) in arguments.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth -= 1,
            (None, ',') if depth <= 0 => {
                parts.push(arguments[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(arguments[from..].trim());
    parts.retain(|part| !part.is_empty());
    parts
}

/// The string literals in a text, in either quote, without their escapes.
pub(super) fn literals(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '"' && c != '\'' {
            continue;
        }
        let mut literal = String::new();
        let mut closed = false;
        while let Some(next) = chars.next() {
            match next {
                '\\' => literal.extend(chars.next()),
                next if next == c => {
                    closed = true;
                    break;
                }
                next => literal.push(next),
            }
        }
        if closed {
            found.push(literal);
        }
    }
    found
}

/// The string that a keyword of a call has: of `name = 'x'` or `name : 'x'`.
pub(super) fn keyword<'a>(arguments: &[&'a str], name: &str) -> Option<&'a str> {
    arguments.iter().find_map(|argument| {
        let rest = argument.strip_prefix(name)?.trim_start();
        rest.strip_prefix(['=', ':']).filter(|rest| !rest.starts_with('=')).map(str::trim)
    })
}

/// A text as one line, without what could steer a terminal, cut to a sensible length.
pub(super) fn one_line(text: &str) -> String {
    full_line(text).chars().take(600).collect()
}

/// A text as one line, without what could steer a terminal.
pub(super) fn full_line(text: &str) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    crate::types::printable(&flat)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn calls_are_found_with_their_lines_and_without_comments() {
        let text = "a(1)\n# no(2)\nb('x)', \"#\")\nc (\n d(3) )";
        let found: Vec<(String, String, usize)> =
            calls(text, "#", true).into_iter().map(|call| (call.name, call.arguments, call.line)).collect();
        assert_eq!(found[0], ("a".into(), "1".into(), 1));
        assert_eq!(found[1], ("b".into(), "'x)', \"#\"".into(), 3));
        assert_eq!((found[2].0.as_str(), found[2].2), ("c", 4));
        assert_eq!((found[3].0.as_str(), found[3].1.as_str()), ("d", "3"));
    }

    #[test]
    fn arguments_are_split_at_their_own_commas() {
        assert_eq!(split_arguments("'a,b', [c, d], version : '>=1'"), ["'a,b'", "[c, d]", "version : '>=1'"]);
        assert_eq!(keyword(&["'a'", "version : '>=1'"], "version"), Some("'>=1'"));
        assert_eq!(literals("['a', \"b\\\"c\"] + 'open"), ["a", "b\"c"]);
    }

    #[test]
    fn capabilities_have_names_that_packages_have() {
        assert_eq!(capability("pkgconfig", "gtk+-3.0", Some("3.1")).as_deref(), Some("pkgconfig(gtk+-3.0) >= 3.1"));
        assert_eq!(capability("perl", "Foo::Bar", Some("0")).as_deref(), Some("perl(Foo::Bar) >= 0"));
        for name in ["", "${X}", "a b", "a)", "-x", "$(id)", "a\nb"] {
            assert_eq!(capability("pkgconfig", name, None), None, "{name}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_text_is_read_without_a_panic(text in "[a-z(){}\\[\\]'\"#,\\\\ \né=:]{0,200}") {
            for call in calls(&text, "#", true) {
                let arguments = split_arguments(&call.arguments);
                let _ = keyword(&arguments, "version");
                let _ = literals(&call.arguments);
            }
            let _ = calls(&text, "dnl", false);
        }
    }
}
