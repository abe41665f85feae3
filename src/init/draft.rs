//! What was found out about a project, before it becomes a recipe. Build systems and the readers of identity and licence
//! fill it in; what is known already stays.

/// Everything that a recipe is written from.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// What builds the project: `CMake`, and the file that says so.
    pub(super) system: &'static str,
    pub(super) system_file: String,
    pub(super) name: Option<String>,
    /// The name for RPMs, where each world has its own rule.
    pub(super) rpm_name: Option<String>,
    pub(super) version: Option<String>,
    pub(super) summary: Option<String>,
    pub(super) description: Option<String>,
    pub(super) homepage: Option<String>,
    pub(super) maintainer: Option<String>,
    pub(super) section: Option<&'static str>,
    /// Licences that the project's own metadata declares, as written, with the file that does.
    pub(super) declared_licenses: Vec<(String, String)>,
    pub(super) arch_independent: bool,
    pub(super) build_requires: Vec<Requirement>,
    pub(super) requires: Vec<Requirement>,
    pub(super) build: Vec<String>,
    pub(super) check: Vec<String>,
    pub(super) install: Vec<String>,
    /// Why the network has to be on while building.
    pub(super) network: Option<String>,
    /// Names of the programs that are installed, as far as they are known.
    pub(super) programs: Vec<String>,
    /// Shared libraries that are installed.
    pub(super) libraries: Vec<Library>,
    pub(super) development: Development,
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

/// A shared library `lib<name>.so`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Library {
    pub(super) name: String,
    /// What follows `.so.` in its soname, when the build files say it.
    pub(super) soversion: Option<String>,
}

/// Which kinds of development files are installed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Development {
    pub(super) pkgconfig: bool,
    pub(super) cmake: bool,
    pub(super) static_library: bool,
    /// Manual pages of section 3.
    pub(super) manual: bool,
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

    /// What only the packaging tools of a format need, by its package names.
    pub(super) fn need_for_format(&mut self, deb: &str, rpm: &str, from: impl Into<String>) {
        let what = format!("{{% if format == 'deb' %}}{deb}{{% else %}}{rpm}{{% endif %}}");
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

    pub(super) fn program(&mut self, name: &str) {
        if super::text::is_plain_word(name) && !self.programs.iter().any(|known| known == name) {
            self.programs.push(name.to_owned());
        }
    }

    pub(super) fn library(&mut self, name: &str, soversion: Option<String>) {
        if super::text::is_plain_word(name) && !self.libraries.iter().any(|library| library.name == name) {
            let soversion = soversion.filter(|version| super::text::is_plain_word(version));
            self.libraries.push(Library { name: name.to_owned(), soversion });
        }
    }

    /// The program pkg-config comes along with any module that it is asked for.
    pub(super) fn leave_out_what_is_implied(&mut self) {
        let asked = self.build_requires.iter().any(|one| !one.optional && one.what.starts_with("pkgconfig("));
        self.build_requires.retain(|one| !asked || one.what != "/usr/bin/pkg-config");
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
