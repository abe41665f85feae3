//! Node: package.json. Its files are installed where the distribution's Node looks for modules, with links for its
//! programs.

use serde_json::Value;

use crate::init::draft::Draft;
use crate::init::text::{is_plain_path, is_plain_word, is_version};
use crate::init::tree::Tree;

pub(super) const FILE: &str = "package.json";

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
    draft.runtime("/usr/bin/node", FILE);

    // Of names that no folder should have, nothing is made.
    let folder = if is_plain_word(&plain) { plain } else { "module".to_owned() };
    let place = format!("$DESTDIR$PREFIX/share/nodejs/{folder}");
    let listed: Vec<String> = manifest["files"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(|path| path.trim_start_matches("./").trim_end_matches('/').to_owned())
        .collect();
    let mut files: Vec<String> = listed.into_iter().filter(|path| is_plain_path(path)).collect();
    files.extend(["lib", "bin", "src", "dist", "index.js", "cli.js"].map(str::to_owned));
    files.extend(text("main").map(|path| path.trim_start_matches("./").to_owned()).filter(|path| is_plain_path(path)));
    files.extend(
        programs.iter().map(|(_, path)| path.trim_start_matches("./").to_owned()).filter(|path| is_plain_path(path)),
    );
    files.retain(|path| tree.has(path) || tree.has_folder(path));
    files.sort();
    files.dedup();
    // A file in a folder that is taken whole is there already.
    let tops: Vec<String> = files
        .iter()
        .filter(|path| !files.iter().any(|other| path.starts_with(&format!("{other}/"))))
        .cloned()
        .collect();
    draft.install = vec![
        format!("mkdir -p {place} $DESTDIR$PREFIX/bin"),
        format!("cp -R package.json {} {place}/", tops.join(" ")),
    ];
    for (name, path) in &programs {
        let path = path.trim_start_matches("./");
        if is_plain_word(name) && is_plain_path(path) {
            draft.install.push(format!("chmod 755 {place}/{path}"));
            draft.install.push(format!("ln -s ../share/nodejs/{folder}/{path} $DESTDIR$PREFIX/bin/{name}"));
            draft.program(name);
        }
    }
    if programs.is_empty() {
        draft.install.push("rmdir $DESTDIR$PREFIX/bin".to_owned());
    }
    let dependencies: Vec<&String> =
        manifest["dependencies"].as_object().into_iter().flatten().map(|(name, _)| name).collect();
    if !dependencies.is_empty() {
        let count = dependencies.len();
        draft.check(format!("{count} modules from the npm registry are needed and not installed: name the distribution's packages of them in [package] requires, or bring node_modules as a source"));
    }
    if manifest["scripts"]["build"].is_string() {
        draft.check("package.json has a build script, which was not used: say in [build] build how its files are made");
    }
}
