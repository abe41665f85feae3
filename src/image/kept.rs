//! What builds that failed left: images of their containers, one of each recipe and target, for who looks into them. There
//! is no more to it than the image: its labels say which build it is of, and where that failed.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::engine::{CommitSpec, Container, Engine, EngineError, ImageInfo, Network, labels};

/// What [`labels::KIND`] says of such an image.
pub(super) const KIND: &str = "kept";
const TAGS: &str = "farm/kept:";
/// More of them are not kept: the oldest go.
const MOST: usize = 8;
const LONGEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Which build a kept container is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptId {
    project: String,
    target: String,
}

impl KeptId {
    /// `recipe` is the recipe's folder: another project's recipe of the same name is another one.
    pub fn new(recipe: &Path, target: &str) -> KeptId {
        let recipe = if recipe.as_os_str().is_empty() { Path::new(".") } else { recipe };
        let recipe = std::fs::canonicalize(recipe).unwrap_or_else(|_| recipe.to_owned());
        let project = hex::encode(Sha256::digest(recipe.as_os_str().as_encoded_bytes()));
        KeptId { project: project[..32].to_owned(), target: target.to_owned() }
    }

    fn tag(&self) -> String {
        let digest = hex::encode(Sha256::digest(format!("{} {}", self.project, self.target)));
        format!("{TAGS}{}", &digest[..32])
    }
}

/// The container of a build that failed, as an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) id: KeptId,
    /// The step that failed.
    pub(crate) step: String,
    pub(crate) network: Network,
    pub(crate) image: ImageInfo,
}

impl Kept {
    pub(crate) fn target(&self) -> &str {
        &self.id.target
    }

    /// An image with such labels that has not the name which farm alone gives is somebody else's.
    fn of(image: ImageInfo) -> Option<Kept> {
        let label = |name: &str| image.labels.get(name).filter(|value| !value.is_empty()).cloned();
        let id = KeptId { project: label(labels::PROJECT)?, target: label(labels::TARGET)? };
        let network = match label(labels::NETWORK).as_deref() {
            Some("default") => Network::Default,
            Some("host") => Network::Host,
            _ => Network::None,
        };
        let is_ours = label(labels::KIND)? == KIND && image.tags.iter().any(|tag| tag.ends_with(&id.tag()));
        let step = label(labels::STEP)?;
        is_ours.then_some(Kept { id, step, network, image })
    }
}

/// All that are kept, the newest first.
pub(crate) async fn all(engine: &Arc<dyn Engine>) -> Result<Vec<Kept>, EngineError> {
    let mut all: Vec<Kept> = engine.images(labels::STEP).await?.into_iter().filter_map(Kept::of).collect();
    all.sort_by(|a, b| (b.image.created, &b.id.target).cmp(&(a.image.created, &a.id.target)));
    Ok(all)
}

pub(crate) async fn find(engine: &Arc<dyn Engine>, id: &KeptId) -> Result<Option<Kept>, EngineError> {
    Ok(engine.image(&id.tag()).await?.and_then(Kept::of).filter(|kept| kept.id == *id))
}

/// Keeps a container in place of what was kept of the same build. The last thing done with it.
pub(crate) async fn keep(
    engine: &Arc<dyn Engine>,
    container: &dyn Container,
    id: &KeptId,
    step: &str,
    network: Network,
) -> Result<(), EngineError> {
    let network = match network {
        Network::None => "none",
        Network::Default => "default",
        Network::Host => "host",
    };
    let said = [
        (labels::KIND, KIND),
        (labels::TARGET, &id.target),
        (labels::PROJECT, &id.project),
        (labels::STEP, step),
        (labels::NETWORK, network),
    ];
    let labels = said.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    container.commit(&CommitSpec { tag: id.tag(), labels }).await?;
    reap(engine).await.map(drop)
}

/// Removes what was kept of a build; nothing is no error.
pub(crate) async fn drop_kept(engine: &Arc<dyn Engine>, id: &KeptId) -> Result<(), EngineError> {
    remove(engine, &id.tag()).await
}

/// Removes all. Returns how many there were.
pub(crate) async fn drop_all(engine: &Arc<dyn Engine>) -> Result<usize, EngineError> {
    let all = all(engine).await?;
    for kept in &all {
        remove(engine, &kept.id.tag()).await?;
    }
    Ok(all.len())
}

/// Removes those that are too old or too many. Returns how many there were.
pub(crate) async fn reap(engine: &Arc<dyn Engine>) -> Result<usize, EngineError> {
    let all = all(engine).await?;
    let created: Vec<i64> = all.iter().map(|kept| kept.image.created).collect();
    let go = too_old_or_many(&created, chrono::Utc::now().timestamp());
    for index in &go {
        remove(engine, &all[*index].id.tag()).await?;
    }
    Ok(go.len())
}

/// Which of images go, by when they were made, the newest first.
fn too_old_or_many(created: &[i64], now: i64) -> Vec<usize> {
    let oldest = now - i64::try_from(LONGEST.as_secs()).unwrap_or(i64::MAX);
    (0..created.len()).filter(|index| *index >= MOST || created[*index] < oldest).collect()
}

/// Somebody may be in a container of it: then it goes next time.
async fn remove(engine: &Arc<dyn Engine>, tag: &str) -> Result<(), EngineError> {
    match engine.remove_image(tag).await {
        Ok(()) | Err(EngineError::InUse { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(labels: &[(&str, &str)], tag: &str) -> ImageInfo {
        ImageInfo {
            id: "sha256:1".to_owned(),
            tags: vec![tag.to_owned()],
            repo_digests: Vec::new(),
            labels: labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            size_bytes: 1,
            created: 1,
        }
    }

    #[test]
    fn not_too_many_are_kept_and_not_for_too_long() {
        let day = 24 * 60 * 60;
        assert_eq!(too_old_or_many(&[9 * day, 5 * day, 3 * day, 2 * day], 10 * day), [3]);
        assert_eq!(too_old_or_many(&[0; 10], 0), [8, 9]);
    }

    #[test]
    fn an_image_is_of_a_kept_container_by_its_labels_and_its_name() {
        let id = KeptId::new(Path::new("/nowhere/a"), "a@debian-12/amd64");
        assert_ne!(id.tag(), KeptId::new(Path::new("/nowhere/b"), "a@debian-12/amd64").tag());
        let labels = [
            (labels::KIND, KIND),
            (labels::PROJECT, id.project.as_str()),
            (labels::TARGET, "a@debian-12/amd64"),
            (labels::STEP, "check"),
            (labels::NETWORK, "default"),
        ];
        let kept = Kept::of(image(&labels, &id.tag())).unwrap();
        assert_eq!((&kept.id, kept.step.as_str(), kept.network), (&id, "check", Network::Default));
        assert_eq!(Kept::of(image(&labels, "somebody/else:1")), None);
        assert_eq!(Kept::of(image(&labels[1..], &id.tag())), None);
    }
}
