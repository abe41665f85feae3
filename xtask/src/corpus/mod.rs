//! `cargo xtask corpus`: real packages from upstream's archives, to see how far `farm init` takes a person. For each:
//! a recipe is written, the few edits of the manifest are made, the package is built and tested for Debian 12, and
//! lintian looks at it. What comes out is a table and a count.

mod manifest;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use crate::apt;
use crate::command::{self, Failure};
use manifest::{Entry, MOST_EDITS, Outcome};

const TARGET: &str = "debian-12";

/// How far a package came.
#[derive(Debug, Default)]
struct Row {
    init: bool,
    built: bool,
    tested: bool,
    /// None: nothing was there to look at.
    lintian_errors: Option<usize>,
    /// What stopped it.
    note: String,
}

/// `--farm PROGRAM` takes one that is built already, `--distro LIST` other distributions than Debian 12; then the names of
/// packages, or none for all.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode, Failure> {
    let (mut program, mut distros, mut names) = (None, TARGET, arguments);
    loop {
        match names {
            // It is run in other folders.
            [flag, path, rest @ ..] if flag == "--farm" => {
                let path = std::path::absolute(path).map_err(|error| Failure::new(format!("{path}: {error}")))?;
                (program, names) = (Some(path), rest);
            }
            [flag, list, rest @ ..] if flag == "--distro" => (distros, names) = (list, rest),
            _ => break,
        }
    }
    // What is wrong with the command line comes before minutes of building.
    let entries = manifest::load()?.choose(names)?;
    let program = match program {
        Some(program) => program,
        None => command::build_farm()?,
    };
    if apt::can_install() {
        apt::install(&["lintian"])?;
    }
    let lab = Lab { program, folder: command::target().join("corpus") };
    std::fs::create_dir_all(&lab.folder).map_err(|error| Failure::io("make", &lab.folder, &error))?;

    let mut rows: Vec<Row> = Vec::new();
    for entry in &entries {
        command::stop_if_interrupted()?;
        rows.push(match lab.init(entry) {
            Ok(()) => Row { init: true, ..Row::default() },
            Err(failure) => Row { note: failure.to_string(), ..Row::default() },
        });
    }
    lab.build(&entries, &mut rows, distros)?;
    for (entry, row) in entries.iter().zip(&mut rows).filter(|(_, row)| row.built) {
        row.lintian_errors = Some(lab.lintian(entry, row)?);
    }
    print!("{}", table(&entries, &rows));
    // What the list says to be wrong may be; what it says to be right has to be.
    let wrong = entries.iter().zip(&rows).filter(|(entry, row)| entry.outcome != Outcome::NotRight && !row.is_good());
    Ok(if wrong.count() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Row {
    fn is_good(&self) -> bool {
        self.tested && self.lintian_errors == Some(0)
    }
}

/// Where recipes and packages are.
struct Lab {
    program: PathBuf,
    folder: PathBuf,
}

impl Lab {
    fn recipe(&self, entry: &Entry) -> PathBuf {
        self.folder.join("recipes").join(&entry.name).join("farm.toml")
    }

    fn dist(&self) -> PathBuf {
        self.folder.join("dist")
    }

    fn farm(&self) -> Command {
        let mut farm = Command::new(&self.program);
        farm.current_dir(&self.folder).stdin(Stdio::null());
        // The same maintainer for everybody, and an engine that needs nothing to be installed.
        farm.env("DEBFULLNAME", "Corpus Maintainers").env("DEBEMAIL", "corpus@farm.invalid");
        if std::env::var_os("FARM_ENGINE").is_none() {
            farm.env("FARM_ENGINE", format!("native://{}", self.folder.join("store").display()));
        }
        farm
    }

    /// Writes the recipe and makes its edits.
    fn init(&self, entry: &Entry) -> Result<(), Failure> {
        let recipe = self.recipe(entry);
        if !entry.repository.is_empty() {
            return self.init_clone(entry, &recipe);
        }
        command::output(self.farm().args(["init", "--force", "--url", &entry.url, "-o"]).arg(&recipe))?;
        let written = std::fs::read_to_string(&recipe).map_err(|error| Failure::io("read", &recipe, &error))?;
        if !written.contains(&entry.sha256) {
            return Err(Failure::new(format!("{}: its archive has another sha256 than the manifest", entry.name)));
        }
        let edited = entry.apply(&written)?;
        std::fs::write(&recipe, edited).map_err(|error| Failure::io("write", &recipe, &error))
    }

    /// A project with a recipe of its own in it, as a user has it. What git has for other places of repositories
    /// (`url.….insteadOf`) holds.
    fn init_clone(&self, entry: &Entry, recipe: &Path) -> Result<(), Failure> {
        let project = recipe.parent().unwrap_or(&self.folder);
        if project.exists() {
            std::fs::remove_dir_all(project).map_err(|error| Failure::io("remove", project, &error))?;
        }
        let mut git = Command::new("git");
        git.args(["clone", "--quiet", "--depth", "1", "--branch", &entry.tag, "--", &entry.repository]).arg(project);
        command::output(git.env("GIT_TERMINAL_PROMPT", "0"))?;
        command::output(self.farm().args(["init", "--force"]).arg(project).arg("-o").arg(recipe))?;
        let written = std::fs::read_to_string(recipe).map_err(|error| Failure::io("read", recipe, &error))?;
        std::fs::write(recipe, entry.apply(&written)?).map_err(|error| Failure::io("write", recipe, &error))
    }

    /// Builds all that have a recipe, in one run for each list of distributions.
    fn build(&self, entries: &[Entry], rows: &mut [Row], distros: &str) -> Result<(), Failure> {
        let mut lists: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, entry) in entries.iter().enumerate().filter(|(at, _)| rows[*at].init) {
            let recipe = std::fs::read_to_string(self.recipe(entry)).unwrap_or_default();
            lists.entry(those_that_can(&recipe, distros)).or_default().push(at);
        }
        lists.retain(|list, _| !list.is_empty());
        lists.iter().try_for_each(|(list, chosen)| {
            let recipes: Vec<PathBuf> = chosen.iter().map(|at| self.recipe(&entries[*at])).collect();
            self.build_for(entries, rows, &recipes, list)
        })
    }

    /// One run of farm, whose events say how each target ended.
    fn build_for(
        &self,
        entries: &[Entry],
        rows: &mut [Row],
        recipes: &[PathBuf],
        distros: &str,
    ) -> Result<(), Failure> {
        let mut farm = self.farm();
        farm.arg("build")
            .args(recipes)
            .args(["--distro", distros, "--force", "--progress", "json", "-o"])
            .arg(self.dist());
        let cannot = |error: std::io::Error| Failure::new(format!("farm cannot be run: {error}"));
        let mut child = farm.stdout(Stdio::piped()).spawn().map_err(cannot)?;
        let stdout = child.stdout.take().ok_or_else(|| Failure::new("farm has no output"))?;
        let mut finished = 0;
        for line in BufReader::new(stdout).lines() {
            let event: serde_json::Value = serde_json::from_str(&line.map_err(cannot)?).unwrap_or_default();
            if event["event"] != "job-finished" {
                continue;
            }
            finished += 1;
            let (of, number) = (recipes.len() * distros.split(',').count(), finished);
            // Results lie in the folder of their recipe's name, which need not be that of the archive.
            let folder = event["folder"].as_str().unwrap_or_default();
            let outcome = event["outcome"]["outcome"].as_str().unwrap_or_default();
            let step = event["outcome"]["step"].as_str().unwrap_or_default();
            eprintln!("  {number} of {of}: {folder}: {outcome} {step}");
            let named = |entry: &Entry| {
                self.name(entry).is_some_and(|name| Path::new(folder).ends_with(format!("{name}/{}", last(folder))))
            };
            let Some((_, row)) = entries.iter().zip(&mut *rows).find(|(entry, _)| named(entry)) else { continue };
            // Each of its targets counts.
            let tested = matches!(outcome, "succeeded" | "up-to-date");
            row.tested = tested && row.note.is_empty();
            row.built |= tested || outcome == "rejected" || step == "test";
            if !tested {
                let log = event["log"].as_str().unwrap_or("no log");
                row.note = format!("{outcome} {step}: {log}");
            }
        }
        child.wait().map_err(cannot)?;
        command::stop_if_interrupted()?;
        if finished == 0 { Err(Failure::new("farm built nothing: see above")) } else { Ok(()) }
    }

    /// `[package] name` of a recipe.
    fn name(&self, entry: &Entry) -> Option<String> {
        let text = std::fs::read_to_string(self.recipe(entry)).ok()?;
        let recipe: toml::Table = text.parse().ok()?;
        Some(recipe.get("package")?.get("name")?.as_str()?.to_owned())
    }

    /// How many errors lintian finds; the first of them is noted.
    fn lintian(&self, entry: &Entry, row: &mut Row) -> Result<usize, Failure> {
        let name = self.name(entry).unwrap_or_default();
        let parent = self.dist().join(name);
        let mut changes = Vec::new();
        for folder in std::fs::read_dir(&parent).map_err(|error| Failure::io("read", &parent, &error))?.flatten() {
            let files = std::fs::read_dir(folder.path()).into_iter().flatten().flatten().map(|file| file.path());
            changes.extend(files.filter(|path| path.extension().is_some_and(|ending| ending == "changes")));
        }
        let mut lintian = Command::new("lintian");
        // Rules for uploads to Debian itself do not concern a package of somebody else.
        lintian.args(["--allow-root", "--suppress-tags", "bad-distribution-in-changes-file"]).args(&changes);
        let output = lintian.output().map_err(|error| Failure::new(format!("lintian cannot be run: {error}")))?;
        let said = String::from_utf8_lossy(&output.stdout);
        let errors: Vec<&str> = said.lines().filter(|line| line.starts_with("E: ")).collect();
        // Nothing said is good news only from a lintian that looked at something.
        if changes.is_empty() || (errors.is_empty() && !output.status.success()) {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(Failure::new(format!("{}: lintian did not come to its end: {said}", entry.name)));
        }
        if let Some(first) = errors.first() {
            row.note = (*first).to_owned();
        }
        Ok(errors.len())
    }
}

/// The distributions of a list without those that `farm init` has left out, because they cannot build it: with Debian 12 goes
/// what is Debian 12 with rpm.
fn those_that_can(recipe: &str, distros: &str) -> String {
    let is_left_out = |distro: &str| {
        let named = if distro == "rpm-generic" { TARGET } else { distro };
        recipe.lines().any(|line| line.starts_with(&format!("# Left out: {named} has ")))
    };
    distros.split(',').filter(|distro| !is_left_out(distro)).collect::<Vec<_>>().join(",")
}

/// The last part of a path.
fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn table(entries: &[Entry], rows: &[Row]) -> String {
    let word = |yes: bool| if yes { "yes" } else { "NO" };
    let mut text = format!(
        "{:26} {:26} {:>4} {:>5} {:>5} {:>6} {:>7}\n",
        "PACKAGE", "KIND", "INIT", "EDITS", "BUILT", "TESTED", "LINTIAN"
    );
    for (entry, row) in entries.iter().zip(rows) {
        let errors = row.lintian_errors.map_or_else(|| "-".to_owned(), |errors| errors.to_string());
        text.push_str(&format!(
            "{:26} {:26} {:>4} {:>5} {:>5} {:>6} {:>7}\n",
            entry.name,
            entry.kind,
            word(row.init),
            entry.edited_lines(),
            word(row.built),
            word(row.tested),
            errors
        ));
        if !row.note.is_empty() {
            text.push_str(&format!("  {}\n", row.note));
        }
    }
    let count = |is: fn(&Row) -> bool| rows.iter().filter(|row| is(row)).count();
    text.push_str(&format!(
        "{} packages, at most {MOST_EDITS} edited lines each: {} written, {} built, {} tested, {} of them without errors of lintian\n",
        rows.len(),
        count(|row| row.init),
        count(|row| row.built),
        count(|row| row.tested),
        count(Row::is_good),
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_build_a_project_is_not_tried() {
        let recipe = "# Left out: debian-12 has Go 1.19, go.mod asks for 1.23.\n[matrix]\n";
        assert_eq!(those_that_can(recipe, "debian-12,debian-13,rpm-generic"), "debian-13");
        assert_eq!(those_that_can("", "debian-12,rpm-generic"), "debian-12,rpm-generic");
    }
}
