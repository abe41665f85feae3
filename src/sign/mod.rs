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

/// Something that signs, with what others verify it by: one key, or several while users go over from one to the next.
pub(crate) struct Signer {
    /// All of them sign indexes and documents; the first one signs packages, which have room for one signature.
    keys: Vec<Key>,
    /// All public certificates, as one armoured block.
    certificate: String,
    fingerprint: String,
}

struct Key {
    how: How,
    /// Of this key alone, armoured.
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
    /// One key, as [`Signer::open_all`].
    #[cfg(test)]
    pub(crate) fn open(source: &KeySource) -> Result<Signer, SignError> {
        Signer::open_all(std::slice::from_ref(source))
    }

    /// Reads the keys, at least one, and looks whether those who verify will take them. For a program: asks nothing of it yet.
    ///
    /// # Errors
    /// When there is no such key, it has expired, is revoked or too weak, or one is there twice.
    pub(crate) fn open_all(sources: &[KeySource]) -> Result<Signer, SignError> {
        let mut keys: Vec<Key> = Vec::new();
        let mut certificates = Vec::new();
        for source in sources {
            let (key, certificate) = Key::open(source)?;
            if keys.iter().any(|known| known.fingerprint == key.fingerprint) {
                return Err(SignError::Key { key: key.fingerprint, reason: "it is named twice".to_owned() });
            }
            keys.push(key);
            certificates.push(certificate);
        }
        let fingerprint = keys.iter().map(|key| key.fingerprint.as_str()).collect::<Vec<_>>().join(" and ");
        let certificate = openpgp::armoured_keys(&certificates)
            .map_err(|reason| SignError::Key { key: fingerprint.clone(), reason })?;
        Ok(Signer { keys, certificate, fingerprint })
    }

    /// The public keys, armoured: what `Signed-By` and `gpgkey` name.
    pub(crate) fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Of the key, or of all with `and` between them.
    pub(crate) fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Of the key that signs packages.
    pub(crate) fn first_fingerprint(&self) -> &str {
        self.keys.first().map_or("", |key| &key.fingerprint)
    }

    /// What is to be said of each key before anything is signed with it, as sentences, with its fingerprint.
    pub(crate) fn warnings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.keys.iter().flat_map(|key| key.warnings.iter().map(|warning| (&*key.fingerprint, warning.as_str())))
    }

    /// A detached signature of the first key, as the bytes of its packet; `what` names the content in errors.
    pub(crate) fn detached(&self, what: &str, content: Content<'_>) -> Result<Vec<u8>, SignError> {
        let Some(key) = self.keys.first() else { return Err(unsigned(what, "there is no key")) };
        let signature = key.detached(what, content)?;
        signature.to_bytes().map_err(|error| unsigned(what, &error.to_string()))
    }

    /// The detached signatures of all keys, as one armoured block.
    pub(crate) fn armoured(&self, what: &str, content: Content<'_>) -> Result<String, SignError> {
        let signatures: Vec<StandaloneSignature> =
            self.keys.iter().map(|key| key.detached(what, content)).collect::<Result<_, _>>()?;
        openpgp::armoured_signatures(&signatures).map_err(|reason| unsigned(what, &reason))
    }

    /// The text with the signatures of all keys around it, as InRelease and .changes have them. Blanks at the ends of lines go,
    /// because they are signed by some programs and not by others.
    pub(crate) fn cleartext(&self, what: &str, text: &str) -> Result<String, SignError> {
        // The last line's end belongs to the signature's first line.
        let lines: Vec<&str> = text.lines().map(|line| line.trim_end_matches([' ', '\t', '\r'])).collect();
        let text = lines.join("\n");
        let mut messages: Vec<String> =
            self.keys.iter().map(|key| key.cleartext(what, &text)).collect::<Result<_, _>>()?;
        if let [_] = messages[..] {
            return Ok(messages.remove(0));
        }
        let merged = openpgp::merged_cleartext(&text, &messages).map_err(|reason| unsigned(what, &reason))?;
        // What is read back is what each client will look at.
        for key in &self.keys {
            key.verify_cleartext(what, &merged, &text)?;
        }
        Ok(merged)
    }
}

impl Key {
    fn open(source: &KeySource) -> Result<(Key, SignedPublicKey), SignError> {
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
        let armoured = openpgp::armoured_keys(std::slice::from_ref(&certificate))
            .map_err(|reason| SignError::Key { key: fingerprint.clone(), reason })?;
        Ok((Key { how, certificate: armoured, fingerprint, warnings }, certificate))
    }

    fn detached(&self, what: &str, content: Content<'_>) -> Result<StandaloneSignature, SignError> {
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
        Ok(signature)
    }

    /// `text`: without the end of its last line.
    fn cleartext(&self, what: &str, text: &str) -> Result<String, SignError> {
        let message = match &self.how {
            How::File(key) => {
                let message = CleartextSignedMessage::new_many(text, |content| {
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
        self.verify_cleartext(what, &message, text)?;
        Ok(message)
    }

    fn verify_cleartext(&self, what: &str, message: &str, text: &str) -> Result<(), SignError> {
        let signed = openpgp::verify_cleartext(message, self.certificate.as_bytes());
        match signed.map_err(|reason| unsigned(what, &reason))? == format!("{text}\n") {
            true => Ok(()),
            false => Err(unsigned(what, "the program has signed another text")),
        }
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
