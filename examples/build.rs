//! Builds one target of this repository's recipes with whatever engine there is, into a folder, with the events in a
//! file beside it:
//! `cargo run --example build -- hello@debian-12 dist`

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use farm::engine::{self, Network};
use farm::event::Event;
use farm::image::BaseChoice;
use farm::lock::Locked;
use farm::project::{Access, Limits, Member, Project, RunChoices, Selection};
use farm::report::{Json, Sink};
use farm::store::Store;

/// A sink of one's own: it says which step each job is in.
struct Steps;

impl Sink for Steps {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::StepStarted { target, step } => writeln!(io::stdout(), "{target}: {step}"),
            _ => Ok(()),
        }
    }
}

#[tokio::main]
async fn run(target: String, folder: &Path) -> Result<(), Box<dyn Error>> {
    let engine = engine::connect("auto").await?;
    let info = engine.ping().await?;
    let project = Project::load(Path::new(env!("CARGO_MANIFEST_DIR")), &[], &BTreeMap::new())?;
    let selection = Selection { targets: vec![target], ..Selection::default() };
    let access = Access::new(folder.join("cache"))?;
    let resolved = project.select(&selection, info.arch)?.resolve(&access, false).await?.complete()?;

    let choices = RunChoices {
        id: "example".to_owned(),
        fail_fast: true,
        force: false,
        keep_failed: false,
        go_on: None,
        build_cache: true,
        network: Network::Default,
        locked: Locked::default(),
        watch_reads: false,
        all_findings: false,
        every_line: false,
        verify: None,
    };
    let images = resolved.images(engine.clone(), BaseChoice::Auto, &choices.id, choices.network);
    let pool = vec![Member::new(engine, info, images)];
    let planned = resolved.plan(pool, Limits::default()).await?;
    let store = Store::open(&folder.join("dist"))?;
    let _lock = store.lock()?;
    let log = File::create(folder.join("events.json"))?;
    let sinks: Vec<Box<dyn Sink>> = vec![Box::new(Steps), Box::new(Json::new(log))];
    let mut run = planned.run(project, access, store, choices, sinks);
    for report in run.end().await?.jobs {
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
