//! Finds out once who an engine is and where it differs from the API's documentation.

use bollard::Docker;
use bollard::errors::Error;
use bollard::models::{SystemInfo, SystemInfoCgroupVersionEnum, SystemVersion};

use crate::engine::{EngineInfo, emulation};
use crate::types::Arch;

/// What has to be done differently for this engine. Each field names a behaviour, not a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Quirks {
    /// Uploading to a folder that is not there is reported as a success (Podman 4.3).
    pub(super) upload_ignores_missing_folder: bool,
    /// A build has the host's network unless a namespace is asked for besides, and `none` is no mode (Podman).
    pub(super) build_network_needs_namespace: bool,
}

pub(super) async fn probe(client: &Docker) -> Result<(EngineInfo, Quirks), Error> {
    let (version, info) = tokio::try_join!(client.version(), client.info())?;
    Ok(describe(&version, &info, &client.client_version().to_string()))
}

fn describe(version: &SystemVersion, info: &SystemInfo, api_version: &str) -> (EngineInfo, Quirks) {
    let podman =
        version.components.iter().flatten().any(|component| component.name.to_ascii_lowercase().contains("podman"));
    let mut limitations = Vec::new();
    let rootless =
        info.security_options.iter().flatten().any(|option| option == "name=rootless" || option == "rootless");
    let cgroup_1 = info.cgroup_version == Some(SystemInfoCgroupVersionEnum::_1);
    if info.memory_limit == Some(false) || (rootless && cgroup_1) {
        limitations.push(
            "this engine cannot limit memory (rootless on cgroup v1, or no memory controller): memory limits are ignored"
                .to_owned(),
        );
    }
    if info.cpu_set == Some(false) && !podman {
        limitations.push("this engine cannot restrict containers to certain CPUs".to_owned());
    }
    if info.pids_limit == Some(false) && !podman {
        limitations.push("this engine cannot limit the number of processes".to_owned());
    }
    let arch = info.architecture.as_deref().or(version.arch.as_deref()).unwrap_or_default();
    let described = EngineInfo {
        name: if podman { "podman" } else { "docker" }.to_owned(),
        version: version.version.clone().unwrap_or_default(),
        api_version: api_version.to_owned(),
        arch: arch.parse().ok().or_else(Arch::host).unwrap_or(Arch::Amd64),
        cpus: info.ncpu.and_then(|cpus| usize::try_from(cpus).ok()).unwrap_or(1).max(1),
        memory_bytes: info.mem_total.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0),
        shares_kernel: emulation::is_here(info.name.as_deref(), info.kernel_version.as_deref()),
        limitations,
    };
    (described, Quirks { upload_ignores_missing_folder: podman, build_network_needs_namespace: podman })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(version: &str, info: &str) -> (EngineInfo, Quirks) {
        describe(&serde_json::from_str(version).unwrap(), &serde_json::from_str(info).unwrap(), "1.41")
    }

    #[test]
    fn podman_is_known_by_its_components() {
        let info = r#"{"Architecture":"aarch64","NCPU":4,"MemTotal":8,"CgroupVersion":"1","SecurityOptions":["name=rootless"]}"#;
        let version = r#"{"Version":"4.3.1","Components":[{"Name":"Podman Engine","Version":"4.3.1"}]}"#;
        let (podman, quirks) = parsed(version, info);
        assert_eq!((podman.name.as_str(), podman.arch, podman.cpus), ("podman", Arch::Arm64, 4));
        assert_eq!(podman.limitations.len(), 1);
        assert!(quirks.upload_ignores_missing_folder && quirks.build_network_needs_namespace);
        let version = r#"{"Version":"20.10.24","Components":[{"Name":"Engine","Version":"20.10.24"}]}"#;
        let (docker, quirks) = parsed(version, r#"{"Architecture":"x86_64","NCPU":2,"CgroupVersion":"1"}"#);
        assert_eq!((docker.name.as_str(), docker.limitations.len()), ("docker", 0));
        assert_eq!(quirks, Quirks::default());
    }
}
