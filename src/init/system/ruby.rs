//! Ruby gems: a .gemspec, which is a program; of it, only assignments of literals are understood.

use crate::init::draft::Draft;
use crate::init::text::{capability, is_plain_word, is_version, literals};
use crate::init::tree::{Tree, base_name};

pub(super) fn file(tree: &Tree) -> Option<String> {
    tree.names().find(|name| !name.contains('/') && name.ends_with(".gemspec")).map(str::to_owned)
}

pub(super) fn read(tree: &Tree, draft: &mut Draft) {
    let Some(path) = file(tree) else { return };
    let text = tree.text(&path).unwrap_or_default();
    let assigned = |key: &str| {
        text.lines().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            let value = value.trim();
            (name.trim().rsplit('.').next() == Some(key) && value.starts_with(['"', '\'']))
                .then(|| literals(value).into_iter().next())?
        })
    };
    let gem = assigned("name")
        .filter(|name| is_plain_word(name))
        .unwrap_or_else(|| base_name(&path).trim_end_matches(".gemspec").to_owned());
    let version = assigned("version").filter(|version| is_version(version)).or_else(|| constant_version(tree));
    draft.version = draft.version.take().or(version);
    draft.summary = draft.summary.take().or_else(|| assigned("summary")).or_else(|| assigned("description"));
    draft.homepage = draft.homepage.take().or_else(|| assigned("homepage"));
    draft.declared_licenses.extend(assigned("license").map(|license| (license, path.clone())));

    let mut programs = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let from = format!("{path}:{}", number + 1);
        let runtime = line.contains(".add_dependency") || line.contains(".add_runtime_dependency");
        if runtime
            && let Some(name) = literals(line).first()
            && let Some(what) = capability("rubygem", name, None)
        {
            draft.runtime(what, from);
        }
        let listed =
            line.split_once('=').filter(|(name, _)| name.contains(".executables")).map(|(_, value)| value.trim());
        if let Some(value) = listed.filter(|value| value.starts_with(['[', '"', '\''])) {
            programs.extend(literals(value));
        }
    }
    if programs.is_empty() {
        let folders = ["exe/", "bin/"].into_iter().filter(|folder| text.contains(folder.trim_end_matches('/')));
        let of = |folder: &str| {
            tree.names().filter_map(|path| path.strip_prefix(folder)).map(str::to_owned).collect::<Vec<_>>()
        };
        programs = folders.map(of).find(|names| !names.is_empty()).unwrap_or_default();
        programs.retain(|name| !["console", "setup", "rake", "rspec"].contains(&name.as_str()));
    }
    let is_program = programs.iter().any(|name| is_plain_word(name));
    programs.iter().for_each(|name| draft.program(name));
    draft.name =
        draft.name.take().or(Some(if is_program { gem.clone() } else { format!("ruby-{}", gem.replace('_', "-")) }));
    draft.rpm_name = (!is_program && is_plain_word(&gem)).then(|| format!("rubygem-{gem}"));
    draft.section = Some("ruby");
    let compiled = tree.names().any(|name| name.starts_with("ext/"));
    draft.arch_independent = !compiled;
    draft.need("ruby", path.clone());
    if compiled {
        draft.need("cc", path.clone());
        draft.need("make", path.clone());
        draft.need("pkgconfig(ruby)", path.clone());
    }
    draft.runtime("ruby", path.clone());
    if text.contains("git ls-files") {
        draft.check(format!(
            "{path} asks git for its files, and a source archive has no git: set `files` there by a patch"
        ));
    }
    let spec = if is_plain_word(&path) { path.as_str() } else { "*.gemspec" };
    draft.build = vec![format!("gem build --output farm.gem {spec}")];
    draft.install = vec![
        "gem install --local --force --ignore-dependencies --no-document --no-user-install \\".to_owned(),
        "  --build-root $DESTDIR --bindir $PREFIX/bin farm.gem".to_owned(),
        "find $DESTDIR -type d -name cache -exec rm -rf {} +".to_owned(),
        "find $DESTDIR -type d -empty -delete".to_owned(),
    ];
}

/// `VERSION = "1.2"` in lib/**/version.rb
fn constant_version(tree: &Tree) -> Option<String> {
    tree.texts(|path| path.starts_with("lib/") && base_name(path) == "version.rb").into_iter().find_map(|(_, text)| {
        let line = text.lines().find(|line| line.trim_start().starts_with("VERSION"))?;
        literals(line).into_iter().next().filter(|version| is_version(version))
    })
}
