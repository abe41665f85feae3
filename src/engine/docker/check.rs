//! Which daemons there are on this machine, and why one cannot be used.

use std::path::Path;

use futures_util::future;

use super::connection::Docker;
use crate::engine::discovery::driver::{EACH_TIMEOUT, Endpoint, Examination, Reachable};
use crate::engine::{EngineError, EngineInfo};
use crate::types::{Check, Severity, at_home};

pub(super) const SUBJECT: &str = "daemon";

/// All endpoints, asked at once.
pub(super) async fn examine(endpoints: Vec<Endpoint>) -> Examination {
    let ask = |endpoint: Endpoint| async move {
        let answer = Docker::open(&endpoint, EACH_TIMEOUT).await;
        let answer = answer.map(|engine| engine.info.clone()).map_err(reason);
        let is_absent = socket(&endpoint).is_some_and(|path| !Path::new(path).exists());
        Asked { endpoint, is_absent, answer }
    };
    let asked = future::join_all(endpoints.into_iter().map(ask)).await;
    let engine = |asked: &Asked| {
        let info = asked.answer.as_ref().ok()?.clone();
        Some(Reachable { endpoint: asked.endpoint.url.clone(), info })
    };
    Examination { engines: asked.iter().filter_map(engine).collect(), checks: checks(&asked) }
}

/// Why there is no answer, in words, with what helps.
pub(super) fn reason(error: EngineError) -> String {
    let reason = error.reason();
    let hint = if reason.contains("ermission denied") {
        "; this user may not use it: join its group (`docker`), or run a rootless engine"
    } else if reason.contains("HTTP request to an HTTPS server") {
        "; set DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH to the folder of the certificates"
    } else {
        ""
    };
    format!("{reason}{hint}")
}

struct Asked {
    endpoint: Endpoint,
    /// There is no such socket: nobody says that there should be an engine.
    is_absent: bool,
    /// Who answered, or why nobody did.
    answer: Result<EngineInfo, String>,
}

fn socket(endpoint: &Endpoint) -> Option<&str> {
    endpoint.url.strip_prefix("unix://")
}

/// One for each daemon that is there, and one for all places where there is none.
fn checks(asked: &[Asked]) -> Vec<Check> {
    let unanswered = match asked.iter().any(|one| one.answer.is_ok()) {
        true => Severity::Note,
        false => Severity::Warning,
    };
    let mut checks = Vec::new();
    let mut absent = Vec::new();
    for one in asked {
        let Endpoint { url, origin, .. } = &one.endpoint;
        match &one.answer {
            Ok(EngineInfo { name, version, arch, limitations, .. }) => {
                let found = format!("{name} {version} ({arch}) answers at {url}, {origin}");
                checks.push(Check::new(SUBJECT, Severity::Ok, found));
                checks.extend(limitations.iter().map(|limit| Check::new(SUBJECT, Severity::Note, limit.clone())));
            }
            Err(_) if one.is_absent && asked.len() > 1 => {
                absent.push(at_home(socket(&one.endpoint).unwrap_or(url)));
            }
            Err(why) => checks.push(Check::new(SUBJECT, unanswered, format!("{url} ({origin}): {why}"))),
        }
    }
    if !absent.is_empty() {
        checks.push(Check::new(SUBJECT, Severity::Note, format!("none at {}", absent.join(", "))));
    }
    checks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(url: &str, answer: Result<&str, &str>, is_absent: bool) -> Asked {
        Asked {
            endpoint: Endpoint::new(url, "Docker"),
            is_absent,
            answer: answer.map(EngineInfo::named).map_err(str::to_owned),
        }
    }

    fn text(asked: &[Asked]) -> String {
        checks(asked).into_iter().map(|check| format!("{check}\n")).collect()
    }

    #[test]
    fn places_where_there_is_nothing_are_one_line() {
        let sockets = [
            asked("unix:///a", Err("no such file"), true),
            asked("unix:///b", Err("permission denied"), false),
            asked("unix:///c", Ok("podman"), false),
            asked("unix:///d", Ok("docker"), false),
            asked("unix:///e", Err("no such file"), true),
        ];
        insta::assert_snapshot!(text(&sockets), @"
        note daemon: unix:///b (Docker): permission denied
        ok daemon: podman 1.2 (amd64) answers at unix:///c, Docker
        ok daemon: docker 1.2 (amd64) answers at unix:///d, Docker
        note daemon: none at /a, /e
        ");
    }

    #[test]
    fn one_that_does_not_answer_is_a_warning_where_none_does() {
        assert_eq!(text(&[asked("tcp://h:1", Err("refused"), false)]), "warning daemon: tcp://h:1 (Docker): refused\n");
        let only = asked("unix:///a", Err("no such socket"), true);
        assert_eq!(text(&[only]), "warning daemon: unix:///a (Docker): no such socket\n");
    }

    #[test]
    fn common_obstacles_come_with_what_helps() {
        let denied = EngineError::Unreachable { endpoint: "u".to_owned(), reason: "Permission denied".to_owned() };
        assert!(reason(denied).ends_with("join its group (`docker`), or run a rootless engine"));
    }
}
