//! Whether a package is what a statement of provenance speaks of. Statements are anybody's until a key says whose; they are
//! read with bounds, and names in them lead nowhere but to files beside them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::model::{CYCLONEDX, PROVENANCE, SPDX};
use super::provenance::{PREDICATE_TYPE, STATEMENT_TYPE};
use crate::artifact::measure;
use crate::sign;

/// The largest builder comes to a hundredth.
const LARGEST_STATEMENT: u64 = 64 << 20;
/// Folders below the one that is named: recipe, target, and two to spare.
const DEEPEST: usize = 4;

/// An in-toto statement, as much of it as is looked at.
#[derive(Debug, Deserialize)]
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Resource>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: Value,
}

#[derive(Debug, Deserialize)]
struct Resource {
    #[serde(default)]
    name: String,
    #[serde(default)]
    digest: BTreeMap<String, String>,
}

/// The statements of a folder.
#[derive(Debug, Default)]
pub(crate) struct Statements {
    usable: Vec<(PathBuf, Statement)>,
    /// Those that cannot be read, or that no key has signed, with why.
    pub(crate) refused: Vec<(PathBuf, String)>,
}

/// What statements say of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Named(Found),
    /// In words that follow the package's name.
    Refused(String),
}

/// The statement that names a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) statement: PathBuf,
    /// The target that it says the package was built for.
    pub(crate) target: String,
    /// Bills of materials that the statement names and that are as it says.
    pub(crate) bills: usize,
    /// Those that it names and that are not there.
    pub(crate) missing: Vec<String>,
}

impl Statements {
    /// Reads every statement in `place`, a file or a folder. With `keys`, those count that one of them has signed.
    ///
    /// # Errors
    /// When `place` itself cannot be read.
    pub(crate) fn read(place: &Path, keys: Option<&[u8]>) -> io::Result<Statements> {
        let mut paths = Vec::new();
        match fs::metadata(place)?.is_dir() {
            true => find(place, DEEPEST, &mut paths)?,
            false => paths.push(place.to_owned()),
        }
        let mut statements = Statements::default();
        for path in paths {
            let signed = keys.map_or(Ok(()), |keys| sign::verify_file(&path, keys));
            match signed.and_then(|()| read(&path)) {
                Ok(statement) => statements.usable.push((path, statement)),
                Err(reason) => statements.refused.push((path, reason)),
            }
        }
        Ok(statements)
    }

    /// How many there are that count.
    pub(crate) fn len(&self) -> usize {
        self.usable.len()
    }

    /// What they say of a package, and whether the bills that go with it are as they say. Reads all of it.
    ///
    /// # Errors
    /// When the package cannot be read.
    pub(crate) fn verdict(&self, package: &Path) -> io::Result<Verdict> {
        let (_, actual) = measure(package)?;
        let is_it =
            |subject: &&Resource| subject.digest.get("sha256").is_some_and(|hex| hex.eq_ignore_ascii_case(&actual));
        for (path, statement) in &self.usable {
            if let Some(subject) = statement.subject.iter().find(is_it) {
                return bills(path, statement, &subject.name);
            }
        }
        let name = package.file_name().unwrap_or_default().to_string_lossy();
        let of_name = self.usable.iter().find_map(|(path, statement)| {
            let subject = statement.subject.iter().find(|subject| subject.name == name)?;
            Some((path, subject.digest.get("sha256")?))
        });
        Ok(Verdict::Refused(match of_name {
            Some((path, stated)) => {
                format!("is not the file that was built: it has sha256 {actual}, and {} names {stated}", path.display())
            }
            None => format!("is named by no statement: it has sha256 {actual}, under whatever name"),
        }))
    }
}

/// Compares the bills of a package with what its statement says of them.
fn bills(path: &Path, statement: &Statement, subject: &str) -> io::Result<Verdict> {
    let text = |pointer: &str| statement.predicate.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let mut found = Found {
        statement: path.to_owned(),
        target: text("/buildDefinition/externalParameters/target").to_owned(),
        bills: 0,
        missing: Vec::new(),
    };
    let byproducts = statement.predicate.pointer("/runDetails/byproducts").and_then(Value::as_array);
    for name in [SPDX, CYCLONEDX].map(|ending| format!("{subject}.{ending}")) {
        let named = byproducts.into_iter().flatten().find(|one| one["name"] == *name);
        let Some(stated) = named.and_then(|one| one.pointer("/digest/sha256")).and_then(Value::as_str) else {
            continue;
        };
        // A name, and no way to another folder.
        if name.contains(['/', '\\']) {
            continue;
        }
        match measure(&path.with_file_name(&name)) {
            Ok((_, actual)) if actual.eq_ignore_ascii_case(stated) => found.bills += 1,
            Ok((_, actual)) => {
                return Ok(Verdict::Refused(format!(
                    "has another bill of materials than {} says: {name} has sha256 {actual}, not {stated}",
                    path.display()
                )));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => found.missing.push(name),
            Err(error) => return Err(error),
        }
    }
    Ok(Verdict::Named(found))
}

fn read(path: &Path) -> Result<Statement, String> {
    let mut text = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(LARGEST_STATEMENT + 1).read_to_end(&mut text).map_err(|error| error.to_string())?;
    if text.len() as u64 > LARGEST_STATEMENT {
        return Err("it is unreasonably large".to_owned());
    }
    let statement: Statement =
        serde_json::from_slice(&text).map_err(|error| format!("it is no in-toto statement: {error}"))?;
    if statement.kind != STATEMENT_TYPE || statement.predicate_type != PREDICATE_TYPE {
        return Err(format!("it is no {PREDICATE_TYPE} in a {STATEMENT_TYPE}"));
    }
    Ok(statement)
}

/// Statements below a folder, in order; what is hidden is left out.
fn find(folder: &Path, deeper: usize, found: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries: Vec<fs::DirEntry> = fs::read_dir(folder)?.collect::<io::Result<_>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type()?;
        if kind.is_dir() && deeper > 0 && !name.starts_with('.') {
            find(&entry.path(), deeper - 1, found)?;
        } else if kind.is_file() && (name == PROVENANCE || name.ends_with(&format!(".{PROVENANCE}"))) {
            found.push(entry.path());
        }
    }
    Ok(())
}
