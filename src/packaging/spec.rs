//! Text in a .spec. Everything that a recipe says goes into the file through here, by the kind of place that it is put
//! in, so that none of it can be a macro, a directive or a comment. `tests/spec.rs` of this folder asks rpm about it.
//!
//! What rpm does with a line (`build/parseSpec.c`, alike from 4.11 to 6): it expands macros, takes away blanks at the
//! line's start, and looks at what is left. `#` begins a comment (but in scripts), `%if`, `%endif`, `%include` and
//! their like are obeyed; and a line that begins with the name of a section, in any case of letters, begins that section.
//! As that is done with the expanded line, no macro can hide such a beginning.

use super::text::quote;

/// Text within a line, behind a tag or a word: only macros are of interest there.
pub(super) fn value(text: &str) -> String {
    text.replace('%', "%%")
}

/// The value of a tag. The field ends with its line, and no other line may be a part of it.
pub(super) fn tag(spec: &mut String, name: &str, text: &str) {
    spec.push_str(&format!("{:<15} {text}\n", format!("{name}:")));
}

/// Whether rpm would look at a line that begins so, be it text or script.
fn is_looked_at(line: &str) -> bool {
    line.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '\u{b}').starts_with('%')
}

/// Lines of a description: each keeps its words. A line whose first word rpm would obey or take for a comment is
/// indented by a blank that is none to rpm, U+00A0.
pub(super) fn prose(lines: &[String]) -> String {
    let lines = lines.iter().map(|line| prose_line(line)).collect::<Vec<_>>();
    unbroken(lines.join("\n"))
}

fn prose_line(line: &str) -> String {
    let blanks = line.len() - line.trim_start_matches(' ').len();
    let (indent, rest) = line.split_at(blanks);
    let guard = if rest.starts_with(['#', '%']) { "\u{a0}" } else { "" };
    format!("{indent}{guard}{}", value(rest))
}

/// Lines of a changelog, bullets with what belongs to them: an entry begins with `*` in the first column, which none of
/// them has.
pub(super) fn entries(text: &str) -> String {
    unbroken(text.lines().map(|line| prose_line(line) + "\n").collect())
}

/// A backslash at the end of a line joins it to the next while macros are looked for, and at the end of a file is an error.
fn unbroken(text: String) -> String {
    match text.trim_end_matches('\n').ends_with('\\') {
        true => format!("{}\n", text.trim_end_matches('\n')) + "\n",
        false => text,
    }
}

/// Shell of a recipe, whole lines. Where rpm would obey one of them, all go into a here-document whose lines begin with
/// another character, and the shell puts them together again.
pub(super) fn script(text: &str) -> String {
    if !text.lines().any(is_looked_at) {
        return value(text);
    }
    let guarded: String = text.lines().map(|line| format!("|{}\n", value(line))).collect();
    format!(
        "# Some of these lines begin with a word of .spec files: each stands behind a bar.\n\
         farm_script=\nwhile IFS= read -r farm_line; do farm_script=\"$farm_script${{farm_line#|}}\n\"; done <<'FARM_SCRIPT'\n\
         {guarded}FARM_SCRIPT\neval \"$farm_script\"\n"
    )
}

/// `export NAME=VALUE`, whatever lines the value has.
pub(super) fn export(name: &str, text: &str) -> String {
    script(&format!("export {name}={}\n", quote(text)))
}

/// The body of a macro that `--define` sets, which is expanded when it is used. Braces around the whole of it would be
/// taken away.
pub(super) fn definition(text: &str) -> String {
    let text = value(text);
    if text.starts_with('{') { format!("%{{nil}}{text}") } else { text }
}
