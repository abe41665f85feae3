//! Name, version, summary and maintainer: from what is the project's archive or folder called, its metadata, and its
//! README. What cannot be known is a placeholder and a sentence that says so.

use std::cmp::Ordering;

use super::draft::Draft;
use super::readme::Readme;
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
    // A folder that is called like a number says nothing of the project in it.
    let is_number = matches!(request.source, SourceOf::Path(_)) && file_name.is_empty();
    let file_version = file_version.filter(|_| !is_number);
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
        // What is checked out may be a release from before the newest.
        let tagged = newest(tree.tags_here()).or_else(|| newest(tree.tags()))?;
        draft.version_of_tags = matches!(request.source, SourceOf::Path(_)) && !tree.is_shallow();
        Some(tagged)
    });
    let version = version.or_else(|| package_version(&super::system::debian_version(tree)?));
    draft.version = Some(version.unwrap_or_else(|| {
        draft.check("no version was found: 0 stands in [package] version");
        "0".to_owned()
    }));

    let name = draft.name.clone().unwrap_or_default();
    let readme = Readme::of(tree, &name);
    // A manual page says in one line what it is about, for lists like those of packages.
    let stated = draft.summary.take().or_else(|| of_manual_page(tree, &name)).or(readme.summary);
    let summary = stated.map(|text| summary(&text, &name)).filter(|text| !text.is_empty());
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

/// The line below NAME of the manual page that has the project's name: `greet \- say hello`, or `.Nd say hello`.
fn of_manual_page(tree: &Tree, name: &str) -> Option<String> {
    let is_page = |path: &str| {
        let section = base_name(path).strip_prefix(name).and_then(|rest| rest.strip_prefix('.')).map(str::as_bytes);
        matches!(section, Some([b'1'..=b'8']))
    };
    let pages = tree.texts(|path| !name.is_empty() && is_page(path));
    pages.iter().find_map(|(_, text)| {
        let mut lines = text.lines().skip_while(|line| {
            let heading = line.strip_prefix(".SH").or_else(|| line.strip_prefix(".Sh")).unwrap_or_default();
            !heading.trim().trim_matches('"').eq_ignore_ascii_case("NAME")
        });
        lines.next()?;
        let lines: Vec<&str> = lines.take_while(|line| !line.starts_with(".S")).take(10).collect();
        if let Some(about) = lines.iter().find_map(|line| line.strip_prefix(".Nd ")) {
            return Some(one_line(about));
        }
        let shown = |line: &&&str| !line.starts_with('.') && !line.starts_with('\'');
        let flat = lines.iter().filter(shown).copied().collect::<Vec<_>>().join(" ").replace("\\(em", "-");
        let flat = ["\\fB", "\\fI", "\\fR", "\\fP", "\\&"].iter().fold(flat, |text, font| text.replace(font, ""));
        let flat = one_line(&flat.replace("\\-", "-"));
        let (_, about) = flat.split_once(" - ").or_else(|| flat.split_once(" -- "))?;
        (about.split(' ').count() >= 2 && !about.contains(['\\', '@'])).then(|| about.to_owned())
    })
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
pub(super) fn summary(text: &str, name: &str) -> String {
    let text = one_line(text);
    let mut text = text.as_str();
    let plain = |text: &str| text.to_ascii_lowercase().replace([' ', '_', ':'], "-").replace("--", "-");
    for separator in [
        " - ",
        " -- ",
        ": ",
        " – ",
        " — ",
        " is ",
        " are ",
        " contains ",
        " provides ",
        " allows you to ",
        " lets you ",
    ] {
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
    // `very good, but slow, compression` goes on.
    let text = text
        .split_once(" but ")
        .filter(|(before, after)| {
            let inserted = before.ends_with(',') && after.split(' ').next().is_some_and(|word| word.ends_with(','));
            before.contains(' ') && !inserted
        })
        .map_or(text, |(before, _)| before);
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
        let stop = |before: usize| {
            let at = words[..before].iter().rposition(|word| more.contains(word))?;
            (at >= 3 || (at == 2 && matches!(words[at], "that" | "which"))).then_some(at)
        };
        // `similar to the one of`: nor is what stands before that a place to stop at.
        let open = |at: &usize| {
            let open = ["one", "ones", "those", "same", "the", "similar", "equal", "compatible", "available", "not"];
            open.contains(&words[*at - 1])
        };
        let mut at = stop(words.len());
        while let Some(next) = at.filter(open) {
            at = stop(next - 1);
        }
        // A clause that only says more begins behind a comma.
        let clause = (3..words.len()).find(|at| words[at - 1].ends_with(',') && matches!(words[*at], "which" | "that"));
        let stop = clause.or(at);
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
        let clause = "It is an XML library, which consists of a tree like the one of documents with rich ways to walk.";
        assert_eq!(summary(clause, "x"), "It is an XML library");
        let relative = "Wayland protocols that add functionality not available in the Wayland core protocol.";
        assert_eq!(summary(relative, "wayland-protocols"), "Wayland protocols");
        let inserted =
            "Foo is a compression library programmed in C to perform very good, but slow, deflate or zlib compression.";
        assert_eq!(summary(inserted, "foo"), "Compression library programmed in C");
        assert_eq!(summary("Foo allows you to monitor files.", "foo"), "Monitor files");
        let long =
            "Lzip is a lossless data compressor with a user interface similar to the one of gzip or bzip2 and others.";
        assert_eq!(summary(long, "lzip"), "Lossless data compressor");
        assert!(summary(&"word ".repeat(60), "x").len() <= 80);
    }

    #[test]
    fn a_manual_page_says_what_its_program_is() {
        let of = |path: &str, text: &str| of_manual_page(&Tree::of_texts(&[(path, text)]), "greet");
        let page = ".TH GREET 1\n.SH NAME\n\\fBgreet\\fR, greetd \\- say hello to\neverybody\n.SH SYNOPSIS\n";
        assert_eq!(of("doc/greet.1", page).as_deref(), Some("say hello to everybody"));
        let mdoc = ".Dd today\n.Sh NAME\n.Nm greet\n.Nd say hello\n.Sh SYNOPSIS\n";
        assert_eq!(of("greet.6", mdoc).as_deref(), Some("say hello"));
        assert_eq!(of("other.1", page), None);
        assert_eq!(of("greet.1", ".SH NAME\ngreet \\- @WHAT IT IS@\n"), None);
        assert_eq!(of("greet.1", ".SH SYNOPSIS\ngreet - x y\n"), None);
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
