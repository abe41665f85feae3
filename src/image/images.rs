//! The engine that images are made in, and what all who make some share.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::once_map::OnceMap;
use super::registries::Registries;
use super::{BaseChoice, ImageError};
use crate::archive::Archives;
use crate::cache::touch_image;
use crate::engine::{Engine, ImageInfo, Limits, Network, labels};
use crate::network::{ContainerNetwork, HostNetwork};

/// Makes and finds images in one engine. Cheap to clone; callers that want the same image at the same time share one
/// creation.
#[derive(Clone)]
pub struct Images {
    pub(super) engine: Arc<dyn Engine>,
    pub(super) options: Arc<ImageOptions>,
    pub(super) shared: Arc<Shared>,
    /// What containers with network are given, and what is to be said of it.
    network: Arc<(ContainerNetwork, Vec<String>)>,
}

/// What all clones have in common.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) once: OnceMap,
    pub(super) registries: Registries,
}

impl std::fmt::Debug for Images {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Images").field("endpoint", &self.engine.endpoint()).field("options", &self.options).finish()
    }
}

/// How images are made, and for whom.
#[derive(Debug, Clone)]
pub struct ImageOptions {
    /// Where base images may come from.
    pub base: BaseChoice,
    /// Where bootstraps get their packages.
    pub archives: Archives,
    /// The run's id, for labels.
    pub run: String,
    /// What each container that makes an image may use.
    pub limits: Limits,
    /// What scripts that need the network get: the engine's default, or its host's where that one is broken or slow.
    pub network: Network,
    /// How this host reaches others, of which such scripts are given what they can use.
    pub host: Arc<HostNetwork>,
    /// What identifies the only base that serves, by `debian-12/amd64`, where archives are held at the state that gives it.
    pub held: BTreeMap<String, String>,
}

impl ImageOptions {
    /// Without limits.
    pub(crate) fn new(base: BaseChoice, archives: Archives, run: &str, network: Network) -> ImageOptions {
        let limits = Limits { memory_bytes: None, pids: None, cpuset: None };
        let (run, host, held) = (run.to_owned(), HostNetwork::here(), BTreeMap::new());
        ImageOptions { base, archives, run, limits, network, host, held }
    }
}

impl Images {
    /// Makes images in `engine`; clones share what is under way.
    pub fn new(engine: Arc<dyn Engine>, options: ImageOptions) -> Images {
        let has_ours = engine.shares_network() || (options.network == Network::Host && !engine.is_remote());
        let network = Arc::new(options.host.for_containers(has_ours));
        Images { engine, options: Arc::new(options), shared: Arc::default(), network }
    }

    /// What of the host's proxies and certificates a container with network is given.
    pub(crate) fn container_network(&self) -> &ContainerNetwork {
        &self.network.0
    }

    /// What of the host's network containers cannot use, as sentences to show once.
    pub fn network_notes(&self) -> &[String] {
        &self.network.1
    }

    /// The archives that bases are made from.
    pub(crate) fn archives(&self) -> &Archives {
        &self.options.archives
    }

    /// Whether what is sent to the engine crosses no network: what is unpacked here has three times the size of packages,
    /// and an engine that is far away fetches those itself.
    pub(super) fn engine_is_near(&self) -> bool {
        !self.engine.is_remote()
    }

    /// The image of this kind that the engine has under a content key. Its labels alone prove nothing: those of an image
    /// from a registry, or of a stage of a Dockerfile, say what its maker wrote. Its tag only farm gives.
    pub(super) async fn keyed(&self, kind: &str, key: &str) -> Result<Option<ImageInfo>, ImageError> {
        let known = self.engine.images(&format!("{}={key}", labels::KEY)).await?;
        let says =
            |image: &ImageInfo, label: &str, value: &str| image.labels.get(label).is_some_and(|seen| seen == value);
        let tag = keyed_tag(kind, key);
        // Not every engine filters by a label's value.
        let is_it = |image: &ImageInfo| {
            says(image, labels::KEY, key) && says(image, labels::KIND, kind) && image.tags.contains(&tag)
        };
        let found = known.into_iter().find(is_it);
        found.iter().for_each(|image| self.note_used(&image.id));
        Ok(found)
    }

    /// Writes down that an image is used now, for who makes room on the engine's disk.
    pub(super) fn note_used(&self, id: &str) {
        touch_image(&self.archives().reader().cache, id);
    }
}

/// `farm/builder:0123456789ab`
pub(super) fn keyed_tag(kind: &str, key: &str) -> String {
    let digits = key.strip_prefix("sha256:").unwrap_or(key);
    format!("farm/{kind}:{}", digits.get(..12).unwrap_or(digits))
}
