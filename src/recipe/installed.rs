//! What packages ask of the system that they are installed on.

use std::collections::BTreeMap;

use serde::Serialize;

/// The part of `[package]` and `[packages.KEY]` that is about the installed system.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize)]
pub(crate) struct System {
    /// Units of systemd that the package's files hold, by their full name: `greetd.service`.
    pub(crate) services: BTreeMap<String, Service>,
    /// System users by name, each with a group of that name.
    pub(crate) users: BTreeMap<String, SystemUser>,
    /// System groups.
    pub(crate) groups: Vec<String>,
    /// Lines of tmpfiles.d(5).
    pub(crate) tmpfiles: Vec<String>,
    /// Alternatives by name, as update-alternatives(1) knows them.
    pub(crate) alternatives: BTreeMap<String, Alternative>,
    /// Where earlier versions had links and this one has folders: what each link led to, by its path.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) former_links: BTreeMap<String, String>,
    /// Configuration files that earlier versions had.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) former_config_files: Vec<String>,
    /// What installed files have in the packages, by path or glob.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) attributes: BTreeMap<String, Attributes>,
}

/// What an installed file, or each of those that a glob matches, has in its package; what is none is as it was installed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize)]
pub(crate) struct Attributes {
    /// Permission bits.
    pub(crate) mode: Option<u32>,
    pub(crate) owner: Option<String>,
    pub(crate) group: Option<String>,
    /// Words of cap_from_text(3): `cap_net_raw,cap_net_admin=ep`.
    pub(crate) capabilities: Option<String>,
    /// rpm: nobody installs it, and the package owns it: `%ghost`.
    pub(crate) ghost: bool,
}

impl Attributes {
    /// `greetd:greeters`; none where neither is said.
    pub(crate) fn owners(&self) -> Option<String> {
        let name = |name: &Option<String>| name.as_deref().unwrap_or("root").to_owned();
        (self.owner.is_some() || self.group.is_some()).then(|| format!("{}:{}", name(&self.owner), name(&self.group)))
    }
}

/// What is done with a unit; where a choice is `None`, the distribution's own policy holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub(crate) struct Service {
    /// At first installation.
    pub(crate) enable: Option<bool>,
    /// At first installation.
    pub(crate) start: Option<bool>,
    /// After an upgrade, if it runs.
    pub(crate) restart: bool,
}

/// A user without a password and a login shell.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub(crate) struct SystemUser {
    pub(crate) comment: Option<String>,
    /// Not made by whatever makes the user.
    pub(crate) home: Option<String>,
    pub(crate) shell: Option<String>,
    /// Beside the user's own one.
    pub(crate) groups: Vec<String>,
}

/// One of several files that can stand behind a common name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub(crate) struct Alternative {
    pub(crate) link: AlternativeLink,
    pub(crate) priority: u32,
    /// Links that go where the first one goes, by name: man pages.
    pub(crate) dependents: BTreeMap<String, AlternativeLink>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub(crate) struct AlternativeLink {
    /// The common name: `/usr/bin/editor`.
    pub(crate) link: String,
    /// The package's own file: `/usr/bin/nano`.
    pub(crate) path: String,
}
