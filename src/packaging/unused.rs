//! Which requirements of a build nothing has used: no step opened a file of the package, or of what it alone brings.

use std::collections::{BTreeMap, BTreeSet};

use super::managers::manager;
use crate::distro::Distro;
use crate::formats::relation::{self, field};

/// Where a package manager's own files are not: what is opened elsewhere is no package's.
pub(crate) const SYSTEM: [&str; 7] = ["/bin/", "/etc/", "/lib", "/opt/", "/sbin/", "/usr/", "/var/lib/"];
/// Where [`script`] finds the paths that were opened, after a line with `/` alone.
pub(crate) const OPENED: &str = "/build/opened";
/// What it prints is shorter: some hundred bytes for each package.
pub(crate) const LARGEST_ANSWER: usize = 16 << 20;

/// A script that tells whose the files are that were opened, and what depends on what; none where the distribution's package manager
/// cannot be asked.
pub(crate) fn script(distro: &Distro) -> Option<&'static str> {
    manager(distro.manager).opened
}

/// What is installed, as [`script`] tells it.
#[derive(Debug, Default)]
struct System<'a> {
    opened: BTreeSet<&'a str>,
    /// By package, the names that it depends on, alternatives included.
    depends: BTreeMap<&'a str, Vec<&'a str>>,
    /// By what is provided, by which packages.
    provides: BTreeMap<&'a str, Vec<&'a str>>,
}

/// The requirements of a recipe, in the words of the distribution, that nothing has used; none where `answer` is not whole.
/// `toolchain`: what every build has, and is no reason for anything.
pub(crate) fn unused(requires: &[String], toolchain: &[String], answer: &str) -> Option<Vec<String>> {
    let system = System::read(answer)?;
    let toolchain: Vec<&str> = toolchain.iter().flat_map(|relation| field::names(relation)).collect();
    let common = system.closure(toolchain.iter().flat_map(|name| system.packages(name)));
    let is_unused = |requirement: &&String| {
        let names = relation::names(requirement);
        let packages: Vec<&str> = names.iter().flat_map(|name| system.packages(name)).collect();
        let brings = system.closure(packages.iter().copied());
        let mut alone = brings.difference(&common).chain(&packages);
        // Of what is not installed nothing can be said.
        !packages.is_empty() && !alone.any(|package| system.opened.contains(package))
    };
    Some(requires.iter().filter(is_unused).cloned().collect())
}

impl<'a> System<'a> {
    fn read(answer: &'a str) -> Option<System<'a>> {
        let mut system = System::default();
        for line in answer.strip_suffix("end\n")?.lines() {
            let mut fields = line.split('\t');
            match (fields.next()?, fields.next()) {
                ("opened", Some(package)) => {
                    system.opened.insert(package);
                }
                ("installed", Some(package)) => {
                    let (provides, depends) = (fields.next()?, fields.next()?);
                    for name in field::names(provides) {
                        system.provides.entry(name).or_default().push(package);
                    }
                    // Of several architectures, all.
                    system.depends.entry(package).or_default().extend(field::names(depends));
                }
                _ => return None,
            }
        }
        Some(system)
    }

    /// The installed packages that a name stands for.
    fn packages(&self, name: &str) -> Vec<&'a str> {
        let own = self.depends.get_key_value(name).map(|(package, _)| *package);
        own.into_iter().chain(self.provides.get(name).into_iter().flatten().copied()).collect()
    }

    /// These packages, and all that they depend on.
    fn closure(&self, of: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
        let mut left: Vec<&str> = of.collect();
        let mut all = BTreeSet::new();
        while let Some(package) = left.pop() {
            if all.insert(package) {
                let names = self.depends.get(package).into_iter().flatten();
                left.extend(names.flat_map(|name| self.packages(name)));
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "opened\tgcc-12\nopened\tlibpond1\nopened\tlibc6\nopened\topenjdk-17-jdk\nopened\tlibused-dev\n\
        installed\tbuild-essential\t\t, gcc (>= 4:10), make\ninstalled\tgcc\tc-compiler\t, gcc-12\n\
        installed\tgcc-12\t\t, libc6\ninstalled\tmake\t\t, libc6\ninstalled\tlibc6\t\t, \n\
        installed\tlibpond-dev\t\t, libpond1 (= 1)\ninstalled\tlibpond1\t\tlibc6, \n\
        installed\tlibnever-dev\tlibnever-api\t, libc6, gcc\ninstalled\tlibused-dev\t\t, libc6\n\
        installed\tdefault-jdk\tjava-sdk\t, openjdk-17-jdk | other\ninstalled\topenjdk-17-jdk\t\t, libc6\nend\n";

    fn of(requires: &[&str]) -> Vec<String> {
        let requires: Vec<String> = requires.iter().map(|name| (*name).to_owned()).collect();
        unused(&requires, &["build-essential".to_owned()], ANSWER).unwrap()
    }

    #[test]
    fn what_is_opened_of_a_package_or_of_what_it_alone_brings_is_a_use() {
        // A library is used by way of its link, a set of packages by its parts.
        assert_eq!(of(&["libpond-dev", "default-jdk", "java-sdk", "libused-dev (>= 1)"]), Vec::<String>::new());
        // That a compiler and its library are opened is no use of what depends on them.
        assert_eq!(
            of(&["libnever-dev (>= 2)", "libnever-api", "libused-dev"]),
            ["libnever-dev (>= 2)", "libnever-api"]
        );
        // One of alternatives is enough, and of what is not there nothing is said.
        assert_eq!(of(&["libnever-dev | libused-dev", "libgone-dev", "make"]), ["make"]);
    }

    #[test]
    fn an_answer_that_is_not_whole_is_none() {
        for answer in ["", "opened\tx\n", "end", "installed\tx\nend\n", "odd\tx\nend\n", "\nend\n"] {
            assert_eq!(unused(&["x".to_owned()], &[], answer), None, "{answer:?}");
        }
    }
}
