//! Base images: the engine's own store, a registry, or a bootstrap, in that order. Whatever it came from, a base ends
//! as `farm/base:<distro>-<arch>` with labels that say what it is, so that the next run finds it in one call.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::bootstrap::{self, CLEAN, CONFIGURE, GENERATION};
use super::build_container::{self, BuildResult, Work};
use super::install::Install;
use super::registries::PullError;
use super::{Base, BaseChoice, ImageError, Images, once};
use crate::distro::Distro;
use crate::engine::{CommitSpec, EngineError, ImageInfo, ImportSpec, Network, OutputSink, labels};
use crate::types::{Arch, Progress, printable};

/// `debian-12/amd64`
pub(super) fn name(distro: &Distro, arch: Arch) -> String {
    format!("{}/{arch}", distro.id)
}

pub(super) fn tag(distro: &Distro, arch: Arch) -> String {
    format!("farm/base:{}-{arch}", distro.id)
}

/// Whether an image is a finished base of this very definition, from where the choice allows.
pub(super) fn serves(image: &ImageInfo, distro: &Distro, arch: Arch, choice: BaseChoice) -> bool {
    let says = |label: &str, value: &str| image.labels.get(label).is_some_and(|seen| seen == value);
    let origin = match choice {
        BaseChoice::Auto | BaseChoice::Store => true,
        BaseChoice::Registry => says(labels::ORIGIN, "registry"),
        BaseChoice::Bootstrap => says(labels::ORIGIN, "bootstrap"),
    };
    origin
        && says(labels::KIND, "base")
        && says(labels::DISTRO, &name(distro, arch))
        && says(labels::DEFINITION, &distro.digest)
        && image.labels.contains_key(labels::DIGEST)
        && image.labels.get(labels::GENERATION).map_or("1", String::as_str) == GENERATION
}

/// Whether a base is the one that a lock holds; any is, where none does.
pub(super) fn is_held(images: &Images, distro: &Distro, arch: Arch, identity: &str) -> bool {
    images.options.held.get(&name(distro, arch)).is_none_or(|held| held == identity)
}

#[allow(clippy::too_many_arguments)]
pub(super) async fn find_or_make(
    images: &Images,
    distro: &Distro,
    arch: Arch,
    next: Option<&mut Install>,
    sink: &mut dyn OutputSink,
    progress: &dyn Progress,
    warn: &(dyn Fn(String) + Sync),
    cancel: &CancellationToken,
) -> Result<Base, ImageError> {
    let choice = images.options.base;
    let stored = async || {
        let image = images.engine.image(&tag(distro, arch)).await?;
        let serves =
            |image: &ImageInfo| serves(image, distro, arch, choice) && is_held(images, distro, arch, image.identity());
        Ok::<_, EngineError>(image.filter(serves))
    };
    // Who asks for the registry's image means the one that it has today.
    let is_known = || choice != BaseChoice::Registry || images.shared.registries.was_asked(&name(distro, arch));
    if let Some(image) = stored().await?
        && is_known()
        && moved(images, distro, arch, &image).await?.is_none()
    {
        tracing::info!(base = name(distro, arch), key = image.identity(), "the engine has the base image");
        images.note_used(&image.id);
        return Ok(base(&image));
    }
    tracing::info!(base = name(distro, arch), "the engine has no such base image");
    let _turn = once::turn(images, &tag(distro, arch), sink, cancel).await?;
    // Somebody else may have made it meanwhile.
    if let Some(image) = stored().await? {
        if !is_known() {
            return pulled(images, distro, arch, Some(&image), sink, progress, cancel).await;
        }
        return match moved(images, distro, arch, &image).await? {
            Some(newer) => adopt(images, distro, arch, &newer, sink, cancel).await,
            None => Ok(base(&image)),
        };
    }
    // What was tried, and whether it may go better later.
    let mut tried: Vec<String> = Vec::new();
    let mut transient = false;

    if matches!(choice, BaseChoice::Auto | BaseChoice::Store) {
        match &distro.image {
            // A tag in the store says nothing of its architecture: it is what the engine runs by itself.
            Some(reference) if images.engine.ping().await?.arch == arch => {
                match images.engine.image(reference).await? {
                    Some(image) => return adopt(images, distro, arch, &image, sink, cancel).await,
                    None => tried.push(format!("the engine has no {reference}")),
                }
            }
            _ => tried.push("the engine has none".to_owned()),
        }
    }
    if matches!(choice, BaseChoice::Auto | BaseChoice::Registry) {
        match &distro.image {
            None => tried.push("its definition names no image".to_owned()),
            Some(reference) => {
                match images.shared.registries.pull(&*images.engine, reference, arch, progress, cancel).await {
                    Ok(image) => {
                        images.shared.registries.note_asked(&name(distro, arch));
                        return adopt(images, distro, arch, &image, sink, cancel).await;
                    }
                    Err(PullError::Engine(EngineError::Pull { reason, .. })) => {
                        tried.push(format!("{reference}: {}", printable(&reason)));
                    }
                    Err(PullError::Engine(error)) => return Err(error.into()),
                    Err(PullError::Unreachable { registry, reason }) => {
                        transient = true;
                        tried.push(format!("registry {registry} cannot be reached ({})", printable(&reason)));
                    }
                }
            }
        }
    }
    if matches!(choice, BaseChoice::Auto | BaseChoice::Bootstrap) {
        if distro.bootstrap.is_some() {
            tracing::info!(base = name(distro, arch), tried = tried.join("; "), "bootstrapping the base image");
            return from_archive(images, distro, arch, next, sink, progress, warn, cancel).await;
        }
        tried.push("its definition has no [bootstrap]".to_owned());
    }
    let (distro, reason) = (distro.id.clone(), tried.join("; "));
    Err(if transient { ImageError::Unavailable { distro, reason } } else { ImageError::NoWay { distro, reason } })
}

/// The image that a distribution's tag names in the engine's store now, when it is another one than a base was made of:
/// somebody has pulled or imported it since. One that is not there any more says nothing.
pub(super) async fn moved(
    images: &Images,
    distro: &Distro,
    arch: Arch,
    base: &ImageInfo,
) -> Result<Option<ImageInfo>, ImageError> {
    let is_bootstrapped = base.labels.get(labels::ORIGIN).is_some_and(|origin| origin == "bootstrap");
    let Some(reference) = distro.image.as_deref().filter(|_| !is_bootstrapped) else { return Ok(None) };
    let Some(image) = stored(images, reference, arch).await? else { return Ok(None) };
    let is_same = base.labels.get(labels::DIGEST).is_some_and(|known| digests(&image, distro).contains(known));
    Ok((!is_same).then_some(image))
}

/// What a base made of an image is called: the first one. The others are names of the same image, which an engine may
/// give in another order.
fn digests(image: &ImageInfo, distro: &Distro) -> Vec<String> {
    let others = image.repo_digests.iter().filter_map(|digest| digest.split_once('@')).map(|(_, digest)| digest);
    let identities = std::iter::once(image.identity()).chain(others).chain([image.id.as_str()]);
    let digest =
        |identity: &str| format!("sha256:{}", hex::encode(Sha256::digest(format!("{identity}\n{}\n", distro.digest))));
    identities.map(digest).collect()
}

/// What identifies the base that would be made of an image.
pub(super) fn identity_of(image: &ImageInfo, distro: &Distro) -> String {
    digests(image, distro).swap_remove(0)
}

/// The base of the image that the registry has today. One that was made of the same image before stays.
pub(super) async fn pulled(
    images: &Images,
    distro: &Distro,
    arch: Arch,
    former: Option<&ImageInfo>,
    sink: &mut dyn OutputSink,
    progress: &dyn Progress,
    cancel: &CancellationToken,
) -> Result<Base, ImageError> {
    let failed = |reason: String, transient: bool| match transient {
        true => ImageError::Unavailable { distro: distro.id.clone(), reason },
        false => ImageError::NoWay { distro: distro.id.clone(), reason },
    };
    let Some(reference) = &distro.image else {
        return Err(failed("its definition names no image".to_owned(), false));
    };
    let image = match images.shared.registries.pull(&*images.engine, reference, arch, progress, cancel).await {
        Ok(image) => image,
        Err(PullError::Engine(EngineError::Pull { reason, .. })) => {
            return Err(failed(format!("{reference}: {}", printable(&reason)), false));
        }
        Err(PullError::Engine(error)) => return Err(error.into()),
        Err(PullError::Unreachable { registry, reason }) => {
            return Err(failed(format!("registry {registry} cannot be reached ({})", printable(&reason)), true));
        }
    };
    images.shared.registries.note_asked(&name(distro, arch));
    let is_same = |base: &&ImageInfo| {
        base.labels.get(labels::DIGEST).is_some_and(|known| digests(&image, distro).contains(known))
    };
    match former.filter(is_same) {
        Some(former) => Ok(base(former)),
        None => adopt(images, distro, arch, &image, sink, cancel).await,
    }
}

/// The base of a distribution as its place of origin has it today: the registry, or the archive. None: it came from a
/// file, and only the user has a newer one.
pub(super) async fn updated(
    images: &Images,
    distro: &Distro,
    arch: Arch,
    sink: &mut dyn OutputSink,
    progress: &dyn Progress,
    warn: &(dyn Fn(String) + Sync),
    cancel: &CancellationToken,
) -> Result<Option<Base>, ImageError> {
    let stored = images.engine.image(&tag(distro, arch)).await?;
    let Some(former) = stored.filter(|image| serves(image, distro, arch, BaseChoice::Auto)) else {
        return find_or_make(images, distro, arch, None, sink, progress, warn, cancel).await.map(Some);
    };
    match former.labels.get(labels::ORIGIN).map(String::as_str) {
        Some("bootstrap") => {
            let selection = bootstrap::select(distro, arch, images.archives(), progress, warn, cancel).await?;
            if former.labels.get(labels::DIGEST) == Some(&selection.digest) {
                return Ok(Some(base(&former)));
            }
            from_selection(images, distro, arch, selection, None, sink, progress, cancel).await.map(Some)
        }
        Some("file") => Ok(None),
        _ => pulled(images, distro, arch, Some(&former), sink, progress, cancel).await.map(Some),
    }
}

/// An image by name in the engine's store; none when its architecture is not known to be the right one.
pub(super) async fn stored(images: &Images, reference: &str, arch: Arch) -> Result<Option<ImageInfo>, ImageError> {
    // A name in the store says nothing of the architecture: it is what the engine runs by itself.
    if images.engine.ping().await?.arch != arch {
        return Ok(None);
    }
    Ok(images.engine.image(reference).await?)
}

/// An image by name, from wherever it can be had.
pub(super) async fn named(
    images: &Images,
    reference: &str,
    arch: Arch,
    progress: &dyn Progress,
    cancel: &CancellationToken,
) -> Result<Base, ImageError> {
    let asks = images.options.base == BaseChoice::Registry && !images.shared.registries.was_asked(reference);
    if let Some(image) = stored(images, reference, arch).await?.filter(|_| !asks) {
        return Ok(base(&image));
    }
    pull_named(images, reference, arch, progress, cancel).await
}

/// An image by name, as its registry has it today.
pub(super) async fn pull_named(
    images: &Images,
    reference: &str,
    arch: Arch,
    progress: &dyn Progress,
    cancel: &CancellationToken,
) -> Result<Base, ImageError> {
    let failed =
        |reason: String, transient| ImageError::Reference { reference: reference.to_owned(), reason, transient };
    // Pulled, it would have a name by which farm finds what it has made itself.
    let plain = reference.trim_start_matches("index.").trim_start_matches("docker.io/");
    if plain.starts_with("farm/") {
        let reason = "names that begin with farm/ are those of images that farm makes, and no registry has them";
        return Err(failed(reason.to_owned(), false));
    }
    match images.shared.registries.pull(&*images.engine, reference, arch, progress, cancel).await {
        Ok(image) => {
            images.shared.registries.note_asked(reference);
            Ok(base(&image))
        }
        Err(PullError::Engine(EngineError::Pull { reason, .. })) => Err(failed(printable(&reason), false)),
        Err(PullError::Engine(error)) => Err(error.into()),
        Err(PullError::Unreachable { registry, reason }) => {
            let reason = format!("registry {registry} cannot be reached ({})", printable(&reason));
            Err(failed(reason, true))
        }
    }
}

pub(super) fn base(image: &ImageInfo) -> Base {
    Base { image: image.id.clone(), identity: image.identity().to_owned() }
}

fn base_labels(distro: &Distro, arch: Arch, origin: &str, digest: &str) -> BTreeMap<String, String> {
    let name = name(distro, arch);
    [
        (labels::KIND, "base"),
        (labels::ORIGIN, origin),
        (labels::DISTRO, &name),
        (labels::DEFINITION, &distro.digest),
        (labels::DIGEST, digest),
        (labels::GENERATION, GENERATION),
    ]
    .map(|(label, value)| (label.to_owned(), value.to_owned()))
    .into()
}

/// Makes an image that came from a registry or a file a base of ours: set up, tagged, labelled.
pub(super) async fn adopt(
    images: &Images,
    distro: &Distro,
    arch: Arch,
    image: &ImageInfo,
    sink: &mut dyn OutputSink,
    cancel: &CancellationToken,
) -> Result<Base, ImageError> {
    let digest = identity_of(image, distro);
    let is_imported = image.labels.get(labels::KIND).is_some_and(|kind| kind == super::import::KIND);
    let origin = if is_imported { "file" } else { "registry" };
    let scripts: Vec<&str> = distro.setup.as_deref().into_iter().chain(distro.setup.as_ref().map(|_| CLEAN)).collect();
    finish(images, distro, arch, &image.id, images.options.network, &scripts, origin, &digest, sink, cancel).await
}

#[allow(clippy::too_many_arguments)]
async fn from_archive(
    images: &Images,
    distro: &Distro,
    arch: Arch,
    next: Option<&mut Install>,
    sink: &mut dyn OutputSink,
    progress: &dyn Progress,
    warn: &(dyn Fn(String) + Sync),
    cancel: &CancellationToken,
) -> Result<Base, ImageError> {
    let selection = bootstrap::select(distro, arch, images.archives(), progress, warn, cancel).await?;
    if !is_held(images, distro, arch, &selection.digest) {
        return Err(ImageError::NotLocked { base: name(distro, arch), identity: selection.digest });
    }
    from_selection(images, distro, arch, selection, next, sink, progress, cancel).await
}

#[allow(clippy::too_many_arguments)]
async fn from_selection(
    images: &Images,
    distro: &Distro,
    arch: Arch,
    selection: bootstrap::Selection,
    next: Option<&mut Install>,
    sink: &mut dyn OutputSink,
    progress: &dyn Progress,
    cancel: &CancellationToken,
) -> Result<Base, ImageError> {
    let digest = selection.digest.clone();
    let packages = selection.packages.clone();
    // Without the labels of a finished base: nobody takes it for one if this is where it ends.
    let unfinished = ImportSpec { tag: tag(distro, arch), arch, labels: BTreeMap::new(), env: Vec::new() };
    let (layer, failure) = bootstrap::root_tar(selection);
    let (unpacked, until_unpacked) = tokio::sync::oneshot::channel();
    let making = async {
        let imported = tokio::select! {
            imported = images.engine.import(&unfinished, layer) => imported,
            () = cancel.cancelled() => return Err(ImageError::Cancelled),
        };
        let imported = imported.map_err(|error| failure.take(distro).unwrap_or_else(|| error.into()))?;
        // Nobody listens when nothing is to follow.
        let _ = unpacked.send(());
        let mut scripts = vec![CONFIGURE];
        let mut network = Network::None;
        if let Some(setup) = &distro.setup {
            scripts.extend([setup.as_str(), CLEAN]);
            network = images.options.network;
        }
        let image = &imported.id;
        let made = finish(images, distro, arch, image, network, &scripts, "bootstrap", &digest, sink, cancel).await;
        if made.is_err() {
            // The first error is the one to tell.
            let _ = images.engine.remove_image(image).await;
        }
        made
    };
    // Unpacking takes all processors, configuring takes one.
    let preparing = async {
        if let Some(next) = next {
            next.fetch_ahead(images, &packages, progress, cancel).await;
            if until_unpacked.await.is_ok() {
                next.open_ahead(images);
            }
        }
        Ok(())
    };
    let (base, ()) = tokio::try_join!(making, preparing)?;
    Ok(base)
}

#[allow(clippy::too_many_arguments)]
async fn finish(
    images: &Images,
    distro: &Distro,
    arch: Arch,
    image: &str,
    network: Network,
    scripts: &[&str],
    origin: &str,
    digest: &str,
    sink: &mut dyn OutputSink,
    cancel: &CancellationToken,
) -> Result<Base, ImageError> {
    let work = Work {
        name: &format!("base-{}", distro.id),
        image,
        arch,
        network,
        env: &BTreeMap::new(),
        files: &[],
        scripts,
        fetch: None,
        commit: CommitSpec { tag: tag(distro, arch), labels: base_labels(distro, arch, origin, digest) },
    };
    match build_container::make(images, &work, None, sink, cancel).await? {
        BuildResult::Image(image) => Ok(Base { image: image.id, identity: digest.to_owned() }),
        BuildResult::Dirty(reason) => Err(ImageError::NoWay { distro: distro.id.clone(), reason }),
        BuildResult::Failed { exit_code, unsatisfiable, oom } => {
            Err(ImageError::Script { kind: "base", exit_code, unsatisfiable, oom })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_finished_base_of_the_same_definition_serves() {
        let distro = crate::archive::tests::distro("sid");
        let mut image = ImageInfo {
            id: "sha256:1".to_owned(),
            tags: Vec::new(),
            repo_digests: Vec::new(),
            labels: base_labels(&distro, Arch::Amd64, "bootstrap", "sha256:2"),
            size_bytes: 0,
            created: 0,
        };
        assert!(serves(&image, &distro, Arch::Amd64, BaseChoice::Auto));
        assert!(serves(&image, &distro, Arch::Amd64, BaseChoice::Bootstrap));
        assert!(!serves(&image, &distro, Arch::Amd64, BaseChoice::Registry));
        assert!(!serves(&image, &distro, Arch::Arm64, BaseChoice::Auto));
        let edited = Distro { digest: "sha256:edited".to_owned(), ..distro.clone() };
        assert!(!serves(&image, &edited, Arch::Amd64, BaseChoice::Auto));
        image.labels.clear();
        assert!(!serves(&image, &distro, Arch::Amd64, BaseChoice::Auto), "imported but not configured");
    }
}
