//! Jobs of a CI, each with a checkout of its own, come to what one run makes. What they do is what docs/ci.md prints.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::support::{Ran, Test, copy, native_engine};

const RECIPE: &str = "[package]\nname = \"NAME\"\nversion = \"1\"\nsummary = \"One of two\"\nlicense = \"MIT\"\n\
                      maintainer = \"Ada Lovelace <ada@example.org>\"\narchitecture = \"all\"\ndate = 2026-01-02\n\
                      [build]\ninstall = 'mkdir -p $DESTDIR/usr/share/two; echo NAME >$DESTDIR/usr/share/two/NAME'\n\
                      [matrix]\ndistros = [\"debian-12\", \"rpm-generic\"]\n";

/// The `run: |` scripts of the workflow of docs/ci.md without the action, by the job and name that stand before them.
fn printed_steps() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ci.md")).unwrap();
    let block = text.split("```yaml\n").nth(2).unwrap().split("\n```").next().unwrap();
    let (mut steps, mut name) = (BTreeMap::<String, String>::new(), None);
    let mut script: Option<usize> = None;
    for line in block.lines() {
        let indent = line.len() - line.trim_start().len();
        match script {
            Some(outer) if indent > outer => {
                let name: &String = name.as_ref().unwrap();
                steps.get_mut(name).unwrap().push_str(&format!("{}\n", line.trim_start()));
                continue;
            }
            _ => script = None,
        }
        let words = line.trim_start().trim_start_matches("- ");
        if let Some(found) = words.strip_prefix("id: ").or(words.strip_prefix("name: ")) {
            name = Some(found.to_owned());
        }
        if words == "run: |" {
            steps.insert(name.clone().unwrap(), String::new());
            script = Some(indent);
        }
    }
    steps
}

/// A secret key without a passphrase, as a CI keeps it.
pub(crate) fn secret_key() -> String {
    // The path of its socket has to be short.
    let home = tempfile::tempdir().unwrap();
    let gpg = |args: &[&str]| {
        let mut gpg = Command::new("gpg");
        gpg.args(["--batch", "--pinentry-mode", "loopback", "--passphrase", ""]).args(args);
        Ran::of(gpg.env("GNUPGHOME", home.path())).exits(0)
    };
    gpg(&["--quick-gen-key", "Release <release@example.org>", "ed25519", "sign", "1y"]);
    let exported = Command::new("gpg")
        .args(["--batch", "--pinentry-mode", "loopback", "--passphrase", "", "--armor", "--export-secret-keys"])
        .env("GNUPGHOME", home.path())
        .output()
        .unwrap();
    let _ = Command::new("gpgconf").env("GNUPGHOME", home.path()).args(["--kill", "all"]).status();
    String::from_utf8(exported.stdout).unwrap()
}

#[test]
fn the_jobs_of_a_ci_come_to_what_one_run_makes() {
    let test = Test::on("ci", &native_engine());
    for name in ["one", "two"] {
        test.write(&format!("recipes/{name}/farm.toml"), &RECIPE.replace("NAME", name));
    }
    let steps = printed_steps();
    let folder = test.folder().to_owned();
    let (outputs, secret) = (folder.join("outputs"), secret_key());
    // As a runner has them: files for outputs, and variables that the workflow sets.
    let step = |name: &str, at: &str, env: &[(&str, &str)]| {
        let mut script = Command::new("sh");
        script.args(["-euc", &steps[name]]).current_dir(folder.join(at)).env_clear();
        script.envs(test.command(&[]).get_envs().filter_map(|(name, value)| Some((name, value?))));
        let programs = Path::new(env!("CARGO_BIN_EXE_farm")).parent().unwrap();
        script.env("PATH", format!("{}:{}", programs.display(), std::env::var("PATH").unwrap()));
        script.env("GITHUB_OUTPUT", &outputs).env("GITHUB_STEP_SUMMARY", folder.join("summary.md"));
        script.envs(env.iter().copied());
        Ran::of(&mut script).exits(0)
    };
    step("plan", ".", &[]);
    let output = std::fs::read_to_string(&outputs).unwrap();
    let matrix: serde_json::Value = serde_json::from_str(output.trim().strip_prefix("matrix=").unwrap()).unwrap();
    let jobs = matrix["include"].as_array().unwrap();
    let names: Vec<&str> = jobs.iter().map(|job| job["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 4, "{matrix}");

    for job in jobs {
        let checkout = format!("checkouts/{}", job["name"].as_str().unwrap());
        let to = folder.join(&checkout);
        copy(&folder.join("recipes"), &to.join("recipes"));
        step("Build", &checkout, &[("FARM_ARGUMENTS", job["arguments"].as_str().unwrap())]);
        // Hidden files are not uploaded.
        let store = folder.join("release/stores").join(job["name"].as_str().unwrap());
        std::fs::create_dir_all(store.parent().unwrap()).unwrap();
        std::fs::rename(to.join("dist"), &store).unwrap();
        std::fs::remove_dir_all(store.join(".farm")).unwrap();
    }
    step("Merge", "release", &[("SIGNING_KEY", &secret)]);

    test.run(&["build", "--matrix"]).exits(0);
    // A .buildinfo says when and on how many processors, and a .changes has its sum.
    let is_dated = |name: &str| name.ends_with(".buildinfo") || name.ends_with(".changes");
    let sums = |path: &Path| {
        let text = std::fs::read_to_string(path.join("SHA256SUMS")).unwrap();
        let sums: Vec<String> =
            text.lines().map(|line| if is_dated(line) { &line[64..] } else { line }.to_owned()).collect();
        sums
    };
    assert_eq!(sums(&folder.join("release/dist")), sums(&test.dist()));
    let list = |path: &Path| {
        let listed =
            Ran::of(Command::new(env!("CARGO_BIN_EXE_farm")).args(["list", "--json", "-o"]).arg(path)).exits(0).text();
        let mut listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
        for target in listed["targets"].as_array_mut().unwrap() {
            // When, and how long, is what differs.
            target["ended"] = serde_json::Value::Null;
            target["packages"]["made"] = serde_json::Value::Null;
            target["packages"]["elapsed_seconds"] = serde_json::Value::Null;
            let artifacts = target["packages"]["artifacts"].as_array_mut().unwrap();
            artifacts.retain(|artifact| !is_dated(artifact["file_name"].as_str().unwrap()));
        }
        listed
    };
    assert_eq!(list(&folder.join("release/dist")), list(&test.dist()));
    assert!(folder.join("release/release/SHA256SUMS.asc").is_file());
    assert!(folder.join("release/public/dists").is_dir());
    assert!(!folder.join("release/key.asc").exists());
    assert!(std::fs::read_to_string(folder.join("summary.md")).unwrap().contains("| succeeded |"));
}
