//! What a comparison finds.

use serde::{Serialize, Serializer};

use crate::artifact::describe::{Description, RelationKind};
use crate::types::Format;

/// What of a package is different.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Aspect {
    /// The package's version.
    Version,
    /// The package's architecture.
    Architecture,
    /// A text about the package: licence, description, homepage.
    Field,
    /// A file, folder or link that one of the two does not have.
    File,
    /// File, folder, link or special file.
    Type,
    /// Permission bits.
    Mode,
    /// User and group.
    Owner,
    /// What a link leads to.
    Link,
    /// Whether it is a configuration file.
    Config,
    /// File capabilities.
    Capabilities,
    /// Size and digest.
    Content,
    /// The name by which programs ask for a library.
    Soname,
    /// A symbol that a library offers.
    Symbol,
    /// The types of a function or variable that a library offers.
    Abi,
    /// What a package wants of others, or is for them.
    Relation(RelationKind),
    /// What the package manager runs.
    Script,
    /// What other packages make it run.
    Trigger,
}

impl Aspect {
    /// Its word in JSON: `file`, `requires`.
    pub fn as_str(self) -> &'static str {
        match self {
            Aspect::Version => "version",
            Aspect::Architecture => "architecture",
            Aspect::Field => "field",
            Aspect::File => "file",
            Aspect::Type => "type",
            Aspect::Mode => "mode",
            Aspect::Owner => "owner",
            Aspect::Link => "link",
            Aspect::Config => "config",
            Aspect::Capabilities => "capabilities",
            Aspect::Content => "content",
            Aspect::Soname => "soname",
            Aspect::Symbol => "symbol",
            Aspect::Abi => "abi",
            Aspect::Relation(kind) => kind.as_str(),
            Aspect::Script => "script",
            Aspect::Trigger => "trigger",
        }
    }

    /// The same for all that concerns one file, so that a file counts once.
    pub(super) fn whole(self) -> Option<Aspect> {
        (self.group() != "files").then_some(self)
    }

    /// The heading that it stands below.
    pub(super) fn group(self) -> &'static str {
        match self {
            Aspect::Version | Aspect::Architecture | Aspect::Field => "package",
            Aspect::File
            | Aspect::Type
            | Aspect::Mode
            | Aspect::Owner
            | Aspect::Link
            | Aspect::Config
            | Aspect::Capabilities
            | Aspect::Content => "files",
            Aspect::Soname | Aspect::Symbol | Aspect::Abi => "libraries",
            Aspect::Relation(_) => "relations",
            Aspect::Script | Aspect::Trigger => "scripts",
        }
    }
}

impl Serialize for Aspect {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What is different.
    pub aspect: Aspect,
    /// Of what: a path, the name of a field, of a relation, of a script. As the package has it, so nothing for a terminal.
    pub subject: String,
    /// None where the first package has nothing of it.
    pub before: Option<String>,
    /// None where the second package has nothing of it.
    pub after: Option<String>,
}

/// What is different in a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackageChanges {
    /// Its name: the second package's, where the two have different ones.
    pub name: String,
    /// None of a package that is new.
    pub before: Option<PackageRef>,
    /// None of a package that is gone.
    pub after: Option<PackageRef>,
    /// Byte by byte the same file. Packages without changes need not be: times and compression are not compared.
    pub identical: bool,
    /// Ordered by what they are about. Empty where one of the two packages is missing.
    pub changes: Vec<Change>,
}

impl PackageChanges {
    /// Whether nothing that is compared is different.
    pub fn is_same(&self) -> bool {
        self.before.is_some() && self.after.is_some() && self.changes.is_empty()
    }
}

/// One of two packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackageRef {
    /// Its file's name.
    pub file_name: String,
    /// deb or rpm.
    pub format: Format,
    /// As the format writes it.
    pub version: String,
    /// As the format writes it.
    pub architecture: String,
}

impl PackageRef {
    pub(super) fn of(file_name: &str, description: &Description) -> PackageRef {
        PackageRef {
            file_name: file_name.to_owned(),
            format: description.format,
            version: description.version.clone(),
            architecture: description.architecture.clone(),
        }
    }
}
