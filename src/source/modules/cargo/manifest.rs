//! Manifests of crates in a git repository: which package a folder holds, and what it has from its workspace written out, as
//! `cargo vendor` does it. A crate that lies alone has no workspace to inherit from (The Cargo Book, "Workspaces").

use std::collections::BTreeMap;

use toml::{Table, Value};

/// Keys of `[package]` that may be inherited.
const INHERITED: [&str; 16] = [
    "authors",
    "categories",
    "description",
    "documentation",
    "edition",
    "exclude",
    "homepage",
    "include",
    "keywords",
    "license",
    "license-file",
    "publish",
    "readme",
    "repository",
    "rust-version",
    "version",
];
const DEPENDENCIES: [&str; 5] =
    ["dependencies", "dev-dependencies", "dev_dependencies", "build-dependencies", "build_dependencies"];

/// The manifests of a repository by their folders; `None` for one that is no TOML, as templates and tests have them.
#[derive(Debug, Default)]
pub(super) struct Manifests(BTreeMap<String, Option<Table>>);

/// A crate of the repository.
#[derive(Debug, PartialEq)]
pub(super) struct Crate {
    pub(super) folder: String,
    /// Its manifest, where that is another one than the repository has.
    pub(super) manifest: Option<String>,
    pub(super) license: Option<String>,
}

impl Manifests {
    pub(super) fn insert(&mut self, folder: &str, text: &str) {
        self.0.insert(folder.to_owned(), text.parse().ok());
    }

    /// The folder of the package that a file is part of.
    pub(super) fn owner<'a>(&self, path: &'a str) -> Option<&'a str> {
        ancestors(path).skip(1).find(|folder| self.0.contains_key(*folder))
    }

    /// The crate of this name and version: of several the one nearest to the top.
    pub(super) fn find(&self, name: &str, version: &str) -> Option<Crate> {
        let of = |(folder, manifest): (&'_ String, &'_ Option<Table>)| {
            let package = manifest.as_ref()?.get("package")?.as_table()?;
            let whole = self.written_out(folder, manifest.as_ref()?);
            let resolved = whole.as_ref().and_then(|whole| whole.get("package")?.as_table()).unwrap_or(package);
            let text = |key: &str| resolved.get(key).and_then(Value::as_str);
            let is_it = text("name") == Some(name) && text("version").unwrap_or("0.0.0") == version;
            is_it.then(|| Crate {
                folder: folder.clone(),
                license: text("license").map(str::to_owned),
                manifest: whole.as_ref().map(Table::to_string),
            })
        };
        let named = |manifest: &Option<Table>| {
            manifest.as_ref().and_then(|table| table.get("package")?.get("name")?.as_str()) == Some(name)
        };
        let found = self.0.iter().filter(|(_, manifest)| named(manifest)).filter_map(of);
        found.min_by_key(|found| (ancestors(&found.folder).count(), found.folder.clone()))
    }

    /// The `[workspace]` that a package belongs to, and its folder.
    fn workspace(&self, folder: &str, manifest: &Table) -> Option<(String, &Table)> {
        let of = |folder: &str| self.0.get(folder)?.as_ref()?.get("workspace")?.as_table();
        if let Some(named) = manifest.get("package").and_then(|package| package.get("workspace")?.as_str()) {
            let root = joined(folder, named)?;
            return of(&root).map(|table| (root, table));
        }
        ancestors(folder).find_map(|root| Some((root.to_owned(), of(root)?)))
    }

    /// A manifest with all that it inherits in it; `None` where it inherits nothing.
    fn written_out(&self, folder: &str, manifest: &Table) -> Option<Table> {
        let (root, workspace) = self.workspace(folder, manifest)?;
        let mut whole = manifest.clone();
        let mut changed = false;
        if let Some(package) = whole.get_mut("package").and_then(Value::as_table_mut) {
            for key in INHERITED.into_iter().filter(|key| package.get(*key).is_some_and(inherits)).collect::<Vec<_>>() {
                changed = true;
                let value = workspace.get("package").and_then(|values| values.get(key)).cloned();
                match value {
                    // Paths that start in the workspace's folder, and lead to what is no part of the crate.
                    Some(Value::String(path)) if ["readme", "license-file"].contains(&key) => {
                        let to = Value::from(format!("{}{path}", way_up(folder, &root)));
                        package.insert(key.to_owned(), to);
                    }
                    Some(value) => drop(package.insert(key.to_owned(), value)),
                    None => drop(package.remove(key)),
                }
            }
        }
        if whole.get("lints").is_some_and(inherits) {
            changed = true;
            match workspace.get("lints") {
                Some(lints) => drop(whole.insert("lints".to_owned(), lints.clone())),
                None => drop(whole.remove("lints")),
            }
        }
        let shared = workspace.get("dependencies").and_then(Value::as_table);
        let up = way_up(folder, &root);
        changed |= inherit_dependencies(&mut whole, shared, &up);
        for target in whole.get_mut("target").and_then(Value::as_table_mut).into_iter().flat_map(|all| all.iter_mut()) {
            if let Some(table) = target.1.as_table_mut() {
                changed |= inherit_dependencies(table, shared, &up);
            }
        }
        if changed {
            whole.remove("workspace");
        }
        changed.then_some(whole)
    }
}

/// `key.workspace = true`
fn inherits(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}

fn inherit_dependencies(table: &mut Table, shared: Option<&Table>, up: &str) -> bool {
    let mut changed = false;
    for key in DEPENDENCIES {
        for (name, own) in table.get_mut(key).and_then(Value::as_table_mut).into_iter().flat_map(|all| all.iter_mut()) {
            if inherits(own) {
                changed = true;
                *own = dependency(own, shared.and_then(|shared| shared.get(name)), up);
            }
        }
    }
    changed
}

/// What a package says of a dependency, laid over what the workspace says: features of both, and whether it is optional.
fn dependency(own: &Value, shared: Option<&Value>, up: &str) -> Value {
    let mut all = match shared {
        Some(Value::Table(table)) => table.clone(),
        Some(version) => Table::from_iter([("version".to_owned(), version.clone())]),
        None => Table::new(),
    };
    if let Some(path) = all.get("path").and_then(Value::as_str) {
        let path = format!("{up}{path}");
        all.insert("path".to_owned(), path.into());
    }
    let mut features: Vec<Value> = Vec::new();
    for feature in
        [all.get("features"), own.get("features")].into_iter().flatten().filter_map(Value::as_array).flatten()
    {
        if !features.contains(feature) {
            features.push(feature.clone());
        }
    }
    if !features.is_empty() {
        all.insert("features".to_owned(), Value::Array(features));
    }
    for key in ["optional", "public", "artifact", "lib", "target"] {
        if let Some(value) = own.get(key) {
            all.insert(key.to_owned(), value.clone());
        }
    }
    // Only the workspace can do without a dependency's default features; a package can ask for them again.
    let defaults =
        |value: &Value| ["default-features", "default_features"].iter().find_map(|key| value.get(*key)?.as_bool());
    if defaults(own) == Some(true) {
        all.remove("default_features");
        all.remove("default-features");
    }
    Value::Table(all)
}

/// A folder or file itself, and all folders that it lies in, up to `""`.
pub(super) fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| match path.rsplit_once('/') {
        Some((parent, _)) => Some(parent),
        None => (!path.is_empty()).then_some(""),
    })
}

/// Where a path leads that is written down in `folder`; `None` when out of the repository.
pub(super) fn joined(folder: &str, path: &str) -> Option<String> {
    if path.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The way from a folder to the one of its workspace: `../../`.
fn way_up(folder: &str, root: &str) -> String {
    let parts = |path: &str| path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let (from, to) = (parts(folder), parts(root));
    let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    "../".repeat(from.len() - common) + &to[common..].iter().map(|part| format!("{part}/")).collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "[workspace]\nmembers = [\"crates/*\"]\n[workspace.package]\nversion = \"1.2.0\"\nedition = \"2021\"\n\
         license = \"MIT\"\nreadme = \"README.md\"\n[workspace.dependencies]\n\
         b = { path = \"crates/b\", version = \"1.2.0\", default-features = false }\n\
         itoa = { version = \"1\", default-features = false }\nryu = \"1\"\n[workspace.lints.rust]\nunused = \"allow\"\n";
    const MEMBER: &str = "[package]\nname = \"duck-a\"\nversion.workspace = true\nedition.workspace = true\nlicense.workspace = true\n\
         readme = { workspace = true }\n[dependencies]\nb = { workspace = true, features = [\"std\"] }\nitoa.workspace = true\n\
         [target.'cfg(unix)'.dependencies]\nryu = { workspace = true, optional = true }\n[dev-dependencies]\n\
         duck-c = { path = \"../c\" }\n[features]\nfast = [\"dep:ryu\"]\n[lints]\nworkspace = true\n";
    /// As `cargo vendor` of Cargo 1.95 writes it, but for the targets that it names.
    const VENDORED: &str = "[package]\nedition = \"2021\"\nname = \"duck-a\"\nversion = \"1.2.0\"\nreadme = \"../../README.md\"\n\
         license = \"MIT\"\n[features]\nfast = [\"dep:ryu\"]\n[dependencies.b]\nversion = \"1.2.0\"\npath = \"../b\"\n\
         features = [\"std\"]\ndefault-features = false\n[dependencies.itoa]\nversion = \"1\"\ndefault-features = false\n\
         [dev-dependencies.duck-c]\npath = \"../c\"\n[target.\"cfg(unix)\".dependencies.ryu]\nversion = \"1\"\noptional = true\n\
         [lints.rust]\nunused = \"allow\"\n";

    fn manifests(all: &[(&str, &str)]) -> Manifests {
        let mut manifests = Manifests::default();
        all.iter().for_each(|(folder, text)| manifests.insert(folder, text));
        manifests
    }

    #[test]
    fn what_a_workspace_says_is_written_out_as_cargo_vendor_does() {
        let found = manifests(&[("", ROOT), ("crates/a", MEMBER)]).find("duck-a", "1.2.0").unwrap();
        let mut written: Table = found.manifest.unwrap().parse().unwrap();
        let mut vendored: Table = VENDORED.parse().unwrap();
        // The same place, in other words.
        for table in [&mut written, &mut vendored] {
            let path = table["dependencies"]["b"]["path"].as_str().unwrap().to_owned();
            assert_eq!(joined("crates/a", &path).as_deref(), Some("crates/b"));
            table["dependencies"]["b"]["path"] = "".into();
        }
        assert_eq!(written, vendored);
        assert_eq!((found.folder.as_str(), found.license.as_deref()), ("crates/a", Some("MIT")));
    }

    #[test]
    fn what_inherits_nothing_stays_as_it_is() {
        let plain = "[package]\nname = \"b\"\nversion = \"1.0.0\" # mine\n";
        let all = manifests(&[("", ROOT), ("tests/b", plain), ("b", plain), ("bad", "{{name}}")]);
        assert_eq!(
            all.find("b", "1.0.0"),
            Some(Crate { folder: "b".to_owned(), manifest: None, license: None }),
            "the one nearest to the top"
        );
        assert_eq!(all.find("b", "1.0.1"), None);
        assert_eq!(all.owner("b/src/lib.rs"), Some("b"));
        assert_eq!(all.owner("bad/src/lib.rs"), Some("bad"));
        assert_eq!(all.owner("src/lib.rs"), Some(""));
    }

    #[test]
    fn a_workspace_may_be_named_and_default_features_asked_for_again() {
        let member = "[package]\nname = \"a\"\nversion.workspace = true\nworkspace = \"../ws\"\n\
                      [dependencies]\nitoa = { workspace = true, default-features = true }\n";
        let found = manifests(&[("ws", ROOT), ("a", member)]).find("a", "1.2.0").unwrap();
        let written: Table = found.manifest.unwrap().parse().unwrap();
        assert_eq!(written["dependencies"]["itoa"].as_table().unwrap().len(), 1, "{written}");
        assert_eq!(way_up("a/b", ""), "../../");
        assert_eq!(way_up("a", "ws"), "../ws/");
        assert_eq!((joined("a", "../../x"), joined("a", "/x")), (None, None));
    }
}
