//! What control.tar of a .deb says.

use super::model::{OWN_VERSION, Related, RelationKind, Texts, script};
use crate::formats::deb::Control;
use crate::formats::deb822;
use crate::formats::relation::field;
use crate::types::{Comparison, Format};

const RELATIONS: [(&str, RelationKind); 9] = [
    ("Pre-Depends", RelationKind::PreRequires),
    ("Depends", RelationKind::Requires),
    ("Recommends", RelationKind::Recommends),
    ("Suggests", RelationKind::Suggests),
    ("Enhances", RelationKind::Enhances),
    ("Provides", RelationKind::Provides),
    ("Conflicts", RelationKind::Conflicts),
    ("Breaks", RelationKind::Breaks),
    ("Replaces", RelationKind::Replaces),
];
/// Known otherwise, or by what is installed.
const OTHER: [&str; 4] = ["Package", "Version", "Architecture", "Installed-Size"];
const SCRIPTS: [&str; 5] = ["preinst", "postinst", "prerm", "postrm", "config"];

pub(super) fn texts(control: &Control) -> Result<Texts, String> {
    let mut texts = Texts::default();
    let text = control.text("control")?.ok_or("it has no control file")?;
    let paragraph = deb822::only_paragraph(&text).map_err(|reason| format!("its control file {reason}"))?;
    let version = deb822::field(paragraph, "Version").unwrap_or_default();
    for (name, value) in deb822::fields(paragraph) {
        let relation = RELATIONS.iter().find(|(field, _)| field.eq_ignore_ascii_case(name));
        if let Some((_, kind)) = relation {
            texts.relations.entry(*kind).or_default().extend(related(value, version));
        } else if name.eq_ignore_ascii_case("Source") {
            texts.fields.insert(name.to_owned(), super::model::without_version(value, version));
        } else if !OTHER.iter().any(|other| other.eq_ignore_ascii_case(name)) {
            texts.fields.insert(name.to_owned(), value.to_owned());
        }
    }
    for (name, bytes) in &control.0 {
        let text = String::from_utf8_lossy(bytes);
        match name.as_str() {
            // Said by the files themselves.
            "control" | "md5sums" | "conffiles" => {}
            "triggers" => {
                let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
                texts.triggers.extend(lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")));
            }
            name if SCRIPTS.contains(&name) => {
                if name == "postinst" {
                    texts.attributes.extend(text.lines().filter_map(attribute));
                }
                texts.scripts.insert(name.to_owned(), script(&text, version));
            }
            // shlibs, symbols, templates
            name => {
                texts.fields.insert(format!("control file {name}"), super::model::without_version(&text, version));
            }
        }
    }
    Ok(texts)
}

/// The relations of a field; one that cannot be read is compared as it is written.
fn related<'a>(value: &'a str, version: &'a str) -> impl Iterator<Item = Related> + 'a {
    let clauses = value.split(',').map(str::trim).filter(|clause| !clause.is_empty());
    clauses.map(move |clause| match field::relations(clause).ok().and_then(|mut clauses| clauses.pop()) {
        Some(alternatives) => {
            let names: Vec<&str> = alternatives.iter().map(|one| one.name.as_str()).collect();
            let text: Vec<String> = alternatives.iter().map(|one| text(one, version)).collect();
            Related { name: names.join(" | "), text: text.join(" | "), is_generated: false }
        }
        None => Related { name: clause.to_owned(), text: clause.to_owned(), is_generated: false },
    })
}

fn text(relation: &field::Relation, own: &str) -> String {
    match &relation.version {
        Some((comparison, version)) if version.to_string() == own => {
            let bare = field::Relation { version: None, ..relation.clone() };
            let sign = Comparison::sign(*comparison, Format::Deb);
            format!("{bare} ({sign} {OWN_VERSION})")
        }
        _ => relation.to_string(),
    }
}

/// What a line of farm's own function in a postinst gives a file: `farm_attribute OWNER:GROUP CAPABILITIES PATH`.
fn attribute(line: &str) -> Option<(Vec<u8>, Option<String>, Option<String>)> {
    let words = words(line.trim())?;
    let [function, owner, capabilities, path] = words.as_slice() else { return None };
    let said = |word: &String| (word != "-").then(|| word.clone());
    (function == "farm_attribute" && path.starts_with('/')).then(|| {
        (path.as_bytes().to_vec(), said(owner), said(capabilities).map(|text| super::model::capabilities(&text)))
    })
}

/// The words of a simple command with single quotes, as farm writes it.
fn words(line: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quoted, mut begun) = (Vec::new(), String::new(), false, false);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' => (quoted, begun) = (!quoted, true),
            ' ' | '\t' if !quoted => {
                if std::mem::take(&mut begun) {
                    words.push(std::mem::take(&mut word));
                }
            }
            '\\' if !quoted => {
                word.push(chars.next()?);
                begun = true;
            }
            c => {
                word.push(c);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    (!quoted).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_read_from_farms_own_calls() {
        let line = "    farm_attribute root:pkgd 'cap_net_raw=ep  cap_chown=i' '/opt/pkg/it'\\''s.conf'";
        let (path, owner, capabilities) = attribute(line).unwrap();
        assert_eq!(path, b"/opt/pkg/it's.conf");
        assert_eq!(owner.as_deref(), Some("root:pkgd"));
        assert_eq!(capabilities.as_deref(), Some("cap_chown=i cap_net_raw=ep"));
        for line in ["farm_attribute() {", "# farm_attribute OWNER:GROUP CAPABILITIES PATH", "farm_attribute 'a", ""] {
            assert!(attribute(line).is_none(), "{line}");
        }
    }

    #[test]
    fn relations_name_their_own_version_by_one_word() {
        let shown: Vec<String> =
            related("libx1 (= 1.2-1), a (>> 1.2) | b:any,\n c [amd64]", "1.2-1").map(|one| one.text).collect();
        assert_eq!(shown, ["libx1 (= ${version})", "a (>> 1.2) | b:any", "c [amd64]"]);
    }
}
