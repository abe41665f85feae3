//! A base image from a distribution's own signed archive: choose packages, download, unpack them into one tar. The tar
//! is a root file system that still has to be configured by its own dpkg, in a container: [`CONFIGURE`] does that.

use std::io::Write;
use std::path::PathBuf;

use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::ImageError;
use super::layer::{self, Failure, Layer, LayerError, StreamFailure};
use super::opening::Opening;
use crate::archive::{self, ArchiveError, Archives, Components, Package, Suite};
use crate::distro::{self, Distro};
use crate::fetch::FetchError;
use crate::stream::ByteStream;
use crate::types::{Arch, Progress};

/// Raised when the same packages and definition would give another image.
pub(super) const GENERATION: &str = "1";

/// Run as root in a container of the unpacked root: what dpkg would have done while unpacking, then all the rest. No
/// network is needed. `policy-rc.d` stays: nothing in a build container starts services.
pub(super) const CONFIGURE: &str = concat!(
    "set -e\n\
     export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true LC_ALL=C HOME=/root\n\
     umask 022\n\
     cd /var/lib/dpkg/info\n",
    include_str!("scripts/preinst.sh"),
    include_str!("scripts/configure.sh")
);

/// After a distribution's own setup script: what its package manager left lying around is not part of a base.
pub(super) const CLEAN: &str = r#"
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/apt/archives/*.deb /var/lib/dpkg/*-old
rm -rf /var/cache/debconf/*-old /var/cache/dnf/* /var/cache/libdnf5/* /var/cache/yum/* /var/cache/zypp/packages/*
rm -rf /var/log/dpkg.log /var/log/apt /var/log/alternatives.log
"#;

/// What a root file system will be made of: packages, verified, and in the cache.
#[derive(Debug)]
pub(super) struct Selection {
    /// By name.
    pub(super) packages: Vec<Package>,
    /// The .deb of each.
    pub(super) debs: Vec<PathBuf>,
    pub(super) arch: Arch,
    /// `sha256:…`, of the packages and the distribution's definition: the same on every machine and mirror.
    pub(super) digest: String,
    sources: Sources,
    /// A folder for what is too large for memory.
    spool: PathBuf,
}

/// Chooses and fetches the packages of a minimal system of `distro` (debootstrap's `minbase`, with what the definition
/// includes), as its archive has them today, security and updates among them.
pub(super) async fn select(
    distro: &Distro,
    arch: Arch,
    archives: &Archives,
    progress: &dyn Progress,
    warn: &(dyn Fn(String) + Sync),
    cancel: &CancellationToken,
) -> Result<Selection, ImageError> {
    let failed = |error| from_archive(distro, error);
    let suites = archives.suites(distro, Components::Base).map_err(failed)?;
    let bootstrap = distro.bootstrap.as_ref().ok_or_else(|| ImageError::NoWay {
        distro: distro.id.clone(),
        reason: "its definition has no [bootstrap]".to_owned(),
    })?;
    let sources = Sources::new(bootstrap, &suites);
    let index = archives.packages(distro, arch, Components::Base, progress, warn, cancel).await.map_err(failed)?;
    let include = bootstrap.include.clone();
    let packages = archive::blocking(move || archive::minimal_system(&index, &include)).await.map_err(failed)?;
    let debs = archives.reader().download(&packages, progress, cancel).await.map_err(failed)?;
    let digest = digest(distro, arch, &packages);
    Ok(Selection { packages, debs, arch, digest, sources, spool: archives.reader().spool() })
}

fn digest(distro: &Distro, arch: Arch, packages: &[Package]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(format!("{GENERATION}\n{}\n{arch}\n", distro.digest));
    for package in packages {
        hasher.update(format!("{} {} {}\n", package.name, package.version, package.sha256));
    }
    format!("sha256:{}", hex::encode(hasher.finalize()))
}

pub(super) fn from_archive(distro: &Distro, error: ArchiveError) -> ImageError {
    let archive = distro.bootstrap.as_ref().map_or("NAME", |bootstrap| bootstrap.archive.as_str()).to_owned();
    let distro = distro.id.clone();
    let reason = error.to_string();
    match error {
        ArchiveError::Cancelled | ArchiveError::Fetch(FetchError::Cancelled) => ImageError::Cancelled,
        ArchiveError::Io { path, source } | ArchiveError::Fetch(FetchError::Io { path, source }) => {
            ImageError::Io { path, source }
        }
        ArchiveError::Fetch(FetchError::Unreachable { .. }) => {
            let reason = format!("{reason}; --mirror {archive}=URL names another mirror, `farm doctor` tries them");
            ImageError::Unavailable { distro, reason }
        }
        ArchiveError::Untrusted { .. }
        | ArchiveError::Fetch(FetchError::Mismatch { .. } | FetchError::TooLarge { .. }) => {
            ImageError::Untrusted { distro, reason }
        }
        ArchiveError::Fetch(FetchError::NotFound { .. }) => {
            ImageError::NoWay { distro, reason: format!("{reason}: choose another mirror (--mirror NAME=URL)") }
        }
        ArchiveError::Fetch(_)
        | ArchiveError::Absent { .. }
        | ArchiveError::Undescribed { .. }
        | ArchiveError::Repository { .. }
        | ArchiveError::Unsolvable { .. } => ImageError::NoWay { distro, reason },
    }
}

/// What `/etc/apt` is to say.
#[derive(Debug, Clone)]
struct Sources {
    archive: String,
    components: String,
    tolerate_expired: bool,
    /// URL and suites.
    entries: Vec<(String, String)>,
}

impl Sources {
    fn new(bootstrap: &distro::Bootstrap, suites: &[Suite]) -> Sources {
        let security = bootstrap.security.as_ref();
        let public = |archive: &str| match security {
            Some(security) if security.archive == archive => &security.mirror,
            _ => &bootstrap.mirror,
        };
        let entries = suites.chunk_by(|a, b| a.archive == b.archive).map(|suites| {
            let Suite { archive, mirror, .. } = &suites[0];
            // What only this machine can read is of no use inside a container.
            let inside = mirror.public();
            let inside = if inside.starts_with("file:") { public(archive).trim_end_matches('/') } else { &inside };
            let names: Vec<&str> = suites.iter().map(|suite| suite.suite.as_str()).collect();
            (inside.to_owned(), names.join(" "))
        });
        Sources {
            archive: bootstrap.archive.clone(),
            components: bootstrap.components.join(" "),
            tolerate_expired: bootstrap.tolerate_expired,
            entries: entries.collect(),
        }
    }

    /// In the deb822 format of sources.list(5).
    fn text(&self, keyring: Option<&str>) -> String {
        let mut stanzas = Vec::new();
        for (url, suites) in &self.entries {
            let mut stanza = format!("Types: deb\nURIs: {url}\nSuites: {suites}\nComponents: {}\n", self.components);
            if let Some(keyring) = keyring {
                stanza.push_str(&format!("Signed-By: /{keyring}\n"));
            }
            if self.tolerate_expired {
                stanza.push_str("Check-Valid-Until: no\n");
            }
            stanzas.push(stanza);
        }
        stanzas.join("\n")
    }
}

/// The root file system as one uncompressed tar stream, not yet configured.
pub(super) fn root_tar(selection: Selection) -> (ByteStream, StreamFailure) {
    layer::stream(move |out| write_root(&selection, out))
}

fn write_root(selection: &Selection, out: &mut dyn Write) -> Result<(), Failure> {
    // base-files lays out the root; all others follow by name.
    let mut order: Vec<usize> = (0..selection.packages.len()).collect();
    order.sort_by_key(|at| selection.packages[*at].name != "base-files");
    let workers = rayon::current_num_threads().min(8);
    let paths = order.iter().map(|at| selection.debs[*at].clone()).collect();
    let mut opened = Opening::begin(paths, selection.spool.clone(), workers, workers + 1);
    let mut layer = Layer::new(out);
    for (number, at) in order.iter().enumerate() {
        let mut deb = opened.next()?;
        if number == 0 {
            layer.merge_usr(selection.arch, &mut deb)?;
        }
        layer.package(&selection.packages[*at], &mut deb)?;
    }
    let sources = &selection.sources;
    let vendor = sources.archive.split('-').next().unwrap_or_default();
    let keyring = ["gpg", "pgp"]
        .map(|suffix| format!("usr/share/keyrings/{vendor}-archive-keyring.{suffix}"))
        .into_iter()
        .find(|path| layer.has_file(path));
    let text = sources.text(keyring.as_deref());
    let name = format!("etc/apt/sources.list.d/{}.sources", sources.archive);
    layer.file(name.as_bytes(), 0o644, text.as_bytes()).map_err(LayerError::from)?;
    layer.file(b"usr/sbin/policy-rc.d", 0o755, b"#!/bin/sh\nexit 101\n").map_err(LayerError::from)?;
    layer.finish_system(selection.arch).map_err(LayerError::from)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::archive::mirror::Mirror;

    #[test]
    fn apt_in_the_image_is_told_the_mirror_that_was_chosen() {
        let mut distro = crate::archive::tests::distro("sid");
        let bootstrap = distro.bootstrap.as_mut().unwrap();
        bootstrap.updates = vec!["sid-updates".to_owned()];
        bootstrap.security = Some(distro::Security {
            snapshot: None,
            archive: "debian-security".to_owned(),
            mirror: "http://public.example/debian-security".to_owned(),
            suite: "sid-security".to_owned(),
        });
        bootstrap.tolerate_expired = true;
        let mirror = |url: &str| Mirror { url: url.into(), origin: archive::mirror::Origin::Configured };
        let mirrors = BTreeMap::from([
            ("debian".to_owned(), mirror("http://near.example/debian/")),
            ("debian-security".to_owned(), mirror("file:///srv/security")),
        ]);
        let suites = archive::suites(bootstrap, &mirrors, &bootstrap.components, &[]);
        let sources = Sources::new(bootstrap, &suites);
        let read: Vec<_> = suites.iter().map(|suite| (suite.mirror.secret(), suite.suite.as_str())).collect();
        assert_eq!(
            read,
            [
                ("http://near.example/debian", "sid"),
                ("http://near.example/debian", "sid-updates"),
                ("file:///srv/security", "sid-security"),
            ]
        );
        assert_eq!(
            sources.text(Some("usr/share/keyrings/debian-archive-keyring.gpg")),
            "Types: deb\nURIs: http://near.example/debian\nSuites: sid sid-updates\nComponents: main\n\
             Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\nCheck-Valid-Until: no\n\n\
             Types: deb\nURIs: http://public.example/debian-security\nSuites: sid-security\nComponents: main\n\
             Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\nCheck-Valid-Until: no\n"
        );
    }

    #[test]
    fn the_digest_has_the_packages_and_the_definition() {
        let distro = crate::archive::tests::distro("sid");
        let packages = [Package::for_test("a", "1"), Package::for_test("b", "1")];
        let first = digest(&distro, Arch::Amd64, &packages);
        assert!(first.starts_with("sha256:"));
        assert_ne!(first, digest(&distro, Arch::Arm64, &packages));
        assert_ne!(first, digest(&distro, Arch::Amd64, &packages[..1]));
        let other = Distro { digest: "sha256:other".to_owned(), ..distro };
        assert_ne!(first, digest(&other, Arch::Amd64, &packages));
    }
}
