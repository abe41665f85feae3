//! Synthetic runs for the reporters' tests.

use std::path::PathBuf;
use std::time::Duration;

use crate::artifact::{Artifact, ArtifactKind, Finding, Severity};
use crate::compare::{ByteDifference, Cause};
use crate::event::{
    Event, Hint, HintPackage, JobReport, NearNames, Outcome, Quote, RecipePlace, RequiredBy, Room, RunReport, Tail,
};
use crate::hint::{self, Missing};
use crate::matrix::Target;
use crate::packaging::{Factor, StepKind};
use crate::types::{Arch, Format};

/// `jq@rpm-generic`; rpm when the distribution says so.
pub(crate) fn target(id: &str) -> Target {
    let (recipe, distro) = id.split_once('@').unwrap();
    let format = if distro.starts_with("rpm") || distro.starts_with("fedora") { Format::Rpm } else { Format::Deb };
    Target { recipe: recipe.into(), distro: distro.into(), arch: Arch::Amd64, format, variant: None, source: false }
}

pub(crate) fn artifact(file_name: &str, size_bytes: u64, kind: ArtifactKind) -> Artifact {
    Artifact { file_name: file_name.into(), size_bytes, sha256: "0".repeat(64), kind, package: None }
}

pub(crate) fn failed_in_build() -> Outcome {
    Outcome::Failed { step: StepKind::Build, exit_code: 2 }
}

/// One of each, in the order of the definition.
pub(crate) fn every_outcome() -> Vec<Outcome> {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let finding = |severity, rule: &str, message: &str| Finding {
        severity,
        artifact: "jq_1.7-1~deb12_amd64.deb".into(),
        rule: rule.into(),
        message: message.into(),
        waived: None,
    };
    let near = |requirement: &str, packages: &[(&str, &str)]| NearNames {
        requirement: requirement.into(),
        packages: packages
            .iter()
            .map(|(name, version)| HintPackage { name: (*name).into(), version: (*version).into() })
            .collect(),
    };
    vec![
        Outcome::Succeeded,
        Outcome::UpToDate,
        failed_in_build(),
        Outcome::DepWait {
            by: RequiredBy::Build,
            requirements: vec!["libonig-dev (>= 7)".into(), "valgrnid".into()],
            place: Some(RecipePlace {
                quote: Some(Quote {
                    text: "requires = [\"libonig-dev (>= 7)\", \"valgrnid\"]".into(),
                    column: 13,
                    width: 20,
                }),
                ..RecipePlace::new("recipes/jq/farm.toml", 21)
            }),
            near: vec![
                near("libonig-dev (>= 7)", &[("libonig-dev", "6.9.8-1")]),
                near("valgrnid", &[("valgrind", "1:3.19.0-1")]),
            ],
        },
        Outcome::TimedOut { step: StepKind::Check, limit: minutes(30) },
        Outcome::Stalled { step: StepKind::Check, limit: minutes(10) },
        Outcome::LogLimit { step: StepKind::Build, limit_bytes: 100_000_000 },
        Outcome::OutOfMemory { step: StepKind::Build, limit_bytes: Some(2_000_000_000) },
        Outcome::DiskFull { step: StepKind::Unpack, place: "the engine's disk".into() },
        Outcome::Rejected {
            step: StepKind::Inspect,
            findings: vec![
                finding(Severity::Error, "owns-shared-directory", "owns /usr, which is not its own"),
                finding(Severity::Warning, "empty-directory", "/var/lib/jq is empty"),
            ],
        },
        Outcome::Skipped { because: "a job before it failed".into() },
        Outcome::Cancelled,
        Outcome::DockerfileFailed {
            dockerfile: "packaging/Dockerfile".into(),
            reason: "line 4: RUN make install ended with exit code 2".into(),
        },
        Outcome::Reproduced { varied: Factor::ALL.to_vec(), stated: None },
        Outcome::NotReproduced {
            varied: vec![Factor::Path, Factor::Timezone],
            differences: vec![ByteDifference {
                file_name: "jq_1.7-1_amd64.deb".into(),
                place: "/usr/share/doc/jq/built, line 1".into(),
                before: Some("built on Sat Nov 28 12:30:00 UTC 2026".into()),
                after: Some("built on Sun Nov 29 02:31:05 +14 2026".into()),
                cause: Some(Cause::Time),
            }],
            stated: None,
        },
        Outcome::NotAsLocked {
            by_build: false,
            by_file: None,
            differences: vec!["gcc-12 is 12.2.0-15 and not 12.2.0-14".into(), "make 4.3 is not installed".into()],
        },
        Outcome::SourceUnavailable {
            reason: "https://example.org/jq-1.7.tar.gz not found".into(),
            of_recipe: false,
            place: Some(RecipePlace::new("recipes/jq/farm.toml", 11)),
            help: Some("look where it is now, or name further places in `urls`".into()),
        },
        Outcome::Infrastructure { reason: "connection to the container engine was lost\nbroken pipe".into() },
    ]
}

pub(crate) fn report(id: &str, outcome: Outcome) -> JobReport {
    let target = target(id);
    let folder = PathBuf::from("dist").join(target.folder());
    let version = "1.7-1";
    let artifacts = match &outcome {
        Outcome::Succeeded => vec![
            artifact(&format!("{}_{version}_amd64.deb", target.recipe), 52_300, ArtifactKind::Binary),
            artifact(&format!("{}-dbgsym_{version}_amd64.deb", target.recipe), 101_000, ArtifactKind::Debug),
            artifact(&format!("{}_{version}_amd64.changes", target.recipe), 1_800, ArtifactKind::Metadata),
        ],
        Outcome::UpToDate => ["libjq1", "libjq-dev", "jq"]
            .map(|name| artifact(&format!("{name}_{version}_amd64.deb"), 30_000, ArtifactKind::Binary))
            .to_vec(),
        _ => Vec::new(),
    };
    let tail = matches!(outcome, Outcome::Failed { .. }).then(|| Tail {
        first_line: 812,
        lines: vec![
            "cc -O2 -c -o src/main.o src/main.c".into(),
            "src/jv_unicode.c:12:10: fatal error: oniguruma.h: No such file or directory".into(),
            "compilation terminated.".into(),
            "make: *** [Makefile:980: src/jv_unicode.o] Error 1".into(),
        ],
    });
    let hints = matches!(outcome, Outcome::Failed { .. }).then(|| Hint {
        missing: Missing {
            kind: hint::MissingKind::Header,
            name: "oniguruma.h".into(),
            line: 813,
            text: "src/jv_unicode.c:12:10: fatal error: oniguruma.h: No such file or directory".into(),
        },
        requirement: "pkgconfig(oniguruma)".into(),
        to: "[build] requires".into(),
        in_dockerfile: false,
        place: Some(RecipePlace::new("recipes/jq/farm.toml", 24)),
        packages: Some(vec![HintPackage { name: "libonig-dev".into(), version: "6.9.8-1".into() }]),
    });
    let ran = !matches!(outcome, Outcome::UpToDate | Outcome::Skipped { .. } | Outcome::DepWait { .. });
    JobReport {
        kept: None,
        log: ran.then(|| folder.join("build.log")),
        target,
        elapsed: if ran { Duration::from_millis(31_040) } else { Duration::ZERO },
        steps: if ran { vec![(StepKind::Build, Duration::from_secs(20))] } else { Vec::new() },
        artifacts,
        warnings: Vec::new(),
        known_findings: 0,
        folder,
        tail,
        hints: hints.into_iter().collect(),
        told: Vec::new(),
        caches: Vec::new(),
        changes: Vec::new(),
        memory_peak_bytes: None,
        failed_command: None,
        unused: None,
        outcome,
    }
}

pub(crate) fn finished(id: &str, outcome: Outcome) -> Event {
    Event::JobFinished(Box::new(report(id, outcome)))
}

/// A run in which each outcome happens once.
pub(crate) fn run_with_every_outcome() -> Vec<Event> {
    let outcomes = every_outcome();
    let id = |index: usize| format!("jq{index}@debian-12");
    let mut events = vec![Event::RunStarted {
        run: "20261122-235716-4f2a".into(),
        engine: "docker 20.10.24".into(),
        slots: 2,
        targets: (0..outcomes.len()).map(|index| target(&id(index))).collect(),
        expected: vec![None; outcomes.len()],
    }];
    events.push(Event::Warning {
        target: Some(target(&id(0))),
        message: "Debian 12 has no support since 2028-06-30".into(),
    });
    for (index, outcome) in outcomes.into_iter().enumerate() {
        let target = target(&id(index));
        if !matches!(outcome, Outcome::UpToDate | Outcome::Skipped { .. }) {
            events.push(Event::JobStarted { target: target.clone() });
            events.push(Event::StepStarted { target: target.clone(), step: StepKind::Build });
            events.push(Event::Output { target: target.clone(), line: "CC src/main.o".into(), room: Room::default() });
        }
        events.push(finished(&id(index), outcome));
    }
    events.push(Event::RunFinished(RunReport {
        run: "20261122-235716-4f2a".into(),
        elapsed: Duration::from_secs(192),
        busy: 0.97,
        interrupted: false,
    }));
    events
}
