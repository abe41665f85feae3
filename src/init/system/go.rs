//! Go modules: go.mod, and every folder whose main.go is a program.

use super::modules::Modules;
use crate::init::draft::Draft;
use crate::init::text::{is_plain_path, is_plain_word};
use crate::init::tree::{Tree, base_name};

pub(super) const FILE: &str = "go.mod";

/// Modules that read a program's arguments: it knows --help then.
const ARGUMENTS: [&str; 5] = [
    "github.com/alecthomas/king",
    "github.com/jessevdk/go-flags",
    "github.com/spf13/cobra",
    "github.com/spf13/pflag",
    "github.com/urfave/cli",
];

pub(super) fn read(tree: &Tree, draft: &mut Draft) {
    let text = tree.text(FILE).unwrap_or_default();
    let module = text.lines().find_map(|line| line.strip_prefix("module ")).map(str::trim).unwrap_or_default();
    // The last part of a path that is no major version.
    let name = module.rsplit('/').find(|part| part.strip_prefix('v').is_none_or(|rest| rest.parse::<u32>().is_err()));
    draft.name = draft.name.take().or_else(|| name.map(str::to_owned));
    if draft.homepage.is_none() && module.contains('.') && is_plain_path(module) {
        draft.homepage = Some(format!("https://{module}"));
    }
    draft.need("go", FILE);
    if let Some(least) =
        text.lines().find_map(|line| line.strip_prefix("go ")).map(str::trim).filter(|v| is_plain_word(v))
    {
        draft.want("go", least, FILE);
    }

    let mut programs: Vec<(String, String)> = Vec::new();
    for (path, text) in tree.texts(|path| base_name(path) == "main.go" && !path.starts_with("vendor/")) {
        if !text.lines().any(|line| line.trim() == "package main") {
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
