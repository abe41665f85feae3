//! What goes wrong, from end to end: the real binary on a real engine. Each failure has its exit code, its own words on
//! the screen and a hint; none leaves a container behind, and none touches the packages of the last good build.
//!
//! Each test builds a small package that is good, then breaks the recipe (or farm itself) and builds again. All share
//! one base and one builder.

mod installed;
mod job;
mod killed;

use job::Job;

#[test]
fn a_script_that_fails_is_shown_with_its_last_words() {
    let Some(job) = Job::good("fails") else { return };
    job.recipe("[build]\nbuild = \"echo compiling; echo 'error: no such thing' >&2; exit 3\"\ninstall = \"true\"\n");
    job.build(&[]).exits(10).says("failed in build").says("error: no such thing").says("exit code").says("build.log");
    job.kept();
    // The log of the failure is there, errors where they happened, beside the good packages.
    assert!(job.log().contains("compiling\nerror: no such thing\nmake"), "{}", job.log());
    // One that says nothing is named itself, and so is where it was wrong to write.
    job.recipe("[build]\nbuild = \"\"\"\ntrue\necho two; false\n\"\"\"\ninstall = \"true\"\n");
    job.build(&[]).exits(10).says("`echo two; false` of the `build` script ended with exit code 1:");
    job.recipe("[build]\ninstall = \"install -D /etc/passwd /usr/share/good/file\"\n");
    job.build(&[]).exits(10).says("failed in install").says("/usr/share/good").says("[outside-destdir]");
    job.kept();
    // The mistake mended, the same command goes on.
    job.mend();
    job.build(&["--force"]).exits(0).says("1 succeeded");
}

#[test]
fn a_missing_requirement_is_named_before_anything_runs() {
    let Some(job) = Job::good("missing") else { return };
    job.recipe("[build]\nrequires = [\"libno-such-thing-dev\"]\ninstall = \"true\"\n");
    let run = job.build(&[]).exits(10).says("waits for requirements").says("1 dep-wait");
    run.says("  libno-such-thing-dev\n").says("help: name what debian-12 has instead");
    job.kept();
    // The container that was to become the builder image is the run's, not the target's.
    let run = job.build(&["--progress", "json"]).exits(10).says("libno-such-thing-dev");
    let text = run.text();
    let name = text.split_once("\"run\":\"").and_then(|(_, rest)| rest.split('"').next()).unwrap();
    assert_eq!(job::containers("io.farm.run", name), Vec::<String>::new());
}

#[test]
fn a_script_that_hangs_is_ended_at_the_stall_limit() {
    let Some(job) = Job::good("hangs") else { return };
    job.recipe("[build]\nbuild = \"trap '' TERM INT HUP; echo begun; while :; do sleep 1; done\"\ninstall = \"true\"\n\n[limits]\nstall = \"10 s\"\n");
    job.build(&[]).exits(10).says("stalled in build").says("printed nothing for 10 seconds").says("raise `stall`");
    job.kept();
    assert!(job.log().contains("begun\n"), "{}", job.log());
}

#[test]
fn a_step_over_its_deadline_is_ended() {
    let Some(job) = Job::good("late") else { return };
    job.recipe("[build]\nbuild = \"while :; do echo tick; sleep 0.2; done\"\ninstall = \"true\"\n\n[limits]\ntimeout = \"12 s\"\n");
    job.build(&[]).exits(10).says("timed out in build").says("its limit of 12 seconds").says("raise `timeout`");
    job.kept();
}

#[test]
fn memory_over_the_limit_is_told_from_a_fault_of_the_build() {
    let Some(job) = Job::good("memory") else { return };
    let grow = "x=xxxxxxxxxxxxxxxx; while :; do x=$x$x; done";
    // In a process of which nobody reads the exit code, and in files that stay when who wrote them has ended.
    let hidden = format!("({grow}) | cat");
    for script in [grow, &hidden, "dd if=/dev/zero of=/dev/shm/big bs=1M"] {
        job.recipe(&format!("[build]\nbuild = \"{script}\"\ninstall = \"true\"\n\n[limits]\nmemory = \"64 MiB\"\n"));
        // Where the exit code is lost, it is found once the packages are made of what there is.
        let step = if script == hidden { "package" } else { "build" };
        let run = job.build(&[]).exits(10).says(&format!("ran out of memory in {step}"));
        run.says("needs more than").says("raise `memory`");
        job.kept();
    }
}

/// What looks like the machine's fault: a signal, and ENOSPC from a test that writes to a device that is always full.
#[test]
fn what_a_build_does_to_itself_is_its_own_fault() {
    let Some(job) = Job::good("itself") else { return };
    for (script, logged) in [("kill -9 $$", "Killed"), ("echo x | dd of=/dev/full", "No space left on device")] {
        job.recipe(&format!("[build]\nbuild = \"{script}\"\ninstall = \"true\"\n"));
        job.build(&[]).exits(10).says("failed in build").says("1 failed");
        assert!(job.log().contains(logged), "{}", job.log());
        assert!(job.log().ends_with("Status: failed\n"), "{}", job.log());
        job.kept();
    }
}

#[test]
fn a_full_disk_is_told_with_its_place() {
    let Some(job) = Job::good("disk") else { return };
    job.recipe("[build]\nbuild = \"dd if=/dev/zero of=/dev/shm/big bs=1M\"\ninstall = \"true\"\n");
    job.build(&[]).exits(10).says("found the disk full in build").says("/dev/shm").says("farm images prune");
    job.kept();
}

#[test]
fn a_flood_of_output_is_ended_at_the_log_limit() {
    let Some(job) = Job::good("flood") else { return };
    job.recipe("[build]\nbuild = \"exec yes\"\ninstall = \"true\"\n\n[limits]\nlog = \"4 MiB\"\n");
    job.build(&[]).exits(10).says("printed too much in build").says("raise `log`");
    job.kept();
}

#[test]
fn a_test_that_fails_refuses_the_package() {
    let Some(job) = Job::good("test") else { return };
    job.recipe("[build]\ninstall = \"install -d $DESTDIR/usr/share/other\"\n\n[test]\nscript = \"echo trying; test -e /usr/share/nowhere\"\n");
    job.build(&[]).exits(11).says("rejected by its test").says("1 rejected");
    job.kept();
    assert!(job.log().contains("trying\n"), "{}", job.log());
}

/// With a .spec of the project's own: what farm generates cannot own what is not the package's.
#[test]
fn a_package_that_owns_usr_is_refused() {
    let Some(job) = Job::good("owner") else { return };
    let spec = "Name: fail-owner\nVersion: 1.0\nRelease: 1\nSummary: Owns what is not its own\nLicense: MIT\n\
                BuildArch: noarch\n%description\nRemoving it would remove /usr.\n%install\n\
                install -d %{buildroot}/usr/share/fail-owner\n%files\n%dir /usr\n/usr/share/fail-owner\n";
    std::fs::write(job.project.join("owner.spec"), spec).unwrap();
    job.recipe_for("rpm-generic", "[[sources]]\npath = \"owner.spec\"\n\n[packaging]\nspec = \"owner.spec\"\n");
    let run =
        job.build(&[]).exits(11).says("rejected by the package check").says("owns /usr, which belongs to the system");
    run.says("[owns-shared-directory]").says("broken/");
    job.kept();
    let broken = job.test.dist().join("fail-owner/rpm-generic-x86_64/broken");
    assert!(broken.join("fail-owner-1.0-1.noarch.rpm").is_file(), "{} has no package", broken.display());
}

#[test]
fn a_mirror_that_does_not_answer_is_not_the_packages_fault() {
    let Some(job) = Job::good("mirror") else { return };
    // A builder that was never made, so that packages are needed.
    job.recipe("[build]\nrequires = [\"bison\"]\ninstall = \"true\"\n");
    let nowhere = ["--mirror", "debian=http://127.0.0.1:9/debian", "--mirror", "debian-security=http://127.0.0.1:9/s"];
    let run = job.build(&nowhere).exits(10).says("could not be built").says("1 infrastructure");
    run.says("not the package's fault").says("mirror");
    job.kept();
}

#[test]
fn a_source_that_cannot_be_had_is_named() {
    let Some(job) = Job::good("source") else { return };
    let sha256 = "0".repeat(64);
    let url = "http://127.0.0.1:9/greeter-1.0.tar.gz";
    job.recipe(&format!("[[sources]]\nurl = \"{url}\"\nsha256 = \"{sha256}\"\n\n[build]\ninstall = \"true\"\n"));
    job.build(&[])
        .exits(10)
        .says("has no sources")
        .says(url)
        .says("Connection refused")
        .says("farm.toml:")
        .says("help: try again");
    job.kept();
}

#[test]
fn an_engine_that_does_not_answer_is_named_and_changes_nothing() {
    let Some(job) = Job::good("engine") else { return };
    let run = job.build(&["--engine", "unix:///nonexistent/engine.sock"]).exits(5);
    run.says("/nonexistent/engine.sock").says("help: ");
    job.kept();
}

#[test]
fn a_wrong_recipe_is_shown_where_it_is_wrong_and_nothing_runs() {
    let Some(job) = Job::good("recipe") else { return };
    job.recipe("[build]\ninstal = \"true\"\n");
    let run = job.build(&[]).exits(3).says("farm.toml:").says("instal").says("did you mean `install`");
    assert!(!run.text().contains("started"), "{}", run.text());
    job.kept();
}
