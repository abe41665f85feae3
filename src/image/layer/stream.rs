//! A layer as a stream that an engine takes, and why it broke off if it did: the stream itself cannot say.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use super::LayerError;
use crate::distro::Distro;
use crate::image::ImageError;
use crate::image::deb::DebError;
use crate::stream::{self, ByteStream};

/// What went wrong while a layer was streamed.
#[derive(Debug, Clone, Default)]
pub(in crate::image) struct StreamFailure(Arc<Mutex<Option<Failure>>>);

#[derive(Debug, thiserror::Error)]
pub(in crate::image) enum Failure {
    #[error(transparent)]
    Deb(#[from] DebError),
    #[error(transparent)]
    Layer(#[from] LayerError),
}

impl StreamFailure {
    /// The reason, if a package was at fault; `None` when whoever read the stream stopped it.
    pub(in crate::image) fn take(&self, distro: &Distro) -> Option<ImageError> {
        let distro = distro.id.clone();
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).take()? {
            Failure::Deb(DebError::Io { path, source }) => Some(ImageError::Io { path, source }),
            Failure::Deb(error) => Some(ImageError::Untrusted { distro, reason: error.to_string() }),
            Failure::Layer(error @ LayerError::Refused { .. }) => {
                Some(ImageError::Untrusted { distro, reason: error.to_string() })
            }
            Failure::Layer(LayerError::Io(_)) => None,
        }
    }
}

/// What `write` writes.
pub(in crate::image) fn stream(
    write: impl FnOnce(&mut dyn Write) -> Result<(), Failure> + Send + 'static,
) -> (ByteStream, StreamFailure) {
    let failure = StreamFailure::default();
    let slot = failure.clone();
    let stream = stream::from_writer(move |out| {
        write(out).map_err(|error| {
            let text = error.to_string();
            *slot.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            io::Error::other(text)
        })
    });
    (stream, failure)
}
