//! The files that the daemons of a node are told their settings in.

use std::fs;
use std::path::Path;

use super::network::{BRIDGE, GATEWAY, PODS};
use super::pki::{Pki, write};
use crate::command::Failure;

/// The image of the first process of every pod, which `node.sh` makes.
pub(super) const PAUSE: &str = "farm.invalid/pause:1";

/// The control group below which all pods are.
pub(super) const CGROUP: &str = "farm-cluster";

/// Writes them all into the folder of the node.
pub(super) fn write_all(node: &Path, pki: &Pki, ports: &super::node::Ports) -> Result<(), Failure> {
    let registry = format!("127.0.0.1:{}", ports.registry);
    let api = format!("127.0.0.1:{}", ports.api);
    let hosts = node.join("hosts").join(&registry);
    for folder in [&hosts, &node.join("cni")] {
        fs::create_dir_all(folder).map_err(|error| Failure::io("make", folder, &error))?;
    }
    // The host's own changes with the network that it is in; a pod gets what held at the start.
    let resolv = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    write(&node.join("resolv.conf"), &resolv)?;
    write(&hosts.join("hosts.toml"), &hosts_toml(&registry))?;
    write(&node.join("containerd.toml"), &containerd(node))?;
    write(&node.join("registry.yml"), &registry_yml(node, &registry))?;
    write(&node.join("cni/10-farm.conflist"), &format!("{:#}\n", cni()))?;
    write(&node.join("kubelet.json"), &format!("{:#}\n", kubelet(node, pki, ports.kubelet)))?;
    for name in ["admin", "controllers", "scheduler", "kubelet"] {
        pki.kubeconfig(name, &api, &node.join(format!("{name}.kubeconfig")))?;
    }
    Ok(())
}

/// Without TLS: the registry listens on the loopback interface alone.
fn hosts_toml(registry: &str) -> String {
    format!("server = \"http://{registry}\"\n\n[host.\"http://{registry}\"]\ncapabilities = [\"pull\", \"resolve\"]\n")
}

fn containerd(node: &Path) -> String {
    let node = node.display();
    // restrict_oom_score_adj: a machine without CAP_SYS_RESOURCE cannot shield a process better than it is itself.
    format!(
        r#"version = 2
root = "{node}/containerd"
state = "/run/containerd"

[grpc]
address = "/run/containerd/containerd.sock"

[plugins."io.containerd.internal.v1.opt"]
path = "{node}/opt"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE}"
restrict_oom_score_adj = true

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{node}/cni"

[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "{node}/hosts"
"#
    )
}

fn registry_yml(node: &Path, address: &str) -> String {
    let data = node.with_file_name("registry");
    format!(
        "version: 0.1\nlog:\n  accesslog:\n    disabled: true\nhttp:\n  addr: {address}\n\
         storage:\n  filesystem:\n    rootdirectory: {}\n  delete:\n    enabled: true\n",
        data.display()
    )
}

fn cni() -> serde_json::Value {
    serde_json::json!({
        "cniVersion": "0.4.0",
        "name": "farm-cluster",
        "plugins": [{
            "type": "bridge",
            "bridge": BRIDGE,
            "isGateway": true,
            "ipMasq": false,
            // Fits into the tunnels that a virtual machine's own network often is.
            "mtu": 1400,
            "ipam": {
                "type": "host-local",
                "dataDir": "/run/cni-addresses",
                "ranges": [[{"subnet": PODS}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        }],
    })
}

fn kubelet(node: &Path, pki: &Pki, port: u16) -> serde_json::Value {
    serde_json::json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": GATEWAY,
        "port": port,
        "readOnlyPort": 0,
        "healthzPort": 0,
        "authentication": {
            "anonymous": {"enabled": false},
            "webhook": {"enabled": true},
            "x509": {"clientCAFile": pki.folder.join("ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": pki.folder.join("kubelet.crt"),
        "tlsPrivateKeyFile": pki.folder.join("kubelet.key"),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": format!("/{CGROUP}"),
        "failSwapOn": false,
        "makeIPTablesUtilChains": false,
        // As for containerd: none of its own.
        "oomScoreAdj": 0,
        "maxOpenFiles": 16384,
        "resolvConf": node.join("resolv.conf"),
        "volumePluginDir": node.join("volume-plugins"),
        "serializeImagePulls": false,
        "nodeStatusUpdateFrequency": "5s",
        // A developer's disk is often nearly full; that is not to empty the node.
        "evictionHard": {
            "memory.available": "0%", "nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%",
        },
        "imageGCHighThresholdPercent": 100,
    })
}
