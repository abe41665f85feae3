//! Base images (engine store, registry, bootstrap, in that order), images made from them by one script (builder,
//! tester) with packages that farm unpacks for it, and images of Dockerfiles, each found again by a content key. What the scripts do is `packaging`'s business.

mod base;
mod bootstrap;
mod build_container;
mod built;
mod deb;
mod derive;
mod import;
mod install;
mod layer;
mod once;
mod once_map;
mod opening;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::archive::Archives;
use crate::distro::Distro;
use crate::engine::{Engine, EngineError, ImageInfo, Limits, Network, OutputSink, labels};
use crate::stream::ByteStream;
use crate::types::{Arch, Progress};

pub use built::DockerfileImage;
pub use import::{Imported, LeftOut};
pub use install::Install;

/// What [`labels::KIND`] says of an image that farm makes.
const KINDS: [&str; 5] = ["base", "builder", "tester", built::KIND, import::KIND];

/// Where a base image may come from (`--base`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BaseChoice {
    /// Engine store, registry, bootstrap.
    #[default]
    Auto,
    Store,
    Registry,
    Bootstrap,
}

/// A base image in the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// What to name it by in the engine: an id.
    pub image: String,
    /// What identifies its content on every engine: an input of keys.
    pub identity: String,
}

/// The bases that an engine has, or would make of what it has, by `debian-12/amd64` (Debian's name of the architecture).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownBases {
    /// What identifies their content.
    pub identities: BTreeMap<String, String>,
    /// Those that would be made anew, with the tag that names another image now.
    pub moved: Vec<(String, String)>,
    /// Those that the engine does not have yet.
    pub absent: Vec<String>,
    /// When the others were made, in seconds since the epoch.
    pub made: BTreeMap<String, i64>,
}

/// One script that turns a base into a derived image.
#[derive(Debug, Clone)]
pub struct Derivation {
    /// `builder` or `tester`.
    pub kind: &'static str,
    pub arch: Arch,
    /// Run by `sh -c` as root, with network.
    pub script: String,
    pub env: BTreeMap<String, String>,
    /// Uploaded to `/` first: paths relative to it.
    pub files: Vec<(String, FileContent)>,
    /// For files that are packages which nobody vouches for: their scripts must find no network. The script is run twice,
    /// in a container with network, where it fetches only, and in one without, where it does its work.
    pub fetch_first: Option<FetchFirst>,
    /// What it holds, for `farm images`.
    pub description: String,
    /// What the script's result depends on beside the base and the script itself.
    pub inputs: Vec<String>,
}

/// How a script is told to fetch only, and what it then leaves for the container in which it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchFirst {
    /// The variable that is set for it.
    pub variable: &'static str,
    /// An absolute path.
    pub folder: &'static str,
}

/// What a file holds that a derivation starts from.
#[derive(Debug, Clone)]
pub enum FileContent {
    Bytes(Vec<u8>),
    /// A file of this host, of any size.
    OnHost {
        path: PathBuf,
        sha256: String,
    },
}

impl From<Vec<u8>> for FileContent {
    fn from(bytes: Vec<u8>) -> FileContent {
        FileContent::Bytes(bytes)
    }
}

/// Makes and finds images in one engine. Cheap to clone; callers that want the same image at the same time share one
/// creation.
#[derive(Clone)]
pub struct Images {
    engine: Arc<dyn Engine>,
    options: Arc<ImageOptions>,
    shared: Arc<Shared>,
}

/// What all clones have in common.
#[derive(Debug, Default)]
struct Shared {
    once: once_map::OnceMap,
    registries: base::Registries,
}

impl std::fmt::Debug for Images {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Images").field("endpoint", &self.engine.endpoint()).field("options", &self.options).finish()
    }
}

#[derive(Debug, Clone)]
pub struct ImageOptions {
    pub base: BaseChoice,
    /// Where bootstraps get their packages.
    pub archives: Archives,
    /// The run's id, for labels.
    pub run: String,
    pub limits: Limits,
    /// What scripts that need the network get: the engine's default, or its host's where that one is broken or slow.
    pub network: Network,
}

impl ImageOptions {
    /// Without limits.
    pub fn new(base: BaseChoice, archives: Archives, run: &str, network: Network) -> ImageOptions {
        let limits = Limits { memory_bytes: None, pids: None, cpuset: None };
        ImageOptions { base, archives, run: run.to_owned(), limits, network }
    }
}

impl Images {
    pub fn new(engine: Arc<dyn Engine>, options: ImageOptions) -> Images {
        Images { engine, options: Arc::new(options), shared: Arc::default() }
    }

    /// The archives that bases are made from.
    pub fn archives(&self) -> &Archives {
        &self.options.archives
    }

    /// The base images that the engine has already, and those that it would make of an image it has under a tag that has
    /// moved. One API call for all of them, and one for each that came from a registry or a file. An image that an older
    /// definition of its distribution made does not count.
    pub async fn known_bases(&self, distros: &[(Arc<Distro>, Arch)]) -> Result<KnownBases, ImageError> {
        let mut known = KnownBases::default();
        if distros.is_empty() {
            return Ok(known);
        }
        let images = self.engine.images(&format!("{}=base", labels::KIND)).await?;
        for (distro, arch) in distros {
            let (name, tag) = (base::name(distro, *arch), base::tag(distro, *arch));
            let fits =
                |image: &&ImageInfo| base::serves(image, distro, *arch, self.options.base) && image.tags.contains(&tag);
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
    pub async fn update_base(
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
    pub async fn pull_base(
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
    pub async fn adopt(
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
    pub async fn pull(
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
    pub async fn environment(
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
    pub async fn known_environment(&self, reference: &str, arch: Arch) -> Result<Option<String>, ImageError> {
        Ok(base::stored(self, reference, arch).await?.map(|image| image.identity().to_owned()))
    }

    /// The image of a Dockerfile: the engine's own if it has it, else built there. `dockerfile` is its name in `context`,
    /// `sink` takes what its building prints.
    ///
    /// # Errors
    /// [`ImageError::Dockerfile`] when it is wrong or one of its steps fails, [`ImageError::Reference`] when an image that
    /// it begins with cannot be had.
    pub async fn built(
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
    pub async fn known_built(&self, wanted: &DockerfileImage) -> Result<Option<Base>, ImageError> {
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
        let install = install.filter(|_| self.engine_is_near()).map(|install| (install, progress));
        let making = derive::find_or_make(self, base, derivation, &key, install, sink, cancel);
        self.shared.once.run(&key, cancel, making).await
    }

    /// Whether what is sent to the engine crosses no network: what is unpacked here has three times the size of packages,
    /// and an engine that is far away fetches those itself.
    fn engine_is_near(&self) -> bool {
        let far = ["tcp:", "http:", "https:", "ssh:"];
        !far.iter().any(|scheme| self.engine.endpoint().starts_with(scheme))
    }

    /// The image of this kind that the engine has under a content key. Its labels alone prove nothing: those of an image
    /// from a registry, or of a stage of a Dockerfile, say what its maker wrote. Its tag only farm gives.
    async fn keyed(&self, kind: &str, key: &str) -> Result<Option<ImageInfo>, ImageError> {
        let known = self.engine.images(&format!("{}={key}", labels::KEY)).await?;
        let says =
            |image: &ImageInfo, label: &str, value: &str| image.labels.get(label).is_some_and(|seen| seen == value);
        let tag = keyed_tag(kind, key);
        // Not every engine filters by a label's value.
        let is_it = |image: &ImageInfo| {
            says(image, labels::KEY, key) && says(image, labels::KIND, kind) && image.tags.contains(&tag)
        };
        Ok(known.into_iter().find(is_it))
    }

    /// All images of ours in the engine: bases, builders, testers, environments, by their labels.
    pub async fn list(&self) -> Result<Vec<ImageInfo>, ImageError> {
        let mut images = self.engine.images(labels::KIND).await?;
        // Others with our labels are somebody's tests.
        images.retain(|image| image.labels.get(labels::KIND).is_some_and(|kind| KINDS.contains(&kind.as_str())));
        images.sort_by(|a, b| (a.labels.get(labels::KIND), &a.tags).cmp(&(b.labels.get(labels::KIND), &b.tags)));
        Ok(images)
    }

    /// Removes images of ours that are older than `age`, those made from others first, and returns them. An image that
    /// a container or a younger image needs stays, and so does one that was imported, unless `imported` says otherwise: it
    /// is the user's, and farm cannot make it again.
    pub async fn prune(&self, age: std::time::Duration, imported: bool) -> Result<Vec<ImageInfo>, ImageError> {
        let oldest = chrono::Utc::now().timestamp() - i64::try_from(age.as_secs()).unwrap_or(i64::MAX);
        let mut images = self.engine.images(labels::OWNED).await?;
        images.retain(|image| image.created <= oldest);
        images.retain(|image| imported || image.labels.get(labels::KIND).is_none_or(|kind| kind != import::KIND));
        images.sort_by_key(|image| std::cmp::Reverse((image.labels.contains_key(labels::KEY), image.created)));
        let mut removed = Vec::new();
        for image in images {
            match self.engine.remove_image(&image.id).await {
                Ok(()) => removed.push(image),
                Err(EngineError::Refused { status: 409, .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(removed)
    }
}

/// `farm/builder:0123456789ab`
fn keyed_tag(kind: &str, key: &str) -> String {
    let digits = key.strip_prefix("sha256:").unwrap_or(key);
    format!("farm/{kind}:{}", digits.get(..12).unwrap_or(digits))
}

#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    #[error(transparent)]
    Engine(EngineError),
    /// Mirror or network: transient.
    #[error("base image for {distro} cannot be fetched: {reason}")]
    Unavailable { distro: String, reason: String },
    /// A signature, hash or index that is wrong: never retried.
    #[error("archive of {distro} cannot be trusted: {reason}")]
    Untrusted { distro: String, reason: String },
    #[error("no way to get a base image for {distro}: {reason}")]
    NoWay { distro: String, reason: String },
    /// An image that a recipe names.
    #[error("image {reference} cannot be had: {reason}")]
    Reference { reference: String, reason: String, transient: bool },
    /// A derivation's script failed: exit code and, for 11, what it named unsatisfiable.
    #[error("{kind} image: script exited with {exit_code}")]
    Script { kind: &'static str, exit_code: i32, unsatisfiable: Vec<String>, oom: bool },
    /// A Dockerfile that is wrong, or a step of it that failed.
    #[error("{dockerfile} cannot be built: {reason}")]
    Dockerfile { dockerfile: String, reason: String },
    /// A file that is to be an image, and cannot be.
    #[error("{} cannot be imported: {reason}", .path.display())]
    File { path: PathBuf, reason: String },
    #[error("cannot write {}", .path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("cancelled")]
    Cancelled,
}

impl From<EngineError> for ImageError {
    fn from(error: EngineError) -> ImageError {
        match error {
            EngineError::Cancelled => ImageError::Cancelled,
            error => ImageError::Engine(error),
        }
    }
}

#[cfg(test)]
mod tests;
