//! What a build can lack.

use std::fmt;

use serde::Serialize;

use super::names;

/// No name of a file, module or package that a build asks for is longer.
pub(super) const NAME_BYTES: usize = 200;

/// What kind of thing is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MissingKind {
    /// Of C or C++, as it is included: `curl/curl.h`.
    Header,
    /// A linker's `-lfoo`: `foo`.
    Library,
    PkgConfig,
    /// What `find_package` looks for.
    CmakePackage,
    Command,
    PythonModule,
    /// `Foo::Bar`
    PerlModule,
    RubyGem,
    /// Of autoconf, as it is written in a `configure.ac`.
    AutoconfMacro,
    /// An absolute path.
    File,
}

/// Something that a build looked for and did not find.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    pub kind: MissingKind,
    /// Printable, without white space and quotes.
    pub name: String,
    /// The number of the line that says so, as the output was numbered.
    pub line: u64,
    /// That line, printable, cut when it is long.
    pub text: String,
}

impl Missing {
    /// What may be asked for to get it, the likeliest first; never empty. Capabilities, but for the few things that only
    /// a package's name stands for.
    pub fn requirements(&self) -> Vec<String> {
        names::requirements(self.kind, &self.name)
    }
}

/// `the header curl/curl.h`
impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match self.kind {
            MissingKind::Header => write!(f, "the header {name}"),
            MissingKind::Library => write!(f, "a library to link with -l{name}"),
            MissingKind::PkgConfig => write!(f, "{name}.pc of pkg-config"),
            MissingKind::CmakePackage => write!(f, "the CMake package {name}"),
            MissingKind::Command => write!(f, "the command {name}"),
            MissingKind::PythonModule => write!(f, "the Python module {name}"),
            MissingKind::PerlModule => write!(f, "the Perl module {name}"),
            MissingKind::RubyGem => write!(f, "the Ruby gem {name}"),
            MissingKind::AutoconfMacro => write!(f, "the autoconf macro {name}"),
            MissingKind::File => write!(f, "the file {name}"),
        }
    }
}

/// How sure a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strength {
    /// Whoever prints this stops.
    Certain,
    /// Scripts go on after it as often as not.
    Likely,
}

/// A thing that a line names, before its place is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) kind: MissingKind,
    pub(super) name: String,
    pub(super) strength: Strength,
}

impl Named {
    pub(super) fn certain(kind: MissingKind, name: &str) -> Option<Named> {
        Named::new(kind, name, Strength::Certain)
    }

    pub(super) fn likely(kind: MissingKind, name: &str) -> Option<Named> {
        Named::new(kind, name, Strength::Likely)
    }

    /// None for what cannot be a name of this kind: output is anybody's text.
    pub(super) fn new(kind: MissingKind, name: &str, strength: Strength) -> Option<Named> {
        names::is_plausible(kind, name).then(|| Named { kind, name: name.to_owned(), strength })
    }
}
