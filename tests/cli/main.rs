//! The real binary, as a person or a script sees it: exit codes and words, without a container engine.

// Helpers of tests are no tests to clippy; a skip has to be said.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod config;
mod doctor;
mod examples;
#[cfg(target_os = "linux")]
mod gc;
mod init;
mod mistakes;
mod recipes;
mod repo;
mod store;
mod streams;
#[path = "../support/mod.rs"]
mod support;
mod trace;

use support::{RECIPE, Test};

#[test]
fn without_a_command_there_is_help_and_exit_2() {
    let ran = Test::new().run(&[]).exits(2);
    assert!(ran.stderr.contains("Usage: farm"), "{ran}");
}

#[test]
fn help_and_version_go_to_stdout_and_fit_in_80_columns() {
    let ran = Test::new().run(&["--version"]).exits(0);
    assert_eq!(ran.stdout, format!("farm {}\n", env!("CARGO_PKG_VERSION")));
    let help = |arguments: &[&str]| {
        let ran = Test::new().env("COLUMNS", "80").run(arguments).exits(0);
        assert!(ran.stdout.contains("Usage: farm"), "{ran}");
        assert_eq!(ran.stderr, "");
        ran.fits(80);
        ran.stdout
    };
    help(&["-h"]);
    let all = help(&["--help"]);
    let (_, commands) = all.split_once("\nCommands:\n").unwrap();
    let commands = commands.lines().take_while(|line| !line.is_empty());
    // Each name stands at the beginning of its line; the lines that go on are further in.
    let names: Vec<&str> = commands
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next().filter(|name| !name.is_empty()))
        .collect();
    assert!(names.contains(&"build") && names.contains(&"gc"), "{names:?}");
    for name in names.into_iter().filter(|name| *name != "help") {
        help(&["help", name]);
        help(&[name, "--help"]);
        help(&[name, "-h"]);
    }
    help(&["images", "bootstrap", "--help"]);
}

#[test]
fn a_wrong_option_is_exit_2_with_a_hint() {
    let ran = Test::new().run(&["build", "--matrx"]).exits(2);
    assert!(ran.stderr.contains("--matrix"), "{ran}");
    for arguments in [&["build", "-j", "0"][..], &["build", "--mirror", "debian"], &["build", "--arch", "vax"]] {
        Test::new().run(arguments).exits(2);
    }
}

#[test]
fn a_folder_without_recipes_says_what_it_looked_for() {
    let ran = Test::new().run(&["build"]);
    insta::assert_snapshot!(ran.redacted(), @"
    exit 2
    --- stdout
    --- stderr
    error: no recipe here: neither ./farm.toml nor recipes/*/farm.toml
      help: name one, before --matrix: farm build path/to/farm.toml; `farm init`
      writes one for a project
    ");
}

#[test]
fn a_recipe_that_is_not_there_is_named_with_the_nearest() {
    let ran = Test::new().file("recipes/hello/farm.toml", RECIPE).run(&["plan", "helo"]);
    insta::assert_snapshot!(ran.redacted(), @"
    exit 2
    --- stdout
    --- stderr
    error: no recipe at helo
      help: did you mean `hello`, in recipes/hello/farm.toml?
    ");
}

#[test]
fn a_bad_recipe_is_exit_3_with_file_line_and_suggestion() {
    let bad = RECIPE.replace("[build]", "[build]\nbuild-requires = [\"gettext\"]");
    for command in ["build", "plan"] {
        let ran = Test::new().file("farm.toml", &bad).run(&[command]).exits(3);
        assert!(ran.stderr.contains("farm.toml:13:1"), "{ran}");
        assert!(ran.stderr.contains("unknown key `build-requires`"), "{ran}");
        assert!(ran.stderr.contains("did you mean `requires`?"), "{ran}");
        ran.fits(80);
    }
}

#[test]
fn a_bad_distribution_is_exit_3_with_its_file() {
    let ran = Test::new().file("distros/mine.toml", "nmae = \"Mine 1\"\n").run(&["distros"]).exits(3);
    assert!(ran.stderr.contains("mine.toml"), "{ran}");
}

#[test]
fn nothing_matched_is_exit_4_with_the_nearest_targets() {
    let ran = Test::new().file("farm.toml", RECIPE).run(&["build", "-t", "debain-13"]);
    insta::assert_snapshot!(ran.redacted(), @"
    exit 4
    --- stdout
    --- stderr
    error: no target matches -t debain-13
      help: did you mean greet@debian-13/amd64?
    ");
    // A pattern that matches nothing is not lost among others.
    let arguments = ["build", "-t", "debian-12", "-t", "debain-13"];
    Test::new().file("farm.toml", RECIPE).run(&arguments).exits(4).says("no target matches -t debain-13");
    let ran = Test::new().file("farm.toml", RECIPE).run(&["plan", "-t", "plan9"]);
    insta::assert_snapshot!(ran.redacted(), @"
    exit 4
    --- stdout
    --- stderr
    error: no target matches -t plan9
      help: there are greet@debian-12/amd64, greet@debian-13/amd64,
      greet@rpm-generic/x86_64 and 4 more: farm plan -t '*'
    ");
}

#[test]
fn what_is_excluded_is_not_meant() {
    let test = Test::new().file("farm.toml", RECIPE);
    let run = test.run(&["plan", "--matrix", "--exclude", "debian-*"]).exits(0).says("greet@rpm-generic/x86_64");
    assert!(!run.stdout.contains("debian-1"), "{run}");
    // Of those that are left, the first.
    test.run(&["plan", "--exclude", "debian-12"]).exits(0).says("greet@debian-13/amd64");
    test.run(&["plan", "-t", "debian-12", "--exclude", "greet@*"]).exits(4).says("-t debian-12 --exclude greet@*");
    test.run(&["plan", "--matrix", "--exclude", "debain-12"]).exits(4).says("no target matches --exclude debain-12");
    test.run(&["plan", "--exclude", "a/b/c"]).exits(2).says("`a/b/c` is no target pattern");
}

#[test]
fn farm_goes_where_it_is_sent() {
    let test = Test::new().file("project/farm.toml", RECIPE);
    test.run(&["-C", "project", "plan"]).exits(0).says("greet@debian-12/amd64");
    test.run(&["plan", "-C", "project"]).exits(0).says("greet@debian-12/amd64");
    test.run(&["-C", "nowhere", "plan"]).exits(2).says("-C nowhere: cannot go there: No such file or directory");
}

#[test]
fn a_matrix_that_no_recipe_has_is_exit_4() {
    let ran = Test::new().file("farm.toml", RECIPE).run(&["build", "--matrix", "fulll"]).exits(4);
    assert!(ran.stderr.contains("`fulll`") && ran.stderr.contains("`full`"), "{ran}");
    let ran = Test::new().file("farm.toml", RECIPE).run(&["build", "--matrix", "greet"]).exits(2);
    assert!(ran.stderr.contains("farm build greet --matrix"), "{ran}");
}

#[test]
fn a_mirror_of_an_archive_that_nobody_has_is_exit_2() {
    let arguments =
        |name: &str| ["plan".to_owned(), "--mirror".to_owned(), format!("{name}=http://mirror.example.org/")];
    let plan = |recipe: &str, name: &str| {
        let arguments = arguments(name);
        Test::new().file("farm.toml", recipe).run(&arguments.each_ref().map(String::as_str))
    };
    plan(RECIPE, "debain").exits(2).says("--mirror debain=…").says("did you mean `debian`?");
    plan(RECIPE, "debian").exits(0);
    plan(&format!("# mirror://ours/greet.tar.gz\n{RECIPE}"), "ours").exits(0);
}

#[test]
fn no_engine_is_exit_5_and_says_what_was_tried() {
    let ran = Test::new().file("farm.toml", RECIPE).run(&["build"]).exits(5);
    assert!(ran.stderr.contains("no-engine.sock"), "{ran}");
    assert!(ran.stderr.contains("help: start Docker or Podman"), "{ran}");
    assert!(!ran.folder.join("dist").exists(), "a run that could not start left dist/ behind");
    Test::new().run(&["images"]).exits(5);
    Test::new().run(&["reap"]).exits(5);
}

#[test]
fn a_plan_needs_no_engine_and_changes_nothing() {
    let ran = Test::new().file("farm.toml", RECIPE).run(&["plan", "--matrix"]).exits(0);
    insta::assert_snapshot!(ran.stdout, @"
    TARGET                    VERSION      IMAGE            ACTION  BECAUSE
    greet@debian-12/amd64     1.0-1~deb12  debian:bookworm  build   never built
    greet@debian-13/amd64     1.0-1~deb13  debian:trixie    build   never built
    greet@rpm-generic/x86_64  1.0-1        debian:bookworm  build   never built
    ");
    assert!(ran.stderr.starts_with("note: "), "{ran}");
    assert!(!ran.folder.join("dist").exists());
}

#[test]
fn without_a_matrix_the_first_target_of_each_recipe_is_meant() {
    let ran = Test::new()
        .file("recipes/greet/farm.toml", RECIPE)
        .file("recipes/other/farm.toml", &RECIPE.replace("greet", "other"))
        .run(&["plan"])
        .exits(0);
    let targets: Vec<&str> = ran.stdout.lines().skip(1).filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(targets, ["greet@debian-12/amd64", "other@debian-12/amd64"], "{ran}");
    ran.says("note: 2 targets of ").says(": --matrix takes all");
}

#[test]
fn patterns_choose_out_of_all_matrices() {
    let ran = Test::new().file("farm.toml", RECIPE).run(&["plan", "-t", "debian-11", "-t", "rpm-generic"]).exits(0);
    let targets: Vec<&str> = ran.stdout.lines().skip(1).filter_map(|line| line.split(' ').next()).collect();
    assert!(targets.contains(&"greet@rpm-generic/x86_64") && targets.contains(&"greet@debian-11/amd64"), "{ran}");
    let warning = ran.stdout.lines().find(|line| line.starts_with("warning: "));
    assert!(warning.is_some_and(|line| line.contains("Debian 11")), "the end of Debian 11 goes unsaid: {ran}");
}

#[test]
fn a_dry_run_is_the_plan_and_leaves_nothing() {
    let test = Test::new().file("farm.toml", RECIPE);
    let ran = test.run(&["build", "--matrix", "-n"]).exits(0);
    assert_eq!(ran.stdout, test.run(&["plan", "--matrix"]).exits(0).stdout);
    assert!(ran.stdout.contains("never built") && !test.folder().join("dist").exists(), "{ran}");
    test.run(&["build", "-n", "--force"]).exits(2).says("--dry-run");
}

#[test]
fn distributions_are_listed_for_scripts() {
    let ran = Test::new().run(&["distros", "--json"]).exits(0);
    let all: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let debian = all.as_array().unwrap().iter().find(|distro| distro["id"] == "debian-12").unwrap();
    assert_eq!((debian["format"].as_str(), debian["bootstrap"].as_bool()), (Some("deb"), Some(true)));
}

#[test]
fn a_plan_as_json_holds_what_would_run() {
    let ran = Test::new().file("farm.toml", RECIPE).run(&["plan", "--matrix", "--json"]).exits(0);
    let plan: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(plan["schema"], 2);
    let job = &plan["jobs"][0];
    // A text that many targets have stands once, by its digest.
    let script = job["packaging"]["steps"][0]["script"].as_str().unwrap();
    assert!(script.starts_with("sha256:"), "{script}");
    assert!(plan["texts"][script].as_str().unwrap().contains("phase "), "{ran}");
    assert!(plan["jobs"].to_string().len() < 10_000 * plan["jobs"].as_array().unwrap().len(), "{ran}");
    assert_eq!(job["id"], "greet@debian-12/amd64");
    assert_eq!(job["because"]["reason"], "never-built");
    assert!(job["packaging"]["steps"].as_array().is_some_and(|steps| !steps.is_empty()), "{ran}");
    let digest = job["key"]["digest"].as_str().unwrap();
    assert!(digest.len() == 32 && digest.chars().all(|c| c.is_ascii_hexdigit()), "{digest}");
}

#[test]
fn a_plan_reads_the_dockerfile_and_its_context() {
    let environment = "[environment]\ndockerfile = 'packaging/Dockerfile'\nargs = { A = '1' }\n[build]";
    let test = Test::new().file("farm.toml", &RECIPE.replace("[build]", environment));
    let ran = test.run(&["plan"]).exits(3);
    assert!(ran.stderr.contains("farm.toml: cannot read ./packaging/Dockerfile: "), "{ran}");
    let key = |test: &Test| -> serde_json::Value {
        let ran = test.run(&["plan", "--json"]).exits(0);
        let plan: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        let job = &plan["jobs"][0];
        assert_eq!(job["environment"]["dockerfile"]["path"], "packaging/Dockerfile", "{ran}");
        assert_eq!(job["environment"]["dockerfile"]["args"]["A"], "1", "{ran}");
        job["key"]["inputs"]["environment.dockerfile"].clone()
    };
    let test = test.file("packaging/Dockerfile", "FROM debian:13\n").file(".dockerignore", "notes\n");
    let first = key(&test);
    let test = test.file("notes", "1");
    assert_eq!(key(&test), first);
    assert_ne!(key(&test.file("more", "1")), first);
}

#[test]
fn a_target_can_be_rendered_for_reading() {
    let test = Test::new().file("farm.toml", RECIPE);
    let ran = test.run(&["render", "debian-12"]).exits(0);
    assert!(ran.stdout.contains("==> ") && ran.stdout.contains("Package: greet"), "{ran}");
    let ran = test.run(&["render", "debian-12", "-o", "rendered"]).exits(0);
    let scripts: Vec<String> = std::fs::read_dir(ran.folder.join("rendered/scripts"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(scripts.iter().any(|name| name == "01-builder.sh"), "{scripts:?}");
    let ran = test.run(&["render", "debian-*"]).exits(2);
    assert!(ran.stderr.contains("targets match debian-*"), "{ran}");
}

#[test]
fn distributions_are_listed_and_shown() {
    let ran = Test::new().run(&["distros"]).exits(0);
    let line = |id: &str| ran.stdout.lines().find(|line| line.starts_with(&format!("{id} "))).unwrap().to_owned();
    assert!(line("debian-11").contains("ended"), "{ran}");
    assert!(line("debian-12").contains("deb/apt"), "{ran}");
    assert!(line("opensuse-tumbleweed").contains("rpm/zypper"), "{ran}");
    for rolling in ["debian-sid", "fedora-rawhide", "opensuse-tumbleweed"] {
        assert!(line(rolling).contains(" rolling "), "{ran}");
    }
    assert!(line("debian-14").contains(" in development "), "{ran}");
    assert_eq!(ran.stdout.matches("rolling").count(), 3, "{ran}");
    let shown = Test::new().run(&["distros", "show", "debian-12"]).exits(0);
    for expected in ["bookworm", "~deb12", "ftp.debian.org", "keyrings", "go 1.19", "cargo-web"] {
        assert!(shown.stdout.contains(expected), "{expected}: {shown}");
    }
    let ran = Test::new().run(&["distros", "show", "debain-12"]).exits(4);
    assert!(ran.stderr.contains("did you mean `debian-12`?"), "{ran}");
}

#[test]
fn a_distribution_of_the_users_own_is_one_file() {
    let mine = "extends = \"debian-12\"\nname = \"Mine 1\"\nversion = \"1\"\n";
    let ran = Test::new().file("distros/mine-1.toml", mine).run(&["distros"]).exits(0);
    assert!(ran.stdout.contains("Mine 1"), "{ran}");
}

#[test]
fn colour_is_asked_for_or_absent() {
    let plain = Test::new().run(&["distros"]);
    assert!(!plain.stdout.contains('\u{1b}'), "{plain}");
    let forced = Test::new().run(&["distros", "--color", "always"]);
    assert!(forced.stdout.contains('\u{1b}'), "{forced}");
    let environment = Test::new().env("CLICOLOR_FORCE", "1").run(&["distros"]);
    assert!(environment.stdout.contains('\u{1b}'), "{environment}");
}

#[test]
fn a_closed_pipe_is_no_crash() {
    let ran = Test::new().run_with_closed_stdout(&["distros"]).exits(0);
    assert_eq!(ran.stderr, "", "{ran}");
}

/// What was said, however its lines were broken.
#[cfg(target_os = "linux")]
fn flat(ran: &support::Ran) -> String {
    ran.stderr.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ")
}

/// Folders that farm trusts what it finds in. Whether there is an engine makes no difference: none is asked before.
#[cfg(target_os = "linux")]
#[test]
fn folders_that_others_can_write_to_are_refused_with_what_to_do() {
    use std::os::unix::fs::PermissionsExt;
    if !support::is_root() {
        return;
    }
    let test = Test::new();
    let place = |name: &str| test.folder().join(name);
    let named = |name: &str| place(name).display().to_string();
    for name in ["data", "cache", "open", "others"] {
        std::fs::create_dir(place(name)).unwrap();
        std::fs::set_permissions(place(name), std::fs::Permissions::from_mode(0o700)).unwrap();
    }
    std::fs::set_permissions(place("open"), std::fs::Permissions::from_mode(0o777)).unwrap();
    std::os::unix::fs::chown(place("others"), Some(4_711_000), None).unwrap();
    std::os::unix::fs::symlink(place("data"), place("link")).unwrap();
    let test = Test::new().env("FARM_DATA", &named("data")).env("FARM_CACHE", &named("cache"));
    test.run(&["images", "--engine", "native"]).exits(0);
    for (name, words) in [
        ("open", "can be written by everybody (mode 0777)"),
        ("others", "belongs to 4711000, and farm runs as root"),
        ("link", "is a symbolic link to"),
    ] {
        let data = Test::new().env("FARM_DATA", &named(name)).env("FARM_CACHE", &named("cache"));
        let ran = data.run(&["images", "--engine", "native"]).exits(5);
        assert!(flat(&ran).contains(words) && !flat(&ran).contains("does not answer"), "{}", ran.stderr);
        let cache = Test::new().env("FARM_DATA", &named("data")).env("FARM_CACHE", &named(name));
        let ran = cache.run(&["images", "--engine", "native"]).exits(2);
        assert!(flat(&ran).contains(words) && flat(&ran).contains("FARM_CACHE"), "{}", ran.stderr);
    }
    // One in a cache that is otherwise fine.
    std::os::unix::fs::symlink(place("data"), place("cache").join("archive")).unwrap();
    let ran = test.run(&["images", "--engine", "native"]).exits(2);
    assert!(flat(&ran).contains("archive is a symbolic link to"), "{}", ran.stderr);
}

/// A damaged index is no engine that does not answer: it is named, and mended.
#[cfg(target_os = "linux")]
#[test]
fn a_damaged_index_of_the_store_is_named_and_mended() {
    if !support::is_root() {
        return;
    }
    let test = Test::new();
    let data = test.folder().join("data").display().to_string();
    let test = Test::new().env("FARM_DATA", &data).env("FARM_CACHE", &format!("{data}-cache"));
    test.run(&["images", "--engine", "native"]).exits(0);
    for damage in ["", "{", "\0\0\0\0"] {
        std::fs::write(format!("{data}/images/index.json"), damage).unwrap();
        let ran = test.run(&["images", "--engine", "native"]).exits(0);
        assert!(flat(&ran).contains("index.json, is damaged") && flat(&ran).contains("made anew"), "{}", ran.stderr);
        let ran = test.run(&["images", "--engine", "native"]).exits(0);
        assert_eq!(ran.stderr, "", "once");
    }
}
