//! What was found out about a project, before it becomes a recipe. Build systems and the readers of identity and licence
//! fill it in; what is known already stays.

use std::collections::BTreeMap;

use super::toolchains::is_enough;
use super::tree::{Tree, base_name, is_own};
use crate::recipe::Ecosystem;

/// Everything that a recipe is written from.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// What builds the project: `CMake`, and the file that says so.
    pub(super) system: &'static str,
    pub(super) system_file: String,
    pub(super) name: Option<String>,
    /// The name for RPMs, where each world has its own rule.
    pub(super) rpm_name: Option<String>,
    /// What the package has without that rpm sees it.
    pub(super) rpm_provides: Vec<String>,
    pub(super) version: Option<String>,
    /// The version is what the last tag of the project's repository says, whenever it is built.
    pub(super) version_of_tags: bool,
    pub(super) summary: Option<String>,
    pub(super) description: Option<String>,
    pub(super) homepage: Option<String>,
    pub(super) maintainer: Option<String>,
    pub(super) section: Option<&'static str>,
    /// Licences that the project's own metadata declares, as written, with the file that does.
    pub(super) declared_licenses: Vec<(String, String)>,
    /// The licence that the project's own packaging names, as an SPDX expression, with the file.
    pub(super) packaged_license: Option<(String, String)>,
    pub(super) arch_independent: bool,
    pub(super) build_requires: Vec<Requirement>,
    pub(super) requires: Vec<Requirement>,
    pub(super) build: Vec<String>,
    pub(super) check: Vec<String>,
    pub(super) install: Vec<String>,
    /// What the project asks for of languages and build systems, each once.
    pub(super) toolchains: Vec<Wanted>,
    /// Why no recipe that works can be written: then one that fails with these words.
    pub(super) cannot: Option<&'static str>,
    /// The lock file that pins what the build needs of its language's modules.
    pub(super) modules: Option<(Ecosystem, &'static str)>,
    /// Why the network has to be on while building.
    pub(super) network: Option<String>,
    /// Names of the programs that are installed, as far as they are known.
    pub(super) programs: Vec<String>,
    /// Whether a test calls them: that they are there says nothing where they need modules.
    pub(super) runs_programs: bool,
    /// Programs that start with an option which their manual names.
    pub(super) starts: BTreeMap<String, &'static str>,
    /// Shared libraries that are installed.
    pub(super) libraries: Vec<Library>,
    pub(super) development: Development,
    /// Further names by which the project offers itself to others: packages of CMake, modules of pkg-config.
    pub(super) offers: Vec<String>,
    /// The project's own packaging, as paths.
    pub(super) debian: Option<String>,
    /// How a template becomes the .spec.
    pub(super) prepare: Option<String>,
    pub(super) spec: Option<String>,
    /// A line of shell that shows that the installed package works.
    pub(super) test: Option<String>,
    /// What a person should look at, as sentences.
    pub(super) checks: Vec<String>,
}

/// The least version of a toolchain that a project says it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    /// As in [`crate::distro::TOOLCHAINS`].
    pub(super) toolchain: &'static str,
    pub(super) least: String,
    /// The file that says so, with what follows from it.
    pub(super) from: String,
}

impl Wanted {
    /// What people call it.
    pub(super) fn title(&self) -> &'static str {
        match self.toolchain {
            "rust" => "Rust",
            "go" => "Go",
            "node" => "Node",
            "python" => "Python",
            "ruby" => "Ruby",
            "cmake" => "CMake",
            _ => "Meson",
        }
    }
}

/// A shared library `lib<name>.so`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Library {
    pub(super) name: String,
    /// What follows `.so.` in its soname, when the build files say it.
    pub(super) soversion: Option<String>,
    /// Whether its file has a version in its name, so that `lib<name>.so` is a link for those who compile against it.
    pub(super) versioned: bool,
}

/// The development files that are installed, as far as that is certain: a pattern that takes nothing is an error.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Development {
    pub(super) headers: bool,
    pub(super) static_library: bool,
    /// Patterns of all but shared and static libraries.
    pub(super) folders: Vec<String>,
    /// Whether there is nothing else: headers alone, or with static libraries.
    pub(super) alone: bool,
    /// Where a header is, to see in a test that it is there.
    pub(super) header: Option<String>,
}

impl Development {
    pub(super) fn has(&mut self, folder: &str) {
        self.headers |= folder.starts_with("/usr/include");
        if !self.folders.iter().any(|known| known == folder) {
            self.folders.push(folder.to_owned());
        }
    }
}

/// Something that is needed, and where the project says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Requirement {
    pub(super) what: String,
    /// `configure.ac:12`
    pub(super) from: String,
    pub(super) optional: bool,
    /// Whether `what` is a template of our own making, to be filled in for each target.
    pub(super) template: bool,
}

impl Requirement {
    pub(super) fn new(what: impl Into<String>, from: impl Into<String>, optional: bool) -> Requirement {
        Requirement { what: what.into(), from: from.into(), optional, template: false }
    }
}

impl Draft {
    pub(super) fn need(&mut self, what: impl Into<String>, from: impl Into<String>) {
        push(&mut self.build_requires, Requirement::new(what, from, false));
    }

    /// What has a name of its own in Debian's archive, where RPMs are made, too, and another one in the RPM distributions'.
    pub(super) fn need_by_manager(&mut self, apt: &str, others: &str, from: impl Into<String>) {
        let what = format!("{{% if manager == 'apt' %}}{apt}{{% else %}}{others}{{% endif %}}");
        self.build_requires.push(Requirement { template: true, ..Requirement::new(what, from, false) });
    }

    /// Used when it is there.
    pub(super) fn could_use(&mut self, what: impl Into<String>, from: impl Into<String>) {
        push(&mut self.build_requires, Requirement::new(what, from, true));
    }

    pub(super) fn build_requirement(&mut self, requirement: Requirement) {
        push(&mut self.build_requires, requirement);
    }

    pub(super) fn runtime(&mut self, what: impl Into<String>, from: impl Into<String>) {
        push(&mut self.requires, Requirement::new(what, from, false));
    }

    /// The same at run time: what a .deb asks for, and what an RPM does.
    pub(super) fn runtime_by_format(&mut self, deb: &str, rpm: &str, from: impl Into<String>) {
        let what = format!("{{% if format == 'deb' %}}{deb}{{% else %}}{rpm}{{% endif %}}");
        self.requires.push(Requirement { template: true, ..Requirement::new(what, from, false) });
    }

    pub(super) fn program(&mut self, name: &str) {
        if super::text::is_plain_word(name) && !self.programs.iter().any(|known| known == name) {
            self.programs.push(name.to_owned());
        }
    }

    /// `versioned` says that its file has a version in its name, even when nothing says which.
    pub(super) fn library(&mut self, name: &str, soversion: Option<String>, versioned: bool) {
        if super::text::is_plain_word(name) && !self.libraries.iter().any(|library| library.name == name) {
            let soversion = soversion.filter(|version| super::text::is_plain_word(version));
            let versioned = versioned || soversion.is_some();
            self.libraries.push(Library { name: name.to_owned(), soversion, versioned });
        }
    }

    /// The program pkg-config comes along with any module that it is asked for.
    pub(super) fn leave_out_what_is_implied(&mut self) {
        let asked = self.build_requires.iter().any(|one| !one.optional && one.what.starts_with("pkgconfig("));
        self.build_requires.retain(|one| !asked || one.what != "/usr/bin/pkg-config");
    }

    /// What the project's own tests and examples ask for is the project itself, once it is installed.
    pub(super) fn leave_out_what_it_makes(&mut self, tree: &Tree) {
        let mut made: Vec<String> =
            self.offers.iter().chain(&self.name).map(|name| name.to_ascii_lowercase()).collect();
        made.extend(self.libraries.iter().map(|library| library.name.to_ascii_lowercase()));
        for path in tree.names().filter(|path| is_own(path)) {
            let file = base_name(path).to_ascii_lowercase();
            let file = file.strip_suffix(".in").unwrap_or(&file);
            let name = ["-config.cmake", "config.cmake", ".pc"].iter().find_map(|ending| file.strip_suffix(ending));
            made.extend(name.map(str::to_owned));
        }
        let is_own = |requirement: &Requirement| {
            let inner = requirement.what.split_once('(').and_then(|(kind, rest)| {
                let kinds = ["cmake", "pkgconfig", "lib", "python3dist", "rubygem"];
                Some(rest.split_once(')')?.0).filter(|_| kinds.contains(&kind))
            });
            inner.is_some_and(|name| made.contains(&name.to_ascii_lowercase()))
        };
        self.build_requires.retain(|one| !is_own(one));
        self.requires.retain(|one| !is_own(one));
    }

    /// The project needs at least this version; of several, the newest counts.
    pub(super) fn want(&mut self, toolchain: &'static str, least: &str, from: impl Into<String>) {
        let plain = least.split('.').all(|part| part.parse::<u32>().is_ok());
        let new = Wanted { toolchain, least: least.to_owned(), from: from.into() };
        match self.toolchains.iter_mut().find(|known| known.toolchain == toolchain) {
            _ if !plain => {}
            None => self.toolchains.push(new),
            Some(known) if !is_enough(&known.least, least) => *known = new,
            Some(_) => {}
        }
    }

    /// The recipe fails with these words, which a script can print as they are, in place of making an empty package.
    pub(super) fn cannot(&mut self, reason: &'static str) {
        self.cannot = Some(reason);
        self.check(reason);
    }

    /// A library of headers is for those who compile against it, and nobody else.
    pub(super) fn name_development_package(&mut self) {
        let Some(name) = self.name.clone().filter(|_| self.development.alone) else { return };
        let bare = name.strip_suffix("-dev").unwrap_or(&name);
        self.rpm_name = Some(format!("{bare}-devel"));
        self.name = Some(format!("{bare}-dev"));
        self.section = Some("libdevel");
    }

    pub(super) fn check(&mut self, sentence: impl Into<String>) {
        let sentence = sentence.into();
        if !self.checks.contains(&sentence) {
            self.checks.push(sentence);
        }
    }
}

/// Each once: what is required in one place is not optional in another, and the place that asks for a version wins.
fn push(list: &mut Vec<Requirement>, new: Requirement) {
    let bare = |what: &str| what.split([' ', '<', '>', '=']).next().unwrap_or_default().to_owned();
    match list.iter_mut().find(|known| bare(&known.what) == bare(&new.what)) {
        None => list.push(new),
        Some(known) => {
            if known.optional && !new.optional {
                *known = new;
            } else if new.what.len() > known.what.len() && (known.optional == new.optional) {
                known.what = new.what;
                known.from = new.from;
            }
        }
    }
}
