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
        ╭─[farm.toml:30:8]
     30 │ path = "."
        ·        ─┬─
        ·         ╰── there is no ./nosuch.patch
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
