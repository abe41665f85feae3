//! What is installed in a container, as its own package manager tells it before anything of a recipe has run there: packages,
//! and which of them has which library. Only what is understood is kept; who has no package manager that is known here
//! tells nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::types::Format;

/// What a container runs to tell, as root.
pub(crate) const SCRIPT: &str = include_str!("installed.sh");
/// What it prints is shorter: some hundred bytes for each package.
pub(crate) const LARGEST_ANSWER: usize = 16 << 20;

/// Far more than any builder has.
const MOST_PACKAGES: usize = 50_000;
const MOST_LIBRARIES: usize = 200_000;

/// What is installed in a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Installed {
    /// Whose package manager told.
    pub(crate) format: Format,
    /// `ID` of os-release(5): `debian`, `fedora`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) os: Option<String>,
    /// `VERSION_ID` of os-release(5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) os_version: Option<String>,
    /// Ordered by name, version and architecture.
    pub(crate) packages: Vec<InstalledPackage>,
}

/// One package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct InstalledPackage {
    pub(crate) name: String,
    /// As the format writes it, with the epoch.
    pub(crate) version: String,
    pub(crate) architecture: String,
    /// As an .rpm says it, in whatever words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) license: Option<String>,
    /// File names of its shared libraries that the loader finds: `libz.so.1`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) libraries: BTreeSet<String>,
}

impl Installed {
    /// Reads what [`SCRIPT`] printed; none when that is not whole, or no package manager told anything.
    pub(crate) fn parse(text: &str) -> Option<Installed> {
        if !text.ends_with("\nend\n") {
            return None;
        }
        let (mut format, mut os, mut os_version) = (None, None, None);
        let mut packages: Vec<InstalledPackage> = Vec::new();
        let mut libraries: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        let mut count = 0;
        for line in text.lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            match fields[..] {
                ["os", "ID", id] => os = Some(id.to_owned()).filter(|id| is_word(id)),
                ["os", "VERSION_ID", id] => os_version = Some(id.to_owned()).filter(|id| is_word(id)),
                ["format", "deb"] => format = Some(Format::Deb),
                ["format", "rpm"] => format = Some(Format::Rpm),
                ["package", name, version, architecture, more] => {
                    let license = match format? {
                        // Other states: removed with its configuration left, or not unpacked.
                        Format::Deb if more != "install ok installed" && more != "hold ok installed" => continue,
                        Format::Deb => None,
                        // Keys that rpm keeps as if they were packages.
                        Format::Rpm if name == "gpg-pubkey" => continue,
                        Format::Rpm => Some(more.to_owned()).filter(|text| is_line(text) && text != "(none)"),
                    };
                    if packages.len() == MOST_PACKAGES
                        || ![name, version, architecture].iter().all(|text| is_word(text))
                    {
                        return None;
                    }
                    let [name, version, architecture] = [name, version, architecture].map(str::to_owned);
                    let libraries = BTreeSet::new();
                    packages.push(InstalledPackage { name, version, architecture, license, libraries });
                }
                ["library", package, library] => {
                    // `libz.so.1()(64bit)`
                    let library = library.split('(').next().unwrap_or_default();
                    count += 1;
                    if count > MOST_LIBRARIES {
                        return None;
                    }
                    if is_word(library) {
                        libraries.entry(package).or_default().insert(library.to_owned());
                    }
                }
                _ => {}
            }
        }
        for package in &mut packages {
            let qualified = format!("{}:{}", package.name, package.architecture);
            for name in [package.name.as_str(), &qualified] {
                package.libraries.extend(libraries.get(name).into_iter().flatten().cloned());
            }
        }
        packages.sort();
        packages.dedup();
        (!packages.is_empty()).then_some(())?;
        Some(Installed { format: format?, os, os_version, packages })
    }

    /// The package that a library came from, for a program of `architecture`: none where no package has it, or one of
    /// several, of which nobody can say which it was.
    pub(super) fn with_library(&self, library: &str, architecture: &str) -> Option<&InstalledPackage> {
        let has: Vec<_> = self.packages.iter().filter(|package| package.libraries.contains(library)).collect();
        match has[..] {
            [one] => Some(one),
            _ => {
                let mut own = has.into_iter().filter(|package| package.architecture == architecture);
                own.next().filter(|_| own.next().is_none())
            }
        }
    }
}

/// A name, version or architecture of a package, of any distribution.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.len() <= 255 && text.chars().all(|c| c.is_ascii_graphic())
}

fn is_line(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= 2000 && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const DEB: &str = "os\tID\tdebian\nos\tVERSION_ID\t12\nformat\tdeb\n\
        package\tzlib1g\t1:1.2.13.dfsg-1\tamd64\tinstall ok installed\n\
        package\tzlib1g\t1:1.2.13.dfsg-1\ti386\tinstall ok installed\n\
        package\tgone\t1\tamd64\tdeinstall ok config-files\n\
        package\tlibc6\t2.36-9\tamd64\thold ok installed\n\
        library\tzlib1g:amd64\tlibz.so.1\nlibrary\tzlib1g:i386\tlibz.so.1\nlibrary\tlibc6:amd64\tlibc.so.6\nend\n";

    #[test]
    fn packages_and_their_libraries_are_read() {
        let installed = Installed::parse(DEB).unwrap();
        assert_eq!((installed.os.as_deref(), installed.os_version.as_deref()), (Some("debian"), Some("12")));
        let names: Vec<_> = installed.packages.iter().map(|one| format!("{}:{}", one.name, one.architecture)).collect();
        assert_eq!(names, ["libc6:amd64", "zlib1g:amd64", "zlib1g:i386"]);
        assert_eq!(installed.with_library("libz.so.1", "i386").unwrap().architecture, "i386");
        assert_eq!(installed.with_library("libz.so.1", "arm64"), None, "one of two");
        assert_eq!(installed.with_library("libc.so.6", "all").unwrap().name, "libc6");
        assert_eq!(installed.with_library("libm.so.6", "amd64"), None);
        let rpm = "format\trpm\npackage\tzlib\t1.2.11-40.el9\tx86_64\tzlib and Boost\n\
            package\tgpg-pubkey\t1-2\t(none)\tpubkey\nlibrary\tzlib\tlibz.so.1()(64bit)\nend\n";
        let installed = Installed::parse(rpm).unwrap();
        assert_eq!(installed.packages.len(), 1);
        let zlib = installed.with_library("libz.so.1", "x86_64").unwrap();
        assert_eq!(zlib.license.as_deref(), Some("zlib and Boost"));
    }

    #[test]
    fn what_is_not_whole_or_not_understood_is_not_known() {
        for text in [
            "",
            "end\n",
            "format\tdeb\nend\n",
            DEB.strip_suffix("end\n").unwrap(),
            "package\ta\t1\tall\tinstall ok installed\nend\n",
            "format\tdeb\npackage\ta b\t1\tall\tinstall ok installed\nend\n",
            "format\trpm\npackage\ta\t\tnoarch\tMIT\nend\n",
        ] {
            assert_eq!(Installed::parse(text), None, "{text}");
        }
    }

    /// dpkg's own tools, on a machine that has them.
    #[test]
    fn this_machine_tells_what_dpkg_does() {
        if !crate::types::testing::have(&["dpkg-query"]) {
            return;
        }
        let run = |program: &str, arguments: &[&str]| {
            let output = Command::new(program).args(arguments).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        let told = || Installed::parse(&run("sh", &["-c", SCRIPT])).unwrap();
        // Somebody may be installing packages meanwhile: what is compared is what was there before and after.
        let (mut installed, mut listed) = (told(), String::new());
        for _ in 0..10 {
            listed = run("dpkg-query", &["-W", "-f", "${Status}\n"]);
            let after = told();
            if std::mem::replace(&mut installed, after.clone()) == after {
                break;
            }
        }
        let libc = installed.with_library("libc.so.6", "none").or(installed.with_library("libc.so.6", "amd64"));
        if let Some(libc) = libc {
            let version =
                run("dpkg-query", &["-W", "-f", "${Version}", &format!("{}:{}", libc.name, libc.architecture)]);
            assert_eq!(version, libc.version);
        }
        assert_eq!(installed.packages.len(), listed.lines().filter(|line| line.ends_with(" ok installed")).count());
    }
}
