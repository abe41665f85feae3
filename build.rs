//! Lists `distros/` for `distro::catalogue`, so that a new distribution is one new file and no code.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn main() -> std::io::Result<()> {
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("distros");
    // Cargo looks at every file below a folder that it is told of.
    println!("cargo::rerun-if-changed={}", root.display());
    println!("cargo::rerun-if-changed=build.rs");
    let mut list = String::new();
    table(&mut list, "DEFINITIONS", "&str", "include_str", &files(&root, "", "toml")?);
    table(&mut list, "TEMPLATES", "&str", "include_str", &files(&root, "common/", "toml")?);
    table(&mut list, "KEYRINGS", "&[u8]", "include_bytes", &files(&root, "keyrings/", "gpg")?);
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
    std::fs::write(out.join("distros.rs"), list)
}

/// `(name, path)` of the files in one folder, sorted: the name is relative to `distros/`, and a definition's has no suffix.
fn files(root: &Path, folder: &str, suffix: &str) -> std::io::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root.join(folder))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == suffix)
            && let Some(name) = if suffix == "toml" { path.file_stem() } else { path.file_name() }
        {
            let folder = if suffix == "toml" { folder } else { "" };
            found.push((format!("{folder}{}", name.to_string_lossy()), path));
        }
    }
    found.sort();
    Ok(found)
}

fn table(list: &mut String, name: &str, kind: &str, include: &str, files: &[(String, PathBuf)]) {
    let _ = writeln!(list, "const {name}: &[(&str, {kind})] = &[");
    for (name, path) in files {
        let _ = writeln!(list, "    ({name:?}, {include}!({:?})),", path.display().to_string());
    }
    let _ = writeln!(list, "];");
}
