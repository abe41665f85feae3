//! Python: pyproject.toml, setup.cfg, setup.py, read as data. A setup.py is a program: of it, only literal arguments of
//! `setup(…)` are understood.

use toml::{Table, Value};

use crate::init::draft::Draft;
use crate::init::text::{calls, capability, is_plain_word, is_version, keyword, literals, one_line, split_arguments};
use crate::init::toolchains::least;
use crate::init::tree::{Tree, base_name};

const PYPROJECT: &str = "pyproject.toml";
const SETUP_CFG: &str = "setup.cfg";
const SETUP_PY: &str = "setup.py";

/// Back ends that call CMake or Meson themselves: their files are not what is to be called.
const DRIVING: [&str; 3] = ["scikit_build_core", "mesonpy", "skbuild"];

/// Back ends, or parts of them, that take the version from tags, and the variable in which they are told.
const VERSIONED_BY_GIT: [(&str, &str); 5] = [
    ("setuptools-scm", "SETUPTOOLS_SCM_PRETEND_VERSION"),
    ("hatch-vcs", "SETUPTOOLS_SCM_PRETEND_VERSION"),
    ("pdm-backend", "PDM_BUILD_SCM_VERSION"),
    ("pbr", "PBR_VERSION"),
    ("poetry-dynamic-versioning", "POETRY_DYNAMIC_VERSIONING_BYPASS"),
];

pub(super) fn file_that_drives_another(tree: &Tree) -> Option<String> {
    let backend = build_system(&manifest(tree)).1.unwrap_or_default();
    DRIVING.iter().any(|driving| backend.starts_with(driving)).then(|| PYPROJECT.to_owned())
}

pub(super) fn file(tree: &Tree) -> Option<String> {
    let manifest = manifest(tree);
    // Some pyproject.toml only configure tools.
    let builds = manifest.contains_key("build-system") || manifest.contains_key("project");
    if tree.has(PYPROJECT) && builds {
        return Some(PYPROJECT.to_owned());
    }
    super::common::top(tree, &[SETUP_PY, SETUP_CFG])
}

fn manifest(tree: &Tree) -> Table {
    tree.text(PYPROJECT).and_then(|text| text.parse::<Table>().ok()).unwrap_or_default()
}

fn build_system(manifest: &Table) -> (Vec<String>, Option<String>) {
    let section = manifest.get("build-system").and_then(Value::as_table);
    let requires = section.and_then(|section| section.get("requires")).and_then(Value::as_array);
    let requires = requires.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    let backend = section.and_then(|section| section.get("build-backend")).and_then(Value::as_str).map(str::to_owned);
    (requires, backend)
}

#[derive(Default)]
struct Found {
    name: Option<String>,
    requires: Vec<(String, String)>,
    modules: Vec<String>,
    scripts: Vec<String>,
}

pub(super) fn read(tree: &Tree, draft: &mut Draft) {
    let mut found = Found::default();
    let manifest = manifest(tree);
    let (build_requires, _) = build_system(&manifest);
    pyproject(&manifest, draft, &mut found);
    setup_cfg(tree.text(SETUP_CFG).unwrap_or_default(), draft, &mut found);
    setup_py(tree.text(SETUP_PY).unwrap_or_default(), draft, &mut found);
    packages(tree, &mut found);
    if draft.version.is_none() {
        draft.version = dunder_version(tree, &found);
    }

    draft.need("python3", draft.system_file.clone());
    draft.runtime("python3", draft.system_file.clone());
    draft.need("python3dist(pip)", draft.system_file.clone());
    // They look for what its modules need, and compile them where the package is installed.
    draft.need_by_manager("dh-python", "python3-devel", draft.system_file.clone());
    let from = if tree.has(PYPROJECT) { PYPROJECT } else { SETUP_PY };
    for requirement in &build_requires {
        if let Some(what) = python_capability(requirement, false) {
            draft.need(what, from);
        }
    }
    if build_requires.is_empty() || build_requires.iter().any(|name| name.starts_with("setuptools")) {
        draft.need("python3dist(setuptools)", from);
        draft.need("python3dist(wheel)", from);
    }
    let extension = tree.names().any(|path| path.ends_with(".pyx") || base_name(path).ends_with("module.c"))
        || tree.text(SETUP_PY).is_some_and(|text| text.contains("Extension("));
    draft.arch_independent = !extension;
    if extension {
        draft.need("cc", SETUP_PY);
        draft.need("pkgconfig(python3)", SETUP_PY);
    }
    for (requirement, from) in &found.requires {
        if let Some(what) = python_capability(requirement, true) {
            draft.runtime(what, from.clone());
        }
    }

    // A module is called python3-NAME in both worlds; a program has its own name.
    let name = found.name.or(draft.name.take());
    let program = !found.scripts.is_empty();
    found.scripts.iter().for_each(|script| draft.program(script));
    draft.name = name.map(|name| {
        let plain = name.to_ascii_lowercase().replace(['_', '.'], "-");
        if program || plain.starts_with("python") { plain } else { format!("python3-{plain}") }
    });
    draft.section = Some(if program { "utils" } else { "python" });
    // Debian's interpreter would put it below /usr/local; other distributions' do not look at the variable.
    draft.build =
        vec!["python3 -m pip wheel --no-deps --no-build-isolation --no-index --wheel-dir farm-wheel .".to_owned()];
    // Back ends that ask git for the version find no repository in the sources.
    for (backend, variable) in VERSIONED_BY_GIT {
        if build_requires.iter().any(|name| name.to_ascii_lowercase().replace('_', "-").starts_with(backend)) {
            draft.build.insert(0, format!("export {variable}=$FARM_VERSION"));
        }
    }
    draft.runs_programs = true;
    draft.install = vec![
        "export DEB_PYTHON_INSTALL_LAYOUT=deb".to_owned(),
        "python3 -m pip install --no-deps --no-index --no-warn-script-location --no-compile --root=$DESTDIR --prefix=$PREFIX farm-wheel/*.whl".to_owned(),
    ];
    let module = found.modules.first().cloned();
    if let Some(module) = module.filter(|module| is_plain_word(module) && !module.contains(['-', '+', '.'])) {
        draft.test = Some(format!("python3 -c 'import {module}'"));
    }
}

fn pyproject(manifest: &Table, draft: &mut Draft, found: &mut Found) {
    let project = manifest.get("project").and_then(Value::as_table);
    let poetry = manifest.get("tool").and_then(|tool| tool.get("poetry")).and_then(Value::as_table);
    let flit = manifest
        .get("tool")
        .and_then(|tool| tool.get("flit"))
        .and_then(|flit| flit.get("metadata"))
        .and_then(Value::as_table);
    for table in [project, poetry, flit].into_iter().flatten() {
        let text = |key: &str| table.get(key).and_then(Value::as_str).map(str::to_owned);
        found.name = found.name.take().or_else(|| text("name")).or_else(|| text("module"));
        draft.version = draft.version.take().or_else(|| text("version").filter(|version| is_version(version)));
        draft.summary = draft.summary.take().or_else(|| text("description"));
        draft.homepage = draft.homepage.take().or_else(|| text("homepage")).or_else(|| text("home-page"));
        if let Some(urls) = table.get("urls").and_then(Value::as_table) {
            let wanted = ["homepage", "home", "source", "repository"];
            let url = urls.iter().find(|(key, _)| wanted.contains(&key.to_ascii_lowercase().as_str()));
            draft.homepage = draft.homepage.take().or_else(|| url.and_then(|(_, url)| url.as_str().map(str::to_owned)));
        }
        let own = text("requires-python");
        let poetry = table.get("dependencies").and_then(|list| list.get("python")?.as_str().map(str::to_owned));
        if let Some(least) = own.or(poetry).as_deref().and_then(least) {
            draft.want("python", &least, PYPROJECT);
        }
        let license = table.get("license");
        let license = license.and_then(|license| license.as_str().or_else(|| license.get("text")?.as_str()));
        if let Some(license) = license {
            draft.declared_licenses.push((one_line(license), PYPROJECT.to_owned()));
        }
        let classifiers = table.get("classifiers").and_then(Value::as_array).into_iter().flatten();
        classifiers.filter_map(Value::as_str).for_each(|classifier| classified(classifier, PYPROJECT, draft));
        let dependencies = table.get("dependencies").or_else(|| table.get("requires"));
        match dependencies {
            Some(Value::Array(list)) => {
                let list = list.iter().filter_map(Value::as_str);
                found.requires.extend(list.map(|requirement| (requirement.to_owned(), PYPROJECT.to_owned())));
            }
            Some(Value::Table(table)) => {
                let optional = |value: &Value| value.get("optional").and_then(Value::as_bool).unwrap_or(false);
                let names = table.iter().filter(|(name, value)| *name != "python" && !optional(value));
                found.requires.extend(names.map(|(name, _)| (name.clone(), PYPROJECT.to_owned())));
            }
            _ => {}
        }
        if let Some(scripts) = table.get("scripts").and_then(Value::as_table) {
            found.scripts.extend(scripts.keys().cloned());
        }
    }
}

/// `name = value` below `[section]`, continued lines indented.
fn setup_cfg(text: &str, draft: &mut Draft, found: &mut Found) {
    let mut section = "";
    let mut entries: Vec<(String, String, Vec<String>)> = Vec::new();
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, _, lines)) = entries.last_mut() {
                lines.push(trimmed.to_owned());
            }
        } else if let Some((key, value)) = trimmed.split_once(['=', ':']) {
            let value = value.trim();
            let first = if value.is_empty() { Vec::new() } else { vec![value.to_owned()] };
            entries.push((section.to_owned(), key.trim().replace('-', "_"), first));
        }
    }
    let from = || SETUP_CFG.to_owned();
    for (section, key, lines) in entries {
        let first = lines.first().cloned();
        match (section.as_str(), key.as_str()) {
            ("metadata", "name") => found.name = found.name.take().or(first),
            ("metadata", "version") => {
                draft.version = draft.version.take().or(first.filter(|version| is_version(version)))
            }
            ("metadata", "description" | "summary") => draft.summary = draft.summary.take().or(first),
            ("metadata", "url" | "home_page") => draft.homepage = draft.homepage.take().or(first),
            ("metadata", "license") => {
                draft.declared_licenses.extend(first.map(|license| (one_line(&license), from())))
            }
            ("metadata", "classifiers" | "classifier") => {
                lines.iter().for_each(|line| classified(line, SETUP_CFG, draft))
            }
            ("options", "install_requires") => found.requires.extend(lines.into_iter().map(|line| (line, from()))),
            ("options", "python_requires") => {
                if let Some(least) = first.as_deref().and_then(least) {
                    draft.want("python", &least, SETUP_CFG);
                }
            }
            ("options", "py_modules") => found.modules.extend(lines),
            ("options.entry_points", "console_scripts" | "gui_scripts") => {
                let names = lines.iter().filter_map(|line| line.split_once('='));
                found.scripts.extend(names.map(|(name, _)| name.trim().to_owned()));
            }
            _ => {}
        }
    }
}

fn setup_py(text: &str, draft: &mut Draft, found: &mut Found) {
    let calls = calls(text, "#", true);
    let Some(setup) = calls.iter().find(|call| matches!(call.name.rsplit('.').next(), Some("setup"))) else { return };
    let arguments = split_arguments(&setup.arguments);
    let literal = |key: &str| {
        let value = keyword(&arguments, key).filter(|value| value.starts_with(['"', '\'']));
        value.and_then(|value| literals(value).into_iter().next())
    };
    let list = |key: &str| {
        keyword(&arguments, key).filter(|value| value.starts_with(['[', '('])).map(literals).unwrap_or_default()
    };
    let from = format!("{SETUP_PY}:{}", setup.line);
    found.name = found.name.take().or_else(|| literal("name"));
    draft.version = draft.version.take().or_else(|| literal("version").filter(|version| is_version(version)));
    draft.summary = draft.summary.take().or_else(|| literal("description"));
    draft.homepage = draft.homepage.take().or_else(|| literal("url"));
    draft.declared_licenses.extend(literal("license").map(|license| (one_line(&license), from.clone())));
    list("classifiers").iter().for_each(|classifier| classified(classifier, SETUP_PY, draft));
    found.requires.extend(list("install_requires").into_iter().map(|requirement| (requirement, from.clone())));
    if let Some(least) = literal("python_requires").as_deref().and_then(least) {
        draft.want("python", &least, from.clone());
    }
    found.modules.extend(list("py_modules"));
    found.modules.extend(list("packages").into_iter().filter(|module| !module.contains('.')));
    found.scripts.extend(list("scripts").iter().map(|script| base_name(script).to_owned()));
    let entry_points = keyword(&arguments, "entry_points").unwrap_or_default();
    if entry_points.contains("console_scripts") {
        let names =
            literals(entry_points).into_iter().flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>());
        let names: Vec<String> = names.filter(|line| line.contains(':')).collect();
        found
            .scripts
            .extend(names.iter().filter_map(|line| line.split_once('=')).map(|(name, _)| name.trim().to_owned()));
    }
    let lists = ["install_requires", "packages"].iter().filter_map(|key| keyword(&arguments, key));
    if lists.clone().any(|value| !value.starts_with(['[', '(']))
        && keyword(&arguments, "install_requires").is_some_and(|value| !value.starts_with(['[', '(']))
    {
        draft.check("setup.py computes its requirements: name them in [package] requires");
    }
}

/// Licences that a classifier names without doubt. `MIT License` is one; `BSD License` may be any of several.
fn classified(classifier: &str, from: &str, draft: &mut Draft) {
    const KNOWN: [(&str, &str); 9] = [
        ("MIT License", "MIT"),
        ("Apache Software License", "Apache-2.0"),
        ("ISC License (ISCL)", "ISC"),
        ("Mozilla Public License 2.0 (MPL 2.0)", "MPL-2.0"),
        ("GNU General Public License v2 or later (GPLv2+)", "GPL-2.0-or-later"),
        ("GNU General Public License v3 or later (GPLv3+)", "GPL-3.0-or-later"),
        ("GNU Lesser General Public License v2 or later (LGPLv2+)", "LGPL-2.0-or-later"),
        ("GNU Lesser General Public License v3 or later (LGPLv3+)", "LGPL-3.0-or-later"),
        ("GNU Affero General Public License v3 or later (AGPLv3+)", "AGPL-3.0-or-later"),
    ];
    let last = classifier.rsplit("::").next().unwrap_or_default().trim();
    if classifier.starts_with("License ::")
        && let Some((_, id)) = KNOWN.iter().find(|(name, _)| *name == last)
    {
        draft.declared_licenses.push(((*id).to_owned(), from.to_owned()));
    }
}

/// The modules at the top, of which one is what people import.
fn packages(tree: &Tree, found: &mut Found) {
    let folders = tree.names().filter_map(|path| path.strip_suffix("/__init__.py"));
    let names = folders.map(|folder| folder.strip_prefix("src/").unwrap_or(folder)).filter(|name| !name.contains('/'));
    let names: Vec<String> =
        names.filter(|name| !["tests", "test", "docs", "examples"].contains(name)).map(str::to_owned).collect();
    let flat = |name: &str| name.to_ascii_lowercase().replace(['-', '_', '.'], "");
    let wanted = found.name.as_deref().map(flat).unwrap_or_default();
    // The one that has the project's name first.
    found.modules.extend(names);
    let single =
        tree.names().filter_map(|path| path.strip_suffix(".py")).map(|path| path.strip_prefix("src/").unwrap_or(path));
    found.modules.extend(single.filter(|name| flat(name) == wanted).map(str::to_owned));
    found.modules.sort_by_key(|module| flat(module) != wanted);
}

/// `__version__ = '1.2'` of the main module.
fn dunder_version(tree: &Tree, found: &Found) -> Option<String> {
    let module = found.modules.first()?;
    let places = [
        format!("{module}/__init__.py"),
        format!("src/{module}/__init__.py"),
        format!("{module}.py"),
        format!("src/{module}.py"),
        format!("{module}/version.py"),
        format!("{module}/_version.py"),
    ];
    places.iter().filter_map(|path| tree.text(path)).find_map(|text| {
        let line = text.lines().find(|line| line.starts_with("__version__"))?;
        literals(line).into_iter().next().filter(|version| is_version(version))
    })
}

/// A requirement of PEP 508 as a capability: the name, and the least version when packages need it. What is for other
/// systems or an extra is none.
fn python_capability(requirement: &str, versions: bool) -> Option<String> {
    let (requirement, marker) = requirement.split_once(';').unwrap_or((requirement, ""));
    let foreign = ["win32", "Windows", "darwin", "extra", "python_version<", "python_version <", "python_version=="];
    if foreign.iter().any(|word| marker.contains(word)) || requirement.trim_start().starts_with(['#', '-']) {
        return None;
    }
    let name_end = requirement
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')))
        .unwrap_or(requirement.len());
    let (name, rest) = requirement.split_at(name_end);
    let name = name.trim().to_ascii_lowercase().replace(['_', '.'], "-");
    let least = rest.split(',').find_map(|part| part.trim().trim_start_matches(['(', ' ']).strip_prefix(">="));
    let least = least.map(|version| version.trim().trim_end_matches(')')).filter(|_| versions);
    capability("python3dist", &name, least)
}

#[cfg(test)]
mod tests {
    use super::python_capability;

    #[test]
    fn requirements_become_capabilities() {
        let of = |text: &str| python_capability(text, true);
        assert_eq!(of("requests>=2.0,<3").as_deref(), Some("python3dist(requests) >= 2.0"));
        assert_eq!(of("Foo_Bar[extra] (>=1.1)").as_deref(), Some("python3dist(foo-bar)"));
        assert_eq!(of("typing-extensions; python_version < '3.8'"), None);
        assert_eq!(of("colorama ; sys_platform == 'win32'"), None);
        assert_eq!(of("$(id)"), None);
        assert_eq!(python_capability("setuptools>=61", false).as_deref(), Some("python3dist(setuptools)"));
    }
}
