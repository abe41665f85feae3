//! What a driver gets for its row: here one of tests only, whose engines are in memory.

use std::collections::BTreeMap;

use super::*;
use crate::engine::fake::FakeEngine;
use crate::engine::{docker, native};

/// Names `toy`, takes `toy://` and is configured by `TOY_HOST`. An engine at `broken` does not answer, one at `spoilt` has a
/// store that is of no use.
const TOY: Driver = Driver {
    names: &["toy"],
    schemes: &["toy"],
    title: "a toy",
    subject: "toy",
    endpoints: |wanted, around| {
        Ok(match (wanted, around.var("TOY_HOST")) {
            (Wanted::Url(url), _) => Endpoints::configured(Endpoint::asked_for(url)),
            (Wanted::Any | Wanted::Named(_), Some("?")) => return Err(EngineError::Config("TOY_HOST: ?".to_owned())),
            (Wanted::Any | Wanted::Named(_), Some(url)) => Endpoints::configured(Endpoint::new(url, "TOY_HOST")),
            (Wanted::Any | Wanted::Named(_), None) => {
                let usual = ["toy://broken", "toy://box"].map(|url| Endpoint::new(url, "the usual box"));
                Endpoints::usual(usual.to_vec())
            }
        })
    },
    connect: |endpoint, _| Box::pin(open(endpoint)),
    examine: |endpoints| {
        Box::pin(async move {
            let mut found = Examination::default();
            for endpoint in endpoints {
                match open(&endpoint).await {
                    Ok(engine) => {
                        found.checks.push(Check::new(TOY.subject, Severity::Ok, format!("{} winds up", endpoint.url)));
                        let info = engine.ping().await.unwrap();
                        found.engines.push(Reachable { endpoint: endpoint.url, info });
                    }
                    Err(error) => found.checks.push(Check::new(TOY.subject, Severity::Bad, error.reason())),
                }
            }
            found
        })
    },
    store: |endpoint| endpoint.url.strip_prefix("toy://").map(PathBuf::from),
    rights: |_| Ok(None),
};

const WITH_TOY: &[&Driver] = &[&TOY, &docker::DRIVER, &native::DRIVER];

async fn open(endpoint: &Endpoint) -> Result<Arc<dyn Engine>, EngineError> {
    let reason = "the spring is broken".to_owned();
    match endpoint.url.as_str() {
        "toy://broken" => Err(EngineError::Unreachable { endpoint: endpoint.url.clone(), reason }),
        "toy://spoilt" => Err(EngineError::Store { path: "spoilt".into(), reason }),
        "toy://slow" => std::future::pending().await,
        _ => Ok(Arc::new(FakeEngine::new())),
    }
}

/// A host without any file.
fn around(folder: &tempfile::TempDir, env: &[(&str, &str)]) -> Surroundings {
    let env: BTreeMap<String, String> =
        env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Surroundings { env, root: folder.path().to_owned() }
}

async fn connected(drivers: &[&'static Driver], choice: &str, env: &[(&str, &str)]) -> Result<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let engine = connect_among(drivers, choice, &around(&folder, env)).await;
    engine.map(|engine| engine.endpoint().to_owned()).map_err(|error| error.to_string())
}

/// The URLs that would be tried.
fn tried(drivers: &[&'static Driver], choice: &str, env: &[(&str, &str)]) -> Result<Vec<String>, String> {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().display().to_string();
    let candidates = candidates(drivers, choice, &around(&folder, env)).map_err(|error| error.to_string())?;
    let meant = candidates.into_iter().filter(|of| of.is_meant);
    Ok(meant.flat_map(|of| of.endpoints).map(|endpoint| endpoint.url.replace(&root, "")).collect())
}

#[tokio::test]
async fn a_driver_with_a_row_is_discovered_and_connected() {
    assert_eq!(names(WITH_TOY), ["auto", "toy", "docker", "podman", "native"]);
    for choice in ["auto", "", "toy", "toy://box"] {
        assert_eq!(connected(WITH_TOY, choice, &[]).await.as_deref(), Ok("fake://"), "{choice}");
    }
    assert_eq!(connected(WITH_TOY, "auto", &[("FARM_ENGINE", "toy")]).await.as_deref(), Ok("fake://"));
    assert!(
        connected(DRIVERS, "toy", &[])
            .await
            .unwrap_err()
            .contains("`toy` is no container engine: known are auto, docker")
    );
}

#[tokio::test]
async fn the_survey_shows_a_driver_with_its_own_checks() {
    let folder = tempfile::tempdir().unwrap();
    let survey = survey_among(&[&TOY], "auto", &around(&folder, &[]), EACH_TIMEOUT).await;
    let checks: Vec<String> = survey.drivers[0].checks.iter().map(Check::to_string).collect();
    assert_eq!(checks, ["missing toy: the spring is broken", "ok toy: toy://box winds up"]);
    let (driver, chosen) = survey.chosen().unwrap();
    assert_eq!((driver.title, chosen.endpoint.as_str(), chosen.info.name.as_str()), ("a toy", "toy://box", "fake"));
    let slow = around(&folder, &[("TOY_HOST", "toy://slow")]);
    let survey = survey_among(&[&TOY], "auto", &slow, Duration::from_millis(1)).await;
    assert!(survey.drivers[0].is_late && survey.chosen().is_none());
    assert_eq!(survey.drivers[0].checks[0].to_string(), "note toy: not known after 1ms");
}

#[test]
fn a_choice_is_a_name_a_url_or_the_path_of_a_socket() {
    let configured = [("DOCKER_HOST", "tcp://h:2375"), ("FARM_ENGINE", "unix:///f")];
    assert_eq!(tried(DRIVERS, "unix:///flag.sock", &configured).unwrap(), ["unix:///flag.sock"]);
    assert_eq!(tried(DRIVERS, "/flag.sock", &configured).unwrap(), ["unix:///flag.sock"]);
    assert_eq!(tried(DRIVERS, "auto", &configured).unwrap(), ["unix:///f"]);
    assert_eq!(tried(DRIVERS, "docker", &configured).unwrap(), ["tcp://h:2375"]);
    assert_eq!(tried(DRIVERS, "native", &configured).unwrap(), ["native"]);
    assert_eq!(tried(DRIVERS, "native:///store", &configured).unwrap(), ["native:///store"]);
    assert!(tried(DRIVERS, "kubernetes", &[]).unwrap_err().contains("is no container engine"));
    let unknown = tried(DRIVERS, "gopher://host", &[]).unwrap_err();
    assert!(unknown.contains("gopher://host (the engine asked for): not an endpoint"), "{unknown}");
}

#[test]
fn what_the_user_configured_is_replaced_by_no_other() {
    let all = ["toy://broken", "toy://box", "unix:///var/run/docker.sock", "unix:///run/podman/podman.sock", "native"];
    assert_eq!(tried(WITH_TOY, "auto", &[]).unwrap(), all);
    assert_eq!(tried(WITH_TOY, "auto", &[("DOCKER_HOST", "tcp://h:2375")]).unwrap(), ["tcp://h:2375"]);
    assert_eq!(tried(WITH_TOY, "auto", &[("TOY_HOST", "toy://mine")]).unwrap(), ["toy://mine"]);
    assert_eq!(tried(WITH_TOY, "auto", &[("TOY_HOST", "?")]).unwrap_err(), "TOY_HOST: ?");
    assert_eq!(tried(WITH_TOY, "native", &[("TOY_HOST", "?")]).unwrap(), ["native"], "nobody asked for a toy");
}

#[tokio::test]
async fn an_error_lists_all_that_was_tried() {
    let error = connected(&[&TOY], "auto", &[("TOY_HOST", "toy://broken")]).await.unwrap_err();
    assert_eq!(error, "no container engine answers\n  toy://broken (TOY_HOST): the spring is broken");
    // One that is there and cannot be used is not passed over.
    let spoilt = connected(WITH_TOY, "auto", &[("TOY_HOST", "toy://spoilt")]).await.unwrap_err();
    assert_eq!(spoilt, "the store of images in spoilt cannot be used: the spring is broken");
}

#[test]
fn folders_of_images_are_those_of_what_is_meant_and_of_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let stores = |choice: &str| {
        let (candidates, _) = all_candidates(&[&TOY], choice, &around(&folder, &[]));
        candidates
            .iter()
            .flat_map(|of| of.endpoints.iter().filter_map(|one| (of.driver.store)(one)))
            .collect::<Vec<_>>()
    };
    assert_eq!(stores("toy://mine"), [PathBuf::from("mine")]);
    assert_eq!(stores("nothing"), [PathBuf::from("broken"), PathBuf::from("box")]);
}

#[cfg(target_os = "linux")]
#[test]
fn an_engine_that_farm_brings_along_is_known_by_what_was_tried() {
    for (tried, is_own) in [
        ("native (the engine asked for)", true),
        ("native:///store (FARM_ENGINE)", true),
        ("unix:///var/run/docker.sock (usual place)", false),
        ("nativ", false),
    ] {
        assert_eq!(super::needs_no_daemon(tried), is_own, "{tried}");
    }
}
