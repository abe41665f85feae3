//! A registry for tests: an HTTP server in threads of this process, and images to put on it.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::digest::digest_of;

#[derive(Debug, Clone)]
pub(super) struct Request {
    /// `GET /v2/`
    pub(super) line: String,
    /// By lower-case name.
    pub(super) headers: HashMap<String, String>,
    pub(super) body: String,
}

impl Request {
    pub(super) fn path(&self) -> &str {
        self.line.split(' ').nth(1).unwrap()
    }

    pub(super) fn authorization(&self) -> Option<&str> {
        self.headers.get("authorization").map(String::as_str)
    }

    /// The server that it was sent to.
    pub(super) fn host(&self) -> &str {
        &self.headers["host"]
    }
}

#[derive(Debug, Clone)]
pub(super) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// Instead of the body's own.
    length: Option<usize>,
    hang: bool,
}

impl Reply {
    pub(super) fn new(status: u16, body: impl Into<Vec<u8>>) -> Reply {
        Reply { status, headers: Vec::new(), body: body.into(), length: None, hang: false }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Reply {
        self.headers.push((name, value.into()));
        self
    }

    /// Says that it is as long as this, and ends where it ends.
    pub(super) fn says_length(mut self, length: usize) -> Reply {
        self.length = Some(length);
        self
    }

    /// Does not end until the client goes away.
    pub(super) fn hangs(mut self) -> Reply {
        self.hang = true;
        self
    }
}

/// Serves until the process ends.
pub(super) struct Server {
    pub(super) address: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub(super) fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (seen.clone(), Arc::new(answer));
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (log, answer) = (log.clone(), answer.clone());
                // Clients hang up when they have what they want.
                std::thread::spawn(move || serve(connection, &log, &*answer));
            }
        });
        Server { address, seen }
    }

    pub(super) fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    pub(super) fn reference(&self, rest: &str) -> String {
        format!("{}/{rest}", self.address)
    }
}

fn serve(mut connection: TcpStream, log: &Mutex<Vec<Request>>, answer: &dyn Fn(&Request) -> Reply) -> io::Result<()> {
    let mut reader = BufReader::new(connection.try_clone()?);
    let mut line = || -> io::Result<String> {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    };
    let mut request = Request { line: line()?, headers: HashMap::new(), body: String::new() };
    while let Some((name, value)) = line()?.split_once(':') {
        request.headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = request.headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    reader.take(length).read_to_string(&mut request.body)?;
    log.lock().unwrap().push(request.clone());
    let reply = answer(&request);
    let length = reply.length.unwrap_or(reply.body.len());
    write!(connection, "HTTP/1.1 {} Any\r\nContent-Length: {length}\r\nConnection: close\r\n", reply.status)?;
    for (name, value) in &reply.headers {
        write!(connection, "{name}: {value}\r\n")?;
    }
    connection.write_all(b"\r\n")?;
    connection.write_all(&reply.body)?;
    if reply.hang {
        // Gives 0 bytes or an error when the client is gone.
        while connection.read(&mut [0])? > 0 {}
    }
    Ok(())
}

/// What a registry has: path below `/v2/` -> body.
#[derive(Debug, Clone, Default)]
pub(super) struct Content(pub(super) BTreeMap<String, Vec<u8>>);

/// A manifest that was published, as an index refers to it.
#[derive(Debug, Clone)]
pub(super) struct Published {
    pub(super) digest: String,
    pub(super) manifest: Vec<u8>,
}

impl Content {
    /// An image of one layer, whose bytes are `layer`, as a manifest under its digest.
    pub(super) fn image(&mut self, name: &str, architecture: &str, layer: &[u8]) -> Published {
        let config = json!({
            "os": "linux", "architecture": architecture, "rootfs": { "type": "layers", "diff_ids": [digest_of(b"tar")] },
        });
        let config = config.to_string().into_bytes();
        let blob = |media_type: &str, bytes: &[u8]| json!({ "mediaType": media_type, "size": bytes.len(), "digest": digest_of(bytes) });
        let manifest = json!({
            "schemaVersion": 2,
            "config": blob("application/vnd.oci.image.config.v1+json", &config),
            "layers": [blob("application/vnd.oci.image.layer.v1.tar+gzip", layer)],
        });
        for bytes in [&config, layer] {
            self.0.insert(format!("{name}/blobs/{}", digest_of(bytes)), bytes.to_vec());
        }
        self.manifest(name, &manifest)
    }

    pub(super) fn manifest(&mut self, name: &str, manifest: &Value) -> Published {
        let manifest = manifest.to_string().into_bytes();
        let digest = digest_of(&manifest);
        self.0.insert(format!("{name}/manifests/{digest}"), manifest.clone());
        Published { digest, manifest }
    }

    pub(super) fn index(&mut self, name: &str, entries: &[(&str, &Published)]) -> Published {
        let entry = |(architecture, published): &(&str, &Published)| {
            json!({
                "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": published.digest,
                "size": published.manifest.len(), "platform": { "os": "linux", "architecture": architecture },
            })
        };
        let manifests: Vec<Value> = entries.iter().map(entry).collect();
        self.manifest(name, &json!({ "schemaVersion": 2, "manifests": manifests }))
    }

    pub(super) fn tag(&mut self, name: &str, tag: &str, published: &Published) {
        self.0.insert(format!("{name}/manifests/{tag}"), published.manifest.clone());
    }

    pub(super) fn reply(&self, request: &Request) -> Reply {
        match request.path().strip_prefix("/v2/").and_then(|path| self.0.get(path)) {
            Some(body) => Reply::new(200, body.clone()),
            None => {
                Reply::new(404, r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{}}]}"#)
            }
        }
    }
}
