//! What a registry has under a reference: asked for, checked, and its layers streamed. It speaks the OCI distribution
//! protocol (Docker's registry API v2), takes images of Docker and of OCI, and trusts nothing that it is told: sizes
//! and digests are checked of every byte that it hands on. It unpacks nothing, writes nothing to disk, and tries
//! nothing twice. `repository` is one that farm keeps images of its own in: it writes there, too.

mod auth;
mod blob;
mod digest;
mod document;
mod failure;
mod reference;
#[cfg(feature = "kubernetes")]
mod repository;
mod session;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use docker_credential::DockerCredential;
use tokio_util::sync::CancellationToken;

pub(in crate::engine) use document::{Compression, RemoteLayer};
pub(in crate::engine) use reference::Reference;
#[cfg(feature = "kubernetes")]
pub(in crate::engine) use repository::{Blob, MANIFEST, Repository};

use crate::engine::{EngineError, credentials};
use crate::stream::ByteStream;
use crate::types::Arch;
use digest::{digest_of, same};
use document::{Document, LARGEST_DOCUMENT};
use session::Session;

/// What a registry has under a reference, for one architecture.
pub(in crate::engine) struct Remote {
    /// Normalised, with tag or digest: `docker.io/library/debian:12`.
    pub(in crate::engine) reference: String,
    /// Without either: `name@digest` is its repo digest.
    pub(in crate::engine) name: String,
    /// Of what the reference names: the index, if there is one, else the manifest.
    pub(in crate::engine) digest: String,
    /// As it was received.
    pub(in crate::engine) manifest: Vec<u8>,
    /// As it was received; its digest, which is the image's id, is the one that the manifest says.
    pub(in crate::engine) config: Vec<u8>,
    /// From the lowest up.
    pub(in crate::engine) layers: Vec<RemoteLayer>,
    asked: Asked,
    session: Session,
    cancel: CancellationToken,
}

/// What errors tell.
#[derive(Clone)]
struct Asked {
    /// As it was written.
    reference: String,
    /// Why there were no credentials where there should be some.
    problem: Option<String>,
}

impl Asked {
    fn error(&self, reason: String) -> EngineError {
        let reason = match &self.problem {
            Some(problem) => format!("{reason}; {problem}"),
            None => reason,
        };
        EngineError::Pull { reference: self.reference.clone(), reason }
    }
}

/// Asks the registry of `reference`, with the credentials of the Docker configuration. When `cancel` fires, now or
/// while a blob is read, everything stops at once.
///
/// # Errors
/// [`EngineError::Pull`], [`EngineError::Cancelled`].
pub(in crate::engine) async fn resolve(
    reference: &str,
    arch: Arch,
    cancel: &CancellationToken,
) -> Result<Remote, EngineError> {
    let credentials = unless(cancel, credentials::for_reference(reference)).await?;
    resolve_with(reference, arch, credentials, cancel).await
}

async fn resolve_with(
    reference: &str,
    arch: Arch,
    credentials: Result<Option<DockerCredential>, String>,
    cancel: &CancellationToken,
) -> Result<Remote, EngineError> {
    let (credential, problem) = match credentials {
        Ok(credential) => (credential, None),
        Err(problem) => (None, Some(problem)),
    };
    let asked = Asked { reference: reference.to_owned(), problem };
    let found = unless(cancel, find(reference, arch, credential)).await?;
    let found = found.map_err(|reason| asked.error(reason))?;
    Ok(Remote {
        reference: found.reference.to_string(),
        name: found.reference.name(),
        digest: found.digest,
        manifest: found.manifest,
        config: found.config,
        layers: found.layers,
        asked,
        session: found.session,
        cancel: cancel.clone(),
    })
}

async fn unless<T>(cancel: &CancellationToken, work: impl Future<Output = T>) -> Result<T, EngineError> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(EngineError::Cancelled),
        done = work => Ok(done),
    }
}

struct Found {
    reference: Reference,
    digest: String,
    manifest: Vec<u8>,
    config: Vec<u8>,
    layers: Vec<RemoteLayer>,
    session: Session,
}

async fn find(reference: &str, arch: Arch, credential: Option<DockerCredential>) -> Result<Found, String> {
    let reference = Reference::parse(reference)?;
    let session = Session::new(&reference, credential)?;
    let version = reference.version();
    let response = session.get(&format!("manifests/{version}"), &reference.to_string()).await?;
    let told = response.headers().get("docker-content-digest").and_then(|digest| digest.to_str().ok());
    let told = told.filter(|digest| digest.starts_with("sha256:")).map(str::to_owned);
    let mut manifest = session.whole(response, LARGEST_DOCUMENT).await?;
    let digest = digest_of(&manifest);
    for expected in reference.digest.iter().chain(&told) {
        same("manifest", expected, &digest)?;
    }
    let mut document = Document::read(&manifest)?;
    if let Document::Index(index) = &document {
        let entry = document::select(index, arch)?;
        manifest = exact(&session, "manifests", &entry.digest, entry.size, "manifest").await?;
        document = Document::read(&manifest)?;
    }
    let Document::Image { config, layers } = document else {
        return Err("its index of images leads to another index".to_owned());
    };
    let config = exact(&session, "blobs", &config.digest, config.size, "configuration").await?;
    let layers = document::layers(&layers, &config, arch)?;
    Ok(Found { reference, digest, manifest, config, layers, session })
}

/// A document of which the size and digest are known.
async fn exact(session: &Session, kind: &str, digest: &str, size: u64, what: &str) -> Result<Vec<u8>, String> {
    if size > LARGEST_DOCUMENT {
        return Err(format!("its {what} has {size} bytes, more than the {LARGEST_DOCUMENT} that farm reads"));
    }
    let response = session.get(&format!("{kind}/{digest}"), &format!("{what} {digest}")).await?;
    let bytes = session.whole(response, size).await?;
    same(what, digest, &digest_of(&bytes))?;
    Ok(bytes)
}

impl Remote {
    /// The bytes of a layer as the registry has them. The stream ends with an error if it has another size or digest
    /// than the manifest says, and never gives more bytes than that.
    ///
    /// # Errors
    /// [`EngineError::Pull`], [`EngineError::Cancelled`]. The errors of the stream are to be read after the reference,
    /// too.
    pub(in crate::engine) async fn blob(&self, layer: &RemoteLayer) -> Result<ByteStream, EngineError> {
        let path = format!("blobs/{}", layer.digest);
        let what = format!("layer {}", layer.digest);
        let response = unless(&self.cancel, self.session.get(&path, &what)).await?;
        let response = response.map_err(|reason| self.asked.error(reason))?;
        Ok(blob::checked(response, layer, self.cancel.clone()))
    }
}

// Not derived: a session holds secrets.
impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Remote { reference, digest, layers, .. } = self;
        let mut all = f.debug_struct("Remote");
        all.field("reference", reference).field("digest", digest).field("layers", layers).finish_non_exhaustive()
    }
}
