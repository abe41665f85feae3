//! Files that need each other can only be read together. Two may (a type and who makes it); more are a knot, and none are
//! in two rooms.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use crate::{code_lines, expand, is_test, sources};

/// `["recipe", "file"]` of `src/recipe/file.rs`.
type Module = Vec<String>;

struct Graph {
    code: BTreeMap<Module, String>,
    /// Names that a module has of another one: the path there -> the path where it is.
    exports: BTreeMap<Module, Module>,
}

#[test]
fn no_more_than_two_files_need_each_other() {
    let graph = Graph::of_sources();
    let edges: BTreeMap<&Module, BTreeSet<Module>> =
        graph.code.keys().map(|module| (module, graph.imports(module))).collect();
    assert!(edges.values().map(BTreeSet::len).sum::<usize>() > 500, "does this test still read the sources?");
    let mut wrong = String::new();
    for circle in circles(&edges) {
        let rooms: BTreeSet<&str> = circle.iter().map(|module| module[0].as_str()).collect();
        let files: Vec<String> = circle.iter().map(|module| module.join("/")).collect();
        if rooms.len() > 1 || circle.len() > 2 {
            let _ = writeln!(wrong, "these need each other: {}", files.join(", "));
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn circles_are_found() {
    let name = |text: &str| vec![text.to_owned()];
    let (a, b, c, d) = (name("a"), name("b"), name("c"), name("d"));
    let edges = BTreeMap::from([
        (&a, BTreeSet::from([b.clone()])),
        (&b, BTreeSet::from([c.clone(), d.clone()])),
        (&c, BTreeSet::from([a.clone()])),
        (&d, BTreeSet::new()),
    ]);
    assert_eq!(circles(&edges), [vec![a.clone(), b.clone(), c.clone()]]);
}

impl Graph {
    fn of_sources() -> Graph {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut code = BTreeMap::new();
        for file in sources().into_iter().filter(|file| !is_test(file)) {
            let inside = file.strip_prefix(&root).expect("a file of src").with_extension("");
            let mut module: Module =
                inside.iter().map(|part| part.to_str().expect("a name of ours").to_owned()).collect();
            module.pop_if(|last| last == "mod");
            if !matches!(module.first().map(String::as_str), Some("lib" | "main")) {
                let lines = code_lines(&file).into_iter();
                let text = lines.map(|(_, line)| line.split("//").next().unwrap_or_default().to_owned() + "\n");
                code.insert(module, text.collect());
            }
        }
        let mut graph = Graph { code, exports: BTreeMap::new() };
        let mut exports = BTreeMap::new();
        for (module, text) in &graph.code {
            for (_, body) in uses(text) {
                for path in graph.paths(module, body) {
                    if let Some(name) = path.last() {
                        exports.insert([module.as_slice(), std::slice::from_ref(name)].concat(), path);
                    }
                }
            }
        }
        graph.exports = exports;
        graph
    }

    /// The modules that a file takes something of; what it only hands on does not count.
    fn imports(&self, module: &Module) -> BTreeSet<Module> {
        let mut text = self.code[module].clone();
        for (is_public, body) in uses(&self.code[module]) {
            if is_public {
                text = text.replacen(body, "", 1);
            }
        }
        let mut paths: Vec<Module> = Vec::new();
        for (at, _) in text.match_indices("::") {
            let start = text[..at].rfind(|c: char| !(c.is_alphanumeric() || c == '_')).map_or(0, |before| before + 1);
            // `pub(in crate::plan)` says who may look, and takes nothing.
            if !text[..start].ends_with("::") && !text[..start].ends_with("(in ") {
                paths.extend(self.paths(module, &text[start..]));
            }
        }
        let found = paths.into_iter().filter_map(|path| self.home(path));
        found.filter(|found| found != module).collect()
    }

    /// The absolute paths that the path or group at the start of `text` names, as seen from `module`.
    fn paths(&self, module: &Module, text: &str) -> Vec<Module> {
        let mut found = Vec::new();
        expand(text, "", &mut found);
        let found = found.iter().map(|path| path.split("::").map(str::to_owned).collect::<Module>());
        found.filter_map(|path| self.absolute(module, &path)).collect()
    }

    fn absolute(&self, module: &Module, path: &[String]) -> Option<Module> {
        let supers = path.iter().take_while(|part| *part == "super").count();
        let (base, rest) = match path.first()?.as_str() {
            "crate" => (&[][..], &path[1..]),
            "self" => (module.as_slice(), &path[1..]),
            "super" => (module.get(..module.len().checked_sub(supers)?)?, &path[supers..]),
            // A module below this one.
            child if self.code.contains_key(&[module.as_slice(), &[child.to_owned()]].concat()) => {
                (module.as_slice(), path)
            }
            _ => return None,
        };
        Some([base, rest].concat())
    }

    /// The file that has what a path names.
    fn home(&self, mut path: Module) -> Option<Module> {
        // No chain of exports is longer.
        for _ in 0..8 {
            let exported = (1..=path.len()).rev().find_map(|end| {
                let is_module = self.code.contains_key(&path[..end]);
                self.exports.get(&path[..end]).filter(|_| !is_module).map(|there| (end, there))
            });
            match exported {
                Some((end, there)) => path = [there.as_slice(), &path[end..]].concat(),
                None => break,
            }
        }
        (1..=path.len()).rev().map(|end| path[..end].to_vec()).find(|prefix| self.code.contains_key(prefix))
    }
}

/// The bodies of `use` items, each with whether it is public.
fn uses(text: &str) -> Vec<(bool, &str)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("use ") {
        let before = text[..at].rsplit('\n').next().unwrap_or_default().trim_start();
        if before.is_empty() || before.starts_with("pub") {
            let body = &text[at + "use ".len()..];
            found.push((!before.is_empty(), &body[..body.find(';').unwrap_or(body.len())]));
        }
    }
    found
}

/// Sets of modules that all reach each other.
fn circles(edges: &BTreeMap<&Module, BTreeSet<Module>>) -> Vec<Vec<Module>> {
    let reach: BTreeMap<&Module, BTreeSet<&Module>> = edges
        .keys()
        .map(|from| {
            let mut reached: BTreeSet<&Module> = BTreeSet::new();
            let mut open = vec![*from];
            while let Some(at) = open.pop() {
                open.extend(edges.get(at).into_iter().flatten().filter(|next| reached.insert(next)));
            }
            (*from, reached)
        })
        .collect();
    let mut circles: Vec<Vec<Module>> = Vec::new();
    for (module, reached) in &reach {
        if circles.iter().any(|circle| circle.contains(module)) {
            continue;
        }
        let back = reached.iter().filter(|other| reach.get(**other).is_some_and(|there| there.contains(module)));
        let circle: Vec<Module> = back.map(|other| (*other).clone()).collect();
        if circle.len() > 1 {
            circles.push(circle);
        }
    }
    circles
}
