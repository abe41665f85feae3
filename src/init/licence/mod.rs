//! Which licence a project has, as far as its files say so without doubt: what its metadata declares, tags and notices in
//! its source files, the texts of its licence files, and else what its own packaging names. What is not certain becomes a `LicenseRef-…` with a comment that
//! says what was seen and what is to be decided; no guess is written as a fact.

pub(super) mod packaged;
mod texts;

use super::draft::Draft;
use super::tree::{Tree, base_name};
use texts::{Match, matches, words};

/// What is written as `license`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Licence {
    /// A valid SPDX expression.
    pub(super) expression: String,
    /// Where that is from, or what is not certain.
    pub(super) comment: String,
    pub(super) certain: bool,
}

/// Words that a licence file may have beside its licence: a title, copyright lines. With more than these, it may say
/// that only some of the files have that licence.
const MOST_OTHER_WORDS: usize = 120;
/// Source files whose beginnings are looked at.
const MOST_SOURCES: usize = 2000;

pub(super) fn find(tree: &Tree, draft: &Draft) -> Licence {
    let licence = of_project(tree, draft);
    match &draft.packaged_license {
        // Whoever packaged it has read what only a person can tell.
        Some((expression, from)) if !licence.certain => {
            certain(expression.clone(), format!("as {from} has it; {}", licence.comment))
        }
        _ => licence,
    }
}

fn of_project(tree: &Tree, draft: &Draft) -> Licence {
    if let Some((expression, from)) = declared(draft) {
        return certain(expression, format!("declared in {from}"));
    }
    let tags = Tags::of(tree);
    let files = licence_files(tree);
    let texts = (!files.is_empty()).then(|| from_files(tree, &files));
    let texts = match (tags.joined(), texts) {
        // What is told in words of its own is told by the files, too.
        (Some(expression), texts) if texts.as_ref().is_none_or(|texts| !texts.certain) => {
            let comment = format!("SPDX tags in nearly all of {}", files_of(tags.sources));
            return certain(expression, comment);
        }
        (_, texts) => texts,
    };
    match (tags.of_most(), texts) {
        // The header of a file or two says nothing about all others.
        (Some((tag, count)), None) => certain(tag.clone(), format!("SPDX tags in {}", files_of(*count))),
        (Some((tag, count)), Some(texts)) if !texts.certain => {
            certain(tag.clone(), format!("SPDX tags in {}", files_of(*count)))
        }
        (Some((tag, count)), Some(texts)) if texts.expression != *tag => doubt(
            "LicenseRef-several",
            format!("{} is {}, and {} have the tag {tag}", texts.comment, texts.expression, files_of(*count)),
        ),
        // Some files may come from elsewhere; many are a part with a licence of its own.
        (None, Some(texts)) if texts.certain && tags.others(&texts.expression) * 10 > tags.sources => {
            let comment =
                format!("{} is {}, and source files have the tags {}", texts.comment, texts.expression, tags.names());
            match tags.joined_with(&texts.expression) {
                Some(expression) => certain(expression, comment),
                None => doubt("LicenseRef-several", comment),
            }
        }
        (_, Some(texts)) => texts,
        (None, None) if tags.found.is_empty() => from_readme(tree),
        (None, None) => {
            let tagged = tags.found.iter().map(|(_, count)| count).sum::<usize>();
            let rest = match tags.sources.saturating_sub(tagged) {
                0 => "join them with AND or OR".to_owned(),
                rest => format!("and {} have none: ask its authors", files_of(rest)),
            };
            let reference = if tags.found.len() > 1 { "LicenseRef-several" } else { "LicenseRef-unknown" };
            doubt(reference, format!("{} have the tags {}; {rest}", files_of(tagged), tags.names()))
        }
    }
}

fn certain(expression: String, comment: String) -> Licence {
    Licence { expression, comment, certain: true }
}

fn doubt(reference: &str, comment: String) -> Licence {
    Licence { expression: reference.to_owned(), comment, certain: false }
}

fn files_of(count: usize) -> String {
    if count == 1 { "a source file".to_owned() } else { format!("{count} source files") }
}

/// The licence that the project's metadata names, when all of it names the same.
fn declared(draft: &Draft) -> Option<(String, String)> {
    let mut valid: Vec<(String, &str)> =
        draft.declared_licenses.iter().filter_map(|(text, from)| Some((expression(text)?, from.as_str()))).collect();
    valid.dedup_by(|a, b| a.0 == b.0);
    match valid.as_slice() {
        [(expression, from)] => Some((expression.clone(), (*from).to_owned())),
        _ => None,
    }
}

/// A text as an SPDX expression: it is one, or one of the spellings that can mean nothing else.
fn expression(text: &str) -> Option<String> {
    /// `gpl2+`, `lgpl-2.1-or-later`, without signs.
    const SPELLINGS: [(&str, &str); 14] = [
        ("gpl2+", "GPL-2.0-or-later"),
        ("gplv2+", "GPL-2.0-or-later"),
        ("gpl3+", "GPL-3.0-or-later"),
        ("gplv3+", "GPL-3.0-or-later"),
        ("lgpl2+", "LGPL-2.0-or-later"),
        ("lgplv2+", "LGPL-2.0-or-later"),
        ("lgpl21+", "LGPL-2.1-or-later"),
        ("lgplv21+", "LGPL-2.1-or-later"),
        ("lgpl3+", "LGPL-3.0-or-later"),
        ("lgplv3+", "LGPL-3.0-or-later"),
        ("agplv3+", "AGPL-3.0-or-later"),
        ("apache20", "Apache-2.0"),
        ("apachelicense20", "Apache-2.0"),
        ("mitlicense", "MIT"),
    ];
    let text = text.trim();
    if text.len() > 200 {
        return None;
    }
    let plain: String =
        text.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '+').collect::<String>().to_ascii_lowercase();
    if let Some((_, id)) = SPELLINGS.iter().find(|(spelling, _)| *spelling == plain) {
        return Some((*id).to_owned());
    }
    let expression = spdx::Expression::parse(text).ok()?;
    // `GPL-2.0` alone does not say whether later versions are meant.
    let vague = expression.requirements().any(|part| part.req.to_string().ends_with(".0") && text.contains("GPL"));
    (!vague && !text.contains("LicenseRef")).then(|| text.to_owned())
}

/// The `SPDX-License-Identifier` tags of source files.
struct Tags {
    /// Each with how many files have it; the commonest first.
    found: Vec<(String, usize)>,
    /// How many files could have one.
    sources: usize,
}

impl Tags {
    fn of(tree: &Tree) -> Tags {
        let mut tags = Tags { found: Vec::new(), sources: 0 };
        for (path, text) in sources(tree) {
            tags.sources += usize::from(!super::tree::ending(path).is_empty());
            let Some(tag) = text.lines().take(30).find_map(|line| line.split_once("SPDX-License-Identifier:")) else {
                continue;
            };
            let tag = tag.1.trim().trim_end_matches("*/").trim_end_matches("-->").trim();
            let Some(tag) = expression(tag) else { continue };
            match tags.found.iter_mut().find(|(known, _)| *known == tag) {
                Some((_, count)) => *count += 1,
                None => tags.found.push((tag, 1)),
            }
        }
        tags.found.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        tags
    }

    /// The tag that more than half of the source files have, when nothing else is said by others.
    fn of_most(&self) -> Option<&(String, usize)> {
        match self.found.as_slice() {
            [one] if one.1 * 2 > self.sources => Some(one),
            _ => None,
        }
    }

    /// Several licences, each of its own files, where nearly every source file says which it has.
    fn joined(&self) -> Option<String> {
        let tagged: usize = self.found.iter().map(|(_, count)| count).sum();
        let plain = self.found.iter().all(|(tag, _)| !tag.contains(" OR ") && !tag.contains(" AND "));
        let tags: Vec<&str> = self.found.iter().map(|(tag, _)| tag.as_str()).collect();
        ((2..=4).contains(&tags.len()) && plain && tagged * 10 >= self.sources * 9).then(|| tags.join(" AND "))
    }

    /// How many files have a tag that says something else.
    fn others(&self, expression: &str) -> usize {
        self.found.iter().filter(|(tag, _)| tag != expression).map(|(_, count)| count).sum()
    }

    /// Both what the whole has and what the tags of some files say, as long as these are plain licences.
    fn joined_with(&self, whole: &str) -> Option<String> {
        let others: Vec<&str> = self.found.iter().map(|(tag, _)| tag.as_str()).filter(|tag| *tag != whole).collect();
        let plain = !whole.contains(' ') && others.iter().all(|tag| !tag.contains(' '));
        let some = others.len() <= 2 && self.others(whole) < self.sources;
        (plain && some).then(|| [&[whole], &others[..]].concat().join(" AND "))
    }

    fn names(&self) -> String {
        self.found.iter().map(|(tag, _)| tag.as_str()).collect::<Vec<_>>().join(", ")
    }
}

/// Source files that are the project's own work: not its build system's, nor copies of other projects.
fn sources(tree: &Tree) -> impl Iterator<Item = (&str, &str)> {
    // Not what is packaged, and often taken from elsewhere.
    let aside = ["m4", "examples", "test", "tests", "build-aux", "debian", "contrib"];
    let files = tree.texts(|path| {
        let ending = super::tree::ending(path);
        let source = super::tree::COMPILED.contains(&ending)
            || ["h", "hh", "hpp", "sh", "bash", "py", "pl", "pm", "rb", ""].contains(&ending);
        let generated = [
            "configure",
            "config.guess",
            "config.sub",
            "install-sh",
            "ltmain.sh",
            "missing",
            "depcomp",
            "compile",
            "ylwrap",
            "mkinstalldirs",
            "test-driver",
        ];
        source
            && !generated.contains(&base_name(path))
            && !is_licence(path)
            && !path.split('/').any(|part| aside.contains(&part))
    });
    files.into_iter().take(MOST_SOURCES)
}

fn is_licence(path: &str) -> bool {
    let name = base_name(path).to_ascii_lowercase();
    ["copying", "license", "licence", "copyright", "unlicense"].iter().any(|word| name.starts_with(word))
}

struct Found {
    path: String,
    matched: Vec<Match>,
    /// Words that belong to no licence that is known.
    other: usize,
    public_domain: bool,
}

/// Licence files at the top, or in a folder for them.
fn licence_files(tree: &Tree) -> Vec<Found> {
    let folders = ["LICENSES/", "doc/", "docs/"];
    let place = |path: &str| !path.contains('/') || folders.iter().any(|folder| path.starts_with(folder));
    tree.texts(|path| place(path) && is_licence(path))
        .into_iter()
        .map(|(path, text)| {
            let words = words(text);
            let matched = matches(&words);
            let explained: usize = matched.iter().map(|one| one.words).sum();
            let other = words.len().saturating_sub(explained);
            Found { path: path.to_owned(), other, matched, public_domain: is_public_domain(text) }
        })
        .collect()
}

fn from_files(tree: &Tree, files: &[Found]) -> Licence {
    let named = |found: &[Found]| found.iter().map(|file| file.path.as_str()).collect::<Vec<_>>().join(", ");
    if files.is_empty() {
        return from_readme(tree);
    }
    let mut ids: Vec<&'static str> = files.iter().flat_map(|file| file.matched.iter().map(|one| one.id)).collect();
    ids.sort_unstable();
    ids.dedup();
    // The GPL goes with the LGPL, which refers to it.
    if ids == ["GPL-3.0", "LGPL-3.0"] {
        ids = vec!["LGPL-3.0"];
    }
    let unknown: Vec<&Found> = files.iter().filter(|file| file.matched.is_empty() && file.other > 20).collect();
    let [id] = ids.as_slice() else {
        let free = files.iter().filter(|file| file.public_domain).map(|file| file.path.as_str()).next();
        return match ids.as_slice() {
            [] if let Some(path) = free => public_domain(path),
            [] => doubt("LicenseRef-unknown", format!("no licence that is known in {}: read it", named(files))),
            ids => doubt(
                "LicenseRef-several",
                format!(
                    "{} in {}: does one part have each (AND), or may one choose (OR)?",
                    ids.join(", "),
                    named(files)
                ),
            ),
        };
    };
    let more = files.iter().any(|file| file.other > MOST_OTHER_WORDS && !texts::is_long(id));
    if more || !unknown.is_empty() {
        return doubt(&format!("LicenseRef-{id}"), format!("there is more than {id} in {}: read it", named(files)));
    }
    if !texts::has_later_versions(id) {
        return certain((*id).to_owned(), format!("the text of {}", named(files)));
    }
    let version = id.rsplit('-').next().unwrap_or_default();
    let notices = notices(tree, version.trim_end_matches(".0"));
    match notices {
        (0, 0) => doubt(
            &format!("LicenseRef-{id}"),
            format!(
                "{} holds {id}, and nothing says whether later versions may be chosen: {id}-only or {id}-or-later",
                named(files)
            ),
        ),
        (later, 0) => {
            certain(format!("{id}-or-later"), format!("{}, and the notice in {}", named(files), files_of(later)))
        }
        (0, only) => certain(format!("{id}-only"), format!("{}, and the notice in {}", named(files), files_of(only))),
        (later, only) => doubt(
            &format!("LicenseRef-{id}"),
            format!("{later} files may be used under later versions than {id}, {only} may not"),
        ),
    }
}

/// How many files allow later versions of the GNU licence with this version, and how many only it.
fn notices(tree: &Tree, version: &str) -> (usize, usize) {
    let (mut later, mut only) = (0, 0);
    let readme = tree.texts(|path| !path.contains('/') && base_name(path).to_ascii_lowercase().starts_with("readme"));
    for (_, text) in sources(tree).chain(readme) {
        let text = texts::running(text);
        if !text.contains("general public licen") {
            continue;
        }
        let or_later = [
            format!("version {version} of the license or at your option any later version"),
            format!("version {version} or at your option any later version"),
            format!("version {version}.0 of the license or at your option any later version"),
            format!("version {version} or any later version"),
            format!("version {version} or later"),
            format!("v{version} or later"),
        ];
        let exactly = [
            format!("version {version} only"),
            format!("version {version} as published by the free software foundation"),
            format!("version {version} of the license as published"),
            format!("either version {version} of the license no later"),
        ];
        if or_later.iter().any(|words| text.contains(words)) {
            later += 1;
        } else if exactly.iter().any(|words| text.contains(words))
            // `the GNU General Public License, version 2, 1991.`, and no word of others.
            || (format!("{text} ").contains(&format!("general public license version {version} "))
                && !text.contains("later"))
        {
            only += 1;
        }
    }
    (later, only)
}

/// Without a licence file, the whole text may stand in the README or in the main source file.
fn from_readme(tree: &Tree) -> Licence {
    let readme = tree.texts(|path| !path.contains('/') && base_name(path).to_ascii_lowercase().starts_with("readme"));
    for (path, text) in readme.iter().copied().chain(sources(tree).take(20)) {
        let mut ids: Vec<&str> =
            matches(&words(text)).iter().map(|one| one.id).filter(|id| !texts::is_long(id)).collect();
        ids.dedup();
        if let [id] = ids[..] {
            return certain(id.to_owned(), format!("the text in {path}"));
        }
    }
    match readme.iter().find(|(_, text)| is_public_domain(text)) {
        Some((path, _)) => public_domain(path),
        None => doubt("LicenseRef-unknown", "no licence was found: ask its authors".to_owned()),
    }
}

/// SPDX has no id for what is nobody's: each says so in its own words.
fn public_domain(path: &str) -> Licence {
    certain("LicenseRef-public-domain".to_owned(), format!("{path} says that it is in the public domain"))
}

/// Whether a text says of what it belongs to that it is in the public domain, or was placed there.
fn is_public_domain(text: &str) -> bool {
    const SAID: [&str; 9] = [
        "is in the public domain",
        "are in the public domain",
        "is hereby in the public domain",
        "placed in the public domain",
        "placed into the public domain",
        "released into the public domain",
        "released to the public domain",
        "dedicated to the public domain",
        "put in the public domain",
    ];
    let text = texts::running(text);
    // Of a part only, or of what something else is not.
    let parts = ["portions", "parts of", "some files", "some of", "this file is in", "not in the public domain"];
    SAID.iter().any(|words| text.contains(words)) && !parts.iter().any(|words| text.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GPL_2: &str = "GNU GENERAL PUBLIC LICENSE\nVersion 2, June 1991\n\nEND OF TERMS AND CONDITIONS\n";
    const LATER: &str = "/* This program is free software; you can redistribute it and/or modify it under the terms of the\n \
                         * GNU General Public License as published by the Free Software Foundation; either version 2 of the\n \
                         * License, or (at your option) any later version. */\n";

    fn of(files: &[(&str, &str)]) -> Licence {
        find(&Tree::of_texts(files), &Draft::default())
    }

    #[test]
    fn a_gpl_text_alone_does_not_say_which_versions() {
        let alone = of(&[("COPYING", GPL_2), ("a.c", "int a;")]);
        assert_eq!((alone.expression.as_str(), alone.certain), ("LicenseRef-GPL-2.0", false));
        assert!(alone.comment.contains("GPL-2.0-only or GPL-2.0-or-later"), "{}", alone.comment);
        assert_eq!(of(&[("COPYING", GPL_2), ("a.c", LATER)]).expression, "GPL-2.0-or-later");
        // Another version's notice says nothing about this one's.
        let other = LATER.replace("version 2", "version 3");
        assert!(!of(&[("COPYING", GPL_2), ("a.c", &other)]).certain);
        let only = "// under the terms of the GNU General Public License version 2 as published by the Free Software Foundation.";
        assert_eq!(of(&[("COPYING", GPL_2), ("a.c", only)]).expression, "GPL-2.0-only");
        assert!(!of(&[("COPYING", GPL_2), ("a.c", only), ("b.c", LATER)]).certain);
    }

    #[test]
    fn whole_texts_are_recognised_and_changed_ones_are_not() {
        let mit = texts::sample("MIT");
        assert_eq!(of(&[("LICENSE", &format!("MIT License\nCopyright (c) 2020 A\n\n{mit}"))]).expression, "MIT");
        let changed = mit.replace("without restriction", "for good, not for evil");
        let licence = of(&[("LICENSE", &changed)]);
        assert_eq!((licence.expression.as_str(), licence.certain), ("LicenseRef-unknown", false));
        let two = of(&[("LICENSE-MIT", &mit), ("LICENSE-ISC", &texts::sample("ISC"))]);
        assert_eq!((two.expression.as_str(), two.certain), ("LicenseRef-several", false));
        let much_more = format!("{mit}\n{}", "This applies to some of the files only, others are secret. ".repeat(20));
        assert!(!of(&[("LICENSE", &much_more)]).certain);
    }

    #[test]
    fn what_is_nobody_s_is_told_from_what_nobody_has_a_licence_for() {
        let said = "Berkeley Yacc is in the public domain.  The data structures and algorithms used in it are all either \
                    taken from documents available to the general public or are inventions of the author.";
        for file in ["LICENSE", "README"] {
            let licence = of(&[(file, said)]);
            assert_eq!((licence.expression.as_str(), licence.certain), ("LicenseRef-public-domain", true), "{file}");
        }
        for text in ["Some files are in the public domain, others are not.", "This is not in the public domain at all."]
        {
            assert_eq!(of(&[("README", text)]).expression, "LicenseRef-unknown", "{text}");
        }
    }

    #[test]
    fn bsd_licences_differ_by_their_third_clause() {
        assert_eq!(of(&[("COPYING", &texts::sample("BSD-2-Clause"))]).expression, "BSD-2-Clause");
        assert_eq!(of(&[("COPYING", &texts::sample("BSD-3-Clause"))]).expression, "BSD-3-Clause");
    }

    #[test]
    fn what_is_declared_goes_first_and_vague_words_are_nothing() {
        let draft = |text: &str| Draft {
            declared_licenses: vec![(text.to_owned(), "meson.build:1".to_owned())],
            ..Draft::default()
        };
        let tree = Tree::of_texts(&[]);
        assert_eq!(find(&tree, &draft("LGPL2.1+")).expression, "LGPL-2.1-or-later");
        assert_eq!(find(&tree, &draft("MIT OR Apache-2.0")).expression, "MIT OR Apache-2.0");
        for vague in ["BSD", "GPL", "GPL-2.0", "see LICENSE", "$(id)"] {
            assert!(!find(&tree, &draft(vague)).certain, "{vague}");
        }
        let mit = texts::sample("MIT");
        let tag = "// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception\n";
        let names: Vec<String> = (0..12).map(|number| format!("{number}.cpp")).collect();
        let mut files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "int a;")).collect();
        files.extend([("LICENSE", mit.as_str()), ("c.h", tag)]);
        let one_header = of(&files);
        assert_eq!((one_header.expression.as_str(), one_header.certain), ("MIT", true));
        let only_header = of(&[("a.cpp", "int a;"), ("b.cpp", "int b;"), ("c.h", tag)]);
        assert_eq!((only_header.expression.as_str(), only_header.certain), ("LicenseRef-unknown", false));
        let vendored = of(&[("a.cpp", "int a;"), ("third_party/x/c.h", tag), ("third_party/x/d.h", tag)]);
        assert!(!vendored.certain && !vendored.comment.contains("Apache"), "{}", vendored.comment);
        let disagreeing = of(&[("LICENSE", &mit), ("a.c", tag), ("b.c", tag)]);
        assert_eq!(disagreeing.expression, "LicenseRef-several");
        let tagged = of(&[("a.c", "// SPDX-License-Identifier: ISC\n"), ("b.c", "/* SPDX-License-Identifier: ISC */")]);
        assert_eq!((tagged.expression.as_str(), tagged.comment.as_str()), ("ISC", "SPDX tags in 2 source files"));
    }
}
