//! A job's pod, as text for the cluster: no path of a node, no account, no more rights than a build needs. Pure.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::address::{Address, Isolation};
use super::lease;
use crate::engine::{ContainerSpec, Network, common, labels};
use crate::types::Arch;

/// The one container of a pod.
pub(super) const CONTAINER: &str = "farm";
/// The label of pods that the policy in [`no_network`] is for.
const NETWORK: &str = "io.farm.pod-network";
const NO_NETWORK: &str = "none";
/// What the policy is called.
pub(super) const POLICY: &str = "farm-no-network";
/// No build takes longer: whatever else fails, a pod ends.
const LONGEST: u32 = 24 * 3600;
/// What Kubernetes takes of a label's value, and of a name of ours before its digits.
const LONGEST_VALUE: usize = 63;
const LONGEST_NAME: usize = 40;
/// What preparing and packaging need as root: dpkg and rpm give files to their owners, set modes and capabilities of files,
/// become other users, and change their root. All are allowed by Pod Security "baseline".
const CAPABILITIES: [&str; 9] =
    ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETFCAP", "SETGID", "SETUID", "SYS_CHROOT"];

/// A pod of `image`, which has what a node can pull it by.
///
/// # Errors
/// What this cluster cannot give it, and what to do.
pub(super) fn pod(spec: &ContainerSpec, image: &str, address: &Address) -> Result<Value, String> {
    let network = match (spec.network, address.isolation) {
        (Network::Default, _) => "default",
        (Network::Host, _) => {
            return Err("a pod with its node's own network is not made: --network host is for engines of one machine"
                .to_owned());
        }
        (Network::None, Isolation::Enforced) => NO_NETWORK,
        (Network::None, Isolation::Open) => "open",
        (Network::None, Isolation::Unknown) => {
            return Err("a step is to have no network, and whether this cluster heeds a NetworkPolicy cannot be asked: \
                        say `network=enforced` in the engine's URL if it does, or `network=open` to let steps have the network"
                .to_owned());
        }
    };
    let mut marks = json!({ (labels::OWNED): "", (NETWORK): network });
    if let Some(run) = spec.labels.get(labels::RUN) {
        marks[labels::RUN] = label_value(run).into();
    }
    let mut resources = serde_json::Map::new();
    if let Some(bytes) = spec.limits.memory_bytes {
        resources.insert("memory".to_owned(), bytes.to_string().into());
    }
    if let Some(cpus) = spec.limits.cpuset.as_deref().and_then(cpus) {
        resources.insert("cpu".to_owned(), cpus.to_string().into());
    }
    let secrets: Vec<Value> = address.pull_secret.iter().map(|name| json!({ "name": name })).collect();
    Ok(json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": name(&spec.name), "labels": marks, "annotations": spec.labels },
        "spec": {
            "restartPolicy": "Never",
            "activeDeadlineSeconds": LONGEST,
            "terminationGracePeriodSeconds": 1,
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "hostname": spec.host_name,
            "nodeSelector": { "kubernetes.io/os": "linux", "kubernetes.io/arch": node_arch(spec.arch) },
            "imagePullSecrets": secrets,
            "securityContext": { "seccompProfile": { "type": "RuntimeDefault" } },
            "volumes": [{
                "name": "shm",
                "emptyDir": { "medium": "Memory", "sizeLimit": common::SHARED_MEMORY.to_string() },
            }],
            "containers": [{
                "name": CONTAINER,
                "image": image,
                // It is named by its digest: what a node has under it is it.
                "imagePullPolicy": "IfNotPresent",
                "command": ["/bin/sh", "-c", lease::IDLE],
                "workingDir": "/",
                "resources": { "limits": resources, "requests": resources },
                "securityContext": {
                    "runAsUser": 0,
                    "runAsGroup": 0,
                    "privileged": false,
                    "allowPrivilegeEscalation": false,
                    "capabilities": { "drop": ["ALL"], "add": CAPABILITIES },
                },
                "volumeMounts": [{ "name": "shm", "mountPath": "/dev/shm" }],
            }],
        },
    }))
}

/// Nothing goes into or out of pods that are to have no network.
pub(super) fn no_network() -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": { "name": POLICY, "labels": { (labels::OWNED): "" } },
        "spec": {
            "podSelector": { "matchLabels": { (NETWORK): NO_NETWORK } },
            "policyTypes": ["Ingress", "Egress"],
        },
    })
}

/// The pods of one run, or all of ours.
pub(super) fn selector(run: Option<&str>) -> String {
    match run {
        Some(run) => format!("{},{}={}", labels::OWNED, labels::RUN, label_value(run)),
        None => labels::OWNED.to_owned(),
    }
}

/// Names of pods are names of hosts. The digits tell two apart that were one without what those cannot have.
fn name(name: &str) -> String {
    let plain: String =
        name.to_ascii_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let plain: String = plain.trim_matches('-').chars().take(LONGEST_NAME).collect();
    format!("{}-{}", plain.trim_matches('-'), &hex::encode(Sha256::digest(name))[..12])
}

/// As it is, where Kubernetes takes it.
fn label_value(value: &str) -> String {
    let word = |c: char| c.is_ascii_alphanumeric();
    let is_value = value.len() <= LONGEST_VALUE
        && value.starts_with(word)
        && value.ends_with(word)
        && value.chars().all(|c| word(c) || matches!(c, '-' | '_' | '.'));
    if is_value { value.to_owned() } else { hex::encode(Sha256::digest(value))[..32].to_owned() }
}

/// As kubelet labels its node. What runs on a machine of 64 bits beside its own programs runs there.
fn node_arch(arch: Arch) -> &'static str {
    match arch {
        Arch::I386 => Arch::Amd64.oci().0,
        other => other.oci().0,
    }
}

/// How many processors `0-3,7` are.
fn cpus(set: &str) -> Option<u32> {
    let mut all = 0;
    for range in set.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (u32, u32) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        all += last.checked_sub(first)? + 1;
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::engine::{HOST_NAME, Limits};

    fn spec(network: Network) -> ContainerSpec {
        ContainerSpec {
            image: "farm/base:1".to_owned(),
            arch: Arch::Amd64,
            name: "farm-Run_1-debian-12/amd64".to_owned(),
            host_name: HOST_NAME,
            network,
            limits: Limits { memory_bytes: Some(1 << 30), pids: Some(100), cpuset: Some("0-2,7".to_owned()) },
            labels: BTreeMap::from([(labels::RUN.to_owned(), "run-1".to_owned())]),
        }
    }

    fn address(query: &str) -> Address {
        Address::parse(&format!("kubernetes://farm/farm?{query}")).unwrap()
    }

    #[test]
    fn a_pod_has_no_more_than_it_needs() {
        let pod = pod(&spec(Network::Default), "r.example/farm@sha256:00", &address("pull-secret=key")).unwrap();
        let (inside, container) = (&pod["spec"], &pod["spec"]["containers"][0]);
        assert_eq!(inside["automountServiceAccountToken"], false);
        assert_eq!(inside["enableServiceLinks"], false);
        assert_eq!(inside["restartPolicy"], "Never");
        assert_eq!(inside["nodeSelector"]["kubernetes.io/arch"], "amd64");
        assert_eq!(inside["imagePullSecrets"], json!([{ "name": "key" }]));
        assert_eq!(inside["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
        let volumes = inside["volumes"].as_array().unwrap();
        let is_memory =
            |volume: &Value| volume["emptyDir"]["medium"] == "Memory" && volume.as_object().unwrap().len() == 2;
        assert!(volumes.iter().all(is_memory) && volumes.len() == 1, "no path of a node: {volumes:?}");
        for absent in ["hostNetwork", "hostPID", "hostIPC", "serviceAccountName"] {
            assert_eq!(inside[absent], Value::Null, "{absent}");
        }
        assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false);
        assert_eq!(container["securityContext"]["capabilities"]["drop"], json!(["ALL"]));
        assert!(!container["securityContext"]["capabilities"]["add"].to_string().contains("SYS_ADMIN"));
        assert_eq!(container["resources"]["limits"], json!({ "memory": "1073741824", "cpu": "4" }));
        assert_eq!(container["resources"]["requests"], container["resources"]["limits"]);
        assert_eq!(container["image"], "r.example/farm@sha256:00");
    }

    #[test]
    fn a_pod_without_network_is_refused_unless_somebody_says_what_becomes_of_it() {
        let label = |query: &str| {
            let pod = pod(&spec(Network::None), "i", &address(query))?;
            Ok::<_, String>(pod["metadata"]["labels"][NETWORK].as_str().unwrap().to_owned())
        };
        assert!(label("").unwrap_err().contains("`network=enforced`"));
        assert_eq!(label("network=open").unwrap(), "open");
        assert_eq!(label("network=enforced").unwrap(), NO_NETWORK);
        assert_eq!(no_network()["spec"]["podSelector"]["matchLabels"], json!({ (NETWORK): NO_NETWORK }));
        assert_eq!(no_network()["spec"]["egress"], Value::Null, "no rule lets anything out");
        assert!(pod(&spec(Network::Host), "i", &address("network=open")).unwrap_err().contains("--network host"));
    }

    #[test]
    fn names_and_labels_are_what_kubernetes_takes() {
        let made = name("farm-Run_1-debian-12/amd64");
        assert!(made.starts_with("farm-run-1-debian-12-amd64-"), "{made}");
        assert_ne!(name("a_b"), name("a-b"));
        assert!(name(&"-x".repeat(200)).len() <= LONGEST_VALUE);
        assert_eq!(label_value("run-1"), "run-1");
        assert_eq!(label_value("a/b").len(), 32);
        assert_eq!(selector(Some("run-1")), "io.farm.owned,io.farm.run=run-1");
        assert_eq!((cpus("0-3,7"), cpus("5"), cpus(""), cpus("3-1")), (Some(5), Some(1), None, None));
    }
}
