//! A plain Makefile: which targets and variables it has says how it is called.

use std::collections::BTreeMap;

use super::common::assignments;
use crate::init::draft::Draft;
use crate::init::text::{capability, is_plain_path, is_plain_word};
use crate::init::tree::{COMPILED, Tree, ending};

pub(super) const FILES: [&str; 3] = ["GNUmakefile", "Makefile", "makefile"];

/// Variables for where things go, in the spellings that are used.
const FOLDERS: [(&[&str], &str); 8] = [
    (&["PREFIX", "prefix"], "$PREFIX"),
    (&["BINDIR", "bindir"], "$PREFIX/bin"),
    (&["LIBDIR", "libdir"], "$LIBDIR"),
    (&["INCLUDEDIR", "includedir"], "$PREFIX/include"),
    (&["DATADIR", "datadir"], "$PREFIX/share"),
    (&["MANDIR", "mandir"], "$PREFIX/share/man"),
    (&["SYSCONFDIR", "sysconfdir"], "/etc"),
    (&["DOCDIR", "docdir"], "$PREFIX/share/doc/$FARM_NAME"),
];

pub(super) fn read(tree: &Tree, draft: &mut Draft) {
    let Some((path, text)) = FILES.iter().find_map(|file| Some((*file, tree.text(file)?))) else { return };
    let variables: BTreeMap<String, String> = assignments(text).into_iter().rev().collect();
    draft.need("make", path);
    let compiled = tree.names().any(|name| COMPILED.contains(&ending(name)));
    draft.arch_independent = !compiled;
    if compiled {
        draft.need("cc", path);
    }
    let cxx = tree.names().any(|name| ["cc", "cpp", "cxx", "C", "c++"].contains(&ending(name)));
    if cxx {
        draft.need("c++", path);
    }
    requirements(path, text, draft);
    installed(text, &variables, draft);

    let mut folders = String::new();
    for (names, value) in FOLDERS {
        let Some(name) = names.iter().find(|name| variables.contains_key(**name)) else { continue };
        let own = variables[*name].as_str();
        if let Some(value) = folder(name, own, value) {
            folders.push_str(&format!(" {name}={value}"));
        }
    }
    // Configuration is below /etc, wherever the rest is.
    for (name, own) in &variables {
        let rest = ["$(PREFIX)/etc", "${PREFIX}/etc", "$(prefix)/etc", "${prefix}/etc"];
        let rest = rest.iter().find_map(|below| own.strip_prefix(below)).filter(|rest| {
            rest.is_empty() || rest.strip_prefix('/').is_some_and(|rest| is_plain_path(rest.trim_end_matches('/')))
        });
        let known = FOLDERS.iter().any(|(names, _)| names.contains(&name.as_str()));
        if let Some(rest) = rest.filter(|_| !known && is_plain_word(name)) {
            folders.push_str(&format!(" {name}=/etc{rest}"));
        }
    }
    let flags = flags(text, &variables, compiled, cxx);
    if has_target(text, "all") || compiled {
        draft.build = vec![format!("make{folders}{flags}")];
    }
    if let Some(target) = ["check", "test"].into_iter().find(|target| has_target(text, target)) {
        draft.check = vec![format!("make {target}{folders}{flags}")];
    }
    // Some call the folder of programs DESTDIR, and give it a place of its own.
    let is_folder = variables.get("DESTDIR").is_some_and(|own| is_below_prefix(own) || own.starts_with('/'));
    let destination = text.contains("DESTDIR") && !is_folder;
    let built = if compiled { built_programs(text, &variables) } else { Vec::new() };
    draft.install = if !has_target(text, "install") && !built.is_empty() {
        draft.check(format!("{path} has no target `install`: [build] install takes the programs that it builds"));
        built.iter().for_each(|program| draft.program(program));
        let programs = built.join(" ");
        vec!["mkdir -p $DESTDIR$PREFIX/bin".to_owned(), format!("install -m 755 {programs} $DESTDIR$PREFIX/bin/")]
    } else if !has_target(text, "install") {
        draft.check(format!("{path} has no target `install`: say in [build] install what goes where"));
        let mut lines = vec!["mkdir -p $DESTDIR$PREFIX/bin".to_owned()];
        let scripts =
            tree.names().filter(|name| !name.contains('/') && tree.is_executable(name) && is_plain_word(name));
        let named: Vec<&str> = scripts.filter(|name| ending(name).is_empty() && *name != "configure").collect();
        if named.is_empty() {
            draft.cannot("the Makefile has no target install: say in [build] install what goes where");
        }
        lines.extend(named.iter().map(|name| format!("install -m 755 {name} $DESTDIR$PREFIX/bin/")));
        lines
    } else if destination {
        vec![format!("make install DESTDIR=$DESTDIR{folders}{flags}")]
    } else {
        draft.check(format!("{path} knows no DESTDIR: the install step puts $DESTDIR in front of its folders"));
        let moved = folders
            .replace("=$PREFIX", "=$DESTDIR$PREFIX")
            .replace("=$LIBDIR", "=$DESTDIR$LIBDIR")
            .replace("=/etc", "=$DESTDIR/etc");
        vec![make_folders(&moved), format!("make install{moved}{flags}")]
    };
    if !has_target(text, "install") && !built.is_empty() {
        super::common::install_manual_pages(tree, draft);
    }
}

fn is_below_prefix(text: &str) -> bool {
    ["$(PREFIX)", "${PREFIX}", "$(prefix)", "${prefix}"].iter().any(|prefix| text.contains(prefix))
}

/// The lines of a target's rule.
fn rule<'a>(text: &'a str, target: &'a str) -> impl Iterator<Item = &'a str> {
    let is_rule = move |line: &&str| {
        let targets = line.split_once(':').filter(|(_, rest)| !rest.starts_with('=')).map(|(targets, _)| targets);
        !line.starts_with(['\t', '#'])
            && targets.is_some_and(|targets| targets.split_whitespace().any(|one| one == target))
    };
    let mut lines = text.lines().skip_while(move |line| !is_rule(line));
    lines.next();
    lines.take_while(|line| line.starts_with(['\t', '#']) || line.trim().is_empty())
}

/// The programs that `make` without a target links: what the first rule makes or needs, where its rule names it as output.
fn built_programs(text: &str, variables: &BTreeMap<String, String>) -> Vec<String> {
    let first = text.lines().find_map(|line| {
        let (targets, rest) = line.split_once(':').filter(|(_, rest)| !rest.starts_with('='))?;
        let plain = !line.starts_with(['\t', '#', '.', ' ']) && !targets.contains('=');
        plain.then(|| (expand(targets, variables), expand(rest.split('#').next().unwrap_or_default(), variables)))
    });
    let Some((targets, needs)) = first else { return Vec::new() };
    let candidates = targets.split_whitespace().chain(needs.split_whitespace());
    let mut found: Vec<String> = Vec::new();
    for name in candidates.filter(|name| is_plain_word(name) && ending(name).is_empty()) {
        let links = rule(text, name).any(|line| {
            let line = expand(line, variables).replace("$@", name);
            line.split_whitespace()
                .zip(line.split_whitespace().skip(1))
                .any(|(flag, file)| flag == "-o" && file == name)
        });
        if links && !found.iter().any(|known| known == name) {
            found.push(name.to_owned());
        }
    }
    found
}

/// A line with the Makefile's own variables put in, and what these refer to.
pub(super) fn expand(line: &str, variables: &BTreeMap<String, String>) -> String {
    let mut line = line.to_owned();
    for _ in 0..3 {
        for (name, value) in variables.iter().filter(|(_, value)| value.len() < 500) {
            if line.len() > 10_000 {
                return line;
            }
            line = line.replace(&format!("$({name})"), value).replace(&format!("${{{name}}}"), value);
        }
    }
    line
}

/// Whether the Makefile has a target for it; one without is often there for developers, beside what builds the project.
pub(super) fn installs(tree: &Tree) -> bool {
    FILES.iter().find_map(|file| tree.text(file)).is_some_and(|text| has_target(text, "install"))
}

/// Makefiles that know no DESTDIR often expect the folders to be there.
fn make_folders(moved: &str) -> String {
    if moved.is_empty() {
        ":".to_owned()
    } else {
        "mkdir -p $DESTDIR$PREFIX/bin $DESTDIR$PREFIX/share/man/man1".to_owned()
    }
}

/// What a variable for a folder is set to; none when the Makefile's own value is right already.
fn folder(name: &str, own: &str, value: &str) -> Option<String> {
    let relative = is_below_prefix;
    let lower = name.to_ascii_lowercase();
    match lower.as_str() {
        // A value that holds DESTDIR would lose it.
        _ if own.contains("DESTDIR") => {
            let rest = value.to_owned();
            (lower == "prefix" || lower == "mandir" && !own.contains("share")).then(|| format!("$DESTDIR{rest}"))
        }
        "prefix" | "libdir" => Some(value.to_owned()),
        "mandir" => {
            // Some mean the folder of one section.
            let section = own
                .rsplit('/')
                .next()
                .filter(|last| last.len() == 4 && last.starts_with("man"))
                .filter(|last| *last != "man");
            let wrong = !own.contains("share");
            let value = section.map_or_else(|| value.to_owned(), |section| format!("{value}/{section}"));
            (wrong || !relative(own)).then_some(value)
        }
        "sysconfdir" => (own != "/etc").then(|| value.to_owned()),
        _ => (!relative(own) && !own.is_empty()).then(|| value.to_owned()),
    }
}

/// The distribution's flags, for variables that the Makefile sets to nothing but taste. What it needs itself, such as
/// `-Isrc`, would be lost.
fn flags(text: &str, variables: &BTreeMap<String, String>, compiled: bool, cxx: bool) -> String {
    if !compiled {
        return String::new();
    }
    let mut flags = String::new();
    for (name, given) in
        [("CFLAGS", "\"$CFLAGS $CPPFLAGS\""), ("CXXFLAGS", "\"$CXXFLAGS $CPPFLAGS\""), ("LDFLAGS", "\"$LDFLAGS\"")]
    {
        let Some(own) = variables.get(name) else { continue };
        let taste = own.split_whitespace().all(|flag| {
            ["-O", "-g", "-W", "-pipe", "-s", "-march", "-fomit"].iter().any(|taste| flag.starts_with(taste))
                || flag == format!("$({name})")
        });
        let set_softly = text.lines().any(|line| {
            line.trim_start().starts_with(&format!("{name} ?=")) || line.trim_start().starts_with(&format!("{name}?="))
        });
        let added = text
            .lines()
            .filter(|line| {
                line.trim_start().starts_with(&format!("{name} +="))
                    || line.trim_start().starts_with(&format!("{name}+="))
            })
            .count();
        if taste && !set_softly && added == 0 && (name != "CXXFLAGS" || cxx) {
            flags.push_str(&format!(" {name}={given}"));
        }
    }
    flags
}

/// Libraries that are linked with, and modules that pkg-config is asked for.
fn requirements(path: &str, text: &str, draft: &mut Draft) {
    for (number, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default();
        let from = format!("{path}:{}", number + 1);
        let words = line.split([' ', '\t', '(', ')', '`', '=', '"', '\'']).filter(|word| !word.is_empty());
        // What follows the call's own name and options.
        let mut asked = false;
        for word in words {
            if word.contains("pkg-config") || word == "PKG_CONFIG" {
                asked = true;
            } else if let Some(library) = word.strip_prefix("-l").filter(|library| is_plain_word(library)) {
                let what = super::common::library(library);
                what.into_iter().for_each(|what| draft.need(what, from.clone()));
            } else if asked && is_plain_word(word) && word.contains(|c: char| c.is_ascii_lowercase()) {
                if let Some(what) = capability("pkgconfig", word, None) {
                    draft.need("/usr/bin/pkg-config", from.clone());
                    draft.need(what, from.clone());
                }
            } else if asked && !word.starts_with('-') {
                asked = false;
            }
        }
    }
}

/// Programs and libraries by the usual variables.
fn installed(text: &str, variables: &BTreeMap<String, String>, draft: &mut Draft) {
    for name in ["PROGRAM", "PROG", "TARGET", "BIN", "PROGS", "BINS"] {
        for word in variables.get(name).map(String::as_str).unwrap_or_default().split_whitespace() {
            if !word.contains(['$', '/', '.']) {
                draft.program(word);
            }
        }
    }
    // What is copied into the folder of programs, and was made by a rule.
    for line in rule(text, "install") {
        let line = expand(line, variables);
        let copies = ["install", "cp"].iter().any(|command| line.contains(command));
        if !copies || !line.split_whitespace().last().is_some_and(|to| to.split('/').any(|part| part == "bin")) {
            continue;
        }
        for word in line.trim_start_matches(['\t', '@', '-']).split_whitespace().skip(1) {
            if is_plain_word(word) && !word.contains('.') && has_target(text, word) && word != "install" {
                draft.program(word);
            }
        }
    }
    for word in text.split(|c: char| c.is_whitespace() || matches!(c, ':' | '=' | '(' | ')' | '/')) {
        let Some(name) = word.strip_prefix("lib").and_then(|rest| rest.split_once(".so")).map(|(name, _)| name) else {
            continue;
        };
        draft.library(name, None, text.contains(".so."));
    }
    // What a command copies into the folder for it is there; a word somewhere else says nothing.
    let installs = |what: &str, folder: &str| {
        let commands =
            text.lines().filter(|line| line.starts_with('\t') && line.to_ascii_lowercase().contains("install"));
        commands.map(str::to_ascii_lowercase).any(|line| line.contains(what) && line.contains(folder))
    };
    if installs(".h", "include") {
        draft.development.has("/usr/include/**");
    }
    if installs(".pc", "pkgconfig") {
        draft.development.has("${libdir}/pkgconfig/**");
    }
    if installs(".3", "man3") {
        draft.development.has("/usr/share/man/man3/**");
    }
    draft.development.static_library |= !draft.libraries.is_empty() && installs(".a", "lib");
}

/// Whether a makefile has a rule for a target.
pub(super) fn has_target(text: &str, target: &str) -> bool {
    text.lines().any(|line| {
        !line.starts_with(['\t', '#', ' ', '.'])
            && line.split_once(':').is_some_and(|(targets, rest)| {
                !rest.starts_with('=') && targets.split_whitespace().any(|known| known == target)
            })
    })
}
