use std::collections::HashMap;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::distro::{Catalogue, Distro};
use crate::matrix;
use crate::packaging::FormerLinks;
use crate::recipe::{ProjectMetadata, Recipe, RecipeFile, RecipeIds, SharedRecipe};
use crate::types::Arch;

/// Read once: tests with many cases would spend their time on it.
static BUILT_IN: std::sync::LazyLock<Catalogue> = std::sync::LazyLock::new(|| Catalogue::load(&[]).unwrap());

const RECIPE: &str = r#"
[package]
name = "hello"
version = "2.10"
summary = "a friendly greeting"
description = "It greets."
license = "GPL-3.0-or-later"
maintainer = "Ada Lovelace <ada@example.org>"
date = 2026-11-22

[build]
requires = ["gettext"]
install = "make install DESTDIR=$DESTDIR"
env = { A = "1", B = "2" }

[test]
script = "hello"

[matrix]
distros = ["debian-12", "debian-13", "ubuntu-24.04"]

[override.debian-13.build]
env = { A = "3" }

[override.ubuntu.build]
requires = ["gettext-base"]
"#;

fn targets_at(root: &str, text: &str) -> Vec<TargetInputs> {
    targets_of(root, text, "default")
}

/// Ids of all recipes of these tests: no two share one.
static IDS: std::sync::Mutex<Option<RecipeIds>> = std::sync::Mutex::new(None);

fn share(recipe: Recipe) -> SharedRecipe {
    IDS.lock().unwrap().get_or_insert_default().share(recipe)
}

fn targets_of(root: &str, text: &str, matrix: &str) -> Vec<TargetInputs> {
    let path = Path::new(root).join("farm.toml");
    let file = RecipeFile::parse(&path, text.as_bytes()).unwrap_or_else(|error| panic!("{error:#?}"));
    let catalogue = &*BUILT_IN;
    let mut shared: HashMap<usize, SharedRecipe> = HashMap::new();
    matrix::expand(&file, matrix, catalogue, Arch::Amd64)
        .unwrap_or_else(|error| panic!("{error:#?}"))
        .into_iter()
        .map(|target| {
            let variant = target.variant.as_deref().and_then(|name| file.variant(name)).cloned().unwrap_or_default();
            let merged = file.merged(&matrix::selection(&target, catalogue), &variant).unwrap();
            let new = || {
                let version = merged.version().unwrap_or("1.0").to_owned();
                share(merged.complete(ProjectMetadata { version, date: merged.date(), ..Default::default() }))
            };
            let recipe = shared.entry(merged.number()).or_insert_with(new).clone();
            let source_date_epoch = recipe.package.date;
            let distro = Arc::clone(catalogue.get(&target.distro).unwrap());
            TargetInputs {
                target,
                recipe,
                distro,
                source_digest: "tree".to_owned(),
                source_date_epoch,
                set: Default::default(),
                only_needed: false,
                environment_distro: None,
                lint_distro: None,
                context_digest: None,
            }
        })
        .collect()
}

fn inputs(text: &str) -> Inputs {
    Inputs {
        targets: targets_at("recipes/hello", text),
        bases: BTreeMap::new(),
        answers: BTreeMap::new(),
        environments: BTreeMap::new(),
        memory_bytes: 16 << 30,
        test: true,
        lint: false,
        today: "2026-11-22".to_owned(),
    }
}

fn planned(inputs: &Inputs) -> Vec<Job> {
    plan(inputs).unwrap_or_else(|error| panic!("{error:#?}")).jobs
}

fn keys(text: &str) -> Vec<Key> {
    planned(&inputs(text)).into_iter().map(|job| job.key).collect()
}

/// The inputs named when `RECIPE` becomes `text`, for the target at `index`.
fn changed(text: &str, index: usize) -> Vec<String> {
    match reason(&planned(&inputs(text))[index], Some(&keys(RECIPE)[index])) {
        Reason::UpToDate => Vec::new(),
        Reason::Changed { inputs } => inputs.into_iter().map(|change| change.input).collect(),
        other => panic!("{other:?}"),
    }
}

/// Every example of the reference, in all its matrices; without one, for every distribution.
#[test]
fn the_examples_of_the_reference_plan() {
    for example in crate::recipe::tests::examples() {
        // As if they were given on the command line.
        let example = example.replace("{ required = true }", "'given'");
        let example = match example.contains("[matrix") {
            true => example,
            false => format!("{example}\n[matrix]\ndistros = [\"*\"]\n"),
        };
        let file = RecipeFile::parse(Path::new("recipes/hello/farm.toml"), example.as_bytes()).unwrap();
        for matrix in file.matrices.keys() {
            let targets = targets_of("recipes/hello", &example, matrix);
            let count = targets.len();
            let plan =
                plan(&Inputs { targets, ..inputs(RECIPE) }).unwrap_or_else(|error| panic!("{example}\n{error:#?}"));
            assert_eq!(plan.jobs.len(), count);
            assert!(count > 0, "{example}");
        }
    }
}

#[test]
fn jobs_come_in_the_order_of_the_cells() {
    let targets: Vec<String> = planned(&inputs(RECIPE)).iter().map(|job| job.target.to_string()).collect();
    assert_eq!(targets, ["hello@debian-12/amd64", "hello@debian-13/amd64", "hello@ubuntu-24.04/amd64"]);
}

#[test]
fn each_changed_input_is_named() {
    for (from, to, named) in [
        ("\"2.10\"", "\"2.11\"", "recipe.package.version"),
        ("a friendly greeting", "an unfriendly greeting", "recipe.package.summary"),
        ("date = 2026-11-22", "date = 2026-11-23", "recipe.package.date"),
        ("date = 2026-11-22", "date = 2026-11-22\nrequires = ['file']", "recipe.package.requires"),
        ("date = 2026-11-22", "date = 2026-11-22\nconfig-files = ['/etc/x']", "recipe.package.config-files"),
        ("[\"gettext\"]", "[]", "recipe.build.requires"),
        ("B = \"2\"", "B = \"3\"", "recipe.build.env"),
        ("make install", "make -s install", "recipe.build.install"),
        ("script = \"hello\"", "script = \"hello -t\"", "recipe.test.script"),
        ("[test]", "[packages.doc]\nfiles = ['/usr/share/doc/**']\n[test]", "recipe.packages.doc"),
    ] {
        let text = RECIPE.replacen(from, to, 1);
        assert_ne!(text, RECIPE, "{from}");
        assert_eq!(changed(&text, 0), [named], "{from} -> {to}");
    }
}

#[test]
fn short_values_are_shown_and_long_ones_digested() {
    let key = &keys(RECIPE)[0];
    assert_eq!(key.inputs["recipe.package.version"], "\"2.10\"");
    assert_eq!(key.inputs["recipe.build.env"], "{\"A\":\"1\",\"B\":\"2\"}");
    assert_eq!(key.inputs["arch"], "amd64");
    let long = RECIPE.replace("make install", &format!("make install # {}", "x".repeat(100)));
    assert!(keys(&long)[0].inputs["recipe.build.install"].starts_with("sha256:"));
    assert!(!key.inputs.keys().any(|name| name.contains("root") || name.contains("limits")), "{key:?}");
}

#[test]
fn an_override_changes_only_the_targets_that_it_touches() {
    let text = RECIPE.replace("A = \"3\"", "A = \"4\"");
    assert_eq!(changed(&text, 0), Vec::<String>::new());
    assert_eq!(changed(&text, 1), ["recipe.build.env"]);
    assert_eq!(changed(&text, 2), Vec::<String>::new());
    let text = RECIPE.replace("gettext-base", "gettext");
    assert_eq!([0, 1, 2].map(|index| changed(&text, index).len()), [0, 0, 1]);
}

#[test]
fn what_cannot_change_the_result_is_no_input() {
    let known = keys(RECIPE);
    let same = |inputs: &Inputs| {
        let found: Vec<Key> = planned(inputs).into_iter().map(|job| job.key).collect();
        assert_eq!(found, known);
    };
    same(&Inputs { memory_bytes: 1 << 30, today: "2030-01-01".to_owned(), ..inputs(RECIPE) });
    same(&Inputs { targets: targets_at("/somewhere/else", RECIPE), ..inputs(RECIPE) });
    same(&inputs(&format!("{RECIPE}\n[limits]\nmemory = '1 GiB'\ntimeout = 60\n[matrix.full]\ndistros = ['*']\n")));
    let source = |url: &str| {
        let source = format!("[[sources]]\nurl = '{url}/x-1.tar.gz'\nsha256 = '{}'\n", "a".repeat(64));
        keys(&format!("{RECIPE}\n{source}"))
    };
    assert_eq!(source("https://a.org"), source("https://b.org/mirror"));
}

#[test]
fn sources_distributions_and_architectures_are_inputs() {
    let before = &keys(RECIPE)[0];
    let mut other = inputs(RECIPE);
    other.targets[0].source_digest = "other tree".to_owned();
    let jobs = planned(&other);
    let Reason::Changed { inputs } = reason(&jobs[0], Some(before)) else { panic!("changed") };
    assert_eq!(
        inputs,
        [Change { input: "source".to_owned(), before: Some("tree".to_owned()), after: Some("other tree".to_owned()) }]
    );
    let jobs = planned(&self::inputs(RECIPE));
    let Reason::Changed { inputs } = reason(&jobs[1], Some(before)) else { panic!("changed") };
    assert!(inputs.iter().any(|change| change.input == "distro"));
}

#[test]
fn a_base_is_compared_only_when_both_sides_know_it() {
    let without = &planned(&inputs(RECIPE))[0];
    let mut with = inputs(RECIPE);
    with.bases.insert("debian-12/amd64".to_owned(), "sha256:new".to_owned());
    let with = &planned(&with)[0];
    assert_ne!(with.key.digest, without.key.digest);
    assert_eq!(reason(with, Some(&without.key)), Reason::UpToDate);
    assert_eq!(reason(without, Some(&with.key)), Reason::UpToDate);
    assert_eq!(reason(with, Some(&without.key.with("base", "sha256:new"))), Reason::UpToDate);
    let Reason::Changed { inputs } = reason(with, Some(&without.key.with("base", "sha256:old"))) else {
        panic!("changed")
    };
    assert_eq!(inputs.len(), 1);
    assert_eq!((&*inputs[0].input, inputs[0].before.as_deref()), ("base", Some("sha256:old")));
}

#[test]
fn tests_are_separate_inputs() {
    let tested = &planned(&inputs(RECIPE))[0];
    let untested = &planned(&Inputs { test: false, ..inputs(RECIPE) })[0];
    assert_eq!(reason(tested, Some(&untested.key)), Reason::NotTested);
    assert_eq!(reason(untested, Some(&tested.key)), Reason::UpToDate);
    assert_eq!(reason(tested, Some(&tested.key)), Reason::UpToDate);
    assert_eq!(reason(tested, None), Reason::NeverBuilt);
    let edited = &planned(&inputs(&RECIPE.replace("script = \"hello\"", "script = \"hello -t\"")))[0];
    assert!(matches!(reason(edited, Some(&tested.key)), Reason::Changed { .. }));
    assert_eq!(reason(edited, Some(&untested.key)), Reason::NotTested);
}

#[test]
fn a_farm_that_generates_something_else_rebuilds() {
    let job = &planned(&inputs(RECIPE))[0];
    let Reason::Changed { inputs } = reason(job, Some(&job.key.with("packaging", "sha256:other"))) else {
        panic!("changed")
    };
    assert_eq!(inputs.iter().map(|change| change.input.as_str()).collect::<Vec<_>>(), ["packaging"]);
    let both = job.key.with("packaging", "sha256:other").with("recipe.build.env", "{}");
    let Reason::Changed { inputs } = reason(job, Some(&both)) else { panic!("changed") };
    assert_eq!(inputs.iter().map(|change| change.input.as_str()).collect::<Vec<_>>(), ["recipe.build.env"]);
}

#[test]
fn limits_are_those_of_the_recipe_as_far_as_the_engine_goes() {
    let memory = |memory_bytes| planned(&Inputs { memory_bytes, ..inputs(RECIPE) })[0].limits.memory_bytes;
    assert_eq!([16 << 30, 1 << 30, 0].map(memory), [4 << 30, 1 << 30, 4 << 30]);
}

#[test]
fn packaging_gets_the_time_of_the_sources_unless_the_recipe_has_one() {
    let fixed = &planned(&inputs(RECIPE))[0];
    let none = FormerLinks::new();
    assert_eq!(fixed.packaging_at(1, &none), fixed.packaging);
    let open = &planned(&inputs(&RECIPE.replace("date = 2026-11-22", "")))[0];
    assert_eq!(open.source_date_epoch, None);
    assert_eq!(open.packaging_at(0, &none), open.packaging);
    assert_ne!(open.packaging_at(1_000_000_000, &none), open.packaging);
}

#[test]
fn ends_of_life_warn_once_per_distribution() {
    let mut targets = inputs(RECIPE).targets;
    for (target, end) in targets.iter_mut().zip(["2026-11-22", "2027-01-15", "2027-03-01"]) {
        target.distro = Arc::new(Distro { end_of_life: Some(end.to_owned()), ..(*target.distro).clone() });
    }
    let twice: Vec<TargetInputs> = targets
        .iter()
        .cloned()
        .chain(targets.iter().cloned().map(|mut target| {
            target.target.recipe = "other".to_owned();
            target
        }))
        .collect();
    let plan = plan(&Inputs { targets: twice, ..inputs(RECIPE) }).unwrap();
    let messages: Vec<&str> = plan.warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "Debian 12 (bookworm) is past its end of life (2026-11-22): it gets no security fixes any more",
            "Debian 13 (trixie) reaches its end of life in 54 days (2027-01-15)",
        ]
    );
}

#[test]
fn two_recipes_of_one_name_are_told_apart_before_anything_runs() {
    let mut targets = inputs(RECIPE).targets;
    targets.extend(targets_at("recipes/other", RECIPE));
    let error = plan(&Inputs { targets, ..inputs(RECIPE) }).unwrap_err();
    assert_eq!(error.problems.len(), 3);
    assert_eq!(
        error.problems[0].1,
        "the recipes in recipes/hello and recipes/other have the same name: give one of them another"
    );
}

#[test]
fn what_a_format_cannot_express_stops_the_plan() {
    let mut targets = inputs(RECIPE).targets;
    let mut recipe = Recipe::clone(&targets[0].recipe);
    recipe.package.relations.requires = vec!["(a or".to_owned()];
    targets[0].recipe = share(recipe);
    let error = plan(&Inputs { targets, ..inputs(RECIPE) }).unwrap_err();
    assert_eq!(error.problems[0].0.to_string(), "hello@debian-12/amd64");
}

#[test]
fn many_cells_plan_in_their_order() {
    let few = inputs(RECIPE);
    let targets: Vec<TargetInputs> = (0..1000)
        .map(|number| {
            let mut target = few.targets[number % 3].clone();
            target.target.recipe = format!("hello{number}");
            target
        })
        .collect();
    let jobs = planned(&Inputs { targets, ..few });
    assert_eq!(jobs.len(), 1000);
    assert!(jobs.iter().enumerate().all(|(number, job)| job.target.recipe == format!("hello{number}")));
}

fn shuffled(parts: Vec<&'static str>) -> impl Strategy<Value = Vec<&'static str>> {
    Just(parts).prop_shuffle()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Neither the order of tables and keys, nor comments, nor tables for other targets, change a key.
    #[test]
    fn the_order_of_a_recipe_is_no_input(
        tables in shuffled(vec!["[package]", "[build]", "[test]", "[matrix]", "[override.debian-13.build]", "[override.ubuntu.build]"]),
        keys_of_package in shuffled(vec!["name", "version", "summary", "description", "license", "maintainer", "date"]),
        comment in "[a-z ]{0,20}",
    ) {
        let sections: BTreeMap<&str, &str> = RECIPE.split("\n\n").map(|section| {
            let section = section.trim();
            section.split_once('\n').unwrap()
        }).collect();
        let mut text = String::new();
        for table in tables {
            text.push_str(&format!("# {comment}\n{table}\n"));
            let lines: Vec<&str> = sections[table].lines().collect();
            if table == "[package]" {
                for key in &keys_of_package {
                    text.push_str(lines.iter().find(|line| line.starts_with(key)).unwrap());
                    text.push('\n');
                }
            } else {
                for line in lines.iter().rev() {
                    text.push_str(line);
                    text.push('\n');
                }
            }
        }
        text.push_str("[override.fedora-43.build]\nenv = { Z = '1' }\n");
        prop_assert_eq!(keys(&text), keys(RECIPE));
    }

    /// No two different recipes have one key.
    #[test]
    fn another_value_is_another_key(a in "[a-z]{1,8}", b in "[a-z]{1,8}") {
        let with = |value: &str| keys(&RECIPE.replace("make install", &format!("make {value}")))[0].digest.clone();
        prop_assert_eq!(a == b, with(&a) == with(&b));
    }
}

#[test]
fn variants_may_not_make_the_same_package() {
    let with = |override_: &str| {
        let text =
            format!("{RECIPE}\n[matrix.variants.full]\nx = 'y'\n[matrix.variants.minimal]\nx = 'n'\n{override_}\n");
        let text = text.replace("\"ubuntu-24.04\"]", "\"fedora-43\"]");
        plan(&inputs(&text)).map(|plan| plan.jobs.len()).map_err(|error| error.problems)
    };
    let problems = with("").unwrap_err();
    assert_eq!(problems.len(), 3, "{problems:?}");
    let (target, message) = &problems[0];
    assert_eq!(target.to_string(), "hello+minimal@debian-12/amd64");
    assert_eq!(
        message,
        "makes hello 2.10-1~deb12, as hello+full@debian-12/amd64 does: give the variant a name or version of its own, \
         [override.\"variant:minimal\".package] name = \"hello-minimal\""
    );
    assert!(problems[2].1.starts_with("makes hello 2.10-1.fc43, as hello+full@fedora-43/x86_64 does"), "{problems:?}");
    for apart in ["name = 'hello-minimal'", "version = '2.10+minimal'", "release = 2"] {
        assert_eq!(with(&format!("[override.'variant:minimal'.package]\n{apart}")), Ok(6), "{apart}");
    }
    let only_rpm = with("[override.'rpm/variant:minimal'.package]\nname = 'hello-minimal'").unwrap_err();
    assert_eq!(only_rpm.len(), 2, "{only_rpm:?}");
}

#[test]
fn digests_do_not_depend_on_where_parts_end() {
    let key = |name: &str, value: &str| Key::new(BTreeMap::from([(name.to_owned(), value.to_owned())])).digest;
    assert_ne!(key("ab", "c"), key("a", "bc"));
    assert_eq!(key("a", "b").len(), 32);
}

fn with_environment(environment: &str) -> Vec<Job> {
    let mut inputs = inputs(&RECIPE.replace("[build]", &format!("[environment]\n{environment}\n[build]")));
    for target in &mut inputs.targets {
        if let Some(crate::recipe::EnvironmentOrigin::Distro(id)) =
            target.recipe.environment.as_ref().map(|e| &e.origin)
        {
            target.environment_distro = BUILT_IN.get(id).cloned();
        }
        if environment.contains("dockerfile") {
            target.context_digest = Some("c0ffee".to_owned());
        }
        inputs.environments.insert(target.target.clone(), "sha256:image".to_owned());
    }
    planned(&inputs)
}

#[test]
fn the_caches_of_a_recipe_are_an_input_and_what_lies_in_them_is_none() {
    let with = RECIPE.replace("[build]", "[build]\ncache = [\"ccache\"]");
    let (before, after) = (planned(&inputs(RECIPE)), planned(&inputs(&with)));
    for (before, after) in before.iter().zip(&after) {
        let Reason::Changed { inputs } = reason(after, Some(&before.key)) else { panic!() };
        assert_eq!(inputs.iter().map(|change| change.input.as_str()).collect::<Vec<_>>(), ["recipe.build.cache"]);
        assert_eq!(after.key.inputs["recipe.build.cache"], "[\"ccache\"]");
    }
}

#[test]
fn a_plan_says_where_a_cache_cannot_be_had() {
    let text = RECIPE.replace("[build]", "[build]\ncache = [\"ccache\", \"go\"]").replace("ubuntu-24.04", "rocky-9");
    let told = plan(&inputs(&text)).unwrap_err().problems;
    let of_go: Vec<_> = told.iter().filter(|(_, problem)| problem.contains("CGO_ENABLED")).collect();
    assert_eq!(of_go.len(), 3, "{told:?}");
    let others: Vec<_> = told.iter().filter(|(_, problem)| !problem.contains("CGO_ENABLED")).collect();
    let [(target, problem)] = others[..] else { panic!("{others:?}") };
    assert_eq!(target.distro, "rocky-9");
    assert!(problem.contains("Rocky Linux 9 has no package ccache"), "{problem}");
    // As the sentences say.
    let env = text.replace("A = \"1\"", "CGO_ENABLED = \"0\"").replace("A = \"3\"", "CGO_ENABLED = \"0\"");
    let named = env.replace("[\"gettext\"]", "[\"gettext\", \"ccache\"]");
    assert_eq!(plan(&inputs(&named)).unwrap().jobs.len(), 3);
    let without = format!("{env}\n[override.rocky.build]\ncache = [\"go\"]\n");
    assert_eq!(plan(&inputs(&without)).unwrap().jobs.len(), 3);
}

#[test]
fn an_environment_and_its_image_are_inputs() {
    let jobs = with_environment("image = \"debian:12\"");
    let inputs = &jobs[0].key.inputs;
    assert_eq!(inputs["recipe.environment.image"], "\"debian:12\"");
    assert_eq!(inputs["environment"], "sha256:image");
    assert!(inputs.contains_key("packaging") && inputs.contains_key("assembly"), "either may make the packages");
    assert!(!inputs.contains_key("builder"), "nothing is installed in it");
    let Reason::Changed { inputs } = reason(&jobs[0], Some(&jobs[0].key.with("environment", "sha256:older"))) else {
        panic!("changed")
    };
    assert_eq!(inputs.iter().map(|change| change.input.as_str()).collect::<Vec<_>>(), ["environment"]);
    let fixed = &with_environment("image = \"debian:12\"\ntools = \"farm\"")[0].key.inputs;
    assert!(!fixed.contains_key("packaging") && fixed.contains_key("assembly"));
}

#[test]
fn a_dockerfile_and_its_context_are_inputs() {
    let written = "dockerfile = \"packaging/Dockerfile\"\nargs = { A = \"1\" }";
    let jobs = with_environment(written);
    let (job, other) = (&jobs[0], &with_environment(&written.replace('1', "2"))[0]);
    let environment = job.environment.as_ref().unwrap();
    let image = environment.dockerfile_image(job.target.arch).unwrap();
    assert_eq!(job.key.inputs["environment.dockerfile"], image.key());
    assert_eq!((image.context.as_str(), image.description.as_str()), ("c0ffee", "packaging/Dockerfile"));
    assert!(!environment.has_builder() && !environment.installs_for(&job.distro));
    assert_ne!(job.key.inputs["environment.dockerfile"], other.key.inputs["environment.dockerfile"]);
    assert!(job.key.inputs["recipe.environment.dockerfile"].contains("packaging/Dockerfile"));
    let changed = reason(job, Some(&job.key.with("environment.dockerfile", "sha256:of other files")));
    let Reason::Changed { inputs } = changed else { panic!("{changed:?}") };
    assert_eq!(inputs.iter().map(|change| change.input.as_str()).collect::<Vec<_>>(), ["environment.dockerfile"]);
    let shown = serde_json::to_value(job).unwrap();
    assert_eq!(shown["environment"]["dockerfile"]["path"], "packaging/Dockerfile");
    assert_eq!(shown["environment"]["dockerfile"]["args"]["A"], "1");
}

#[test]
fn a_distribution_as_environment_has_its_own_builder_and_tools_for_its_own_kind() {
    let jobs = with_environment("distro = \"debian-11\"");
    assert!(jobs.iter().all(|job| job.environment.as_ref().unwrap().tools == PackagingTools::Image));
    assert!(jobs[1].key.inputs.contains_key("environment.distro") && jobs[1].key.inputs.contains_key("builder"));
    let jobs = with_environment("distro = \"fedora-43\"");
    assert!(jobs.iter().all(|job| job.environment.as_ref().unwrap().tools == PackagingTools::Farm));
}

#[test]
fn what_an_environment_cannot_do_stops_the_plan() {
    let mut inputs = inputs(&RECIPE.replace(
        "[build]",
        "[environment]\nimage = \"x\"\ntools = \"farm\"\n[packaging]\ndebian = \"debian\"\n[build]",
    ));
    let error = plan(&inputs).unwrap_err();
    assert_eq!(
        error.problems[0].1,
        "[packaging] debian needs the packaging tools of an image, and here farm makes the packages"
    );
    inputs.targets.clear();
    assert!(plan(&inputs).is_ok());
}

#[test]
fn two_recipes_may_not_make_packages_of_one_name() {
    let recipe = |name: &str, version: &str, rest: &str| {
        format!(
            "[package]\nname = '{name}'\nversion = '{version}'\nsummary = 'x'\nlicense = 'MIT'\nmaintainer = 'A <a@b.c>'\n\
             date = 2026-01-02\n[build]\ninstall = 'x'\n[matrix]\ndistros = ['debian-12', 'fedora-43']\n{rest}"
        )
    };
    let problems = |one: &str, two: &str| {
        let mut inputs = inputs(RECIPE);
        inputs.targets = targets_at("recipes/one", one);
        inputs.targets.extend(targets_at("recipes/two", two));
        match plan(&inputs) {
            Ok(_) => Vec::new(),
            Err(error) => error.problems.into_iter().map(|(target, problem)| format!("{target}: {problem}")).collect(),
        }
    };
    let data = |key: &str| format!("[packages.{key}]\nname = 'common-data'\nfiles = ['/usr/share/x/**']\n");
    let found = problems(&recipe("one", "1.0", &data("data")), &recipe("two", "1.0", &data("words")));
    assert_eq!(
        found,
        [
            "two@debian-12/amd64: [packages.data] of recipes/one and [packages.words] of recipes/two make a package of one \
             name, common-data: give one of them another",
            "two@fedora-43/x86_64: [packages.data] of recipes/one and [packages.words] of recipes/two make a package of one \
             name, common-data: give one of them another",
        ]
    );
    // Whatever the versions; and of one format alone.
    assert_eq!(problems(&recipe("one", "1.0", &data("data")), &recipe("two", "2.0", &data("data"))).len(), 2);
    let main = "[packages.x]\nname = 'one'\nfiles = ['/usr/share/x/**']\n";
    let found = problems(&recipe("one", "1.0", ""), &recipe("two", "1.0", main));
    assert!(found[0].contains("[package] of recipes/one and [packages.x] of recipes/two"), "{found:?}");
    let devel = "[packages.dev]\nfiles = ['/usr/include/**']\n";
    let found = problems(&recipe("pond", "1.0", devel), &recipe("pond-devel", "1.0", ""));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("pond-devel@fedora-43/x86_64: [packages.dev] of recipes/one"), "{found:?}");
    assert_eq!(problems(&recipe("one", "1.0", ""), &recipe("two", "1.0", "")), Vec::<String>::new());
    assert_eq!(problems(&recipe("same", "1.0", ""), &recipe("same", "1.0", "")).len(), 2);
}
