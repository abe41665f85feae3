//! A folder for a release page: the packages of a store under names that a page keeps, one list of sums, and notes. It is
//! made beside its place and renamed, so that it is there whole or not at all.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::attested::{Attestable, AttestedError};
use super::index::{GOOD, Index, IndexedTarget, Packages};
use super::new_folder::make_folder;
use super::{SUMS_FILE, StoreError, at, is_plain_name, swap};
use crate::artifact::{Artifact, ArtifactKind};
use crate::attest::{Document, PROVENANCE};
use crate::sign::{Content, SignError, Signer};

const NOTES_FILE: &str = "RELEASE.md";
const SIGNATURE_FILE: &str = "SHA256SUMS.asc";
const KEY_FILE: &str = "signing-key.asc";

/// What files are called on a release page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Naming {
    /// Every character but letters, digits, `.`, `_`, `+` and `-` is a `.`: what GitHub makes of names itself, so that
    /// sums name what people download.
    Portable,
    /// As they are in the store.
    Exact,
}

/// What a release page is to hold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Release {
    /// By name on the page.
    files: BTreeMap<String, ReleasedFile>,
    /// Targets in the order of their ids, with the names of their files on the page.
    targets: Vec<(String, Vec<String>)>,
    /// Recipes with their versions: `jq 1.7-1`.
    versions: Vec<String>,
    indexed: Vec<IndexedTarget>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct ReleasedFile {
    /// Relative to the store.
    path: String,
    sha256: String,
    size_bytes: u64,
    /// What it is called in the store.
    name: String,
    distro: String,
    is_for_all: bool,
}

/// Why there can be no release of what a store holds.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReleaseError {
    #[error("there are no packages to release")]
    Nothing,
    /// Targets whose packages are not those of their last build.
    #[error("the last build of {} did not come to packages:{}", count(.0.len()), list(.0))]
    NotGood(Vec<String>),
    /// Targets of one recipe, with their versions.
    #[error("the packages of {recipe} are of more than one version:{}", list(.targets))]
    Mixed { recipe: String, targets: Vec<String> },
    /// Two files of one name that differ.
    #[error("{name} would be two files with different contents:{}", list(.paths))]
    Clash { name: String, paths: Vec<String> },
    #[error("{} is there already", .0.display())]
    Exists(PathBuf),
    #[error("{} {reason}", .path.display())]
    Damaged { path: PathBuf, reason: String },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Sign(#[from] SignError),
    #[error(transparent)]
    Attested(#[from] AttestedError),
}

fn count(targets: usize) -> String {
    if targets == 1 { "one target".to_owned() } else { format!("{targets} targets") }
}

fn list(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n  {line}")).collect()
}

impl Release {
    /// A release of all that an index has.
    ///
    /// # Errors
    /// When the packages of a recipe do not belong together, or two files would have one name.
    pub(crate) fn of(index: &Index, naming: Naming, with_debug: bool) -> Result<Release, ReleaseError> {
        let mut chosen: Vec<&IndexedTarget> = index.targets.iter().collect();
        chosen.sort_by(|a, b| a.target.cmp(&b.target));
        let is_good = |target: &&IndexedTarget| target.outcome == GOOD && target.packages.is_some();
        let (good, bad): (Vec<_>, Vec<_>) = chosen.into_iter().partition(is_good);
        if !bad.is_empty() {
            let line = |target: &IndexedTarget| format!("{} {}", target.target, target.outcome);
            return Err(ReleaseError::NotGood(bad.into_iter().map(line).collect()));
        }
        let targets: Vec<(&IndexedTarget, &Packages)> =
            good.into_iter().filter_map(|target| Some((target, target.packages.as_ref()?))).collect();
        if targets.is_empty() {
            return Err(ReleaseError::Nothing);
        }
        let indexed = targets.iter().map(|(target, _)| (*target).clone()).collect();
        let mut release =
            Release { files: BTreeMap::new(), targets: Vec::new(), versions: versions(&targets)?, indexed };
        for (target, packages) in targets {
            let is_released = |artifact: &&Artifact| match artifact.kind {
                ArtifactKind::Binary | ArtifactKind::Source => true,
                ArtifactKind::Debug => with_debug,
                ArtifactKind::Metadata => false,
            };
            let mut names = Vec::new();
            for artifact in packages.artifacts.iter().filter(is_released) {
                names.push(release.add(target, artifact, naming)?);
            }
            release.targets.push((target.target.clone(), names));
        }
        Ok(release)
    }

    /// Its name on the page.
    fn add(&mut self, target: &IndexedTarget, artifact: &Artifact, naming: Naming) -> Result<String, ReleaseError> {
        let name = match naming {
            Naming::Portable => portable(&artifact.file_name),
            Naming::Exact => artifact.file_name.clone(),
        };
        let architecture = artifact.package.as_ref().map(|package| package.architecture.as_str());
        let file = ReleasedFile {
            path: format!("{}/{}", target.folder, artifact.file_name),
            sha256: artifact.sha256.clone(),
            size_bytes: artifact.size_bytes,
            name: artifact.file_name.clone(),
            distro: target.distro.clone(),
            is_for_all: artifact.kind == ArtifactKind::Source || matches!(architecture, Some("all" | "noarch")),
        };
        match self.files.get(&name) {
            None => drop(self.files.insert(name.clone(), file)),
            Some(other) if other.sha256 == file.sha256 => {}
            // Each architecture of a distribution makes one, and a repository, too, takes but one of them.
            Some(other)
                if other.is_for_all
                    && file.is_for_all
                    && (&other.distro, &other.name) == (&file.distro, &file.name) => {}
            Some(other) => return Err(ReleaseError::Clash { name, paths: vec![other.path.clone(), file.path] }),
        }
        Ok(name)
    }

    /// How many files there are, and how many bytes they have.
    pub(crate) fn size(&self) -> (usize, u64) {
        (self.files.len(), self.files.values().map(|file| file.size_bytes).sum())
    }

    /// Copies the files from the store at `root` to the new folder `page`, reading each against its sum. The sums are signed,
    /// where there is somebody to do it. Returns the targets of which
    /// nothing says what went into their packages, so that no document does. Blocks.
    ///
    /// # Errors
    /// When there is something at `page`, when a file is not what was accepted, or when files cannot be read or written;
    /// then nothing is at `page`.
    pub(crate) fn write(&self, root: &Path, page: &Path, signer: Option<&Signer>) -> Result<Vec<String>, ReleaseError> {
        let (documents, unknown) = self.documents(root)?;
        make_folder(
            page,
            || ReleaseError::Exists(page.to_owned()),
            |staged| self.fill(root, staged, &documents, signer),
        )?;
        Ok(unknown)
    }

    fn fill(
        &self,
        root: &Path,
        staged: &Path,
        documents: &[Document],
        signer: Option<&Signer>,
    ) -> Result<(), ReleaseError> {
        self.files.par_iter().try_for_each(|(name, file)| copy(&root.join(&file.path), &staged.join(name), file))?;
        let packages = self.files.iter().map(|(name, file)| (name.as_str(), file.sha256.clone()));
        let about = documents.iter().map(|one| (one.name.as_str(), hex::encode(Sha256::digest(&one.text))));
        let sums: BTreeMap<&str, String> = packages.chain(about).collect();
        let sums: String = sums.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect();
        let mut texts = vec![(NOTES_FILE.to_owned(), self.notes(signer, documents).into_bytes())];
        if let Some(signer) = signer {
            let mut sign = |name: &str, text: &[u8]| -> Result<(), SignError> {
                let signature = signer.armoured(name, Content::Bytes(text))?;
                texts.push((format!("{name}.asc"), signature.into_bytes()));
                Ok(())
            };
            sign(SUMS_FILE, sums.as_bytes())?;
            for statement in documents.iter().filter(|one| one.is_statement()) {
                sign(&statement.name, &statement.text)?;
            }
            texts.push((KEY_FILE.to_owned(), signer.certificate().to_owned().into_bytes()));
        }
        texts.push((SUMS_FILE.to_owned(), sums.into_bytes()));
        let about = documents.iter().map(|one| (&one.name, &one.text));
        for (name, text) in texts.iter().map(|(name, text)| (name, text)).chain(about) {
            let path = staged.join(name);
            swap::write_synced(&path, text).map_err(at(&path))?;
        }
        Ok(())
    }

    /// Bills of materials and statements of provenance, and the targets of which nothing says what went in.
    fn documents(&self, root: &Path) -> Result<(Vec<Document>, Vec<String>), ReleaseError> {
        let (mut documents, mut unknown) = (Vec::new(), Vec::new());
        for target in &self.indexed {
            let attestable = match Attestable::of(root, target) {
                Err(AttestedError::Unknown { target }) => {
                    unknown.push(target);
                    continue;
                }
                other => other?,
            };
            // Of files that several targets have, those of one are there.
            let called = |artifact: &Artifact| {
                let path = format!("{}/{}", target.folder, artifact.file_name);
                self.files.iter().find(|(_, file)| file.path == path).map(|(name, _)| name.clone())
            };
            let statement = format!("{}.{PROVENANCE}", portable(&target.folder.replace('/', "_")));
            documents.extend(attestable.documents(None, &called, &statement)?);
        }
        Ok((documents, unknown))
    }

    /// What to write on the page, in Markdown.
    fn notes(&self, signer: Option<&Signer>, documents: &[Document]) -> String {
        let mut text = format!("# {}\n\n| Built for | Files |\n|---|---|\n", self.versions.join(", "));
        for (target, names) in &self.targets {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            text.push_str(&format!("| {target} | {} |\n", names.join("<br>")));
        }
        text.push_str(&format!(
            "\n`sha256sum -c {SUMS_FILE}`, where the files are, says whether they are what was built.\n"
        ));
        if let Some(signer) = signer {
            text.push_str(&format!(
                "The sums are signed by the key {}: `gpg --import {KEY_FILE}`, then `gpg --verify {SIGNATURE_FILE} {SUMS_FILE}`.\n",
                signer.fingerprint()
            ));
        }
        if !documents.is_empty() {
            text.push_str(
                "`*.spdx.json` and `*.cdx.json` are bills of materials of the packages, `*.provenance.json` says what they \
                 were built from: `farm attest verify FILE...` compares.\n",
            );
        }
        let renamed: Vec<_> = self.files.iter().filter(|(name, file)| **name != file.name).collect();
        if !renamed.is_empty() {
            text.push_str(
                "\nSome release pages change names, so these files have others here than in a repository:\n\n",
            );
            for (name, file) in renamed {
                text.push_str(&format!("- `{name}` is `{}`\n", file.name));
            }
        }
        text
    }
}

/// The version of each recipe.
fn versions(targets: &[(&IndexedTarget, &Packages)]) -> Result<Vec<String>, ReleaseError> {
    let mut recipes: BTreeMap<&str, BTreeMap<String, Vec<&str>>> = BTreeMap::new();
    for (target, packages) in targets {
        let version = match (&packages.version, packages.release) {
            (Some(version), Some(release)) => format!("{version}-{release}"),
            _ => "of an earlier farm, which did not write its version down".to_owned(),
        };
        recipes.entry(&target.recipe).or_default().entry(version).or_default().push(&target.target);
    }
    let one = |(recipe, versions): (&str, BTreeMap<String, Vec<&str>>)| match versions.len() {
        1 => Ok(versions.into_keys().map(|version| format!("{recipe} {version}")).collect()),
        _ => {
            let of_version = |(version, targets): (String, Vec<&str>)| {
                targets.into_iter().map(move |target| format!("{target} {version}")).collect::<Vec<_>>()
            };
            let targets = versions.into_iter().flat_map(of_version).collect();
            Err(ReleaseError::Mixed { recipe: recipe.to_owned(), targets })
        }
    };
    recipes.into_iter().map(one).collect()
}

/// A name that pages keep; see [`Naming::Portable`].
fn portable(name: &str) -> String {
    let keeps = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '+' | '-');
    let kept: String = name.chars().map(|c| if keeps(c) { c } else { '.' }).collect();
    kept.trim_matches('.').to_owned()
}

fn copy(from: &Path, to: &Path, file: &ReleasedFile) -> Result<(), ReleaseError> {
    let damaged = |reason: &str| ReleaseError::Damaged { path: from.to_owned(), reason: reason.to_owned() };
    let is_file = fs::symlink_metadata(from).is_ok_and(|found| found.is_file());
    if !is_plain_name(&file.name) || !is_file {
        return Err(damaged("is not there"));
    }
    let mut source = File::open(from).map_err(at(from))?;
    let mut target = File::options().write(true).create_new(true).open(to).map_err(at(to))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 128 * 1024];
    loop {
        let read = match source.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(at(from)(error).into()),
        };
        hash.update(&buffer[..read]);
        target.write_all(&buffer[..read]).map_err(at(to))?;
    }
    if hex::encode(hash.finalize()) != file.sha256 {
        return Err(damaged("is not what was accepted: farm build makes it again"));
    }
    target.sync_all().map_err(at(to)).map_err(ReleaseError::from)
}
