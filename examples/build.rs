//! Builds one target of this repository's recipes with whatever engine there is, into a folder:
//! `cargo run --example build -- hello@debian-12 dist`

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use farm::engine::{self, Network};
use farm::event::Event;
use farm::image::BaseChoice;
use farm::project::{Access, Limits, Project, RunChoices, Selection};
use farm::store::Store;

#[tokio::main]
async fn run(target: String, folder: &Path) -> Result<(), Box<dyn Error>> {
    let engine = engine::connect("auto").await?;
    let info = engine.ping().await?;
    let project = Project::load(Path::new(env!("CARGO_MANIFEST_DIR")), &[])?;
    let selection = Selection { targets: vec![target], ..Selection::default() };
    let access = Access::new(folder.join("cache"))?;
    let resolved = project.select(&selection, info.arch)?.resolve(&access, false).await?.complete()?;

    let choices = RunChoices { id: "example".to_owned(), fail_fast: true, force: false, network: Network::Default };
    let images = resolved.images(engine.clone(), BaseChoice::Auto, &choices.id, choices.network);
    let planned = resolved.plan(Some((&images, &info)), Limits::default()).await?;
    let store = Store::open(&folder.join("dist"))?;
    let _lock = store.lock()?;
    let mut run = planned.run(project, access, (engine, info, images), store, choices);
    while let Some(event) = run.events.recv().await {
        if let Event::StepStarted { target, step, .. } = event {
            println!("{target}: {step}");
        }
    }
    for report in run.reports().await? {
        println!("{}: {}, {} files", report.target, report.outcome.word(), report.artifacts.len());
    }
    Ok(())
}

fn main() -> ExitCode {
    // farm's own engine starts each container from this same program.
    #[cfg(target_os = "linux")]
    if let Some(code) = engine::run_helper() {
        return code;
    }
    let mut words = std::env::args().skip(1);
    let Some((target, folder)) = words.next().zip(words.next()) else {
        eprintln!("name a target and a folder");
        return ExitCode::FAILURE;
    };
    match run(target, Path::new(&folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
