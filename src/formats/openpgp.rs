//! OpenPGP keys and detached signatures, as repositories of packages have them. A key is trusted because somebody wrote it
//! down: expiry dates and revocations inside a certificate are not consulted.

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

fn read(keys: &[u8]) -> Result<Vec<SignedPublicKey>, String> {
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

fn is_good(signature: &debian_pgp::Signature, key: &impl PublicKeyTrait, content: &[u8]) -> bool {
    let kind = matches!(signature.config.typ, SignatureType::Text | SignatureType::Binary);
    let hash = matches!(
        signature.config.hash_alg,
        HashAlgorithm::SHA2_256 | HashAlgorithm::SHA2_384 | HashAlgorithm::SHA2_512
    );
    kind && hash && signature.verify(key, content).is_ok()
}
