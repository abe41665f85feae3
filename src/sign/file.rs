//! A secret key in a file. What is held of it in memory is overwritten when it is dropped, and no core dump has it.

use std::io::Read;
use std::path::Path;

use chrono::{SubsecRound, Utc};
use debian_pgp::crypto::hash::HashAlgorithm;
use debian_pgp::packet::{SignatureConfig, SignatureType, Subpacket, SubpacketData};
use debian_pgp::types::{PublicKeyTrait, PublicParams, SecretKeyTrait};
use debian_pgp::{Deserializable, Signature, SignedPublicKey, SignedSecretKey};
use zeroize::Zeroizing;

use super::certificate;
use super::model::{Passphrase, SignError};
use crate::types::printable;

/// Larger files are no keys.
const LARGEST: u64 = 1 << 20;

/// Unlocked, and the part of it that signs.
pub(super) struct FileKey {
    key: SignedSecretKey,
    /// The number of the subkey; none for the primary key.
    subkey: Option<usize>,
}

/// The key, its public certificate, and what is to be said of it.
pub(super) fn open(
    path: &Path,
    passphrase: Option<&Passphrase>,
) -> Result<(FileKey, SignedPublicKey, Vec<String>), SignError> {
    no_core_dumps();
    let wrong = |reason: String| SignError::Key { key: path.display().to_string(), reason: printable(&reason) };
    let mut bytes = Zeroizing::new(Vec::new());
    let read = std::fs::File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes));
    read.map_err(|source| SignError::Read { path: path.to_owned(), source })?;
    if bytes.len() as u64 > LARGEST {
        return Err(wrong("it is too large for a key".to_owned()));
    }
    let broken = |error: debian_pgp::errors::Error| {
        wrong(format!("it holds no secret OpenPGP key, as `gpg --export-secret-keys --armor` writes one: {error}"))
    };
    let (mut keys, _) = SignedSecretKey::from_reader_many(&bytes[..]).map_err(broken)?;
    let mut key = match (keys.next(), keys.next()) {
        (Some(key), None) => key.map_err(broken)?,
        (None, _) => return Err(wrong("it holds no secret OpenPGP key".to_owned())),
        (Some(_), Some(_)) => return Err(wrong("it holds more than one secret key: leave one in it".to_owned())),
    };
    drop(keys);
    let public = SignedPublicKey::from(key.clone());
    let usable = certificate::usable(&public, Utc::now()).map_err(wrong)?;
    // Of an exported subkey alone the primary key is a stub that cannot sign.
    let mut problem = "it holds the public part of its signing key alone".to_owned();
    for part in usable {
        let subkey = key.secret_subkeys.iter().position(|subkey| fingerprint(&subkey.key) == part.fingerprint);
        if subkey.is_none() && fingerprint(&key.primary_key) != part.fingerprint {
            continue;
        }
        match unlock(&mut key, subkey, passphrase)? {
            Ok(()) => return Ok((FileKey { key, subkey }, public, part.warnings)),
            Err(reason) => problem = reason,
        }
    }
    Err(wrong(problem))
}

fn fingerprint(key: &impl PublicKeyTrait) -> String {
    hex::encode_upper(key.fingerprint().as_bytes())
}

fn unlock(
    key: &mut SignedSecretKey,
    subkey: Option<usize>,
    passphrase: Option<&Passphrase>,
) -> Result<Result<(), String>, SignError> {
    let params = match subkey {
        Some(number) => key.secret_subkeys[number].key.secret_params(),
        None => key.primary_key.secret_params(),
    };
    if !params.is_encrypted() {
        return Ok(Ok(()));
    }
    let Some(passphrase) = passphrase else {
        let reason = "it is protected by a passphrase: name the file or the environment variable that holds it, as \
                      passphrase-file or passphrase-env in [sign] of the configuration";
        return Ok(Err(reason.to_owned()));
    };
    let secret = read_passphrase(passphrase)?;
    // The library takes a String of its own, which it does not overwrite.
    let given = || secret.as_str().to_owned();
    let done = match subkey {
        Some(number) => key.secret_subkeys[number].key.remove_password(given),
        None => key.primary_key.remove_password(given),
    };
    Ok(done.map_err(|_| "the passphrase is not the right one".to_owned()))
}

fn read_passphrase(passphrase: &Passphrase) -> Result<Zeroizing<String>, SignError> {
    let text = match passphrase {
        Passphrase::File(path) => {
            std::fs::read_to_string(path).map_err(|source| SignError::Read { path: path.clone(), source })?
        }
        Passphrase::Variable(name) => std::env::var(name).map_err(|_| SignError::Key {
            key: "the configured key".to_owned(),
            reason: format!("passphrase-env names {}, which is not set", printable(name)),
        })?,
    };
    let text = Zeroizing::new(text);
    Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
}

impl FileKey {
    pub(super) fn sign(&self, kind: SignatureType, data: impl Read) -> Result<Signature, String> {
        let signed = match self.subkey {
            Some(number) => sign(&self.key.secret_subkeys[number].key, kind, data),
            None => sign(&self.key.primary_key, kind, data),
        };
        signed.map_err(|error| error.to_string())
    }
}

fn sign(key: &impl SecretKeyTrait, kind: SignatureType, data: impl Read) -> debian_pgp::errors::Result<Signature> {
    // Ed25519 in rpm of EL 8 and RSA everywhere take SHA-512; NIST curves have a hash of their own.
    let hash = match key.public_params() {
        PublicParams::ECDSA(_) => key.hash_alg(),
        _ => HashAlgorithm::SHA2_512,
    };
    let mut config = SignatureConfig::v4(kind, key.algorithm(), hash);
    config.hashed_subpackets = vec![
        Subpacket::regular(SubpacketData::IssuerFingerprint(key.fingerprint())),
        Subpacket::regular(SubpacketData::SignatureCreationTime(Utc::now().trunc_subsecs(0))),
    ];
    config.unhashed_subpackets = vec![Subpacket::regular(SubpacketData::Issuer(key.key_id()))];
    config.sign(key, String::new, data)
}

/// From now on, for the rest of this process: neither the kernel nor another process of this user reads its memory.
fn no_core_dumps() {
    #[cfg(target_os = "linux")]
    {
        use nix::sys::resource::{Resource, setrlimit};
        // What is refused leaves things as they are: the key is held all the same, as any program would.
        let _ = nix::sys::prctl::set_dumpable(false);
        let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    }
}
