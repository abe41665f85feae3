//! The user's configuration: what the flags of every command would say each time. One strict file, read with the words
//! and the carets of recipes. `docs/config.md` is its reference.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::engine_choice::{self, EngineChoice};
use super::sign_config::SignConfig;
use super::values;
use crate::network::{self, HostNetwork, NetworkConfig};
use crate::publish::S3Settings;
use crate::recipe::{self, Problem, Problems, Schema, Section, Value};
use crate::types::printable;

static FILE: Schema = Schema { title: "the configuration", keys: &["engine", "mirrors", "network", "s3", "sign"] };
static S3: Schema = Schema { title: "[s3]", keys: &["endpoint", "region", "profile"] };
static NETWORK: Schema = Schema { title: "[network]", keys: &["proxy", "no-proxy", "ca"] };

/// What the file says. Flags and environment go before all of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Config {
    /// As `--engine`.
    pub engines: Vec<EngineChoice>,
    /// As `--mirror`: URLs by the name of the archive.
    pub mirrors: BTreeMap<String, String>,
    /// Proxies, and authorities beside public ones.
    pub network: NetworkConfig,
    /// What signs.
    pub sign: SignConfig,
    /// The store that repositories are published to. Never its keys.
    pub s3: S3Settings,
    /// What of it, and of the environment, is of no use here, as sentences to show once.
    pub notes: Vec<String>,
    /// Where it was read from; none where there is no file.
    pub path: Option<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("cannot read {}: {reason}", .path.display())]
    Read { path: PathBuf, reason: String },
    #[error("{} is not a valid configuration", .path.display())]
    Invalid { path: PathBuf, text: Arc<str>, problems: Vec<Problem> },
}

impl Config {
    /// `FARM_CONFIG`, else `farm/config.toml` in the user's folder for such files. No file is an empty one, unless it
    /// is named.
    ///
    /// # Errors
    /// When there is a file and it cannot be read, or is not right.
    pub(crate) fn load() -> Result<Config, ConfigError> {
        let config = Config::read()?;
        // All that fetches in this process does so as the file and the environment say.
        let (network, notes) = HostNetwork::read(&variables(), &config.network);
        network.use_here();
        Ok(Config { notes, ..config })
    }

    fn read() -> Result<Config, ConfigError> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let Some((path, named)) = place(set) else { return Ok(Config::default()) };
        match std::fs::read(&path) {
            Ok(bytes) => Config::parse(&path, &bytes),
            Err(error) if !named && matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                Ok(Config::default())
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Err(ConfigError::Read { path, reason: "no such file; FARM_CONFIG names it".to_owned() })
            }
            Err(error) => Err(ConfigError::Read { path, reason: error.to_string() }),
        }
    }

    fn parse(path: &Path, bytes: &[u8]) -> Result<Config, ConfigError> {
        let invalid =
            |text: &str, problems| ConfigError::Invalid { path: path.to_owned(), text: text.into(), problems };
        let text = recipe::decode(bytes).map_err(|(text, problem)| invalid(&text, vec![problem]))?;
        let table = recipe::parse_document(&text).map_err(|problems| invalid(&text, problems))?;
        let problems = Problems::new(&text);
        let file = Section::open(&FILE, FILE.title, 0..0, &table, &problems);
        let folder = path.parent().unwrap_or(Path::new("."));
        let (engines, mirrors, network) = (engine_choice::read(&file), mirrors(&file), network_of(&file, folder));
        let (sign, s3) = (SignConfig::read(&file, folder), s3_of(&file));
        let config = Config { engines, mirrors, network, sign, s3, path: Some(path.to_owned()), ..Config::default() };
        match problems.into_sorted() {
            found if found.is_empty() => Ok(config),
            found => Err(invalid(&text, found)),
        }
    }
}

/// The environment, as far as it is text.
pub(crate) fn variables() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Where the file would be, and whether somebody named it.
fn place(set: impl Fn(&str) -> Option<PathBuf>) -> Option<(PathBuf, bool)> {
    if let Some(named) = set("FARM_CONFIG") {
        return Some((named, true));
    }
    let folder = set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config")))?;
    Some((folder.join("farm/config.toml"), false))
}

fn mirrors(file: &Section<'_>) -> BTreeMap<String, String> {
    let mut mirrors = BTreeMap::new();
    let Some(table) = file.plain_table("mirrors") else { return mirrors };
    for (archive, entry) in &table.entries {
        let name = printable(archive);
        if !values::is_archive(archive) {
            let help = Some("an archive's name has letters, digits and `-`: debian, debian-security".to_owned());
            file.problems.add(
                format!("`{name}` in [mirrors] is not the name of an archive"),
                &entry.key_span,
                "not a name",
                help,
            );
            continue;
        }
        match &entry.node.value {
            Value::String(url) if values::is_mirror(url) => {
                mirrors.insert(archive.to_string(), url.trim_end_matches('/').to_owned());
            }
            other => {
                let label = match other {
                    Value::String(_) => "neither an http nor an https nor a file URL".to_owned(),
                    other => format!("this is {}", other.kind()),
                };
                let help = Some(format!("write the URL of the mirror: {name} = \"http://mirror.example.org/{name}\""));
                file.problems.add(
                    format!("the mirror of `{name}` in [mirrors] must be a URL"),
                    &entry.node.span,
                    label,
                    help,
                );
            }
        }
    }
    mirrors
}

/// `folder`: of the file, in which `ca` is looked for.
fn network_of(file: &Section<'_>, folder: &Path) -> NetworkConfig {
    let Some(section) = file.sub("network", &NETWORK, NETWORK.title) else { return NetworkConfig::default() };
    let wrong = |key: &str, span: &std::ops::Range<usize>, reason: String, help: &str| {
        let message = format!("`{key}` in [network] is of no use: {reason}");
        file.problems.add(message, span, "this one".to_owned(), Some(help.to_owned()));
    };
    let proxy = section.text("proxy").and_then(|text| match network::check_proxy(text.value) {
        Ok(()) => Some(text.value.into()),
        Err(reason) => {
            let help = "write its address: proxy = \"http://proxy.example.org:3128\"";
            wrong("proxy", text.span, format!("it {reason}"), help);
            None
        }
    });
    let mut no_proxy = Vec::new();
    for text in section.lines("no-proxy", |_| Ok(())) {
        match network::check_no_proxy(text.value) {
            Ok(()) => no_proxy.push(text.value.to_owned()),
            Err(reason) => wrong(
                "no-proxy",
                text.span,
                format!("it {reason}"),
                "hosts that are asked directly: no-proxy = [\".example.org\", \"10.0.0.0/8\"]",
            ),
        }
    }
    let ca = section.text("ca").and_then(|text| {
        let path = folder.join(text.value);
        match network::certificates_of(&path) {
            Ok(pem) => Some((path, pem)),
            Err(reason) => {
                let help = "a file of certificates in PEM; a relative path begins in the folder of this file";
                wrong("ca", text.span, format!("{}: {reason}", printable(&path.display().to_string())), help);
                None
            }
        }
    });
    NetworkConfig { proxy, no_proxy, ca }
}

fn s3_of(file: &Section<'_>) -> S3Settings {
    let Some(section) = file.sub("s3", &S3, S3.title) else { return S3Settings::default() };
    let text = |key: &str| section.text(key).map(|text| text.value.to_owned());
    S3Settings { endpoint: text("endpoint"), region: text("region"), profile: text("profile") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Config, Vec<String>> {
        Config::parse(Path::new("config.toml"), text.as_bytes()).map_err(|error| match error {
            ConfigError::Invalid { problems, .. } => {
                problems.into_iter().map(|problem| format!("{}: {}", problem.message, problem.label)).collect()
            }
            other => panic!("{other}"),
        })
    }

    fn urls(config: &Config) -> Vec<&str> {
        config.engines.iter().map(|choice| choice.url.as_str()).collect()
    }

    #[test]
    fn a_file_says_engine_and_mirrors() {
        let config = parsed("engine = 'native'\n[mirrors]\ndebian = 'http://m.example.org/debian/'\n").unwrap();
        assert_eq!(urls(&config), ["native"]);
        assert_eq!(config.mirrors["debian"], "http://m.example.org/debian");
        assert_eq!(parsed("").unwrap(), Config { path: Some("config.toml".into()), ..Config::default() });
        for engine in ["auto", "unix:///run/x.sock", "/run/x.sock", "native:///store"] {
            assert_eq!(urls(&parsed(&format!("engine = '{engine}'")).unwrap()), [engine]);
        }
        assert_eq!(urls(&parsed("engine = ['native', 'ssh://big']").unwrap()), ["native", "ssh://big"]);
    }

    #[test]
    fn engines_of_a_pool_have_settings() {
        let text = "[[engine]]\nurl = 'ssh://build@big'\nslots = 8\nmemory = '32G'\narchitectures = ['amd64', 'i386']\n\
                    [[engine]]\nurl = 'native'\n";
        let config = parsed(text).unwrap();
        assert_eq!(urls(&config), ["ssh://build@big", "native"]);
        let big = &config.engines[0];
        assert_eq!((big.slots, big.memory_bytes), (Some(8), Some(32_000_000_000)));
        assert_eq!(big.arches.as_ref().map(|arches| arches.len()), Some(2));
        let mistakes = parsed(
            "[[engine]]\nslots = 0\nmemory = 'much'\narchitectures = ['amd46']\nlabels = []\n[[engine]]\nurl = 'podmn'\n",
        );
        insta::assert_snapshot!(mistakes.unwrap_err().join("\n"), @"
        missing key `url` in [[engine]]: `url` is required here
        `slots` in [[engine]] is out of range: must be from 1 to 4096
        `memory` in [[engine]] is no size: expected a whole number with a unit, as 5G or 500M
        `amd46` is no architecture: did you mean `amd64`?
        unknown key `labels` in [[engine]]: not a key here
        `podmn` is no container engine: did you mean `podman`?
        ");
    }

    #[test]
    fn every_mistake_is_told_with_what_was_meant() {
        let mistakes = parsed(
            "egnine = 'native'\nengine = 'natve'\nrequires = []\n\
             [mirrors]\ndebian = 'ftp://x'\n'a b' = 'http://x'\nubuntu = 1\n[mirror]\n",
        );
        insta::assert_snapshot!(mistakes.unwrap_err().join("\n"), @"
        unknown key `egnine` in the configuration: did you mean `engine`?
        `natve` is no container engine: did you mean `native`?
        unknown key `requires` in the configuration: not a key here
        the mirror of `debian` in [mirrors] must be a URL: neither an http nor an https nor a file URL
        `a b` in [mirrors] is not the name of an archive: not a name
        the mirror of `ubuntu` in [mirrors] must be a URL: this is an integer
        unknown key `mirror` in the configuration: did you mean `mirrors`?
        ");
        assert_eq!(
            parsed("engine = 1").unwrap_err(),
            ["`engine` in the configuration must be a string: this is an integer"]
        );
        assert_eq!(
            parsed("mirrors = 'x'").unwrap_err(),
            ["`mirrors` in the configuration must be a table: this is a string"]
        );
    }

    #[test]
    fn a_proxy_and_its_exceptions_are_checked() {
        let config =
            parsed("[network]\nproxy = 'http://ada:geheim@p.example:3128'\nno-proxy = ['.example.org']\n").unwrap();
        assert_eq!(config.network.proxy.as_ref().unwrap().secret(), "http://ada:geheim@p.example:3128");
        assert!(!format!("{config:?}").contains("geheim"));
        let mistakes =
            parsed("[network]\nproxy = 'socks5://p'\nno-proxy = ['a b']\nca = '/nonexistent/x'\nhttp = 'x'\n");
        insta::assert_snapshot!(mistakes.unwrap_err().join("\n"), @"
        `proxy` in [network] is of no use: it is no HTTP proxy but of the kind socks5: farm uses http://HOST:PORT: this one
        `no-proxy` in [network] is of no use: it is no host: write example.org, .example.org, 10.0.0.0/8 or *: this one
        `ca` in [network] is of no use: /nonexistent/x: No such file or directory (os error 2): this one
        unknown key `http` in [network]: not a key here
        ");
    }

    #[test]
    fn the_file_is_where_the_user_keeps_such_files() {
        let place = |set: &[(&str, &str)]| {
            place(|name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| PathBuf::from(value)))
        };
        let found = |path: &str, named| Some((PathBuf::from(path), named));
        assert_eq!(place(&[]), None);
        assert_eq!(place(&[("HOME", "/h")]), found("/h/.config/farm/config.toml", false));
        let xdg = [("HOME", "/h"), ("XDG_CONFIG_HOME", "/x")];
        assert_eq!(place(&xdg), found("/x/farm/config.toml", false));
        assert_eq!(place(&[("FARM_CONFIG", "my.toml"), xdg[0], xdg[1]]), found("my.toml", true));
    }
}
