//! Jobs whose steps run in the image of a Dockerfile.

use std::collections::BTreeSet;

use super::*;
use crate::plan::JobEnvironment;
use crate::recipe::{Dockerfile, EnvironmentOrigin, PackagingTools};
use crate::source::Context;

/// A job whose steps run in the image of a Dockerfile beside its recipe.
fn with_dockerfile(bench: &Bench, name: &str) -> Job {
    let mut job = bench.job(name, &["make"]);
    let root = &job.recipe.root;
    std::fs::create_dir_all(root.join("packaging")).unwrap();
    std::fs::write(root.join("packaging/Dockerfile"), "FROM scratch\n").unwrap();
    let (path, context) = ("packaging/Dockerfile".to_owned(), "packaging".to_owned());
    let dockerfile = Dockerfile { path, context, target: None, args: BTreeMap::new() };
    let context_digest = Some(Context::of(root, &dockerfile).unwrap().digest().unwrap());
    let origin = EnvironmentOrigin::Dockerfile(dockerfile);
    job.environment =
        Some(Arc::new(JobEnvironment { origin, distro: None, context_digest, tools: PackagingTools::Image }));
    job
}

#[tokio::test]
async fn the_image_of_a_dockerfile_is_built_once_and_the_steps_run_in_it() {
    let bench = Bench::new();
    let images: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = images.clone();
    bench.engine.on_exec(move |guest| {
        seen.lock().unwrap().push(guest.container.image.clone());
        Some(Reply::exit(127))
    });
    let ran = bench.run(vec![with_dockerfile(&bench, "aa"), with_dockerfile(&bench, "bb")]).await;
    for report in &ran.reports {
        let Outcome::Rejected { findings, .. } = &report.outcome else { panic!("{:?}", report.outcome) };
        let said = "the image of packaging/Dockerfile has no shell: the steps of a recipe need /bin/sh";
        assert_eq!((findings[0].rule.as_str(), findings[0].message.as_str()), ("environment-unfit", said));
    }
    assert_eq!(bench.calls("build farm/environment:"), 1, "{:?}", bench.engine.calls());
    let built = bench.engine.images(&format!("{}=environment", labels::KIND)).await.unwrap();
    let [built] = &built[..] else { panic!("{built:?}") };
    assert_eq!(built.labels[labels::REQUIRES], "packaging/Dockerfile");
    let images: BTreeSet<String> = images.lock().unwrap().drain(..).collect();
    assert_eq!(images, BTreeSet::from([built.id.clone()]));
    let logs: Vec<String> =
        ran.reports.iter().map(|report| std::fs::read_to_string(report.log.as_ref().unwrap()).unwrap()).collect();
    assert!(logs.iter().all(|log| log.contains(&format!("image of the environment {}", built.id))), "{logs:?}");
    // Whichever of the two came first.
    let making: Vec<&String> = logs.iter().filter(|log| log.contains("built Dockerfile\n")).collect();
    let [log] = &making[..] else { panic!("{logs:?}") };
    let (_, section) = log.split_once("| Image of packaging/Dockerfile ").expect("a banner");
    assert!(section.contains("built Dockerfile\n"), "{log}");
}

#[tokio::test]
async fn a_dockerfile_that_cannot_be_built_is_nobody_elses_fault() {
    let bench = Bench::new();
    bench.engine.fail(|call| {
        let reason = "line 2: RUN false ended with exit code 1".to_owned();
        call.starts_with("build farm/").then_some(EngineError::Build { reason })
    });
    let ran = bench.run(vec![with_dockerfile(&bench, "aa")]).await;
    let Outcome::DockerfileFailed { dockerfile, reason } = ran.outcome() else { panic!("{:?}", ran.outcome()) };
    assert_eq!(
        (dockerfile.as_str(), reason.as_str()),
        ("packaging/Dockerfile", "line 2: RUN false ended with exit code 1")
    );
    assert_eq!(bench.calls("build farm/"), 1, "it is not tried again");
    assert_eq!(ran.reports[0].tail.as_ref().unwrap().lines, ["built Dockerfile"], "what it printed last");
    assert!(
        ran.log().contains("Fail-Stage: prepare\nReason: packaging/Dockerfile: line 2: RUN false"),
        "{}",
        ran.log()
    );
}

#[tokio::test]
async fn a_base_of_a_dockerfile_that_cannot_be_had_is_told_as_such() {
    for (reason, attempts) in [("manifest unknown", 1), ("dial tcp: lookup example.org: no such host", 3)] {
        let bench = Bench::fast();
        bench.engine.fail(move |call| {
            let (reference, reason) = ("example.org/base:1".to_owned(), reason.to_owned());
            call.starts_with("build farm/").then_some(EngineError::Pull { reference, reason })
        });
        let ran = bench.run(vec![with_dockerfile(&bench, "aa")]).await;
        let Outcome::Infrastructure { reason: told } = ran.outcome() else { panic!("{:?}", ran.outcome()) };
        assert!(told.contains("image example.org/base:1 cannot be had") && told.contains(reason), "{told}");
        assert_eq!(bench.calls("build farm/"), attempts);
    }
}

#[tokio::test]
async fn a_dockerfile_that_changed_since_the_plan_makes_no_image() {
    let bench = Bench::new();
    let job = with_dockerfile(&bench, "aa");
    std::fs::write(job.recipe.root.join("packaging/Dockerfile"), "FROM other\n").unwrap();
    let ran = bench.run(vec![job]).await;
    let Outcome::Infrastructure { reason } = ran.outcome() else { panic!("{:?}", ran.outcome()) };
    assert!(reason.contains("the build context changed while it was read"), "{reason}");
    assert!(bench.engine.images(&format!("{}=environment", labels::KIND)).await.unwrap().is_empty());
}
