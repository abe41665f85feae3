//! The programs of Kubernetes, built by farm with the recipe in `xtask/cluster`: once, and kept for as long as the recipe
//! is the same.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{self, Failure};
use crate::service;

/// Where the programs are; builds them if they are not there.
pub(super) fn ensure() -> Result<PathBuf, Failure> {
    let folder = folder()?;
    if !folder.exists() {
        build(&folder)?;
    }
    Ok(folder.join("usr/bin"))
}

/// As [`ensure`], of programs that have been built.
pub(super) fn built() -> Option<PathBuf> {
    folder().ok().map(|folder| folder.join("usr/bin")).filter(|folder| folder.exists())
}

fn recipe() -> PathBuf {
    command::root().join("xtask/cluster")
}

/// Called by what the recipe says.
fn folder() -> Result<PathBuf, Failure> {
    let mut text = Vec::new();
    for file in ["farm.toml", "build.sh", "install.sh"] {
        let path = recipe().join(file);
        text.extend(fs::read(&path).map_err(|error| Failure::io("read", &path, &error))?);
    }
    Ok(super::home().join(format!("programs-{}", service::hash(&text))))
}

fn build(folder: &Path) -> Result<(), Failure> {
    println!("xtask: building Kubernetes with farm, once: some minutes of all processors");
    command::run(command::cargo().args(["build", "--package", "farm"]))?;
    let dist = super::home().join("dist");
    let architecture = command::output(Command::new("dpkg").arg("--print-architecture"))?;
    let mut farm = Command::new(command::target().join("debug/farm"));
    farm.arg("build").arg(recipe()).args(["--engine", "native", "--no-lint", "--output"]).arg(&dist);
    command::run(farm.args(["--target", &format!("*/{architecture}")]))?;
    let package = package(&dist.join("kubernetes-node").join(format!("debian-11-{architecture}")))?;
    // Beside its place until it is whole: an interrupted start leaves nothing that looks built.
    let unpacked = folder.with_extension("new");
    command::run(Command::new("dpkg-deb").arg("--extract").arg(package).arg(&unpacked))?;
    fs::rename(&unpacked, folder).map_err(|error| Failure::io("make", folder, &error))
}

/// The one .deb in `folder` that has the programs, not their symbols.
fn package(folder: &Path) -> Result<PathBuf, Failure> {
    let files = fs::read_dir(folder).map_err(|error| Failure::io("read", folder, &error))?;
    files
        .filter_map(|file| file.ok().map(|file| file.path()))
        .find(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("kubernetes-node_") && name.ends_with(".deb")
        })
        .ok_or_else(|| Failure::new(format!("farm left no package of kubernetes-node in {}", folder.display())))
}
