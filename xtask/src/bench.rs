//! Benchmarks, as ratios against peers that do the same work in the same run: machines are shared and noisy, so no
//! absolute time means anything. What is measured stands in `benches/ratios`; here its peers are made ready.

use std::process::ExitCode;

use crate::command::{self, Failure, cargo};
use crate::{apt, docker};

/// What farm is compared with: Debian packages.
const PEERS: [&str; 5] = ["mmdebstrap", "docker.io", "apt-utils", "reprepro", "createrepo-c"];

/// `names`: which benchmarks; none means all.
pub(crate) fn run(names: &[String]) -> Result<ExitCode, Failure> {
    if apt::can_install() {
        apt::install(&PEERS)?;
    }
    let lease = docker::ensure()?;
    let mut bench = cargo();
    bench.args(["bench", "--package", "farm", "--bench", "ratios", "--"]).args(names).envs(lease.environment());
    let done = command::run(&mut bench);
    lease.release()?;
    done.map(|()| ExitCode::SUCCESS)
}
