//! Images that a Dockerfile makes, found again by a key of everything that goes into one. The engine builds them; what the
//! context holds is `source`'s business.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::base;
use super::conceal::Concealing;
use super::images::keyed_tag;
use super::registries::tells_no_connection;
use super::{Base, ImageError, Images};
use crate::engine::{BuildSpec, EngineError, ImageInfo, OutputSink, labels};
use crate::stream::ByteStream;
use crate::types::{Arch, printable};

/// What [`labels::KIND`] says of such an image.
pub(super) const KIND: &str = "environment";

/// Part of every key: to be raised when the same Dockerfile is built in another way.
const FORMAT: u32 = 1;

/// An image that a Dockerfile makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DockerfileImage {
    /// Digest of the build context, and of which of its files is the Dockerfile.
    pub(crate) context: String,
    pub(crate) target: Option<String>,
    pub(crate) args: BTreeMap<String, String>,
    pub(crate) arch: Arch,
    /// The Dockerfile as the recipe names it: for people, no part of the key.
    pub(crate) description: String,
}

impl DockerfileImage {
    /// `sha256:…`
    pub(crate) fn key(&self) -> String {
        let parts = serde_json::json!([FORMAT, self.context, self.target, self.args, self.arch]);
        format!("sha256:{}", hex::encode(Sha256::digest(parts.to_string())))
    }
}

/// The image that the engine has already.
pub(super) async fn stored(images: &Images, wanted: &DockerfileImage) -> Result<Option<ImageInfo>, ImageError> {
    images.keyed(KIND, &wanted.key()).await
}

/// `dockerfile` is its name in the context, which is only asked for where there is something to build.
pub(super) async fn find_or_build(
    images: &Images,
    wanted: &DockerfileImage,
    dockerfile: &str,
    context: impl FnOnce() -> ByteStream,
    sink: &mut dyn OutputSink,
    cancel: &CancellationToken,
) -> Result<Base, ImageError> {
    let key = wanted.key();
    if let Some(image) = stored(images, wanted).await? {
        tracing::info!(kind = KIND, key, image = image.id, "the engine has the image");
        return Ok(base::base(&image));
    }
    tracing::info!(kind = KIND, key, "the engine has no such image: it is built");
    let labels = [(labels::KIND, KIND), (labels::KEY, &key), (labels::REQUIRES, &wanted.description)];
    // Engines give these to each step without an ARG for them, and keep them in no image (Dockerfile reference,
    // "Predefined ARGs"). What the recipe says itself goes before.
    let mut args = images.container_network().proxies();
    args.extend(wanted.args.clone());
    let mut sink = Concealing::new(sink, images.container_network().hidden());
    let spec = BuildSpec {
        dockerfile: dockerfile.to_owned(),
        target: wanted.target.clone(),
        args,
        arch: wanted.arch,
        network: images.options.network,
        limits: images.options.limits.clone(),
        tag: keyed_tag(KIND, &key),
        labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
    };
    let result = images.engine.build(&spec, context(), &mut sink, cancel).await;
    sink.finish().await?;
    match result {
        Ok(image) => Ok(base::base(&image)),
        Err(EngineError::Build { reason }) => {
            let reason = printable(&without_name(&reason, dockerfile));
            Err(ImageError::Dockerfile { dockerfile: wanted.description.clone(), reason })
        }
        // What `FROM` names.
        Err(EngineError::Pull { reference, reason }) => {
            let transient = tells_no_connection(&reason);
            Err(ImageError::Reference { reference, reason: printable(&reason), transient })
        }
        Err(error) => Err(error.into()),
    }
}

/// A reason without the Dockerfile's name in front, which is told already: `Dockerfile:3: RUN …` -> `line 3: RUN …`.
fn without_name(reason: &str, dockerfile: &str) -> String {
    let Some(rest) = reason.strip_prefix(dockerfile).and_then(|rest| rest.strip_prefix(':')) else {
        return reason.to_owned();
    };
    match rest.split_once(':') {
        Some((line, said)) if line.parse::<usize>().is_ok() => format!("line {line}:{said}"),
        _ => rest.trim_start().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_names_the_dockerfile_once() {
        for (reason, told) in [
            ("a/Dockerfile:3: RUN ended with exit code 7", "line 3: RUN ended with exit code 7"),
            ("a/Dockerfile: no stage was built", "no stage was built"),
            (
                "the command '/bin/sh -c x' returned a non-zero code: 1",
                "the command '/bin/sh -c x' returned a non-zero code: 1",
            ),
        ] {
            assert_eq!(without_name(reason, "a/Dockerfile"), told);
        }
    }

    #[test]
    fn the_key_has_all_that_goes_into_the_image() {
        let image = DockerfileImage {
            context: "c".to_owned(),
            target: None,
            args: BTreeMap::new(),
            arch: Arch::Amd64,
            description: "Dockerfile".to_owned(),
        };
        let changed = |change: &dyn Fn(&mut DockerfileImage)| {
            let mut other = image.clone();
            change(&mut other);
            other.key() != image.key()
        };
        assert!(changed(&|other| other.context.push('d')));
        assert!(changed(&|other| other.target = Some("builder".to_owned())));
        assert!(changed(&|other| drop(other.args.insert("A".to_owned(), "1".to_owned()))));
        assert!(changed(&|other| other.arch = Arch::Arm64));
        assert!(!changed(&|other| other.description.push('x')), "where the recipe lies makes no difference");
    }
}
