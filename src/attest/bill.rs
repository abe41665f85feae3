//! What is known of a package's parts, before it is written in the words of a format. Each part has the roles in which it is
//! known to be one, and what is not known is a sentence of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::inputs::Module;
use super::licence::{Licence, licence};
use super::model::{AttestError, Target};
use super::purl;
use crate::artifact::describe::{Description, describe};
use crate::artifact::{Artifact, RelationKind};
use crate::types::Format;

/// All that is known of what a package is made of.
#[derive(Debug)]
pub(super) struct Bill {
    pub(super) format: Format,
    pub(super) name: String,
    pub(super) version: String,
    /// What users download.
    pub(super) file_name: String,
    pub(super) sha256: String,
    pub(super) purl: String,
    pub(super) licence: Licence,
    /// Seconds since the epoch.
    pub(super) created: i64,
    /// The version of farm that built it.
    pub(super) farm: String,
    pub(super) parts: Vec<Part>,
    /// Sentences.
    pub(super) unknown: Vec<String>,
}

/// Something that went into a package, or that it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) roles: Vec<Role>,
    pub(super) name: String,
    pub(super) version: Option<String>,
    pub(super) purl: Option<String>,
    pub(super) licence: Option<Licence>,
    /// Algorithm as in-toto names it, and hex digits.
    pub(super) digests: Vec<(&'static str, String)>,
    /// Where it is from.
    pub(super) urls: Vec<String>,
    pub(super) commit: Option<String>,
}

/// How something is a part of a package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// A source of the recipe.
    Source,
    /// A patch of the recipe.
    Patch,
    /// What a lock file pins, given to the build.
    Module,
    /// Installed where it was built.
    Builder,
    /// Has these libraries, which programs of the package are linked with.
    Linked(BTreeSet<String>),
    /// Required or only wished for, in these words.
    Requirement { kind: RelationKind, text: String },
}

impl Role {
    /// A sentence on what is known, and what is not.
    pub(super) fn says(&self) -> String {
        match self {
            Role::Source => "A source of the recipe.".to_owned(),
            Role::Patch => "A patch of the recipe.".to_owned(),
            Role::Module => {
                "Pinned by a lock file of the source and given to the build; whether it is in the package is not known."
                    .to_owned()
            }
            Role::Builder => {
                "Was installed where the package was built; whether the build used it is not known.".to_owned()
            }
            Role::Linked(libraries) => {
                let libraries: Vec<&str> = libraries.iter().map(String::as_str).collect();
                format!("Has {}, which the package's programs name as needed.", libraries.join(", "))
            }
            Role::Requirement { kind, text } => {
                format!("The package says: {} {text}. Which version a system has is not known.", kind.as_str())
            }
        }
    }
}

impl Part {
    fn new(role: Role, name: &str) -> Part {
        Part {
            roles: vec![role],
            name: name.to_owned(),
            version: None,
            purl: None,
            licence: None,
            digests: Vec::new(),
            urls: Vec::new(),
            commit: None,
        }
    }
}

/// A package of a target, read whole.
pub(super) struct Read<'a> {
    pub(super) artifact: &'a Artifact,
    pub(super) description: Description,
}

impl<'a> Read<'a> {
    pub(super) fn of(artifact: &'a Artifact, folder: &Path) -> Result<Read<'a>, AttestError> {
        Ok(Read { artifact, description: describe(&folder.join(&artifact.file_name))? })
    }

    /// The file names of libraries that the loader may find in it.
    fn libraries(&self) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        for (path, file) in &self.description.files {
            all.extend(file.soname.clone());
            let name = path.rsplit(|byte| *byte == b'/').next().and_then(|name| std::str::from_utf8(name).ok());
            all.extend(name.filter(|name| name.contains(".so")).map(str::to_owned));
        }
        all
    }
}

/// The bill of one of a target's packages, all of which are `read`.
pub(super) fn bill(
    target: &Target<'_>,
    modules: &[Module],
    read: &[Read<'_>],
    one: &Read<'_>,
    file_name: &str,
) -> Bill {
    let (inputs, description) = (target.inputs, &one.description);
    let (os, os_version) = target.os(description.format);
    let id = (description.name.as_str(), description.version.as_str(), description.architecture.as_str());
    let mut bill = Bill {
        format: description.format,
        name: description.name.clone(),
        version: description.version.clone(),
        file_name: file_name.to_owned(),
        sha256: one.artifact.sha256.clone(),
        purl: purl::of_package(description.format, os, os_version, id),
        licence: licence(&inputs.license),
        created: inputs.source_date_epoch,
        farm: inputs.farm.clone(),
        parts: sources(target),
        unknown: Vec::new(),
    };
    bill.parts.extend(module_parts(modules));
    let installed_at = bill.parts.len();
    bill.parts.extend(builder(target));
    link(&mut bill, target, read, one, installed_at);
    bill.parts.extend(requirements(description));
    if inputs.installed.is_none() {
        bill.unknown.push(
            "Which packages were installed where it was built is not known: no package manager that farm knows was there."
                .to_owned(),
        );
    }
    if inputs.network {
        bill.unknown.push("The build had a network: what it fetched from there is not known.".to_owned());
    }
    bill.unknown.push(
        "Copies of other projects in the sources, and libraries that programs are statically linked with, are not known."
            .to_owned(),
    );
    bill
}

/// Sources and patches.
pub(super) fn sources(target: &Target<'_>) -> Vec<Part> {
    let sources = target.inputs.sources.iter().map(|source| Part {
        digests: vec![("sha256", source.sha256.clone())],
        urls: source.urls.clone(),
        commit: source.commit.clone(),
        ..Part::new(Role::Source, &source.name)
    });
    let patches = target
        .inputs
        .patches
        .iter()
        .map(|patch| Part { digests: vec![("sha256", patch.sha256.clone())], ..Part::new(Role::Patch, &patch.name) });
    sources.chain(patches).collect()
}

/// Each module once, whatever files of it there are: Go has two.
pub(super) fn module_parts(modules: &[Module]) -> Vec<Part> {
    let mut parts: BTreeMap<(&str, &str, &str), Part> = BTreeMap::new();
    for module in modules {
        let key = (module.ecosystem.as_str(), module.name.as_str(), module.version.as_str());
        let part = parts.entry(key).or_insert_with(|| Part {
            version: Some(module.version.clone()),
            purl: purl::of_module(&module.ecosystem, &module.name, &module.version),
            licence: module.license.as_deref().map(licence),
            commit: module.hash.strip_prefix("gitCommit:").map(str::to_owned),
            ..Part::new(Role::Module, &module.name)
        });
        part.digests.extend(digest_of(&module.hash).filter(|digest| !part.digests.contains(digest)));
    }
    parts.into_values().collect()
}

/// A hash as lock files and tools write it.
fn digest_of(hash: &str) -> Option<(&'static str, String)> {
    let (algorithm, value) = hash.split_once(':')?;
    let length = |digits: usize| Some(value.to_ascii_lowercase()).filter(|_| is_hex(value, digits));
    match algorithm {
        "sha1" => Some(("sha1", length(40)?)),
        "sha256" => Some(("sha256", length(64)?)),
        "sha384" => Some(("sha384", length(96)?)),
        "sha512" => Some(("sha512", length(128)?)),
        // Go's, of names and contents in place of a file.
        "h1" => Some(("dirHash", hex::encode(BASE64_STANDARD.decode(value).ok()?))),
        _ => None,
    }
}

pub(super) fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What was installed where the steps ran.
pub(super) fn builder(target: &Target<'_>) -> Vec<Part> {
    let Some(installed) = &target.inputs.installed else { return Vec::new() };
    let (os, os_version) = (installed.os.as_deref(), installed.os_version.as_deref());
    let part = |package: &super::installed::InstalledPackage| {
        let id = (package.name.as_str(), package.version.as_str(), package.architecture.as_str());
        Part {
            version: Some(package.version.clone()),
            purl: Some(purl::of_package(installed.format, os, os_version, id)),
            licence: package.license.as_deref().map(licence),
            ..Part::new(Role::Builder, &package.name)
        }
    };
    installed.packages.iter().map(part).collect()
}

/// Says of which packages the libraries are that the package's programs need. Parts from `installed_at` on are the
/// builder's packages, in their order.
fn link(bill: &mut Bill, target: &Target<'_>, read: &[Read<'_>], one: &Read<'_>, installed_at: usize) {
    let own = one.libraries();
    let needed: BTreeSet<&String> = one.description.files.values().flat_map(|file| &file.needed).collect();
    let mut of_siblings: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    let mut of_builder: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    let mut lost = Vec::new();
    for library in needed.into_iter().filter(|library| !own.contains(*library)) {
        let sibling = read.iter().position(|other| other.libraries().contains(library));
        let installed = target.inputs.installed.as_ref();
        let package = installed.and_then(|installed| {
            let package = installed.with_library(library, target.architecture(installed.format))?;
            installed.packages.iter().position(|other| other == package)
        });
        match (sibling, package) {
            (Some(at), _) => drop(of_siblings.entry(at).or_default().insert(library.clone())),
            (None, Some(at)) => drop(of_builder.entry(installed_at + at).or_default().insert(library.clone())),
            (None, None) => lost.push(library.as_str()),
        }
    }
    for (at, libraries) in of_builder {
        bill.parts[at].roles.push(Role::Linked(libraries));
    }
    let (os, os_version) = target.os(bill.format);
    for (at, libraries) in of_siblings {
        let Description { format, name, version, architecture, .. } = &read[at].description;
        bill.parts.push(Part {
            version: Some(version.clone()),
            purl: Some(purl::of_package(*format, os, os_version, (name, version, architecture))),
            licence: Some(bill.licence.clone()),
            digests: vec![("sha256", read[at].artifact.sha256.clone())],
            ..Part::new(Role::Linked(libraries), name)
        });
    }
    if !lost.is_empty() {
        bill.unknown
            .push(format!("Which packages these needed libraries came from is not known: {}.", lost.join(", ")));
    }
}

/// What the package says that it needs on a system; what rpm finds of libraries is said by those.
fn requirements(description: &Description) -> Vec<Part> {
    let kinds = [RelationKind::PreRequires, RelationKind::Requires, RelationKind::Recommends, RelationKind::Suggests];
    let mut parts = Vec::new();
    for kind in kinds {
        for related in description.relations.get(&kind).into_iter().flatten() {
            let is_library = related.name.contains(".so") && !related.name.starts_with('/');
            if description.format == Format::Rpm && (is_library || related.name.starts_with("rpmlib(")) {
                continue;
            }
            let text = related.text.replace(crate::artifact::describe::OWN_VERSION, &description.version);
            parts.push(Part::new(Role::Requirement { kind, text }, &related.name));
        }
    }
    parts
}
