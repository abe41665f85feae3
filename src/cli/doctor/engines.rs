//! Engines: which there are, which one would be used, and how far farm's own comes.

use super::check::{A_WHILE, Check, Verdict, at_home};
use crate::engine::{Asked, EngineError, EngineInfo, NativeHealth, Survey};

/// What the probes of engines found; none of one that took too long.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub(super) choice: &'a str,
    pub(super) survey: Option<Result<Survey, EngineError>>,
    pub(super) native: Option<Result<NativeHealth, EngineError>>,
}

/// The engine that a build would use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Picked {
    pub(super) endpoint: String,
    pub(super) info: EngineInfo,
}

/// As [`connect`](crate::engine::connect) does, of what has been asked already.
pub(super) fn pick(found: &Found<'_>) -> Option<Picked> {
    let Some(Ok(survey)) = &found.survey else { return None };
    let first = survey.asked.iter().filter(|_| survey.daemons).find_map(|asked| {
        let info = asked.answer.as_ref().ok()?;
        Some(Picked { endpoint: asked.url.clone(), info: info.clone() })
    });
    first.or_else(|| {
        let Some(Ok(native)) = &found.native else { return None };
        let works = survey.native && matches!(native.container, Some(Ok(())));
        let info = native.info.clone().filter(|_| works)?;
        Some(Picked { endpoint: format!("native://{}", native.store.display()), info })
    })
}

pub(super) fn checks(found: &Found<'_>, picked: Option<&Picked>) -> Vec<Check> {
    let mut checks = vec![chosen(found, picked)];
    if let Some(Ok(survey)) = &found.survey {
        checks.extend(daemons(&survey.asked, picked.is_some()));
    }
    // What is missing for an engine that another stands in for is no more than a note.
    let needed = picked.is_none_or(|picked| picked.info.name == "native");
    match &found.native {
        None => checks.push(Check::new(NATIVE, Verdict::Note, format!("not known after {A_WHILE:?}"))),
        Some(Err(error)) => checks.push(Check::new(NATIVE, Verdict::Note, error.to_string())),
        Some(Ok(health)) => checks.extend(native(health, needed)),
    }
    checks
}

const NATIVE: &str = "native engine";

fn chosen(found: &Found<'_>, picked: Option<&Picked>) -> Check {
    const NAME: &str = "engine";
    let choice = if found.choice.is_empty() { "auto" } else { found.choice };
    if let Some(Picked { endpoint, info }) = picked {
        return Check::new(
            NAME,
            Verdict::Ok,
            format!("{} {} at {endpoint}, chosen by `{choice}`", info.name, info.version),
        );
    }
    let own_works = matches!(&found.native, Some(Ok(native)) if native.container == Some(Ok(())));
    let found = match &found.survey {
        Some(Err(error)) => error.to_string(),
        Some(Ok(_)) => format!("`{choice}` finds none that works"),
        None => format!("`{choice}` finds none within {A_WHILE:?}"),
    };
    let mend = if own_works {
        "farm's own engine works here: --engine native, or engine = \"native\" in the configuration"
    } else {
        "start Docker or Podman, name one with --engine, or mend what farm's own lacks, see below"
    };
    Check::new(NAME, Verdict::Bad, found).mend(mend)
}

/// One for each that is there, and one for all places where there is nothing.
fn daemons(asked: &[Asked], have_one: bool) -> Vec<Check> {
    const NAME: &str = "daemon";
    let mut checks = Vec::new();
    let mut absent = Vec::new();
    for one in asked {
        match &one.answer {
            Ok(info) => {
                let arch = info.arch;
                checks.push(Check::new(
                    NAME,
                    Verdict::Ok,
                    format!("{} {} ({arch}) answers at {}, {}", info.name, info.version, one.url, one.origin),
                ));
                checks.extend(info.limitations.iter().map(|limit| Check::new(NAME, Verdict::Note, limit.clone())));
            }
            Err(_) if one.absent && asked.len() > 1 => absent.push(at_home(one.url.trim_start_matches("unix://"))),
            Err(why) => {
                let state = if have_one { Verdict::Note } else { Verdict::Warning };
                checks.push(Check::new(NAME, state, format!("{} ({}): {why}", one.url, one.origin)));
            }
        }
    }
    if !absent.is_empty() {
        checks.push(Check::new(NAME, Verdict::Note, format!("none at {}", absent.join(", "))));
    }
    checks
}

fn native(health: &NativeHealth, needed: bool) -> Vec<Check> {
    let bad = if needed { Verdict::Bad } else { Verdict::Note };
    let ids = match &health.ids {
        Ok(ids) => ids,
        // It says itself what to do.
        Err(why) => return vec![Check::new(NATIVE, bad, why.clone())],
    };
    let mut checks = Vec::new();
    match (&health.namespaces, &health.container) {
        (Some(Err(why)), _) => return vec![Check::new(NATIVE, bad, format!("as {ids}: {why}"))],
        (_, Some(Err(why))) => {
            let check = Check::new(NATIVE, bad, format!("as {ids}: a container cannot be made: {why}"));
            return vec![if why.contains("overlayfs") {
                check
                    .mend("it takes Linux 5.12 or newer, and a store on ext4, xfs or btrfs: FARM_DATA names its folder")
            } else {
                check
            }];
        }
        _ => {
            let text = format!("containers can be made, as {ids}: user namespaces and overlayfs work");
            checks.push(Check::new(NATIVE, Verdict::Ok, text));
        }
    }
    checks.push(limits(health.limits_memory, health.limits_processes, needed));
    let filter = "system call filter";
    checks.push(if health.filters_calls {
        Check::new(filter, Verdict::Ok, "builds in farm's own engine run under it")
    } else {
        Check::new(filter, Verdict::Note, "none for this architecture: builds in farm's own engine run without one")
    });
    checks
}

/// Of containers of farm's own engine.
fn limits(memory: bool, processes: bool, needed: bool) -> Check {
    const NAME: &str = "control groups";
    let limited = match (memory, processes) {
        (true, true) => return Check::new(NAME, Verdict::Ok, "memory and processes of each container are limited"),
        (true, false) => "memory of each container is limited, processes are for each user in it",
        (false, true) => "processes of each container are limited, memory is for each process alone",
        (false, false) => "none: memory is limited for each process alone, processes for each user in a container",
    };
    let state = if needed { Verdict::Warning } else { Verdict::Note };
    let mend = "run farm as root, or, on a system with control groups of version 2, by `systemd-run --user --scope farm build`";
    Check::new(NAME, state, limited).mend(mend)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Arch;

    fn info(name: &str) -> EngineInfo {
        EngineInfo {
            name: name.to_owned(),
            version: "1.2".to_owned(),
            api_version: String::new(),
            arch: Arch::Amd64,
            cpus: 4,
            memory_bytes: 8 << 30,
            limitations: Vec::new(),
        }
    }

    fn asked(url: &str, answer: Result<EngineInfo, &str>, absent: bool) -> Asked {
        Asked { url: url.to_owned(), origin: "Docker", absent, answer: answer.map_err(str::to_owned) }
    }

    fn health() -> NativeHealth {
        NativeHealth {
            store: "/store".into(),
            ids: Ok("root".to_owned()),
            namespaces: Some(Ok(())),
            container: Some(Ok(())),
            info: Some(info("native")),
            limits_memory: true,
            limits_processes: true,
            filters_calls: true,
        }
    }

    fn found(asked: Vec<Asked>, health: NativeHealth) -> Found<'static> {
        let survey = Survey { asked, daemons: true, native: true };
        Found { choice: "auto", survey: Some(Ok(survey)), native: Some(Ok(health)) }
    }

    fn text(found: &Found<'_>) -> String {
        let checks = checks(found, pick(found).as_ref());
        let line = |check: Check| {
            let mend = check.mend.map(|mend| format!(" [{mend}]")).unwrap_or_default();
            format!("{} {}: {}{mend}\n", check.state.word(), check.name, check.found)
        };
        checks.into_iter().map(line).collect()
    }

    #[test]
    fn the_first_daemon_that_answers_is_taken() {
        let sockets = vec![
            asked("unix:///a", Err("no such file"), true),
            asked("unix:///b", Err("permission denied"), false),
            asked("unix:///c", Ok(info("podman")), false),
            asked("unix:///d", Ok(info("docker")), false),
        ];
        insta::assert_snapshot!(text(&found(sockets, health())), @"
        ok engine: podman 1.2 at unix:///c, chosen by `auto`
        note daemon: unix:///b (Docker): permission denied
        ok daemon: podman 1.2 (amd64) answers at unix:///c, Docker
        ok daemon: docker 1.2 (amd64) answers at unix:///d, Docker
        note daemon: none at /a
        ok native engine: containers can be made, as root: user namespaces and overlayfs work
        ok control groups: memory and processes of each container are limited
        ok system call filter: builds in farm's own engine run under it
        ");
    }

    #[test]
    fn without_a_daemon_farm_takes_its_own() {
        let sockets = || vec![asked("unix:///a", Err("no"), true), asked("unix:///b", Err("no"), true)];
        let limited = NativeHealth { limits_memory: false, limits_processes: false, filters_calls: false, ..health() };
        insta::assert_snapshot!(text(&found(sockets(), limited)), @"
        ok engine: native 1.2 at native:///store, chosen by `auto`
        note daemon: none at /a, /b
        ok native engine: containers can be made, as root: user namespaces and overlayfs work
        warning control groups: none: memory is limited for each process alone, processes for each user in a container [run farm as root, or, on a system with control groups of version 2, by `systemd-run --user --scope farm build`]
        note system call filter: none for this architecture: builds in farm's own engine run without one
        ");
        let named = Survey { asked: sockets(), daemons: true, native: false };
        let named = Found { choice: "docker", survey: Some(Ok(named)), native: Some(Ok(health())) };
        assert_eq!(pick(&named), None, "what is named is not replaced");
        assert!(text(&named).contains("[farm's own engine works here: --engine native"));
    }

    #[test]
    fn where_nothing_works_each_line_says_why() {
        let untried = NativeHealth { namespaces: None, container: None, info: None, ..health() };
        let broken = NativeHealth { ids: Err("ada has no subordinate ids".to_owned()), ..untried };
        insta::assert_snapshot!(text(&found(vec![asked("tcp://h:1", Err("refused"), false)], broken)), @"
        missing engine: `auto` finds none that works [start Docker or Podman, name one with --engine, or mend what farm's own lacks, see below]
        warning daemon: tcp://h:1 (Docker): refused
        missing native engine: ada has no subordinate ids
        ");
        let broken = NativeHealth { container: Some(Err("mount (overlayfs): no".to_owned())), ..health() };
        let screen = text(&found(Vec::new(), broken));
        assert!(screen.contains("missing native engine: as root: a container cannot be made"), "{screen}");
        assert!(screen.contains("FARM_DATA"), "{screen}");
        let late = Found { choice: "auto", survey: None, native: None };
        assert!(text(&late).contains("finds none within"));
    }
}
