//! Mistakes that people make, and what they are told: what is wrong, where it stands, what to do.

use crate::support::{RECIPE, Test};

/// A recipe with one source, which `rest` goes on with.
fn with_source(source: &str) -> String {
    let recipe = RECIPE.split("[[sources]]").next().unwrap_or_default();
    format!("{}\n[[sources]]\n{source}\n", recipe.trim_end())
}

fn plan(recipe: &str, arguments: &[&str]) -> String {
    Test::new().file("farm.toml", recipe).run(&[&["plan"], arguments].concat()).redacted()
}

/// Nobody who says only `farm build` means a release that gets no security fixes any more.
#[test]
fn a_release_that_has_ended_is_not_the_first() {
    let recipe = RECIPE.replace("\"debian-12\", \"debian-13\"", "\"debian-11\", \"debian-13\"");
    let planned = plan(&recipe, &[]);
    assert!(planned.contains("greet@debian-13/amd64") && !planned.contains("debian-11"), "{planned}");
    assert!(planned.contains("note: 1 target of 3"), "{planned}");
    let only = RECIPE.replace("\"debian-12\", \"debian-13\", \"rpm-generic\"", "\"debian-11\"");
    let planned = plan(&only, &[]);
    assert!(planned.contains("greet@debian-11/amd64"), "there is no other: {planned}");
}

#[test]
fn folders_of_farms_own_that_cannot_be_are_told_with_what_names_others() {
    let test = Test::new().file("farm.toml", RECIPE).env("FARM_CACHE", "/proc/farm");
    let ran = test.run(&["plan"]).exits(2).says("the cache /proc/farm cannot be written: ");
    ran.says("FARM_CACHE names another folder");
    let test = Test::new().file("farm.toml", RECIPE);
    let home = test.folder().join("nobody");
    let mut command = test.command(&["plan"]);
    let ran = crate::support::Ran::of(command.env("HOME", &home)).exits(2).says("HOME is ");
    ran.says("which is not there: make it, or set FARM_CACHE");
    assert!(!home.exists(), "nobody asked for a home to be made");
}

#[test]
fn a_source_that_is_not_there_is_shown_in_the_recipe() {
    insta::assert_snapshot!(plan(&with_source("path = \"nosuch\""), &[]), @r#"
    exit 3
    --- stdout
    --- stderr
    note: 1 target of 3: --matrix takes all, -t PATTERN others
    error: a source is not there
        ╭─[farm.toml:30:8]
     30 │ path = "nosuch"
        ·        ────┬───
        ·            ╰── there is no ./nosuch
        ╰────
      help: paths of a recipe start in the folder of its farm.toml
    "#);
    let patches = "path = \".\"\npatches = [\"nosuch.patch\"]";
    insta::assert_snapshot!(plan(&with_source(patches), &[]), @r#"
    exit 3
    --- stdout
    --- stderr
    note: 1 target of 3: --matrix takes all, -t PATTERN others
    error: a source is not there
        ╭─[farm.toml:31:12]
     31 │ patches = ["nosuch.patch"]
        ·            ───────┬──────
        ·                   ╰── there is no ./nosuch.patch
        ╰────
      help: paths of a recipe start in the folder of its farm.toml
    "#);
}

#[test]
fn a_matrix_without_distributions_is_no_mistake_of_the_command_line() {
    let (before, _) = RECIPE.split_once("[matrix]").unwrap();
    insta::assert_snapshot!(plan(&format!("{before}[matrix]\ndistros = []\n"), &[]), @r#"
    exit 3
    --- stdout
    --- stderr
    error: [matrix] names no distribution
        ╭─[farm.toml:20:11]
     20 │ distros = []
        ·           ─┬
        ·            ╰── nothing would be built
        ╰────
      help: name some, as distros = ["debian-*", "fedora-44"]; `farm distros`
            lists them
    "#);
}

#[test]
fn targets_are_no_recipes() {
    insta::assert_snapshot!(plan(RECIPE, &["greet@debian-12"]), @"
    exit 2
    --- stdout
    --- stderr
    error: no recipe at greet@debian-12
      help: targets are chosen with -t: farm build -t 'greet@debian-12'
    ");
}

#[test]
fn an_architecture_that_the_matrix_lacks_is_not_misspelt() {
    for arguments in [&["-t", "debian-12/arm64"][..], &["--distro", "debian-12", "--arch", "arm64"]] {
        let ran = plan(RECIPE, arguments);
        assert!(ran.contains("no matrix of the recipe has arm64 for debian-12: add it to arches in\n"), "{ran}");
    }
    let ran = plan(RECIPE, &["--arch", "arm64"]);
    assert!(ran.contains("no matrix of the recipe has arm64: add it to arches in [matrix]"), "{ran}");
}

#[test]
fn a_distribution_that_the_matrix_lacks_is_not_misspelt() {
    insta::assert_snapshot!(plan(RECIPE, &["-t", "fedora-44"]), @"
    exit 4
    --- stdout
    --- stderr
    error: no target matches -t fedora-44
      help: no matrix of the recipe has fedora-44: add it to distros in [matrix], or
      build for it once with --distro fedora-44
    ");
    insta::assert_snapshot!(plan(RECIPE, &["-t", "greet@fedora-44/x86_64"]), @"
    exit 4
    --- stdout
    --- stderr
    error: no target matches -t greet@fedora-44/x86_64
      help: no matrix of the recipe has fedora-44: add it to distros in [matrix], or
      build for it once with --distro fedora-44
    ");
}

#[test]
fn engines_and_mirrors_are_named_as_they_are_known() {
    let test = || Test::new().file("farm.toml", RECIPE);
    insta::assert_snapshot!(test().run(&["build", "--engine", "dokcer"]).redacted(), @"
    exit 5
    --- stdout
    --- stderr
    note: 1 target of 3: --matrix takes all, -t PATTERN others
    error: `dokcer` is no container engine: did you mean `docker`?
    ");
    insta::assert_snapshot!(test().env("FARM_MIRROR_DEBIAN", "garbage").run(&["plan"]).redacted(), @"
    exit 2
    --- stdout
    --- stderr
    note: 1 target of 3: --matrix takes all, -t PATTERN others
    error: FARM_MIRROR_DEBIAN in the environment: `garbage` is not an http, https or file URL
    ");
}

#[test]
fn a_folder_that_cannot_be_the_store_is_told_with_the_option() {
    let test = Test::new().file("farm.toml", RECIPE).file("place", "no folder");
    insta::assert_snapshot!(test.run(&["list", "-o", "place/dist"]).redacted(), @"
    exit 4
    --- stdout
    --- stderr
    error: there is no folder place/dist
      help: farm build makes it; -o names another
    ");
}

#[test]
fn manual_pages_and_completions_name_every_command() {
    let test = Test::new();
    test.run(&["man", "pages"]).exits(0);
    let read = |page: &str| std::fs::read_to_string(test.folder().join("pages").join(page)).unwrap();
    let page = read("farm-build.1");
    assert!(page.starts_with(".ie") && page.contains(".TH farm-build 1"), "{page}");
    assert!(read("farm.1").contains("farm\\-build(1)"));
    for (shell, said) in [("bash", "farm__subcmd__build"), ("zsh", "#compdef farm"), ("fish", "complete -c farm")] {
        test.run(&["completions", shell]).exits(0).says(said);
    }
    test.run(&["completions", "tcsh"]).exits(2);
}

/// What a person sees who makes these mistakes one after the other: the command, what it said, and how it ended.
fn told(test: &Test, commands: &[&[&str]]) -> String {
    let said = commands
        .iter()
        .map(|arguments| format!("$ farm {}\n{}\n", arguments.join(" "), test.run(arguments).redacted()));
    said.collect()
}

#[test]
fn options_that_are_wrong() {
    let test = Test::new().file("farm.toml", RECIPE);
    insta::assert_snapshot!(told(
        &test,
        &[
            &["build", "-j", "0"],
            &["build", "-j", "many"],
            &["build", "--from", "unpack"],
            &["build", "--report", "html"],
            &["build", "--report", "htm=x"],
            &["build", "--base", "nosuch"],
            &["plan", "--mirror", "debain=http://example.org/debian"],
            &["plan", "--mirror", "debian=x"],
            &["plan", "--param", "x"],
            &["plan", "--param", "x=1"],
            &["plan", "--arch", "vax"],
            &["gc", "--keep", "lots"],
            &["buidl"],
        ]
    ));
}

#[test]
fn targets_and_recipes_that_are_not_there() {
    let test = Test::new().file("farm.toml", RECIPE).file("text", "x\n");
    insta::assert_snapshot!(told(
        &test,
        &[
            &["plan", "-t", "good", "-t", "debian-12"],
            &["plan", "-t", ""],
            &["plan", "-t", "debian-12/vax"],
            &["plan", "--exclude", "nosuch"],
            &["plan", "--distro", "debain-12"],
            &["plan", "--matrix", "./recipe"],
            &["plan", "--matrix", "nosuch"],
            &["plan", "recipes/"],
            &["plan", "text"],
            &["images", "bootstrap", "debain-12"],
            &["distros", "show", "debain-12"],
        ]
    ));
}

#[test]
fn stores_and_folders_that_are_not_there() {
    let test = Test::new().file("farm.toml", RECIPE);
    insta::assert_snapshot!(told(
        &test,
        &[
            &["list"],
            &["logs", "greet@debian-12", "-o", "nowhere"],
            &["report"],
            &["release", "out"],
            &["lock"],
            &["build", "--locked"],
            &["merge", "nowhere"],
            &["diff", "nowhere", "elsewhere"],
            &["repo", "check", "nowhere"],
            &["repo", "snapshot", "nowhere"],
            &["repo", "publish", "nowhere", "ftp://example.org"],
            &["attest", "verify", "nowhere"],
            &["init", "nowhere"],
            &["-C", "nowhere", "plan"],
        ]
    ));
    let test = test.file("dist/README", "no run was here");
    insta::assert_snapshot!(told(&test, &[&["report"], &["logs", "greet@debian-12"], &["build", "--failed"]]));
}

#[test]
fn recipes_that_are_no_text() {
    let test = Test::new();
    let mut said = told(&test, &[&["plan"]]);
    let path = test.folder().join("farm.toml");
    std::fs::create_dir(&path).unwrap();
    said.push_str(&told(&test, &[&["plan"]]));
    std::fs::remove_dir(&path).unwrap();
    std::os::unix::fs::symlink("nowhere", &path).unwrap();
    said.push_str(&told(&test, &[&["plan"]]));
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, b"\xff\xfe").unwrap();
    said.push_str(&told(&test, &[&["plan"]]));
    insta::assert_snapshot!(said);
}

#[test]
fn engines_and_surroundings_that_do_not_answer() {
    let with = |name: &str, value: &str, arguments: &[&str]| {
        let test = Test::new().file("farm.toml", RECIPE).file("file", "no folder").env(name, value);
        format!("$ export {name}={value}\n{}", told(&test, &[arguments]))
    };
    insta::assert_snapshot!(
        [
            with("DOCKER_HOST", "localhost:2375", &["build"]),
            with("DOCKER_HOST", "tcp://127.0.0.1:1", &["build"]),
            with("FARM_ENGINE", "dokcer", &["build"]),
            with("FARM_ENGINE", "localhost:2375", &["build"]),
            with("FARM_CACHE", "file", &["build"]),
            with("FARM_CONFIG", "nowhere.toml", &["plan"]),
            with("FARM_LOG", "nonsense=x", &["plan"]),
            with("FARM_NETWORK", "bridge", &["build"]),
        ]
        .concat()
    );
}

#[test]
fn the_page_of_the_last_run_is_found_and_opened() {
    let test = Test::new().file("dist/.farm/report.html", "<!doctype html>");
    assert_eq!(test.run(&["report"]).exits(0).stdout, "dist/.farm/report.html\n");
    let test = test.env("BROWSER", "nosuch-browser:cp %s opened");
    test.run(&["report", "--open"]).exits(0);
    assert_eq!(std::fs::read_to_string(test.folder().join("opened")).unwrap(), "<!doctype html>");
    let test = test.env("BROWSER", "nosuch-browser:false");
    insta::assert_snapshot!(told(&test, &[&["report", "--open"]]));
}
