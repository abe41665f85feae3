//! A layer on its way from the registry: counted and hashed as it comes, and handed on as it is.

use std::io;

use bytes::Bytes;
use futures_util::stream;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::digest::same;
use super::document::RemoteLayer;
use super::failure;
use crate::stream::ByteStream;

struct Blob {
    response: reqwest::Response,
    hash: Sha256,
    digest: String,
    size: u64,
    left: u64,
    cancel: CancellationToken,
}

pub(super) fn checked(response: reqwest::Response, layer: &RemoteLayer, cancel: CancellationToken) -> ByteStream {
    let RemoteLayer { digest, size, .. } = layer;
    let blob = Blob { response, hash: Sha256::new(), digest: digest.clone(), size: *size, left: *size, cancel };
    Box::pin(stream::try_unfold(blob, |mut blob| async move {
        // An error ends the stream.
        let chunk = blob.next().await.map_err(io::Error::other)?;
        Ok(chunk.map(|chunk| (chunk, blob)))
    }))
}

impl Blob {
    async fn next(&mut self) -> Result<Option<Bytes>, String> {
        let chunk = tokio::select! {
            biased;
            // Somebody may be blocked on the stream: it has to end by itself.
            () = self.cancel.cancelled() => return Err("cancelled".to_owned()),
            chunk = self.response.chunk() => chunk,
        };
        match chunk {
            Ok(Some(chunk)) => match self.left.checked_sub(chunk.len() as u64) {
                Some(left) => {
                    self.left = left;
                    self.hash.update(&chunk);
                    Ok(Some(chunk))
                }
                None => Err(format!("layer {} is longer than the {} bytes of its manifest", self.digest, self.size)),
            },
            Ok(None) if self.left > 0 => {
                let got = self.size - self.left;
                Err(format!("layer {} ends after {got} of the {} bytes of its manifest", self.digest, self.size))
            }
            Ok(None) => {
                let digest = format!("sha256:{}", hex::encode(self.hash.finalize_reset()));
                same("layer", &self.digest, &digest).map(|()| None)
            }
            Err(error) => {
                let (digest, why) = (&self.digest, failure::of_body(error, &self.response));
                Err(format!("layer {digest} did not come whole: {why}"))
            }
        }
    }
}
