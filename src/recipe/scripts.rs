//! Scripts that stand in files of their own: `post-install = { file = "scripts/postinst" }`. They are read with the recipe,
//! so that a script is the same to everybody else, wherever it is kept.

use std::path::Path;
use std::sync::Arc;

use super::document::{KeyValue, Node, Table, Value};
use super::keys;
use super::reader::{Problems, Section};
use super::text;
use super::values;
use crate::types::printable;

/// No script is near this.
const MAX_MIB: u64 = 1;

/// Where scripts stand; `*` is any name.
const PLACES: [&[&str]; 7] = [
    &["build", "build"],
    &["build", "check"],
    &["build", "install"],
    &["packaging", "prepare"],
    &["test", "script"],
    &["package", "scripts", "*"],
    &["packages", "*", "scripts", "*"],
];

/// The table with the content of each file in place of what names it. One that cannot be had is a problem there, and its
/// script an empty one. `root` is the folder of the recipe.
pub(crate) fn inlined(table: &Table, root: &Path, problems: &Problems<'_>) -> Table {
    within(table, root, problems, &mut Vec::new())
}

fn within(table: &Table, root: &Path, problems: &Problems<'_>, path: &mut Vec<Arc<str>>) -> Table {
    let mut whole = Table::default();
    for (key, entry) in &table.entries {
        path.push(Arc::clone(key));
        let value = match &entry.node.value {
            Value::Table(named) if is_script(path) => {
                let script = script(key, &entry.node, named, root, problems).unwrap_or_default();
                Value::String(script.into())
            }
            Value::Table(inner) => Value::Table(Arc::new(within(inner, root, problems, path))),
            other => other.clone(),
        };
        path.pop();
        let node = Node { span: entry.node.span.clone(), value };
        whole.entries.insert(Arc::clone(key), KeyValue { key_span: entry.key_span.clone(), node });
    }
    whole
}

/// Whether a script stands there, in the recipe itself or in one of its overrides.
pub(crate) fn is_script(path: &[Arc<str>]) -> bool {
    let path = match path {
        [first, _, rest @ ..] if &**first == "override" => rest,
        path => path,
    };
    PLACES.iter().any(|place| place.len() == path.len() && keys::begins_with(path, place))
}

/// The file that a script's value names, as it is written: `{ file = "postinst" }`.
pub(super) fn named_file(written: &str) -> Option<&str> {
    let (_, after) = written.strip_prefix('{')?.split_once('=')?;
    let after = after.trim_start();
    let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    after[1..].split(quote).next()
}

/// How many lines below the beginning of a string's own text (TOML 1.0, "String") the script in it has its line `line`,
/// from 1 on. A line break right behind the opening quotes is none of the script's, and in a basic string a backslash at
/// the end of a line takes the break away, with the empty lines that follow.
pub(super) fn line_within(written: &str, line: usize) -> usize {
    let basic = written.starts_with("\"\"\"");
    if !basic && !written.starts_with("'''") {
        return 0;
    }
    let mut lines = written[3..].lines().enumerate();
    // The number of the script's line that goes on here.
    let mut number = 1;
    let mut joins = false;
    if written[3..].starts_with(['\n', '\r']) {
        lines.next();
    }
    for (below, text) in lines {
        if number == line && !(joins && text.trim().is_empty()) {
            return below;
        }
        let text = text.trim_end();
        joins = match text.is_empty() {
            true => joins,
            false => basic && (text.len() - text.trim_end_matches('\\').len()) % 2 == 1,
        };
        number += usize::from(!joins);
    }
    0
}

fn script(key: &str, node: &Node, named: &Table, root: &Path, problems: &Problems<'_>) -> Option<String> {
    let title = format!("the script `{key}`");
    let section = Section::open(&keys::SCRIPT_FILE, title, node.span.clone(), named, problems);
    section.require(&["file"]);
    let file = section.checked_line("file", values::relative_path)?;
    let refused = |label: String, help: Option<&str>| {
        let message = format!("the script `{}` cannot be used", printable(file.value));
        problems.add(message, file.span, label, help.map(str::to_owned));
    };
    match read(&root.join(file.value)) {
        Err(label) => refused(label, Some("paths start from the folder of the recipe")),
        Ok(text) if text.trim().is_empty() => refused("it is empty".to_owned(), None),
        Ok(text) => match interpreter(&text) {
            Some(other) => refused(
                format!("it is for {}, and farm runs scripts with sh", printable(other)),
                Some(
                    "a script of one line can call it: put the file among the sources, or install it with the package",
                ),
            ),
            None => return Some(text),
        },
    }
    None
}

fn read(path: &Path) -> Result<String, String> {
    let bytes = text::read_named(path, MAX_MIB, "script")?;
    String::from_utf8(bytes).map_err(|error| format!("byte {} is not UTF-8", error.utf8_error().valid_up_to()))
}

/// What the first line asks for, when that is not the shell that scripts are run with: `/bin/bash`.
fn interpreter(text: &str) -> Option<&str> {
    let command = text.lines().next()?.strip_prefix("#!")?.trim();
    let mut words = command.split_ascii_whitespace();
    let mut program = words.next()?;
    if program.ends_with("/env") {
        program = words.find(|word| !word.starts_with('-'))?;
    }
    let name = program.rsplit('/').next().unwrap_or(program);
    (!["sh", "dash"].contains(&name)).then_some(command)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{DEB, RPM, resolved, selection};
    use super::super::{Recipe, RecipeError, RecipeFile};

    const HEAD: &str = "[package]\nname = \"pond\"\nversion = \"1\"\nsummary = \"A pond\"\nlicense = \"MIT\"\n\
                        maintainer = \"T <t@example.org>\"\n[build]\ninstall = \"true\"\n";

    fn parse(files: &[(&str, &[u8])], rest: &str) -> Result<RecipeFile, RecipeError> {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("recipe");
        std::fs::create_dir_all(root.join("folder")).unwrap();
        for (name, content) in files {
            std::fs::write(root.join(name), content).unwrap();
        }
        let text = format!("{HEAD}{rest}").replace("[build]\ninstall = \"true\"\n[build]", "[build]");
        RecipeFile::parse(&root.join("farm.toml"), text.as_bytes())
    }

    #[test]
    fn a_script_in_a_file_is_what_the_file_holds() {
        let files: &[(&str, &[u8])] = &[
            ("postinst", b"#!/bin/sh -e\necho {{ not a template }}\n"),
            ("../shared.sh", b"#! /usr/bin/env dash\nmake\n"),
            ("rpm.sh", b"echo rpm\n"),
        ];
        let rest = "[build]\nbuild = { file = \"../shared.sh\" }\ninstall = \"true\"\n\
                    [test]\nscript = { file = \"rpm.sh\" }\n\
                    [package.scripts]\npost-install = { file = \"postinst\" }\n\
                    [packages.dev]\nfiles = [\"/usr/include/**\"]\nscripts.pre-remove.file = \"rpm.sh\"\n\
                    [override.rpm.package.scripts]\npost-install = { file = \"rpm.sh\" }\n\
                    [override.deb]\npackages.dev.scripts.pre-remove = \"echo deb\"\n";
        let file = parse(files, rest).unwrap();
        let (deb, rpm) = (resolved(&file, DEB), resolved(&file, RPM));
        assert_eq!(deb.build.build.as_deref(), Some("#! /usr/bin/env dash\nmake\n"));
        assert_eq!(deb.test.as_ref().unwrap().script.as_deref(), Some("echo rpm\n"));
        let of = |recipe: &Recipe| {
            let own = recipe.package.scripts.post_install.clone().unwrap();
            (own, recipe.packages["dev"].scripts.pre_remove.clone().unwrap())
        };
        assert_eq!(of(&deb), ("#!/bin/sh -e\necho {{ not a template }}\n".to_owned(), "echo deb".to_owned()));
        assert_eq!(of(&rpm), ("echo rpm\n".to_owned(), "echo rpm\n".to_owned()));
    }

    #[test]
    fn a_line_of_a_script_is_found_in_the_recipe() {
        let rest = "[build]\ninstall = \"\"\"\nline 1\nline 2 \\\\\n  goes on\nline 4\n\"\"\"\n\
                    build = '''line 1\nline 2\n'''\ncheck = { file = \"folder/check\" }\n\
                    [override.rpm.build]\ninstall = \"\"\"\\\n  line 1 \\\n\n  still 1\nline 2\"\"\"\nbuild = \"one\"\n";
        let file = parse(&[("folder/check", b"one\ntwo\n")], rest).unwrap();
        let lines = |target: &str, key: &str, count: usize| -> Vec<usize> {
            (1..=count).map(|line| file.line_of_script(&selection(target), key, line).unwrap().1).collect()
        };
        let text: Vec<&str> = file.text.lines().collect();
        for (line, at) in lines(DEB, "build.install", 4).into_iter().enumerate() {
            let written = text[at - 1].trim();
            assert!(written.starts_with(&format!("line {}", line + 1)) || written == "goes on", "{line}: {written}");
        }
        let at = |target, key: &str, line| text[lines(target, key, line)[line - 1] - 1].to_owned();
        assert_eq!(at(DEB, "build.build", 1), "build = '''line 1");
        assert_eq!(at(DEB, "build.build", 2), "line 2");
        assert_eq!(at(RPM, "build.install", 1), "install = \"\"\"\\");
        assert_eq!(at(RPM, "build.install", 2), "line 2\"\"\"");
        assert_eq!(at(RPM, "build.build", 1), "build = \"one\"");
        let (path, line) = file.line_of_script(&selection(DEB), "build.check", 2).unwrap();
        assert!(path.ends_with("recipe/folder/check") && line == 2, "{}", path.display());
    }

    #[test]
    fn what_is_wrong_with_the_file_is_told_where_it_is_named() {
        let files: &[(&str, &[u8])] = &[
            ("bash", b"#!/bin/bash\n[[ a ]]\n"),
            ("python", b"#!/usr/bin/env -S python3 -E\n"),
            ("empty", b" \n"),
            ("latin1", b"echo caf\xe9\n"),
            ("nul", b"echo \0\n"),
            ("dos", b"#!/bin/sh\r\ntrue\r\n"),
        ];
        for (named, marked, label) in [
            ("{ file = \"none\" }", "\"none\"", "there is no such file"),
            ("{ file = \"folder\" }", "\"folder\"", "it is no regular file"),
            ("{ file = \"bash\" }", "\"bash\"", "it is for /bin/bash, and farm runs scripts with sh"),
            ("{ file = \"python\" }", "\"python\"", "it is for /usr/bin/env -S python3 -E, and"),
            ("{ file = \"empty\" }", "\"empty\"", "it is empty"),
            ("{ file = \"latin1\" }", "\"latin1\"", "byte 8 is not UTF-8"),
            ("{ file = \"nul\" }", "{ file = \"nul\" }", "in this string"),
            ("{ file = \"/etc/passwd\" }", "\"/etc/passwd\"", "this is an absolute path"),
            ("{ fiel = \"bash\" }", "fiel", "did you mean `file`?"),
            ("{}", "{}", "`file` is required here"),
        ] {
            for place in ["[package.scripts]\npost-install", "[override.deb.package.scripts]\npost-install"] {
                let Err(RecipeError::Invalid { problems, text, .. }) = parse(files, &format!("{place} = {named}\n"))
                else {
                    panic!("{named}")
                };
                let found: Vec<_> = problems.iter().map(|one| (&text[one.span.clone()], one.label.as_str())).collect();
                assert!(found.iter().any(|(at, why)| *at == marked && why.starts_with(label)), "{named}: {found:?}");
            }
        }
        // Where no script stands, such a table is what it always was.
        let error = parse(files, "[build.env]\nX = { file = \"bash\" }\n").unwrap_err();
        assert!(format!("{error:?}").contains("must be a string"), "{error:?}");
    }
}
