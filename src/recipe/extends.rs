//! `extends = "../base.toml"`: a recipe laid on another one, which may be laid on a third. Tables merge as with overrides.
//! Each path means what it means in the file that it stands in.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::document::{self, KeyValue, Node, Table, Value};
use super::reader::Problems;
use super::text::{self, RecipeText};
use super::{Problem, environment, lists, repositories, scripts, values};
use crate::types::{nearest, printable};

/// A recipe and what it extends, as they are written.
pub(super) struct Written {
    pub(super) text: RecipeText,
    /// First the recipe itself. Spans are those of `text`.
    files: Vec<WrittenFile>,
}

struct WrittenFile {
    path: PathBuf,
    /// Of its folder, from that of the recipe: empty, or with `/` at the end.
    prefix: String,
    table: Table,
}

/// Reads the files that a recipe extends. `path` is that of the recipe, `own` its text.
///
/// # Errors
/// What is wrong with the form of one of them, or with where it says that another one is.
pub(super) fn read(path: &Path, own: String) -> Result<Written, (RecipeText, Vec<Problem>)> {
    let root = folder(path);
    let mut seen: Vec<PathBuf> = path.canonicalize().into_iter().collect();
    let mut texts = vec![(path.to_owned(), own)];
    let mut files: Vec<WrittenFile> = Vec::new();
    let (mut prefix, mut start) = (String::new(), 0);
    loop {
        let all = |texts: &[(PathBuf, String)]| {
            RecipeText::new(texts.iter().map(|(path, text)| (path.as_path(), text.as_str())))
        };
        let failed = |texts: &[(PathBuf, String)], problems: Vec<Problem>| Err((all(texts), problems));
        let Some((path, text)) = texts.last() else { return failed(&texts, Vec::new()) };
        let table = match document::parse(text) {
            Ok(table) => table.shifted(start),
            Err(problems) => return failed(&texts, problems.into_iter().map(|one| shifted(one, start)).collect()),
        };
        let (path, length) = (path.clone(), text.len());
        let named = table.get("extends").map(|entry| entry.node.clone());
        files.push(WrittenFile { path, prefix: prefix.clone(), table });
        let Some(named) = named else { return Ok(Written { text: all(&texts), files }) };
        let name = match name(&named) {
            Ok(name) => name,
            Err(problem) => return failed(&texts, vec![problem]),
        };
        let relative = format!("{prefix}{name}");
        let next = match root == Path::new(".") {
            true => PathBuf::from(&relative),
            false => root.join(&relative),
        };
        let refused = |label: String, help: &str| {
            let message = format!("the recipe `{}` cannot be extended", printable(name));
            vec![Problem { message, span: named.span.clone(), label, help: Some(help.to_owned()) }]
        };
        let bytes = match text::read(&next) {
            Ok(bytes) => bytes,
            Err(reason) => {
                let label = near(&next).map_or(reason, |near| format!("did you mean `{near}`?"));
                return failed(&texts, refused(label, "the path starts from the folder of the file that it stands in"));
            }
        };
        let next = shorter(next);
        if let Ok(real) = next.canonicalize() {
            if seen.contains(&real) {
                let label = format!("this leads back to {}", printable(&next.to_string_lossy()));
                return failed(&texts, refused(label, "of recipes that extend each other, one has to be the first"));
            }
            seen.push(real);
        }
        // The files stand behind each other, each on lines of its own.
        start += length + 1;
        prefix = relative.rfind('/').map_or(String::new(), |at| relative[..=at].to_owned());
        match text::decode(&bytes) {
            Ok(text) => texts.push((next, text)),
            Err((text, problem)) => {
                texts.push((next, text));
                return failed(&texts, vec![shifted(problem, start)]);
            }
        }
    }
}

/// The same file without `..` after a name, where no link makes it another one.
fn shorter(path: PathBuf) -> PathBuf {
    let mut short = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir if matches!(short.components().next_back(), Some(Component::Normal(_))) => {
                short.pop();
            }
            part => short.push(part),
        }
    }
    match (short.canonicalize(), path.canonicalize()) {
        (Ok(one), Ok(other)) if one == other => short,
        _ => path,
    }
}

/// The folder that relative paths of a file start from.
pub(super) fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn shifted(problem: Problem, by: usize) -> Problem {
    Problem { span: problem.span.start + by..problem.span.end + by, ..problem }
}

fn name(node: &Node) -> Result<&str, Problem> {
    let wrong = |message: &str, label: String, help: Option<String>| {
        Err(Problem { message: message.to_owned(), span: node.span.clone(), label, help })
    };
    match &node.value {
        Value::String(name) if name.is_empty() || name.contains(['\n', '\0']) => {
            wrong("`extends` names no file", "this is no path".to_owned(), None)
        }
        Value::String(name) => match values::relative_path(name) {
            Ok(()) => Ok(name),
            Err(complaint) => wrong(&format!("`extends` {}", complaint.message), complaint.label, complaint.help),
        },
        other => {
            let help = "a recipe extends one other: extends = \"../base.toml\"".to_owned();
            wrong("`extends` must be a string", format!("this is {}", other.kind()), Some(help))
        }
    }
}

/// The file of that folder that may have been meant.
fn near(path: &Path) -> Option<String> {
    let names: BTreeSet<String> =
        std::fs::read_dir(folder(path)).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    let name = path.file_name()?.to_str()?;
    let near =
        nearest(name, names.iter().map(String::as_str).filter(|other| other.ends_with(".toml") && *other != name));
    near.map(printable)
}

impl Written {
    /// The files that the recipe extends, relative to its folder.
    pub(super) fn bases(&self) -> Vec<String> {
        let name = |file: &WrittenFile| Some(format!("{}{}", file.prefix, file.path.file_name()?.to_str()?));
        self.files.iter().skip(1).filter_map(name).collect()
    }

    /// One recipe of all of them, with scripts that stand in files. `problems` are those of `text`.
    pub(super) fn merged(&self, problems: &Problems<'_>) -> Table {
        let mut merged: Option<Table> = None;
        for file in self.files.iter().rev() {
            let mut table = scripts::inlined(&file.table, &folder(&file.path), problems);
            if !file.prefix.is_empty() {
                rebase(&mut table, &file.prefix);
            }
            merged = Some(match merged {
                None => table,
                Some(below) => laid_on(below, &table, problems),
            });
        }
        merged.unwrap_or_default()
    }
}

fn laid_on(mut below: Table, table: &Table, problems: &Problems<'_>) -> Table {
    // An environment is one thing, in an override, too.
    for (selector, over) in overrides(table) {
        if over.get("environment").is_some()
            && let Some(body) = body(&mut below, selector)
        {
            body.entries.remove("environment");
        }
    }
    let mut missing = |missing: lists::Missing<'_>| problems.push(missing.problem());
    environment::merged(&below, &lists::edited(&below, table, Some("override"), &mut missing))
}

fn overrides(table: &Table) -> impl Iterator<Item = (&str, &Table)> {
    let overrides = table.get("override").and_then(|entry| entry.node.value.as_table());
    let entries = overrides.into_iter().flat_map(|overrides| &overrides.entries);
    entries.filter_map(|(selector, entry)| Some((&**selector, entry.node.value.as_table()?)))
}

fn body<'a>(table: &'a mut Table, selector: &str) -> Option<&'a mut Table> {
    let Value::Table(overrides) = &mut table.entries.get_mut("override")?.node.value else { return None };
    let Value::Table(body) = &mut Arc::make_mut(overrides).entries.get_mut(selector)?.node.value else { return None };
    Some(Arc::make_mut(body))
}

/// Makes paths that start from the folder of this file start from that of the recipe.
fn rebase(table: &mut Table, prefix: &str) {
    let selectors: Vec<String> = overrides(table).map(|(selector, _)| selector.to_owned()).collect();
    rebase_part(table, prefix);
    for selector in selectors {
        if let Some(body) = body(table, &selector) {
            rebase_part(body, prefix);
        }
    }
}

/// The paths of a recipe, or of one of its overrides. Scripts are read already.
fn rebase_part(table: &mut Table, prefix: &str) {
    if let Some(KeyValue { node: Node { value: Value::Array(sources), .. }, .. }) = table.entries.get_mut("sources") {
        let mut all = sources.to_vec();
        for source in &mut all {
            let Value::Table(source) = &mut source.value else { continue };
            for key in ["path", "series", "patches"] {
                if let Some(entry) = Arc::make_mut(source).entries.get_mut(key) {
                    rebase_value(&mut entry.node.value, prefix);
                }
            }
        }
        *sources = all.into();
    }
    if let Some(KeyValue { node: Node { value: Value::Array(repositories), .. }, .. }) =
        table.entries.get_mut("repositories")
    {
        let mut all = repositories.to_vec();
        for repository in &mut all {
            let Value::Table(repository) = &mut repository.value else { continue };
            if let Some(entry) = Arc::make_mut(repository).entries.get_mut("key")
                && !matches!(&entry.node.value, Value::String(key) if repositories::is_inline(key))
            {
                rebase_value(&mut entry.node.value, prefix);
            }
        }
        *repositories = all.into();
    }
    let Some(KeyValue { node: Node { value: Value::Table(environment), .. }, .. }) =
        table.entries.get_mut("environment")
    else {
        return;
    };
    let environment = Arc::make_mut(environment);
    // Without one, the context of a Dockerfile is the folder of the file that names it.
    if let Some(dockerfile) = environment.get("dockerfile").filter(|_| environment.get("context").is_none()) {
        let node = Node { span: dockerfile.node.span.clone(), value: Value::String(Arc::from(".")) };
        let context = KeyValue { key_span: dockerfile.key_span.clone(), node };
        environment.entries.insert(Arc::from("context"), context);
    }
    for key in ["dockerfile", "context"] {
        if let Some(entry) = environment.entries.get_mut(key) {
            rebase_value(&mut entry.node.value, prefix);
        }
    }
}

fn rebase_value(value: &mut Value, prefix: &str) {
    match value {
        Value::String(path) if !path.is_empty() && !path.starts_with('/') => {
            *path = match &**path {
                "." => Arc::from(prefix.trim_end_matches('/')),
                path => Arc::from(format!("{prefix}{path}")),
            };
        }
        Value::Array(items) => {
            let mut all = items.to_vec();
            all.iter_mut().for_each(|item| rebase_value(&mut item.value, prefix));
            *items = all.into();
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::tests::{DEB, RPM, resolved, selection};
    use super::super::{EnvironmentOrigin, Origin, RecipeError, RecipeFile};
    use super::*;

    const BASE: &str = "[package]\nsummary = 'A pond'\nlicense = 'MIT'\nmaintainer = 'T <t@example.org>'\n\
                        requires = ['adduser', 'tzdata']\n\
                        [build]\nrequires = ['gettext', 'zlib1g-dev']\nenv = { A = '1', B = '1' }\n\
                        install = { file = 'install.sh' }\n\
                        [[sources]]\npath = 'src'\npatches = ['fix.patch', '../shared.patch']\n[[sources]]\npath = '.'\n\
                        [override.rpm.build]\nrequires = { add = ['rpm-macros'], remove = ['zlib1g-dev'] }\n";

    /// A recipe in `pond/farm.toml`, with other files around it.
    fn parsed(own: &str, others: &[(&str, &str)]) -> Result<RecipeFile, RecipeError> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("pond/farm.toml", own), ("common/install.sh", "make install\n")].iter().chain(others) {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        RecipeFile::load(&folder.path().join("pond/farm.toml"), &BTreeMap::new())
    }

    /// What is wrong: the file, the marked text and the label.
    fn wrong(own: &str, others: &[(&str, &str)]) -> Vec<(String, String, String)> {
        let Err(RecipeError::Invalid { problems, text, .. }) = parsed(own, others) else { panic!("{own}") };
        let one = |problem: Problem| {
            let place = text.place(&problem.span);
            let file = place.path.file_name().unwrap().to_string_lossy().into_owned();
            (file, place.text[place.span].to_owned(), problem.label)
        };
        problems.into_iter().map(one).collect()
    }

    #[test]
    fn tables_merge_and_each_path_starts_where_it_is_written() {
        let own = "extends = '../common/base.toml'\n[package]\nname = 'pond'\nversion = '1'\nsummary = 'This pond'\n\
                   [build]\nenv = { B = '2' }\n[package.scripts]\npost-install = { file = 'own.sh' }\n";
        let file = parsed(own, &[("common/base.toml", BASE), ("pond/own.sh", "true\n")]).unwrap();
        let recipe = resolved(&file, DEB);
        assert_eq!((recipe.package.summary.as_str(), recipe.package.license.as_str()), ("This pond", "MIT"));
        assert_eq!(recipe.build.env.into_iter().map(|(key, value)| key + &value).collect::<Vec<_>>(), ["A1", "B2"]);
        assert_eq!(recipe.build.install.as_deref(), Some("make install\n"));
        assert_eq!(recipe.package.scripts.post_install.as_deref(), Some("true\n"));
        let paths: Vec<_> = recipe.sources.iter().map(|source| source.origin.clone()).collect();
        let path = |path: &str| Origin::Path { path: path.to_owned() };
        assert_eq!(paths, [path("../common/src"), path("../common")]);
        let patches: Vec<_> = recipe.sources[0].patches.iter().map(|patch| patch.path.as_str()).collect();
        assert_eq!(patches, ["../common/fix.patch", "../common/../shared.patch"]);
        let place = &recipe.sources[0].place;
        assert_eq!((place.path.ends_with("common/base.toml"), place.line), (true, 11));
        let (path, line) = file.line_of(&selection(DEB), "build.requires").unwrap();
        assert_eq!((path.ends_with("common/base.toml"), line), (true, 7));
    }

    #[test]
    fn a_chain_goes_on_from_file_to_file() {
        let middle = "extends = 'base.toml'\n[package]\nversion = '2'\nrequires = { remove = ['tzdata'] }\n\
                      [override.rpm.build]\nrequires = { add = ['more'], remove = ['rpm-macros'] }\n\
                      [override.rpm.environment]\nimage = 'x'\n";
        let own = "extends = '../common/middle.toml'\n[package]\nname = 'pond'\nrequires = { add = ['curl', 'adduser'] }\n\
                   [override.rpm.environment]\ndockerfile = 'Dockerfile'\n";
        let file = parsed(own, &[("common/base.toml", BASE), ("common/middle.toml", middle)]).unwrap();
        let (deb, rpm) = (resolved(&file, DEB), resolved(&file, RPM));
        assert_eq!(deb.package.version, "2");
        assert_eq!(deb.package.relations.requires, ["adduser", "curl"]);
        assert_eq!(deb.build.requires, ["gettext", "zlib1g-dev"]);
        assert_eq!(rpm.build.requires, ["gettext", "more"]);
        assert!(
            matches!(rpm.environment.unwrap().origin, EnvironmentOrigin::Dockerfile(of) if of.path == "Dockerfile")
        );
        let named = |text: &str| {
            let span = file.place_of(&selection(RPM), "build.requires", text)?;
            Some(file.text.place(&span).path.file_name()?.to_str()?.to_owned())
        };
        assert_eq!(named("more").as_deref(), Some("middle.toml"));
        assert_eq!(named("gettext").as_deref(), Some("base.toml"));
    }

    #[test]
    fn a_dockerfile_brings_its_folder() {
        let base = format!("{BASE}[environment]\ndockerfile = 'docker/Dockerfile'\n");
        let own = "extends = '../common/base.toml'\n[package]\nname = 'pond'\nversion = '1'\n";
        let file = parsed(own, &[("common/base.toml", &base)]).unwrap();
        let EnvironmentOrigin::Dockerfile(dockerfile) = resolved(&file, DEB).environment.unwrap().origin else {
            panic!()
        };
        assert_eq!(
            (dockerfile.path.as_str(), dockerfile.context.as_str()),
            ("../common/docker/Dockerfile", "../common")
        );
    }

    #[test]
    fn what_is_wrong_is_told_in_its_own_file() {
        let own = "extends = '../common/base.toml'\n[package]\nname = 'pond'\nversion = '1'\n";
        let broken = |text: &str| BASE.replace("license = 'MIT'", text);
        for (own, base, expected) in [
            (own.to_owned(), broken("license = 'MTI'"), ("base.toml", "MTI", "")),
            (own.to_owned(), broken("licens = 'MIT'"), ("base.toml", "licens", "did you mean `license`?")),
            (own.to_owned(), broken("license = "), ("base.toml", "", "the value is missing")),
            (format!("{own}lisense = 'x'\n"), BASE.to_owned(), ("farm.toml", "lisense", "did you mean `license`?")),
            (
                own.replace("base", "bsae"),
                BASE.to_owned(),
                ("farm.toml", "'../common/bsae.toml'", "did you mean `base.toml`?"),
            ),
            (own.replace("'../common/base.toml'", "1"), BASE.to_owned(), ("farm.toml", "1", "this is an integer")),
            (
                own.replace("..", "/x/.."),
                BASE.to_owned(),
                ("farm.toml", "'/x/../common/base.toml'", "this is an absolute path"),
            ),
            (
                own.to_owned(),
                format!("extends = 'base.toml'\n{BASE}"),
                ("base.toml", "'base.toml'", "this leads back to "),
            ),
            (
                own.to_owned(),
                format!("extends = '../pond/farm.toml'\n{BASE}"),
                ("base.toml", "'../pond/farm.toml'", "this leads back to "),
            ),
            (
                format!("{own}requires = {{ remove = ['tzdate'] }}\n"),
                BASE.to_owned(),
                ("farm.toml", "'tzdate'", "did you mean `tzdata`?"),
            ),
            (
                format!("{own}requires = {{ add = 'x' }}\n"),
                BASE.to_owned(),
                ("farm.toml", "{ add = 'x' }", "this is a table"),
            ),
            (
                own.to_owned(),
                broken("license = 'MIT'\nsuggests = { add = ['x'] }"),
                ("base.toml", "{ add = ['x'] }", "this is a table"),
            ),
            (
                own.to_owned(),
                format!("{BASE}[override.debian-12.package]\nrequires = {{ remove = ['tz'] }}\n"),
                ("base.toml", "'tz'", ""),
            ),
        ] {
            let found = wrong(&own, &[("common/base.toml", &base)]);
            let (file, marked, label) = expected;
            let is_it = |(at, text, said): &(String, String, String)| {
                at == file && text.trim() == marked && said.starts_with(label)
            };
            assert!(found.iter().any(is_it), "{own}\n{base}\n{found:?}");
        }
    }

    #[test]
    fn what_one_override_adds_another_one_may_remove() {
        let own = "[package]\nname = 'pond'\nversion = '1'\nsummary = 'A pond'\nlicense = 'MIT'\n\
                   maintainer = 'T <t@example.org>'\nrequires = ['aa']\n[build]\ninstall = 'true'\n\
                   [override.deb.package]\nrequires = { add = ['bb'] }\nsuggests = { add = ['ss'] }\n\
                   [override.\"debian-*\".package]\nrequires = { remove = ['bb', 'aa'], add = ['cc'] }\n\
                   [override.\"fedora-*\".package]\nrequires = { remove = ['bb'] }\n";
        let file = parsed(own, &[]).unwrap();
        let deb = resolved(&file, DEB).package.relations;
        assert_eq!((deb.requires, deb.suggests), (vec!["cc".to_owned()], vec!["ss".to_owned()]));
        let Err(RecipeError::Invalid { problems, .. }) = file.merged(&selection(RPM), &BTreeMap::new()) else {
            panic!("nothing adds it there")
        };
        assert_eq!(problems[0].message, "`package.requires` has no `bb` to remove");
        assert_eq!(problems[0].help.as_deref(), Some("it has aa"));
    }
}
