//! Images that a Dockerfile makes.

use super::*;
use crate::stream;

fn dockerfile_image(context: &str) -> DockerfileImage {
    DockerfileImage {
        context: context.to_owned(),
        target: Some("builder".to_owned()),
        args: BTreeMap::from([("A".to_owned(), "1".to_owned())]),
        arch: Arch::Amd64,
        description: "packaging/Dockerfile".to_owned(),
    }
}

async fn built(images: &Images, wanted: &DockerfileImage) -> Result<Base, ImageError> {
    let context = || stream::from_tar(|_| Ok(()));
    images.built(wanted, "Dockerfile", context, &mut Nowhere, &CancellationToken::new()).await
}

#[tokio::test]
async fn the_image_of_a_dockerfile_is_built_once_and_found_again() {
    let engine = FakeEngine::new();
    let cache = tempfile::tempdir().unwrap();
    let images = images(&engine, BaseChoice::Auto, cache.path(), BTreeMap::new());
    let builds = || engine.calls().iter().filter(|call| call.starts_with("build ")).count();
    let wanted = dockerfile_image("c1");
    assert_eq!(images.known_built(&wanted).await.unwrap(), None);
    let (first, second) = tokio::join!(built(&images, &wanted), built(&images, &wanted));
    let first = first.unwrap();
    assert_eq!(first, second.unwrap());
    assert_eq!(builds(), 1, "two that want it at the same time share it");
    assert_eq!(images.known_built(&wanted).await.unwrap(), Some(first.clone()));
    assert_eq!(images.known_built(&dockerfile_image("c2")).await.unwrap(), None);
    built(&images, &dockerfile_image("c2")).await.unwrap();
    assert_eq!(builds(), 2);

    let listed = images.list().await.unwrap();
    assert_eq!(listed.len(), 2);
    let image = listed.iter().find(|image| image.id == first.image).unwrap();
    let key = wanted.key();
    assert_eq!(image.tags, [format!("farm/environment:{}", &key["sha256:".len()..][..12])]);
    assert_eq!((image.labels[labels::KIND].as_str(), &image.labels[labels::KEY]), ("environment", &key));
    assert_eq!(images.prune(Duration::ZERO, false).await.unwrap().len(), 2);
    assert_eq!(images.known_built(&wanted).await.unwrap(), None);
}

#[tokio::test]
async fn what_is_wrong_with_a_dockerfile_and_its_base_are_told_apart() {
    for (error, told) in [
        (
            EngineError::Build { reason: "line 1: no such instruction".to_owned() },
            "packaging/Dockerfile cannot be built: line 1: no such instruction",
        ),
        (
            EngineError::Pull { reference: "a/b:1".to_owned(), reason: "no such host".to_owned() },
            "image a/b:1 cannot be had: no such host",
        ),
    ] {
        let engine = FakeEngine::new();
        let error = Mutex::new(Some(error));
        engine.fail(move |call| call.starts_with("build ").then(|| error.lock().unwrap().take()).flatten());
        let cache = tempfile::tempdir().unwrap();
        let images = images(&engine, BaseChoice::Auto, cache.path(), BTreeMap::new());
        let failed = built(&images, &dockerfile_image("c1")).await.unwrap_err();
        assert_eq!(failed.to_string(), told);
        // A registry that is not reached may be reached later.
        let transient = matches!(failed, ImageError::Reference { transient: true, .. });
        assert_eq!(transient, told.starts_with("image a/b:1 "), "{failed:?}");
        built(&images, &dockerfile_image("c1")).await.unwrap();
    }
}
