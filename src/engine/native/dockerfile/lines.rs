//! The text of a Dockerfile -> its instructions as text: parser directives, comments, continued lines and
//! here-documents. What an instruction means is decided elsewhere.

use super::Problem;

/// One instruction, its continued lines joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// Where it begins, counted from 1.
    pub(super) number: usize,
    pub(super) text: String,
    pub(super) documents: Vec<HereDocument>,
}

/// The lines between `<<NAME` and `NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine::native) struct HereDocument {
    pub(in crate::engine::native) name: String,
    /// As it is written, each line ended.
    pub(in crate::engine::native) content: String,
    /// `<<-`: the tabs that lines begin with are taken away.
    pub(in crate::engine::native) without_tabs: bool,
    /// Not when the name was quoted.
    pub(in crate::engine::native) expands: bool,
}

impl HereDocument {
    /// What a file of it holds.
    pub(in crate::engine::native) fn text(&self) -> String {
        if !self.without_tabs {
            return self.content.clone();
        }
        self.content.split_inclusive('\n').map(|line| line.trim_start_matches('\t')).collect()
    }
}

/// The instructions, and the character that escapes.
pub(super) fn split(text: &str) -> Result<(Vec<Line>, char), Problem> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let all: Vec<&str> = text.lines().collect();
    let escape = directives(&all)?;
    let mut found = Vec::new();
    let mut at = 0;
    while at < all.len() {
        let number = at + 1;
        if is_nothing(all[at]) {
            at += 1;
            continue;
        }
        let mut joined = String::new();
        let mut line = all[at].trim_start();
        loop {
            at += 1;
            let Some(begin) = continued(line, escape) else {
                joined.push_str(line);
                break;
            };
            joined.push_str(begin);
            // Comments and empty lines between the parts of an instruction are none of it.
            while all.get(at).is_some_and(|line| is_nothing(line)) {
                at += 1;
            }
            match all.get(at) {
                Some(next) => line = next,
                None => break,
            }
        }
        let joined = joined.trim_end().to_owned();
        let mut documents = announced(&joined, escape);
        for document in &mut documents {
            loop {
                let Some(line) = all.get(at) else {
                    let message = format!("the here-document `{}` has no end", document.name);
                    return Err(Problem::new(number, message));
                };
                at += 1;
                let bare = if document.without_tabs { line.trim_start_matches('\t') } else { line };
                if bare == document.name {
                    break;
                }
                document.content.push_str(line);
                document.content.push('\n');
            }
        }
        if !joined.is_empty() {
            found.push(Line { number, text: joined, documents });
        }
    }
    Ok((found, escape))
}

/// A comment or an empty line.
fn is_nothing(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with('#')
}

/// The line without the character that joins it to the next one; none when it ends the instruction.
fn continued(line: &str, escape: char) -> Option<&str> {
    let begin = line.trim_end_matches([' ', '\t']).strip_suffix(escape)?;
    (!begin.ends_with(escape)).then_some(begin)
}

/// `# escape=` before anything else; the others say how another builder is to read the file.
fn directives(lines: &[&str]) -> Result<char, Problem> {
    let mut escape = None;
    for (at, line) in lines.iter().enumerate() {
        let Some((name, value)) = line.trim().strip_prefix('#').and_then(|comment| comment.split_once('=')) else {
            break;
        };
        let (name, value) = (name.trim(), value.trim());
        if name.eq_ignore_ascii_case("escape") {
            if escape.is_some() {
                return Err(Problem::new(at + 1, "the directive `escape` is given twice"));
            }
            escape = match value {
                "\\" => Some('\\'),
                "`" => Some('`'),
                _ => return Err(Problem::new(at + 1, "`escape` is one of \\ and `")),
            };
        } else if !["syntax", "check"].iter().any(|known| name.eq_ignore_ascii_case(known)) {
            break;
        }
    }
    Ok(escape.unwrap_or('\\'))
}

/// The here-documents that follow an instruction that may have some.
fn announced(line: &str, escape: char) -> Vec<HereDocument> {
    let keyword = line.split_whitespace().next().unwrap_or_default();
    if !["RUN", "COPY", "ADD"].iter().any(|known| keyword.eq_ignore_ascii_case(known)) {
        return Vec::new();
    }
    super::words::split(line, escape).iter().filter_map(|word| document(word)).collect()
}

/// `<<NAME`, `<<-NAME`, `<<"NAME"`, after the number of a file descriptor or none.
pub(super) fn document(word: &str) -> Option<HereDocument> {
    let rest = word.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix("<<")?;
    let (without_tabs, rest) = match rest.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let quoted = ['"', '\''].iter().find_map(|quote| rest.strip_prefix(*quote)?.strip_suffix(*quote));
    let name = quoted.unwrap_or(rest);
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    is_name.then(|| HereDocument {
        name: name.to_owned(),
        content: String::new(),
        without_tabs,
        expands: quoted.is_none(),
    })
}
