//! Autotools: `configure` as it comes, or made by autoreconf; requirements from configure.ac, installed things from all
//! Makefile.am. A `configure` that no autoconf wrote is taken as what it is: a script with some of the usual options.

use std::collections::BTreeMap;

use super::common::{assignments, modules};
use super::{known_headers, written};
use crate::init::draft::Draft;
use crate::init::text::{Call, calls, capability, is_plain_word, is_version};
use crate::init::tree::{COMPILED, Tree, base_name, ending};

const SOURCES: [&str; 2] = ["configure.ac", "configure.in"];

/// What tests of the language's own programs look for, beside the compiler.
const PROGRAMS: [(&str, &str); 11] = [
    ("AC_PROG_CXX", "c++"),
    ("AC_PROG_YACC", "bison"),
    ("AC_PROG_LEX", "flex"),
    ("AM_PROG_LEX", "flex"),
    ("AM_PATH_PYTHON", "python3"),
    ("AM_PATH_GLIB_2_0", "pkgconfig(glib-2.0)"),
    ("AM_PATH_LIBGCRYPT", "pkgconfig(libgcrypt)"),
    ("AM_PATH_GPG_ERROR", "pkgconfig(gpg-error)"),
    ("GTK_DOC_CHECK", "/usr/bin/gtkdocize"),
    ("IT_PROG_INTLTOOL", "/usr/bin/intltoolize"),
    ("GOBJECT_INTROSPECTION_REQUIRE", "pkgconfig(gobject-introspection-1.0)"),
];

/// Macros that autoreconf needs, by the file that defines them.
const MACROS: [(&str, &str); 6] = [
    ("AX_", "/usr/share/aclocal/ax_check_compile_flag.m4"),
    ("PKG_", "/usr/share/aclocal/pkg.m4"),
    ("LT_", "libtool"),
    ("AC_PROG_LIBTOOL", "libtool"),
    ("AM_GNU_GETTEXT", "/usr/bin/autopoint"),
    ("AM_ICONV", "/usr/bin/autopoint"),
];

pub(super) fn file(tree: &Tree) -> Option<String> {
    let source = super::common::top(tree, &SOURCES);
    source.or_else(|| tree.has("configure").then(|| "configure".to_owned()))
}

pub(super) fn read(tree: &Tree, draft: &mut Draft) {
    let source = super::common::top(tree, &SOURCES);
    let shipped = tree.has("configure");
    let generated = match tree.text("configure") {
        Some(text) => text.contains("GNU Autoconf"),
        None => true,
    };
    draft.arch_independent = !tree.names().any(|path| COMPILED.contains(&ending(path)));
    if !draft.arch_independent {
        draft.need("cc", file(tree).unwrap_or_default());
    }
    draft.need("make", file(tree).unwrap_or_default());
    makefiles(tree, draft);
    if let Some(path) = &source
        && let Some(text) = tree.text(path)
    {
        configure(tree, path, text, !shipped, draft);
    }

    let mut build = Vec::new();
    if !shipped {
        draft.need("autoconf", source.clone().unwrap_or_default());
        draft.need("automake", source.clone().unwrap_or_default());
        let own = ["autogen.sh", "bootstrap", "bootstrap.sh"].into_iter().find(|script| tree.has(script));
        if let Some(script) = own {
            draft.check(format!("there is no configure: autoreconf makes it; the project's own {script} was not used"));
        }
        // Without `foreign`, automake wants the files of a package of GNU; projects make empty ones in a script.
        let foreign = tree.texts(|path| SOURCES.contains(&path) || path == "Makefile.am");
        let foreign = foreign.iter().any(|(_, text)| text.contains("foreign"));
        let missing: Vec<&str> =
            ["NEWS", "README", "AUTHORS", "ChangeLog"].into_iter().filter(|file| !tree.has(file)).collect();
        if tree.has("Makefile.am") && !foreign && !missing.is_empty() {
            build.push(format!("touch {}", missing.join(" ")));
        }
        build.push("autoreconf -fi".to_owned());
    }
    let libtool = !draft.libraries.is_empty() || uses_libtool(tree, source.as_deref());
    if generated {
        // Distributions ship shared libraries.
        let shared = if libtool { " --disable-static" } else { "" };
        build
            .push("./configure --prefix=$PREFIX --libdir=$LIBDIR --sysconfdir=/etc --localstatedir=/var \\".to_owned());
        build.push(format!("  --mandir=$PREFIX/share/man --infodir=$PREFIX/share/info --disable-silent-rules{shared}"));
    } else {
        let text = tree.text("configure").unwrap_or_default();
        let options = [
            ("--libdir", "$LIBDIR"),
            ("--sysconfdir", "/etc"),
            ("--mandir", "$PREFIX/share/man"),
            ("--infodir", "$PREFIX/share/info"),
        ];
        let known: Vec<String> = options
            .iter()
            .filter(|(option, _)| text.contains(option))
            .map(|(option, value)| format!(" {option}={value}"))
            .collect();
        // Such scripts seldom look at the environment; those that take the flags as arguments say so.
        let flags = if text.contains("CXXFLAGS=") && text.contains("CPPFLAGS=") && text.contains("LDFLAGS=") {
            " \\\n  CPPFLAGS=\"$CPPFLAGS\" CFLAGS=\"$CFLAGS\" CXXFLAGS=\"$CXXFLAGS\" LDFLAGS=\"$LDFLAGS\""
        } else {
            ""
        };
        build.push(format!("./configure --prefix=$PREFIX{}{flags}", known.concat()));
        if text.contains("CXX=") {
            draft.need("c++", "configure");
        }
        draft.check("configure was not made by autoconf: see whether it takes the options that [build] gives it");
    }
    build.push("make".to_owned());
    draft.build = build;
    if !tree.has("Makefile.am") {
        written::programs(tree, source.as_deref(), draft);
    }
    if tree.has("Makefile.am") || written::has(tree, source.as_deref(), "check") {
        draft.check = vec!["make check".to_owned()];
    }
    draft.install = vec!["make install DESTDIR=$DESTDIR".to_owned()];
    if libtool {
        draft.install.push("find $DESTDIR -name '*.la' -delete".to_owned());
    }
    if has_info(tree) {
        draft.install.push("rm -f $DESTDIR$PREFIX/share/info/dir".to_owned());
    }
}

fn uses_libtool(tree: &Tree, source: Option<&str>) -> bool {
    source.and_then(|path| tree.text(path)).is_some_and(|text| text.contains("LT_INIT") || text.contains("LIBTOOL"))
}

fn has_info(tree: &Tree) -> bool {
    tree.names().any(|path| {
        let name = base_name(path);
        name.ends_with(".info") || name.ends_with(".texi") || name.ends_with(".texinfo") || name.ends_with(".txi")
    })
}

fn configure(tree: &Tree, path: &str, text: &str, regenerated: bool, draft: &mut Draft) {
    let mut libtool: BTreeMap<String, String> = BTreeMap::new();
    for line in text.lines() {
        // Numbers of libtool's versions are shell variables.
        if let Some((name, value)) = line.trim().split_once('=')
            && is_plain_word(name)
            && value.len() < 32
        {
            libtool.entry(name.to_owned()).or_insert_with(|| value.trim_matches(['"', '\'']).to_owned());
        }
    }
    let text = text.replace("\ndnl ", "\n# ");
    for call in calls(&text, "#", false) {
        let from = format!("{path}:{}", call.line);
        macro_call(&call, &from, draft);
        if regenerated {
            for (prefix, what) in MACROS.iter().filter(|(prefix, _)| call.name.starts_with(prefix)) {
                // A project often brings the macros that it uses.
                let own = format!("{}.m4", call.name.to_ascii_lowercase());
                if *prefix != "AX_" || !tree.names().any(|name| base_name(name) == own) {
                    draft.need(*what, from.clone());
                }
            }
        }
    }
    if regenerated {
        // A macro without arguments needs no parentheses.
        let bare = [("AC_PROG_LIBTOOL", "libtool"), ("LT_INIT", "libtool"), ("AM_GNU_GETTEXT", "/usr/bin/autopoint")];
        for (word, what) in bare {
            if text.contains(word) {
                draft.need(what, path);
            }
        }
    }
    for (word, what) in PROGRAMS {
        if let Some(at) = text.find(word) {
            let from = format!("{path}:{}", crate::init::text::line_of(&text, at));
            // A release has what these make; only a checkout needs them for sure.
            let made = matches!(word, "AC_PROG_YACC" | "AC_PROG_LEX" | "AM_PROG_LEX") && !regenerated;
            let optional = made || word.starts_with("GOBJECT") || (word == "GTK_DOC_CHECK" && !regenerated);
            draft.build_requirement(super::common::requirement(what.to_owned(), &from, optional));
        }
    }
    sonames(tree, &libtool, draft);
}

fn macro_call(call: &Call, from: &str, draft: &mut Draft) {
    let arguments = arguments(&call.arguments);
    let argument = |at: usize| arguments.get(at).map(String::as_str).unwrap_or_default();
    let fails = |at: usize| argument(at).contains("AC_MSG_ERROR") || argument(at).contains("AC_MSG_FAILURE");
    match call.name.as_str() {
        "AC_INIT" | "AM_INIT_AUTOMAKE" => init(call.name == "AC_INIT", &arguments, draft),
        "PKG_CHECK_MODULES" | "PKG_CHECK_EXISTS" => {
            let exists = call.name == "PKG_CHECK_EXISTS";
            let list = argument(usize::from(!exists));
            // What is done when a module is not there: nothing said means that configure ends.
            let optional = exists || (!argument(3).is_empty() && !fails(3));
            draft.build_requirement(super::common::requirement("/usr/bin/pkg-config".to_owned(), from, optional));
            for (name, version) in modules(list.split([' ', '\t', '\n', ','])) {
                let version = version.filter(|_| !optional);
                if let Some(what) = capability("pkgconfig", &name, version.as_deref()) {
                    draft.build_requirement(super::common::requirement(what, from, optional));
                }
            }
        }
        "AC_CHECK_LIB" | "AC_SEARCH_LIBS" => {
            let searched = call.name == "AC_SEARCH_LIBS";
            let names = argument(usize::from(searched));
            let first = names.split_whitespace().next().unwrap_or_default();
            if let Some(what) = super::common::library(first) {
                draft.build_requirement(super::common::requirement(what, from, !fails(3)));
            }
        }
        "AC_CHECK_HEADER" | "AC_CHECK_HEADERS" => {
            for header in argument(0).split_whitespace() {
                if let Some(what) = known_headers::capability(header) {
                    draft.build_requirement(super::common::requirement(what, from, !fails(2)));
                }
            }
        }
        "AC_PATH_PROG" | "AC_CHECK_PROG" | "AC_PATH_PROGS" | "AC_CHECK_PROGS" => {
            let program = argument(1).split_whitespace().next().unwrap_or_default();
            if is_plain_word(program) && !["gcc", "cc", "sh", "sed", "grep", "awk", "ar", "ld"].contains(&program) {
                draft.build_requirement(super::common::requirement(format!("/usr/bin/{program}"), from, true));
            }
        }
        _ => {}
    }
}

/// `AC_INIT([name], [version], [bugs], [tarname], [url])`; the older form has the name of a file.
fn init(ac: bool, arguments: &[String], draft: &mut Draft) {
    let argument = |at: usize| arguments.get(at).map(|text| text.trim()).filter(|text| !text.is_empty());
    if arguments.len() < 2
        || !argument(1).is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit() || c == '$' || c == 'm'))
    {
        return;
    }
    if draft.name.is_none() {
        let tarname = argument(3).filter(|name| ac && is_plain_word(name));
        draft.name = tarname.or(argument(0)).filter(|name| !name.contains(['$', '('])).map(str::to_owned);
    }
    if draft.version.is_none() {
        draft.version = argument(1).filter(|version| is_version(version)).map(str::to_owned);
    }
    if draft.homepage.is_none() && ac {
        draft.homepage = argument(4).map(str::to_owned);
    }
}

/// The arguments of an M4 macro, quotes taken off.
fn arguments(text: &str) -> Vec<String> {
    let (mut depth, mut parentheses, mut from) = (0i32, 0i32, 0);
    let mut parts = Vec::new();
    for (at, c) in text.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            '(' if depth <= 0 => parentheses += 1,
            ')' if depth <= 0 => parentheses -= 1,
            ',' if depth <= 0 && parentheses <= 0 => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts.into_iter().map(|part| part.trim().trim_start_matches('[').trim_end_matches(']').trim().to_owned()).collect()
}

/// Programs, libraries and development files of all Makefile.am.
fn makefiles(tree: &Tree, draft: &mut Draft) {
    for (_, text) in tree.texts(|path| base_name(path) == "Makefile.am" && is_reached(tree, path)) {
        for (name, value) in assignments(&unconditional(text)) {
            match name.as_str() {
                "bin_PROGRAMS" | "sbin_PROGRAMS" | "bin_SCRIPTS" | "dist_bin_SCRIPTS" => {
                    value
                        .split_whitespace()
                        .filter(|word| !word.contains('$'))
                        .for_each(|word| draft.program(base_name(word)));
                }
                "lib_LTLIBRARIES" => {
                    for library in value.split_whitespace() {
                        if let Some(name) = library.strip_prefix("lib").and_then(|name| name.strip_suffix(".la")) {
                            // libtool gives every library a version, modules aside.
                            draft.library(name, None, !text.contains("-avoid-version"));
                        }
                    }
                }
                "pkgconfig_DATA" | "pkgconfigdata_DATA" => {
                    draft.development.has("${libdir}/pkgconfig/**");
                }
                name if name.ends_with("include_HEADERS") && !value.is_empty() => {
                    draft.development.has("/usr/include/**");
                }
                name if name.ends_with("_MANS") && value.split_whitespace().any(|man| man.ends_with(".3")) => {
                    draft.development.has("/usr/share/man/man3/**");
                }
                _ => {}
            }
        }
    }
}

/// Whether make gets to the folder of a Makefile.am: the one above it names it in SUBDIRS, or includes it, or leaves
/// that to a variable.
fn is_reached(tree: &Tree, path: &str) -> bool {
    let folder = path.strip_suffix("Makefile.am").unwrap_or_default().trim_end_matches('/');
    let above = folder.rsplit_once('/').map_or("", |(above, _)| above);
    let parents = std::iter::successors(Some(above), |folder| {
        (!folder.is_empty()).then(|| folder.rsplit_once('/').map_or("", |(above, _)| above))
    });
    let parent = parents
        .filter(|_| !folder.is_empty())
        .find_map(|above| Some((above, tree.text(format!("{above}/Makefile.am").trim_start_matches('/'))?)));
    let Some((above, text)) = parent else { return true };
    let inner = folder.strip_prefix(above).unwrap_or(folder).trim_start_matches('/');
    let lists = assignments(text).into_iter().filter(|(name, _)| name == "SUBDIRS").map(|(_, value)| value);
    let words: Vec<String> =
        lists.flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect();
    let named = words
        .iter()
        .any(|word| word.contains(['$', '@']) || word.trim_start_matches("./").trim_end_matches('/') == inner);
    words.is_empty() || named || text.lines().any(|line| line.starts_with("include") && line.contains(inner))
}

/// What a Makefile.am says outside of its `if … endif`.
fn unconditional(text: &str) -> String {
    let mut depth = 0usize;
    let mut plain = String::new();
    for line in text.lines() {
        match line.split_whitespace().next() {
            Some("if") => depth += 1,
            Some("endif") => depth = depth.saturating_sub(1),
            _ if depth == 0 => plain.extend([line, "\n"]),
            _ => {}
        }
    }
    plain
}

/// The soname's version of each library, from `-version-info current:revision:age`: current - age. Without any, libtool
/// takes 0:0:0.
fn sonames(tree: &Tree, variables: &BTreeMap<String, String>, draft: &mut Draft) {
    let expand = |word: &str| -> Option<i64> {
        let name = word.trim_matches(['@', '$', '(', ')', '{', '}']);
        word.parse().ok().or_else(|| variables.get(name)?.parse().ok())
    };
    for (_, text) in tree.texts(|path| base_name(path) == "Makefile.am" && is_reached(tree, path)) {
        for (name, value) in assignments(text) {
            let Some(library) = name.strip_prefix("lib").and_then(|name| name.strip_suffix("_la_LDFLAGS")) else {
                continue;
            };
            let mut words = value.split_whitespace();
            let Some(info) = words.find(|word| *word == "-version-info").and_then(|_| words.next()) else { continue };
            let whole = info.trim_matches(['@', '$', '(', ')', '{', '}']);
            let info = variables.get(whole).map_or(info, String::as_str);
            let numbers: Vec<Option<i64>> = info.split(':').map(expand).collect();
            if let [Some(current), _, Some(age)] = numbers[..] {
                let soversion =
                    current.checked_sub(age).filter(|version| *version >= 0).map(|version| version.to_string());
                let known = draft.libraries.iter_mut().find(|known| known.name.replace('-', "_") == library);
                if let Some(known) = known {
                    known.soversion = soversion;
                } else if !library.contains('_') {
                    draft.library(library, soversion, true);
                }
            }
        }
    }
    let makefiles = tree.texts(|path| base_name(path) == "Makefile.am");
    let plain = |library: &str| {
        let flags = format!("lib{}_la_LDFLAGS", library.replace(['-', '.', '+'], "_"));
        let all = makefiles.iter().flat_map(|(_, text)| assignments(text));
        let flags = all.filter(|(name, _)| *name == flags || name == "AM_LDFLAGS").map(|(_, value)| value);
        flags
            .into_iter()
            .all(|value| !value.contains(['$', '@']) && !value.contains("-version") && !value.contains("-release"))
    };
    for library in draft.libraries.iter_mut().filter(|library| library.versioned && library.soversion.is_none()) {
        library.soversion = plain(&library.name).then(|| "0".to_owned());
    }
}
