//! What is found only where a package is installed: what it needs and does not say, and what it takes from others.

use super::job::Job;

/// A recipe whose one command begins with `first_line`; `requires` of the package and of its test.
fn command(first_line: &str, requires: &str, test_requires: &str) -> String {
    format!(
        "requires = [{requires}]\n\n[build]\ninstall = '''\ninstall -d $DESTDIR/usr/bin\n\
         printf '%s\\n' '{first_line}' 'echo hello' >$DESTDIR/usr/bin/fail-starts\nchmod 755 $DESTDIR/usr/bin/fail-starts\n'''\n\n\
         [test]\nrequires = [{test_requires}]\nscript = \"fail-starts\"\n"
    )
}

/// `[test] requires` makes it run in the test, and nowhere else.
#[test]
fn a_command_has_to_come_with_what_runs_it() {
    let Some(job) = Job::good("starts") else { return };
    for line in ["#!/usr/bin/env mksh", "#!/usr/bin/mksh", "#!/bin/mksh -e"] {
        job.recipe(&command(line, "\"libc6\"", "\"mksh\""));
        let run = job.build(&[]).exits(11).says("rejected by its test").says("/usr/bin/fail-starts");
        run.says("mksh").says("add mksh to its requires");
        job.kept();
    }
    job.recipe(&command("#!/usr/bin/env nosuch", "\"libc6\"", "\"mksh\""));
    job.build(&[]).exits(11).says("is run by nosuch, which nothing that is installed has");
    // Nothing at all is seen before it is installed anywhere.
    job.recipe(&command("#!/usr/bin/env mksh", "", "\"mksh\""));
    job.build(&[]).exits(11).says("rejected by the package check").says("[interpreter-not-found]");
    job.recipe(&command("#!/usr/bin/env mksh", "\"mksh\"", ""));
    job.build(&["--force"]).exits(0).says("1 succeeded");
}

/// dpkg sees that two packages have `/bin/ls`, not that `/usr/bin/ls` is the same file.
#[test]
fn files_of_other_packages_are_not_taken() {
    let Some(job) = Job::good("takes") else { return };
    for (path, said) in [
        ("/usr/bin/ls", "/usr/bin/ls is the same file as /bin/ls of package coreutils"),
        ("/usr/bin/sed", "/usr/bin/sed is the same file as /bin/sed of package sed"),
        ("/usr/bin/env", "trying to overwrite '/usr/bin/env', which is also in package coreutils"),
    ] {
        job.recipe(&format!(
            "[build]\ninstall = '''\ninstall -d $DESTDIR/usr/bin\nprintf '#!/bin/sh\\n' >$DESTDIR{path}\nchmod 755 $DESTDIR{path}\n'''\n"
        ));
        // The screen breaks lines where it must.
        let run = job.build(&[]).exits(11).says("rejected by its test");
        let text = run.text().split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(said), "{path}: {}", run.text());
        job.kept();
    }
}

/// Before anything is built: the archive's index is at hand.
#[test]
fn dependencies_that_nothing_meets_are_named() {
    let Some(job) = Job::good("unmet") else { return };
    let install = "[build]\ninstall = \"install -d $DESTDIR/usr/share/x; echo >$DESTDIR/usr/share/x/y\"\n";
    let caret = "            ^^^^^^^^^^^^^^";
    for (requires, said) in [
        (
            "[\"libssl-devel\"]",
            &["libssl-devel: did you mean libssl-dev?", "farm.toml:11", "requires = [\"libssl-devel\"]", caret][..],
        ),
        ("[\"libc6\", \"libc6 (>= 99)\"]", &["libc6 (>= 99): it has version 2."]),
        ("[\"no-such-a | no-such-b\"]", &["no-such-a | no-such-b"]),
    ] {
        job.recipe(&format!("requires = {requires}\n\n{install}"));
        let run = job.build(&[]).exits(11).says("1 dep-wait").says("what the packages require to be installed");
        said.iter().fold(run, |run, said| run.says(said));
        assert!(!job.log().contains("Unpacking"), "{}", job.log());
        job.kept();
    }
    job.recipe(&format!("{install}\n[test]\nrequires = [\"mkhs\"]\nscript = \"true\"\n"));
    job.build(&[]).exits(11).says("what the test requires").says("mkhs: did you mean mksh?").says("[test] requires");
    job.kept();
    // What the package has itself, and where nothing is installed nothing has to be there.
    job.recipe(&format!("provides = [\"no-such-b\"]\nrequires = [\"no-such-b\"]\n\n{install}"));
    job.build(&["--force"]).exits(0).says("1 succeeded");
    job.recipe(&format!("requires = [\"libno-such1\"]\n\n{install}"));
    job.build(&["--no-test"]).exits(0).says("1 succeeded");
}

#[test]
fn a_package_without_files_is_one_only_when_the_recipe_says_so() {
    let Some(job) = Job::good("empty") else { return };
    for install in ["true", "mkdir -p $DESTDIR/usr/share/doc/fail-empty", "mkdir -p elsewhere/usr/bin"] {
        job.recipe(&format!("[build]\ninstall = \"{install}\"\n"));
        job.build(&[]).exits(11).says("rejected by the package check").says("[empty-package]").says("files = []");
        job.kept();
    }
    job.recipe("files = []\nrequires = [\"coreutils\"]\n\n[build]\ninstall = \"install -d $DESTDIR/opt/x; echo >$DESTDIR/opt/x/y\"\n");
    job.build(&[]).exits(11).says("[not-an-empty-package]");
    job.recipe("files = []\nrequires = [\"coreutils\"]\n\n[build]\ninstall = \"true\"\n");
    job.build(&["--force"]).exits(0).says("1 succeeded");
}
