//! What test suites need of a container, and what they find out about it, is the same on every engine: a suite that
//! passes with one and fails with another says nothing about the package.

use farm::engine::{ExecSpec, Network};
use nix::sys::signal::{SigHandler, Signal};

use crate::bench::{Bench, Kind, argv, exec};
use crate::escape::{compiled, install};

const USERS: [&str; 2] = ["0:0", "1000:1000"];

/// What `alike/facts.c` says on every engine, for root and for who builds.
const FACTS: &str = "\
terminal yes
terminal-is-one yes
terminal-owner self 5 620
terminal-speaks yes
shm-mib 1024
shm-has-room yes
semaphore yes
host farm
name localhost resolves
name farm resolves
stdin-at-its-end yes
limit-core 0 0
limit-files 1024 16384
limit-processes 32768 32768
limit-stack 8388608 -1
limit-memory -1 -1
limit-data -1 -1
limit-file-size -1 -1
limit-cpu -1 -1
limit-locked 8388608 8388608
umask 22
signals 0 ignored, 0 blocked
/dev/null 666
/dev/zero 666
/dev/full 666
/dev/urandom 666
/dev/ptmx 666
/dev/shm 1777
fd yes
";

/// What the program says of each address that a name has, whatever addresses this machine's network stack knows.
const SERVES: [&str; 3] = ["serve-ipv4 yes", "serve-ipv6 yes", "connect yes"];

pub(crate) async fn what_a_test_suite_finds(bench: Bench) {
    let Some(program) = compiled(include_str!("alike/facts.c"), &[]).await else { return };
    // As under nohup(1), and in the background of a script: none of it is the container's.
    for signal in [Signal::SIGHUP, Signal::SIGUSR2] {
        // SAFETY: no handler runs.
        unsafe { nix::sys::signal::signal(signal, SigHandler::SigIgn) }.unwrap();
    }
    for network in [Network::None, Network::Default] {
        let mut spec = bench.spec();
        spec.network = network;
        let container = bench.start(&spec).await;
        install(&*container, vec![("tmp/facts", program.clone())]).await;
        for user in USERS {
            let (status, kept) = exec(&*container, &ExecSpec { user: user.to_owned(), ..argv(&["/tmp/facts"]) }).await;
            let said = String::from_utf8(kept.stdout).unwrap();
            assert!(status.success(), "{said}");
            let (serves, facts): (Vec<&str>, Vec<&str>) =
                said.lines().partition(|line| line.starts_with("serve-") || line.starts_with("connect "));
            // A cluster older than 1.22 gives half of a node's memory instead.
            let more = |line: &str| line.strip_prefix("shm-mib ")?.parse::<u64>().ok().filter(|mib| *mib > 1024);
            let is_more = |line: &str| bench.kind == Kind::Kubernetes && more(line).is_some();
            let facts: Vec<&str> =
                facts.into_iter().map(|line| if is_more(line) { "shm-mib 1024" } else { line }).collect();
            assert_eq!(facts.join("\n") + "\n", FACTS, "as {user}, {network:?}");
            assert!(serves.len() >= 4 && serves.iter().all(|line| SERVES.contains(line)), "as {user}: {said}");
        }
        container.remove().await.unwrap();
    }
}
