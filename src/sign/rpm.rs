//! Signing .rpm files: their header, as `rpmsign` does, with the payload streamed by.

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::Path;

use super::{Content, SignError, Signer};
use crate::formats::rpm_signature;
use crate::types::printable;

/// Writes the package at `path` with a signature of this signer, and without those of others, to `out`.
///
/// # Errors
/// When it is no package, or cannot be signed.
pub(crate) fn sign_rpm(signer: &Signer, path: &Path, out: &mut impl Write) -> Result<(), SignError> {
    let what = path.display().to_string();
    let content = |reason: String| SignError::Content { what: printable(&what), reason: printable(&reason) };
    let io = |error: io::Error| content(error.to_string());
    let file = File::open(path).map_err(|source| SignError::Read { path: path.to_owned(), source })?;
    let mut reader = BufReader::with_capacity(128 * 1024, file);
    let front = rpm_signature::front(&mut reader).map_err(content)?;
    let signature = signer.detached(&what, Content::Bytes(&front.header))?;
    out.write_all(&front.signed(&signature).map_err(content)?).map_err(io)?;
    io::copy(&mut reader, out).map_err(io)?;
    Ok(())
}
