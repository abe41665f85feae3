//! Packages that are built as a .buildinfo says, and compared with what it says of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::outcome::{self, log_failed};
use super::verify::differences_text;
use super::work::{Work, reading};
use crate::artifact::{ArtifactError, measure};
use crate::attest::Installed;
use crate::compare::{self, ByteDifference};
use crate::event::{Outcome, Stated};
use crate::formats::buildinfo;
use crate::packaging::StepKind;
use crate::plan::Rebuild;

/// How what is installed differs from what the file says, each as a clause. Packages that it does not name are nobody's
/// business: it names those that the build needs, and a system has others.
fn others(rebuild: &Rebuild, installed: Option<&Installed>) -> Vec<String> {
    let Some(installed) = installed else {
        return vec!["the container cannot tell what is installed in it".to_owned()];
    };
    let mut there: BTreeMap<&str, BTreeSet<(&str, &str)>> = BTreeMap::new();
    for package in &installed.packages {
        there.entry(&package.name).or_default().insert((&package.architecture, &package.version));
    }
    let differs = |wanted: &buildinfo::Installed| {
        let (name, version) = (&wanted.name, &wanted.version);
        let of_arch: Vec<&str> = there
            .get(name.as_str())
            .into_iter()
            .flatten()
            .filter(|(arch, _)| wanted.arch.as_ref().is_none_or(|wanted| wanted == arch))
            .map(|(_, version)| *version)
            .collect();
        match () {
            () if of_arch.contains(&version.as_str()) => None,
            () if of_arch.is_empty() => Some(format!("{name} {version} is not installed")),
            () => Some(format!("{name} is {} and not {version}", of_arch.join(", "))),
        }
    };
    rebuild.installed.iter().filter_map(differs).collect()
}

/// Refuses a system in which something else is installed than the file says, unless that was asked for. All of it goes to
/// the log.
pub(crate) async fn check_installed(work: &mut Work<'_>, installed: Option<&Installed>) -> Result<(), Outcome> {
    let Some(rebuild) = work.job.rebuild.clone() else { return Ok(()) };
    let differences = others(&rebuild, installed);
    if differences.is_empty() {
        return work.note(&format!("what is installed is what {} says", rebuild.file)).await;
    }
    for difference in &differences {
        work.note(&format!("not as {} says: {difference}", rebuild.file)).await?;
    }
    match rebuild.nearest {
        true => Ok(()),
        false => Err(Outcome::NotAsLocked { by_build: false, by_file: Some(rebuild.file.clone()), differences }),
    }
}

/// Whether the new packages are those that the file names. Where these lie beside it, it is shown where they differ.
pub(crate) async fn compare(
    work: &mut Work<'_>,
    rebuild: &Rebuild,
    installed: Option<&Installed>,
    files: &[PathBuf],
) -> Result<Outcome, Outcome> {
    let others = others(rebuild, installed);
    let stated = Stated { file: rebuild.file.clone(), packages: rebuild.packages.len(), others };
    work.enter(StepKind::Inspect).await?;
    let name_of = |path: &PathBuf| Some((path.file_name()?.to_str()?.to_owned(), path.clone()));
    let new: BTreeMap<String, PathBuf> = files.iter().filter_map(name_of).collect();
    let packages = |name: &&String| [".deb", ".udeb", ".ddeb"].iter().any(|extension| name.ends_with(extension));
    let more: Vec<&String> = new.keys().filter(packages).filter(|name| !rebuild.packages.contains_key(*name)).collect();
    for name in more {
        work.note(&format!("{name} was made, too: {} does not name it", rebuild.file)).await?;
    }
    let (expected, beside) = (rebuild.packages.clone(), rebuild.beside.clone());
    let compared = reading(work, StepKind::Inspect, move || {
        let mut all = Vec::new();
        for (name, sum) in &expected {
            all.extend(differences(name, sum, new.get(name), &beside.join(name))?);
        }
        all.sort_by_key(|difference: &ByteDifference| difference.cause.is_none());
        Ok(all)
    });
    let differences = compared.await?.map_err(|error: ArtifactError| Outcome::Infrastructure {
        reason: format!("the packages cannot be compared: {}", outcome::chain(&error)),
    })?;
    if differences.is_empty() {
        work.note(&format!("byte by byte the packages that {} names", rebuild.file)).await?;
        return Ok(Outcome::Reproduced { varied: Vec::new(), stated: Some(stated) });
    }
    let text = format!("not the packages that {} names:\n{}", rebuild.file, differences_text(&differences));
    work.journal.text(text).await.map_err(|error| log_failed(&error))?;
    Err(Outcome::NotReproduced { varied: Vec::new(), differences, stated: Some(stated) })
}

fn differences(
    name: &str,
    sum: &buildinfo::Sum,
    new: Option<&PathBuf>,
    beside: &Path,
) -> Result<Vec<ByteDifference>, ArtifactError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| ArtifactError::Io { path: path.clone(), source }
    };
    let told = |(size, sha256): &(u64, String)| format!("{size} bytes, sha256 {sha256}");
    let stated = (sum.size, sum.sha256.clone());
    let whole = |after: Option<String>| {
        let (file_name, place) = (name.to_owned(), "the package itself".to_owned());
        vec![ByteDifference { file_name, place, before: Some(told(&stated)), after, cause: None }]
    };
    let Some(new) = new else { return Ok(whole(None)) };
    let found = measure(new).map_err(io(new))?;
    if found == stated {
        return Ok(Vec::new());
    }
    // Whatever lies there under the name of the package: it counts when it is that.
    let is_there = beside.is_file() && measure(beside).map_err(io(beside))? == stated;
    match is_there {
        true => compare::of_bytes(beside, new, &[]),
        false => Ok(whole(Some(told(&found)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Format;

    #[test]
    fn only_what_the_file_names_is_compared() {
        let package = |name: &str, version: &str, architecture: &str| crate::attest::InstalledPackage {
            name: name.to_owned(),
            version: version.to_owned(),
            architecture: architecture.to_owned(),
            license: None,
            libraries: BTreeSet::new(),
        };
        let wanted = |name: &str, version: &str, arch: Option<&str>| buildinfo::Installed {
            name: name.to_owned(),
            arch: arch.map(str::to_owned),
            version: version.to_owned(),
        };
        let rebuild = Rebuild {
            file: "a.buildinfo".to_owned(),
            packages: BTreeMap::new(),
            beside: PathBuf::new(),
            installed: vec![
                wanted("gcc", "1", None),
                wanted("libc6", "2", Some("i386")),
                wanted("make", "4", None),
                wanted("dash", "1", None),
            ],
            nearest: false,
        };
        let installed = Installed {
            format: Format::Deb,
            os: None,
            os_version: None,
            packages: vec![
                package("apt", "1", "amd64"),
                package("dash", "1", "amd64"),
                package("gcc", "2", "amd64"),
                package("libc6", "2", "amd64"),
            ],
        };
        assert_eq!(
            others(&rebuild, Some(&installed)),
            ["gcc is 2 and not 1", "libc6 2 is not installed", "make 4 is not installed"]
        );
        assert_eq!(others(&rebuild, None).len(), 1);
    }
}
