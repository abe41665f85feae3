//! One file over HTTP, by hash: several places tried in order, streamed to disk, verified before it gets its name.
//! A place that gives nothing, or next to nothing, is given up for another one. Where the places come from (recipe, mirror choice, archive index) is the caller's business, and so is keeping
//! two runs from fetching the same file twice: here both would merely write it twice, each whole.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::network::HostNetwork;
use crate::types::{Address, Progress, redacted_text};

/// No server may fill the disk: more than any source archive of today, less than any disk worth building on.
const LARGEST_FILE: u64 = 64 << 30;
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);
const CHUNKS_IN_FLIGHT: usize = 8;

/// Downloads files; one client, one connection pool. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Fetcher {
    client: reqwest::Client,
    patience: Patience,
}

/// How long to wait for a server, and how often to come back.
#[derive(Debug, Clone, Copy)]
struct Patience {
    connect: Duration,
    /// Between two reads of one transfer: a stalled one is given up, a slow one is not.
    read: Duration,
    attempts: u32,
    /// Before the second attempt; doubled before each later one.
    backoff: Duration,
    /// How many bytes at least must come in each [`Patience::window`]: what trickles would hold up a run for hours.
    least: u64,
    window: Duration,
}

impl Patience {
    const USUAL: Patience = Patience {
        connect: Duration::from_secs(10),
        read: Duration::from_secs(30),
        attempts: 3,
        backoff: Duration::from_millis(500),
        // 4 KiB/s. docs/config.md says so.
        least: 120 << 10,
        window: Duration::from_secs(30),
    };
}

impl Fetcher {
    /// # Errors
    /// When the system gives no way to make a client. Missing CA certificates are none: `https` then fails by itself.
    pub fn new() -> Result<Fetcher, FetchError> {
        Fetcher::with_patience(Patience::USUAL)
    }

    fn with_patience(patience: Patience) -> Result<Fetcher, FetchError> {
        let client = client(|builder| builder.connect_timeout(patience.connect).read_timeout(patience.read))?;
        Ok(Fetcher { client, patience })
    }

    /// Downloads to `destination` (by way of a temporary file beside it and an atomic rename), trying `urls`
    /// (`http`, `https`, `file`) in order, each up to three times on transient errors. With `sha256`, another content
    /// is never given the name. The folder of `destination` is made if need be.
    pub(crate) async fn to_file(
        &self,
        urls: &[String],
        sha256: Option<&str>,
        destination: &Path,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<(), FetchError> {
        self.to_file_capped(urls, sha256, LARGEST_FILE, destination, progress, cancel).await
    }

    /// As [`Fetcher::to_file`], for a file whose size is known not to exceed `largest` bytes: a transfer that goes on
    /// beyond it is cut off.
    pub(crate) async fn to_file_capped(
        &self,
        urls: &[String],
        sha256: Option<&str>,
        largest: u64,
        destination: &Path,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<(), FetchError> {
        let folder = destination.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        tokio::fs::create_dir_all(folder).await.map_err(|source| io_error(folder, source))?;
        let job = Job { fetcher: self, sha256, largest, destination, folder, progress, cancel };

        let mut failures = Vec::new();
        for url in urls {
            match job.try_url(url).await {
                Ok(()) => return Ok(()),
                Err(Failure::Final(error)) => return Err(error),
                Err(failure) => failures.push((url, failure)),
            }
        }
        Err(verdict(failures))
    }
}

/// An HTTP client as this program has them, with what `adjust` says. Also for those who do not fetch files.
pub(crate) fn client(
    adjust: impl Fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
) -> Result<reqwest::Client, FetchError> {
    // The binary installs it first thing; a library user or a test may not have. Losing the race to another
    // thread leaves a provider installed, which is all that is wanted.
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    let network = HostNetwork::here();
    let builder = || {
        let builder = reqwest::Client::builder().user_agent(concat!("farm/", env!("CARGO_PKG_VERSION")));
        adjust(as_here(builder, &network))
    };
    // A machine without CA certificates can still use http and file: only https fails there, when it is used.
    let client = builder().build().or_else(|_| builder().tls_certs_only([]).build());
    client.map_err(|error| FetchError::Client(with_causes(&error)))
}

/// With the proxies and the authorities of this host. Where it names none, the client finds the system's proxies itself.
fn as_here(mut builder: reqwest::ClientBuilder, network: &Arc<HostNetwork>) -> reqwest::ClientBuilder {
    if network.has_proxies() {
        let network = network.clone();
        builder = builder.proxy(reqwest::Proxy::custom(move |url| {
            let proxy = network.proxy_for(url.scheme(), url.host_str()?, url.port_or_known_default());
            proxy.map(|proxy| proxy.address.secret().to_owned())
        }));
    }
    match network.added_certificates().map(|pem| reqwest::Certificate::from_pem_bundle(pem.as_bytes())) {
        Some(Ok(certificates)) => builder.tls_certs_merge(certificates),
        // They were read when the configuration was.
        _ => builder,
    }
}

/// `; by way of the proxy http://proxy.example.org:3128 (https_proxy)`, where a request went through one.
pub(crate) fn by_proxy(url: Option<&reqwest::Url>) -> String {
    let network = HostNetwork::here();
    let host = url.and_then(|url| Some((url.scheme(), url.host_str()?, url.port_or_known_default())));
    match host.and_then(|(scheme, host, port)| network.proxy_for(scheme, host, port)) {
        Some(proxy) => format!("; by way of the proxy {} ({})", proxy.address.public(), proxy.said_by),
        None => String::new(),
    }
}

/// What a caller hears when no place had the file. One place that may answer later makes the whole worth a retry; a
/// wrong content says more than an absent one.
fn verdict(failures: Vec<(&String, Failure)>) -> FetchError {
    let urls = || failures.iter().map(|(url, _)| shown(url)).collect();
    if failures.is_empty() || failures.iter().any(|(_, failure)| matches!(failure, Failure::Transient(_))) {
        let reasons = if failures.is_empty() {
            vec!["no place to fetch from is known".to_owned()]
        } else {
            failures.iter().map(|(_, failure)| failure.reason()).collect()
        };
        return FetchError::Unreachable { urls: urls(), reasons };
    }
    let urls = urls();
    for (_, failure) in failures {
        if let Failure::Definite(error) = failure {
            return error;
        }
    }
    FetchError::NotFound { urls }
}

/// Why one place did not give the file.
#[derive(Debug)]
enum Failure {
    /// It may do so later.
    Transient(String),
    /// It says that it has no such file.
    Absent,
    /// It has, but not one that we take, or not for us. Another place may do better.
    Definite(FetchError),
    /// No other place would help: our own disk, or the user.
    Final(FetchError),
}

impl Failure {
    fn reason(&self) -> String {
        match self {
            Failure::Transient(reason) => reason.clone(),
            Failure::Absent => "not found".to_owned(),
            Failure::Definite(error) | Failure::Final(error) => error.to_string(),
        }
    }
}

/// One file to get.
struct Job<'a> {
    fetcher: &'a Fetcher,
    sha256: Option<&'a str>,
    largest: u64,
    destination: &'a Path,
    folder: &'a Path,
    progress: &'a dyn Progress,
    cancel: &'a CancellationToken,
}

type Chunks = std::pin::Pin<Box<dyn futures_util::Stream<Item = Result<Bytes, Failure>> + Send>>;

impl Job<'_> {
    async fn try_url(&self, url: &str) -> Result<(), Failure> {
        let patience = self.fetcher.patience;
        let mut backoff = patience.backoff;
        let mut attempt = 1;
        loop {
            let began = Instant::now();
            let result = tokio::select! {
                biased;
                () = self.cancel.cancelled() => Err(Failure::Final(FetchError::Cancelled)),
                result = self.attempt(url) => result,
            };
            let milliseconds = began.elapsed().as_millis() as u64;
            match &result {
                Ok(()) => tracing::info!(url = %shown(url), attempt, milliseconds, "fetched"),
                Err(failure) => {
                    tracing::info!(url = %shown(url), attempt, milliseconds, reason = failure.reason(), "not fetched");
                }
            }
            match result {
                Err(Failure::Transient(_)) if attempt < patience.attempts => {
                    tokio::select! {
                        () = self.cancel.cancelled() => return Err(Failure::Final(FetchError::Cancelled)),
                        () = tokio::time::sleep(backoff) => {}
                    }
                    attempt += 1;
                    backoff *= 2;
                }
                result => return result,
            }
        }
    }

    async fn attempt(&self, url: &str) -> Result<(), Failure> {
        let (chunks, total) = self.open(url).await?;
        if total > self.largest {
            return Err(self.too_large(url));
        }
        let temporary = self.temporary().map_err(|source| Failure::Final(io_error(self.folder, source)))?;
        let (sender, receiver) = mpsc::channel(CHUNKS_IN_FLIGHT);
        let writer = tokio::task::spawn_blocking(move || write_and_hash(temporary, receiver));
        let copied = self.copy(url, chunks, total, sender).await;
        let written =
            writer.await.unwrap_or_else(|panic| Err(std::io::Error::other(format!("writer stopped: {panic}"))));
        // A disk error stops the writer first and the copy as its consequence.
        let (temporary, digest) = written.map_err(|source| Failure::Final(io_error(self.destination, source)))?;
        copied?;

        let actual = hex::encode(digest);
        match self.sha256 {
            Some(expected) if !expected.eq_ignore_ascii_case(&actual) => {
                Err(Failure::Definite(FetchError::Mismatch { url: shown(url), expected: expected.to_owned(), actual }))
            }
            _ => {
                temporary
                    .persist(self.destination)
                    .map_err(|error| Failure::Final(io_error(self.destination, error.error)))?;
                Ok(())
            }
        }
    }

    /// The bytes behind a URL, and how many there will be: 0 when nobody says.
    async fn open(&self, url: &str) -> Result<(Chunks, u64), Failure> {
        let parsed = reqwest::Url::parse(url).map_err(|error| bad_url(url, error.to_string()))?;
        match parsed.scheme() {
            "file" => {
                let path = parsed.to_file_path().map_err(|()| bad_url(url, "it names no local file".to_owned()))?;
                let file = tokio::fs::File::open(&path).await.map_err(|error| file_failure(&path, error))?;
                let total = file.metadata().await.map_or(0, |metadata| metadata.len());
                let chunks = tokio_util::io::ReaderStream::with_capacity(file, 128 * 1024);
                Ok((Box::pin(chunks.map(move |chunk| chunk.map_err(|error| file_failure(&path, error)))), total))
            }
            "http" | "https" => {
                let response =
                    self.fetcher.client.get(parsed).send().await.map_err(|error| transfer_failure(&error))?;
                let status = response.status();
                tracing::debug!(url = %shown(url), status = status.as_u16(), "the server answers");
                match status.as_u16() {
                    200..=299 => {}
                    404 | 410 => return Err(Failure::Absent),
                    407 => {
                        let reason =
                            format!("the proxy wants another user or password{}", by_proxy(Some(response.url())));
                        return Err(bad_url(url, reason));
                    }
                    408 | 425 | 429 | 500..=599 => {
                        let reason = format!("server answers {status}{}", by_proxy(Some(response.url())));
                        return Err(Failure::Transient(reason));
                    }
                    code => {
                        return Err(Failure::Definite(FetchError::Refused { url: shown(url), status: code }));
                    }
                }
                let total = response.content_length().unwrap_or(0);
                let chunks = response.bytes_stream();
                Ok((Box::pin(chunks.map(|chunk| chunk.map_err(|error| transfer_failure(&error)))), total))
            }
            other => Err(bad_url(url, format!("{other} is no scheme that can be fetched (http, https, file)"))),
        }
    }

    /// Hands every chunk to the writer; returns when all are handed over.
    async fn copy(
        &self,
        url: &str,
        mut chunks: Chunks,
        total: u64,
        writer: mpsc::Sender<Bytes>,
    ) -> Result<(), Failure> {
        let path = url.split(['?', '#']).next().unwrap_or_default();
        let what = crate::types::printable(path.rsplit('/').next().unwrap_or_default());
        let mut done: u64 = 0;
        let mut told = Instant::now();
        let (mut window, mut before) = (Instant::now(), 0);
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk?;
            done += chunk.len() as u64;
            if done > self.largest {
                return Err(self.too_large(url));
            }
            // Measured before the disk is waited for: that it is slow is no fault of the server.
            let patience = self.fetcher.patience;
            if window.elapsed() >= patience.window {
                if done - before < patience.least {
                    return Err(self.too_slow(done - before, window.elapsed()));
                }
                (window, before) = (Instant::now(), done);
            }
            if writer.send(chunk).await.is_err() {
                // The writer has stopped, and says why itself.
                return Ok(());
            }
            if writer.capacity() == 0 {
                (window, before) = (Instant::now(), done);
            }
            if told.elapsed() >= PROGRESS_INTERVAL {
                told = Instant::now();
                self.progress.progress(&what, done, total);
            }
        }
        self.progress.progress(&what, done, total.max(done));
        Ok(())
    }

    fn too_slow(&self, bytes: u64, during: Duration) -> Failure {
        let seconds = during.as_secs().max(1);
        Failure::Transient(format!("too slow: {bytes} bytes in the last {seconds} s"))
    }

    fn too_large(&self, url: &str) -> Failure {
        Failure::Definite(FetchError::TooLarge { url: shown(url), largest: self.largest })
    }

    fn temporary(&self) -> std::io::Result<tempfile::NamedTempFile> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(".fetch-");
        #[cfg(unix)]
        {
            // As any other new file, the umask applied: the cache may be shared by users, temporary files are not.
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        builder.tempfile_in(self.folder)
    }
}

fn write_and_hash(
    mut temporary: tempfile::NamedTempFile,
    mut chunks: mpsc::Receiver<Bytes>,
) -> std::io::Result<(tempfile::NamedTempFile, [u8; 32])> {
    use std::io::Write;
    let mut hasher = Sha256::new();
    while let Some(chunk) = chunks.blocking_recv() {
        hasher.update(&chunk);
        temporary.write_all(&chunk)?;
    }
    Ok((temporary, hasher.finalize().into()))
}

/// As it may be told to anybody.
fn shown(url: &str) -> String {
    Address::from(url).to_string()
}

fn io_error(path: &Path, source: std::io::Error) -> FetchError {
    FetchError::Io { path: path.to_owned(), source }
}

fn bad_url(url: &str, reason: String) -> Failure {
    Failure::Definite(FetchError::BadUrl { url: shown(url), reason })
}

fn file_failure(path: &Path, error: std::io::Error) -> Failure {
    match error.kind() {
        std::io::ErrorKind::NotFound => Failure::Absent,
        _ => Failure::Definite(FetchError::Read { path: path.to_owned(), source: error }),
    }
}

fn transfer_failure(error: &reqwest::Error) -> Failure {
    let (chain, by_proxy) = (with_causes(error), by_proxy(error.url()));
    let reason = root_cause(error) + &by_proxy;
    if chain.contains("UnknownIssuer") {
        let url = error.url().map(|url| shown(url.as_str())).unwrap_or_default();
        let reason = format!(
            "its certificate is signed by no authority that this machine knows (package ca-certificates; for a company's \
             own, `ca` in [network] of farm's config.toml){by_proxy}"
        );
        Failure::Definite(FetchError::BadUrl { url, reason })
    } else if chain.contains("proxy authorization required") {
        let url = error.url().map(|url| shown(url.as_str())).unwrap_or_default();
        let reason = format!("the proxy wants another user or password{by_proxy}");
        Failure::Definite(FetchError::BadUrl { url, reason })
    } else if error.is_timeout() {
        Failure::Transient(format!("no answer in time: {reason}"))
    } else if error.is_redirect() || error.is_builder() {
        let url = error.url().map(|url| shown(url.as_str())).unwrap_or_default();
        Failure::Definite(FetchError::BadUrl { url, reason: chain + &by_proxy })
    } else {
        Failure::Transient(reason)
    }
}

/// What the system or the other side said: the layers of libraries above it repeat the address, and that it failed.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut deepest = error;
    while let Some(cause) = deepest.source() {
        deepest = cause;
    }
    redacted_text(&deepest.to_string())
}

/// An error with its causes on one line: reqwest's own text stops at "error sending request".
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let inner = error.to_string();
        if !text.contains(&inner) {
            text.push_str(": ");
            text.push_str(&inner);
        }
        cause = error.source();
    }
    redacted_text(&text)
}

/// Why a file was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Nobody answered, or only with transient errors: worth a retry later.
    #[error("{} cannot be reached: {}", .urls.join(", "), .reasons.join("; "))]
    Unreachable {
        /// The places that were tried, with secrets left out.
        urls: Vec<String>,
        /// What each of `urls` answered, in the same order.
        reasons: Vec<String>,
    },
    /// A definite answer: it is not there.
    #[error("{} not found", .urls.join(", "))]
    NotFound {
        /// The places that were tried, with secrets left out.
        urls: Vec<String>,
    },
    /// A definite answer: not for us (401, 403 and the like).
    #[error("{url} is refused by its server (status {status})")]
    Refused {
        /// The address that was asked, with secrets left out.
        url: String,
        /// The HTTP status code.
        status: u16,
    },
    /// The server gave a file, but not the one with the expected hash.
    #[error("{url} has another content: expected sha256 {expected}, got {actual}")]
    Mismatch {
        /// The address that it came from, with secrets left out.
        url: String,
        /// The sha256 that was asked for, in hex.
        expected: String,
        /// The sha256 of what came, in hex.
        actual: String,
    },
    /// The server announced or sent more bytes than the file may have.
    #[error("{url} is larger than the {largest} bytes that it may have")]
    TooLarge {
        /// The address that was asked, with secrets left out.
        url: String,
        /// The limit, in bytes.
        largest: u64,
    },
    /// The address is malformed, or its scheme is not `http`, `https` or `file`.
    #[error("{url} cannot be fetched: {reason}")]
    BadUrl {
        /// The address as it was given, with secrets left out.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A `file:` URL whose file exists but cannot be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// The file that the URL names.
        path: PathBuf,
        /// The answer of the operating system.
        source: std::io::Error,
    },
    /// The destination, or its folder, cannot be written.
    #[error("cannot write {}", .path.display())]
    Io {
        /// The file or folder concerned.
        path: PathBuf,
        /// The answer of the operating system.
        source: std::io::Error,
    },
    /// The system gives no way to make a client. Holds the reason with its causes.
    #[error("cannot set up the HTTP client: {0}")]
    Client(String),
    /// The caller's token was cancelled before the file was there.
    #[error("cancelled")]
    Cancelled,
}

#[cfg(test)]
mod tests;
