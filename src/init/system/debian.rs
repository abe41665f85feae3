//! A `debian/` folder that the project brings: what its control file says of the package, and that it is there.

use crate::init::draft::Draft;
use crate::init::text::one_line;
use crate::init::tree::Tree;

pub(super) fn read(tree: &Tree, draft: &mut Draft) {
    let Some(control) = tree.text("debian/control") else { return };
    if tree.has("debian/rules") && tree.has("debian/changelog") {
        draft.debian = Some("debian".to_owned());
    }
    let mut paragraphs = control.split("\n\n").map(fields);
    let source = paragraphs.next().unwrap_or_default();
    let field = |fields: &[(String, String)], name: &str| -> Option<String> {
        fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
    };
    draft.homepage = field(&source, "Homepage");
    let binaries: Vec<_> = paragraphs.filter(|paragraph| field(paragraph, "Package").is_some()).collect();
    let name = field(&source, "Source");
    // The package that has the source's name says what the whole is.
    let main = binaries.iter().find(|paragraph| field(paragraph, "Package") == name).or(binaries.first());
    if let Some(description) = main.and_then(|main| field(main, "Description")) {
        let (summary, rest) = description.split_once('\n').unwrap_or((&description, ""));
        draft.summary = Some(one_line(summary));
        let rest: Vec<&str> = rest.lines().map(|line| if line.trim() == "." { "" } else { line.trim() }).collect();
        draft.description = Some(rest.join("\n")).filter(|text| !text.trim().is_empty());
    }
}

/// Field and value of each field of a paragraph, continued lines with their line ends.
fn fields(paragraph: &str) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in paragraph.lines().filter(|line| !line.starts_with('#')) {
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push('\n');
                value.push_str(line);
            }
        } else if let Some((key, value)) = line.split_once(':') {
            fields.push((key.trim().to_owned(), value.trim().to_owned()));
        }
    }
    fields
}
