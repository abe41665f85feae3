//! Where engines may be reached: a pure function of environment variables and a file system root, so that each layout
//! (Docker Desktop, Colima, contexts, …) is a unit test. It opens no connection; `client` does.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::engine::EngineError;

/// What endpoint discovery may look at.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    pub(crate) env: BTreeMap<String, String>,
    /// Prefixed to every absolute path that is read; `/` outside tests.
    pub(crate) root: PathBuf,
}

impl Surroundings {
    pub(crate) fn of_this_process() -> Surroundings {
        let env = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Surroundings { env, root: PathBuf::from("/") }
    }

    /// A variable that is set and not empty.
    fn var(&self, name: &str) -> Option<&str> {
        self.env.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn home(&self) -> Option<&str> {
        self.var("HOME").or_else(|| self.var("USERPROFILE"))
    }

    /// The folder of the Docker command line's configuration, before [`Surroundings::below_root`].
    fn docker_config(&self) -> Option<PathBuf> {
        match self.var("DOCKER_CONFIG") {
            Some(folder) => Some(PathBuf::from(folder)),
            None => Some(Path::new(self.home()?).join(".docker")),
        }
    }

    fn below_root(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }
}

/// An endpoint that may have an engine behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) url: String,
    /// Why it was thought of, for messages.
    pub(crate) origin: &'static str,
    pub(crate) tls: Option<Tls>,
}

/// The three PEM files of mutual TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tls {
    pub(crate) ca: PathBuf,
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

impl Tls {
    fn below(folder: &Path) -> Tls {
        Tls { ca: folder.join("ca.pem"), cert: folder.join("cert.pem"), key: folder.join("key.pem") }
    }
}

/// What is asked for: by the caller, else by the environment.
pub(crate) fn choice<'a>(choice: &'a str, around: &'a Surroundings) -> &'a str {
    match choice {
        "" | "auto" => around.var("FARM_ENGINE").unwrap_or("auto"),
        other => other,
    }
}

/// Whether this user has said which Docker engine to use; a configuration that cannot be read says something, too.
pub(crate) fn is_configured(around: &Surroundings) -> bool {
    !matches!(configured(around), Ok(None))
}

/// The endpoints to try, in order. One alone where something names it explicitly.
pub(crate) fn candidates(choice: &str, around: &Surroundings) -> Result<Vec<Candidate>, EngineError> {
    match self::choice(choice, around) {
        "auto" => match configured(around)? {
            Some(candidate) => Ok(vec![candidate]),
            None => Ok([docker_sockets(around), podman_sockets(around)].concat()),
        },
        "docker" => match configured(around)? {
            Some(candidate) => Ok(vec![candidate]),
            None => Ok(docker_sockets(around)),
        },
        "podman" => match around.var("CONTAINER_HOST") {
            Some(url) => Ok(vec![explicit(url, "CONTAINER_HOST", around)]),
            None => Ok(podman_sockets(around)),
        },
        url if url.contains("://") => Ok(vec![explicit(url, "the engine asked for", around)]),
        path if path.starts_with('/') => {
            Ok(vec![Candidate { url: format!("unix://{path}"), origin: "the engine asked for", tls: None }])
        }
        other => Err(EngineError::Config(format!(
            "`{other}` is no container engine (known: auto, docker, podman, native, or a URL such as unix:///var/run/docker.sock)"
        ))),
    }
}

/// What the Docker command line would use, if anything tells it to use other than its default.
fn configured(around: &Surroundings) -> Result<Option<Candidate>, EngineError> {
    if let Some(url) = around.var("DOCKER_HOST") {
        return Ok(Some(explicit(url, "DOCKER_HOST", around)));
    }
    let Some(folder) = around.docker_config() else { return Ok(None) };
    let (name, origin) = match around.var("DOCKER_CONTEXT") {
        Some(name) => (name.to_owned(), "DOCKER_CONTEXT"),
        None => match current_context(&around.below_root(folder.join("config.json")))? {
            Some(name) => (name, "the current Docker context"),
            None => return Ok(None),
        },
    };
    if name == "default" {
        return Ok(None);
    }
    context(&name, origin, &around.below_root(folder.join("contexts"))).map(Some)
}

fn explicit(url: &str, origin: &'static str, around: &Surroundings) -> Candidate {
    let over_tcp = url.starts_with("tcp://") || url.starts_with("https://");
    let wants_tls = url.starts_with("https://") || around.var("DOCKER_TLS_VERIFY").is_some();
    let folder = match around.var("DOCKER_CERT_PATH") {
        Some(folder) => Some(around.below_root(folder)),
        None => around.docker_config().map(|folder| around.below_root(folder)),
    };
    let tls = folder.filter(|_| over_tcp && wants_tls).map(|folder| Tls::below(&folder));
    Candidate { url: url.to_owned(), origin, tls }
}

#[derive(Deserialize)]
struct CliConfig {
    #[serde(rename = "currentContext")]
    current_context: Option<String>,
}

fn current_context(config: &Path) -> Result<Option<String>, EngineError> {
    let text = match fs::read(config) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(EngineError::Config(format!("{}: {error}", config.display()))),
    };
    let config: CliConfig =
        serde_json::from_slice(&text).map_err(|error| EngineError::Config(format!("{}: {error}", config.display())))?;
    Ok(config.current_context.filter(|name| !name.is_empty()))
}

/// The part of a context's `meta.json` that farm reads.
#[derive(Deserialize)]
struct ContextMeta {
    #[serde(rename = "Endpoints")]
    endpoints: BTreeMap<String, ContextEndpoint>,
}

#[derive(Deserialize)]
struct ContextEndpoint {
    #[serde(rename = "Host")]
    host: Option<String>,
    #[serde(rename = "SkipTLSVerify", default)]
    skip_tls_verify: bool,
}

fn context(name: &str, origin: &'static str, contexts: &Path) -> Result<Candidate, EngineError> {
    let id = hex::encode(Sha256::digest(name));
    let file = contexts.join("meta").join(&id).join("meta.json");
    let text = fs::read(&file).map_err(|error| {
        EngineError::Config(format!(
            "Docker context `{name}` ({origin}) has no {}: {error}; see `docker context ls`",
            file.display()
        ))
    })?;
    let meta: ContextMeta =
        serde_json::from_slice(&text).map_err(|error| EngineError::Config(format!("{}: {error}", file.display())))?;
    let endpoint = meta.endpoints.get("docker");
    let Some(url) = endpoint.and_then(|endpoint| endpoint.host.clone()).filter(|host| !host.is_empty()) else {
        return Err(EngineError::Config(format!("Docker context `{name}` ({origin}) names no host")));
    };
    let over_tcp = url.starts_with("tcp://") || url.starts_with("https://");
    let material = contexts.join("tls").join(&id).join("docker");
    let tls = (over_tcp && material.is_dir()).then(|| Tls::below(&material));
    if over_tcp && endpoint.is_some_and(|endpoint| endpoint.skip_tls_verify) {
        return Err(EngineError::Config(format!(
            "Docker context `{name}` skips the verification of {url}; farm does not: give the context the certificates"
        )));
    }
    Ok(Candidate { url, origin, tls })
}

fn docker_sockets(around: &Surroundings) -> Vec<Candidate> {
    if cfg!(windows) {
        return vec![Candidate {
            url: "npipe:////./pipe/docker_engine".to_owned(),
            origin: "Docker Desktop",
            tls: None,
        }];
    }
    let mut found = vec![socket(around, "/var/run/docker.sock", "Docker")];
    if let Some(runtime) = around.var("XDG_RUNTIME_DIR") {
        found.push(socket(around, Path::new(runtime).join("docker.sock"), "rootless Docker"));
    }
    if let Some(home) = around.home().map(Path::new) {
        found.push(socket(around, home.join(".docker/run/docker.sock"), "Docker Desktop"));
        found.push(socket(around, home.join(".docker/desktop/docker.sock"), "Docker Desktop on Linux"));
        let colima = around.var("COLIMA_HOME").map_or_else(|| home.join(".colima"), PathBuf::from);
        found.extend(each_below(around, &colima, "docker.sock", "Colima", Some("default")));
        found.push(socket(around, home.join(".orbstack/run/docker.sock"), "OrbStack"));
        found.push(socket(around, home.join(".rd/docker.sock"), "Rancher Desktop"));
        found.extend(each_below(around, &home.join(".lima"), "sock/docker.sock", "Lima", None));
    }
    found
}

fn podman_sockets(around: &Surroundings) -> Vec<Candidate> {
    let mut found = Vec::new();
    if let Some(runtime) = around.var("XDG_RUNTIME_DIR") {
        found.push(socket(around, Path::new(runtime).join("podman/podman.sock"), "Podman of this user"));
    }
    found.push(socket(around, "/run/podman/podman.sock", "Podman of the system"));
    if let Some(home) = around.home().map(Path::new) {
        let machines = home.join(".local/share/containers/podman/machine");
        found.push(socket(around, machines.join("podman.sock"), "Podman machine"));
        found.extend(each_below(around, &machines, "podman.sock", "Podman machine", None));
    }
    // On macOS the machine's API socket is in the user's temporary folder.
    if let Some(temporary) = around.var("TMPDIR") {
        let folder = Path::new(temporary).join("podman");
        for name in names(&around.below_root(&folder)).iter().filter(|name| name.ends_with("-api.sock")) {
            found.push(socket(around, folder.join(name), "Podman machine"));
        }
    }
    found
}

fn socket(around: &Surroundings, path: impl AsRef<Path>, origin: &'static str) -> Candidate {
    Candidate { url: format!("unix://{}", around.below_root(path).display()), origin, tls: None }
}

/// The sockets `folder/*/socket` that exist, the folder called `first` before the others.
fn each_below(
    around: &Surroundings,
    folder: &Path,
    name: &str,
    origin: &'static str,
    first: Option<&str>,
) -> Vec<Candidate> {
    let mut profiles = names(&around.below_root(folder));
    profiles.sort_by_key(|profile| Some(profile.as_str()) != first);
    profiles
        .into_iter()
        .map(|profile| folder.join(profile).join(name))
        .filter(|path| around.below_root(path).exists())
        .map(|path| socket(around, path, origin))
        .collect()
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A home and a root in a temporary folder.
    struct Host {
        folder: tempfile::TempDir,
        around: Surroundings,
    }

    impl Host {
        fn new(env: &[(&str, &str)]) -> Host {
            let folder = tempfile::tempdir().unwrap();
            let mut env: BTreeMap<String, String> =
                env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            env.insert("HOME".to_owned(), "/home/me".to_owned());
            let around = Surroundings { env, root: folder.path().to_owned() };
            Host { folder, around }
        }

        fn with(self, path: &str, text: &str) -> Host {
            let file = self.folder.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
            self
        }

        fn context(self, name: &str, host: &str) -> Host {
            let id = hex::encode(Sha256::digest(name));
            let meta = format!(r#"{{"Name":"{name}","Metadata":{{}},"Endpoints":{{"docker":{{"Host":"{host}"}}}}}}"#);
            self.with(&format!("home/me/.docker/contexts/meta/{id}/meta.json"), &meta)
        }

        /// URLs with the temporary root cut out.
        fn urls(&self, choice: &str) -> Vec<String> {
            let root = self.folder.path().display().to_string();
            let found = candidates(choice, &self.around).unwrap();
            found.iter().map(|candidate| candidate.url.replace(&root, "")).collect()
        }

        fn error(&self, choice: &str) -> String {
            candidates(choice, &self.around).unwrap_err().to_string()
        }
    }

    #[test]
    fn the_more_explicit_wins() {
        let host = Host::new(&[("DOCKER_HOST", "tcp://h:2375"), ("DOCKER_CONTEXT", "c"), ("FARM_ENGINE", "unix:///f")])
            .context("c", "unix:///context.sock");
        assert_eq!(host.urls("unix:///flag.sock"), ["unix:///flag.sock"]);
        assert_eq!(host.urls("/flag.sock"), ["unix:///flag.sock"]);
        assert_eq!(host.urls("auto"), ["unix:///f"]);
        assert_eq!(host.urls("docker"), ["tcp://h:2375"]);
        let host = Host::new(&[("DOCKER_CONTEXT", "c")])
            .context("c", "unix:///context.sock")
            .context("d", "unix:///other.sock")
            .with("home/me/.docker/config.json", r#"{"currentContext":"d"}"#);
        assert_eq!(host.urls(""), ["unix:///context.sock"]);
        let host = Host::new(&[])
            .context("d", "unix:///other.sock")
            .with("home/me/.docker/config.json", r#"{"auths":{},"currentContext":"d"}"#);
        assert_eq!(host.urls("auto"), ["unix:///other.sock"]);
        assert!(host.error("kubernetes").contains("is no container engine"));
    }

    #[test]
    fn docker_config_moves_the_contexts() {
        let id = hex::encode(Sha256::digest("c"));
        let host = Host::new(&[("DOCKER_CONFIG", "/etc/mine")])
            .with("etc/mine/config.json", r#"{"currentContext":"c"}"#)
            .with(
                &format!("etc/mine/contexts/meta/{id}/meta.json"),
                r#"{"Endpoints":{"docker":{"Host":"tcp://h:1"}}}"#,
            );
        assert_eq!(host.urls("auto"), ["tcp://h:1"]);
    }

    #[test]
    fn a_broken_configuration_is_said_and_not_skipped() {
        let host = Host::new(&[("DOCKER_CONTEXT", "gone")]);
        assert!(host.error("auto").contains("Docker context `gone` (DOCKER_CONTEXT) has no "));
        let host = Host::new(&[]).with("home/me/.docker/config.json", "{");
        assert!(host.error("auto").contains("config.json: EOF"));
        let host = Host::new(&[("DOCKER_CONTEXT", "k")]).context("k", "");
        assert!(host.error("auto").contains("names no host"));
    }

    #[test]
    fn tls_material_comes_from_the_environment_or_the_context() {
        let host = Host::new(&[("DOCKER_TLS_VERIFY", "1"), ("DOCKER_CERT_PATH", "/certs")]);
        let found = candidates("tcp://h:2376", &host.around).unwrap();
        assert_eq!(found[0].tls.as_ref().unwrap().ca, host.folder.path().join("certs/ca.pem"));
        assert_eq!(candidates("unix:///s", &host.around).unwrap()[0].tls, None);
        let id = hex::encode(Sha256::digest("far"));
        let host = Host::new(&[("DOCKER_CONTEXT", "far")])
            .context("far", "tcp://far:2376")
            .with(&format!("home/me/.docker/contexts/tls/{id}/docker/ca.pem"), "");
        let found = candidates("auto", &host.around).unwrap();
        assert!(found[0].tls.as_ref().unwrap().key.ends_with(format!("tls/{id}/docker/key.pem")));
    }

    #[test]
    fn the_usual_sockets_in_their_order() {
        let host = Host::new(&[("XDG_RUNTIME_DIR", "/run/user/7"), ("TMPDIR", "/tmp/me")])
            .with("home/me/.docker/config.json", r#"{"currentContext":"default"}"#)
            .with("home/me/.colima/arm/docker.sock", "")
            .with("home/me/.colima/default/docker.sock", "")
            .with("home/me/.colima/_lima/none", "")
            .with("home/me/.lima/docker/sock/docker.sock", "")
            .with("tmp/me/podman/podman-machine-default-api.sock", "");
        assert_eq!(
            host.urls("auto"),
            [
                "unix:///var/run/docker.sock",
                "unix:///run/user/7/docker.sock",
                "unix:///home/me/.docker/run/docker.sock",
                "unix:///home/me/.docker/desktop/docker.sock",
                "unix:///home/me/.colima/default/docker.sock",
                "unix:///home/me/.colima/arm/docker.sock",
                "unix:///home/me/.orbstack/run/docker.sock",
                "unix:///home/me/.rd/docker.sock",
                "unix:///home/me/.lima/docker/sock/docker.sock",
                "unix:///run/user/7/podman/podman.sock",
                "unix:///run/podman/podman.sock",
                "unix:///home/me/.local/share/containers/podman/machine/podman.sock",
                "unix:///tmp/me/podman/podman-machine-default-api.sock",
            ]
        );
        assert!(host.urls("podman").iter().all(|url| url.contains("podman")));
    }
}
