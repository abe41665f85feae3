//! The user's configuration file, as far as the whole program shows what it does.

use crate::support::{RECIPE, Test};

const PLACE: &str = "home/.config/farm/config.toml";

#[test]
fn a_mistake_is_exit_3_with_file_line_and_suggestion() {
    for (file, command) in [(RECIPE, "plan"), (RECIPE, "build"), ("", "images"), ("", "reap")] {
        let ran =
            Test::new().file("farm.toml", file).file(PLACE, "# mine\negnine = \"native\"\n").run(&[command]).exits(3);
        assert!(ran.stderr.contains("error: unknown key `egnine` in the configuration"), "{ran}");
        assert!(ran.stderr.contains("config.toml:2:1") && ran.stderr.contains("did you mean `engine`?"), "{ran}");
    }
}

#[test]
fn syntax_errors_have_a_caret() {
    let ran =
        Test::new().file("mine.toml", "engine = native\n").env("FARM_CONFIG", "mine.toml").run(&["reap"]).exits(3);
    assert!(ran.stderr.contains("not valid TOML") && ran.stderr.contains("mine.toml:1:"), "{ran}");
}

#[test]
fn what_needs_no_configuration_does_not_read_it() {
    Test::new().file(PLACE, "engine = 1\n").run(&["distros"]).exits(0);
}

#[test]
fn a_file_that_is_named_has_to_be_there() {
    let ran = Test::new().env("FARM_CONFIG", "mine.toml").run(&["images"]).exits(3);
    assert!(ran.stderr.contains("cannot read mine.toml: no such file; FARM_CONFIG names it"), "{ran}");
}

#[test]
fn the_engine_of_the_file_is_used_where_nothing_else_names_one() {
    let file = |test: Test| test.file(PLACE, "engine = \"unix:///nonexistent/of-the-file.sock\"\n");
    let asked = |test: Test, arguments: &[&str]| {
        let ran = file(test).run(arguments).exits(5);
        ran.stderr
    };
    assert!(asked(Test::new(), &["images"]).contains("of-the-file.sock"));
    assert!(asked(Test::new(), &["images", "--engine", "auto"]).contains("of-the-file.sock"));
    let variable = Test::new().env("FARM_ENGINE", "unix:///nonexistent/of-the-variable.sock");
    assert!(asked(variable, &["images"]).contains("of-the-variable.sock"));
    let variable = Test::new().env("FARM_ENGINE", "unix:///nonexistent/of-the-variable.sock");
    let flag = ["images", "--engine", "unix:///nonexistent/of-the-flag.sock"];
    assert!(asked(variable, &flag).contains("of-the-flag.sock"));
}

#[test]
fn an_engine_that_is_none_is_refused_with_those_there_are() {
    let ran = Test::new().run(&["images", "--engine", "natve"]).exits(5);
    assert!(ran.stderr.contains("did you mean `native`?"), "{ran}");
    let ran = Test::new().run(&["images", "--engine", "vessel"]).exits(5);
    assert!(ran.stderr.contains("known are auto, docker, podman, native"), "{ran}");
}
