//! The oldest and the newest distribution: one past its end of life, one whose index may be past its date.

use std::process::Command;

use crate::support::{Ran, Test, cache, native_engine, repository};

#[test]
fn past_its_end_of_life_and_rolling_distributions_build_with_a_warning() {
    let test = Test::on("edges", &native_engine());
    let had_base = test.without_output().run(&["images", "list"]).exits(0).stdout.contains("debian-sid");
    let run = test.run_in(&repository().join("tests/recipes/edges"), &["build", "--matrix"]).exits(0);
    let run = run.says("Debian 11 (bullseye) is past its end of life").says("2 succeeded");
    for (distro, tag) in [("debian-11", "~deb11"), ("debian-sid", "")] {
        let folder = test.dist().join(format!("edges/{distro}-amd64"));
        for package in ["edges", "edges-dbgsym"] {
            let file = folder.join(format!("{package}_1.0-1{tag}_amd64.deb"));
            assert!(file.is_file(), "{} is missing", file.display());
        }
    }
    // A mirror of sid may lag: then its index is used all the same, and the run says so. When it does not, or the base
    // was there before, there is nothing to say.
    if is_expired() && !had_base {
        run.says("edges@debian-sid/amd64: warning: the index of sid is ").says(" past its Valid-Until");
    }
}

/// Whether sid's index, as farm fetched it, is past its date; by date(1), not by farm's code.
fn is_expired() -> bool {
    let release = std::fs::read_to_string(cache().join("farm/archive/debian/sid/InRelease")).unwrap_or_default();
    let Some(until) = release.lines().find_map(|line| line.strip_prefix("Valid-Until: ")) else { return false };
    let seconds = |date: &str| -> i64 {
        Ran::of(Command::new("date").args(["--date", date, "+%s"])).exits(0).text().trim().parse().unwrap()
    };
    seconds(until) < seconds("now")
}
