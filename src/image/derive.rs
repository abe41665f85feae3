//! Builder and tester images: a base and one script, found again by a key of everything that the script depends on.

use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::build_container::{self, BuildResult, Work};
use super::guest::say;
use super::images::keyed_tag;
use super::install::Install;
use super::{Base, Derivation, FileContent, ImageError, Images, Unsatisfiable, once};
use crate::engine::{CommitSpec, OutputSink, labels};
use crate::types::Progress;

/// What a derivation's script exits with when nothing has a package that it asks for.
const EXIT_UNSATISFIABLE: i32 = 11;
/// What a derivation's script exits with when its mirror or network failed.
const EXIT_NETWORK: i32 = 12;

/// `sha256:…`. Mirrors and proxies take no part: they change where packages come from, not which.
pub(super) fn key(base: &Base, derivation: &Derivation) -> String {
    let env: Vec<_> = derivation.env.iter().filter(|(name, _)| !is_transport(name)).collect();
    let digest = |content: &FileContent| match content {
        FileContent::Bytes(bytes) => hex::encode(Sha256::digest(bytes)),
        FileContent::OnHost { sha256, .. } => sha256.clone(),
    };
    let files: Vec<_> = derivation.files.iter().map(|(path, content)| (path, digest(content))).collect();
    let parts = serde_json::json!([
        base.identity,
        derivation.kind,
        derivation.arch,
        derivation.script,
        env,
        files,
        derivation.inputs,
    ]);
    format!("sha256:{}", hex::encode(Sha256::digest(parts.to_string())))
}

fn is_transport(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.ends_with("_proxy") || name.contains("mirror")
}

#[allow(clippy::too_many_arguments)]
pub(super) async fn find_or_make(
    images: &Images,
    base: &Base,
    derivation: &Derivation,
    key: &str,
    mut install: Option<Install>,
    sink: &mut dyn OutputSink,
    progress: &dyn Progress,
    cancel: &CancellationToken,
) -> Result<String, ImageError> {
    let kind = derivation.kind;
    if let Some(image) = images.keyed(kind, key).await? {
        tracing::info!(kind, key, image = image.id, "the engine has the image");
        if let Some(toolchain) = image.labels.get(labels::FROM).filter(|from| **from != base.image) {
            images.note_used(toolchain);
        }
        images.note_used(&base.image);
        return Ok(image.id);
    }
    tracing::info!(kind, key, base = base.identity, "the engine has no such image: it is made");
    let tag = keyed_tag(kind, key);
    let _turn = once::turn(images, &tag, sink, cancel).await?;
    if let Some(image) = images.keyed(kind, key).await? {
        return Ok(image.id);
    }
    // An image that is not farm's own may have further sources of packages.
    if let Some(wanted) = install.as_ref().and_then(Install::of_archive)
        && is_bootstrapped(images, base).await?
    {
        let unsatisfiable = wanted.unknown(images, progress, cancel).await;
        if !unsatisfiable.is_empty() {
            say(sink, &format!("farm: the archive has none of these: {}", unsatisfiable.join(", "))).await?;
            let one = |requirement| Unsatisfiable { requirement, near: Vec::new() };
            let unsatisfiable = unsatisfiable.into_iter().map(one).collect();
            return Err(ImageError::Script { kind, exit_code: EXIT_UNSATISFIABLE, unsatisfiable, oom: false });
        }
    }
    let from = match &derivation.toolchain {
        Some(toolchain) => {
            let install = install.as_mut().and_then(Install::take_toolchain);
            Box::pin(images.derive(base, toolchain, install, sink, progress, cancel)).await?
        }
        None => base.image.clone(),
    };
    let labels =
        [(labels::KIND, kind), (labels::KEY, key), (labels::REQUIRES, &derivation.description), (labels::FROM, &from)];
    let work = Work {
        name: kind,
        image: &from,
        arch: derivation.arch,
        network: images.options.network,
        env: &derivation.env,
        files: &derivation.files,
        scripts: &[&derivation.script],
        fetch: derivation.fetch_first.as_ref(),
        commit: CommitSpec {
            tag,
            labels: labels.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        },
    };
    let next = install.as_mut().map(|install| (install, progress));
    let mut made = build_container::make(images, &work, next, sink, cancel).await?;
    if install.as_ref().is_some_and(Install::has_begun) && !matches!(made, BuildResult::Image(_)) {
        // What is wrong, if anything is, is apt's to say.
        let reason = match made {
            BuildResult::Dirty(reason) => reason,
            _ => "it failed with the packages that farm had unpacked".to_owned(),
        };
        say(sink, &format!("farm: once more, apt unpacks all by itself: {reason}")).await?;
        let next = install.as_mut().map(|install| {
            install.leave_to_apt();
            (install, progress)
        });
        made = build_container::make(images, &work, next, sink, cancel).await?;
    }
    match made {
        BuildResult::Image(image) => {
            images.note_used(&image.id);
            // After it, so that what was made of a base does not outlast it.
            images.note_used(&from);
            images.note_used(&base.image);
            Ok(image.id)
        }
        BuildResult::Dirty(reason) => Err(ImageError::NoWay { distro: format!("the {kind} image"), reason }),
        BuildResult::Failed { exit_code: EXIT_NETWORK, oom: false, .. } => Err(ImageError::Unavailable {
            distro: format!("the {kind} image"),
            reason: format!(
                "its packages could not be fetched: mirror or network{}",
                images.container_network().by_way_of()
            ),
        }),
        BuildResult::Failed { exit_code, unsatisfiable, oom } => {
            Err(ImageError::Script { kind, exit_code, unsatisfiable, oom })
        }
    }
}

pub(super) async fn is_bootstrapped(images: &Images, base: &Base) -> Result<bool, ImageError> {
    let image = images.engine.image(&base.image).await?;
    Ok(image.is_some_and(|image| image.labels.get(labels::ORIGIN).is_some_and(|origin| origin == "bootstrap")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Arch;

    fn derivation() -> Derivation {
        Derivation {
            kind: "builder",
            arch: Arch::Amd64,
            script: "apt-get install x".to_owned(),
            env: [("A".to_owned(), "1".to_owned())].into(),
            files: vec![("tmp/x".to_owned(), b"x".to_vec().into())],
            fetch_first: None,
            description: "x".to_owned(),
            inputs: vec!["sha256:1".to_owned()],
            toolchain: None,
        }
    }

    #[test]
    fn the_key_has_every_input_and_no_mirror() {
        let base = Base { image: "sha256:id".to_owned(), identity: "sha256:base".to_owned() };
        let first = key(&base, &derivation());
        let changed = |change: &dyn Fn(&mut Derivation)| {
            let mut other = derivation();
            change(&mut other);
            key(&base, &other) != first
        };
        assert!(changed(&|other| other.script.push('y')));
        assert!(changed(&|other| other.kind = "tester"));
        assert!(changed(&|other| other.arch = Arch::Arm64));
        assert!(changed(&|other| other.env.clear()));
        assert!(changed(&|other| other.files[0].1 = b"y".to_vec().into()));
        let on_host = |digest: &[u8]| FileContent::OnHost {
            path: "/somewhere".into(),
            sha256: hex::encode(Sha256::digest(digest)),
        };
        assert!(!changed(&|other| other.files[0].1 = on_host(b"x")), "the same bytes");
        assert!(changed(&|other| other.files[0].1 = on_host(b"y")));
        assert!(changed(&|other| other.inputs.clear()));
        assert!(!changed(&|other| other.description.clear()));
        assert!(!changed(&|other| other.toolchain = Some(Box::new(derivation()))), "what it is made of is no other");
        assert!(!changed(&|other| drop(other.env.insert("https_proxy".to_owned(), "p".to_owned()))));
        assert!(!changed(&|other| drop(other.env.insert("FARM_MIRROR_DEBIAN".to_owned(), "m".to_owned()))));
        let elsewhere = Base { image: "sha256:other".to_owned(), ..base.clone() };
        assert_eq!(key(&elsewhere, &derivation()), first, "the same content on another engine");
        let newer = Base { identity: "sha256:newer".to_owned(), ..base };
        assert_ne!(key(&newer, &derivation()), first);
    }
}
