//! Perl distributions: Makefile.PL or Build.PL, with META.json for what they declare; without it, literal arguments of
//! `WriteMakefile(…)` and the like.

use serde_json::Value;

use crate::init::draft::Draft;
use crate::init::text::{calls, capability, is_plain_word, is_version, literals, one_line, split_arguments};
use crate::init::tree::{Tree, base_name, ending};

const MAKEFILE: &str = "Makefile.PL";
const BUILD: &str = "Build.PL";

pub(super) fn file(tree: &Tree) -> Option<String> {
    // Where both are there, Makefile.PL needs nothing but Perl.
    super::common::top(tree, &[MAKEFILE, BUILD])
}

pub(super) fn read(tree: &Tree, draft: &mut Draft) {
    let with_build = !tree.has(MAKEFILE);
    let file = if with_build { BUILD } else { MAKEFILE };
    let meta: Option<Value> = tree.text("META.json").and_then(|text| serde_json::from_str(text).ok());
    match &meta {
        Some(meta) => declared(meta, draft),
        None => literal_arguments(file, tree.text(file).unwrap_or_default(), draft),
    }
    draft.need("/usr/bin/perl", file);
    if with_build {
        draft.need("perl(Module::Build)", file);
    } else {
        draft.need("perl(ExtUtils::MakeMaker)", file);
        draft.need("make", file);
    }
    // What tests read is no part of it.
    let aside = ["inc", "t", "xt", "examples", "eg"];
    let compiled = tree.names().any(|path| {
        matches!(ending(path), "xs" | "c") && !path.split('/').next().is_some_and(|folder| aside.contains(&folder))
    });
    draft.arch_independent = !compiled;
    if compiled {
        draft.need("cc", file);
        draft.need("perl(ExtUtils::ParseXS)", file);
    }
    draft.rpm_provides = hidden_modules(tree);
    let programs = programs(tree, tree.text(file).unwrap_or_default());
    programs.iter().for_each(|program| draft.program(program));
    let module = draft.name.take().map(|name| name.replace('-', "::"));
    // A program has its own name; what a distribution of modules is called is a rule.
    let program = module.as_deref().and_then(|module| {
        let name = module.strip_prefix("App::").unwrap_or(module);
        let main = programs.iter().find(|program| program.eq_ignore_ascii_case(name))?;
        (module != name || !has_module(tree, module)).then(|| main.clone())
    });
    let named = module.as_deref().filter(|module| capability("perl", module, None).is_some());
    if let Some(module) = named {
        let dashed = module.replace("::", "-");
        draft.name = Some(format!("lib{}-perl", dashed.to_ascii_lowercase().replace('_', "-")));
        draft.rpm_name = Some(format!("perl-{dashed}"));
        if has_module(tree, module) || program.is_none() {
            draft.test = Some(format!("perl -M{module} -e 1"));
        }
    }
    draft.section = Some("perl");
    if let Some(program) = program {
        draft.name = Some(program);
        draft.rpm_name = None;
        draft.section = Some("utils");
    }
    if with_build {
        draft.build = vec!["perl Build.PL --installdirs vendor --create_packlist 0".to_owned(), "./Build".to_owned()];
        draft.check = vec!["./Build test".to_owned()];
        draft.install = vec!["./Build install --destdir $DESTDIR --create_packlist 0".to_owned()];
    } else {
        draft.build = vec![
            "PERL_MM_USE_DEFAULT=1 perl Makefile.PL INSTALLDIRS=vendor NO_PACKLIST=1 NO_PERLLOCAL=1".to_owned(),
            "make".to_owned(),
        ];
        if compiled {
            draft.build[0].push_str(" \\\n  OPTIMIZE=\"$CFLAGS $CPPFLAGS\" LD=\"cc $CFLAGS $LDFLAGS\"");
        }
        draft.check = vec!["make test".to_owned()];
        draft.install = vec!["make install DESTDIR=$DESTDIR".to_owned()];
    }
    // Older tools write one whatever they are told, and it names the build's folder.
    draft.install.push("find $DESTDIR \\( -name .packlist -o -name perllocal.pod \\) -delete".to_owned());
    draft.install.push("find $DESTDIR -type d -empty -delete".to_owned());
}

/// The programs that it installs: `EXE_FILES` of `WriteMakefile`, or the folders that are usual for them.
fn programs(tree: &Tree, makefile: &str) -> Vec<String> {
    let list = makefile.split_once("EXE_FILES").and_then(|(_, rest)| rest.split_once('[')?.1.split_once(']'));
    let listed = list.map(|(list, _)| literals(list)).unwrap_or_default();
    let words = list
        .and_then(|(list, _)| list.split_once("qw"))
        .map(|(_, words)| words.trim_matches([' ', '(', ')', '/', '{', '}']));
    let mut found: Vec<String> = listed
        .iter()
        .map(String::as_str)
        .chain(words.iter().flat_map(|words| words.split_whitespace()))
        .filter(|path| tree.has(path))
        .map(|path| base_name(path).to_owned())
        .collect();
    if found.is_empty() {
        let folders = tree.names().filter(|path| path.starts_with("bin/") || path.starts_with("script/"));
        found = folders.map(|path| base_name(path).to_owned()).collect();
    }
    found
}

/// Modules whose files name another package, or hide its name from indexers: rpm provides what stands behind `package` on
/// the same line, and requires what others of the files load, which are these names.
fn hidden_modules(tree: &Tree) -> Vec<String> {
    let declares = |text: &str, module: &str| {
        text.lines().any(|line| {
            let name = line.trim_start().strip_prefix("package").filter(|rest| rest.starts_with([' ', '\t']));
            name.is_some_and(|name| name.trim_start().split([';', ' ', '\t', '{']).next() == Some(module))
        })
    };
    let modules = tree.texts(|path| path.starts_with("lib/") && ending(path) == "pm");
    let named = modules.iter().filter_map(|(path, text)| {
        let module = path.strip_prefix("lib/")?.strip_suffix(".pm")?.replace('/', "::");
        (text.contains("package") && !declares(text, &module)).then_some(module)
    });
    named.filter_map(|module| capability("perl", &module, None)).take(50).collect()
}

fn has_module(tree: &Tree, module: &str) -> bool {
    let path = format!("{}.pm", module.replace("::", "/"));
    tree.has(&path) || tree.has(&format!("lib/{path}")) || tree.has(base_name(&path))
}

/// META.json, <https://metacpan.org/pod/CPAN::Meta::Spec>.
fn declared(meta: &Value, draft: &mut Draft) {
    let text = |value: &Value| value.as_str().filter(|text| *text != "unknown" && !text.is_empty()).map(str::to_owned);
    draft.name = draft.name.take().or_else(|| text(&meta["name"]));
    let version = text(&meta["version"]).map(|version| version.trim_start_matches('v').to_owned());
    draft.version = draft.version.take().or(version.filter(|version| is_version(version)));
    draft.summary = draft.summary.take().or_else(|| text(&meta["abstract"]));
    draft.homepage = draft.homepage.take().or_else(|| text(&meta["resources"]["homepage"]));
    draft.maintainer = draft.maintainer.take().or_else(|| text(&meta["author"][0]));
    for license in meta["license"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if let Some(license) = licence(license) {
            draft.declared_licenses.push((license.to_owned(), "META.json".to_owned()));
        }
    }
    for (phase, runtime) in [("configure", false), ("build", false), ("test", false), ("runtime", true)] {
        for (module, _) in meta["prereqs"][phase]["requires"].as_object().into_iter().flatten() {
            needs(module, &format!("META.json: {phase}"), runtime, draft);
        }
    }
}

/// What a module is needed for at run time is needed for the tests, too. Without its version: modules and packages do not
/// write them alike, 1.10 may be 1.1.
fn needs(module: &str, from: &str, runtime: bool, draft: &mut Draft) {
    const ALWAYS_THERE: [&str; 10] =
        ["perl", "strict", "warnings", "vars", "utf8", "lib", "integer", "bytes", "overload", "re"];
    if ALWAYS_THERE.contains(&module) {
        return;
    }
    if module == "Pod::Perldoc" {
        // Debian has the module with Perl, and the program that it is for, and the manual, in a package of their own.
        draft.need_by_manager("perl-doc", "perl(Pod::Perldoc)", from);
        if runtime {
            draft.runtime_by_format("perl-doc", "perl(Pod::Perldoc)", from);
        }
        return;
    }
    let Some(what) = capability("perl", module, None) else { return };
    draft.need(what.clone(), from);
    if runtime {
        draft.runtime(what, from);
    }
}

fn licence(name: &str) -> Option<&'static str> {
    Some(match name {
        "perl_5" => "Artistic-1.0-Perl OR GPL-1.0-or-later",
        "apache_2_0" => "Apache-2.0",
        "artistic_2" => "Artistic-2.0",
        "gpl_2" => "GPL-2.0-only",
        "gpl_3" => "GPL-3.0-only",
        "lgpl_2_1" => "LGPL-2.1-only",
        "lgpl_3_0" => "LGPL-3.0-only",
        "mit" => "MIT",
        "mozilla_1_1" => "MPL-1.1",
        "zlib" => "Zlib",
        _ => return None,
    })
}

fn literal_arguments(file: &str, text: &str, draft: &mut Draft) {
    // `=>` reads as `=` and a bracket to whoever looks for keywords.
    let text = text.replace("=>", "= ");
    let calls = calls(&text, "#", true);
    let Some(call) = calls.iter().find(|call| call.name == "WriteMakefile" || call.name.ends_with("new")) else {
        return;
    };
    let arguments: Vec<&str> = split_arguments(&call.arguments);
    let value = |key: &str| {
        arguments.iter().find_map(|argument| {
            let (name, value) = argument.split_once('=')?;
            (name.trim().trim_matches(['\'', '"']) == key).then_some(value.trim())
        })
    };
    let literal = |key: &str| value(key).and_then(|value| literals(value).into_iter().next());
    let name = literal("NAME").or_else(|| literal("module_name")).map(|name| name.replace("::", "-"));
    draft.name = draft.name.take().or(name).or_else(|| literal("DISTNAME"));
    draft.version = draft.version.take().or_else(|| literal("VERSION").filter(|version| is_version(version)));
    draft.summary = draft.summary.take().or_else(|| literal("ABSTRACT").map(|text| one_line(&text)));
    match literal("LICENSE").or_else(|| literal("license")).as_deref() {
        Some("perl") => {
            let license = "Artistic-1.0-Perl OR GPL-1.0-or-later".to_owned();
            draft.declared_licenses.push((license, file.to_owned()));
        }
        Some(other) => draft.declared_licenses.extend(licence(other).map(|id| (id.to_owned(), file.to_owned()))),
        None => {}
    }
    for (key, runtime) in [
        ("CONFIGURE_REQUIRES", false),
        ("BUILD_REQUIRES", false),
        ("TEST_REQUIRES", false),
        ("PREREQ_PM", true),
        ("requires", true),
    ] {
        let Some(list) = value(key) else { continue };
        for part in split_arguments(list.trim_matches(['{', '}', ' ', '\n'])) {
            let module = part.split('=').next().unwrap_or_default().trim().trim_matches(['\'', '"']);
            if module.contains(char::is_uppercase) || is_plain_word(module) {
                needs(module, file, runtime, draft);
            }
        }
    }
}
