//! Checks a package that somebody else has built, as a build checks its own:
//! `cargo run --example check -- hello_2.10-3_amd64.deb`

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::path::PathBuf;

use farm::artifact::{self, Expectation, Expected};
use farm::types::{Arch, Format};

fn main() -> Result<(), Box<dyn Error>> {
    let file: PathBuf = std::env::args_os().nth(1).ok_or("name a .deb or .rpm")?.into();
    let head = artifact::head(&file)?;
    let format = if file.extension().is_some_and(|end| end == "rpm") { Format::Rpm } else { Format::Deb };
    let package = Expected { name: head.name, version: head.version, arch_independent: false, is_empty: false };
    let expectation = Expectation {
        format,
        arch: Arch::host().unwrap_or(Arch::Amd64),
        packages: vec![package],
        closed: true,
        source: false,
        upstream_version: None,
        manifest: None,
        waivers: Vec::new(),
    };
    let inspection = artifact::inspect(&[file], &expectation)?;
    for finding in &inspection.findings {
        println!("{:?}: {}: {}", finding.severity, finding.rule, finding.message);
    }
    println!("{} findings", inspection.findings.len());
    Ok(())
}
