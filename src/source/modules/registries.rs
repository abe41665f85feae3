//! Where modules are fetched from, as the configuration of each language's own tool on this host says it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::cargo;
use super::npm::PUBLIC as NPM;

/// The public registry of npm, as yarn 1 calls it.
const YARN: &str = "https://registry.yarnpkg.com/";
const PYPI: &str = "https://pypi.org/simple";
const GO_PROXY: &str = "https://proxy.golang.org";
const CRATES_IO: &str = "sparse+https://index.crates.io/";

/// Environment variables by name.
pub(crate) type Variables = BTreeMap<String, String>;

/// Registries, indexes and proxies by tool. Addresses may hold passwords.
#[derive(Debug, Clone)]
pub(crate) struct Registries {
    cargo: Cargo,
    /// Addresses of module proxies, in order.
    pub(super) go: Vec<String>,
    npm: String,
    /// Addresses of indexes, in order.
    pub(super) pip: Vec<String>,
}

#[derive(Debug, Clone, Default)]
struct Cargo {
    /// The folder that relative paths of its file start in.
    folder: PathBuf,
    /// `[source]` and `[registries]` in one: what replaces a registry may be of either.
    sources: BTreeMap<String, Table>,
}

/// Where a registry of Cargo has its crates.
#[derive(Debug, PartialEq)]
pub(super) enum CrateSource {
    /// The address of a sparse index, without `sparse+`, ending in `/`.
    Sparse(String),
    /// A folder with `NAME-VERSION.crate`.
    Folder(PathBuf),
}

impl Registries {
    /// As the tools would have them in an environment of these variables. Files that cannot be read say nothing.
    pub(crate) fn from_variables(variables: &Variables) -> Registries {
        let home = variables.get("HOME").map(PathBuf::from).unwrap_or_default();
        Registries {
            cargo: Cargo::read(variables, &home),
            go: go_proxies(variables, &home),
            npm: npm_registry(variables, &home),
            pip: pip_indexes(variables, &home),
        }
    }

    /// Where the crates of a registry are that Cargo.lock names.
    ///
    /// # Errors
    /// A sentence about the registry.
    pub(super) fn crates(&self, registry: &str) -> Result<CrateSource, String> {
        self.cargo.crates(registry)
    }

    /// The address of a package, in place of the one that a package-lock.json has: that of the public registry stands for
    /// the registry that npm is told to use (`replace-registry-host`).
    pub(super) fn npm(&self, resolved: &str) -> String {
        match resolved.strip_prefix(NPM).or_else(|| resolved.strip_prefix(YARN)) {
            Some(below) => format!("{}/{below}", self.npm.trim_end_matches('/')),
            None => resolved.to_owned(),
        }
    }
}

impl Cargo {
    fn read(variables: &Variables, home: &Path) -> Cargo {
        let folder = variables.get("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
        let text = ["config.toml", "config"].iter().find_map(|name| std::fs::read_to_string(folder.join(name)).ok());
        let config: Table = text.and_then(|text| text.parse().ok()).unwrap_or_default();
        let mut sources = BTreeMap::new();
        for key in ["registries", "source"] {
            for (name, table) in config.get(key).and_then(Value::as_table).into_iter().flatten() {
                if let Some(table) = table.as_table() {
                    sources.insert(name.clone(), table.clone());
                }
            }
        }
        for (variable, index) in variables {
            let name = variable.strip_prefix("CARGO_REGISTRIES_").and_then(|name| name.strip_suffix("_INDEX"));
            if let Some(name) = name {
                let table = Table::from_iter([("index".to_owned(), Value::from(index.as_str()))]);
                sources.insert(name.to_ascii_lowercase().replace('_', "-"), table);
            }
        }
        // Paths are relative to the folder that the file's own folder lies in.
        Cargo { folder: folder.parent().map(Path::to_owned).unwrap_or_default(), sources }
    }

    fn crates(&self, registry: &str) -> Result<CrateSource, String> {
        let address = registry.strip_prefix("registry+").unwrap_or(registry);
        let is_it = |table: &Table| {
            ["registry", "index"].iter().any(|key| table.get(*key).and_then(Value::as_str) == Some(address))
        };
        let mut name = match cargo::CRATES_IO.contains(&registry) {
            true => "crates-io".to_owned(),
            false => {
                let named = self.sources.iter().find(|(name, table)| name.as_str() == address || is_it(table));
                named.map(|(name, _)| name.clone()).unwrap_or_default()
            }
        };
        // As many steps as there are sources lead to the end, or round.
        for _ in 0..=self.sources.len() {
            match self.sources.get(&name).and_then(|table| table.get("replace-with")).and_then(Value::as_str) {
                Some(next) => name = next.to_owned(),
                None => break,
            }
        }
        let table = self.sources.get(&name);
        let text = |key: &str| table?.get(key)?.as_str();
        if let Some(folder) = text("local-registry") {
            return Ok(CrateSource::Folder(self.folder.join(folder)));
        }
        if let Some(folder) = text("directory") {
            return Err(format!(
                "is replaced by the folder {folder} in Cargo's configuration, which has no .crate files"
            ));
        }
        let address = match text("registry").or_else(|| text("index")) {
            Some(index) => index,
            None if name == "crates-io" => CRATES_IO,
            None => address,
        };
        match address.strip_prefix("sparse+") {
            Some(address) => Ok(CrateSource::Sparse(format!("{}/", address.trim_end_matches('/')))),
            None => Err("has its index in git, which farm does not read: name a sparse one in Cargo's configuration \
                 ([source.NAME] registry = \"sparse+https://…\", and replace-with)"
                .to_owned()),
        }
    }
}

/// `GOPROXY`, from the environment or from what `go env -w` has written.
fn go_proxies(variables: &Variables, home: &Path) -> Vec<String> {
    let config = variables.get("XDG_CONFIG_HOME").map_or_else(|| home.join(".config"), PathBuf::from);
    let file = variables.get("GOENV").map_or_else(|| config.join("go/env"), PathBuf::from);
    let written = || {
        let text = std::fs::read_to_string(file).ok()?;
        text.lines().find_map(|line| line.strip_prefix("GOPROXY=").map(str::to_owned))
    };
    let said = variables.get("GOPROXY").cloned().or_else(written).filter(|text| !text.is_empty());
    let said = said.unwrap_or_else(|| GO_PROXY.to_owned());
    let is_address = |part: &&str| part.contains("://");
    said.split([',', '|']).map(str::trim).filter(is_address).map(|part| part.trim_end_matches('/').to_owned()).collect()
}

/// `registry`, from the environment or from the files that npm reads of a user and a machine.
fn npm_registry(variables: &Variables, home: &Path) -> String {
    let named = ["npm_config_registry", "NPM_CONFIG_REGISTRY"].iter().find_map(|name| variables.get(*name).cloned());
    let file = variables.get("NPM_CONFIG_USERCONFIG").map_or_else(|| home.join(".npmrc"), PathBuf::from);
    let written = || [file, PathBuf::from("/etc/npmrc")].iter().find_map(|file| ini(file, "", "registry"));
    named.or_else(written).unwrap_or_else(|| NPM.to_owned())
}

/// `index-url` and `extra-index-url`, from the environment or from the files that pip reads.
fn pip_indexes(variables: &Variables, home: &Path) -> Vec<String> {
    let config = variables.get("XDG_CONFIG_HOME").map_or_else(|| home.join(".config"), PathBuf::from);
    let mut files = vec![config.join("pip/pip.conf"), home.join(".pip/pip.conf"), PathBuf::from("/etc/pip.conf")];
    files.splice(0..0, variables.get("PIP_CONFIG_FILE").map(PathBuf::from));
    let said = |variable: &str, key: &str| {
        let written = || files.iter().find_map(|file| ini(file, "global", key));
        variables.get(variable).cloned().or_else(written)
    };
    let first = said("PIP_INDEX_URL", "index-url").unwrap_or_else(|| PYPI.to_owned());
    let others = said("PIP_EXTRA_INDEX_URL", "extra-index-url").unwrap_or_default();
    let all = std::iter::once(first.as_str()).chain(others.split_ascii_whitespace());
    all.map(|index| index.trim_end_matches('/').to_owned()).collect()
}

/// A value in a section of a file with lines `key = value`; of the part before the first section for `""`.
fn ini(file: &Path, section: &str, key: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let mut now = "";
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            now = name.trim();
        } else if let Some((name, value)) = line.split_once('=')
            && now == section
            && name.trim() == key
        {
            return Some(value.trim().to_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(files: &[(&str, &str)], variables: &[(&str, &str)]) -> Registries {
        let temp = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = temp.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let mut all: Variables =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        all.insert("HOME".to_owned(), temp.path().to_str().unwrap().to_owned());
        Registries::from_variables(&all)
    }

    #[test]
    fn cargo_follows_what_replaces_a_registry() {
        let git = "https://example.org/git/index";
        let config = format!(
            "[source.crates-io]\nreplace-with = \"near\"\n[source.near]\nregistry = \"sparse+https://near.example/index\"\n\
             [source.far]\nregistry = \"{git}\"\nreplace-with = \"here\"\n[source.here]\nlocal-registry = \"crates\"\n\
             [source.a]\nregistry = \"sparse+https://a.example/\"\nreplace-with = \"b\"\n[source.b]\nreplace-with = \"a\"\n"
        );
        let registries = with(
            &[(".cargo/config.toml", &config)],
            &[("CARGO_REGISTRIES_OURS_INDEX", "sparse+https://ours.example/")],
        );
        let near = CrateSource::Sparse("https://near.example/index/".to_owned());
        assert_eq!(registries.crates(cargo::CRATES_IO[0]), Ok(near));
        assert!(
            matches!(registries.crates(&format!("registry+{git}")), Ok(CrateSource::Folder(path)) if path.ends_with("crates"))
        );
        assert_eq!(
            registries.crates("sparse+https://ours.example/"),
            Ok(CrateSource::Sparse("https://ours.example/".to_owned()))
        );
        assert!(registries.crates("registry+https://elsewhere.example/index").unwrap_err().contains("in git"));
        // One that leads round ends, whatever it says.
        let _ = registries.crates("sparse+https://a.example/");
        let plain = with(&[], &[]).crates(cargo::CRATES_IO[0]);
        assert_eq!(plain, Ok(CrateSource::Sparse("https://index.crates.io/".to_owned())));
    }

    #[test]
    fn each_tool_says_where_it_fetches() {
        let files = [
            (".npmrc", "; mine\nregistry = https://npm.example/all/\n"),
            (".config/go/env", "GOFLAGS=-v\nGOPROXY=https://go.example/,direct\n"),
            (
                ".config/pip/pip.conf",
                "[install]\nindex-url = https://no.example\n[global]\nindex-url = https://pip.example/simple/\n",
            ),
        ];
        let registries = with(&files, &[("PIP_EXTRA_INDEX_URL", "https://extra.example/simple")]);
        assert_eq!(registries.npm("https://registry.npmjs.org/a/-/a-1.tgz"), "https://npm.example/all/a/-/a-1.tgz");
        assert_eq!(registries.npm("https://registry.yarnpkg.com/a/-/a-1.tgz"), "https://npm.example/all/a/-/a-1.tgz");
        assert_eq!(registries.npm("https://other.example/a-1.tgz"), "https://other.example/a-1.tgz");
        assert_eq!(registries.go, ["https://go.example"]);
        assert_eq!(registries.pip, ["https://pip.example/simple", "https://extra.example/simple"]);
        assert_eq!(with(&files, &[("GOPROXY", "off")]).go, Vec::<String>::new());
    }
}
