//! Plans this repository's recipes for all distributions of their matrices: `cargo run --example plan`.

#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use farm::project::{Access, Limits, Project, Selection};
use farm::types::Arch;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let project = Project::load(Path::new(env!("CARGO_MANIFEST_DIR")), &[], &BTreeMap::new())?;
    let all = Selection { matrix: Some("default".to_owned()), ..Selection::default() };
    let selected = project.select(&all, Arch::Amd64)?;

    let access = Access::new(std::env::temp_dir().join("farm-example-plan"))?;
    let resolved = selected.resolve(&access, false).await?;
    let planned = resolved.plan(Vec::new(), Limits::default()).await?;
    for job in &planned.plan.jobs {
        println!("{}: {} packages", job.target, job.packaging.expected.len());
    }
    Ok(())
}
