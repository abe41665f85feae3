//! Which packages of a Debian archive bring libraries. Packages are named after what they hold (Policy 8.1), so there are
//! a few names to try; what a package says in its own `shlibs` file then proves it, with the version that is needed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::AssembleError;
use super::libraries::Libraries;
use crate::archive::{ArchiveError, Archives, Components, Package, blocking};
use crate::artifact::{deb, libraries};
use crate::distro::Distro;
use crate::types::{Arch, Progress};

/// The relations that bring these libraries on a distribution. What no package was found for is left out, as is all when
/// nothing says where the archive is.
///
/// # Errors
/// When the archive cannot be read.
pub async fn providers(
    archives: &Archives,
    distro: &Distro,
    arch: Arch,
    wanted: BTreeSet<String>,
    progress: &dyn Progress,
    warn: &(dyn Fn(String) + Sync),
    cancel: &CancellationToken,
) -> Result<Libraries, AssembleError> {
    if wanted.is_empty() {
        return Ok(Libraries::new());
    }
    let find = async {
        let index = archives.packages(distro, arch, Components::All, progress, warn, cancel).await?;
        let names: BTreeSet<String> = wanted.iter().flat_map(|library| libraries::package_names(library)).collect();
        let look_up = move || {
            let found = names.iter().map(|name| index.newest(name));
            Ok(found.collect::<Result<Vec<_>, ArchiveError>>()?.into_iter().flatten().collect())
        };
        let packages: Vec<Package> = blocking(look_up).await?;
        let debs = archives.reader().download(&packages, progress, cancel).await?;
        blocking(move || {
            let mut found = Libraries::new();
            for (package, path) in packages.iter().zip(&debs) {
                found.extend(shlibs(package, path)?.into_iter().filter(|(library, _)| wanted.contains(library)));
            }
            Ok(found)
        })
        .await
    };
    match find.await {
        Ok(libraries) => Ok(libraries),
        Err(ArchiveError::Undescribed { .. }) => Ok(Libraries::new()),
        Err(ArchiveError::Cancelled) => Err(AssembleError::Cancelled),
        Err(error) => Err(AssembleError::Archive(error)),
    }
}

fn shlibs(package: &Package, path: &Path) -> Result<BTreeMap<String, String>, ArchiveError> {
    let text = deb::control_file(path, "shlibs")
        .map_err(|reason| ArchiveError::Untrusted { what: package.url.clone(), reason })?;
    Ok(read_shlibs(&text.unwrap_or_default()))
}

/// Relations by soname: `libfoo.so.1`, and for those that carry the version before the end, `libfoo-1.so` (deb-shlibs(5)).
fn read_shlibs(text: &str) -> BTreeMap<String, String> {
    let mut relations = BTreeMap::new();
    for line in text.lines() {
        // `udeb:` and the like are for others.
        if line.starts_with('#') || line.split_whitespace().next().is_some_and(|first| first.ends_with(':')) {
            continue;
        }
        let mut words = line.splitn(3, ' ');
        if let (Some(name), Some(version), Some(relation)) = (words.next(), words.next(), words.next()) {
            relations.insert(format!("{name}.so.{version}"), relation.trim().to_owned());
            relations.insert(format!("{name}-{version}.so"), relation.trim().to_owned());
        }
    }
    relations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shlibs_name_the_relation_of_each_soname() {
        let found = read_shlibs("# x\nlibc 6 libc6 (>= 2.36)\nudeb: libc 6 libc6-udeb\nlibdb 5.3 libdb5.3, x | y\n");
        assert_eq!(found["libc.so.6"], "libc6 (>= 2.36)");
        assert_eq!(found["libdb-5.3.so"], "libdb5.3, x | y");
        assert_eq!(found.len(), 4);
    }
}
