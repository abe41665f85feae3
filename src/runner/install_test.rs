//! The last part of a job: its packages in a fresh container of the base, installed, tried by the recipe's test and
//! removed again.

use std::path::{Path, PathBuf};

use super::build::{Content, create, evidence, put, run_watched, small_files};
use super::executor::{Work, blocking};
use super::outcome::{self, Stop};
use super::prepare::{Ready, derive, installs, network_env, shipped};
use super::set::{Shipment, ShippedFile};
use crate::artifact::{self, Artifact, ArtifactKind, Wanted};
use crate::engine::{Container, ExecSpec, GuestPath};
use crate::event::Outcome;
use crate::family::{EXIT_NETWORK, StepKind, TestSetup};

/// Lines of output that a finding quotes.
const QUOTED_LINES: usize = 3;

pub(crate) async fn test(
    work: &mut Work<'_>,
    setup: &TestSetup,
    ready: &Ready,
    artifacts: &[Artifact],
    wanted: &[Wanted],
    folder: &Path,
    attempt: u32,
) -> Result<(), Stop> {
    work.enter(StepKind::Test).await?;
    let Some(base) = &ready.base else {
        return Err(Outcome::Infrastructure { reason: "no base image was prepared for the test".to_owned() }.into());
    };
    let image = match &setup.tester {
        Some(tester) => {
            let (distro, sources) = (work.job.distro.clone(), Some(&ready.sources));
            let install = installs(work, &distro, tester, true);
            derive(work, &distro, "tester", tester, base, install, sources, Vec::new(), work.cancel).await?
        }
        None => base.image.clone(),
    };
    let container = create(work, &image, "test", attempt, work.shared.network()).await?;
    let result = in_container(work, container.as_ref(), setup, artifacts, wanted, folder).await;
    work.shared.remove_later(container);
    result
}

async fn in_container(
    work: &mut Work<'_>,
    container: &dyn Container,
    setup: &TestSetup,
    artifacts: &[Artifact],
    wanted: &[Wanted],
    folder: &Path,
) -> Result<(), Stop> {
    let tried = || artifacts.iter().filter(|artifact| artifact.kind == ArtifactKind::Binary);
    let mut files: Vec<(String, Content)> = tried()
        .map(|artifact| {
            let place = folder.join(&artifact.file_name);
            (format!("{}/{}", setup.packages, artifact.file_name), Content::File(place))
        })
        .collect();
    let paths: Vec<PathBuf> = tried().map(|artifact| folder.join(&artifact.file_name)).collect();
    let shipment = shipment(work, paths).await?;
    if !shipment.is_empty() {
        work.note(&format!("packages of the set: {}", shipment.text())).await?;
    }
    files.extend(shipped(work, shipment).await?.into_iter().map(|(path, file)| match file {
        ShippedFile::Bytes(bytes) => (path, Content::Bytes(bytes, 0o644)),
        ShippedFile::Package(package) => (path, Content::File(package.path)),
    }));
    put(work, container, &GuestPath::new("/"), small_files(files, 0, 0)).await?;
    container.start().await.map_err(|error| outcome::engine(error, StepKind::Test))?;
    let phases = [("install", Some(&setup.install)), ("test", setup.test.as_ref()), ("remove", Some(&setup.remove))];
    for (phase, script) in phases {
        if let Some(script) = script {
            run_phase(work, container, setup, phase, script).await?;
        }
    }
    Ok(())
}

/// What of its set a job's packages are tried with.
async fn shipment(work: &Work<'_>, packages: Vec<PathBuf>) -> Result<Shipment, Stop> {
    if work.job.needs.is_empty() {
        return Ok(Shipment::default());
    }
    let heads = move || packages.iter().map(|path| artifact::head(path)).collect::<Result<Vec<_>, _>>();
    let heads = blocking(heads).await?.map_err(|error| Outcome::Infrastructure { reason: outcome::chain(&error) })?;
    Ok(work.supply.for_test(&heads))
}

async fn run_phase(
    work: &mut Work<'_>,
    container: &dyn Container,
    setup: &TestSetup,
    phase: &'static str,
    script: &str,
) -> Result<(), Stop> {
    work.note(&format!("{phase} …")).await?;
    let mut env = network_env(work, &work.job.distro);
    env.extend(setup.env.clone());
    let spec = ExecSpec {
        argv: super::build::in_order(script),
        user: "0:0".to_owned(),
        env: env.into_iter().collect(),
        workdir: GuestPath::new("/"),
    };
    let code = run_watched(work, container, &spec, None).await?;
    if code == 0 {
        return Ok(());
    }
    // Only farm's own install script speaks in these codes.
    if phase == "install" && code == EXIT_NETWORK {
        return Err(Stop::Transient("test: the package mirror or the network failed".to_owned()));
    }
    match evidence(work, container, code).await {
        Stop::Final(Outcome::Failed { .. }) => {}
        stop => return Err(stop),
    }
    let quoted: Vec<String> = work
        .journal
        .tail()
        .map(|tail| tail.lines)
        .unwrap_or_default()
        .into_iter()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let quoted = quoted[quoted.len().saturating_sub(QUOTED_LINES)..].join(" / ");
    let message = match phase {
        "install" => format!("cannot be installed (exit code {code}): {quoted}"),
        "remove" => format!("cannot be removed cleanly (exit code {code}): {quoted}"),
        _ => format!("[test] failed with exit code {code}: {quoted}"),
    };
    let findings = vec![outcome::finding("", &format!("{phase}-failed"), message)];
    Err(Outcome::Rejected { step: StepKind::Test, findings }.into())
}
