//! The read side of apt archives: mirror choice, InRelease verified against keyrings that ship with farm, every file by
//! hash, Packages parsed, dependencies resolved, .debs downloaded in parallel into a cache that all runs share.

pub mod mirror;

#[cfg(test)]
pub(crate) mod tests {
    use crate::distro::{Bootstrap, Distro, PackageManager};
    use crate::types::{Arch, Format};

    /// A Debian release as the catalogue would describe it, with a keyring to be named by the test.
    pub(crate) fn distro(suite: &str) -> Distro {
        Distro {
            id: format!("debian-{suite}"),
            name: format!("Debian ({suite})"),
            family: "debian".to_owned(),
            version: suite.to_owned(),
            format: Format::Deb,
            manager: PackageManager::Apt,
            image: None,
            arches: vec![Arch::Amd64],
            release_tag: String::new(),
            end_of_life: None,
            enable_repositories: Vec::new(),
            build_packages: Vec::new(),
            macros: Default::default(),
            bootstrap: Some(Bootstrap {
                archive: "debian".to_owned(),
                mirror: "http://ftp.debian.org/debian".to_owned(),
                suite: suite.to_owned(),
                updates: Vec::new(),
                security: None,
                components: vec!["main".to_owned()],
                keyrings: Vec::new(),
                include: Vec::new(),
                tolerate_expired: false,
            }),
            setup: None,
            digest: "sha256:test".to_owned(),
        }
    }
}
