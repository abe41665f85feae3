//! What manual pages and the README say of programs: with which option each starts, says something and ends.

use super::draft::Draft;
use super::tree::{Tree, base_name};

/// In the order in which they are preferred.
const OPTIONS: [&str; 2] = ["--version", "--help"];

/// Finds an option for the programs of a draft that a test can start them with.
pub(super) fn options(tree: &Tree, draft: &mut Draft) {
    let readme = tree.texts(|path| !path.contains('/') && path.to_ascii_lowercase().starts_with("readme"));
    for program in &draft.programs {
        let is_page = |path: &str| {
            let rest = base_name(path).strip_prefix(program.as_str()).and_then(|rest| rest.strip_prefix('.'));
            let rest = rest.map(|rest| rest.strip_suffix(".in").unwrap_or(rest));
            matches!(rest, Some("1" | "6" | "8" | "pod"))
        };
        // roff: `\-\-version`, `\fB\-\-version\fR`.
        let pages: Vec<String> =
            tree.texts(is_page).into_iter().map(|(_, text)| text.replace("\\-", "-").replace("\\fR", " ")).collect();
        let has = |option: &&str| {
            let ends = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-');
            let says = |text: &str, what: &str| text.match_indices(what).any(|(at, _)| ends(&text[at + what.len()..]));
            pages.iter().any(|text| says(text, option))
                || readme.iter().any(|(_, text)| says(text, &format!("{program} {option}")))
        };
        if let Some(option) = OPTIONS.iter().copied().find(has) {
            draft.starts.insert(program.clone(), option);
        }
    }
}
