//! What recipes can be made of, seen in what farm would do with them.

use crate::support::{Ran, Test};

/// A recipe whose rest is up to the test.
fn recipe(name: &str, rest: &str) -> String {
    format!(
        "[package]\nname = \"{name}\"\nsummary = \"Says hello\"\nlicense = \"MIT\"\nmaintainer = \"A <a@example.org>\"\n\
         architecture = \"all\"\n{rest}\n[matrix]\ndistros = [\"debian-12\", \"rpm-generic\"]\n"
    )
}

fn job(ran: &Ran) -> serde_json::Value {
    let plan: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran}"));
    plan["jobs"][0].clone()
}

#[test]
fn sources_stand_in_the_recipe() {
    let with = |unit: &str| {
        let rest = "version = \"1\"\n[build]\ninstall = \"true\"\n[[sources]]\nfile = \"greet.service\"\ntext = '''\n";
        recipe("greet", &format!("{rest}[Service]\nExecStart={unit}\n'''"))
    };
    let test = Test::new().file("farm.toml", &with("/usr/bin/{{ name }}"));
    let plan = || job(&test.run(&["plan", "--json", "-t", "debian-12"]).exits(0))["key"]["inputs"].clone();
    let first = plan();
    // What a template gives is what counts.
    test.write("farm.toml", &with("/usr/bin/greet"));
    assert_eq!(plan(), first);
    test.write("farm.toml", &with("/usr/bin/greetd"));
    let second = plan();
    assert_ne!(first["source"], second["source"]);
    let (mut first, mut second) = (first, second);
    first["source"].take();
    second["source"].take();
    assert_eq!(first, second, "nothing else has changed");
    test.run(&["render", "greet@rpm-generic"]).exits(0).says("greet.service, in the recipe");
}

#[test]
fn recipes_extend_each_other() {
    let base = recipe("greet", "requires = [\"adduser\", \"tzdata\"]\n[build]\ninstall = { file = \"install.sh\" }");
    let own = "extends = \"../../base.toml\"\n[package]\nversion = \"1\"\nrequires = { add = [\"curl\"], remove = [\"tzdata\"] }\n";
    let test =
        Test::new().file("base.toml", &base).file("install.sh", "make install\n").file("recipes/greet/farm.toml", own);
    let plan = || test.run(&["plan", "--json", "-t", "debian-12"]);
    let inputs = job(&plan().exits(0))["key"]["inputs"].clone();
    assert_eq!(inputs["recipe.package.requires"], "[\"adduser\",\"curl\"]");
    assert_eq!(inputs["recipe.build.install"], "\"make install\\n\"");

    // A line of the base is an input like one of the recipe.
    test.write("install.sh", "make install DESTDIR=$DESTDIR\n");
    let after = job(&plan().exits(0))["key"]["inputs"].clone();
    assert_eq!(after["recipe.build.install"], "\"make install DESTDIR=$DESTDIR\\n\"");

    test.write("base.toml", &base.replace("license", "licens"));
    let ran = plan().exits(3).says("[base.toml:4:1]").says("did you mean `license`?");
    assert!(!ran.text().contains("farm.toml:"), "{ran}");
    test.write("base.toml", &base);
    test.write("recipes/greet/farm.toml", &own.replace("tzdata", "tzdate"));
    plan().exits(3).says("recipes/greet/farm.toml:4:").says("did you mean `tzdata`?");
}

#[test]
fn parameters_come_from_the_command_line() {
    let rest = "version = \"{{ param.version }}\"\n[parameters]\nversion = \"1.0\"\nchannel = { required = true }\n\
                [build]\ninstall = \"true\"";
    let test = Test::new()
        .file("recipes/greet/farm.toml", &recipe("greet", rest))
        .file("recipes/plain/farm.toml", &recipe("plain", "version = \"3\"\n[build]\ninstall = \"true\""));
    let plan = |arguments: &[&str]| test.run(&[&["plan", "-t", "greet@debian-12"], arguments].concat());

    plan(&[]).exits(3).says("the parameter `channel` has no value").says("--param channel=VALUE");
    plan(&["--param", "chanel=x"]).exits(3).says("was `--param chanel` meant for it?");
    plan(&["--param", "channel=x", "--param", "verson=2"]).exits(2).says("did you mean --param version=2?");
    plan(&["--param", "channel"]).exits(2).says("NAME=VALUE");

    let default = job(&plan(&["--json", "--param", "channel=beta"]).exits(0));
    let given = job(&plan(&["--json", "--param", "channel=stable", "--param", "version=2"]).exits(0));
    assert_eq!((default["version"].as_str(), given["version"].as_str()), (Some("1.0-1~deb12"), Some("2-1~deb12")));
    assert_eq!(given["key"]["inputs"]["recipe.parameters.channel"], "\"stable\"");
    assert_ne!(default["key"]["digest"], given["key"]["digest"]);

    let rendered = test.run(&["render", "greet@rpm-generic", "--param", "channel=it's"]).exits(0);
    assert!(rendered.stdout.contains("FARM_PARAM_CHANNEL"), "{rendered}");
}
