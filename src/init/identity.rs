//! Name, version, summary and maintainer: from what is the project's archive or folder called, its metadata, and its
//! README. What cannot be known is a placeholder and a sentence that says so.

use std::cmp::Ordering;

use super::draft::Draft;
use super::text::{is_version, one_line};
use super::tree::{Tree, base_name};
use super::{Request, SourceOf};
use crate::formats::version;
use crate::types::Format;

/// What stands where nobody is known.
pub(super) const NOBODY: &str = "Your Name <you@example.org>";

/// Systems whose names follow a rule of the distributions, which the name of an archive need not follow.
const NAMED_BY_RULE: [&str; 4] = ["Perl", "Python", "Ruby", "Node"];

pub(super) fn complete(tree: &Tree, request: &Request, draft: &mut Draft) {
    let (file_name, file_version) = split_name(&request.file_name);
    let of_archive = file_version.is_some();
    let own = draft.name.as_deref().and_then(package_name);
    let of_file = package_name(&file_name);
    let by_rule = NAMED_BY_RULE.contains(&draft.system);
    let name = if of_archive && !by_rule { of_file.or(own) } else { own.or(of_file) };
    draft.name = Some(name.unwrap_or_else(|| {
        draft.check("no name was found: `project` stands in [package] name");
        "project".to_owned()
    }));
    draft.rpm_name =
        draft.rpm_name.take().filter(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || "+-._".contains(c)));

    // An archive's name is what its makers say that it holds; in a folder, the build files know.
    let own = draft.version.as_deref().and_then(package_version);
    let of_top = tree.top().and_then(|top| split_name(top).1);
    let version = file_version.or(own).or(of_top).or_else(|| of_version_file(tree));
    let version = version.or_else(|| {
        let tagged = newest(tree.tags())?;
        draft.version_of_tags = matches!(request.source, SourceOf::Path(_)) && !tree.is_shallow();
        Some(tagged)
    });
    let version = version.or_else(|| package_version(&super::system::debian_version(tree)?));
    draft.version = Some(version.unwrap_or_else(|| {
        draft.check("no version was found: 0 stands in [package] version");
        "0".to_owned()
    }));

    let readme = Readme::of(tree, draft.name.as_deref().unwrap_or_default());
    let name = draft.name.clone().unwrap_or_default();
    let summary =
        draft.summary.take().or(readme.summary).map(|text| summary(&text, &name)).filter(|text| !text.is_empty());
    draft.summary = Some(summary.unwrap_or_else(|| {
        draft.check("no summary was found: say in [package] summary what it is, in one line");
        format!("Software called {name}")
    }));
    let description = draft.description.take().or(readme.description);
    draft.description = description.map(|text| plain_paragraphs(&text)).filter(|text| !text.is_empty());
    draft.homepage = draft.homepage.take().filter(|url| is_web_address(url));
    let known =
        [request.maintainer.clone(), draft.maintainer.take()].into_iter().flatten().find(|text| is_maintainer(text));
    draft.maintainer = Some(known.unwrap_or_else(|| {
        draft.check("nobody is known as maintainer: write your name and address in [package] maintainer");
        NOBODY.to_owned()
    }));
}

/// `jq_1.7.1.orig.tar.gz`, `jq-1.7.1.tar.gz`, `jq`: the name and the version.
pub(super) fn split_name(file: &str) -> (String, Option<String>) {
    let mut stem = base_name(file);
    for ending in [".gz", ".xz", ".bz2", ".zst", ".tgz", ".txz", ".tar", ".orig", ".crate", ".gem"] {
        stem = stem.strip_suffix(ending).unwrap_or(stem);
    }
    let digit = |text: &str| text.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit());
    let split = stem.rsplit_once('_').filter(|(_, version)| digit(version));
    // The first part that looks like a version: `foo-1.0-rc1`.
    let split = split.or_else(|| {
        let at = stem.match_indices('-').find(|(at, _)| digit(&stem[at + 1..]))?.0;
        Some((&stem[..at], &stem[at + 1..]))
    });
    match split {
        Some((name, version)) if package_version(version).is_some() => (name.to_owned(), package_version(version)),
        _ if package_version(stem).is_some() => (String::new(), package_version(stem)),
        _ => (stem.to_owned(), None),
    }
}

fn of_version_file(tree: &Tree) -> Option<String> {
    let files = ["VERSION", ".version", "VERSION.txt", "version.txt", ".tarball-version"];
    files
        .iter()
        .filter_map(|path| tree.text(path))
        .find_map(|text| package_version(text.lines().next().unwrap_or_default().trim()))
}

/// The newest version that a tag names, `v1.2`, `greet-1.2` or `REL_1_2`: releases before what led to them.
fn newest(tags: &[String]) -> Option<String> {
    let versions = tags.iter().filter_map(|tag| {
        let at = tag.find(|c: char| c.is_ascii_digit())?;
        let plain = tag[..at].chars().all(|c| c.is_ascii_alphabetic() || matches!(c, '-' | '_' | '.' | '/'));
        package_version(&tag[at..]).filter(|_| plain)
    });
    versions.max_by(|one, other| {
        let order = other.contains('~').cmp(&one.contains('~'));
        if order == Ordering::Equal { version::compare(Format::Deb, one, other) } else { order }
    })
}

/// As [`crate::recipe`] wants a name; none when nothing is left of it.
fn package_name(text: &str) -> Option<String> {
    let plain: String = text
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c == '_' || c.is_whitespace() || c == '/' { '-' } else { c })
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
        .take(100)
        .collect();
    let plain = plain.trim_start_matches(|c: char| !c.is_ascii_alphanumeric()).trim_end_matches(['-', '.']);
    (plain.len() >= 2).then(|| plain.to_owned())
}

/// As [`crate::recipe`] wants a version: pre-releases with `~`, what Debian adds to repacked archives left out.
fn package_version(text: &str) -> Option<String> {
    let mut version = text.strip_prefix(['v', 'V']).unwrap_or(text).to_owned();
    for repacked in ["+dfsg", "+ds", "+repack", ".dfsg"] {
        if let Some(at) = version.find(repacked) {
            version.truncate(at);
        }
    }
    for word in ["rc", "alpha", "beta", "pre"] {
        for sign in ["-", ".", "_"] {
            version = version.replace(&format!("{sign}{word}"), &format!("~{word}"));
        }
    }
    let version = version.replace(['-', '_'], ".");
    is_version(&version).then_some(version)
}

/// One line without the name in front, a full stop, and more than lists of packages show.
fn summary(text: &str, name: &str) -> String {
    let text = one_line(text);
    let mut text = text.as_str();
    let plain = |text: &str| text.to_ascii_lowercase().replace([' ', '_', ':'], "-").replace("--", "-");
    for separator in [" - ", " -- ", ": ", " – ", " — ", " is ", " are ", " contains ", " provides "] {
        let Some((before, after)) = text.split_once(separator) else { continue };
        let module = before.contains("::") && !before.contains(' ');
        // `The Foo library is a …`, for foo.
        let subject = before.split(' ').count() <= 4
            && plain(before).split('-').any(|word| plain(name).contains(word) && word.len() > 2);
        if module || plain(before) == plain(name) || (subject && separator.trim().chars().all(char::is_alphabetic)) {
            text = after;
            break;
        }
    }
    for article in ["this is ", "a ", "an ", "the "] {
        if text.get(..article.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(article)) {
            text = &text[article.len()..];
        }
    }
    // The first sentence, without what only puts it into perspective.
    let text = text.split(". ").next().unwrap_or_default();
    let text = text.split_once(" but ").map(|(before, _)| before).filter(|before| before.contains(' ')).unwrap_or(text);
    let mut words: Vec<&str> = Vec::new();
    let mut length = 0;
    let mut whole = true;
    for word in text.split(' ') {
        if length + word.len() > 74 {
            whole = false;
            break;
        }
        length += word.len() + 1;
        words.push(word);
    }
    if !whole {
        // Back to where one could stop: before what only says more.
        let more = ["that", "which", "with", "for", "to", "and", "or", "from", "in", "of", "by", "using", "(the", "as"];
        let stop = words.iter().rposition(|word| more.contains(word)).filter(|at| *at >= 3);
        words.truncate(stop.unwrap_or(words.len()));
    }
    // A verb without its end says nothing.
    let hanging =
        ["used", "be", "can", "able", "is", "are", "that", "which", "to", "a", "an", "the", "allows", "you", "lets"];
    while words.len() > 2 && words.last().is_some_and(|word| !whole && hanging.contains(word)) {
        words.pop();
    }
    let short = words.join(" ");
    let short = short.trim_end_matches(['.', ' ', ':', ',', '!', '(']);
    let mut chars = short.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}

fn plain_paragraphs(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(one_line).filter(|paragraph| !paragraph.is_empty());
    paragraphs.take(4).collect::<Vec<_>>().join("\n\n")
}

fn is_web_address(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        && text.len() < 300
        && text.chars().all(|c| c.is_ascii_graphic() && !"\"'<>${}\\".contains(c))
}

/// `Name <address>`
pub(super) fn is_maintainer(text: &str) -> bool {
    let Some((name, address)) = text.strip_suffix('>').and_then(|text| text.split_once('<')) else { return false };
    let plain = address.chars().all(|c| c.is_ascii_alphanumeric() || "@.+-_".contains(c));
    let address = address.split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.contains('.'));
    !name.trim().is_empty()
        && plain
        && address
        && text.len() < 200
        && one_line(text) == text
        && !name.contains(['<', '>', ','])
}

/// What the README begins with.
#[derive(Default)]
struct Readme {
    summary: Option<String>,
    description: Option<String>,
}

impl Readme {
    fn of(tree: &Tree, name: &str) -> Readme {
        let files = tree.texts(|path| !path.contains('/') && path.to_ascii_lowercase().starts_with("readme"));
        // README-VIM.md is about something else than README.md.
        let whole = |path: &str| path.len() == 6 || path[6..].starts_with('.');
        let main = files.iter().filter(|(path, _)| whole(path)).min_by_key(|(path, _)| path.len());
        let Some((_, text)) = main else { return Readme::default() };
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
    for block in text.replace("\n#", "\n\n#").split("\n\n").take(60) {
        let block = block.trim_matches('\n').trim_end();
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
    Some(if is_prose(&flat) { Block::Prose(flat) } else { Block::Other })
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
    let verbs = ["is", "are", "provides", "contains", "implements", "lets", "allows", "helps"];
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
    let marks = ["](", "![", "<", "http", "::", "```", "----", "====", "$ ", "|", ".. ", "Copyright", "(c)"];
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
    use super::*;

    #[test]
    fn archives_are_called_after_what_is_in_them() {
        let split = |file: &str| {
            let (name, version) = split_name(file);
            format!("{name} {}", version.unwrap_or_default())
        };
        assert_eq!(split("jq_1.7.1.orig.tar.gz"), "jq 1.7.1");
        assert_eq!(split("https://a.org/x/foo-bar-1.0-rc1.tar.xz"), "foo-bar 1.0~rc1");
        assert_eq!(split("v2.3.tar.gz"), " 2.3");
        assert_eq!(split("lib_foo_2.0+dfsg1.orig.tar.xz"), "lib_foo 2.0");
        assert_eq!(split("my-project"), "my-project ");
    }

    #[test]
    fn summaries_are_short_and_without_the_name() {
        assert_eq!(summary("jq is a lightweight JSON processor. It is fast.", "jq"), "Lightweight JSON processor");
        assert_eq!(summary("foo - The fast one.", "foo"), "Fast one");
        assert!(summary(&"word ".repeat(60), "x").len() <= 80);
    }

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

    #[test]
    fn the_newest_release_has_the_version() {
        let of = |tags: &[&str]| newest(&tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>());
        assert_eq!(of(&["v1.9", "v1.10", "v2.0-rc1", "nightly", "$(id)-3"]).as_deref(), Some("1.10"));
        assert_eq!(of(&["greet-parent-2.9.1", "REL_2_8"]).as_deref(), Some("2.9.1"));
        assert_eq!(of(&["latest"]), None);
    }

    #[test]
    fn what_is_no_address_is_none() {
        assert!(is_maintainer("Ada Lovelace <ada@example.org>"));
        for wrong in ["Ada", "<a@b.c>", "Ada <ada>", "A <a@b.c>, B <b@c.d>", "A\u{1b}[1m <a@b.c>", "A <a@b.c\n>"] {
            assert!(!is_maintainer(wrong), "{wrong}");
        }
        assert!(!is_web_address("javascript:x") && !is_web_address("https://a\"b"));
    }
}
