//! Holds the module table of ARCHITECTURE.md: a module imports only what its row allows.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What everybody may import.
const LEAVES: [&str; 3] = ["types", "stream", "fetch"];

/// Module and what it may import beside the leaves; `*` is everything.
const TABLE: [(&str, &[&str]); 17] = [
    ("types", &[]),
    ("stream", &[]),
    ("fetch", &[]),
    ("recipe", &[]),
    ("distro", &[]),
    ("engine", &[]),
    ("artifact", &[]),
    ("archive", &["distro"]),
    ("image", &["distro", "archive", "engine"]),
    ("source", &["recipe"]),
    ("matrix", &["recipe", "distro"]),
    ("family", &["recipe", "distro"]),
    ("plan", &["recipe", "distro", "matrix", "family", "source", "archive", "image", "engine"]),
    ("event", &["plan", "artifact", "matrix", "family"]),
    ("store", &["plan", "artifact", "event", "matrix"]),
    ("runner", &["plan", "engine", "image", "source", "artifact", "event", "store", "matrix", "family"]),
    ("report", &["event", "artifact", "matrix", "family"]),
];

#[test]
fn modules_import_only_what_their_row_allows() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let table: BTreeMap<&str, &[&str]> = TABLE.into_iter().collect();
    let mut violations = Vec::new();
    let mut seen = 0;
    for file in rust_files(&source) {
        let relative = file.strip_prefix(&source).unwrap();
        let module = module_of(relative);
        if ["lib", "main", "cli"].contains(&module.as_str()) {
            continue;
        }
        let allowed = table.get(module.as_str()).unwrap_or_else(|| panic!("`{module}` has no row in the table"));
        for (line, text) in fs::read_to_string(&file).unwrap().lines().enumerate() {
            if text.trim_start().starts_with("#[cfg(test)]") {
                break;
            }
            if text.trim_start().starts_with("//") {
                continue;
            }
            for imported in imports(text) {
                seen += 1;
                if imported != module && !LEAVES.contains(&imported) && !allowed.contains(&imported) {
                    violations.push(format!("src/{}:{}: {module} imports {imported}", relative.display(), line + 1));
                }
            }
        }
    }
    assert!(seen > 20, "found only {seen} imports: the test no longer reads them");
    assert!(violations.is_empty(), "against the table of ARCHITECTURE.md:\n{}", violations.join("\n"));
}

#[test]
fn runner_and_report_never_see_each_other() {
    let row = |name: &str| TABLE.iter().find(|(module, _)| *module == name).unwrap().1;
    assert!(!row("runner").contains(&"report"));
    assert!(!row("report").contains(&"runner"));
}

#[test]
fn the_table_has_a_row_for_each_module_and_no_other() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs");
    let text = fs::read_to_string(source).unwrap();
    let mut modules: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .filter(|m| *m != "cli")
        .collect();
    let mut rows: Vec<&str> = TABLE.iter().map(|(module, _)| *module).collect();
    modules.sort_unstable();
    rows.sort_unstable();
    assert_eq!(modules, rows);
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn module_of(relative: &Path) -> String {
    let first = relative.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// Names right behind `crate::`, those of `crate::{a, b}` included.
fn imports(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (start, _) in line.match_indices("crate::") {
        let rest = &line[start + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            found.extend(group.split([',', '}']).map(|part| word(part.trim())).filter(|name| !name.is_empty()));
        } else if line[..start].ends_with("pub(in ") {
            continue;
        } else {
            found.push(word(rest));
        }
    }
    found.retain(|name| name.starts_with(|c: char| c.is_ascii_lowercase()));
    found
}

fn word(text: &str) -> &str {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).next().unwrap_or("")
}
