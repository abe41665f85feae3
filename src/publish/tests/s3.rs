//! An S3-compatible server in this process.

use std::path::{Path, PathBuf};

use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;

use super::*;

/// Stops with the runtime that it runs on.
pub(super) struct Server {
    temp: tempfile::TempDir,
    pub(super) endpoint: String,
    _runtime: tokio::runtime::Runtime,
}

impl Server {
    pub(super) fn start() -> Server {
        let temp = tempfile::tempdir().unwrap();
        std::fs::create_dir(temp.path().join("bucket")).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let service = {
            let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(temp.path()).unwrap());
            builder.set_auth(SimpleAuth::from_single(KEY, SECRET));
            builder.build()
        };
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let http = hyper_util::server::conn::auto::Builder::new(hyper_util::rt::TokioExecutor::new());
                let service = service.clone();
                tokio::spawn(async move {
                    let _ = http.serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
        Server { temp, endpoint, _runtime: runtime }
    }

    /// What is stored, as files.
    pub(super) fn stored(&self) -> PathBuf {
        self.temp.path().join("bucket/repo")
    }

    pub(super) fn request(&self, root: &Path) -> Request {
        Request {
            s3: S3Settings { endpoint: Some(self.endpoint.clone()), ..S3Settings::default() },
            environment: keys(SECRET),
            ..request(root, "s3://bucket/repo")
        }
    }
}

pub(super) fn keys(secret: &str) -> Environment {
    let variables = [("AWS_ACCESS_KEY_ID", KEY), ("AWS_SECRET_ACCESS_KEY", secret)];
    Environment::new(variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
}

#[test]
fn a_store_gets_what_it_lacks_with_headers() {
    let (world, server) = (World::new(), Server::start());
    let request = server.request(&world.root());
    let sent = run(request.clone()).unwrap();
    assert!(sent.notes.is_empty(), "it compares: {:?}", sent.notes);
    assert_eq!(sent.sent.len(), count_files(&world.root()));
    let entry = sent.sent.iter().position(|(path, _)| Class::of(path) == Class::Entry).unwrap();
    assert!(sent.sent[entry..].iter().all(|(path, _)| Class::of(path) == Class::Entry), "{:?}", sent.sent);
    let keys = world.signer.certificate().as_bytes();
    assert_eq!(check(&server.stored(), keys), []);
    assert_eq!(run(request.clone()).unwrap().sent, []);

    let target = open(&request).unwrap();
    let store = crate::publish::s3::S3::open("bucket/repo", &request.s3, &request.environment).unwrap();
    for (path, cache) in [
        ("dists/bookworm/InRelease", "no-cache"),
        ("pool/bookworm/main/h/hello/hello_1.0_all.deb", "public, max-age=31536000, immutable"),
    ] {
        let headers = block_on(store.stored_headers(path));
        assert_eq!(headers, (Headers::of(path).content_type.to_owned(), cache.to_owned()));
        assert!(block_on(target.read(path)).unwrap().is_some());
    }

    // What somebody took away, or cut, is sent again.
    std::fs::remove_file(server.stored().join("dists/bookworm/InRelease")).unwrap();
    assert_eq!(run(request.clone()).unwrap().sent.len(), 1);
    // A name with characters that have to be encoded, and a file in parts.
    let large = vec![7; 20 << 20];
    let path = "pool/bookworm/main/l/large/large_1.0~rc1+b1_all.deb";
    std::fs::create_dir_all(world.at(path).parent().unwrap()).unwrap();
    std::fs::write(world.at(path), &large).unwrap();
    assert_eq!(run(request.clone()).unwrap().sent, [(path.to_owned(), large.len() as u64)]);
    assert!(std::fs::read(server.stored().join(path)).unwrap() == large);
    assert_eq!(run(request.clone()).unwrap().sent, []);

    let wrong = Request { environment: super::s3::keys("another-secret"), ..request };
    let refused = run(wrong).unwrap_err().to_string();
    assert!(!refused.contains("secret") && !refused.contains(SECRET), "{refused}");
    assert!(refused.contains("s3://bucket/repo"), "{refused}");
}

#[test]
fn a_second_publisher_to_a_store_is_told() {
    let server = Server::start();
    let world = World::new();
    let request = server.request(&world.root());
    a_second_publisher_is_told(&world, &request);
}
