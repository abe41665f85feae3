//! action.yml and the workflow of docs/ci.md that uses it, run as a runner of GitHub or Forgejo does: steps in their order, each with files
//! for its outputs. What other actions would do is only noted.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Map, Value, json};

use crate::ci::secret_key;
use crate::support::{Ran, Test, copy, have, native_engine, repository, skip};

const RECIPE: &str = "[package]\nname = \"NAME\"\nversion = \"1\"\nsummary = \"One of two\"\nlicense = \"MIT\"\n\
                      maintainer = \"Ada Lovelace <ada@example.org>\"\narchitecture = \"all\"\ndate = 2026-01-02\n\
                      [build]\ninstall = 'mkdir -p $DESTDIR/usr/share/two; echo NAME >$DESTDIR/usr/share/two/NAME'\n\
                      [matrix]\ndistros = [\"rpm-generic\"]\n";
const NAME: &str = "OWNER/farm@v1";

/// YAML as everybody else reads it; `None` where no Python with its reader is installed.
fn yaml(text: &str) -> Option<Value> {
    const READ: &str = "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)";
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    let read = |python: &str| Command::new(python).args(["-c", READ]).arg(file.path()).output().ok();
    let works =
        |python: &str| Command::new(python).args(["-c", "import yaml"]).output().is_ok_and(|ran| ran.status.success());
    let Some(python) = ["python3", "/usr/bin/python3"].into_iter().find(|python| works(python)) else {
        skip("python3-yaml is not installed");
        return None;
    };
    let ran = read(python).unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    Some(serde_json::from_slice(&ran.stdout).unwrap())
}

fn action() -> Option<Value> {
    yaml(&fs::read_to_string(repository().join("action.yml")).unwrap())
}

fn page() -> String {
    fs::read_to_string(repository().join("docs/ci.md")).unwrap()
}

/// The workflow of docs/ci.md that has the action.
fn workflow() -> Option<Value> {
    let page = page();
    let mut blocks = page.split("```yaml\n").skip(1).map(|block| block.split("\n```").next().unwrap());
    yaml(blocks.find(|block| block.contains(NAME)).unwrap())
}

/// What expressions can name: `inputs.store`, `steps.run.outputs.matrix`.
type Contexts = BTreeMap<String, String>;

/// Text with its expressions; a name that nothing stands behind is empty, as it is for a runner.
fn evaluated(text: &str, contexts: &Contexts) -> String {
    let mut parts = text.split("${{");
    let mut result = parts.next().unwrap().to_owned();
    for part in parts {
        let (name, rest) = part.split_once("}}").unwrap();
        result.push_str(contexts.get(name.trim()).map_or("", String::as_str));
        result.push_str(rest);
    }
    result
}

/// Comparisons, and `always()`, that hold together.
fn holds(condition: &str, contexts: &Contexts) -> bool {
    let value = |word: &str| match word.trim().strip_prefix('\'') {
        Some(text) => text.strip_suffix('\'').unwrap().to_owned(),
        None => contexts.get(word.trim()).cloned().unwrap_or_default(),
    };
    condition.split("&&").all(|one| match (one.split_once("=="), one.split_once("!=")) {
        (Some((left, right)), _) => value(left) == value(right),
        (_, Some((left, right))) => value(left) != value(right),
        _ => one.trim() == "always()" || panic!("{one} is more than this test knows"),
    })
}

fn entries(value: &Value) -> impl Iterator<Item = (&str, &str)> {
    let entries = value.as_object().into_iter().flatten();
    entries.map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
}

struct Runner<'a> {
    test: &'a Test,
    action: &'a Value,
    workspace: PathBuf,
    temporary: PathBuf,
    /// Folders of programs, the first first.
    path: Vec<PathBuf>,
    /// Other actions, with what they were given.
    used: Vec<(String, Contexts)>,
    said: String,
    summary: String,
}

impl<'a> Runner<'a> {
    /// A checkout of the test's project, with the programs of this machine.
    fn new(test: &'a Test, action: &'a Value, name: &str) -> Runner<'a> {
        let folder = test.folder().join("runners").join(name);
        let (workspace, temporary) = (folder.join("work"), folder.join("temp"));
        fs::create_dir_all(&temporary).unwrap();
        copy(&test.folder().join("recipes"), &workspace.join("recipes"));
        let path = std::env::split_paths(&std::env::var_os("PATH").unwrap()).collect();
        let (used, said, summary) = (Vec::new(), String::new(), String::new());
        Runner { test, action, workspace, temporary, path, used, said, summary }
    }

    fn with_farm(mut self) -> Runner<'a> {
        self.path.insert(0, Path::new(env!("CARGO_BIN_EXE_farm")).parent().unwrap().to_owned());
        self
    }

    /// The action alone: whether it ended well, and its outputs.
    fn action(&mut self, with: &[(&str, &str)]) -> (bool, Contexts) {
        let with: Map<String, Value> = with.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let mut contexts = Contexts::new();
        let is_good = self.steps(&[json!({ "id": "farm", "uses": NAME, "with": with })], &mut contexts);
        let outputs = contexts.into_iter();
        let outputs =
            outputs.filter_map(|(name, value)| Some((name.strip_prefix("steps.farm.outputs.")?.to_owned(), value)));
        (is_good, outputs.collect())
    }

    /// Whether all ended well; outputs are in `contexts` then.
    fn steps(&mut self, steps: &[Value], contexts: &mut Contexts) -> bool {
        let mut is_good = true;
        for step in steps {
            let condition = step["if"].as_str().unwrap_or("");
            if (!is_good && !condition.contains("always()")) || (!condition.is_empty() && !holds(condition, contexts)) {
                continue;
            }
            let with: Contexts =
                entries(&step["with"]).map(|(name, value)| (name.to_owned(), evaluated(value, contexts))).collect();
            let (ended_well, outputs) = match step["uses"].as_str() {
                Some(NAME) => self.inner(&with),
                Some(other) => {
                    self.used.push((other.to_owned(), with));
                    continue;
                }
                None => self.run(step, contexts),
            };
            is_good &= ended_well;
            let id = step["id"].as_str().unwrap_or("");
            contexts.extend(outputs.into_iter().map(|(name, value)| (format!("steps.{id}.outputs.{name}"), value)));
        }
        is_good
    }

    /// The steps of the action, which know nothing of the workflow but its inputs.
    fn inner(&mut self, with: &Contexts) -> (bool, Contexts) {
        let mut contexts: Contexts = [("runner.os", "Linux"), ("runner.arch", "X64"), ("github.run_id", "7")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        // All tests have one store and one cache, and nothing of that is to go.
        let all_stays = ("cache-size".to_owned(), "900G".to_owned());
        let defaults = self.action["inputs"].as_object().unwrap().iter();
        let defaults = defaults.map(|(name, input)| (name.clone(), input["default"].as_str().unwrap().to_owned()));
        let inputs = defaults.chain(with.clone()).chain([all_stays]);
        contexts.extend(inputs.map(|(name, value)| (format!("inputs.{name}"), value)));
        let is_good = self.steps(self.action["runs"]["steps"].as_array().unwrap(), &mut contexts);
        let outputs = self.action["outputs"].as_object().unwrap().iter();
        let value = |output: &Value| evaluated(output["value"].as_str().unwrap(), &contexts);
        (is_good, outputs.map(|(name, output)| (name.clone(), value(output))).collect())
    }

    fn run(&mut self, step: &Value, contexts: &Contexts) -> (bool, Contexts) {
        let file = |name: &str| {
            let file = self.temporary.join(name);
            fs::write(&file, "").unwrap();
            file
        };
        let script = file("script.sh");
        fs::write(&script, step["run"].as_str().unwrap()).unwrap();
        let [outputs, path, summary, env] = ["GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STEP_SUMMARY", "GITHUB_ENV"];
        let mut bash = Command::new("bash");
        bash.args(["--noprofile", "--norc", "-eo", "pipefail"]).arg(&script).env_clear();
        bash.envs(self.test.command(&[]).get_envs().filter_map(|(name, value)| Some((name, value?))));
        for name in [outputs, path, summary, env] {
            bash.env(name, file(name));
        }
        bash.env("PATH", std::env::join_paths(&self.path).unwrap()).env("RUNNER_TEMP", &self.temporary);
        bash.env("GITHUB_ACTION_PATH", repository()).env("GITHUB_WORKSPACE", &self.workspace);
        bash.envs(entries(&step["env"]).map(|(name, value)| (name, evaluated(value, contexts))));
        let at = evaluated(step["working-directory"].as_str().unwrap_or("."), contexts);
        let ran = Ran::of(bash.current_dir(self.workspace.join(at)).stdin(Stdio::null()));
        eprintln!("{}: {:?}\n{}", step["name"], ran.code, ran.text());
        self.said.push_str(&ran.text());
        let written = |name: &str| fs::read_to_string(self.temporary.join(name)).unwrap();
        self.summary.push_str(&written(summary));
        for folder in written(path).lines() {
            self.path.insert(0, folder.into());
        }
        let outputs = written(outputs);
        let outputs = outputs.lines().map(|line| line.split_once('=').unwrap());
        (ran.code == Some(0), outputs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

fn two(name: &str) -> Test {
    let test = Test::on(name, &native_engine());
    for name in ["one", "two"] {
        test.write(&format!("recipes/{name}/farm.toml"), &RECIPE.replace("NAME", name));
    }
    test
}

/// Names behind `begin` in expressions: `inputs.`
fn named<'t>(text: &'t str, begin: &'t str) -> impl Iterator<Item = &'t str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    text.split(begin).skip(1).map(move |rest| rest.split(|c| !is_name(c)).next().unwrap())
}

#[test]
fn the_action_is_what_a_runner_takes() {
    let (Some(action), Some(workflow)) = (action(), workflow()) else { return };
    let keys = |value: &Value, known: &[&str]| {
        for key in value.as_object().unwrap().keys() {
            assert!(known.contains(&key.as_str()), "{key} is none of {known:?}");
        }
    };
    let is_text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    keys(&action, &["name", "author", "description", "inputs", "outputs", "runs", "branding"]);
    assert!(is_text(&action["name"]) && is_text(&action["description"]));
    let inputs = action["inputs"].as_object().unwrap();
    for (name, input) in inputs {
        keys(input, &["description", "required", "default", "deprecationMessage"]);
        assert!(is_text(&input["description"]) && input["default"].is_string(), "{name}: {input}");
        assert!(page().contains(&format!("\n| `{name}` | ")), "docs/ci.md has no row for {name}");
    }
    let outputs = action["outputs"].as_object().unwrap();
    for (name, output) in outputs {
        keys(output, &["description", "value"]);
        assert!(is_text(&output["description"]) && is_text(&output["value"]), "{name}: {output}");
        assert!(page().contains(&format!("`{name}`")), "docs/ci.md does not name {name}");
    }
    keys(&action["runs"], &["using", "steps"]);
    assert_eq!(action["runs"]["using"], "composite");
    let mut scripts = BTreeMap::new();
    let steps = action["runs"]["steps"].as_array().unwrap();
    for step in steps {
        keys(
            step,
            &["name", "id", "if", "env", "run", "shell", "working-directory", "uses", "with", "continue-on-error"],
        );
        let text = step.to_string();
        for name in named(&text, "steps.") {
            let (id, output) = name.split_once(".outputs.").unwrap();
            let script: &String = scripts.get(id).unwrap_or_else(|| panic!("no step before has the id {id}"));
            assert!(output == "cache-hit" || script.contains(&format!("\"{output}=")), "{id} has no output {output}");
        }
        // What an expression is put into is no script: somebody else may have written the text.
        let script = step["run"].as_str().unwrap_or("");
        assert!(!script.contains("${{"), "{script}");
        match step["uses"].as_str() {
            Some(used) => assert!(used.split_once('@').is_some_and(|(_, version)| version.starts_with('v'))),
            None => assert!(!script.is_empty() && step["shell"] == "bash", "{step}"),
        }
        if let Some(id) = step["id"].as_str() {
            scripts.insert(id.to_owned(), script.to_owned());
        }
    }
    let text = action["runs"].to_string();
    let mut read: Vec<&str> = named(&text, "inputs.").collect();
    read.sort_unstable();
    read.dedup();
    assert_eq!(read, inputs.keys().collect::<Vec<_>>(), "each input is read, and no other");
    for output in outputs.values() {
        let value = output["value"].as_str().unwrap();
        let name = named(value, "steps.run.outputs.").next().unwrap();
        assert!(scripts["run"].contains(&format!("\"{name}=")), "{value}");
    }
    // And the workflow gives it what it takes.
    for step in workflow["jobs"].as_object().unwrap().values().flat_map(|job| job["steps"].as_array().unwrap()) {
        if step["uses"] == NAME {
            assert!(entries(&step["with"]).all(|(name, _)| inputs.contains_key(name)), "{step}");
        }
    }
}

#[test]
fn the_workflow_with_the_action_builds_signs_and_publishes() {
    let (Some(action), Some(workflow)) = (action(), workflow()) else { return };
    let test = two("action");
    let steps = |job: &str| workflow["jobs"][job]["steps"].as_array().unwrap();
    let mut runner = Runner::new(&test, &action, "plan").with_farm();
    let mut contexts = Contexts::new();
    assert!(runner.steps(steps("plan"), &mut contexts));
    let matrix = evaluated(workflow["jobs"]["plan"]["outputs"]["matrix"].as_str().unwrap(), &contexts);
    let matrix: Value = serde_json::from_str(&matrix).unwrap();
    let jobs = matrix["include"].as_array().unwrap();
    assert_eq!(jobs.len(), 2, "{matrix}");

    let mut release = Runner::new(&test, &action, "release").with_farm();
    for job in jobs {
        let name = job["name"].as_str().unwrap();
        let mut runner = Runner::new(&test, &action, name).with_farm();
        let of_job = job.as_object().unwrap().iter();
        let mut contexts: Contexts =
            of_job.filter_map(|(name, value)| Some((format!("matrix.{name}"), value.as_str()?.to_owned()))).collect();
        assert!(runner.steps(steps("build"), &mut contexts), "{name}");
        assert!(runner.summary.contains("| succeeded |"), "{}", runner.summary);
        let used: Vec<&str> = runner.used.iter().map(|(used, _)| used.as_str()).collect();
        assert_eq!(used, ["actions/checkout@v4", "actions/cache@v4", "actions/upload-artifact@v4"]);
        let cached = &runner.used[1].1;
        assert!(Path::new(&cached["path"]).join("archive").is_dir(), "{cached:?}");
        assert_eq!(cached["key"], format!("{}7", cached["restore-keys"]));
        let uploaded = &runner.used[2].1;
        assert_eq!(uploaded["name"], name);
        copy(Path::new(&uploaded["path"]), &release.workspace.join("stores").join(name));
        // Hidden files are not uploaded.
        fs::remove_dir_all(release.workspace.join("stores").join(name).join(".farm")).unwrap();
    }

    let mut contexts = Contexts::from([
        ("secrets.SIGNING_KEY".to_owned(), secret_key()),
        ("vars.PUBLISH_TO".to_owned(), test.folder().join("www").display().to_string()),
    ]);
    assert!(release.steps(steps("release"), &mut contexts));
    let repomd = fs::read_dir(test.folder().join("www/rpm")).unwrap().next().unwrap().unwrap().path();
    assert!(repomd.join("repodata/repomd.xml.asc").is_file());
    assert!(release.workspace.join("release/SHA256SUMS.asc").is_file());
    assert!(!release.workspace.join("key.asc").exists());
}

#[test]
fn a_failure_is_annotated_and_kept_and_inputs_are_only_text() {
    let Some(action) = action() else { return };
    let test = two("action-fails");
    test.write("recipes/two/farm.toml", &RECIPE.replace("NAME", "two").replace("mkdir", "echo no; exit 3; mkdir"));
    let mut runner = Runner::new(&test, &action, "fails").with_farm();
    let engine = native_engine();
    let (is_good, outputs) = runner.action(&[("engine", &engine), ("artifact", "both"), ("store", "out")]);
    assert!(!is_good);
    let output = |name: &str| outputs[name].as_str();
    assert_eq!((output("exit-code"), output("good"), output("bad"), output("matrix")), ("10", "1", "1", ""));
    assert!(
        runner
            .said
            .contains("::error title=two@rpm-generic/x86_64 failed in install,file=recipes/two/farm.toml,line=10::"),
        "{}",
        runner.said
    );
    assert!(runner.summary.contains("1 of 2 targets not built"), "{}", runner.summary);
    let store = runner.workspace.join("out");
    assert_eq!(Path::new(output("store")), store);
    assert!(store.join("two/rpm-generic-x86_64/build.log").is_file());
    assert_eq!(runner.used[0].1["path"], output("store"));

    // Whoever can name a target or a branch could write this.
    for (input, code) in [("arguments", "2"), ("matrix", "4"), ("command", "2")] {
        let mut runner = Runner::new(&test, &action, input).with_farm();
        let (is_good, outputs) = runner.action(&[(input, "$(touch pwned) `touch pwned`; touch pwned")]);
        assert_eq!((is_good, outputs["exit-code"].as_str()), (false, code), "{input}: {}", runner.said);
        assert!(!runner.workspace.join("pwned").exists(), "{input}");
    }
    let mut runner = Runner::new(&test, &action, "words").with_farm();
    let (is_good, outputs) = runner.action(&[("command", "plan"), ("arguments", "-t 'one@*'\n one")]);
    assert!(
        is_good && outputs["matrix"].contains("one-rpm-generic-") && !outputs["matrix"].contains("two"),
        "{outputs:?}"
    );
}

#[test]
fn farm_is_a_program_a_package_or_built_from_the_action() {
    let Some(action) = action() else { return };
    if !have(&["dpkg-deb", "rpmbuild", "rpm2cpio", "cpio"]) {
        return;
    }
    let test = two("action-program");
    let at = |name: &str| test.folder().join(name);
    // No farm and no cargo of this machine.
    let tools = at("tools");
    fs::create_dir_all(&tools).unwrap();
    for tool in [
        "bash",
        "sh",
        "cat",
        "cpio",
        "cut",
        "dpkg-deb",
        "find",
        "install",
        "mkdir",
        "rm",
        "rpm2cpio",
        "sha256sum",
        "sort",
    ]
    .into_iter()
    .chain(["tar", "xargs", "xz", "gzip", "cp"])
    {
        let folders = std::env::split_paths(&std::env::var_os("PATH").unwrap()).collect::<Vec<_>>();
        let found = folders.iter().map(|folder| folder.join(tool)).find(|path| path.is_file()).expect(tool);
        std::os::unix::fs::symlink(found, tools.join(tool)).unwrap();
    }
    let program = |path: &Path, text: &str| {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    let is_found = |with: &[(&str, &str)], more: &[PathBuf], name: &str| {
        let mut runner = Runner::new(&test, &action, name);
        runner.path = [more, std::slice::from_ref(&tools)].concat();
        let (is_good, _) = runner.action(&[&[("command", "setup")], with].concat());
        assert!(is_good, "{name}: {}", runner.said);
        let path = std::env::join_paths(&runner.path).unwrap();
        let farm = Ran::of(Command::new("sh").args(["-c", "farm"]).env_clear().env("PATH", path)).exits(0);
        assert_eq!(farm.stdout, format!("farm {name}\n"));
        runner.used
    };

    program(&at("given/a farm"), "#!/bin/sh\necho farm program\n");
    is_found(&[("farm", at("given/a farm").to_str().unwrap())], &[], "program");

    program(&at("deb/usr/bin/farm"), "#!/bin/sh\necho farm deb\n");
    test.write(
        "deb/DEBIAN/control",
        "Package: farm\nVersion: 1\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: x\n",
    );
    Ran::of(Command::new("dpkg-deb").args(["--root-owner-group", "-b"]).arg(at("deb")).arg(at("farm.deb"))).exits(0);
    is_found(&[("farm", at("farm.deb").to_str().unwrap())], &[], "deb");

    test.write(
        "farm.spec",
        "Name: farm\nVersion: 1\nRelease: 1\nSummary: x\nLicense: MIT\nBuildArch: noarch\n%description\nx\n%install\n\
         mkdir -p %{buildroot}/usr/bin\nprintf '#!/bin/sh\\necho farm rpm\\n' >%{buildroot}/usr/bin/farm\n%files\n\
         %attr(755,root,root) /usr/bin/farm\n",
    );
    let mut rpmbuild = Command::new("rpmbuild");
    rpmbuild.args([
        "-bb",
        "--define",
        "_binary_payload w6.gzdio",
        "--define",
        &format!("_topdir {}", at("rpm").display()),
    ]);
    Ran::of(rpmbuild.arg(at("farm.spec"))).exits(0);
    is_found(&[("farm", at("rpm/RPMS/noarch/farm-1-1.noarch.rpm").to_str().unwrap())], &[], "rpm");

    // One that is there goes before cargo, which is not.
    program(&at("there/farm"), "#!/bin/sh\necho farm there\n");
    is_found(&[], &[at("there")], "there");

    program(
        &at("cargo/cargo"),
        "#!/bin/sh\necho \"$@\"\nwhile [ $# -gt 0 ]; do case $1 in --target-dir) to=$2 ;; --manifest-path) cat \"$2\" >/dev/null || exit 1 ;; esac; shift; done\n\
         mkdir -p \"$to/release\"\nprintf '#!/bin/sh\\necho farm built\\n' >\"$to/release/farm\"\n",
    );
    let used = is_found(&[], &[at("cargo")], "built");
    let (cache, with) = &used[0];
    assert_eq!(cache, "actions/cache@v4");
    assert!(Path::new(&with["path"]).join("farm").is_file());
    let key = with["key"].strip_prefix("farm-program-Linux-X64-").unwrap();
    assert!(key.len() == 32 && key.bytes().all(|byte| byte.is_ascii_hexdigit()), "{key}");

    let mut runner = Runner::new(&test, &action, "none");
    runner.path = vec![tools];
    assert!(!runner.action(&[("command", "setup")]).0);
    assert!(runner.said.contains("::error::there is no farm on PATH"), "{}", runner.said);
}
