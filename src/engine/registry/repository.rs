//! A repository of a registry that farm keeps its own images in: read, written and listed. Layers are sent in pieces as they
//! come, so that nothing stands whole in memory or on disk, and no request takes longer than a piece of it.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, LINK, LOCATION};
use reqwest::{Method, Response, StatusCode, Url};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::digest::{digest_of, same};
use super::document::{LARGEST_DOCUMENT, MEDIA_TYPES};
use super::reference::{Reference, check_digest};
use super::session::Session;
use crate::engine::{EngineError, credentials};
use crate::stream::ByteStream;

/// Of an upload. Some registries take no smaller ones, but for the last.
const PIECE: usize = 8 << 20;
/// Pages of a list of tags: far more than anybody's builders.
const MOST_PAGES: usize = 50;
/// The media type of a manifest of an image.
pub(in crate::engine) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// One repository, with the credentials of the Docker configuration.
pub(in crate::engine) struct Repository {
    session: Session,
}

/// What was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) struct Blob {
    pub(in crate::engine) digest: String,
    pub(in crate::engine) size: u64,
}

#[derive(Deserialize)]
struct Tags {
    tags: Option<Vec<String>>,
}

impl Repository {
    /// `name`: `registry.example:5000/farm`. `in_the_clear`: without TLS, as on this machine always.
    pub(in crate::engine) async fn open(name: &str, in_the_clear: bool) -> Result<Repository, String> {
        let reference = Reference::parse(name)?;
        let credential = credentials::for_reference(name).await?;
        let in_the_clear = in_the_clear || reference.is_local();
        Ok(Repository { session: Session::open(&reference, credential, in_the_clear)? })
    }

    /// Without tag and digest.
    pub(in crate::engine) fn name(&self) -> String {
        self.session.reference().name()
    }

    /// A manifest with its digest, by its tag or digest; `None` if there is none.
    pub(in crate::engine) async fn manifest(&self, version: &str) -> Result<Option<(String, Vec<u8>)>, String> {
        let url = self.url(&format!("manifests/{version}"));
        let response = self.session.request(&|client| client.get(&url).header(ACCEPT, MEDIA_TYPES)).await?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::OK => {
                let bytes = self.session.whole(response, LARGEST_DOCUMENT).await?;
                let digest = digest_of(&bytes);
                if version.starts_with("sha256:") {
                    same("manifest", version, &digest)?;
                }
                Ok(Some((digest, bytes)))
            }
            _ => Err(self.session.refusal(response, &format!("manifest {version}")).await),
        }
    }

    /// All tags; none where nothing was sent yet.
    pub(in crate::engine) async fn tags(&self) -> Result<Vec<String>, String> {
        let mut url = self.parsed(&self.url("tags/list?n=1000"))?;
        let mut all = Vec::new();
        for _ in 0..MOST_PAGES {
            let page = url.clone();
            let response = self.session.request(&|client| client.get(page.clone())).await?;
            match response.status() {
                StatusCode::NOT_FOUND => return Ok(all),
                StatusCode::OK => {}
                _ => return Err(self.session.refusal(response, "list of tags").await),
            }
            let next = next_page(response.headers()).map(str::to_owned);
            let bytes = self.session.whole(response, LARGEST_DOCUMENT).await?;
            let tags: Tags =
                serde_json::from_slice(&bytes).map_err(|error| format!("its list of tags cannot be read: {error}"))?;
            all.extend(tags.tags.unwrap_or_default());
            match next {
                Some(next) => url = self.parsed(&next)?,
                None => return Ok(all),
            }
        }
        Err(format!("its list of tags has more than {MOST_PAGES} pages"))
    }

    /// Sends a blob as it comes. `what` reads after "failed to".
    ///
    /// # Errors
    /// [`EngineError::Source`] where the stream breaks off, [`EngineError::Failed`] with the registry's words.
    pub(in crate::engine) async fn push(&self, what: &str, mut stream: ByteStream) -> Result<Blob, EngineError> {
        let failed = |message: String| EngineError::Failed { action: what.to_owned(), message };
        let mut place = self.begin_upload().await.map_err(failed)?;
        let (mut hash, mut size) = (Sha256::new(), 0_u64);
        let mut piece = BytesMut::with_capacity(PIECE);
        loop {
            let next = stream.next().await.transpose().map_err(EngineError::Source)?;
            let is_last = next.is_none();
            let mut chunk = next.unwrap_or_default();
            while !chunk.is_empty() || (is_last && !piece.is_empty()) {
                let room = chunk.len().min(PIECE - piece.len());
                piece.extend_from_slice(&chunk.split_to(room));
                if piece.len() == PIECE || is_last {
                    let full = std::mem::replace(&mut piece, BytesMut::with_capacity(PIECE)).freeze();
                    hash.update(&full);
                    let begin = size;
                    size += full.len() as u64;
                    place = self.send_piece(&place, begin, full).await.map_err(failed)?;
                }
            }
            if is_last {
                break;
            }
        }
        let digest = format!("sha256:{}", hex::encode(hash.finalize()));
        self.end_upload(place, &digest).await.map_err(failed)?;
        Ok(Blob { digest, size })
    }

    /// Gives a manifest, all of whose blobs are there, its tag; its digest.
    pub(in crate::engine) async fn put_manifest(&self, tag: &str, manifest: Vec<u8>) -> Result<String, String> {
        let (url, digest, manifest) =
            (self.url(&format!("manifests/{tag}")), digest_of(&manifest), Bytes::from(manifest));
        let put = |client: &reqwest::Client| client.put(&url).header(CONTENT_TYPE, MANIFEST).body(manifest.clone());
        let response = self.session.request(&put).await?;
        match response.status() {
            StatusCode::CREATED | StatusCode::OK => Ok(digest),
            _ => Err(self.session.refusal(response, &format!("leave to write {tag}")).await),
        }
    }

    /// Removes a manifest, and with it its tags. One that is not there is no error.
    pub(in crate::engine) async fn delete(&self, digest: &str) -> Result<(), String> {
        check_digest(digest)?;
        let url = self.url(&format!("manifests/{digest}"));
        let response = self.session.request(&|client| client.delete(&url)).await?;
        match response.status() {
            StatusCode::ACCEPTED | StatusCode::OK | StatusCode::NO_CONTENT | StatusCode::NOT_FOUND => Ok(()),
            StatusCode::METHOD_NOT_ALLOWED => Err(format!(
                "the registry of {} lets nobody delete images (of Docker's registry: REGISTRY_STORAGE_DELETE_ENABLED)",
                self.name()
            )),
            _ => Err(self.session.refusal(response, &format!("leave to delete {digest}")).await),
        }
    }

    async fn begin_upload(&self) -> Result<Url, String> {
        let url = self.url("blobs/uploads/");
        let response = self.session.request(&|client| client.post(&url).body(Vec::new())).await?;
        self.place(response, "leave to upload").await
    }

    async fn send_piece(&self, place: &Url, begin: u64, piece: Bytes) -> Result<Url, String> {
        let range = format!("{begin}-{}", begin + piece.len() as u64 - 1);
        let send = |client: &reqwest::Client| {
            let request = client.request(Method::PATCH, place.clone()).header("Content-Range", &range);
            request.header(CONTENT_TYPE, "application/octet-stream").body(piece.clone())
        };
        let response = self.session.request(&send).await?;
        self.place(response, "leave to upload on").await
    }

    async fn end_upload(&self, mut place: Url, digest: &str) -> Result<(), String> {
        place.query_pairs_mut().append_pair("digest", digest);
        let response = self.session.request(&|client| client.put(place.clone()).body(Vec::new())).await?;
        match response.status() {
            StatusCode::CREATED | StatusCode::OK | StatusCode::NO_CONTENT => Ok(()),
            _ => Err(self.session.refusal(response, &format!("leave to end the upload of {digest}")).await),
        }
    }

    /// Where an upload goes on.
    async fn place(&self, response: Response, what: &str) -> Result<Url, String> {
        if !matches!(response.status(), StatusCode::ACCEPTED | StatusCode::CREATED | StatusCode::NO_CONTENT) {
            return Err(self.session.refusal(response, what).await);
        }
        let place = response.headers().get(LOCATION).and_then(|place| place.to_str().ok());
        self.parsed(place.ok_or("the registry does not say where an upload goes on")?)
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.session.base())
    }

    /// An address that the registry gave, whole or without its beginning. Only the registry itself gets what is sent.
    fn parsed(&self, address: &str) -> Result<Url, String> {
        let base = self.session.base();
        let url = base.join(address).map_err(|error| format!("the registry leads to `{address}`: {error}"))?;
        match url.origin() == base.origin() {
            true => Ok(url),
            false => Err(format!("the registry leads to another host: {}", url.host_str().unwrap_or_default())),
        }
    }
}

/// `</v2/farm/tags/list?last=x&n=1000>; rel="next"`
fn next_page(headers: &HeaderMap) -> Option<&str> {
    let link = headers.get(LINK)?.to_str().ok()?;
    let (address, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
    rest.contains("next").then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nothing_is_sent_to_where_a_registry_leads() {
        let repository = Repository::open("127.0.0.1:5000/farm", false).await.unwrap();
        let parsed = |address: &str| repository.parsed(address).map(|url| url.to_string());
        assert_eq!(parsed("/v2/farm/x?_state=a%3D").unwrap(), "http://127.0.0.1:5000/v2/farm/x?_state=a%3D");
        assert!(parsed("http://127.0.0.1:5001/v2/farm/x").unwrap_err().contains("another host"));
        assert!(parsed("https://127.0.0.1:5000/v2/farm/x").unwrap_err().contains("another host"));
    }

    #[test]
    fn lists_go_on_where_they_say() {
        let mut headers = HeaderMap::new();
        assert_eq!(next_page(&headers), None);
        headers.insert(LINK, "</v2/farm/tags/list?last=x&n=2>; rel=\"next\"".parse().unwrap());
        assert_eq!(next_page(&headers), Some("/v2/farm/tags/list?last=x&n=2"));
    }
}
