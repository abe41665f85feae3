//! Why a pod does not start, and why one is gone: what the cluster says of it, in words for a person. Pure.

use k8s_openapi::api::core::v1::{ContainerState, Pod, PodCondition};

/// What a node needs to pull.
const OF_REGISTRIES: &str = "nodes reach the registry by the name that farm has for it, by TLS that they trust, and with the \
    secret that `pull-secret=` in the engine's URL names where it wants a password";

/// What a pod that was made is at.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Running,
    /// It is on its way.
    Waiting,
    /// No node takes it, with the scheduler's reason. That may change.
    Unschedulable(String),
    /// The node does not get its image.
    NoImage(String),
    /// It will not run.
    Failed(String),
}

pub(super) fn stage(pod: &Pod) -> Stage {
    if let Some(reason) = ended(pod) {
        return Stage::Failed(reason);
    }
    if let Some(state) = state(pod) {
        if state.running.is_some() {
            return Stage::Running;
        }
        if let Some(waiting) = &state.waiting {
            let (reason, message) = (text(&waiting.reason), text(&waiting.message));
            match reason {
                "ErrImagePull"
                | "ImagePullBackOff"
                | "InvalidImageName"
                | "ErrImageNeverPull"
                | "RegistryUnavailable"
                | "ImageInspectError" => {
                    return Stage::NoImage(format!("the node cannot pull it ({reason}): {message}; {OF_REGISTRIES}"));
                }
                "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" | "CrashLoopBackOff" => {
                    return Stage::Failed(format!("the node cannot start its container ({reason}): {message}"));
                }
                _ => {}
            }
        }
    }
    match condition(pod, "PodScheduled") {
        Some(unscheduled) if unscheduled.status == "False" && text(&unscheduled.reason) == "Unschedulable" => {
            Stage::Unschedulable(format!("no node takes the pod (Unschedulable): {}", text(&unscheduled.message)))
        }
        _ => Stage::Waiting,
    }
}

/// Why nothing can run in it any more; `None` as long as something can, as far as the cluster knows.
pub(super) fn ended(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref()?;
    let message = text(&status.message);
    match text(&status.reason) {
        "Evicted" => {
            return Some(format!(
                "its node evicted it (Evicted), as it was short of something: {message}; jobs with a `[limits] memory` \
                 are evicted last"
            ));
        }
        "NodeLost" => return Some(format!("its node is lost (NodeLost): {message}")),
        "NodeShutdown" | "Terminated" => return Some(format!("its node is being shut down: {message}")),
        "DeadlineExceeded" => return Some("it ran for a whole day, which is as long as a pod of farm may".to_owned()),
        "" => {}
        other if status.phase.as_deref() == Some("Failed") => {
            return Some(format!("its node does not take it ({other}): {message}"));
        }
        _ => {}
    }
    if let Some(disrupted) = condition(pod, "DisruptionTarget").filter(|condition| condition.status == "True") {
        let message = text(&disrupted.message);
        return Some(match text(&disrupted.reason) {
            "DeletionByTaintManager" => format!("its node is lost or does not bear it any more (taint): {message}"),
            "PreemptionByScheduler" => {
                format!("another pod with a higher priority has its place (preempted): {message}")
            }
            other => format!("the cluster ends it ({other}): {message}"),
        });
    }
    let terminated = state(pod).and_then(|state| state.terminated.as_ref());
    if let Some(terminated) = terminated {
        return Some(match (text(&terminated.reason), terminated.exit_code) {
            ("OOMKilled", _) => {
                "the kernel killed its first process, as the pod reached its memory limit (OOMKilled): give \
                                 the job more by `[limits] memory`"
                    .to_owned()
            }
            ("Completed", 0) => "its lease ran out: it did not hear of farm for 20 seconds".to_owned(),
            (reason, code) => format!("its first process ended with {code} ({reason})"),
        });
    }
    if condition(pod, "Ready").is_some_and(|ready| ready.status == "Unknown") {
        return Some("its node is lost: the cluster has not heard of it for a while".to_owned());
    }
    if pod.metadata.deletion_timestamp.is_some() {
        return Some("somebody deletes it".to_owned());
    }
    matches!(status.phase.as_deref(), Some("Failed" | "Succeeded")).then(|| "it has ended".to_owned())
}

/// Whether it is over, so that nobody misses it.
pub(super) fn is_over(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Failed" | "Succeeded"))
}

/// When its container ended, in seconds since 1970.
pub(super) fn ended_at(pod: &Pod) -> Option<i64> {
    let time = state(pod)?.terminated.as_ref()?.finished_at.as_ref()?;
    Some(time.0.as_second())
}

fn state(pod: &Pod) -> Option<&ContainerState> {
    pod.status.as_ref()?.container_statuses.as_ref()?.first()?.state.as_ref()
}

fn condition<'a>(pod: &'a Pod, kind: &str) -> Option<&'a PodCondition> {
    pod.status.as_ref()?.conditions.as_ref()?.iter().find(|condition| condition.type_ == kind)
}

fn text(text: &Option<String>) -> &str {
    text.as_deref().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(status: Value) -> Pod {
        serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "farm-x" }, "status": status,
        }))
        .unwrap()
    }

    fn with_state(phase: &str, state: Value) -> Pod {
        let container =
            json!({ "name": "farm", "image": "i", "imageID": "", "ready": false, "restartCount": 0, "state": state });
        pod(json!({ "phase": phase, "containerStatuses": [container] }))
    }

    /// As Kubernetes 1.20 and later say it.
    #[test]
    fn each_end_of_a_pod_has_words_of_its_own() {
        let oom = with_state("Failed", json!({ "terminated": { "exitCode": 137, "reason": "OOMKilled" } }));
        let evicted = pod(json!({
            "phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: ephemeral-storage. ",
        }));
        let lost = pod(json!({
            "phase": "Running", "reason": "NodeLost", "message": "Node n1 which was running pod farm-x is unresponsive",
        }));
        let tainted = pod(json!({ "phase": "Failed", "conditions": [{
            "type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager",
            "message": "Taint manager: deleting due to NoExecute taint",
        }] }));
        let unknown = pod(json!({ "phase": "Running", "conditions": [{ "type": "Ready", "status": "Unknown" }] }));
        let leased = with_state("Succeeded", json!({ "terminated": { "exitCode": 0, "reason": "Completed" } }));
        for (pod, words) in [
            (oom, "reached its memory limit (OOMKilled)"),
            (evicted, "(Evicted), as it was short of something: The node was low on resource: ephemeral-storage.;"),
            (lost, "its node is lost (NodeLost): Node n1"),
            (tainted, "its node is lost or does not bear it"),
            (unknown, "its node is lost: the cluster has not heard"),
            (leased, "its lease ran out"),
        ] {
            let said = ended(&pod);
            assert!(said.as_ref().is_some_and(|said| said.contains(words)), "{words}: {said:?}");
        }
        assert_eq!(ended(&with_state("Running", json!({ "running": {} }))), None);
    }

    #[test]
    fn each_reason_not_to_start_has_words_of_its_own() {
        let no_image = |reason: &str| {
            let message = "rpc error: code = NotFound desc = r.example/farm: not found";
            with_state("Pending", json!({ "waiting": { "reason": reason, "message": message } }))
        };
        for reason in ["ErrImagePull", "ImagePullBackOff"] {
            let Stage::NoImage(words) = stage(&no_image(reason)) else { panic!("{reason}") };
            assert!(words.contains(reason) && words.contains("r.example/farm: not found; nodes reach"), "{words}");
        }
        let unschedulable = pod(json!({ "phase": "Pending", "conditions": [{
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
            "message": "0/1 nodes are available: 1 Insufficient cpu.",
        }] }));
        let words = "no node takes the pod (Unschedulable): 0/1 nodes are available: 1 Insufficient cpu.";
        assert_eq!(stage(&unschedulable), Stage::Unschedulable(words.to_owned()));
        let creating = json!({ "waiting": { "reason": "ContainerCreating" } });
        assert_eq!(stage(&with_state("Pending", creating)), Stage::Waiting);
        assert_eq!(stage(&with_state("Running", json!({ "running": {} }))), Stage::Running);
    }
}
