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
fn settings_are_shown_with_who_says_so_and_without_passwords() {
    let file = "engine = [\"native\", \"ssh://me@big\"]\n[mirrors]\ndebian = \"http://m.example.org/debian\"\n\
                ubuntu = \"http://m.example.org/ubuntu\"\n[network]\nproxy = \"http://ada:geheim@p.example:3128\"\n";
    let test = Test::new().file(PLACE, file).env("FARM_MIRROR_UBUNTU", "http://ada:geheim@u.example.org/ubuntu");
    let ran = test.run(&["config"]).exits(0);
    let from = |setting: &str, value: &str| {
        let of = |line: &&str| line.starts_with(setting) && line.contains(value);
        ran.stdout
            .lines()
            .find(of)
            .and_then(|line| line.split_whitespace().last())
            .unwrap_or_else(|| panic!("{setting}: {ran}"))
    };
    assert_eq!(from("engine", "native"), "configuration");
    assert_eq!(from("engine", "ssh://big"), "configuration");
    assert_eq!(from("mirror of debian", "http://m.example.org/debian"), "configuration");
    assert_eq!(from("mirror of ubuntu", "u.example.org/ubuntu"), "FARM_MIRROR_UBUNTU");
    assert_eq!(from("proxy", "p.example:3128"), "configuration");
    assert_eq!(from("network of containers", "default"), "default");
    assert!(!ran.text().contains("geheim") && !ran.text().contains("m.example.org/ubuntu"), "{ran}");
    let ran = test.env("FARM_ENGINE", "podman").run(&["config", "--json"]);
    let ran = if ran.code == Some(0) { ran } else { panic!("{ran}") };
    let told: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let engine = told.as_array().unwrap().iter().find(|one| one["setting"] == "engine").unwrap();
    assert_eq!((engine["value"].as_str(), engine["from"].as_str()), (Some("podman"), Some("FARM_ENGINE")));
}

#[test]
fn an_engine_that_is_none_is_refused_with_those_there_are() {
    let ran = Test::new().run(&["images", "--engine", "natve"]).exits(5);
    assert!(ran.stderr.contains("did you mean `native`?"), "{ran}");
    let ran = Test::new().run(&["images", "--engine", "vessel"]).exits(5);
    assert!(ran.stderr.contains("known are auto, docker, podman, native"), "{ran}");
}
