//! `cargo xtask cluster`: a Kubernetes cluster of one node on this machine, for what talks to clusters. From Debian's own
//! packages, and Kubernetes built by farm from Debian's source. Everything that it keeps is in `target/cluster`.

mod network;
mod node;
mod pki;
mod programs;
mod settings;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::command::{self, Failure};

/// The one that kubeconfigs name, made by `start`.
const NAMESPACE: &str = "farm";

fn home() -> PathBuf {
    command::target().join("cluster")
}

pub(crate) fn run(arguments: &[String], help: &str) -> Result<ExitCode, Failure> {
    match arguments.first().map_or("status", String::as_str) {
        "status" => {
            let Some(cluster) = node::running() else {
                eprintln!("no cluster is running; `cargo xtask cluster start` starts one");
                return Ok(ExitCode::from(5));
            };
            cluster.show();
        }
        "start" => {
            match node::running() {
                Some(cluster) => {
                    eprintln!("xtask: the cluster is running already");
                    cluster.show();
                }
                None => node::start()?.show(),
            }
            eprintln!("xtask: `cargo xtask cluster stop` stops it");
        }
        "stop" => node::stop()?,
        "clean" => {
            node::stop()?;
            match fs::remove_dir_all(home()) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Failure::io("remove", &home(), &error));
                }
                _ => {}
            }
        }
        other => return Err(Failure::new(format!("unknown `cluster {other}`\n\n{help}"))),
    }
    Ok(ExitCode::SUCCESS)
}
