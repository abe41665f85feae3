//! Images from Dockerfiles, by the engine's own classic builder. What it makes of a Dockerfile is the engine's matter: this
//! hands over the context, hands on what is printed, and tells apart whose fault a failure is.

use std::collections::HashMap;

use bollard::BollardRequest;
use bollard::errors::Error;
use bollard::models::BuildInfo;
use bollard::query_parameters::{BuildImageOptions, BuildImageOptionsBuilder, BuilderVersion};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio_util::sync::CancellationToken;

use super::connection::Docker;
use super::labels::{OURS, encoded};
use super::probe::Quirks;
use super::{client, container, credentials, errors, image};
use crate::engine::{BuildSpec, EngineError, ImageInfo, Network, OutputSink, OutputStream, common, labels};
use crate::stream::ByteStream;
use crate::types::Arch;

const ACTION: &str = "build an image";

pub(super) async fn build(
    engine: &Docker,
    spec: &BuildSpec,
    context: ByteStream,
    sink: &mut dyn OutputSink,
    cancel: &CancellationToken,
) -> Result<ImageInfo, EngineError> {
    // Which registries the Dockerfile goes to is not known before it is built: the engine gets what `docker build` sends.
    let (credentials, credential_problems) = credentials::all().await;
    let source = errors::SourceError::default();
    let body = bollard::body_try_stream(source.watch(context));
    let (version, additions) = (engine.client.client_version(), additions(engine.quirks, spec));
    let client = engine
        .client
        .clone()
        .with_request_modifier(move |request| with_query(client::adjust(request, &version), &additions));
    let credentials = (!credentials.is_empty()).then_some(credentials);
    let mut building =
        Box::pin(client.build_image(options(engine.info.arch, engine.quirks, spec), credentials, Some(body)));
    let mut step = Step::default();
    let mut id = None;
    loop {
        let next = tokio::select! {
            biased;
            // Dropping the request ends the build in the engine, with its container; in Podman after the step that is
            // under way, which nothing in its API can end.
            () = cancel.cancelled() => return Err(EngineError::Cancelled),
            next = building.next() => next,
        };
        match next {
            None => break,
            Some(Ok(info)) => {
                id = info.aux.as_ref().and_then(|aux| aux.id.clone()).or(id);
                if let Some(text) = said(info) {
                    step.update(&text);
                    sink.write(OutputStream::Stdout, Bytes::from(text)).await.map_err(EngineError::Sink)?;
                }
            }
            Some(Err(error)) => return Err(source.or(failure(engine, &step, error, &credential_problems))),
        }
    }
    let reference = id.as_deref().unwrap_or(&spec.tag);
    let Some(built) = image::inspect_raw(&engine.client, &engine.endpoint, reference).await? else {
        let message = "it ended the build without an image".to_owned();
        return Err(EngineError::Refused { action: ACTION.to_owned(), message });
    };
    match image::other_arch(&built, spec.arch) {
        Some(got) => Err(EngineError::Build { reason: format!("it makes an image for {got}, not for {}", spec.arch) }),
        None => Ok(image::info(&built)),
    }
}

fn options(native: Arch, quirks: Quirks, spec: &BuildSpec) -> BuildImageOptions {
    // What a parent image is to farm the new one is not: labels can only be added, and those of ours count where they say
    // something.
    let mut all: HashMap<&str, String> = labels::ALL.map(|name| (name, String::new())).into_iter().collect();
    all.extend(spec.labels.iter().map(|(name, value)| {
        let value = if name.starts_with(OURS) { encoded(value) } else { value.clone() };
        (name.as_str(), value)
    }));
    let args: HashMap<&str, &str> = spec.args.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let network = match spec.network {
        Network::None if quirks.build_network_needs_namespace => "NetworkDisabled",
        network => container::network_mode(network),
    };
    let mut options = BuildImageOptionsBuilder::new()
        .dockerfile(&spec.dockerfile)
        .t(&spec.tag)
        .buildargs(&args)
        .labels(&all)
        .networkmode(network)
        .rm(true)
        .forcerm(true)
        .shmsize(i32::try_from(common::SHARED_MEMORY).unwrap_or(i32::MAX))
        .target(spec.target.as_deref().unwrap_or_default())
        // The classic builder, also where another has become the default: it speaks over this one connection.
        .version(BuilderVersion::BuilderV1);
    if let Some(cpus) = &spec.limits.cpuset {
        options = options.cpusetcpus(cpus);
    }
    let platform = image::platform(spec.arch);
    // As for containers: engines compare it with what images say of themselves.
    if spec.arch != native {
        options = options.platform(&platform);
    }
    options.build()
}

/// Parameters that the client library does not have.
fn additions(quirks: Quirks, spec: &BuildSpec) -> Vec<(&'static str, String)> {
    let mut additions = Vec::new();
    if let Some(bytes) = spec.limits.memory_bytes {
        // The library has room for two gigabytes only. Both the same, as for containers: no swap beside it.
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX).to_string();
        additions.extend([("memory", bytes.clone()), ("memswap", bytes)]);
    }
    if quirks.build_network_needs_namespace && spec.network != Network::Host {
        // `[{"Name":"network","Host":false}]`
        additions.push(("nsoptions", "%5B%7B%22Name%22%3A%22network%22%2C%22Host%22%3Afalse%7D%5D".to_owned()));
    }
    additions
}

fn with_query(mut request: BollardRequest, additions: &[(&str, String)]) -> BollardRequest {
    let mut uri = request.uri().to_string();
    for (name, value) in additions {
        uri.push(if uri.contains('?') { '&' } else { '?' });
        uri.push_str(&format!("{name}={value}"));
    }
    if let Ok(uri) = uri.parse() {
        *request.uri_mut() = uri;
    }
    request
}

/// What there is to show of one message; progress bars are left out.
fn said(info: BuildInfo) -> Option<String> {
    if info.stream.is_some() {
        return info.stream.filter(|text| !text.is_empty());
    }
    let status = info.status.filter(|_| info.progress_detail.is_none_or(|detail| detail.total.is_none()))?;
    Some(match info.id {
        Some(id) => format!("{id}: {status}\n"),
        None => format!("{status}\n"),
    })
}

/// The image that a build was last told to begin with, as long as it does nothing else.
#[derive(Debug, Default)]
struct Step {
    from: Option<String>,
}

impl Step {
    /// Engines announce each instruction: `Step 1/3 : FROM debian:12`, in Podman `[2/2] STEP 1/3: FROM debian:12`, with
    /// the stage where there are several.
    fn update(&mut self, text: &str) {
        let Some((step, instruction)) = text.split_once(": ") else { return };
        let mut words = step.split_whitespace().skip_while(|word| word.starts_with('['));
        let announces = words.next().is_some_and(|word| word.eq_ignore_ascii_case("step"))
            && words.next().is_some_and(|count| count.contains('/'));
        if announces {
            let mut words = instruction.split_whitespace();
            let is_from = words.next() == Some("FROM");
            self.from = words.find(|word| !word.starts_with("--")).filter(|_| is_from).map(str::to_owned);
        }
    }
}

fn failure(engine: &Docker, step: &Step, error: Error, credential_problems: &[String]) -> EngineError {
    let reason = match error {
        Error::DockerStreamError { error } => error,
        // Whatever the status: engines give 400, 404 and 500 for what is wrong with a Dockerfile.
        Error::DockerResponseServerError { message, .. } => message,
        other => return engine.error(ACTION, other),
    };
    if errors::is_disk_full(&reason) {
        return EngineError::DiskFull { action: ACTION.to_owned() };
    }
    let reason = reason.trim();
    // A command may have printed an announcement; what failed is in the engine's own words.
    let ran = reason.starts_with("The command '") || reason.contains("at STEP \"RUN");
    match &step.from {
        Some(reference) if !ran => {
            let problems: String = credential_problems.iter().map(|problem| format!("; {problem}")).collect();
            EngineError::Pull { reference: reference.clone(), reason: format!("{reason}{problems}") }
        }
        _ => EngineError::Build { reason: reason.to_owned() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Limits;

    #[test]
    fn an_announced_image_is_what_a_build_waits_for() {
        let mut step = Step::default();
        for (text, from) in [
            ("Step 1/3 : FROM --platform=linux/amd64 debian:12 AS a", Some("debian:12")),
            ("latest: Pulling from library/debian\n", Some("debian:12")),
            ("Step 2/3 : COPY a: b", None),
            ("[2/2] STEP 1/2: FROM quay.io/y AS z\n", Some("quay.io/y")),
            ("STEP 3/3: FROM quay.io/x\n", Some("quay.io/x")),
            ("note: FROM here\n", Some("quay.io/x")),
        ] {
            step.update(text);
            assert_eq!(step.from.as_deref(), from, "{text}");
        }
    }

    fn spec() -> BuildSpec {
        BuildSpec {
            dockerfile: "Dockerfile".to_owned(),
            target: None,
            args: [("A".to_owned(), "b".to_owned())].into(),
            arch: Arch::Arm64,
            network: Network::None,
            limits: Limits { memory_bytes: Some(8 << 30), pids: None, cpuset: Some("0-1".to_owned()) },
            tag: "farm/environment:1".to_owned(),
            labels: [(labels::KEY.to_owned(), "a$b".to_owned()), ("other".to_owned(), "a$b".to_owned())].into(),
        }
    }

    #[test]
    fn a_parents_labels_of_ours_are_taken_away_and_values_survive() {
        let options = options(Arch::Amd64, Quirks::default(), &spec());
        let all = options.labels.unwrap();
        assert_eq!(all.len(), labels::ALL.len() + 1);
        let values = [labels::DIGEST, labels::KEY, "other"].map(|name| all[name].as_str());
        assert_eq!(values, ["", "a%24b", "a$b"]);
        assert_eq!((options.platform.as_str(), options.networkmode.as_deref()), ("linux/arm64", Some("none")));
    }

    #[test]
    fn what_the_client_library_lacks_is_added_to_the_request() {
        let podman = Quirks { build_network_needs_namespace: true, ..Quirks::default() };
        let request =
            |uri: &str, quirks| with_query(bollard_request(uri), &additions(quirks, &spec())).uri().to_string();
        let docker = request("http://x/build?q=1", Quirks::default());
        assert_eq!(docker, "http://x/build?q=1&memory=8589934592&memswap=8589934592");
        assert!(
            request("http://x/build", podman)
                .starts_with("http://x/build?memory=8589934592&memswap=8589934592&nsoptions=")
        );
        assert_eq!(options(Arch::Amd64, podman, &spec()).networkmode.as_deref(), Some("NetworkDisabled"));
    }

    fn bollard_request(uri: &str) -> BollardRequest {
        let mut request = BollardRequest::new(bollard::body_full(Bytes::new()));
        *request.uri_mut() = uri.parse().unwrap();
        request
    }

    #[test]
    fn progress_bars_are_left_out() {
        let info = |value: serde_json::Value| said(serde_json::from_value(value).unwrap());
        assert_eq!(info(serde_json::json!({ "stream": "Step 1/1 : FROM x" })).unwrap(), "Step 1/1 : FROM x");
        assert_eq!(
            info(serde_json::json!({ "id": "12", "status": "Pull complete", "progressDetail": {} })).unwrap(),
            "12: Pull complete\n"
        );
        assert_eq!(
            info(serde_json::json!({ "status": "Downloading", "progressDetail": { "current": 1, "total": 2 } })),
            None
        );
    }
}
