//! The rules about packages. Each has a stable name, which stands in reports; `types::RULES` says what it means and whether a recipe may
//! waive it, docs/troubleshooting.md what to do.
//!
//! Whatever breaks one is an error, but for `setuid-file`, `world-writable-directory`, `elf-dependency-unclear`, `elf-damaged`,
//! `unstripped-elf` and `waiver-unused`, which are warnings; so are `empty-package` with a project's own packaging and of a main package
//! whose files others took, and `program-without-interpreter`, `interpreter-not-found` and `interpreter-outside-standard` of what is
//! no command.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::contents::{EntryKind, Facts, PackagedFile};
use super::debug;
use super::interpreters::{self, Fault, Wanted};
use super::layout::Layout;
use super::libraries;
use super::manifest::{self, Manifest};
use super::waivers::Waivers;
use super::{Expectation, Finding, Severity};
use crate::formats::elf::{Elf, Looked};
use crate::formats::folders::{is_shared, why_outside};
use crate::formats::version::without_epoch;
use crate::types::{self, Format, printable};

/// More of one rule in one package are only counted.
const MOST_FINDINGS: usize = 20;

/// A package with what the checks keep of its contents.
#[derive(Debug)]
pub(super) struct Package {
    pub(super) file_name: String,
    pub(super) facts: Facts,
    /// ELF files by path; not of debug packages.
    pub(super) elves: Vec<(String, Elf)>,
    /// Names of files and links that could be libraries.
    libraries: BTreeSet<String>,
    /// Other than what every package has, as its licence.
    /// A file of it.
    content: Option<String>,
    /// Interpreters by what they are called, each with a file that wants it.
    wanted: BTreeMap<String, String>,
    /// Paths of commands in it, and their names.
    commands: BTreeSet<String>,
    /// Installed files that are in it, as the manifest numbers them; none where nothing was compared.
    pub(super) installed: Option<Vec<usize>>,
    findings: Findings,
}

/// Findings of one package, bounded: a package may be wrong in a million places.
#[derive(Debug)]
struct Findings {
    artifact: String,
    list: Vec<Finding>,
    /// Of one rule those that are waived are counted by themselves: they must not hide the others.
    counts: BTreeMap<(&'static str, bool), usize>,
    waivers: Arc<Waivers>,
}

impl Findings {
    fn new(artifact: &str, waivers: &Arc<Waivers>) -> Findings {
        let waivers = Arc::clone(waivers);
        Findings { artifact: artifact.to_owned(), list: Vec::new(), counts: BTreeMap::new(), waivers }
    }

    /// `path`: what it is about, if that is one path of the package.
    fn add<'a>(&mut self, severity: Severity, rule: &'static str, path: impl Into<Option<&'a str>>, message: String) {
        let waived = self.waivers.reason(rule, path.into()).map(printable);
        let count = self.counts.entry((rule, waived.is_some())).or_default();
        *count += 1;
        if *count <= MOST_FINDINGS {
            let severity = if waived.is_some() { Severity::Waived } else { severity };
            self.list.push(Finding { waived, ..finding(severity, &self.artifact, rule, message) });
        }
    }

    fn error<'a>(&mut self, rule: &'static str, path: impl Into<Option<&'a str>>, message: String) {
        self.add(Severity::Error, rule, path, message);
    }

    fn warning<'a>(&mut self, rule: &'static str, path: impl Into<Option<&'a str>>, message: String) {
        self.add(Severity::Warning, rule, path, message);
    }

    fn finish(mut self) -> Vec<Finding> {
        for ((rule, is_waived), count) in &self.counts {
            let alike = |one: &&Finding| one.rule == *rule && one.waived.is_some() == *is_waived;
            if let Some(like) = self.list.iter().find(alike).filter(|_| *count > MOST_FINDINGS) {
                let message = format!("and {} more of this kind", count - MOST_FINDINGS);
                self.list.push(Finding { message, ..like.clone() });
            }
        }
        self.list
    }
}

pub(super) fn finding(severity: Severity, artifact: &str, rule: &str, message: String) -> Finding {
    debug_assert!(types::rule(rule).is_some(), "{rule} is not in types::RULES");
    let (artifact, rule, message) = (artifact.to_owned(), rule.to_owned(), printable(&message));
    Finding { severity, artifact, rule, message, waived: None }
}

/// Collects what the checks need while a package is read; see [`Collector::visit`].
pub(super) struct Collector {
    /// Checked once the facts are known, which for .deb files is before, for .rpm files with the first entry.
    entries: Findings,
    elves: Vec<(String, Elf)>,
    libraries: BTreeSet<String>,
    content: Option<String>,
    damaged: Vec<String>,
    wanted: BTreeMap<String, String>,
    commands: BTreeSet<String>,
    layout: Layout,
    format: Format,
    name: String,
    is_source: bool,
    is_debug: bool,
    /// Whether farm made the packaging: what a project's own may know better is only a warning there.
    is_strict: bool,
}

impl Collector {
    pub(super) fn new(file_name: &str, facts: &Facts, is_strict: bool, waivers: &Arc<Waivers>) -> Collector {
        Collector {
            entries: Findings::new(file_name, waivers),
            elves: Vec::new(),
            libraries: BTreeSet::new(),
            content: None,
            damaged: Vec::new(),
            wanted: BTreeMap::new(),
            commands: BTreeSet::new(),
            layout: Layout::default(),
            format: facts.format,
            name: facts.name.clone(),
            is_source: facts.is_source,
            is_debug: facts.is_debug(),
            is_strict,
        }
    }

    /// What somebody else found wrong with an entry.
    pub(super) fn tell(&mut self, severity: Severity, rule: &'static str, path: Option<&str>, message: String) {
        self.entries.add(severity, rule, path, message);
    }

    /// The rules about one entry by itself.
    pub(super) fn visit(&mut self, entry: PackagedFile) {
        let Some(path) = safe_path(&entry.path) else {
            let path = String::from_utf8_lossy(&entry.path).into_owned();
            self.entries.error("path-not-safe", None, format!("{path} is not a path that a package may have"));
            return;
        };
        let entries = &mut self.entries;
        self.layout.add(&entry, &path, &mut |rule, message| entries.error(rule, path.as_str(), message));
        // The files of a source package are not installed anywhere.
        if self.is_source {
            return;
        }
        if self.is_debug
            && let Some(why) = debug::why_not(self.format, &self.name, &entry, &path)
        {
            self.entries.error("debug-package-content", path.as_str(), why);
        }
        self.check_place(&entry, &path);
        self.check_mode(&entry, &path);
        let name = path.rsplit('/').next().unwrap_or_default();
        if entry.kind != EntryKind::Folder {
            if self.content.is_none() && !is_of_every_package(&path) {
                self.content = Some(path.clone());
            }
            if name.contains(".so") {
                self.libraries.insert(name.to_owned());
            }
            if interpreters::is_command(&path) {
                self.commands.insert(name.to_owned());
            }
            if entry.mode & 0o111 != 0 {
                self.commands.insert(path.clone());
            }
        }
        if entry.kind == EntryKind::File && entry.mode & 0o111 != 0 && entry.looked == Looked::NoElf && !self.is_debug {
            self.check_start(&entry, &path);
        }
        match entry.looked {
            Looked::Elf(elf) => self.elves.push((path, *elf)),
            // What is left of a program in its debug symbols has holes where others have contents.
            Looked::Damaged if self.is_debug => {}
            Looked::Damaged => self.damaged.push(path),
            Looked::NoElf => {}
        }
    }

    fn check_place(&mut self, entry: &PackagedFile, path: &str) {
        let is_folder = entry.kind == EntryKind::Folder;
        // Debug packages share these two among themselves.
        let is_debug_place = ["/usr/lib/debug", "/usr/src/debug"].contains(&path) && self.is_debug;
        if is_shared(path) && !is_debug_place {
            match self.format {
                Format::Rpm => {
                    let message = format!("owns {path}, which belongs to the system: list only what is below it");
                    self.entries.error("owns-shared-directory", path, message);
                }
                Format::Deb if !is_folder => {
                    let message = format!("has {path}, which is a directory of the system, as something else");
                    self.entries.error("shared-directory-changed", path, message);
                }
                Format::Deb if entry.mode != 0o755 || !entry.is_root() => {
                    let owner = if entry.is_root() { "" } else { " and an owner other than root" };
                    let message = format!("gives {path}, a directory of the system, mode {:04o}{owner}", entry.mode);
                    self.entries.error("shared-directory-changed", path, message);
                }
                Format::Deb => {}
            }
            return;
        }
        let is_runtime_ghost = entry.is_ghost && (path.starts_with("/run/") || path.starts_with("/var/run/"));
        if let Some(why) = why_outside(path).filter(|_| !is_runtime_ghost) {
            self.entries.error("file-outside-standard", path, format!("has {path}, {why}"));
        }
    }

    fn check_mode(&mut self, entry: &PackagedFile, path: &str) {
        let mode = entry.mode;
        match entry.kind {
            EntryKind::Special => {
                self.entries.error("device-node", path, format!("{path} is a device, pipe or socket"));
            }
            EntryKind::Symlink | EntryKind::HardLink => {}
            EntryKind::Folder if mode & 0o1002 == 0o1002 => {
                self.entries.warning(
                    "world-writable-directory",
                    path,
                    format!("{path} is writable for all (mode {mode:04o})"),
                );
            }
            EntryKind::File | EntryKind::Folder if mode & 0o002 != 0 => {
                self.entries.error("world-writable", path, format!("{path} is writable for all (mode {mode:04o})"));
            }
            EntryKind::File | EntryKind::Folder => {}
        }
        if mode & 0o6000 != 0 && matches!(entry.kind, EntryKind::File | EntryKind::Folder) {
            self.entries.warning("setuid-file", path, format!("{path} is setuid or setgid (mode {mode:04o})"));
        }
    }

    fn check_start(&mut self, entry: &PackagedFile, path: &str) {
        match interpreters::check(path, &entry.start) {
            Ok(None) => {}
            Ok(Some(interpreter)) => {
                // Of several, the command is told of.
                let known = self.wanted.entry(interpreter).or_insert_with(|| path.to_owned());
                if interpreters::is_command(path) && !interpreters::is_command(known) {
                    path.clone_into(known);
                }
            }
            Err((fault, rule, message)) => {
                let is_error = fault == Fault::Broken || (fault == Fault::Command && self.is_strict);
                let severity = if is_error { Severity::Error } else { Severity::Warning };
                self.entries.add(severity, rule, path, message);
            }
        }
    }

    pub(super) fn finish(self, file_name: String, facts: Facts) -> Package {
        let mut findings = self.entries;
        self.layout.finish(&mut |rule, message| findings.error(rule, None, message));
        let is_own_folder = |path: &str| !is_shared(path) && !is_of_every_package(&format!("{path}/copyright"));
        for path in &self.damaged {
            findings.warning("elf-damaged", path.as_str(), format!("{path} begins as an ELF file does, and is none"));
        }
        Package {
            file_name,
            facts,
            elves: self.elves,
            libraries: self.libraries,
            content: self.content.or_else(|| self.layout.empty_folder(is_own_folder)),
            wanted: self.wanted,
            commands: self.commands,
            installed: None,
            findings,
        }
    }
}

/// What packages have whatever is in them: licence, changelog, a link in place of their folder, links of build ids.
fn is_of_every_package(path: &str) -> bool {
    if path.starts_with("/usr/lib/.build-id") || path.starts_with("/usr/share/licenses/") {
        return true;
    }
    let Some(rest) = path.strip_prefix("/usr/share/doc/") else { return false };
    match rest.split_once('/') {
        None => true,
        Some((_, name)) => ["copyright", "changelog", "NEWS.Debian", "README.Debian"]
            .iter()
            .any(|own| name.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))),
    }
}

/// The path as text, when it is one that a package may have.
fn safe_path(path: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(path).ok()?;
    let is_plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    let safe = text == "/" || text.strip_prefix('/')?.split('/').all(is_plain);
    // What `printable` changes could hide in a listing.
    (safe && printable(text) == text).then(|| text.to_owned())
}

/// All rules about packages and the set of them; also what has to run their scripts.
pub(super) fn check(
    mut packages: Vec<Package>,
    expectation: &Expectation,
    waivers: &Arc<Waivers>,
) -> (Vec<Finding>, Vec<Wanted>) {
    let mut findings = check_set(&packages, expectation);
    let has_debug_package = packages.iter().any(|package| package.facts.is_debug());
    let providers =
        libraries::Providers::new(packages.iter().filter(|package| !package.facts.is_source).map(|package| {
            let sonames = package.elves.iter().filter_map(|(_, elf)| elf.soname.clone());
            (package.facts.name.clone(), sonames.chain(package.libraries.iter().cloned()).collect())
        }));
    let mut wanted = Vec::new();
    let siblings: BTreeSet<String> = packages.iter().flat_map(|package| package.commands.iter().cloned()).collect();
    let is_of_recipe = |package: &&Package| !package.facts.is_source && !package.facts.is_debug();
    let has_content = packages.iter().filter(is_of_recipe).any(|package| package.content.is_some());
    if let Some(manifest) = &expectation.manifest {
        findings.extend(check_installed(&mut packages, manifest, waivers));
    }
    for package in &mut packages {
        let mut own = std::mem::replace(&mut package.findings, Findings::new(&package.file_name, waivers));
        check_identity(package, expectation, &mut own);
        if package.facts.is_debug() {
            debug::faults(&package.facts).into_iter().for_each(|fault| own.error("debug-package-content", None, fault));
        }
        if !package.facts.is_source {
            check_elves(package, expectation, has_debug_package, &mut own);
            if !package.facts.is_debug() {
                wanted.extend(check_interpreters(package, &siblings, expectation.closed, &mut own));
                libraries::check(&package.facts, &package.elves, &providers, |severity, rule, path, message| {
                    own.add(severity, rule, path, message);
                });
                check_content(package, expectation, has_content, &mut own);
            }
        }
        findings.extend(own.finish());
    }
    findings.extend(waivers.unused());
    (findings, wanted)
}

/// What was installed and is in no package, or in two.
fn check_installed(packages: &mut [Package], manifest: &Manifest, waivers: &Arc<Waivers>) -> Vec<Finding> {
    let take = |package: &mut Package| Some((package.facts.name.clone(), package.installed.take()?));
    let seen: Vec<(String, Vec<usize>)> = packages.iter_mut().filter_map(take).collect();
    let mut findings = Findings::new("", waivers);
    manifest::missing(manifest, &seen, &mut |severity, rule, message| findings.add(severity, rule, None, message));
    findings.finish()
}

/// `has_content`: whether any package of the recipe has something.
fn check_content(package: &Package, expectation: &Expectation, has_content: bool, findings: &mut Findings) {
    let expected = expectation.packages.iter().find(|expected| expected.name == package.facts.name);
    match (&package.content, expected.is_some_and(|expected| expected.is_empty)) {
        (Some(_), false) | (None, true) => return,
        (Some(path), true) => {
            return findings.error(
                "not-an-empty-package",
                None,
                format!("has {path}, and the recipe says `files = []` of it"),
            );
        }
        (None, false) if !expectation.closed => {
            return findings.warning("empty-package", None, "has no files but its own documentation".to_owned());
        }
        // Its other packages took everything.
        (None, false)
            if has_content && expectation.packages.first().is_some_and(|main| main.name == package.facts.name) =>
        {
            let message = "has no files but its own documentation: all that was installed is in other packages of the \
                           recipe. `files = []` in [package] says that it is meant so";
            return findings.warning("empty-package", None, message.to_owned());
        }
        (None, false) => {}
    }
    let message = "has no files but its own documentation: does `install` put them below $DESTDIR? \
                   The recipe says `files = []` of a package that is meant to have none";
    findings.error("empty-package", None, message.to_owned());
}

/// Returns what has to come from elsewhere to run the scripts of a package.
fn check_interpreters(
    package: &Package,
    siblings: &BTreeSet<String>,
    is_strict: bool,
    findings: &mut Findings,
) -> Vec<Wanted> {
    let mut wanted = Vec::new();
    for (interpreter, path) in &package.wanted {
        if interpreters::is_essential(interpreter, package.facts.format) || package.commands.contains(interpreter) {
            continue;
        }
        // RPMs say what they need by paths; there a requirement is never missing, but for commands of env.
        if package.facts.format == Format::Deb && package.facts.requires.is_empty() && !siblings.contains(interpreter) {
            let message = format!(
                "{path} is run by {interpreter}, which no dependency brings, as the package has none: add what has it to \
                 `requires` of the package"
            );
            let is_error = is_strict && interpreters::is_command(path);
            let severity = if is_error { Severity::Error } else { Severity::Warning };
            findings.add(severity, "interpreter-not-found", path.as_str(), message);
            continue;
        }
        // What a file elsewhere is run by is its program's business.
        if !interpreters::is_command(path) || findings.waivers.reason("interpreter-not-found", Some(path)).is_some() {
            continue;
        }
        wanted.push(Wanted {
            package: package.facts.name.clone(),
            interpreter: interpreter.clone(),
            path: path.clone(),
        });
    }
    wanted
}

/// Whether every planned package is there, once.
fn check_set(packages: &[Package], expectation: &Expectation) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut set = |artifact: &str, rule, message| findings.push(finding(Severity::Error, artifact, rule, message));
    let binary = || packages.iter().filter(|package| !package.facts.is_source);
    for expected in &expectation.packages {
        if !binary().any(|package| package.facts.name == expected.name) {
            let made: Vec<&str> = binary().map(|package| package.facts.name.as_str()).collect();
            let made = if made.is_empty() { "none at all".to_owned() } else { made.join(", ") };
            set("", "missing-package", format!("the build made no package {} (it made {made})", expected.name));
        }
    }
    if expectation.packages.is_empty() && !expectation.source && binary().all(|package| package.facts.is_debug()) {
        set("", "missing-package", "the build made no package".to_owned());
    }
    let mut seen = BTreeSet::new();
    for package in binary() {
        let name = &package.facts.name;
        if !seen.insert(name) {
            set(&package.file_name, "unexpected-package", format!("package {name} is there twice"));
        }
        let is_planned = expectation.packages.iter().any(|expected| expected.name == *name);
        if expectation.closed && !is_planned && !package.facts.is_debug() {
            let message = format!("package {name} is not in the recipe: name it there, or do not build it");
            set(&package.file_name, "unexpected-package", message);
        }
        let others = || binary().filter(|other| !other.facts.is_debug()).map(|other| other.facts.name.as_str());
        let source = package.facts.source.as_deref();
        if package.facts.is_debug() && !is_planned && !debug::belongs(&package.facts, others(), source) {
            let message = format!("package {name} has the debug symbols of no package that was built");
            set(&package.file_name, "unexpected-package", message);
        }
    }
    findings
}

/// Whether a package is the one that was planned.
fn check_identity(package: &Package, expectation: &Expectation, findings: &mut Findings) {
    let facts = &package.facts;
    if facts.format != expectation.format {
        let message = format!("is a {} package where {} packages were planned", facts.format, expectation.format);
        findings.error("wrong-name", None, message);
        return;
    }
    let name = file_name_of(facts);
    if name.as_ref().is_some_and(|name| *name != package.file_name && !is_ddeb(name, &package.file_name)) {
        let message = format!("says of itself that its file name is {}", name.unwrap_or_default());
        findings.error("wrong-name", None, message);
    }
    let expected = expectation.packages.iter().find(|expected| expected.name == facts.name);
    if let Some(expected) = expected.filter(|_| !facts.is_source) {
        if facts.version != expected.version {
            let message = format!("has version {}, planned was {}", facts.version, expected.version);
            findings.error("wrong-version", None, message);
        }
        if facts.is_arch_independent() != expected.arch_independent {
            let planned = if expected.arch_independent {
                if facts.format == Format::Deb { "all" } else { "noarch" }
            } else {
                expectation.arch.for_format(facts.format)
            };
            let message = format!("has architecture {}, planned was {planned}", facts.architecture);
            findings.error("wrong-architecture", None, message);
            return;
        }
    } else if facts.is_debug() {
        // Made beside the planned ones, so at the same version; split by source, not by package, in RPM.
        let same = expectation.packages.iter().any(|expected| expected.version == facts.version);
        if expectation.closed && !same {
            findings.error(
                "wrong-version",
                None,
                format!("has version {}, which no planned package has", facts.version),
            );
        }
    }
    if let Some(upstream) = expectation.upstream_version.as_ref().filter(|upstream| !is_of_upstream(facts, upstream)) {
        let message = format!("has version {}, which is not of upstream version {upstream}", facts.version);
        findings.error("wrong-version", None, message);
    }
    // A source RPM carries the architecture of the machine that packed it.
    if !facts.is_source && !facts.is_arch_independent() && facts.architecture.parse() != Ok(expectation.arch) {
        let planned = expectation.arch.for_format(facts.format);
        let message = format!("has architecture {}, planned was {planned}", facts.architecture);
        findings.error("wrong-architecture", None, message);
    }
}

/// The file name that a package's own words make (Debian Policy 5.6.12: without the epoch).
fn file_name_of(facts: &Facts) -> Option<String> {
    let version = without_epoch(&facts.version);
    let Facts { name, architecture, .. } = facts;
    match facts.format {
        Format::Deb => Some(format!("{name}_{version}_{architecture}.deb")),
        Format::Rpm if facts.is_source => None,
        Format::Rpm => Some(format!("{name}-{version}.{architecture}.rpm")),
    }
}

/// Ubuntu's debug packages have another extension.
fn is_ddeb(name: &str, file_name: &str) -> bool {
    file_name.strip_suffix(".ddeb").is_some_and(|stem| name.strip_suffix(".deb") == Some(stem))
}

/// Whether a version is of an upstream version: without epoch and revision it is the same, or the same with a suffix
/// that says how the sources were repacked (`+dfsg`, `~ds1`).
fn is_of_upstream(facts: &Facts, upstream: &str) -> bool {
    let version = without_epoch(&facts.version);
    let version = version.rsplit_once('-').map_or(version, |(version, _)| version);
    version.strip_prefix(upstream).is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', '~']))
}

fn check_elves(package: &Package, expectation: &Expectation, has_debug_package: bool, findings: &mut Findings) {
    let arch = expectation.arch;
    let is_whole =
        |path: &str| expectation.manifest.as_ref().is_some_and(|manifest| manifest.is_whole(path.as_bytes()));
    for (path, elf) in &package.elves {
        // Firmware and the like is for other processors than the system's.
        let is_foreign = ["/lib/firmware/", "/usr/lib/firmware/"].iter().any(|folder| path.starts_with(folder));
        if package.facts.is_arch_independent() && !is_foreign {
            let message = format!("{path} is a program for one architecture, in a package for all");
            findings.error("elf-in-noarch", path.as_str(), message);
        } else if !elf.is_for(arch) && !is_foreign {
            let bits = if elf.is_64 { 64 } else { 32 };
            let message = format!("{path} is not for {arch} (ELF machine {}, {bits} bit)", elf.machine);
            findings.error("elf-wrong-architecture", path.as_str(), message);
        }
        if package.facts.is_debug() {
            continue;
        }
        for folder in elf.search.iter().filter(|folder| is_bad_search_path(folder)) {
            let shown = if folder.is_empty() { "the working directory" } else { folder };
            findings.error("build-path-in-rpath", path.as_str(), format!("{path} looks for libraries in {shown}"));
        }
        if elf.is_loaded && elf.has_symbols && !has_debug_package && !is_whole(path) {
            let message = format!("{path} is not stripped, and there is no debug package for what it carries");
            findings.warning("unstripped-elf", path.as_str(), message);
        }
    }
}

/// Anybody who may write there decides what the program runs.
fn is_bad_search_path(folder: &str) -> bool {
    let is_relative = !folder.starts_with(['/', '$']);
    let below = |top: &str| folder.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    is_relative || ["/build", "/tmp", "/var/tmp", "/home", "/root"].into_iter().any(below)
}
