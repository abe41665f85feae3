//! Small text work that the formats share: shell quoting, paragraphs, dates. No knowledge of packages.

/// `text` as one word of a POSIX shell.
pub(crate) fn quote(text: &str) -> String {
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+' | ':' | '=' | ',' | '@' | '%');
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Quoted words with blanks between.
pub(crate) fn quote_all<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(quote).collect::<Vec<_>>().join(" ")
}

/// `script` with exactly one line end; `:` when there is nothing in it.
pub(crate) fn body(script: &str) -> String {
    let script = script.trim_matches('\n').trim_end();
    if script.trim().is_empty() { ":\n".to_owned() } else { format!("{script}\n") }
}

/// Lines of a description: paragraphs filled to `width`, `""` between them. A paragraph with an indented or bulleted
/// line is kept line by line, as it was meant to be seen.
pub(crate) fn paragraphs(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut paragraph: Vec<&str> = Vec::new();
    for line in text.trim().lines().map(str::trim_end).chain([""]) {
        if !line.is_empty() {
            paragraph.push(line);
            continue;
        }
        if paragraph.is_empty() {
            continue;
        }
        if !lines.is_empty() {
            lines.push(String::new());
        }
        if paragraph.iter().any(|line| line.starts_with([' ', '\t', '*', '-', '•'])) {
            lines.extend(paragraph.drain(..).map(|line| line.replace('\t', "    ")));
        } else {
            fill(&paragraph.join(" "), width, &mut lines);
            paragraph.clear();
        }
    }
    lines
}

/// The entries of a changelog as lines: `first` before each, as many blanks before what does not fit into `width`.
pub(crate) fn bullets(entries: &[String], first: &str, width: usize) -> String {
    let mut text = String::new();
    for entry in entries {
        let mut lines = Vec::new();
        fill(entry, width - first.len(), &mut lines);
        for (number, line) in lines.iter().enumerate() {
            let lead = if number == 0 { first.to_owned() } else { " ".repeat(first.len()) };
            text.push_str(&format!("{lead}{line}\n"));
        }
    }
    text
}

/// A word that begins a comment, a macro or a directive somewhere if a line begins with it.
fn is_risky(word: &str) -> bool {
    word.starts_with(['#', '%'])
}

/// Words as lines of at most `width`, without one that begins with a risky word where the text does not: there the line
/// is broken before, or else is longer. Blanks of other kinds than ASCII's are kept.
fn fill(text: &str, width: usize, lines: &mut Vec<String>) {
    let length = |line: &[&str]| line.iter().map(|word| word.chars().count() + 1).sum::<usize>();
    let mut line: Vec<&str> = Vec::new();
    for word in text.split_ascii_whitespace() {
        if !line.is_empty() && length(&line) + word.chars().count() > width {
            let next = match is_risky(word) {
                false => Some(line.len()),
                true => (1..line.len()).rev().find(|at| !is_risky(line[*at])),
            };
            if let Some(next) = next {
                let rest = line.split_off(next);
                lines.push(std::mem::replace(&mut line, rest).join(" "));
            }
        }
        line.push(word);
    }
    lines.push(line.join(" "));
}

/// A one-line summary without the full stop that lintian and rpmlint object to.
pub(crate) fn summary(text: &str) -> String {
    let text = text.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    text.strip_suffix('.').map(str::to_owned).unwrap_or(text)
}

/// `format` as strftime(3) has it, in UTC, and in English whatever the locale.
pub(crate) fn utc(seconds: i64, format: &str) -> String {
    chrono::DateTime::from_timestamp(seconds, 0).unwrap_or_default().format(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting_survives_a_real_shell() {
        let hostile = "a'b\"c$d`e\\f\n*?[x] ;&|<>(){}~#!é";
        let output = std::process::Command::new("sh")
            .args(["-c", &format!("printf %s {}", quote(hostile))])
            .output()
            .expect("sh runs");
        assert_eq!(String::from_utf8_lossy(&output.stdout), hostile);
        assert_eq!(quote("pkg=1.2-3+b1"), "pkg=1.2-3+b1");
        assert_eq!(quote(""), "''");
    }

    #[test]
    fn paragraphs_are_filled_and_lists_are_kept() {
        let text = "\nThe quick brown fox\njumps.\n\n\n* one\n* two\n\nend\n";
        assert_eq!(paragraphs(text, 12), ["The quick", "brown fox", "jumps.", "", "* one", "* two", "", "end"]);
        assert!(paragraphs("", 70).is_empty());
    }

    #[test]
    fn no_line_begins_with_a_word_that_some_tool_obeys() {
        let filled = |text: &str, width| paragraphs(text, width).join("\n");
        assert_eq!(filled("one two #3 four", 8), "one\ntwo #3\nfour");
        assert_eq!(filled("one #2 #3 four", 6), "one #2 #3\nfour");
        assert_eq!(filled("one two %if %else x", 8), "one\ntwo %if %else\nx");
        assert_eq!(filled("#1 leads", 4), "#1\nleads");
        assert_eq!(filled("a\u{a0}b c", 3), "a\u{a0}b\nc");
    }

    #[test]
    fn entries_of_changelogs_are_filled_below_their_bullet() {
        let entries = ["Greets in forty languages.".to_owned(), "* odd".to_owned()];
        assert_eq!(bullets(&entries, "  * ", 20), "  * Greets in forty\n    languages.\n  * * odd\n");
    }

    #[test]
    fn dates_are_in_english_and_utc() {
        assert_eq!(utc(1_414_958_400, "%a, %d %b %Y %H:%M:%S +0000"), "Sun, 02 Nov 2014 20:00:00 +0000");
    }
}
