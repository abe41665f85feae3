//! Signing with OpenPGP: with a key in a file, by GnuPG, or by a program of the user's. Every signature is verified with the
//! public key before anybody sees it, so that a program that signs something else, or with another key, is found here. Where
//! signatures go is decided elsewhere.

mod certificate;
mod file;
mod files;
mod model;
mod program;
mod rpm;

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use chrono::Utc;
use debian_pgp::cleartext::CleartextSignedMessage;
use debian_pgp::packet::SignatureType;
use debian_pgp::ser::Serialize;
use debian_pgp::types::PublicKeyTrait;
use debian_pgp::{ArmorOptions, SignedPublicKey, StandaloneSignature};

use crate::formats::openpgp;
use crate::types::printable;
use file::FileKey;
use program::{Program, Shape};

pub(crate) use files::{Kind, Signed, sign_file, verify_file};
pub(crate) use model::{KeySource, Passphrase, SignError};
pub(crate) use rpm::sign_rpm;

/// Something that signs, with what others verify it by.
pub(crate) struct Signer {
    how: How,
    /// The public certificate, armoured.
    certificate: String,
    /// Of its primary key, in upper-case hexadecimal digits.
    fingerprint: String,
    warnings: Vec<String>,
}

enum How {
    File(Box<FileKey>),
    Program(Program),
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

/// What is to be signed: opened as often as it has to be read, never whole in memory.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Content<'a> {
    Bytes(&'a [u8]),
    File(&'a Path),
}

impl<'a> Content<'a> {
    fn open(self) -> io::Result<Box<dyn Read + Send + 'a>> {
        Ok(match self {
            Content::Bytes(bytes) => Box::new(bytes),
            Content::File(path) => Box::new(BufReader::with_capacity(128 * 1024, File::open(path)?)),
        })
    }
}

impl Signer {
    /// Reads the key, and looks whether those who verify will take it. For a program: asks nothing of it yet.
    ///
    /// # Errors
    /// When there is no such key, or it has expired, is revoked or too weak.
    pub(crate) fn open(source: &KeySource) -> Result<Signer, SignError> {
        let (how, certificate, warnings) = match source {
            KeySource::File { path, passphrase } => {
                let (key, certificate, warnings) = file::open(path, passphrase.as_ref())?;
                (How::File(Box::new(key)), certificate, warnings)
            }
            KeySource::Gpg { fingerprint } => {
                let shown = printable(fingerprint);
                let exported = program::export(fingerprint)?;
                let (certificate, warnings) = checked(&exported, &shown)?;
                (How::Program(Program::Gpg { fingerprint: fingerprint.clone() }), certificate, warnings)
            }
            KeySource::Command { words, public_key } => {
                let content = std::fs::read(public_key);
                let content = content.map_err(|source| SignError::Read { path: public_key.clone(), source })?;
                let (certificate, warnings) = checked(&content, &public_key.display().to_string())?;
                (How::Program(Program::Command(words.clone())), certificate, warnings)
            }
        };
        let fingerprint = hex::encode_upper(certificate.primary_key.fingerprint().as_bytes());
        let certificate = certificate.to_armored_string(ArmorOptions::default());
        let certificate = certificate
            .map_err(|error| SignError::Key { key: fingerprint.clone(), reason: printable(&error.to_string()) })?;
        Ok(Signer { how, certificate, fingerprint, warnings })
    }

    /// The public key, armoured: what `Signed-By` and `gpgkey` name.
    pub(crate) fn certificate(&self) -> &str {
        &self.certificate
    }

    pub(crate) fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// What is to be said of the key before anything is signed with it, as sentences.
    pub(crate) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// A detached signature, as the bytes of its packet; `what` names the content in errors.
    pub(crate) fn detached(&self, what: &str, content: Content<'_>) -> Result<Vec<u8>, SignError> {
        let signature = self.signature(what, content)?;
        signature.signature_bytes(what)
    }

    /// A detached signature, armoured.
    pub(crate) fn armoured(&self, what: &str, content: Content<'_>) -> Result<String, SignError> {
        let signature = self.signature(what, content)?;
        let armoured = signature.0.to_armored_string(ArmorOptions::default());
        armoured.map_err(|error| unsigned(what, &error.to_string()))
    }

    fn signature(&self, what: &str, content: Content<'_>) -> Result<Checked, SignError> {
        let io = |error: io::Error| unsigned(what, &error.to_string());
        let mut reader = content.open().map_err(io)?;
        let signature = match &self.how {
            How::File(key) => {
                let signature = key.sign(SignatureType::Binary, reader);
                StandaloneSignature::new(signature.map_err(|reason| unsigned(what, &reason))?)
            }
            How::Program(program) => {
                let written = program.sign(Shape::Detached, &mut reader)?;
                openpgp::one_signature(&written).map_err(|reason| unsigned(what, &reason))?
            }
        };
        let verified = openpgp::verify_one(&signature, content.open().map_err(io)?, self.certificate.as_bytes());
        verified.map_err(|reason| unsigned(what, &reason))?;
        Ok(Checked(signature))
    }

    /// The text with a signature around it, as InRelease and .changes have one. Blanks at the ends of lines go, because
    /// they are signed by some programs and not by others.
    pub(crate) fn cleartext(&self, what: &str, text: &str) -> Result<String, SignError> {
        // The last line's end belongs to the signature's first line.
        let lines: Vec<&str> = text.lines().map(|line| line.trim_end_matches([' ', '\t', '\r'])).collect();
        let text = lines.join("\n");
        let message = match &self.how {
            How::File(key) => {
                let message = CleartextSignedMessage::new_many(&text, |content| {
                    let signed = key.sign(SignatureType::Text, content);
                    Ok(vec![signed.map_err(debian_pgp::errors::Error::Message)?])
                });
                let armoured = message.and_then(|message| message.to_armored_string(ArmorOptions::default()));
                armoured.map_err(|error| unsigned(what, &error.to_string()))?
            }
            How::Program(program) => {
                let content = format!("{text}\n");
                let written = program.sign(Shape::Cleartext, &mut content.as_bytes())?;
                String::from_utf8(written).map_err(|_| unsigned(what, "the signature is no text"))?
            }
        };
        let signed = openpgp::verify_cleartext(&message, self.certificate.as_bytes());
        match signed.map_err(|reason| unsigned(what, &reason))? == format!("{text}\n") {
            true => Ok(message),
            false => Err(unsigned(what, "the program has signed another text")),
        }
    }
}

struct Checked(StandaloneSignature);

impl Checked {
    fn signature_bytes(&self, what: &str) -> Result<Vec<u8>, SignError> {
        self.0.to_bytes().map_err(|error| unsigned(what, &error.to_string()))
    }
}

fn unsigned(what: &str, reason: &str) -> SignError {
    SignError::Content { what: printable(what), reason: printable(reason) }
}

/// The one certificate in a file of public keys, with what is to be said of it.
fn checked(content: &[u8], key: &str) -> Result<(SignedPublicKey, Vec<String>), SignError> {
    let wrong = |reason: String| SignError::Key { key: printable(key), reason };
    let keys = openpgp::read(content).map_err(wrong)?;
    let [certificate] = &keys[..] else {
        let count = keys.len();
        return Err(wrong(format!("there are {count} public keys, and one is needed: name its whole fingerprint")));
    };
    let usable = certificate::usable(certificate, Utc::now()).map_err(wrong)?;
    let warnings = usable.into_iter().next().map(|one| one.warnings).unwrap_or_default();
    Ok((certificate.clone(), warnings))
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
