//! A host that reaches others only through a proxy, and trusts them by a certificate authority of its company: farm in a
//! network namespace with one neighbour, which is the proxy. Behind that, one server has the sources and the archives.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::SystemTime;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};

use crate::support::{Ran, Test, have, is_root, native_engine};

const PASSWORD: &str = "open-sesame-4711";
/// A name that nobody but the proxy resolves.
const HOST: &str = "archive.farm-test.example";
const GREETING: &str = "hello through the proxy\n";

/// A namespace with a pair of devices: farm is at the one end, the proxy listens at the other.
struct Namespace {
    name: String,
    device: String,
    /// Of the proxy's end.
    address: String,
}

impl Namespace {
    fn new() -> Namespace {
        let number = std::process::id();
        let (name, device) = (format!("farm-test-{number}"), format!("fp{number}"));
        let network = format!("10.213.{}", number % 250);
        let namespace = Namespace { name, device, address: format!("{network}.1") };
        let Namespace { name, device, address } = &namespace;
        for line in [
            format!("netns add {name}"),
            format!("link add {device} type veth peer name inside netns {name}"),
            format!("addr add {address}/30 dev {device}"),
            format!("link set {device} up"),
            format!("-n {name} addr add {network}.2/30 dev inside"),
            format!("-n {name} link set inside up"),
        ] {
            Ran::of(Command::new("ip").args(line.split(' '))).exits(0);
        }
        namespace
    }

    /// farm, with no way out but the proxy.
    fn run(&self, test: &Test, arguments: &[&str]) -> Ran {
        let farm = test.command(arguments);
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.name)).arg(farm.get_program()).args(farm.get_args());
        command.env_clear().current_dir(farm.get_current_dir().unwrap());
        for (name, value) in farm.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        Ran::of(&mut command)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["link", "del", &self.device]).output();
        let _ = Command::new("ip").args(["netns", "del", &self.name]).output();
    }
}

/// The head of a request, up to its empty line; none at the end.
fn head(stream: &mut impl Read) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 || head.len() > 64 << 10 {
            return None;
        }
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}

fn answer(stream: &mut impl Write, status: &str, body: &[u8]) -> io::Result<()> {
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len())?;
    stream.write_all(body)?;
    stream.flush()
}

/// What lies behind the proxy: a few files, and Debian's archives, which are fetched as this machine fetches them.
struct Site {
    source: Vec<u8>,
    runtime: tokio::runtime::Runtime,
    client: reqwest::Client,
    archive: String,
}

impl Site {
    fn get(&self, path: &str) -> (&'static str, Vec<u8>) {
        match path {
            "/pond.tar.gz" => return ("200 OK", self.source.clone()),
            "/greeting" => return ("200 OK", GREETING.into()),
            _ => {}
        }
        let (archive, path) = match (path.strip_prefix("/debian/"), path.strip_prefix("/debian-security/")) {
            (Some(path), _) => (self.archive.clone(), path),
            (_, Some(path)) => (format!("{}-security", self.archive), path),
            _ => return ("404 Not Found", Vec::new()),
        };
        let fetched = self.runtime.block_on(async {
            let response = self.client.get(format!("{archive}/{path}")).send().await?.error_for_status()?;
            response.bytes().await
        });
        match fetched {
            Ok(bytes) => ("200 OK", bytes.to_vec()),
            Err(error) if error.status().is_some() => ("404 Not Found", Vec::new()),
            Err(error) => panic!("{archive}/{path}: {error:?}"),
        }
    }
}

/// A proxy that wants a password, and knows one host. Returns its port; what it was asked for goes to `asked`.
fn serve(address: &str, site: Arc<Site>, tls: Arc<rustls::ServerConfig>, asked: Arc<Mutex<Vec<String>>>) -> u16 {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let secret = format!("Basic {}", BASE64_STANDARD.encode(format!("ada:{PASSWORD}")));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (site, tls, asked, secret) = (site.clone(), tls.clone(), asked.clone(), secret.clone());
            thread::spawn(move || one_client(stream.unwrap(), &site, &tls, &asked, &secret));
        }
    });
    port
}

fn one_client(
    mut stream: TcpStream,
    site: &Site,
    tls: &Arc<rustls::ServerConfig>,
    asked: &Mutex<Vec<String>>,
    secret: &str,
) -> Option<()> {
    while let Some(head) = head(&mut stream) {
        let line = head.lines().next()?.to_owned();
        let is_known = head.lines().any(|line| {
            let field = line.split_once(':');
            field
                .is_some_and(|(name, value)| name.eq_ignore_ascii_case("proxy-authorization") && value.trim() == secret)
        });
        let (method, target) = line.split_once(' ')?;
        let target = target.split(' ').next()?;
        if !is_known {
            answer(&mut stream, "407 Proxy Authentication Required\r\nProxy-Authenticate: Basic", b"").ok()?;
            continue;
        }
        asked.lock().unwrap().push(format!("{method} {target}"));
        if method == "CONNECT" && target == format!("{HOST}:443") {
            write!(stream, "HTTP/1.1 200 OK\r\n\r\n").ok()?;
            let connection = rustls::ServerConnection::new(tls.clone()).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream);
            while let Some(head) = self::head(&mut stream) {
                let path = head.split(' ').nth(1)?.to_owned();
                asked.lock().unwrap().push(path.clone());
                let (status, body) = site.get(&path);
                answer(&mut stream, status, &body).ok()?;
            }
            let _ = stream.sock.shutdown(Shutdown::Both);
            return None;
        }
        match target.strip_prefix(&format!("http://{HOST}")) {
            Some(path) => {
                let (status, body) = site.get(path);
                answer(&mut stream, status, &body).ok()?;
            }
            None => answer(&mut stream, "403 Forbidden", b"").ok()?,
        }
    }
    None
}

/// An authority, and a certificate of it for [`HOST`], made by openssl in `folder`.
fn certificates(folder: &Path) -> Arc<rustls::ServerConfig> {
    fs::write(folder.join("extensions"), format!("subjectAltName=DNS:{HOST}\n")).unwrap();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    for line in [
        format!("req -x509 {key} -keyout ca.key -out ca.pem -days 30 -subj /CN=FarmTestAuthority"),
        format!("req {key} -keyout host.key -out host.csr -subj /CN={HOST}"),
        "x509 -req -in host.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile extensions -out host.pem"
            .to_owned(),
    ] {
        Ran::of(Command::new("openssl").args(line.split(' ')).current_dir(folder)).exits(0);
    }
    let certificate = CertificateDer::from_pem_file(folder.join("host.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("host.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap())
}

/// Debian's archive as this machine's apt has it.
fn archive() -> String {
    if let Ok(mirror) = std::env::var("FARM_MIRROR_DEBIAN") {
        return mirror;
    }
    let said = Ran::of(Command::new("apt-get").args(["indextargets", "--format", "$(REPO_URI)"]));
    let found = said.stdout.lines().map(|line| line.trim_end_matches('/')).find(|line| line.ends_with("/debian"));
    found.unwrap_or("http://deb.debian.org/debian").to_owned()
}

/// Another one in each run: what was fetched once is not asked for again.
fn source() -> Vec<u8> {
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    let text = format!("pond {} {:?}\n", std::process::id(), SystemTime::now());
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    header.set_mtime(1_767_225_600);
    tar.append_data(&mut header, "pond-1.0/README", text.as_bytes()).unwrap();
    tar.into_inner().unwrap().finish().unwrap()
}

#[test]
fn a_build_behind_a_proxy_leaves_nothing_of_it() {
    if !is_root() || !have(&["ip", "nsenter", "openssl"]) {
        return;
    }
    let begun = SystemTime::now();
    let mut test = Test::on("proxy", &native_engine());
    let tls = certificates(test.folder());
    let _ = rustls::crypto::ring::default_provider().install_default();
    let site = Arc::new(Site {
        source: source(),
        runtime: tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap(),
        client: reqwest::Client::new(),
        archive: archive(),
    });
    let namespace = Namespace::new();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let port = serve(&namespace.address, site.clone(), tls, asked.clone());
    let proxy = format!("http://ada:{PASSWORD}@{}:{port}", namespace.address);
    let recipe = format!(
        "[package]\nname = \"pond\"\nversion = \"1.0\"\nsummary = \"Comes through a proxy\"\nlicense = \"MIT\"\n\
         maintainer = \"Farm Tests <tests@example.org>\"\narchitecture = \"all\"\ndate = 2026-01-02\n\
         [[sources]]\nurls = [\"https://{HOST}/pond.tar.gz\"]\nsha256 = \"{}\"\n\
         [build]\nnetwork = true\nrequires = [\"curl\"]\ninstall = '''\necho \"by way of $https_proxy\"\n\
         install -d \"$DESTDIR/usr/share/pond\"\n\
         curl -fsS -o \"$DESTDIR/usr/share/pond/greeting\" https://{HOST}/greeting\n'''\n\
         [test]\nrequires = [\"hello\"]\nscript = '''\nhello\nif env | grep -i -E 'proxy|SSL_CERT'; then exit 1; fi\n'''\n\
         [matrix]\ndistros = [\"debian-12\"]\n",
        hex::encode(Sha256::digest(&site.source)),
    );
    test.write("farm.toml", &recipe);
    test.write("config.toml", "[network]\nca = \"ca.pem\"\n");
    for (name, value) in [
        ("FARM_CONFIG", "config.toml"),
        ("https_proxy", &proxy),
        ("HTTP_PROXY", &proxy),
        ("FARM_MIRROR_DEBIAN", &format!("https://{HOST}/debian")),
        ("FARM_MIRROR_DEBIAN_SECURITY", &format!("http://{HOST}/debian-security")),
    ] {
        test = test.env(name, value);
    }

    namespace.run(&test, &["build", "--matrix"]).exits(0).says("1 succeeded");
    let asked = asked.lock().unwrap().clone();
    for wanted in ["/pond.tar.gz", "/greeting", "/debian/dists/bookworm/InRelease"] {
        assert!(asked.iter().any(|one| one == wanted), "{wanted} was not asked for: {asked:#?}");
    }
    // By apt, in a container, and by plain HTTP.
    assert!(asked.iter().any(|one| one.starts_with("/debian/pool/main/h/hello/")), "{asked:#?}");
    assert!(asked.iter().any(|one| one.starts_with("GET http://")), "{asked:#?}");
    let target = "pond/debian-12-amd64";
    let log = fs::read_to_string(test.dist().join(target).join("build.log")).unwrap();
    assert!(log.contains("by way of [proxy]\n"), "{log}");

    // Nothing of it is left, not even where one would have to unpack something first.
    let opened = test.folder().join("opened");
    fs::create_dir(&opened).unwrap();
    for deb in test.files(target, ".deb") {
        for (option, below) in [("-x", "files"), ("-e", "control")] {
            let into = opened.join(below);
            Ran::of(Command::new("dpkg-deb").arg(option).arg(&deb).arg(into)).exits(0);
        }
    }
    assert_eq!(fs::read_to_string(opened.join("files/usr/share/pond/greeting")).unwrap(), GREETING);
    let ca = fs::read_to_string(test.folder().join("ca.pem")).unwrap();
    let mut grep = Command::new("grep");
    grep.args(["-rlaF", "-e", PASSWORD, "-e", &namespace.address, "-e", ca.lines().nth(2).unwrap()]);
    let store = PathBuf::from(native_engine().strip_prefix("native://").unwrap()).join("layers");
    // The builder is the one image that has curl; an earlier run of this test may have left it.
    let is_new = |path: &Path| fs::metadata(path).is_ok_and(|found| found.modified().unwrap() >= begun);
    let layers = fs::read_dir(store).unwrap().map(|entry| entry.unwrap().path());
    let layers: Vec<PathBuf> = layers.filter(|path| is_new(path) || path.join("t/usr/bin/curl").exists()).collect();
    assert!(!layers.is_empty(), "there is no builder");
    // Of images that other tests make meanwhile, files may come and go.
    let found = Ran::of(grep.args(layers).args([&test.dist(), &opened]));
    assert_eq!(found.stdout, "", "{found}");

    // A proxy that is not there is named, its password is not.
    let gone = format!("http://ada:{PASSWORD}@{}:9", namespace.address);
    let cache = test.folder().join("cache").display().to_string();
    let fetching = Test::at(test.folder().to_owned()).env("XDG_CACHE_HOME", &cache).env("HTTPS_PROXY", &gone);
    let failed = namespace.run(&fetching, &["fetch"]).exits(3);
    assert!(!failed.text().contains(PASSWORD), "{failed}");
    failed.says(&format!("by way of the proxy http://{}:9 (HTTPS_PROXY)", namespace.address));
}
