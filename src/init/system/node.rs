//! Node: package.json. The files that npm would publish are installed where the distribution's Node looks for modules, with
//! the modules that they need in it, and links for its programs.

use serde_json::Value;

use super::modules::Modules;
use crate::init::draft::Draft;
use crate::init::text::{is_plain_path, is_plain_word, is_version, one_line};
use crate::init::toolchains::least;
use crate::init::tree::Tree;

pub(super) const FILE: &str = "package.json";

/// npm writes to its cache in any case; a build has no home.
const OWN_CACHE: &str = "export npm_config_cache=$(mktemp -d)";

pub(super) fn read(tree: &Tree, draft: &mut Draft) {
    let manifest: Value = tree.text(FILE).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let text = |key: &str| manifest[key].as_str().map(str::to_owned);
    let name = text("name").unwrap_or_default();
    let plain = name.rsplit('/').next().unwrap_or_default().to_owned();
    draft.version = draft.version.take().or_else(|| text("version").filter(|version| is_version(version)));
    draft.summary = draft.summary.take().or_else(|| text("description"));
    draft.homepage = draft.homepage.take().or_else(|| text("homepage"));
    draft.declared_licenses.extend(text("license").map(|license| (license, FILE.to_owned())));
    draft.maintainer = draft.maintainer.take().or_else(|| text("author"));
    draft.arch_independent = true;
    draft.section = Some("javascript");

    let programs: Vec<(String, String)> = match &manifest["bin"] {
        Value::String(path) => vec![(plain.clone(), path.clone())],
        Value::Object(table) => {
            table.iter().filter_map(|(name, path)| Some((name.clone(), path.as_str()?.to_owned()))).collect()
        }
        _ => Vec::new(),
    };
    let is_program = !programs.is_empty();
    draft.name = draft
        .name
        .take()
        .or_else(|| (!plain.is_empty()).then(|| if is_program { plain.clone() } else { format!("node-{plain}") }));
    if let Some(least) = manifest["engines"]["node"].as_str().and_then(least) {
        draft.want("node", &least, FILE);
    }
    draft.need("nodejs", FILE);
    draft.need("npm", FILE);
    draft.runtime("nodejs", FILE);

    let dependencies = manifest["dependencies"].as_object().is_some_and(|table| !table.is_empty());
    let lock = ["npm-shrinkwrap.json", "package-lock.json"].into_iter().find(|file| tree.has(file));
    let native = lock.map(|file| native(tree.text(file).unwrap_or_default())).unwrap_or_default();
    if !native.is_empty() {
        draft.arch_independent = false;
        let names = native.iter().map(|name| one_line(name)).collect::<Vec<_>>().join(", ");
        draft.check(format!(
            "modules with machine code are among what it needs, and see what they take to compile: {names}"
        ));
        draft.need("c++", FILE);
        draft.need("make", FILE);
        draft.need("python3", FILE);
    }
    let script = |name: &str| manifest["scripts"][name].as_str();
    // What is made before it is packed; hooks of git are no part of that.
    let prepares = script("prepare").is_some_and(|command| !command.contains("husky"));
    let steps: Vec<&str> = [("build", script("build").is_some()), ("prepare", prepares && script("build").is_none())]
        .into_iter()
        .filter_map(|(step, there)| there.then_some(step))
        .collect();
    let compiles = !steps.is_empty();
    // Scripts of modules are only run where something has to be compiled by them.
    let quiet = if native.is_empty() { " --ignore-scripts" } else { "" };
    let quiet = format!("{quiet} --no-audit --no-fund");
    let fetch = match lock {
        Some(_) => format!("npm ci{quiet}"),
        None => format!("npm install --no-package-lock{quiet}"),
    };
    let mut fetched = false;
    if dependencies || compiles {
        draft.build.push(fetch);
        draft.build.extend(steps.iter().map(|step| format!("npm run {step}")));
        // Asked again what is needed: lock files are known to call modules `dev` that are not.
        draft.build.push(format!("npm prune --omit=dev{quiet}"));
        fetched = super::modules::needed(Modules::Npm, lock.unwrap_or(FILE), tree, draft);
        if !fetched {
            draft.build.insert(0, OWN_CACHE.to_owned());
        }
        if lock.is_none() {
            draft.check("there is no lock file: each build takes whatever versions of modules are the newest");
        }
    }

    // Of names that no folder should have, nothing is made. npm knows which files are the module's.
    let folder = if is_plain_word(&plain) { plain } else { "module".to_owned() };
    let share = if draft.arch_independent { "share" } else { "lib" };
    let place = format!("$DESTDIR$PREFIX/{share}/nodejs/{folder}");
    draft.install = vec![
        "pack=$(mktemp -d)".to_owned(),
        "npm pack --ignore-scripts --pack-destination $pack".to_owned(),
        format!("mkdir -p {place}"),
        format!("tar -xzf $pack/*.tgz -C {place} --strip-components=1 --no-same-owner"),
        format!("rm -f {place}/farm.toml"),
    ];
    if script("prepare").is_some() {
        // npm 9 runs it whatever it is told, when what it needs is gone again.
        draft.install.insert(0, "npm pkg delete scripts.prepare".to_owned());
    }
    if !fetched {
        draft.install.insert(0, OWN_CACHE.to_owned());
    }
    if !tree.has_folder("debian") {
        // A project that does not say which files are its own has what it is built with among them.
        draft.install.push(format!("rm -rf {place}/debian"));
    }
    let dotfiles = tree.names().any(|path| path.starts_with('.') && !path.contains('/'));
    if dependencies {
        draft.install.push(format!("cp -R node_modules {place}/"));
    }
    if dependencies || dotfiles {
        // What its authors' tools look at, and nobody else.
        draft.install.push(format!("find {place} -type f \\( -name .npmignore -o -name .gitignore -o -name .gitattributes -o -name .gitmodules \\"));
        draft.install.push("  -o -name .jshintrc -o -name .jscsrc -o -name .nycrc -o -name '.eslint*' -o -name .travis.yml -o -name .editorconfig \\) -delete".to_owned());
    }
    let mut linked = false;
    for (name, path) in &programs {
        let path = path.trim_start_matches("./");
        if is_plain_word(name) && is_plain_path(path) {
            if !linked {
                draft.install.push("mkdir -p $DESTDIR$PREFIX/bin".to_owned());
                linked = true;
            }
            // Packages of Debian have no programs called *.js: one of them is called by another.
            if path.ends_with(".js") {
                draft.install.push(format!(
                    "printf '#!/bin/sh\\nexec node %s \"$@\"\\n' $PREFIX/{share}/nodejs/{folder}/{path} >$DESTDIR$PREFIX/bin/{name}"
                ));
                draft.install.push(format!("chmod 755 $DESTDIR$PREFIX/bin/{name}"));
            } else {
                draft.install.push(format!("chmod 755 {place}/{path}"));
                draft.install.push(format!("ln -s ../{share}/nodejs/{folder}/{path} $DESTDIR$PREFIX/bin/{name}"));
            }
            draft.program(name);
        }
    }
    draft.runs_programs = true;
}

/// The modules of a lock file that compile something when they are installed, or bring machine code for some systems.
fn native(lock: &str) -> Vec<String> {
    let lock: Value = serde_json::from_str(lock).unwrap_or_default();
    let packages = lock["packages"].as_object().into_iter().flatten();
    let mut found: Vec<String> = packages
        .filter(|(_, module)| module["dev"] != true && (module["hasInstallScript"] == true || module["cpu"].is_array()))
        .filter_map(|(path, _)| path.rsplit("node_modules/").next().filter(|name| !name.is_empty()).map(str::to_owned))
        .collect();
    found.truncate(10);
    found
}
