//! What repositories of a recipe add to a distribution: of each only the packages that something wanted leads to, and of
//! those only such as the recipe names for it, and such as the distribution does not have. The others stay where they are,
//! whatever their version, so that none can take the place of a package of the distribution.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::ArchiveError;
use super::packages::{Index, Package};
use crate::formats::relation::field::{self, Relation, relations};

/// A repository, and which packages it may have in place of the distribution's own.
pub(crate) struct Supplier {
    pub(crate) index: Arc<Index>,
    pub(crate) goes_first: Box<dyn Fn(&str) -> bool + Send + Sync>,
    /// Whether it goes before the distribution for any name at all.
    pub(crate) any_first: bool,
}

/// A package of a repository.
#[derive(Debug, Clone)]
pub(crate) struct SuppliedPackage {
    pub(crate) package: Package,
    /// The number of its repository.
    pub(crate) supplier: usize,
    /// It goes before the distribution's own of its name.
    pub(crate) first: bool,
}

/// What repositories add.
#[derive(Debug, Clone, Default)]
pub(crate) struct Supplied {
    /// By name and version.
    pub(crate) packages: Vec<SuppliedPackage>,
    /// What is wanted in a version that the distribution does not have, and a repository has: the relation, the version, and
    /// the number of the repository. It is not taken.
    pub(crate) held: Vec<(String, String, usize)>,
}

/// What `suppliers`, in their order, add to a distribution for `wanted`: relations in Debian's syntax. Blocks: it reads
/// indexes.
///
/// # Errors
/// An index that cannot be read.
pub(crate) fn supplied(distro: &Index, suppliers: &[Supplier], wanted: &[String]) -> Result<Supplied, ArchiveError> {
    let mut open: Vec<Relation> = Vec::new();
    for text in wanted {
        match relations(text) {
            Ok(clauses) => open.extend(clauses.into_iter().flatten()),
            // With architectures or profiles.
            Err(_) => open.extend(field::names(text).map(Relation::any)),
        }
    }
    let mut selection = Selection { distro, suppliers, open, seen: HashSet::new(), found: Supplied::default() };
    while let Some(relation) = selection.open.pop() {
        if relation.concerns(distro.arch()) && selection.seen.insert(relation.to_string()) {
            selection.visit(&relation)?;
        }
    }
    let mut found = selection.found;
    found.packages.sort_by(|a, b| {
        (&a.package.name, &a.package.version, a.supplier).cmp(&(&b.package.name, &b.package.version, b.supplier))
    });
    let mut known = BTreeSet::new();
    found.packages.retain(|one| known.insert((one.package.name.clone(), one.package.version.to_string())));
    found.held.sort();
    found.held.dedup();
    Ok(found)
}

struct Selection<'a> {
    distro: &'a Index,
    suppliers: &'a [Supplier],
    open: Vec<Relation>,
    seen: HashSet<String>,
    found: Supplied,
}

impl Selection<'_> {
    fn visit(&mut self, relation: &Relation) -> Result<(), ArchiveError> {
        let own = self.distro.named(&relation.name)?;
        let fitting = own.iter().find(|package| relation.matches(&package.version));
        let provider = match fitting {
            Some(_) => None,
            None => provider_of(self.distro, relation)?,
        };
        let suppliers = self.suppliers;
        let mut is_lacking = own.is_empty() && provider.is_none();
        for (number, supplier) in suppliers.iter().enumerate() {
            let named = supplier.index.named(&relation.name)?;
            match named.into_iter().find(|package| relation.matches(&package.version)) {
                Some(package) if (supplier.goes_first)(&package.name) => self.take(package, number, true),
                Some(package) if is_lacking => {
                    self.take(package, number, false);
                    // Those that come later are asked for what is lacking still.
                    is_lacking = false;
                }
                Some(package) if fitting.is_none() && !own.is_empty() => {
                    self.found.held.push((relation.to_string(), package.version.to_string(), number));
                }
                _ => {}
            }
            if is_lacking && let Some(package) = provider_of(&supplier.index, relation)? {
                let first = (supplier.goes_first)(&package.name);
                if first || self.distro.named(&package.name)?.is_empty() {
                    self.take(package, number, first);
                    is_lacking = false;
                }
            }
        }
        // What the distribution itself has leads on only to such as go before it.
        if suppliers.iter().any(|supplier| supplier.any_first)
            && let Some(package) = fitting.cloned().or(provider)
        {
            self.open.extend(package.depends.into_iter().flatten());
        }
        Ok(())
    }

    fn take(&mut self, package: Package, supplier: usize, first: bool) {
        self.open.extend(package.depends.iter().flatten().cloned());
        self.found.packages.push(SuppliedPackage { package, supplier, first });
    }
}

/// The package that apt would take for a name that no package has.
fn provider_of(index: &Index, relation: &Relation) -> Result<Option<Package>, ArchiveError> {
    let fits = |package: &Package| {
        let mut provided = package.provides.iter();
        provided.any(|(name, version)| *name == relation.name && relation.matches_provided(version.as_ref()))
    };
    Ok(index.providers(&relation.name)?.into_iter().find(fits))
}

#[cfg(test)]
mod tests {
    use super::super::packages::tests::{index, stanza};
    use super::*;

    fn supplier(text: &str, first: &'static [&'static str]) -> Supplier {
        Supplier {
            index: Arc::new(index(text)),
            goes_first: Box::new(move |name| first.contains(&name)),
            any_first: !first.is_empty(),
        }
    }

    fn told(distro: &str, suppliers: &[Supplier], wanted: &[&str]) -> String {
        let wanted: Vec<String> = wanted.iter().map(|one| (*one).to_owned()).collect();
        let Supplied { packages, held } = supplied(&index(distro), suppliers, &wanted).unwrap();
        let one = |one: &SuppliedPackage| {
            let mark = if one.first { "!" } else { "" };
            format!("{} {}{mark} of {}", one.package.name, one.package.version, one.supplier)
        };
        let mut all: Vec<String> = packages.iter().map(one).collect();
        all.extend(
            held.into_iter().map(|(relation, version, number)| format!("held {relation}: {version} of {number}")),
        );
        all.join(", ")
    }

    #[test]
    fn only_what_is_wanted_and_lacking_or_named_is_taken() {
        let distro = [
            stanza("bc", "1", "Depends: libc6, libreadline8\n"),
            stanza("libc6", "2.36", ""),
            stanza("libreadline8", "8.2", ""),
            stanza("mawk", "1", "Provides: awk\n"),
        ]
        .concat();
        let company = [
            stanza("pond-dev", "3", "Depends: libpond1 (= 3), libc6 (>= 2)\n"),
            stanza("libpond1", "3", "Depends: pond-api | libc6\n"),
            stanza("libpond1", "2", ""),
            stanza("lake", "1", "Provides: pond-api\n"),
            stanza("bc", "9", ""),
            stanza("libc6", "99", ""),
            stanza("libreadline8", "99", ""),
            stanza("awk", "99", ""),
            stanza("unwanted", "1", ""),
        ]
        .concat();
        let without = [supplier(&company, &[])];
        assert_eq!(
            told(&distro, &without, &["pond-dev", "bc", "awk"]),
            "lake 1 of 0, libpond1 3 of 0, pond-dev 3 of 0",
            "nothing that the distribution has"
        );
        assert_eq!(
            told(&distro, &without, &["libpond1 (<< 3) <!nocheck>"]),
            "lake 1 of 0, libpond1 3 of 0",
            "by name then"
        );
        assert_eq!(told(&distro, &without, &["libpond1 (<< 3)"]), "libpond1 2 of 0");
        assert_eq!(told(&distro, &without, &["bc (>= 2)"]), "held bc (>= 2): 9 of 0");
        // Named, also where only a package of the distribution leads to it.
        assert_eq!(told(&distro, &[supplier(&company, &["bc"])], &["bc (>= 2)"]), "bc 9! of 0");
        assert_eq!(told(&distro, &[supplier(&company, &["libreadline8"])], &["bc"]), "libreadline8 99! of 0");
        // The first repository that has it.
        let two = [supplier(&stanza("pond-dev", "1", ""), &[]), supplier(&company, &[])];
        assert_eq!(told(&distro, &two, &["pond-dev"]), "pond-dev 1 of 0");
    }
}
