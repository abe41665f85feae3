//! What a README says of the project: a line that introduces it, or nothing. Badges, HTML, code and what stands below a
//! second heading introduce nothing.

use super::text::one_line;
use super::tree::Tree;

/// What the README begins with.
#[derive(Default)]
pub(super) struct Readme {
    pub(super) summary: Option<String>,
    pub(super) description: Option<String>,
}

impl Readme {
    pub(super) fn of(tree: &Tree, name: &str) -> Readme {
        let files = tree.texts(|path| !path.contains('/') && path.to_ascii_lowercase().starts_with("readme"));
        // README-VIM.md is about something else than README.md.
        let whole = |path: &str| path.len() == 6 || path[6..].starts_with('.');
        let mut main: Vec<_> = files.iter().filter(|(path, _)| whole(path)).collect();
        main.sort_by_key(|(path, _)| path.len());
        // README may say no more than that README.md is to be read.
        let found = main.iter().map(|(_, text)| Readme::of_text(text, name)).find(|readme| readme.summary.is_some());
        found.unwrap_or_default()
    }

    fn of_text(text: &str, name: &str) -> Readme {
        let mut readme = Readme::default();
        let mut titles = 0;
        for block in blocks(text) {
            match block {
                // The title may say what it is: `foo - does things`.
                Block::Title(title) if titles == 0 => {
                    titles += 1;
                    readme.summary = described(&title, name);
                }
                Block::Prose(prose) => {
                    if readme.summary.is_none() {
                        readme.summary = described(&prose, name).or_else(|| introduces(&prose, name));
                    }
                    // What stands further down is about something else: how it is installed, an example.
                    let whole = prose.len() > 80 && prose.ends_with('.') && introduces(&prose, name).is_some();
                    readme.description = whole.then_some(prose);
                    break;
                }
                // The name, and then once more with what it is.
                Block::Title(title) if described(&title, name).is_some() => {
                    readme.summary = readme.summary.or_else(|| described(&title, name));
                    break;
                }
                Block::Title(_) | Block::Other => break,
            }
        }
        readme
    }
}

enum Block {
    Title(String),
    /// A paragraph, without markup.
    Prose(String),
    /// Code, a list, a quotation.
    Other,
}

/// The blocks of a README, in order; badges, pictures, rules and what stands in HTML are none.
fn blocks(text: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut depth = 0usize;
    let mut fenced = false;
    for block in without_anchors(text).replace("\n#", "\n\n#").split("\n\n").take(60) {
        let block = without_pictures_of_letters(block.trim_matches('\n').trim_end());
        let block = block.as_str();
        // Doxygen's commands, and a table of contents.
        let links = |line: &str| line.contains("](#");
        if block.starts_with('\\') || (!block.is_empty() && block.lines().all(links)) {
            continue;
        }
        // HTML may go on across blank lines.
        let (opened, closed) = (tags(block, false), tags(block, true));
        let inside = depth > 0 || opened + closed > 0;
        depth = (depth + opened).saturating_sub(closed);
        let fences = block.lines().filter(|line| line.trim_start().starts_with("```")).count();
        if fenced || fences > 0 {
            fenced ^= fences % 2 == 1;
            found.push(Block::Other);
            continue;
        }
        if inside || block.trim_start().starts_with('<') {
            continue;
        }
        let mut lines = block.lines();
        let first = lines.next().unwrap_or_default();
        let rule = |line: &str| line.len() > 2 && line.chars().all(|c| matches!(c, '=' | '-' | '~' | '#' | '*' | '_'));
        if let Some(title) = first.strip_prefix('#') {
            found.push(Block::Title(one_line(&without_markup(title.trim_start_matches(['#', ' '])))));
            let rest = one_line(&without_markup(&lines.collect::<Vec<_>>().join("\n")));
            found.extend(paragraph(rest));
        } else if block.lines().nth(1).is_some_and(rule) || rule(first) {
            let title = block.lines().find(|line| !rule(line)).unwrap_or_default();
            if !title.trim().is_empty() {
                found.push(Block::Title(one_line(&without_markup(title))));
            }
            let rest: Vec<&str> = block.lines().filter(|line| !rule(line) && *line != title).collect();
            let rest = one_line(&without_markup(&rest.join("\n")));
            found.extend(paragraph(rest));
        } else if first.starts_with("    ") || first.starts_with('\t') {
            found.push(Block::Other);
        } else {
            let flat = one_line(&without_markup(block));
            // A plain text begins with what it is called.
            if found.is_empty() && !flat.contains(' ') && !flat.is_empty() {
                found.push(Block::Title(flat));
            } else {
                found.extend(paragraph(flat));
            }
        }
    }
    found
}

/// A paragraph of one line; none of a word or two, what is left of links and badges, nor of reStructuredText's directives.
fn paragraph(flat: String) -> Option<Block> {
    if flat.split(' ').count() < 3 || flat.starts_with(".. ") || flat.starts_with('|') {
        return None;
    }
    if is_prose(&flat) {
        return Some(Block::Prose(flat));
    }
    // An address behind the sentences is none of them.
    let sentences = flat
        .split_once(" http")
        .map(|(before, _)| before.rsplit_once(". ").map_or(before, |(all, _)| all))
        .map(|text| format!("{}.", text.trim_end_matches('.')));
    Some(match sentences.filter(|text| text.split(' ').count() >= 5 && is_prose(text)) {
        Some(text) => Block::Prose(text),
        None => Block::Other,
    })
}

/// `<a name="overview"></a>` marks a place, and shows nothing.
fn without_anchors(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("<a ") {
        plain.push_str(before);
        match after.split_once("></a>").filter(|(inner, _)| inner.starts_with(['n', 'i']) && !inner.contains('>')) {
            Some((_, behind)) => rest = behind,
            None => {
                plain.push_str("<a ");
                rest = after;
            }
        }
    }
    plain + rest
}

/// A paragraph up to the first line that is drawn with signs: what follows is a picture.
fn without_pictures_of_letters(block: &str) -> String {
    let drawn = |line: &&str| {
        let signs = line.chars().filter(|c| !c.is_whitespace()).count();
        let letters = line.chars().filter(|c| c.is_alphanumeric()).count();
        signs >= 5 && letters * 2 < signs && line.contains("_ _")
    };
    let lines: Vec<&str> = block.lines().take_while(|line| !drawn(line)).collect();
    lines.join("\n")
}

/// How many elements of HTML that hold others a text opens, or closes.
fn tags(text: &str, closing: bool) -> usize {
    const NAMES: [&str; 14] =
        ["div", "p", "table", "details", "kbd", "center", "h1", "h2", "h3", "b", "a", "picture", "sub", "blockquote"];
    let mark = if closing { "</" } else { "<" };
    text.match_indices(mark)
        .filter(|(at, _)| {
            let rest = &text[at + mark.len()..];
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
            NAMES.contains(&rest[..end].to_ascii_lowercase().as_str())
        })
        .count()
}

/// Markdown without pictures, addresses of links and emphasis.
fn without_markup(text: &str) -> String {
    let mut plain = text.to_owned();
    // A badge is a link around a picture: pictures first.
    for picture in [true, false] {
        let open = if picture { "![" } else { "[" };
        let mut from = 0;
        while let Some(at) = plain[from..].find(open).map(|at| from + at) {
            let inner = at + open.len();
            let Some(middle) = plain[inner..].find(']').map(|end| inner + end) else { break };
            let end = match plain[middle + 1..].chars().next() {
                Some('(') => plain[middle..].find(')').map(|end| middle + end),
                Some('[') => plain[middle + 1..].find(']').map(|end| middle + 1 + end),
                _ => None,
            };
            match end {
                Some(end) => {
                    let text = if picture { String::new() } else { plain[inner..middle].to_owned() };
                    plain.replace_range(at..=end, &text);
                    from = at;
                }
                None => from = middle,
            }
        }
    }
    plain.replace(['`', '*'], "").replace("__", "")
}

/// What stands behind the name: `foo - does things`, `foo: does things`.
fn described(line: &str, name: &str) -> Option<String> {
    [" - ", " -- ", ": ", " – ", " — "].iter().find_map(|separator| {
        let (before, after) = line.split_once(separator)?;
        let first = before.split(' ').next().unwrap_or_default().to_ascii_lowercase();
        (first.starts_with(&name.to_ascii_lowercase()) && before.len() < 40 && is_prose(after))
            .then(|| after.to_owned())
    })
}

/// A paragraph that says what the thing is: that has its name for a subject, or is a short phrase without anybody in it.
fn introduces(prose: &str, name: &str) -> Option<String> {
    let lower = prose.to_ascii_lowercase();
    let sentence = lower.split(". ").next().unwrap_or_default();
    let words: Vec<&str> = sentence.split(' ').collect();
    let plain = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
    let verbs = ["is", "are", "provides", "contains", "implements", "lets", "allows", "helps", "creates", "shows"];
    let verb = words.iter().take(8).position(|word| verbs.contains(word));
    let names = verb.is_some_and(|at| {
        let subject = words[..at].join("");
        let name = plain(&name.to_ascii_lowercase());
        plain(&subject).contains(&name) || (name.len() > 3 && name.contains(&plain(words[0])) && words[0].len() > 2)
    });
    let addressed = ["you", "your", "we", "our", "i", "my", "us", "here", "below", "following", "example", "install"];
    let about_others = words.iter().any(|word| addressed.contains(&word.trim_end_matches([',', ':', '.'])));
    let this = lower.starts_with("this is a") || lower.starts_with("this is the ");
    let phrase = words.len() >= 3 && sentence.len() <= 90 && !about_others && !prose.ends_with([':', '?']);
    let article = ["a ", "an ", "the "].iter().any(|article| lower.starts_with(article));
    (names || (this && !about_others) || phrase || (article && !about_others && sentence.len() < 160))
        .then(|| prose.to_owned())
}

/// Sentences, as against markup, links, lists and commands.
fn is_prose(paragraph: &str) -> bool {
    let about_itself = [
        "this is the readme",
        "this file",
        "this directory",
        "please",
        "see ",
        "for ",
        "to ",
        "if ",
        "copyright",
        "depending",
    ];
    let begin = paragraph.to_ascii_lowercase();
    let marks = ["@", "](", "![", "<", "http", "::", "```", "----", "====", "$ ", "|", ".. ", "Copyright", "(c)"];
    let legal = ["free software", "redistribute", "all rights reserved"].iter().any(|words| begin.contains(words));
    let letters = paragraph.chars().filter(|c| c.is_alphabetic() || c.is_whitespace()).count();
    paragraph.starts_with(|c: char| c.is_alphanumeric() || c == '`' || c == '*')
        && !about_itself.iter().any(|words| begin.starts_with(words))
        && !legal
        && !marks.iter().any(|mark| paragraph.contains(mark))
        && letters * 10 > paragraph.chars().count() * 8
}

#[cfg(test)]
mod tests {
    use super::super::identity::summary;
    use super::*;

    #[test]
    fn a_readme_says_what_it_is_or_nothing() {
        let of = |text: &str| {
            let readme = Readme::of(&Tree::of_texts(&[("README.md", text)]), "greet");
            readme.summary.map(|text| summary(&text, "greet"))
        };
        let badge = "[![CI](https://ci/x.svg)](https://ci)\n[中文](https://zh)\n";
        assert_eq!(of(&format!("# greet\n{badge}\nA polite program.\n")).as_deref(), Some("Polite program"));
        assert_eq!(
            of(&format!("# Greet {badge}\n\n`greet` is a [polite](https://p) program.")).as_deref(),
            Some("Polite program")
        );
        let html = "<div align=\"center\">\n<img src=\"x\">\n\nStars now available everywhere!\n\n</div>\n\n";
        assert_eq!(of(&format!("{html}greet is a polite program.")).as_deref(), Some("Polite program"));
        assert_eq!(of("greet\n=====\n\nSays hello to everybody.\n").as_deref(), Some("Says hello to everybody"));
        assert_eq!(of("# greet: a polite program\n").as_deref(), Some("Polite program"));
        let cut = "# greet\n\ngreet is a library for politeness that can be used to convert rude words into their nicest equivalents of the day.\n";
        assert_eq!(of(cut).as_deref(), Some("Library for politeness"));
        let contents = "\\mainpage\n\n`greet`\n=====\n\n1. [Overview](#o)\n2. [Use](#u)\n\ngreet - a polite program <a name=\"o\"></a>\n-----\n\nMore.\n";
        assert_eq!(of(contents).as_deref(), Some("Polite program"));
        let art = "About greet (Great) release 2\n-----\ngreet is a program that says hello\n _ _ _    _ _ | |\n|_|_|_|  (_)\n";
        assert_eq!(of(art).as_deref(), Some("Program that says hello"));
        let linked = "What is it?\n-----------\nGreet allows you to say hello to all. http://example.org/\n";
        assert_eq!(of(linked).as_deref(), Some("Say hello to all"));
        let two =
            [("README", "Ada Lovelace\nada@example.org\ngreet\n"), ("README.md", "# greet\n\nA polite program.\n")];
        let readme = Readme::of(&Tree::of_texts(&two), "greet");
        assert_eq!(readme.summary.as_deref(), Some("A polite program."));
        for stray in [
            "# greet\n\nOnce you have greet installed, you can enable it inside Vim simply by adding it.\n",
            "# greet\n\nA complete example that compiles looks like this:\n\n    greet\n",
            "# greet\n\n## Installation\n\nThe packages of all releases lie on a server.\n",
            "<h1>greet</h1>\n\n<p>\n\nSome words in the middle of it.\n\n</p>\n",
            "# greet\n\n```sh\nmake\n```\n\nThe result is in a folder.\n",
            "![greet](x.png)",
            "[![unclosed](",
        ] {
            assert_eq!(of(stray), None, "{stray}");
        }
    }
}
