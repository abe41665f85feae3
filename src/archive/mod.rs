//! The read side of apt archives: mirror choice, InRelease verified against keyrings that ship with farm, every file by
//! hash, Packages parsed, dependencies resolved, .debs downloaded in parallel into a cache that all runs share.

pub mod mirror {
    //! Which mirror of an archive is used: flag or configuration, then the host's own apt sources, then the
    //! distribution definition's public one.

    use std::collections::BTreeMap;

    use serde::Serialize;

    use crate::distro::Distro;

    #[derive(Debug, Clone, PartialEq, Eq, Serialize)]
    pub struct Mirror {
        /// Without a trailing slash.
        pub url: String,
        pub origin: Origin,
    }

    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
    #[serde(rename_all = "kebab-case")]
    pub enum Origin {
        Configured,
        HostApt,
        Definition,
    }

    /// Mirrors by archive name (`debian`, `debian-security`, `ubuntu`) for these distributions.
    /// `configured` is what `--mirror NAME=URL` and `FARM_MIRROR_<NAME>` gave.
    pub fn choose(distros: &[&Distro], configured: &BTreeMap<String, String>) -> BTreeMap<String, Mirror> {
        let _ = (distros, configured);
        unimplemented!()
    }
}
