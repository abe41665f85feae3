//! The least rights that farm needs in a cluster, as a manifest for whoever keeps it: a Role of one namespace. Pure.

use super::address::{Address, Isolation};

/// The account of farm that the rights are for, where nobody says another one.
const ACCOUNT: &str = "farm";
const DEFAULT_NAMESPACE: &str = "default";

pub(super) fn manifest(address: &Address) -> String {
    let namespace = address.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE);
    let mut text = format!(
        "# What farm needs in the namespace {namespace}, and no more. `kubectl apply -f` takes it; the account below is the one\n\
         # that farm's kubeconfig names: change it.\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata:\n  name: farm\n  namespace: {namespace}\nrules:\n"
    );
    let rules = [
        ("made, watched, found again and removed", "", "pods", "create, delete, get, list", true),
        ("commands, and files in and out", "", "pods/exec", "create, get", true),
        (
            "steps without a network",
            "networking.k8s.io",
            "networkpolicies",
            "create, get",
            address.isolation == Isolation::Enforced,
        ),
    ];
    for (why, group, resource, verbs, is_needed) in rules {
        if is_needed {
            text.push_str(&format!(
                "  # {why}\n  - apiGroups: [\"{group}\"]\n    resources: [{resource}]\n    verbs: [{verbs}]\n"
            ));
        }
    }
    text.push_str(&format!(
        "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata:\n  name: farm\n  namespace: {namespace}\n\
         roleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: Role\n  name: farm\nsubjects:\n  - kind: ServiceAccount\n    \
         name: {ACCOUNT}\n    namespace: {namespace}\n"
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_of_one_namespace_and_no_more_than_is_used() {
        let of = |url: &str| manifest(&Address::parse(url).unwrap());
        let text = of("kubernetes://big/builds?network=enforced");
        assert_eq!(text.matches("namespace: builds\n").count(), 3, "{text}");
        assert!(text.contains("    resources: [networkpolicies]\n    verbs: [create, get]\n"), "{text}");
        for too_much in ["ClusterRole", "secrets", "nodes", "\"*\""] {
            assert!(!text.contains(too_much), "{too_much}");
        }
        assert!(!of("kubernetes://big/builds").contains("networkpolicies"));
    }
}
