//! Base images (engine store, registry, bootstrap, in that order), images made from them by one script (builder,
//! tester) with packages that farm unpacks for it, and images of Dockerfiles, each found again by a content key. What the scripts do is `packaging`'s business.

mod base;
mod bootstrap;
mod build_container;
mod built;
mod conceal;
mod deb;
mod derive;
mod enter;
mod error;
mod guest;
mod images;
mod import;
mod install;
pub(crate) mod kept;
mod layer;
mod model;
mod once;
mod once_map;
mod opening;
mod registries;
mod released;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use crate::archive::{self, Components};
use crate::cache::{Entry, Place, image_used, touch};
use crate::distro::Distro;
use crate::engine::{EngineError, ImageInfo, OutputSink, labels};
use crate::stream::ByteStream;
use crate::types::{Arch, Progress};

pub(crate) use built::DockerfileImage;
pub use error::{ImageError, Unsatisfiable};
pub use images::{ImageOptions, Images};
pub use import::Imported;
pub(crate) use import::LeftOut;
pub use install::Install;
pub use kept::KeptId;
pub(crate) use model::KnownBases;
pub use model::{Base, BaseChoice, Derivation, FetchFirst, FileContent};

/// What [`labels::KIND`] says of an image that farm makes.
const KINDS: [&str; 6] = ["base", "builder", "tester", built::KIND, import::KIND, kept::KIND];

impl Images {
    /// Which of these relations, in Debian's syntax, the archive that `base` was bootstrapped from has no package for, in any
    /// version that fits. None where nobody can tell: an image that is not farm's own may have further sources of packages.
    /// What an archive was once seen to have is not asked for again: reading an index takes longer than a small build.
    pub(crate) async fn unknown_to_archive(
        &self,
        base: &Base,
        distro: &Distro,
        arch: Arch,
        relations: Vec<String>,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<Vec<String>, ImageError> {
        if relations.is_empty() || !derive::is_bootstrapped(self, base).await? {
            return Ok(Vec::new());
        }
        let asked = serde_json::json!([distro.digest, arch, relations]).to_string();
        let seen = self.archives().reader().pooled(&hex::encode(Sha256::digest(asked)), ".known");
        let is_held = self.archives().holds(distro);
        if !is_held && touch(&seen) {
            return Ok(Vec::new());
        }
        let index = self.archives().packages(distro, arch, Components::All, progress, &|_| (), cancel).await;
        let Ok(index) = index else { return Ok(Vec::new()) };
        let unknown = archive::blocking(move || {
            let is_unknown = |relation: &String| archive::unknown(&index, std::slice::from_ref(relation));
            let mut unknown = Vec::new();
            for relation in relations {
                if !is_unknown(&relation)?.is_empty() {
                    unknown.push(relation);
                }
            }
            if unknown.is_empty() && !is_held {
                // Without it the question is asked again.
                let _ = seen.parent().map(std::fs::create_dir_all);
                let _ = std::fs::File::create(&seen);
            }
            Ok(unknown)
        });
        Ok(unknown.await.unwrap_or_default())
    }

    /// The base images that the engine has already, and those that it would make of an image it has under a tag that has
    /// moved. One API call for all of them, and one for each that came from a registry or a file. An image that an older
    /// definition of its distribution made does not count.
    pub(crate) async fn known_bases(&self, distros: &[(Arc<Distro>, Arch)]) -> Result<KnownBases, ImageError> {
        let mut known = KnownBases::default();
        if distros.is_empty() {
            return Ok(known);
        }
        let images = self.engine.images(&format!("{}=base", labels::KIND)).await?;
        for (distro, arch) in distros {
            let (name, tag) = (base::name(distro, *arch), base::tag(distro, *arch));
            let fits = |image: &&ImageInfo| {
                base::serves(image, distro, *arch, self.options.base)
                    && base::is_held(self, distro, *arch, image.identity())
                    && image.tags.contains(&tag)
            };
            let Some(image) = images.iter().find(fits) else {
                known.absent.push(name);
                continue;
            };
            let identity = match base::moved(self, distro, *arch, image).await? {
                Some(newer) => {
                    known.moved.push((name.clone(), distro.image.clone().unwrap_or_default()));
                    base::identity_of(&newer, distro)
                }
                None => {
                    self.note_used(&image.id);
                    known.made.insert(name.clone(), image.created);
                    image.identity().to_owned()
                }
            };
            known.identities.insert(name, identity);
        }
        Ok(known)
    }

    /// The base of a distribution as the registry or the archive that it came from has it today; `None` for one that came
    /// from a file. What has not changed is not made again.
    #[allow(clippy::too_many_arguments)]
    pub(crate) async fn update_base(
        &self,
        distro: &Distro,
        arch: Arch,
        sink: &mut dyn OutputSink,
        progress: &dyn Progress,
        warn: &(dyn Fn(String) + Sync),
        cancel: &CancellationToken,
    ) -> Result<Option<Base>, ImageError> {
        base::updated(self, distro, arch, sink, progress, warn, cancel).await
    }

    /// The base of the image that a registry has today.
    pub(crate) async fn pull_base(
        &self,
        distro: &Distro,
        arch: Arch,
        sink: &mut dyn OutputSink,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<Base, ImageError> {
        let stored = self.engine.image(&base::tag(distro, arch)).await?;
        let former = stored.filter(|image| base::serves(image, distro, arch, BaseChoice::Registry));
        base::pulled(self, distro, arch, former.as_ref(), sink, progress, cancel).await
    }

    /// The base of an image that the engine has: what builds for the distribution begin with from then on.
    pub(crate) async fn adopt(
        &self,
        distro: &Distro,
        arch: Arch,
        image: &ImageInfo,
        sink: &mut dyn OutputSink,
        cancel: &CancellationToken,
    ) -> Result<Base, ImageError> {
        base::adopt(self, distro, arch, image, sink, cancel).await
    }

    /// The image of a recipe's own environment as its registry has it today.
    ///
    /// # Errors
    /// [`ImageError::Reference`] when it cannot be had.
    pub(crate) async fn pull(
        &self,
        reference: &str,
        arch: Arch,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<Base, ImageError> {
        base::pull_named(self, reference, arch, progress, cancel).await
    }

    /// The base image for a distribution, made if need be. `sink` takes what setup prints; warnings (an expired
    /// InRelease that is tolerated) go to `warn`. While it is made, what is to be installed on it `next` is fetched.
    #[allow(clippy::too_many_arguments)]
    pub async fn base(
        &self,
        distro: &Distro,
        arch: Arch,
        next: Option<&mut Install>,
        sink: &mut dyn OutputSink,
        progress: &dyn Progress,
        warn: &(dyn Fn(String) + Sync),
        cancel: &CancellationToken,
    ) -> Result<Base, ImageError> {
        let next = next.filter(|_| self.engine_is_near());
        let making = base::find_or_make(self, distro, arch, next, sink, progress, warn, cancel);
        let found = self.shared.once.run(&base::name(distro, arch), cancel, making).await;
        if let Ok(base) = &found {
            tracing::debug!(base = base::name(distro, arch), image = base.image, key = base.identity, "base image");
        }
        found
    }

    /// Gives the engine an image under `reference` that a file of this host holds: a tar of a root file system, an OCI
    /// image layout, or what `docker save` writes; compressed or not. `arch`: what it is for, where the file does not say.
    ///
    /// # Errors
    /// [`ImageError::File`] when it is no such file, or one with entries that no image may have.
    pub async fn import(
        &self,
        reference: &str,
        file: &Path,
        arch: Arch,
        cancel: &CancellationToken,
    ) -> Result<Imported, ImageError> {
        import::import(self, reference, file, arch, cancel).await
    }

    /// The image of a recipe's own environment: in the engine's store, else pulled. Nothing is done with it.
    ///
    /// # Errors
    /// [`ImageError::Reference`] when neither has it.
    pub(crate) async fn environment(
        &self,
        reference: &str,
        arch: Arch,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<Base, ImageError> {
        let finding = base::named(self, reference, arch, progress, cancel);
        self.shared.once.run(&format!("{reference}/{arch}"), cancel, finding).await
    }

    /// What identifies an image that the engine has already under this name; a registry is not asked.
    pub(crate) async fn known_environment(&self, reference: &str, arch: Arch) -> Result<Option<String>, ImageError> {
        Ok(base::stored(self, reference, arch).await?.map(|image| image.identity().to_owned()))
    }

    /// The image of a Dockerfile: the engine's own if it has it, else built there. `dockerfile` is its name in `context`,
    /// `sink` takes what its building prints.
    ///
    /// # Errors
    /// [`ImageError::Dockerfile`] when it is wrong or one of its steps fails, [`ImageError::Reference`] when an image that
    /// it begins with cannot be had.
    pub(crate) async fn built(
        &self,
        wanted: &DockerfileImage,
        dockerfile: &str,
        context: impl FnOnce() -> ByteStream,
        sink: &mut dyn OutputSink,
        cancel: &CancellationToken,
    ) -> Result<Base, ImageError> {
        let building = built::find_or_build(self, wanted, dockerfile, context, sink, cancel);
        self.shared.once.run(&wanted.key(), cancel, building).await
    }

    /// The image of a Dockerfile that the engine has already.
    pub(crate) async fn known_built(&self, wanted: &DockerfileImage) -> Result<Option<Base>, ImageError> {
        Ok(built::stored(self, wanted).await?.map(|image| base::base(&image)))
    }

    /// The derived image, made if need be; its id in the engine. `install`: what its script will ask apt for.
    pub async fn derive(
        &self,
        base: &Base,
        derivation: &Derivation,
        install: Option<Install>,
        sink: &mut dyn OutputSink,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<String, ImageError> {
        let key = derive::key(base, derivation);
        let install = install.filter(|_| self.engine_is_near());
        let making = derive::find_or_make(self, base, derivation, &key, install, sink, progress, cancel);
        self.shared.once.run(&key, cancel, making).await
    }

    /// All images of ours in the engine: bases, builders, testers, environments, by their labels.
    pub(crate) async fn list(&self) -> Result<Vec<ImageInfo>, ImageError> {
        let mut images = self.engine.images(labels::KIND).await?;
        // Others with our labels are somebody's tests.
        images.retain(|image| image.labels.get(labels::KIND).is_some_and(|kind| KINDS.contains(&kind.as_str())));
        images.sort_by(|a, b| (a.labels.get(labels::KIND), &a.tags).cmp(&(b.labels.get(labels::KIND), &b.tags)));
        Ok(images)
    }

    /// Removes images of ours that are older than `age`, those made from others first, and returns them. An image that
    /// a container or a younger image needs stays, and so does one that was imported, unless `imported` says otherwise: it
    /// is the user's, and farm cannot make it again.
    pub(crate) async fn prune(&self, age: std::time::Duration, imported: bool) -> Result<Vec<ImageInfo>, ImageError> {
        let oldest = chrono::Utc::now().timestamp() - i64::try_from(age.as_secs()).unwrap_or(i64::MAX);
        let mut images = self.engine.images(labels::OWNED).await?;
        images.retain(|image| image.created <= oldest);
        images.retain(|image| imported || image.labels.get(labels::KIND).is_none_or(|kind| kind != import::KIND));
        images.sort_by_key(|image| std::cmp::Reverse((image.labels.contains_key(labels::KEY), image.created)));
        let mut removed = Vec::new();
        for image in images {
            match self.engine.remove_image(&image.id).await {
                Ok(()) => removed.push(image),
                Err(EngineError::InUse { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(removed)
    }

    /// The images of farm that it can make again, with when this host last used each: those of bases, builders, testers and
    /// Dockerfiles.
    pub(crate) async fn entries(&self) -> Result<Vec<Entry>, ImageError> {
        let mut images = self.list().await?;
        let sizes: BTreeMap<String, u64> = images.iter().map(|image| (image.id.clone(), image.size_bytes)).collect();
        images.retain(|image| image.labels.get(labels::KIND).is_some_and(|kind| kind != import::KIND));
        // An image's size is that of all its layers, and those of the image that it was made of are there once.
        let shared = |image: &ImageInfo| image.labels.get(labels::FROM).and_then(|from| sizes.get(from)).copied();
        let entry = |image: ImageInfo| Entry {
            kind: format!("{} image", image.labels.get(labels::KIND).map_or("", String::as_str)),
            name: if image.tags.is_empty() { image.id.clone() } else { image.tags.join(" ") },
            bytes: image.size_bytes.saturating_sub(shared(&image).unwrap_or(0)),
            used: self.last_used(&image),
            place: Place::Image { derived: image.labels.contains_key(labels::KEY), id: image.id },
        };
        Ok(images.into_iter().map(entry).collect())
    }

    fn last_used(&self, image: &ImageInfo) -> SystemTime {
        let made = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(image.created).unwrap_or(0));
        image_used(&self.archives().reader().cache, &image.id).map_or(made, |used| used.max(made))
    }

    /// Removes one of [`Images::entries`], unless it has been used since `used` or a container of it is there. Says whether
    /// it is gone.
    pub(crate) async fn remove_unused(&self, id: &str, used: SystemTime) -> Result<bool, ImageError> {
        if image_used(&self.archives().reader().cache, id).is_some_and(|last| last > used) {
            return Ok(false);
        }
        match self.engine.remove_image(id).await {
            Ok(()) => Ok(true),
            Err(EngineError::InUse { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests;
