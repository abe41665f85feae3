//! What tools print when something is missing and one line says it all: a trigger, and how to take the name out of a
//! line that has it. Every output here was made by the tool; the logs are in `logs/`.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::missing::{MissingKind, Named};

/// What may name something: the line up to the trigger, and after it.
type Take = fn(&str, &str) -> Option<Named>;

/// Trigger, and who prints it, with what follows it or stands before it.
const PATTERNS: &[(&str, Take)] = &[
    // gcc: `a.c:1:10: fatal error: zlib.h: No such file or directory`; clang: `fatal error: 'zlib.h' file not found`
    (" fatal error: ", |_, after| {
        let gcc = || after.strip_suffix(": No such file or directory");
        let clang = || quoted(after.strip_suffix(" file not found")?);
        Named::certain(MissingKind::Header, gcc().or_else(clang)?)
    }),
    // gcc: `gcc: fatal error: cannot execute 'cc1plus': execvp: No such file or directory`; before gcc 12
    // `gcc: error trying to exec 'cc1plus': execvp: …`
    (": cannot execute ", |_, after| {
        let (name, reason) = after.split_once(": ")?;
        reason.starts_with("execvp").then_some(())?;
        Named::certain(MissingKind::Command, quoted(name)?)
    }),
    (": error trying to exec ", |_, after| Named::certain(MissingKind::Command, first_quoted(after)?)),
    // ld, gold: `cannot find -lonig: No such file or directory`
    ("cannot find -l", |_, after| Named::certain(MissingKind::Library, until(after, ": "))),
    // lld, and rust-lld in rustc's notes
    ("unable to find library -l", |_, after| Named::certain(MissingKind::Library, until(after, " "))),
    // mold
    ("mold: fatal: library not found: ", |_, after| Named::certain(MissingKind::Library, after)),
    // dash: `/bin/sh: 1: gperf: not found`, with a file that is read in between: `sh: 1: ./functions: gperf: not found`
    (": not found", |before, after| {
        let (place, command) = before.rsplit_once(": ")?;
        let in_line = |place: &str| place.ends_with(|c: char| c.is_ascii_digit());
        let in_file = || place.rsplit_once(": ").is_some_and(|(place, file)| in_line(place) && file.contains('/'));
        (after.is_empty() && (in_line(place) || in_file())).then_some(())?;
        Named::likely(MissingKind::Command, command)
    }),
    // bash: `bash: line 1: gperf: command not found`; make before 4.3: `make: gperf: Command not found`. A macro that
    // autoconf did not know becomes a command of the configure script.
    (": command not found", |before, _| {
        let command = before.rsplit([' ', ':']).next()?;
        if names_macro(command) {
            return Named::certain(MissingKind::AutoconfMacro, command);
        }
        Named::likely(MissingKind::Command, command)
    }),
    (": Command not found", |before, _| Named::certain(MissingKind::Command, before.rsplit([' ', ':']).next()?)),
    // make: `make: makeinfo: No such file or directory`; env: `env: 'tclkit': No such …`; xargs and others likewise
    (": No such file or directory", |before, after| {
        after.is_empty().then_some(())?;
        let (tool, name) = before.rsplit_once(": ")?;
        let tool = tool.rsplit('/').next()?;
        let make = tool.strip_prefix("g").unwrap_or(tool).strip_prefix("make");
        let ran = make.is_some_and(|rest| rest.is_empty() || rest.starts_with('['))
            || ["env", "xargs", "nice", "nohup", "time", "timeout", "setsid"].contains(&tool);
        ran.then_some(())?;
        let name = quoted(name).unwrap_or(name);
        let kind = if name.starts_with('/') { MissingKind::File } else { MissingKind::Command };
        Named::certain(kind, name)
    }),
    // bash before 5.2: `./x: /usr/bin/guile: bad interpreter: No such file or directory`
    (": bad interpreter", |before, _| Named::certain(MissingKind::File, before.rsplit(' ').next()?)),
    // GNU make: `*** No rule to make target '/usr/lib/libonig.so', needed by 'a'.  Stop.`
    ("No rule to make target ", |_, after| Named::certain(MissingKind::File, first_quoted(after)?)),
    // ninja: `ninja: error: '/usr/lib/libonig.so', needed by 'a', missing and no known rule to make it`
    (", missing and no known rule", |before, _| {
        Named::certain(MissingKind::File, first_quoted(before.strip_prefix("ninja: error: ")?)?)
    }),
    // pkg-config; CMake's own lines begin with `--` and are read with what surrounds them
    ("' found", |before, after| {
        let name = before.strip_prefix("No package '").filter(|_| after.is_empty())?;
        Named::certain(MissingKind::PkgConfig, name)
    }),
    (" was not found in the pkg-config search path", |before, _| {
        Named::certain(MissingKind::PkgConfig, before.strip_prefix("Package ")?)
    }),
    (", required by '", |before, after| {
        after.ends_with("', not found").then_some(())?;
        Named::certain(MissingKind::PkgConfig, quoted(before.strip_prefix("Package ")?)?)
    }),
    // Rust's pkg-config crate
    ("The system library `", |_, after| {
        let (name, rest) = after.split_once('`')?;
        rest.contains("was not found").then(|| Named::certain(MissingKind::PkgConfig, name))?
    }),
    // rustc
    ("error: linker `", |_, after| Named::certain(MissingKind::Command, after.strip_suffix("` not found")?)),
    // Go, and what else speaks as its exec package
    (": executable file not found in $PATH", |before, _| {
        Named::certain(MissingKind::Command, before.rsplit("exec: ").next()?.trim_matches('"'))
    }),
    // cc and cmake crates of Rust: `is `cmake` not installed?`, `failed to find tool "c++": No such file …`
    ("is `", |_, after| Named::certain(MissingKind::Command, after.strip_suffix("` not installed?")?)),
    ("ailed to find tool", |_, after| {
        let name = after.split(['"', '`']).nth(1)?;
        Named::certain(MissingKind::Command, name)
    }),
    // Perl: `Can't locate XML/LibXML.pm in @INC (you may need to install the XML::LibXML module) …`
    ("Can't locate ", |_, after| {
        let file = after.split_once(".pm in @INC")?.0;
        Named::certain(MissingKind::PerlModule, &file.replace('/', "::"))
    }),
    // ExtUtils::MakeMaker: `Warning: prerequisite Moose 2 not found.`
    ("Warning: prerequisite ", |_, after| {
        after.contains(" not found").then(|| Named::likely(MissingKind::PerlModule, until(after, " ")))?
    }),
    // autotools: `Can't exec "autopoint": No such file or directory at …`
    ("Can't exec \"", |_, after| Named::certain(MissingKind::Command, until(after, "\""))),
    // Python: `ModuleNotFoundError: No module named 'yaml'`, `/usr/bin/python3: No module named build`
    ("No module named ", |_, after| {
        let name = first_quoted(after).unwrap_or_else(|| until(after, " "));
        Named::certain(MissingKind::PythonModule, until(name, "."))
    }),
    // setuptools
    ("error: invalid command 'bdist_wheel'", |_, _| Named::certain(MissingKind::PythonModule, "wheel")),
    ("No matching distribution found for ", |_, after| Named::certain(MissingKind::PythonModule, requirement(after))),
    // Ruby
    (" cannot load such file -- ", |_, after| {
        let name = until(after, " ");
        if name.starts_with(['/', '.']) { None } else { Named::certain(MissingKind::RubyGem, name) }
    }),
    ("Could not find '", |_, after| {
        after.contains("(Gem::MissingSpecError)").then(|| Named::certain(MissingKind::RubyGem, until(after, "'")))?
    }),
    ("Could not find gem '", |_, after| Named::certain(MissingKind::RubyGem, until(until(after, "'"), " "))),
    // autoconf: `configure.ac:3: error: possibly undefined macro: AM_PATH_FROB`
    ("error: possibly undefined macro: ", |_, after| Named::certain(MissingKind::AutoconfMacro, after)),
    // The shell, of a macro that was not expanded: "./configure: line 1718: `PKG_CHECK_MODULES(ONIG,oniguruma)'"
    (": `", |before, after| {
        (before.contains("configure") && before.contains(": line ")).then_some(())?;
        let name = until(after, "(");
        names_macro(name).then(|| Named::certain(MissingKind::AutoconfMacro, name))?
    }),
    // Meson
    ("ERROR: Program ", |_, after| Named::certain(MissingKind::Command, first_quoted(after)?)),
    (" shared or static library ", |before, after| {
        before.contains("ERROR: ").then(|| Named::certain(MissingKind::Library, first_quoted(after)?))?
    }),
    (" header ", |before, after| {
        (before.contains("ERROR: ") && after.ends_with(" not found")).then_some(())?;
        Named::certain(MissingKind::Header, first_quoted(after)?)
    }),
    (" is missing modules: ", |before, after| {
        before.contains("ERROR: ").then(|| Named::certain(MissingKind::PythonModule, until(after, ",")))?
    }),
    ("ERROR: Could not execute Vala compiler: ", |_, after| Named::certain(MissingKind::Command, after)),
];

static TRIGGERS: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::new(PATTERNS.iter().map(|(trigger, _)| trigger)).ok());

/// What a line by itself says is missing.
pub(super) fn find(line: &str) -> Option<Named> {
    // Overlapping: one trigger may stand within another.
    let mut found = TRIGGERS.as_ref()?.find_overlapping_iter(line);
    found.find_map(|hit| {
        let (_, take) = PATTERNS[hit.pattern().as_usize()];
        take(&line[..hit.start()], line[hit.end()..].trim_end())
    })
}

/// What stands in quotes, of the kinds that tools use, and nothing else.
pub(super) fn quoted(text: &str) -> Option<&str> {
    let text = text.trim();
    let inner = text.strip_prefix(['\'', '"', '`', '\u{2018}'])?.strip_suffix(['\'', '"', '\u{2019}'])?;
    Some(inner)
}

/// What the quotes at the beginning of `text` hold.
pub(super) fn first_quoted(text: &str) -> Option<&str> {
    let inner = text.trim_start().strip_prefix(['\'', '"', '`', '\u{2018}'])?;
    Some(&inner[..inner.find(['\'', '"', '\u{2019}'])?])
}

pub(super) fn until<'a>(text: &'a str, end: &str) -> &'a str {
    text.split(end).next().unwrap_or_default()
}

/// The name in a requirement of Python: `setuptools` of `setuptools>=40.8.0`.
fn requirement(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c));
    &text[..end.unwrap_or(text.len())]
}

/// `AX_PTHREAD`, `PKG_CHECK_MODULES`: a word that autoconf would have replaced.
fn names_macro(word: &str) -> bool {
    word.contains('_') && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}
