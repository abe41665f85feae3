//! Holds the rule of `ARCHITECTURE.md`: a module imports only what its row allows. The table is here, as data; a new
//! import that it does not allow is a decision to be made, not a line to be added in passing.

mod circles;
mod map;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Module -> what it may import of this crate, beside itself and the leaves.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("recipe", &[]),
    ("distro", &[]),
    ("engine", &[]),
    ("artifact", &[]),
    ("attest", &["artifact"]),
    ("lock", &["attest"]),
    ("compare", &["artifact"]),
    ("repo", &["artifact"]),
    ("publish", &["repo"]),
    ("archive", &["distro"]),
    ("image", &["distro", "archive", "engine"]),
    // Of `recipe` only what kind of package one is.
    ("assemble", &["recipe", "distro", "packaging", "archive", "artifact"]),
    ("repositories", &["archive", "distro", "recipe"]),
    ("source", &["recipe"]),
    ("init", &["recipe", "distro"]),
    ("matrix", &["recipe", "distro"]),
    ("packaging", &["recipe", "distro"]),
    ("plan", &["recipe", "distro", "matrix", "packaging", "source", "image"]),
    ("event", &["artifact", "compare", "matrix", "packaging"]),
    ("store", &["plan", "artifact", "attest", "matrix", "source"]),
    (
        "runner",
        &[
            "plan",
            "engine",
            "image",
            "source",
            "artifact",
            "attest",
            "lock",
            "compare",
            "repo",
            "repositories",
            "event",
            "store",
            "matrix",
            "packaging",
            "recipe",
            "distro",
            "assemble",
        ],
    ),
    ("report", &["event", "artifact", "compare", "matrix", "packaging"]),
    // The library's front door: it wires what lies below, and knows no arguments.
    (
        "project",
        &[
            "recipe",
            "repositories",
            "attest",
            "lock",
            "distro",
            "matrix",
            "packaging",
            "archive",
            "image",
            "source",
            "engine",
            "plan",
            "store",
            "runner",
            "event",
            "report",
        ],
    ),
];

/// Modules that everybody may import, and that import nothing but each other as given.
const LEAVES: &[(&str, &[&str])] = &[
    ("types", &[]),
    ("cache", &[]),
    ("capability", &["types"]),
    ("stream", &[]),
    ("formats", &["types", "stream", "capability"]),
    ("fetch", &["network", "types"]),
    ("network", &["types"]),
    ("hint", &["types"]),
    ("lint", &["types"]),
    ("swap", &[]),
    ("sign", &["formats", "types"]),
];

/// May import everything: it wires the rest.
const TOP: [&str; 3] = ["cli", "main", "lib"];

/// Modules that work with engines of any kind.
const ABOVE_ENGINES: [&str; 7] = ["engine", "image", "runner", "project", "plan", "report", "cli"];

struct Import {
    file: PathBuf,
    line: usize,
    /// The module that the file belongs to.
    from: String,
    /// What follows `crate::`, up to the end of the path: `distro::Distro`.
    path: String,
}

impl Import {
    fn to(&self) -> &str {
        self.path.split("::").next().unwrap_or_default()
    }
}

#[test]
fn modules_import_only_what_their_row_allows() {
    let imports = imports();
    assert!(imports.len() > 50, "only {} imports found: does this test still read the sources?", imports.len());
    let leaves: BTreeMap<_, _> = LEAVES.iter().copied().collect();
    let rows: BTreeMap<_, _> = MAY_IMPORT.iter().copied().collect();
    let mut wrong = String::new();
    for import in &imports {
        let (from, to) = (import.from.as_str(), import.to());
        let allowed = match (leaves.get(from), rows.get(from)) {
            _ if TOP.contains(&from) || from == to => true,
            (Some(row), _) => row.contains(&to),
            (None, Some(row)) => leaves.contains_key(to) || row.contains(&to),
            (None, None) => false,
        };
        if !allowed {
            let _ = writeln!(wrong, "{}:{}: `{from}` must not import `{to}`", import.file.display(), import.line);
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// What nobody imports any more, nobody may: a row says how things are.
#[test]
fn every_allowance_is_used() {
    let used: BTreeSet<(String, String)> =
        imports().iter().map(|import| (import.from.clone(), import.to().to_owned())).collect();
    let mut unused = String::new();
    for (from, row) in MAY_IMPORT.iter().chain(LEAVES) {
        for to in row.iter().filter(|to| !used.contains(&((*from).to_owned(), (**to).to_owned()))) {
            let _ = writeln!(unused, "`{from}` may import `{to}`, and does not");
        }
    }
    assert!(unused.is_empty(), "\n{unused}");
}

/// `report` folds events and `runner` emits them: neither knows the other, in either direction.
#[test]
fn runner_and_report_never_see_each_other() {
    for import in imports() {
        let pair = (import.from.as_str(), import.to());
        assert!(!matches!(pair, ("runner", "report") | ("report", "runner")), "{}", import.file.display());
    }
}

/// The sinks hear of a run through the one file that drives it, so that its events have one order and one end.
#[test]
fn only_the_driver_tells_the_outside() {
    let told = |import: &Import| import.from == "runner" && import.path.starts_with("event::Event");
    let files: BTreeSet<String> = imports().iter().filter(|import| told(import)).map(|i| file_name(&i.file)).collect();
    assert_eq!(files, BTreeSet::from(["driver.rs", "job_events.rs"].map(str::to_owned)));
    for file in sources().iter().filter(|file| module_of(file) == "runner" && !is_test(file)) {
        let sends = code_lines(file).iter().any(|(_, line)| line.contains("Sender<Event>"));
        assert_eq!(sends, file_name(file) == "driver.rs", "{}", file.display());
    }
}

fn file_name(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// No module without a row, and no row without a module: a new one has to be given its place first.
#[test]
fn every_module_has_a_row_and_every_row_a_module() {
    let rows: BTreeSet<String> =
        MAY_IMPORT.iter().chain(LEAVES).map(|(name, _)| (*name).to_owned()).chain(TOP.map(str::to_owned)).collect();
    let modules: BTreeSet<String> = sources().iter().map(|file| module_of(file)).collect();
    assert_eq!(rows, modules);
}

/// Printing is the business of `cli`, `report` (and `main`): everybody else returns what is to be said.
#[test]
fn only_cli_and_report_print() {
    for file in sources() {
        if ["cli", "report", "main"].contains(&module_of(&file).as_str()) || is_test(&file) {
            continue;
        }
        for (line, text) in code_lines(&file) {
            let prints = ["print!(", "println!(", "eprint!(", "eprintln!("].iter().any(|print| text.contains(print));
            assert!(!prints, "{}:{line}: {}", file.display(), text.trim());
        }
    }
}

/// Which engine it is decides nothing outside its driver: all others have names and schemes from the table of drivers.
#[test]
fn only_drivers_tell_engines_apart() {
    const WORDS: [&str; 7] =
        ["\"docker\"", "\"podman\"", "\"native\"", "\"native:", "\"tcp:", "\"kubernetes\"", "\"kubernetes:"];
    let drivers = ["docker", "native", "kubernetes"]
        .map(|name| Path::new(env!("CARGO_MANIFEST_DIR")).join("src/engine").join(name));
    let mut driver_files = 0;
    for file in sources() {
        let is_driver = drivers.iter().any(|folder| file.starts_with(folder));
        driver_files += usize::from(is_driver);
        if is_driver || is_test(&file) || !ABOVE_ENGINES.contains(&module_of(&file).as_str()) {
            continue;
        }
        for (line, text) in code_lines(&file) {
            // Whether a driver is built is no question of which engine it is.
            let text = text.replace("feature = \"kubernetes\"", "");
            let decides = WORDS.iter().any(|word| text.contains(word));
            assert!(!decides, "{}:{line}: {}", file.display(), text.trim());
        }
    }
    assert!(driver_files > 20, "does this test still know where drivers are?");
}

#[test]
fn paths_are_found_in_every_form_that_the_sources_use() {
    let found = |text: &str| paths(text).into_iter().map(|(line, path)| format!("{line} {path}")).collect::<Vec<_>>();
    assert_eq!(found("use crate::types::Arch;"), ["1 types::Arch"]);
    assert_eq!(found("a\nlet x = crate::fetch::Fetcher::new();"), ["2 fetch::Fetcher::new"]);
    assert_eq!(
        found("use crate::{\n  engine::{Engine, labels},\n  types,\n};"),
        ["1 engine::Engine", "1 engine::labels", "1 types"]
    );
    assert_eq!(found("pub(in crate::plan) fn x() {} // crate::report::no"), ["1 plan"]);
}

fn sources() -> Vec<PathBuf> {
    fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("src can be read") {
            let path = entry.expect("src can be read").path();
            if path.is_dir() {
                walk(&path, files);
            } else if path.extension().is_some_and(|suffix| suffix == "rs") {
                files.push(path);
            }
        }
    }
    let mut files = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    files.sort();
    files
}

/// The first folder below `src`, or the file's own name there.
fn module_of(file: &Path) -> String {
    let inside = file.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).expect("a file of src");
    let first = inside.components().next().expect("a path").as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// Test modules may use what they like of floors below, to build what they test with; not of the top.
fn is_test(file: &Path) -> bool {
    // The checkout may lie in any folder.
    let file = file.strip_prefix(env!("CARGO_MANIFEST_DIR")).expect("a file of src");
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    name == "tests"
        || name == "testing"
        || name.ends_with("_tests")
        || file.components().any(|part| part.as_os_str() == "tests")
}

fn imports() -> Vec<Import> {
    let mut imports = Vec::new();
    for file in sources().into_iter().filter(|file| !is_test(file)) {
        let code: String = code_lines(&file).into_iter().map(|(_, text)| text + "\n").collect();
        for (line, path) in paths(&code) {
            imports.push(Import { line, path, from: module_of(&file), file: file.clone() });
        }
    }
    imports
}

/// The lines of a file before its `#[cfg(test)] mod tests {`, with their numbers.
fn code_lines(file: &Path) -> Vec<(usize, String)> {
    let text = std::fs::read_to_string(file).expect("src can be read");
    let lines: Vec<&str> = text.lines().collect();
    let end = lines
        .windows(2)
        .position(|pair| pair[0] == "#[cfg(test)]" && pair[1].contains("mod ") && pair[1].ends_with('{'))
        .unwrap_or(lines.len());
    lines[..end].iter().enumerate().map(|(index, line)| (index + 1, (*line).to_owned())).collect()
}

/// Every path that starts with `crate::`, groups taken apart, with the line it starts on. Comments are not code.
fn paths(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let code: String = code.lines().map(|line| line.split("//").next().unwrap_or_default().to_owned() + "\n").collect();
    let mut from = 0;
    while let Some(at) = code[from..].find("crate::").map(|at| from + at) {
        let line = code[..at].matches('\n').count() + 1;
        let is_path = !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        from = at + "crate::".len();
        if is_path {
            let mut inner = Vec::new();
            expand(&code[from..], "", &mut inner);
            found.extend(inner.into_iter().map(|path| (line, path)));
        }
    }
    found
}

/// Reads one path or group from the start of `text`; returns how much of it was read.
fn expand(text: &str, prefix: &str, found: &mut Vec<String>) -> usize {
    let trimmed = text.trim_start();
    let skipped = text.len() - trimmed.len();
    if let Some(group) = trimmed.strip_prefix('{') {
        let mut at = 0;
        loop {
            let rest = group[at..].trim_start();
            at = group.len() - rest.len();
            match rest.chars().next() {
                Some('}') | None => return skipped + 1 + at + 1,
                Some(',') => at += 1,
                Some(_) => at += expand(rest, prefix, found).max(1),
            }
        }
    }
    let end =
        trimmed.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':' || c == '*')).unwrap_or(trimmed.len());
    let path = &trimmed[..end];
    match path.strip_suffix("::") {
        Some(parent) if trimmed[end..].starts_with('{') => {
            let prefix = join(prefix, parent);
            skipped + end + expand(&trimmed[end..], &prefix, found)
        }
        _ => {
            let path = path.trim_end_matches(':');
            if !path.is_empty() {
                found.push(join(prefix, path));
            }
            skipped + end
        }
    }
}

fn join(prefix: &str, path: &str) -> String {
    if prefix.is_empty() { path.to_owned() } else { format!("{prefix}::{path}") }
}
