//! The recipes that README.md and docs/ show are built as they are printed; what they show only a part of is read.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Test, cache, copy, native_engine, repository, tool};

/// The pages with recipes.
const PAGES: [&str; 3] = ["README.md", "docs/recipe.md", "docs/from.md"];

/// A block of TOML in a page, with the line it begins at.
struct Printed {
    page: &'static str,
    line: usize,
    text: String,
}

impl Printed {
    /// Something to build: it has a package and says what to do, without parameters that somebody has to give.
    fn is_whole(&self) -> bool {
        self.has_table("package") && self.has_table("build") && !self.has_table("parameters")
    }

    fn has_table(&self, name: &str) -> bool {
        self.text.lines().any(|line| line.trim() == format!("[{name}]"))
    }

    fn name(&self) -> &str {
        let line = self.text.lines().find(|line| line.starts_with("name = ")).unwrap_or_default();
        line.split('"').nth(1).unwrap_or_default()
    }

    fn place(&self) -> String {
        format!("{}:{}", self.page, self.line)
    }
}

fn printed() -> Vec<Printed> {
    let mut all = Vec::new();
    for page in PAGES {
        let text = fs::read_to_string(repository().join(page)).unwrap();
        let mut block: Option<Printed> = None;
        for (number, line) in text.lines().enumerate() {
            match (&mut block, line) {
                (None, "```toml") => block = Some(Printed { page, line: number + 2, text: String::new() }),
                (Some(_), "```") => all.extend(block.take()),
                (Some(block), line) => {
                    block.text.push_str(line);
                    block.text.push('\n');
                }
                (None, _) => {}
            }
        }
    }
    all
}

/// The project around a printed recipe: what `tests/printed/NAME` holds. Returns where the recipe belongs in it.
fn project(test: &Test, recipe: &Printed) -> PathBuf {
    let project = test.folder().join("project");
    let files = repository().join("tests/printed").join(recipe.name());
    match recipe.name() {
        "heron" => copy(&repository().join("tests/recipes/set"), &project),
        _ => fs::create_dir_all(&project).unwrap(),
    }
    if files.is_dir() {
        copy(&files, &project);
    }
    let in_set = project.join("recipes").join(recipe.name());
    match recipe.name() {
        // It takes its version from the project that it lies in.
        "signpost" => {
            let packaging = project.join("packaging");
            fs::create_dir_all(&packaging).unwrap();
            packaging
        }
        _ if in_set.is_dir() => in_set,
        _ => project,
    }
}

fn git(folder: &Path, arguments: &[&str]) {
    let folder = folder.to_str().unwrap();
    let who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"];
    let _ = tool("git", &[&["-C", folder], &who[..], arguments].concat()).unwrap().exits(0);
}

#[test]
fn the_recipes_of_the_documentation_build_as_they_are_printed() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let whole: Vec<Printed> = printed().into_iter().filter(Printed::is_whole).collect();
    let names: Vec<&str> = whole.iter().map(Printed::name).collect();
    let of_reference = ["hello", "hello", "greeter", "greetd", "signpost", "greet", "heron"];
    let of_others = ["pkger", "myapp", "edgebit-agent", "redis-server", "my-app", "hello", "ripgrep"];
    assert_eq!(names, [of_reference, of_others].concat(), "each needs its project");

    // What `greet` downloads is not there for anyone else: farm finds it where it keeps what it has downloaded.
    let archive = repository().join("tests/printed/greet-1.4.tar.xz");
    let sum = tool("sha256sum", &[archive.to_str().unwrap()]).unwrap().exits(0).text();
    let download = cache().join("farm/downloads").join(sum.split(' ').next().unwrap());
    fs::create_dir_all(&download).unwrap();
    fs::copy(&archive, download.join("greet-1.4.tar.xz")).unwrap();

    for recipe in &whole {
        let test = Test::on(&format!("printed-{}-{}", recipe.name(), recipe.line), &native_engine());
        let place = project(&test, recipe);
        fs::write(place.join("farm.toml"), &recipe.text).unwrap();
        if recipe.name() == "signpost" {
            let top = place.parent().unwrap();
            git(top, &["init", "--quiet"]);
            git(top, &["add", "."]);
            git(top, &["commit", "--quiet", "--message", "First"]);
            git(top, &["tag", "v1.4"]);
        }
        // Of the distributions that they name, those that need no registry.
        let mut arguments = vec!["build", "--progress", "plain", "-t", "debian-12/amd64"];
        // The others of its set are known where the set is.
        let set = place.parent().filter(|parent| parent.ends_with("recipes")).and_then(Path::parent);
        if set.is_some() {
            arguments.insert(1, recipe.name());
        }
        if recipe.text.contains("\"rpm-generic\"") {
            arguments.extend(["-t", "rpm-generic/amd64"]);
        }
        let run = test.run_in(set.unwrap_or(&place), &arguments);
        assert_eq!(run.code, Some(0), "{}: it printed:\n{}", recipe.place(), run.text());
        assert!(run.text().contains("succeeded"), "{}: {}", recipe.place(), run.text());
    }
}

#[test]
fn parts_of_recipes_in_the_documentation_can_be_read() {
    let parts: Vec<Printed> = printed().into_iter().filter(|block| !block.is_whole()).collect();
    assert!(parts.len() > 8, "{}", parts.len());
    for part in parts {
        let test = Test::on(&format!("part-{}", part.line), "native:///nonexistent");
        // What the part leaves out. Its own tables may come first or last: TOML does not mind.
        let mut text = String::new();
        if !part.has_table("package") {
            text.push_str(
                "[package]\nname = \"greeter\"\nversion = \"1.4\"\nsummary = \"Greets\"\nlicense = \"MIT\"\n\
                 maintainer = \"Ada Lovelace <ada@example.org>\"\n",
            );
        }
        if !part.has_table("build") && !part.has_table("packaging") {
            text.push_str("[build]\ninstall = \"true\"\n");
        }
        text.push_str(&part.text);
        let file = test.folder().join("farm.toml");
        fs::write(&file, &text).unwrap();
        let parameters = BTreeMap::from([("channel".to_owned(), "stable".to_owned())]);
        let read = farm::recipe::RecipeFile::load(&file, &parameters);
        assert!(read.is_ok(), "{}: {:#?}\n{text}", part.place(), read.err());
    }
}
