//! apt repositories of a recipe, and further suites and components of a distribution's own archive.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::error::RepositoryError;
use super::model::{Asked, Extra, ExtraPackage};
use crate::archive::{self, ArchiveIndex, Archives, Choice, Components, Owner, Suite, SuppliedPackage, Supplier};
use crate::capability::Capability;
use crate::distro::Distro;
use crate::recipe::{Repository, RepositoryOrigin, glob_matches};
use crate::types::{Address, Arch, NoProgress, Progress, printable};

/// What stands for the suite of the distribution: `bookworm`.
const CODENAME: &str = "${codename}";

/// The suites that a repository is for a distribution; none for one of another kind.
///
/// # Errors
/// What the distribution's definition would have to say.
fn suites(repository: &Repository, distro: &Distro, archives: &Archives) -> Result<Vec<Suite>, RepositoryError> {
    let RepositoryOrigin::Apt { url, suite, components } = &repository.origin else { return Ok(Vec::new()) };
    let codename = distro.bootstrap.as_ref().map(|bootstrap| bootstrap.suite.as_str());
    let filled = |text: &str| match (text.contains(CODENAME), codename) {
        (true, None) => {
            let reason = format!("the definition of {} has no [bootstrap], and so no {CODENAME}", distro.id);
            Err(RepositoryError::new(repository, reason))
        }
        (_, codename) => Ok(text.replace(CODENAME, codename.unwrap_or_default())),
    };
    let suite = suite.as_deref().map(filled).transpose()?;
    match (url, suite) {
        (Some(url), Some(suite)) => {
            let mirror: Address = filled(url.secret())?.trim_end_matches('/').into();
            let is_flat = suite.ends_with('/');
            let main = || if is_flat { Vec::new() } else { vec!["main".to_owned()] };
            Ok(vec![Suite {
                archive: format!("recipe-{}", digest(&mirror)),
                mirror,
                suite,
                components: if components.is_empty() { main() } else { components.clone() },
                keyrings: repository.key.iter().map(|key| key.content.clone()).collect(),
                tolerate_expired: false,
                owner: if repository.trusted { Owner::Unsigned } else { Owner::Recipe },
                tolerate_stale_contents: false,
                held: None,
            }])
        }
        (_, suite) => {
            let own = archives.suites(distro, Components::All);
            let mut own = own.map_err(|error| RepositoryError::archive(repository, &error))?;
            if let Some(suite) = suite {
                own.truncate(1);
                own.iter_mut().for_each(|one| one.suite.clone_from(&suite));
            }
            if !components.is_empty() {
                own.iter_mut().for_each(|one| one.components.clone_from(components));
            }
            Ok(own)
        }
    }
}

/// A folder of the cache for each address.
fn digest(address: &Address) -> String {
    use sha2::{Digest, Sha256};
    hex::encode(&Sha256::digest(address.public())[..8])
}

pub(super) async fn extra(
    asked: Asked<'_>,
    wanted: Vec<String>,
    archives: &Archives,
    progress: &dyn Progress,
    cancel: &CancellationToken,
) -> Result<Extra, RepositoryError> {
    let repositories: Vec<&Repository> = asked.each().collect();
    let Some(first) = repositories.first() else { return Ok(Extra::default()) };
    let Asked { distro, arch, .. } = asked;
    let mut suppliers = Vec::with_capacity(repositories.len());
    for repository in &repositories {
        suppliers.push(supplier(repository, distro, arch, archives, progress, cancel).await?);
    }
    // What is to be said of the distribution's own archive is said where the base is made.
    let own = archives.packages(distro, arch, Components::All, progress, &|_| (), cancel).await;
    let own = own.map_err(|error| RepositoryError::archive(first, &error))?;
    let found = archive::blocking(move || archive::supplied(&own, &suppliers, &wanted)).await;
    let found = found.map_err(|error| RepositoryError::archive(first, &error))?;
    let packages: Vec<_> = found.packages.iter().map(|one| one.package.clone()).collect();
    let debs = archives.reader().download(&packages, progress, cancel).await;
    let debs = debs.map_err(|error| {
        let cause = RepositoryError::archive(first, &error);
        let names: Vec<String> = repositories.iter().map(|one| one.name()).collect();
        RepositoryError { name: names.join(", "), ..cause }
    })?;
    let one = |(supplied, path): (SuppliedPackage, _)| {
        let SuppliedPackage { package, supplier, first } = supplied;
        ExtraPackage {
            version: package.version.to_string(),
            file_name: file_name(&package.name, &package.version.to_string(), &package.arch),
            path,
            size_bytes: package.size,
            sha256: package.sha256,
            first,
            repository: repositories[supplier].name(),
            provides: Vec::new(),
            name: package.name,
        }
    };
    let held = found.held.into_iter().map(|(relation, version, number)| {
        let name = relation.split(' ').next().unwrap_or_default();
        format!(
            "{} is not in {}; {} has {} {}, which is taken only with packages = [\"{}\"] there",
            printable(&relation),
            distro.id,
            repositories[number].name(),
            printable(name),
            printable(&version),
            printable(name),
        )
    });
    let notes = held.collect();
    Ok(Extra { packages: found.packages.into_iter().zip(debs).map(one).collect(), notes })
}

/// See [`super::provider`].
pub(super) async fn provider(
    asked: Asked<'_>,
    capability: &Capability,
    own: &Arc<ArchiveIndex>,
    archives: &Archives,
    cancel: &CancellationToken,
) -> Result<Option<Choice>, RepositoryError> {
    for repository in asked.each() {
        let suites = suites(repository, asked.distro, archives)?;
        let index = archives.index_of(&suites, asked.arch, &NoProgress, &|_| (), cancel).await;
        let index = index.map_err(|error| RepositoryError::archive(repository, &error))?;
        // One without a Contents index cannot tell: its packages are to be named.
        let Some(index) = index else { continue };
        let (capability, own, globs) = (capability.clone(), Arc::clone(own), repository.packages.clone());
        let chosen = archive::blocking(move || {
            let choice = index.choose(&capability)?;
            let Choice::Package(chosen) = &choice else { return Ok(None) };
            let is_named = globs.iter().any(|glob| glob_matches(glob, &chosen.name));
            let is_taken = is_named || own.package(&chosen.name)?.is_none();
            Ok(is_taken.then_some(choice))
        });
        if let Some(choice) = chosen.await.map_err(|error| RepositoryError::archive(repository, &error))? {
            return Ok(Some(choice));
        }
    }
    Ok(None)
}

async fn supplier(
    repository: &Repository,
    distro: &Distro,
    arch: Arch,
    archives: &Archives,
    progress: &dyn Progress,
    cancel: &CancellationToken,
) -> Result<Supplier, RepositoryError> {
    let suites = suites(repository, distro, archives)?;
    let index = archives.packages_of(&suites, arch, progress, &|_| (), cancel).await;
    let index = index.map_err(|error| RepositoryError::archive(repository, &error))?;
    let globs = repository.packages.clone();
    Ok(Supplier {
        index,
        any_first: !globs.is_empty(),
        goes_first: Box::new(move |name| globs.iter().any(|glob| glob_matches(glob, name))),
    })
}

/// An epoch is no part of it, as in archives.
fn file_name(name: &str, version: &str, arch: &str) -> String {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    format!("{name}_{version}_{arch}.deb")
}
