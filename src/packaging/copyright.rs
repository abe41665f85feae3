//! `debian/copyright` in the machine-readable format 1.0 from an SPDX expression. It names the licence and where its
//! text is; who holds the copyright is in the sources, and is not made up here.

use crate::recipe::Recipe;

use super::text::paragraphs;

/// A `debian/copyright`.
pub(super) struct Copyright {
    pub(super) text: String,
    /// Every licence's text is in /usr/share/common-licenses, so that a pointer is enough (Policy 12.5).
    pub(super) complete: bool,
}

/// Licences that base-files carries: SPDX identifier without `-only` and `-or-later`, Debian's short name, file.
const COMMON: [(&str, &str, &str); 17] = [
    ("Apache-2.0", "Apache-2.0", "Apache-2.0"),
    ("Artistic-1.0-Perl", "Artistic", "Artistic"),
    ("CC0-1.0", "CC0-1.0", "CC0-1.0"),
    ("GFDL-1.2", "GFDL-1.2", "GFDL-1.2"),
    ("GFDL-1.3", "GFDL-1.3", "GFDL-1.3"),
    ("GPL-1.0", "GPL-1", "GPL-1"),
    ("GPL-2.0", "GPL-2", "GPL-2"),
    ("GPL-3.0", "GPL-3", "GPL-3"),
    ("LGPL-2.0", "LGPL-2", "LGPL-2"),
    ("LGPL-2.1", "LGPL-2.1", "LGPL-2.1"),
    ("LGPL-3.0", "LGPL-3", "LGPL-3"),
    ("MPL-1.1", "MPL-1.1", "MPL-1.1"),
    ("MPL-2.0", "MPL-2.0", "MPL-2.0"),
    ("MIT", "Expat", ""),
    ("BSD-2-Clause", "BSD-2-clause", ""),
    ("BSD-3-Clause", "BSD-3-clause", ""),
    ("Zlib", "Zlib", ""),
];

pub(super) fn debian(recipe: &Recipe) -> Copyright {
    let package = &recipe.package;
    let mut text = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n".to_owned();
    text.push_str(&format!("Upstream-Name: {}\n", package.name));
    if let Some(homepage) = &package.homepage {
        text.push_str(&format!("Source: {homepage}\n"));
    }
    let ids = identifiers(&package.license);
    let expression =
        ids.iter().fold(package.license.clone(), |expression, id| replace_word(&expression, id, &short(id)));
    let expression = expression.replace(" OR ", " or ").replace(" AND ", " and ").replace(" WITH ", " with ");
    text.push_str(&format!(
        "\nFiles: *\nCopyright: the authors of {}, as its source files name them\nLicense: {expression}\n",
        package.name
    ));
    let mut complete = true;
    for id in &ids {
        let common = COMMON.iter().find(|(spdx, _, file)| *spdx == base(id).0 && !file.is_empty());
        let mut lines = Vec::new();
        let named = spdx::license_id(id).map(|id| id.full_name).unwrap_or(id);
        match common {
            Some((_, _, file)) => lines.extend(paragraphs(
                &format!(
                    "{} is distributed under the terms of the {named}. On Debian systems, the complete text of this \
                     license is in /usr/share/common-licenses/{file}.",
                    package.name
                ),
                78,
            )),
            None => {
                complete = false;
                let text = own_terms(&package.name, id);
                lines.extend(paragraphs(&text, 78));
            }
        }
        // A single license stands in the Files paragraph itself; several get paragraphs of their own.
        if ids.len() > 1 || short(id) != expression {
            text.push_str(&format!("\nLicense: {}\n", short(id)));
        }
        for line in lines {
            text.push_str(&if line.is_empty() { " .\n".to_owned() } else { format!(" {line}\n") });
        }
    }
    Copyright { text, complete }
}

/// What is said of a licence that Debian has no copy of. Only those of SPDX's list have a page there.
fn own_terms(package: &str, id: &str) -> String {
    match spdx::license_id(id).or_else(|| spdx::license_id(base(id).0)) {
        Some(known) => format!(
            "{package} is distributed under the terms of the {}, https://spdx.org/licenses/{}.html.",
            known.full_name, known.name
        ),
        None => {
            let name = id.rsplit(':').next().unwrap_or(id);
            let name = name.strip_prefix("LicenseRef-").unwrap_or(name);
            format!("{package} is distributed under terms of its own, which are called {name} here.")
        }
    }
}

/// The license identifiers in an expression, in order, without operators and exceptions.
fn identifiers(expression: &str) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    let mut exception = false;
    for word in expression.split(|c: char| c.is_whitespace() || c == '(' || c == ')').filter(|word| !word.is_empty()) {
        match word {
            "OR" | "AND" | "or" | "and" => {}
            "WITH" | "with" => exception = true,
            _ if exception => exception = false,
            id if ids.iter().any(|known| known == id) => {}
            id => ids.push(id.to_owned()),
        }
    }
    ids
}

/// `GPL-3.0-or-later` -> (`GPL-3.0`, true)
fn base(id: &str) -> (&str, bool) {
    if let Some(base) = id.strip_suffix("-or-later").or_else(|| id.strip_suffix('+')) {
        return (base, true);
    }
    (id.strip_suffix("-only").unwrap_or(id), false)
}

/// The short name that the copyright format uses for an SPDX identifier.
fn short(id: &str) -> String {
    let (base, later) = base(id);
    let known = COMMON.iter().find(|(spdx, _, _)| *spdx == base).map(|(_, short, _)| *short);
    match (known, later) {
        (Some(short), true) => format!("{short}+"),
        (Some(short), false) => short.to_owned(),
        (None, _) => id.to_owned(),
    }
}

fn replace_word(text: &str, word: &str, with: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let is_boundary = |c: Option<char>| c.is_none_or(|c| c.is_whitespace() || c == '(' || c == ')');
    let mut rest = text;
    while let Some(at) = rest.find(word) {
        let before = rest[..at].chars().next_back().or(result.chars().next_back());
        let after = rest[at + word.len()..].chars().next();
        result.push_str(&rest[..at]);
        result.push_str(if is_boundary(before) && is_boundary(after) { with } else { word });
        rest = &rest[at + word.len()..];
    }
    result.push_str(rest);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_licences_of_spdx_have_a_page_there() {
        for (id, address) in [
            ("MIT", Some("https://spdx.org/licenses/MIT.html")),
            ("ISC", Some("https://spdx.org/licenses/ISC.html")),
            ("LicenseRef-Acme-EULA", None),
            ("DocumentRef-other:LicenseRef-x", None),
            ("Not-On-The-List-1.0", None),
        ] {
            let terms = own_terms("pkg", id);
            assert_eq!(
                terms.split([' ', ',']).find(|word| word.starts_with("https:")).map(|word| word.trim_end_matches('.')),
                address,
                "{terms}"
            );
        }
    }

    #[test]
    fn spdx_becomes_the_names_that_debian_uses() {
        assert_eq!(short("GPL-3.0-or-later"), "GPL-3+");
        assert_eq!(short("LGPL-2.1-only"), "LGPL-2.1");
        assert_eq!(short("MIT"), "Expat");
        assert_eq!(short("ISC"), "ISC");
        assert_eq!(
            identifiers("(GPL-2.0-or-later WITH Autoconf-exception-2.0 OR MIT) AND MIT"),
            ["GPL-2.0-or-later", "MIT"]
        );
        assert_eq!(replace_word("MIT OR MIT-0", "MIT", "Expat"), "Expat OR MIT-0");
    }
}
