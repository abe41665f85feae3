//! Go modules: go.mod, and every folder whose main.go is a program; the top is one whatever its files are called.

use super::modules::Modules;
use crate::init::draft::Draft;
use crate::init::text::{is_plain_path, is_plain_word};
use crate::init::tree::{Tree, base_name};

const FILE: &str = "go.mod";

/// Modules that read a program's arguments: it knows --help then.
const ARGUMENTS: [&str; 5] = [
    "github.com/alecthomas/king",
    "github.com/jessevdk/go-flags",
    "github.com/spf13/cobra",
    "github.com/spf13/pflag",
    "github.com/urfave/cli",
];

/// go.mod, or what was written before there were modules: a program at the top that needs nothing but the standard
/// library, whose packages have no dot in their paths.
pub(super) fn file(tree: &Tree) -> Option<String> {
    if tree.has(FILE) {
        return Some(FILE.to_owned());
    }
    let sources = tree.texts(|path| path.ends_with(".go"));
    let foreign = sources.iter().any(|(_, text)| imports(text).any(|path| path.contains('.')));
    let mut programs = sources.iter().filter(|(path, text)| !path.contains('/') && is_program(text));
    let main = programs.clone().find(|(path, _)| *path == "main.go").or_else(|| programs.next());
    main.filter(|_| !foreign).map(|(path, _)| (*path).to_owned()).filter(|path| is_plain_path(path))
}

fn is_program(source: &str) -> bool {
    source.lines().any(|line| line.trim() == "package main")
}

/// The packages that a source file imports: one by one, or as a block.
fn imports(source: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    source.lines().filter_map(move |line| {
        let line = line.trim();
        let of_block = inside && !line.starts_with(')');
        inside = of_block || line.replace(' ', "") == "import(";
        let quoted = line.strip_prefix("import ").or(of_block.then_some(line))?;
        quoted.split('"').nth(1)
    })
}

pub(super) fn read(tree: &Tree, draft: &mut Draft) {
    let text = tree.text(FILE).unwrap_or_default();
    let module = text.lines().find_map(|line| line.strip_prefix("module ")).map(str::trim).unwrap_or_default();
    // The last part of a path that is no major version.
    let name = module.rsplit('/').find(|part| part.strip_prefix('v').is_none_or(|rest| rest.parse::<u32>().is_err()));
    draft.name = draft.name.take().or_else(|| name.filter(|name| !name.is_empty()).map(str::to_owned));
    if draft.homepage.is_none() && module.contains('.') && is_plain_path(module) {
        draft.homepage = Some(format!("https://{module}"));
    }
    let module_less = !tree.has(FILE);
    draft.need("go", draft.system_file.clone());
    if let Some(least) =
        text.lines().find_map(|line| line.strip_prefix("go ")).map(str::trim).filter(|v| is_plain_word(v))
    {
        draft.want("go", least, FILE);
    }

    let mut programs: Vec<(String, String)> = Vec::new();
    for (path, text) in tree.texts(|path| base_name(path) == "main.go" && !path.starts_with("vendor/")) {
        if !is_program(text) {
            continue;
        }
        let folder = path.strip_suffix("main.go").unwrap_or_default().trim_end_matches('/');
        let name = if folder.is_empty() { name.unwrap_or_default() } else { base_name(folder) };
        let helper = ["internal", "example", "examples", "test", "testdata", "tools", "hack", "scripts", "_examples"];
        if folder.split('/').any(|part| helper.contains(&part)) || !is_plain_word(name) {
            continue;
        }
        if folder.is_empty() || is_plain_path(folder) {
            programs.push((folder.to_owned(), name.to_owned()));
        }
    }
    // All files at the top are one program, however the one with `main` is called.
    let top = tree.texts(|path| path.ends_with(".go") && !path.ends_with("_test.go") && !path.contains('/'));
    let named = name
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .or_else(|| tree.top().map(|top| super::common::without_version(top).to_owned()));
    let stem = draft.system_file.strip_suffix(".go").filter(|stem| *stem != "main").map(str::to_owned);
    let named = named.or(stem);
    if let Some(name) = named.filter(|name| is_plain_word(name))
        && !programs.iter().any(|(folder, _)| folder.is_empty())
        && top.iter().any(|(_, text)| {
            is_program(text) && !text.contains("// +build ignore") && !text.contains("//go:build ignore")
        })
    {
        programs.insert(0, (String::new(), name));
    }
    let modules = text.matches("\n\t").count().max(text.lines().filter(|line| line.starts_with("require ")).count());
    let vendored = tree.has("vendor/modules.txt");
    let flags = if vendored { " -mod=vendor" } else { "" };
    draft.build = programs
        .iter()
        .map(|(folder, name)| {
            let package = if folder.is_empty() { ".".to_owned() } else { format!("./{folder}") };
            format!("go build -trimpath -buildmode=pie{flags} -o farm-bin/{name} {package}")
        })
        .collect();
    if module_less {
        let name = programs.first().map_or("program", |(_, name)| name);
        draft.build.insert(0, format!("test -f go.mod || go mod init {name}"));
        draft.name = draft.name.take().or_else(|| Some(name.to_owned()));
    }
    draft.check = vec![format!("go test{flags} ./...")];
    draft.install = vec!["mkdir -p $DESTDIR$PREFIX/bin".to_owned()];
    for (_, name) in &programs {
        draft.install.push(format!("install -m 755 farm-bin/{name} $DESTDIR$PREFIX/bin/"));
        draft.program(name);
    }
    draft.runs_programs = ARGUMENTS.iter().any(|module| text.contains(module));
    super::common::install_manual_pages(tree, draft);
    if programs.is_empty() {
        draft.cannot("no main.go was found: a module that is a library only makes no package");
    }
    if modules > 0 && !vendored {
        super::modules::needed(Modules::Go, FILE, tree, draft);
    }
}
