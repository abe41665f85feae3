//! The network of pods: a bridge of the host's, behind whose address they reach what the host reaches. Nothing else is
//! enforced: a NetworkPolicy is accepted and has no effect, and there are no services.

use std::process::Command;

use crate::command::{self, Failure};

/// At most 15 bytes: a network interface.
pub(super) const BRIDGE: &str = "farmcluster0";
/// The bridge's own address, at which the API server finds kubelet.
pub(super) const GATEWAY: &str = "10.213.77.1";
pub(super) const PODS: &str = "10.213.77.0/24";
/// Needed by the API server, and used by nobody: there is no kube-proxy.
pub(super) const SERVICES: &str = "10.213.78.0/24";

pub(super) fn is_up() -> bool {
    std::path::Path::new("/sys/class/net").join(BRIDGE).exists()
}

pub(super) fn up() -> Result<(), Failure> {
    ip(&["link", "add", BRIDGE, "type", "bridge"])?;
    ip(&["address", "add", &format!("{GATEWAY}/24"), "dev", BRIDGE])?;
    ip(&["link", "set", BRIDGE, "up"])?;
    for rule in rules() {
        // First in its chain: Docker's end in a policy that drops.
        command::output(Command::new("iptables").args(["-t", rule.table, "-I", rule.chain]).args(rule.what))?;
    }
    Ok(())
}

/// Takes away all that is there of it, also after a start that went half-way.
pub(super) fn down() {
    for rule in rules() {
        let delete = || {
            let mut iptables = Command::new("iptables");
            command::output(iptables.args(["-t", rule.table, "-D", rule.chain]).args(rule.what)).is_ok()
        };
        while delete() {}
    }
    if is_up() {
        let _ = ip(&["link", "delete", BRIDGE]);
    }
}

struct Rule {
    table: &'static str,
    chain: &'static str,
    what: &'static [&'static str],
}

fn rules() -> [Rule; 3] {
    [
        Rule { table: "filter", chain: "FORWARD", what: &["-i", BRIDGE, "-j", "ACCEPT"] },
        Rule { table: "filter", chain: "FORWARD", what: &["-o", BRIDGE, "-j", "ACCEPT"] },
        Rule { table: "nat", chain: "POSTROUTING", what: &["-s", PODS, "!", "-o", BRIDGE, "-j", "MASQUERADE"] },
    ]
}

fn ip(arguments: &[&str]) -> Result<(), Failure> {
    command::output(Command::new("ip").args(arguments)).map(drop)
}
