//! OpenPGP keys and detached signatures, as repositories of packages have them. A key is trusted because somebody wrote it
//! down: expiry dates and revocations inside a certificate are not consulted.

use std::io::Read;

use debian_pgp::armor::{self, BlockType};
use debian_pgp::cleartext::CleartextSignedMessage;
use debian_pgp::crypto::hash::HashAlgorithm;
use debian_pgp::packet::SignatureType;
use debian_pgp::ser::Serialize;
use debian_pgp::types::PublicKeyTrait;
use debian_pgp::{ArmorOptions, Deserializable, SignedPublicKey, StandaloneSignature};

use crate::types::printable;

/// The fingerprints of the keys in a file, binary or armoured, in upper-case hexadecimal digits.
///
/// # Errors
/// In words: it holds none, or a secret one, or something that cannot be read.
pub(crate) fn fingerprints(keys: &[u8]) -> Result<Vec<String>, String> {
    if keys.windows(27).any(|window| window == b"-----BEGIN PGP PRIVATE KEY ") {
        return Err("it is a secret key: `gpg --export --armor` writes the public one".to_owned());
    }
    let found: Vec<String> = read(keys)?.iter().map(fingerprint).collect();
    if found.is_empty() { Err("it holds no public OpenPGP key".to_owned()) } else { Ok(found) }
}

/// Of the primary key, in upper-case hexadecimal digits.
pub(crate) fn fingerprint(key: &SignedPublicKey) -> String {
    hex::encode_upper(key.primary_key.fingerprint().as_bytes())
}

/// The public keys in a file, binary or armoured.
///
/// # Errors
/// In words: something in it cannot be read.
pub(crate) fn read(keys: &[u8]) -> Result<Vec<SignedPublicKey>, String> {
    let wrong =
        |error: debian_pgp::errors::Error| format!("it holds no public OpenPGP key: {}", printable(&error.to_string()));
    let mut found = Vec::new();
    for block in blocks(keys) {
        let (keys, _) = SignedPublicKey::from_reader_many(block).map_err(wrong)?;
        found.extend(keys.collect::<Result<Vec<_>, _>>().map_err(wrong)?);
    }
    Ok(found)
}

/// The armoured blocks of a file, as `cat` puts them together; of a binary one, all of it.
fn blocks(content: &[u8]) -> Vec<&[u8]> {
    const BEGIN: &[u8] = b"-----BEGIN PGP ";
    let starts: Vec<usize> = (0..content.len()).filter(|at| content[*at..].starts_with(BEGIN)).collect();
    if starts.is_empty() {
        return vec![content];
    }
    let ends = starts.iter().skip(1).copied().chain([content.len()]);
    starts.iter().zip(ends).map(|(start, end)| &content[*start..end]).collect()
}

/// Whether one of `keys` has made the detached signature (binary or armoured) of `content`.
///
/// # Errors
/// In words.
pub(crate) fn verify_detached(content: &[u8], signature: &[u8], keys: &[u8]) -> Result<(), String> {
    signers_of_detached(content, signature, keys).map(drop)
}

/// The fingerprints of those of `keys` that have made a detached signature (binary or armoured) of `content`.
///
/// # Errors
/// In words, when none has.
pub(crate) fn signers_of_detached(content: &[u8], signature: &[u8], keys: &[u8]) -> Result<Vec<String>, String> {
    signers(&signatures(signature)?, content, keys)
}

/// Those of `keys` that have made one of the signatures; an error when none has.
fn signers(signatures: &[StandaloneSignature], content: &[u8], keys: &[u8]) -> Result<Vec<String>, String> {
    let has_signed = |key: &SignedPublicKey| {
        signatures.iter().any(|StandaloneSignature { signature }| {
            is_good(signature, &key.primary_key, content)
                || key.public_subkeys.iter().any(|subkey| is_good(signature, &subkey.key, content))
        })
    };
    let good: Vec<String> = read(keys)?.iter().filter(|key| has_signed(key)).map(fingerprint).collect();
    let issuers = signatures.iter().flat_map(|one| one.signature.issuer().into_iter());
    let issuers: Vec<String> = issuers.map(|key| hex::encode_upper(key.as_ref())).collect();
    match (good.is_empty(), issuers.is_empty()) {
        (false, _) => Ok(good),
        (true, true) => Err("it carries no signature".to_owned()),
        (true, false) => {
            Err(format!("none of the given keys has signed it as it is (signed by {})", issuers.join(", ")))
        }
    }
}

/// The detached signatures in a file, armoured or binary.
///
/// # Errors
/// In words.
pub(crate) fn signatures(signatures: &[u8]) -> Result<Vec<StandaloneSignature>, String> {
    let wrong =
        |error: debian_pgp::errors::Error| format!("its signature cannot be read: {}", printable(&error.to_string()));
    let mut found = Vec::new();
    for block in blocks(signatures) {
        let (signatures, _) = StandaloneSignature::from_reader_many(block).map_err(wrong)?;
        found.extend(signatures.collect::<Result<Vec<_>, _>>().map_err(wrong)?);
    }
    Ok(found)
}

/// The one detached signature that somebody has written, armoured or binary.
///
/// # Errors
/// In words.
pub(crate) fn one_signature(signature: &[u8]) -> Result<StandaloneSignature, String> {
    let mut found = signatures(signature)?;
    match (found.pop(), found.is_empty()) {
        (Some(signature), true) => Ok(signature),
        (None, _) => Err("there is no signature".to_owned()),
        (Some(_), false) => Err("there is more than one signature".to_owned()),
    }
}

/// Packets one after the other, for one block of armour: not all who read keys and signatures look for a second block.
struct Packets<'a, T>(&'a [T]);

impl<T: Serialize> Serialize for Packets<'_, T> {
    fn to_writer<W: std::io::Write>(&self, writer: &mut W) -> debian_pgp::errors::Result<()> {
        self.0.iter().try_for_each(|one| one.to_writer(writer))
    }
}

fn armoured<T: Serialize>(packets: &[T], kind: BlockType) -> Result<String, String> {
    let (mut text, options) = (Vec::new(), ArmorOptions::default());
    let written = armor::write(&Packets(packets), kind, &mut text, options.headers, options.include_checksum);
    written.map_err(|error| printable(&error.to_string()))?;
    String::from_utf8(text).map_err(|error| error.to_string())
}

/// Public keys as one armoured block.
///
/// # Errors
/// In words.
pub(crate) fn armoured_keys(keys: &[SignedPublicKey]) -> Result<String, String> {
    armoured(keys, BlockType::PublicKey)
}

/// Detached signatures as one armoured block.
///
/// # Errors
/// In words.
pub(crate) fn armoured_signatures(signatures: &[StandaloneSignature]) -> Result<String, String> {
    armoured(signatures, BlockType::Signature)
}

/// Whether one of `keys` has made this signature of what is read; a stream of any length.
///
/// # Errors
/// In words.
pub(crate) fn verify_one(signature: &StandaloneSignature, content: impl Read, keys: &[u8]) -> Result<(), String> {
    let signature = &signature.signature;
    let keys = read(keys)?;
    if !is_acceptable(signature) {
        return Err("the signature is of a kind that is not to be trusted".to_owned());
    }
    // The content can be read once: which key it is, the signature says.
    let issuers: Vec<_> = signature.issuer().into_iter().map(|id| id.as_ref().to_vec()).collect();
    let fingerprints: Vec<_> = signature.issuer_fingerprint().into_iter().map(|one| one.as_bytes().to_vec()).collect();
    let is_it = |key: &dyn Named| issuers.contains(&key.id()) || fingerprints.contains(&key.whole());
    for key in &keys {
        if is_it(&key.primary_key) {
            return verified(signature.verify(&key.primary_key, content));
        }
        if let Some(subkey) = key.public_subkeys.iter().find(|subkey| is_it(&subkey.key)) {
            return verified(signature.verify(&subkey.key, content));
        }
    }
    Err("another key than the given one has signed it".to_owned())
}

fn verified(result: Result<(), debian_pgp::errors::Error>) -> Result<(), String> {
    result.map_err(|_| "the signature is not that of this content".to_owned())
}

/// The text of a clear-signed message (RFC 4880, 7), when one of `keys` has signed it.
///
/// # Errors
/// In words.
pub(crate) fn verify_cleartext(message: &str, keys: &[u8]) -> Result<String, String> {
    signers_of_cleartext(message, keys).map(|(text, _)| text)
}

/// The same, with the fingerprints of those of `keys` that have signed it.
///
/// # Errors
/// In words, when none has.
pub(crate) fn signers_of_cleartext(message: &str, keys: &[u8]) -> Result<(String, Vec<String>), String> {
    let message = cleartext(message)?;
    let text = message.signed_text();
    let good = signers(message.signatures(), text.as_bytes(), keys)?;
    Ok((text.replace("\r\n", "\n") + "\n", good))
}

/// One clear-signed message of `text`, which lacks the end of its last line, with the signatures of all the messages.
///
/// # Errors
/// In words.
pub(crate) fn merged_cleartext(text: &str, messages: &[String]) -> Result<String, String> {
    let mut signatures = Vec::new();
    for message in messages {
        signatures.extend(cleartext(message)?.signatures().iter().map(|one| one.signature.clone()));
    }
    let merged = CleartextSignedMessage::new_many(text, |_| Ok(signatures));
    let armoured = merged.and_then(|message| message.to_armored_string(ArmorOptions::default()));
    armoured.map_err(|error| printable(&error.to_string()))
}

/// The text of a clear-signed message, whoever has signed it.
///
/// # Errors
/// In words.
pub(crate) fn text_of_cleartext(message: &str) -> Result<String, String> {
    Ok(cleartext(message)?.signed_text().replace("\r\n", "\n") + "\n")
}

fn cleartext(message: &str) -> Result<CleartextSignedMessage, String> {
    let parsed = CleartextSignedMessage::from_string(message);
    let (message, _) = parsed.map_err(|error| format!("it is not clear-signed: {}", printable(&error.to_string())))?;
    Ok(message)
}

/// A key's names.
trait Named {
    fn id(&self) -> Vec<u8>;
    fn whole(&self) -> Vec<u8>;
}

impl<K: PublicKeyTrait> Named for K {
    fn id(&self) -> Vec<u8> {
        self.key_id().as_ref().to_vec()
    }

    fn whole(&self) -> Vec<u8> {
        self.fingerprint().as_bytes().to_vec()
    }
}

fn is_good(signature: &debian_pgp::Signature, key: &impl PublicKeyTrait, content: &[u8]) -> bool {
    is_acceptable(signature) && signature.verify(key, content).is_ok()
}

fn is_acceptable(signature: &debian_pgp::Signature) -> bool {
    let kind = matches!(signature.config.typ, SignatureType::Text | SignatureType::Binary);
    let hash = matches!(
        signature.config.hash_alg,
        HashAlgorithm::SHA2_256 | HashAlgorithm::SHA2_384 | HashAlgorithm::SHA2_512
    );
    kind && hash
}
