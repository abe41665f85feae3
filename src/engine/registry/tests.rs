use std::io::Write;

use docker_credential::DockerCredential;
use futures_util::{StreamExt, TryStreamExt};
use tokio_util::sync::CancellationToken;

use super::testing::{Content, Published, Reply, Request, Server};
use super::{Compression, Remote, digest_of, failure, resolve_with};
use crate::engine::EngineError;
use crate::fetch;
use crate::types::Arch;

const LAYER: &[u8] = b"the bytes of a layer, of which nobody here knows how to unpack them";

type Credentials = Result<Option<DockerCredential>, String>;

fn password(password: &str) -> Credentials {
    Ok(Some(DockerCredential::UsernamePassword("me".to_owned(), password.to_owned())))
}

async fn ask(reference: &str, arch: Arch, credentials: Credentials) -> Result<Remote, EngineError> {
    resolve_with(reference, arch, credentials, &CancellationToken::new()).await
}

/// `a/b:1`, for amd64.
fn one_image() -> Content {
    let mut content = Content::default();
    let image = content.image("a/b", "amd64", LAYER);
    content.tag("a/b", "1", &image);
    content
}

/// A server for `a/b:1` whose blobs are what `blob` makes of them; the configuration is as it should be.
fn serves_blob(blob: impl Fn(&Request, Vec<u8>) -> Reply + Send + Sync + 'static) -> Server {
    let content = one_image();
    let layer = format!("/v2/a/b/blobs/{}", digest_of(LAYER));
    Server::start(move |request| match request.path() == layer {
        true => blob(request, LAYER.to_vec()),
        false => content.reply(request),
    })
}

async fn pull(server: &Server, credentials: Credentials) -> Result<Vec<u8>, String> {
    let remote = ask(&server.reference("a/b:1"), Arch::Amd64, credentials).await.map_err(|error| error.to_string())?;
    let stream = remote.blob(&remote.layers[0]).await.map_err(|error| error.to_string())?;
    let chunks: Vec<_> = stream.try_collect().await.map_err(|error| error.to_string())?;
    Ok(chunks.concat())
}

fn reason(result: Result<Remote, EngineError>) -> String {
    match result {
        Err(EngineError::Pull { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_index_leads_to_the_image_for_the_architecture() {
    let mut content = Content::default();
    let [amd64, arm64] = ["amd64", "arm64"].map(|arch| content.image("a/b", arch, arch.as_bytes()));
    let index = content.index("a/b", &[("amd64", &amd64), ("arm64", &arm64)]);
    content.tag("a/b", "1", &index);
    let server = Server::start(move |request| content.reply(request));
    let by_digest = server.reference(&format!("a/b@{}", index.digest));
    for reference in [server.reference("a/b:1"), by_digest] {
        let remote = ask(&reference, Arch::Arm64, Ok(None)).await.unwrap();
        assert_eq!((&remote.reference, &remote.name), (&reference, &server.reference("a/b")));
        assert_eq!((&remote.digest, &remote.manifest), (&index.digest, &arm64.manifest));
        let layer = &remote.layers[0];
        assert_eq!((layer.digest.as_str(), layer.size), (digest_of(b"arm64").as_str(), 5));
        assert_eq!((layer.diff_id.as_str(), layer.compression), (digest_of(b"tar").as_str(), Compression::Gzip));
        let config: serde_json::Value = serde_json::from_slice(&remote.config).unwrap();
        assert_eq!(config["architecture"], "arm64");
        let chunks: Vec<_> = remote.blob(layer).await.unwrap().try_collect().await.unwrap();
        assert_eq!(chunks.concat(), b"arm64");
    }
    let error = reason(ask(&server.reference("a/b:1"), Arch::S390x, Ok(None)).await);
    assert!(error.contains("for s390x; it has linux/amd64, linux/arm64"), "{error}");
    let alone = server.reference(&format!("a/b@{}", amd64.digest));
    let error = reason(ask(&alone, Arch::S390x, Ok(None)).await);
    assert!(error.contains("for linux/amd64, not for s390x"), "{error}");
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let server = Server::start(|request| one_image().reply(request));
    let error = ask(&server.reference("a/b:2"), Arch::Amd64, Ok(None)).await.unwrap_err();
    let EngineError::Pull { reference, reason } = &error else { panic!("{error}") };
    assert_eq!(reference, &server.reference("a/b:2"));
    assert!(reason.starts_with("not found: ") && reason.contains("manifest unknown"), "{reason}");
}

#[tokio::test]
async fn basic_authentication_uses_the_password_when_asked() {
    let content = one_image();
    let server = Server::start(move |request| match request.authorization() {
        // me:pass
        Some("Basic bWU6cGFzcw==") => content.reply(request),
        _ => Reply::new(401, r#"{"errors":[{"code":"UNAUTHORIZED","message":"who are you?"}]}"#)
            .with("WWW-Authenticate", "Basic realm=\"x\""),
    });
    assert_eq!(pull(&server, password("pass")).await.unwrap(), LAYER);
    let refused = server.seen().iter().filter(|request| request.authorization().is_none()).count();
    assert_eq!((refused, server.seen().len()), (1, 4), "asked once");
    let error = pull(&server, password("wrong")).await.unwrap_err();
    assert!(error.contains("authorization failed") && error.contains("account of the Docker"), "{error}");
    let error = pull(&server, Ok(None)).await.unwrap_err();
    assert!(error.contains("who are you?") && error.contains(&format!("docker login {}", server.address)), "{error}");
    let error = pull(&server, Err("credentials for x: no helper".to_owned())).await.unwrap_err();
    assert!(error.contains("authorization failed") && error.ends_with("; credentials for x: no helper"), "{error}");
    assert!(!error.contains("pass"));
}

/// A registry with its token server, which gives the token `t<n>` for the `n`th time. The registry takes the newest.
fn with_tokens(accepts: fn(&Request) -> bool) -> Server {
    let content = one_image();
    let given = std::sync::Mutex::new(0);
    let layer = format!("/v2/a/b/blobs/{}", digest_of(LAYER));
    Server::start(move |request| {
        let mut given = given.lock().unwrap();
        if request.path().starts_with("/token") {
            if !accepts(request) {
                return Reply::new(401, r#"{"details":"incorrect username or password"}"#);
            }
            *given += 1;
            let name = if request.line.starts_with("POST") { "access_token" } else { "token" };
            return Reply::new(200, format!(r#"{{"{name}":"t{given}","expires_in":300}}"#));
        }
        // The first token is too old by the time that the layer is asked for.
        let least = if request.path() == layer { 2 } else { 1 };
        match request.authorization() {
            Some(shown) if *given >= least && shown == format!("Bearer t{given}") => content.reply(request),
            _ => {
                let realm = format!("http://{}/token?x=1", request.host());
                let challenge = format!(r#"Bearer realm="{realm}",service="test",scope="repository:a/b:pull""#);
                Reply::new(401, "").with("WWW-Authenticate", challenge)
            }
        }
    })
}

fn token_requests(server: &Server) -> Vec<Request> {
    server.seen().into_iter().filter(|request| request.path().starts_with("/token")).collect()
}

#[tokio::test]
async fn a_token_is_fetched_and_fetched_again_when_it_is_too_old() {
    let anonymous = with_tokens(|request| request.authorization().is_none());
    assert_eq!(pull(&anonymous, Ok(None)).await.unwrap(), LAYER);
    let asked: Vec<String> = token_requests(&anonymous).into_iter().map(|request| request.line).collect();
    let line = "GET /token?x=1&service=test&scope=repository%3Aa%2Fb%3Apull HTTP/1.1";
    assert_eq!(asked, [line, line]);

    let named = with_tokens(|request| request.authorization() == Some("Basic bWU6cGFzcw=="));
    assert_eq!(pull(&named, password("pass")).await.unwrap(), LAYER);
    let error = pull(&named, password("wrong")).await.unwrap_err();
    assert!(error.contains("authorization failed") && error.contains("incorrect username or password"), "{error}");
}

#[tokio::test]
async fn an_identity_token_is_changed_for_an_access_token() {
    let server = with_tokens(|request| request.line.starts_with("POST"));
    let identity = DockerCredential::IdentityToken("a+b".to_owned());
    assert_eq!(pull(&server, Ok(Some(identity))).await.unwrap(), LAYER);
    let asked = &token_requests(&server)[0];
    assert_eq!(asked.authorization(), None);
    let form =
        "grant_type=refresh_token&refresh_token=a%2Bb&scope=repository%3Aa%2Fb%3Apull&client_id=farm&service=test";
    assert_eq!(asked.body, form);
}

#[tokio::test]
async fn another_host_never_sees_the_credentials() {
    let elsewhere = Server::start(|request| match request.path() {
        "/good" => Reply::new(200, LAYER),
        // It would like to have them.
        _ => Reply::new(401, "").with("WWW-Authenticate", format!("Bearer realm=\"http://{}/token\"", request.host())),
    });
    for (path, good) in [("good", true), ("bad", false)] {
        let to = format!("http://{}/{path}", elsewhere.address);
        let content = one_image();
        let layer = format!("/v2/a/b/blobs/{}", digest_of(LAYER));
        let server = Server::start(move |request| match request.authorization() {
            None => Reply::new(401, "").with("WWW-Authenticate", "Basic realm=\"x\""),
            Some(_) if request.path() == layer => Reply::new(307, "").with("Location", to.as_str()),
            Some(_) => content.reply(request),
        });
        let pulled = pull(&server, password("pass")).await;
        assert_eq!(pulled.is_ok(), good, "{pulled:?}");
    }
    let paths: Vec<String> = elsewhere.seen().iter().map(|request| request.path().to_owned()).collect();
    assert_eq!(paths, ["/good", "/bad"], "nobody asked for a token");
    assert!(elsewhere.seen().iter().all(|request| request.authorization().is_none()));
}

#[tokio::test]
async fn documents_are_what_their_digests_say() {
    let wrong = |change: fn(&mut Content, &Published)| {
        let mut content = Content::default();
        let image = content.image("a/b", "amd64", LAYER);
        let index = content.index("a/b", &[("amd64", &image)]);
        content.tag("a/b", "1", &index);
        change(&mut content, &image);
        Server::start(move |request| content.reply(request))
    };
    let spoil = |content: &mut Content, part: &str| {
        for (_, body) in content.0.iter_mut().filter(|(path, _)| path.contains(part)) {
            body[0] ^= 1;
        }
    };
    let manifest =
        wrong(|content, image| content.0.get_mut(&format!("a/b/manifests/{}", image.digest)).unwrap()[0] = b' ');
    let error = reason(ask(&manifest.reference("a/b:1"), Arch::Amd64, Ok(None)).await);
    assert!(error.contains("the manifest is not the one") && error.contains("digest"), "{error}");

    let mut content = one_image();
    let good = content.0["a/b/manifests/1"].clone();
    spoil(&mut content, "/blobs/");
    let config = Server::start(move |request| content.reply(request));
    let error = reason(ask(&config.reference("a/b:1"), Arch::Amd64, Ok(None)).await);
    assert!(error.contains("the configuration is not the one"), "{error}");

    // Whether the user or the registry says it.
    let digest = digest_of(&good);
    let mut content = one_image();
    content.0.insert(format!("a/b/manifests/{digest}"), b"{}".to_vec());
    let told = format!("sha256:{:064}", 0);
    let server = Server::start(move |request| content.reply(request).with("Docker-Content-Digest", told.as_str()));
    for reference in [format!("a/b@{digest}"), "a/b:1".to_owned()] {
        let error = reason(ask(&server.reference(&reference), Arch::Amd64, Ok(None)).await);
        assert!(error.contains("the manifest is not the one"), "{error}");
    }

    let huge = Server::start(|_| Reply::new(200, vec![b' '; (4 << 20) + 1]));
    let error = reason(ask(&huge.reference("a/b:1"), Arch::Amd64, Ok(None)).await);
    assert!(error.contains("more than the 4194304 bytes"), "{error}");
}

#[tokio::test]
async fn blobs_are_what_the_manifest_says() {
    let wrong = serves_blob(|_, mut layer| {
        layer[5] ^= 1;
        Reply::new(200, layer)
    });
    let error = pull(&wrong, Ok(None)).await.unwrap_err();
    assert!(error.contains("the layer is not the one") && error.contains("digest"), "{error}");
    let short = serves_blob(|_, layer| Reply::new(200, &layer[..5]));
    let error = pull(&short, Ok(None)).await.unwrap_err();
    assert!(error.contains(&format!("ends after 5 of the {} bytes", LAYER.len())), "{error}");
    let cut = serves_blob(|_, layer| Reply::new(200, &layer[..5]).says_length(layer.len()));
    let error = pull(&cut, Ok(None)).await.unwrap_err();
    assert!(error.contains("did not come whole: the connection to 127.0.0.1:"), "{error}");

    let long = serves_blob(|_, layer| Reply::new(200, layer.repeat(100_000)));
    let remote = ask(&long.reference("a/b:1"), Arch::Amd64, Ok(None)).await.unwrap();
    let mut stream = remote.blob(&remote.layers[0]).await.unwrap();
    let mut got = 0;
    let error = loop {
        match stream.next().await.expect("an error before the end") {
            Ok(chunk) => got += chunk.len(),
            Err(error) => break error.to_string(),
        }
    };
    assert!(error.contains("is longer than"), "{error}");
    assert!(got <= LAYER.len(), "{got} bytes were handed on");
    assert!(stream.next().await.is_none(), "nothing comes after an error");
}

#[tokio::test]
async fn cancelling_stops_at_once() {
    let cancel = CancellationToken::new();
    let endless = serves_blob(|_, layer| Reply::new(200, &layer[..5]).says_length(layer.len()).hangs());
    let remote = resolve_with(&endless.reference("a/b:1"), Arch::Amd64, Ok(None), &cancel).await.unwrap();
    let mut stream = remote.blob(&remote.layers[0]).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), &LAYER[..5]);
    let (next, ()) = tokio::join!(stream.next(), async { cancel.cancel() });
    assert_eq!(next.unwrap().unwrap_err().to_string(), "cancelled");
    let again = remote.blob(&remote.layers[0]).await;
    assert!(matches!(again, Err(EngineError::Cancelled)), "{:?}", again.err());

    let silent = Server::start(|_| Reply::new(200, "").says_length(5).hangs());
    let cancel = CancellationToken::new();
    let reference = silent.reference("a/b:1");
    let resolving = resolve_with(&reference, Arch::Amd64, Ok(None), &cancel);
    let (result, ()) = tokio::join!(resolving, async { cancel.cancel() });
    assert!(matches!(result, Err(EngineError::Cancelled)), "{result:?}");
    let result = resolve_with("127.0.0.1:1/a/b:1", Arch::Amd64, Ok(None), &cancel).await;
    assert!(matches!(result, Err(EngineError::Cancelled)), "{result:?}");
}

struct NoNames;

impl reqwest::dns::Resolve for NoNames {
    fn resolve(&self, _: reqwest::dns::Name) -> reqwest::dns::Resolving {
        Box::pin(async { Err("no names here".into()) })
    }
}

#[tokio::test]
async fn a_registry_that_cannot_be_reached_is_told_in_the_usual_words() {
    // Nothing listens on port 1.
    let error = reason(ask("127.0.0.1:1/a/b:1", Arch::Amd64, Ok(None)).await);
    assert_eq!(error, "no connection to 127.0.0.1:1: connection refused");
    let error = reason(ask("127.0.0.1:1/A/b:1", Arch::Amd64, Ok(None)).await);
    assert!(error.contains("lower-case"), "{error}");
    let plain = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", plain.local_addr().unwrap());
    let answering = std::thread::spawn(move || -> std::io::Result<u64> {
        let mut connection = plain.accept()?.0;
        connection.write_all(b"HTTP/1.1 400 Client sent something else\r\n\r\n")?;
        std::io::copy(&mut connection, &mut std::io::sink())
    });
    let client = fetch::client(|builder| builder.no_proxy()).unwrap();
    let error = client.get(url).send().await.unwrap_err();
    let _ = answering.join().unwrap();
    let error = failure::of_transport(&error);
    assert!(error.starts_with("no TLS connection to 127.0.0.1:"), "{error}");
    let client = fetch::client(|builder| builder.no_proxy().dns_resolver(NoNames)).unwrap();
    let error = client.get("http://quay.example/").send().await.unwrap_err();
    assert_eq!(failure::of_transport(&error), "no such host quay.example: no names here");
}
