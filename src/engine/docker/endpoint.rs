//! Where Docker and Podman may be reached: a pure function of environment variables and a file system root, so that each
//! layout (Docker Desktop, Colima, contexts, …) is a unit test. It opens no connection; `client` does.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::engine::EngineError;
use crate::engine::discovery::driver::{Endpoint, Endpoints, TlsFiles, Wanted};
use crate::engine::discovery::surroundings::Surroundings;

const PODMAN: &str = "podman";
pub(super) const NAMES: &[&str] = &["docker", PODMAN];
pub(super) const SCHEMES: &[&str] = &["unix", "tcp", "http", "https", "npipe", "ssh"];

/// The endpoints to try, in order. One alone where something names it explicitly.
pub(super) fn endpoints(wanted: Wanted<'_>, around: &Surroundings) -> Result<Endpoints, EngineError> {
    match wanted {
        Wanted::Url(url) => Ok(Endpoints::configured(explicit(url, Endpoint::asked_for(url).origin, around))),
        Wanted::Named(PODMAN) => Ok(match around.var("CONTAINER_HOST") {
            Some(url) => Endpoints::configured(explicit(url, "CONTAINER_HOST", around)),
            None => Endpoints::usual(podman_sockets(around)),
        }),
        Wanted::Named(_) => Ok(match configured(around)? {
            Some(endpoint) => Endpoints::configured(endpoint),
            None => Endpoints::usual(docker_sockets(around)),
        }),
        Wanted::Any => Ok(match configured(around)? {
            Some(endpoint) => Endpoints::configured(endpoint),
            None => Endpoints::usual([docker_sockets(around), podman_sockets(around)].concat()),
        }),
    }
}

/// The folder of the Docker command line's configuration, before [`Surroundings::below_root`].
fn docker_config(around: &Surroundings) -> Option<PathBuf> {
    match around.var("DOCKER_CONFIG") {
        Some(folder) => Some(PathBuf::from(folder)),
        None => Some(Path::new(around.home()?).join(".docker")),
    }
}

fn tls_files(folder: &Path) -> TlsFiles {
    TlsFiles { ca: folder.join("ca.pem"), cert: folder.join("cert.pem"), key: folder.join("key.pem") }
}

/// What the Docker command line would use, if anything tells it to use other than its default.
fn configured(around: &Surroundings) -> Result<Option<Endpoint>, EngineError> {
    if let Some(url) = around.var("DOCKER_HOST") {
        return Ok(Some(explicit(url, "DOCKER_HOST", around)));
    }
    let Some(folder) = docker_config(around) else { return Ok(None) };
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

fn explicit(url: &str, origin: &'static str, around: &Surroundings) -> Endpoint {
    let over_tcp = url.starts_with("tcp://") || url.starts_with("https://");
    let wants_tls = url.starts_with("https://") || around.var("DOCKER_TLS_VERIFY").is_some();
    let folder = match around.var("DOCKER_CERT_PATH") {
        Some(folder) => Some(around.below_root(folder)),
        None => docker_config(around).map(|folder| around.below_root(folder)),
    };
    let tls = folder.filter(|_| over_tcp && wants_tls).map(|folder| tls_files(&folder));
    Endpoint { url: url.to_owned(), origin, tls }
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

fn context(name: &str, origin: &'static str, contexts: &Path) -> Result<Endpoint, EngineError> {
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
    let tls = (over_tcp && material.is_dir()).then(|| tls_files(&material));
    if over_tcp && endpoint.is_some_and(|endpoint| endpoint.skip_tls_verify) {
        return Err(EngineError::Config(format!(
            "Docker context `{name}` skips the verification of {url}; farm does not: give the context the certificates"
        )));
    }
    Ok(Endpoint { url, origin, tls })
}

fn docker_sockets(around: &Surroundings) -> Vec<Endpoint> {
    if cfg!(windows) {
        return vec![Endpoint {
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

fn podman_sockets(around: &Surroundings) -> Vec<Endpoint> {
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

fn socket(around: &Surroundings, path: impl AsRef<Path>, origin: &'static str) -> Endpoint {
    Endpoint { url: format!("unix://{}", around.below_root(path).display()), origin, tls: None }
}

/// The sockets `folder/*/socket` that exist, the folder called `first` before the others.
fn each_below(
    around: &Surroundings,
    folder: &Path,
    name: &str,
    origin: &'static str,
    first: Option<&str>,
) -> Vec<Endpoint> {
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

        fn found(&self, choice: &str) -> Result<Vec<Endpoint>, EngineError> {
            let wanted = match choice {
                "auto" => Wanted::Any,
                url if url.contains("://") => Wanted::Url(url),
                name => Wanted::Named(name),
            };
            Ok(endpoints(wanted, &self.around)?.all)
        }

        /// URLs with the temporary root cut out.
        fn urls(&self, choice: &str) -> Vec<String> {
            let root = self.folder.path().display().to_string();
            self.found(choice).unwrap().iter().map(|endpoint| endpoint.url.replace(&root, "")).collect()
        }

        fn error(&self, choice: &str) -> String {
            self.found(choice).unwrap_err().to_string()
        }
    }

    #[test]
    fn the_more_explicit_wins() {
        let host =
            Host::new(&[("DOCKER_HOST", "tcp://h:2375"), ("DOCKER_CONTEXT", "c")]).context("c", "unix:///context.sock");
        assert_eq!(host.urls("unix:///flag.sock"), ["unix:///flag.sock"]);
        assert_eq!(host.urls("auto"), ["tcp://h:2375"]);
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
        let found = host.found("tcp://h:2376").unwrap();
        assert_eq!(found[0].tls.as_ref().unwrap().ca, host.folder.path().join("certs/ca.pem"));
        assert_eq!(host.found("unix:///s").unwrap()[0].tls, None);
        let id = hex::encode(Sha256::digest("far"));
        let host = Host::new(&[("DOCKER_CONTEXT", "far")])
            .context("far", "tcp://far:2376")
            .with(&format!("home/me/.docker/contexts/tls/{id}/docker/ca.pem"), "");
        let found = host.found("auto").unwrap();
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
