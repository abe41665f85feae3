//! Debian packages that the engine and the tests need, installed when this is a Debian machine and we are root.

use std::process::Command;

use crate::command::{self, Failure};

/// Whether packages can be installed here.
pub(crate) fn can_install() -> bool {
    cfg!(target_os = "linux") && command::is_installed("apt-get") && is_root()
}

pub(crate) fn is_root() -> bool {
    command::output(Command::new("id").arg("-u")).is_ok_and(|uid| uid == "0")
}

/// Installs those of `packages` that are not there yet.
pub(crate) fn install(packages: &[&str]) -> Result<(), Failure> {
    let missing: Vec<&str> = packages.iter().copied().filter(|package| !is_installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !can_install() {
        let list = missing.join(" ");
        return Err(Failure::new(format!("missing on this machine: {list}; on Debian: apt-get install {list}")));
    }
    println!("xtask: installing {}", missing.join(" "));
    command::run(apt_get().args(["-q", "update"]))?;
    command::run(apt_get().args(["-q", "install", "--yes", "--no-install-recommends"]).args(missing))
}

fn apt_get() -> Command {
    let mut apt_get = Command::new("apt-get");
    // What is for the tests alone is started by them: in runlevel 1 no service is started because it was installed.
    apt_get.envs([("DEBIAN_FRONTEND", "noninteractive"), ("RUNLEVEL", "1")]).stdin(std::process::Stdio::null());
    apt_get
}

fn is_installed(package: &str) -> bool {
    command::output(Command::new("dpkg-query").args(["--show", "--showformat=${db:Status-Status}", package]))
        .is_ok_and(|status| status == "installed")
}
