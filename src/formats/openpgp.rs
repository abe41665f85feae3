//! OpenPGP keys and detached signatures, as repositories of packages have them. A key is trusted because somebody wrote it
//! down: expiry dates and revocations inside a certificate are not consulted.

use std::io::Read;

use debian_pgp::cleartext::CleartextSignedMessage;
use debian_pgp::crypto::hash::HashAlgorithm;
use debian_pgp::packet::SignatureType;
use debian_pgp::types::PublicKeyTrait;
use debian_pgp::{Deserializable, SignedPublicKey, StandaloneSignature};

use crate::types::printable;

/// The fingerprints of the keys in a file, binary or armoured, in upper-case hexadecimal digits.
///
/// # Errors
/// In words: it holds none, or a secret one, or something that cannot be read.
pub(crate) fn fingerprints(keys: &[u8]) -> Result<Vec<String>, String> {
    if keys.windows(27).any(|window| window == b"-----BEGIN PGP PRIVATE KEY ") {
        return Err("it is a secret key: `gpg --export --armor` writes the public one".to_owned());
    }
    let fingerprint = |key: SignedPublicKey| hex::encode_upper(key.primary_key.fingerprint().as_bytes());
    let found: Vec<String> = read(keys)?.into_iter().map(fingerprint).collect();
    if found.is_empty() { Err("it holds no public OpenPGP key".to_owned()) } else { Ok(found) }
}

/// The public keys in a file, binary or armoured.
///
/// # Errors
/// In words: something in it cannot be read.
pub(crate) fn read(keys: &[u8]) -> Result<Vec<SignedPublicKey>, String> {
    let wrong =
        |error: debian_pgp::errors::Error| format!("it holds no public OpenPGP key: {}", printable(&error.to_string()));
    let (keys, _) = SignedPublicKey::from_reader_many(keys).map_err(wrong)?;
    keys.collect::<Result<_, _>>().map_err(wrong)
}

/// Whether one of `keys` has made the detached signature (binary or armoured) of `content`.
///
/// # Errors
/// In words.
pub(crate) fn verify_detached(content: &[u8], signature: &[u8], keys: &[u8]) -> Result<(), String> {
    let wrong =
        |error: debian_pgp::errors::Error| format!("its signature cannot be read: {}", printable(&error.to_string()));
    let (signatures, _) = StandaloneSignature::from_reader_many(signature).map_err(wrong)?;
    let signatures: Vec<StandaloneSignature> = signatures.collect::<Result<_, _>>().map_err(wrong)?;
    let keys = read(keys)?;
    let mut issuers = Vec::new();
    for StandaloneSignature { signature } in &signatures {
        for key in &keys {
            let is_good = is_good(signature, &key.primary_key, content)
                || key.public_subkeys.iter().any(|subkey| is_good(signature, &subkey.key, content));
            if is_good {
                return Ok(());
            }
        }
        issuers.extend(signature.issuer().into_iter().map(|key| hex::encode(key.as_ref())));
    }
    match issuers.is_empty() {
        true => Err("it carries no signature".to_owned()),
        false => Err(format!("none of the given keys has signed it as it is (signed by {})", issuers.join(", "))),
    }
}

/// The one detached signature that somebody has written, armoured or binary.
///
/// # Errors
/// In words.
pub(crate) fn one_signature(signature: &[u8]) -> Result<StandaloneSignature, String> {
    let wrong =
        |error: debian_pgp::errors::Error| format!("the signature cannot be read: {}", printable(&error.to_string()));
    let (mut signatures, _) = StandaloneSignature::from_reader_many(signature).map_err(wrong)?;
    match (signatures.next(), signatures.next()) {
        (Some(signature), None) => signature.map_err(wrong),
        (None, _) => Err("there is no signature".to_owned()),
        (Some(_), Some(_)) => Err("there is more than one signature".to_owned()),
    }
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
    let message = cleartext(message)?;
    let text = message.signed_text();
    let keys = read(keys)?;
    let mut issuers = Vec::new();
    for StandaloneSignature { signature } in message.signatures() {
        for key in &keys {
            let is_good = is_good(signature, &key.primary_key, text.as_bytes())
                || key.public_subkeys.iter().any(|subkey| is_good(signature, &subkey.key, text.as_bytes()));
            if is_good {
                return Ok(text.replace("\r\n", "\n") + "\n");
            }
        }
        issuers.extend(signature.issuer().into_iter().map(|key| hex::encode_upper(key.as_ref())));
    }
    match issuers.is_empty() {
        true => Err("it carries no signature".to_owned()),
        false => Err(format!("none of the given keys has signed it as it is (signed by {})", issuers.join(", "))),
    }
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
