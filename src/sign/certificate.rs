//! Whether a key can be signed with at all, for those who verify: looked at before anything is written. What apt, rpm and gpgv
//! refuse is refused here; what they will refuse soon is a warning.

use chrono::{DateTime, Duration, Utc};
use debian_pgp::crypto::hash::HashAlgorithm;
use debian_pgp::packet::{KeyFlags, SignatureType};
use debian_pgp::types::{PublicKeyTrait, PublicParams};
use debian_pgp::{Signature, SignedPublicKey};

/// What is said of a key that ends this soon.
const SOON_DAYS: i64 = 30;
const SMALLEST_RSA_BITS: usize = 2048;

/// A part of a certificate that may sign now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Usable {
    /// Of the primary key or of a subkey, in upper-case hexadecimal digits.
    pub(super) fingerprint: String,
    /// Sentences for people.
    pub(super) warnings: Vec<String>,
}

/// The parts of a certificate that may sign, subkeys before the primary key, the newest first, as GnuPG chooses.
///
/// # Errors
/// Why none may, in words that follow the name of the key.
pub(super) fn usable(certificate: &SignedPublicKey, now: DateTime<Utc>) -> Result<Vec<Usable>, String> {
    let primary = &certificate.primary_key;
    if certificate.details.revocation_signatures.iter().any(|one| one.verify_key(primary).is_ok()) {
        return Err("it is revoked".to_owned());
    }
    let of_users = certificate.details.users.iter().flat_map(|user| {
        let is_own =
            |one: &&Signature| one.verify_certification(primary, debian_pgp::types::Tag::UserId, &user.id).is_ok();
        user.signatures.iter().filter(is_own)
    });
    let direct = certificate.details.direct_signatures.iter().filter(|one| one.verify_key(primary).is_ok());
    let Some(own) = of_users.chain(direct).max_by_key(|one| one.created().copied()) else {
        return Err("it carries no valid signature of its own, so nobody believes what it says of itself".to_owned());
    };
    let mut shared = Vec::new();
    check_time(primary, own, now, "it", &mut shared)?;
    check_strength(primary.public_params())?;
    check_hash(own, &mut shared);

    let mut why = Vec::new();
    let mut found: Vec<(DateTime<Utc>, Usable)> = Vec::new();
    for subkey in &certificate.public_subkeys {
        let bound = |kind: SignatureType| subkey.signatures.iter().filter(move |one| one.typ() == kind);
        let bindings =
            bound(SignatureType::SubkeyBinding).filter(|one| one.verify_key_binding(primary, &subkey.key).is_ok());
        let Some(binding) = bindings.max_by_key(|one| one.created().copied()) else { continue };
        if !binding.key_flags().sign() {
            continue;
        }
        let fingerprint = hex::encode_upper(subkey.key.fingerprint().as_bytes());
        let mut warnings = shared.clone();
        let checked = match bound(SignatureType::SubkeyRevocation).next() {
            Some(_) => Err("is revoked".to_owned()),
            None => check_time(&subkey.key, binding, now, "its subkey", &mut warnings)
                .and_then(|()| check_strength(subkey.key.public_params())),
        };
        match checked {
            Ok(()) => {
                check_hash(binding, &mut warnings);
                warnings.dedup();
                found.push((*subkey.key.created_at(), Usable { fingerprint, warnings }));
            }
            Err(reason) => why.push(format!("subkey {fingerprint}: {reason}")),
        }
    }
    found.sort_by_key(|(created, _)| std::cmp::Reverse(*created));
    let mut usable: Vec<Usable> = found.into_iter().map(|(_, one)| one).collect();
    let flags = own.key_flags();
    if (flags.sign() || flags == KeyFlags::default()) && primary.is_signing_key() {
        let fingerprint = hex::encode_upper(primary.fingerprint().as_bytes());
        usable.push(Usable { fingerprint, warnings: shared });
    }
    match (usable.is_empty(), why.first()) {
        (false, _) => Ok(usable),
        (true, Some(reason)) => Err(reason.clone()),
        (true, None) => Err("it is not made for signing".to_owned()),
    }
}

fn check_time(
    key: &impl PublicKeyTrait,
    binding: &Signature,
    now: DateTime<Utc>,
    what: &str,
    warnings: &mut Vec<String>,
) -> Result<(), String> {
    if *key.created_at() > now {
        return Err(format!("{what} was made on {}, which is to come: is the clock right?", day(*key.created_at())));
    }
    let Some(lasts) = binding.key_expiration_time().filter(|lasts| !lasts.is_zero()) else { return Ok(()) };
    let end = *key.created_at() + *lasts;
    if end <= now {
        return Err(format!("{what} expired on {}: `gpg --quick-set-expire` gives it a new date", day(end)));
    }
    if end - now < Duration::days(SOON_DAYS) {
        warnings.push(format!("{what} expires on {}: users need the renewed public key before", day(end)));
    }
    Ok(())
}

fn day(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d").to_string()
}

fn check_strength(params: &PublicParams) -> Result<(), String> {
    match params {
        PublicParams::RSA { n, .. } => {
            let bytes = n.as_bytes();
            let leading = bytes.first().map_or(0, |byte| byte.leading_zeros() as usize);
            let bits = (bytes.len() * 8).saturating_sub(leading);
            match bits < SMALLEST_RSA_BITS {
                true => Err(format!(
                    "it is an RSA key of {bits} bits, and apt and rpm refuse less than {SMALLEST_RSA_BITS}"
                )),
                false => Ok(()),
            }
        }
        PublicParams::DSA { .. } => Err("it is a DSA key, which apt refuses: make one of RSA or Ed25519".to_owned()),
        _ => Ok(()),
    }
}

fn check_hash(signature: &Signature, warnings: &mut Vec<String>) {
    if matches!(signature.hash_alg(), HashAlgorithm::SHA1 | HashAlgorithm::MD5) {
        let text = "its own signature is made with SHA-1, which apt of Debian 13 refuses: `gpg --cert-digest-algo SHA256 \
                    --quick-set-expire` makes it anew";
        warnings.push(text.to_owned());
    }
}
