//! InRelease files: who signed them, whether they are the suite asked for and still valid, and which index files they
//! vouch for. The one file that uses debian-packaging; fetching is the parent module's.
//!
//! A key is trusted as long as its keyring ships with farm: expiry dates and revocations inside a certificate are not
//! consulted, since an archive that is past its end of life is signed by keys that are, too.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use debian_packaging::repository::release::{ChecksumType, ReleaseFile};
use debian_pgp::crypto::hash::HashAlgorithm;
use debian_pgp::packet::SignatureType;
use debian_pgp::types::PublicKeyTrait;
use debian_pgp::{Deserializable, SignedPublicKey};

use super::suite::{Owner, Suite};
use crate::types::{human_duration, printable};

/// How far ahead of ours an archive's clock may be. A day would let a laptop that slept replay nothing more than an
/// hour does.
const CLOCK_SLACK: TimeDelta = TimeDelta::hours(1);

/// What a verified InRelease file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Release {
    pub(super) suite: Option<String>,
    pub(super) codename: Option<String>,
    pub(super) date: Option<DateTime<Utc>>,
    pub(super) valid_until: Option<DateTime<Utc>>,
    /// Index files can also be had under their hash.
    pub(super) by_hash: bool,
    /// Packages of `Architecture: all` are not listed with those of each architecture.
    pub(super) separate_all: bool,
    /// Index files by path relative to the suite.
    pub(super) files: BTreeMap<String, IndexEntry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IndexEntry {
    pub(super) size: u64,
    /// 64 lower-case hexadecimal digits.
    pub(super) sha256: String,
}

/// Reads an InRelease file, if one of the keyrings' keys (each file binary or armored) has signed it.
/// The error is the reason.
pub(super) fn verify(text: &[u8], keyrings: &[Vec<u8>]) -> Result<Release, String> {
    let release = ReleaseFile::from_armored_reader(text).map_err(|error| printable(&error.to_string()))?;
    let signatures = release.signatures().ok_or("it is not signed")?;
    let mut issuers = Vec::new();
    for signature in signatures.iter_signatures() {
        issuers.extend(signature.issuer().into_iter().map(|key| hex::encode(key.as_ref())));
    }
    let mut trusted = false;
    let mut unread = String::new();
    for keyring in keyrings {
        let keys = SignedPublicKey::from_reader_many(&keyring[..]).map_err(|error| format!("keyring: {error}"))?.0;
        for key in keys {
            // A keyring may hold a key of a kind that is too new for us beside the ones that count.
            let key = match key {
                Ok(key) => key,
                Err(error) => {
                    unread = format!("; a key of the keyring cannot be read: {error}");
                    continue;
                }
            };
            trusted |= signed_by(&release, &key.primary_key)?;
            for subkey in &key.public_subkeys {
                trusted |= signed_by(&release, &subkey.key)?;
            }
        }
    }
    if !trusted {
        return Err(if issuers.is_empty() {
            "it carries no signature".to_owned()
        } else {
            format!("it is signed by unknown keys only ({}){unread}", issuers.join(", "))
        });
    }
    read(&release)
}

/// Reads an InRelease or Release file of which no signature is wanted. The error is the reason.
pub(super) fn unverified(text: &[u8]) -> Result<Release, String> {
    let release = match text.starts_with(b"-----BEGIN PGP SIGNED MESSAGE") {
        true => ReleaseFile::from_armored_reader(text),
        false => ReleaseFile::from_reader(text),
    };
    read(&release.map_err(|error| printable(&error.to_string()))?)
}

/// Whether `key` has signed; a signature in its name that does not hold is an error, whatever other keys say.
fn signed_by(release: &ReleaseFile<'_>, key: &impl PublicKeyTrait) -> Result<bool, String> {
    let Some(signatures) = release.signatures() else { return Ok(false) };
    let mut strong = false;
    for signature in signatures.iter_signatures_from_key(key) {
        let kind = matches!(signature.config.typ, SignatureType::Text | SignatureType::Binary);
        let hash = matches!(
            signature.config.hash_alg,
            HashAlgorithm::SHA2_256 | HashAlgorithm::SHA2_384 | HashAlgorithm::SHA2_512
        );
        if !kind || !hash {
            return Err(format!("the signature of key {} is of a kind that proves nothing", hex::encode(key.key_id())));
        }
        strong = true;
    }
    if strong {
        signatures
            .verify(key)
            .map_err(|error| format!("the signature of key {} is bad: {error}", hex::encode(key.key_id())))?;
    }
    Ok(strong)
}

fn read(release: &ReleaseFile<'_>) -> Result<Release, String> {
    let date = |name: &str, value: Option<debian_packaging::error::Result<DateTime<Utc>>>| match value {
        None => Ok(None),
        Some(Ok(date)) => Ok(Some(date)),
        Some(Err(_)) => Err(format!("its {name} field is no date")),
    };
    let mut files = BTreeMap::new();
    let entries = release.iter_index_files(ChecksumType::Sha256).ok_or("it has no SHA256 field")?;
    for entry in entries {
        let entry = entry.map_err(|error| printable(&error.to_string()))?;
        let sha256 = entry.digest.digest_hex();
        if entry.path.split('/').any(|part| part == "..") || entry.path.starts_with('/') || sha256.len() != 64 {
            return Err(format!("its entry {} is not proper", printable(entry.path)));
        }
        files.insert(entry.path.to_owned(), IndexEntry { size: entry.size, sha256: sha256.to_ascii_lowercase() });
    }
    // Debian's own field; without it, and with `all` among the architectures, each index holds but its own.
    let combined = release.field_str("No-Support-for-Architecture-all").is_some_and(|value| value.contains("Packages"));
    let lists_all = release.architectures().is_some_and(|mut architectures| architectures.any(|arch| arch == "all"));
    Ok(Release {
        suite: release.suite().map(str::to_owned),
        codename: release.codename().map(str::to_owned),
        date: date("Date", release.date())?,
        valid_until: date("Valid-Until", release.valid_until())?,
        by_hash: release.acquire_by_hash().unwrap_or(false),
        separate_all: lists_all && !combined,
        files,
    })
}

impl Release {
    /// Whether this is the release of `of`, at `now`. An old one that is tolerated gives a warning to show.
    pub(super) fn check(&self, of: &Suite, now: DateTime<Utc>) -> Result<Option<String>, String> {
        let (suite, tolerate_expired) = (of.suite.as_str(), of.tolerate_expired || of.held.is_some());
        let names = [self.suite.as_deref(), self.codename.as_deref()];
        // One without components is known by its place alone.
        if !names.contains(&Some(suite)) && !of.is_flat() {
            let says = names.into_iter().flatten().map(printable).collect::<Vec<_>>().join(", ");
            return Err(format!("it is of another suite ({says})"));
        }
        match self.date {
            Some(date) if date > now + CLOCK_SLACK => {
                return Err(format!("it is dated {date}, in the future: check this machine's clock"));
            }
            None if of.owner != Owner::Unsigned => return Err("it has no Date field".to_owned()),
            _ => {}
        }
        match self.valid_until {
            Some(until) if until < now => {
                let age = human_age(now - until);
                if tolerate_expired {
                    Ok(Some(format!(
                        "the index of {suite} is {age} past its Valid-Until ({until}), which its definition tolerates; \
                         its mirror may be behind"
                    )))
                } else if of.owner != Owner::Distribution {
                    Err(format!(
                        "it is {age} past its Valid-Until ({until}): its owner has to sign it anew, or something on the way \
                         replays an old one"
                    ))
                } else {
                    Err(format!(
                        "it is {age} past its Valid-Until ({until}): the mirror is behind, or something replays an old \
                         one; choose another mirror, or set `tolerate-expired` in the distribution's [bootstrap]"
                    ))
                }
            }
            _ => Ok(None),
        }
    }
}

fn human_age(age: TimeDelta) -> String {
    match age.num_days() {
        0 => human_duration(age.to_std().unwrap_or_default()),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Signer, skipped};
    use super::*;

    const TEXT: &str = "Origin: Debian\nSuite: stable\nCodename: bookworm\nDate: Sat, 11 Jul 2026 10:16:37 UTC\n\
        Valid-Until: Sat, 18 Jul 2026 10:16:37 UTC\nAcquire-By-Hash: yes\nArchitectures: all amd64\n\
        No-Support-for-Architecture-all: Packages\nSHA256:\n \
        515e692f2c4121c6fcec444ef100cc18f79a991910615f3a88c8b7becfc94d2f 50060337 main/binary-amd64/Packages\n";

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn only_an_untouched_file_of_a_known_key_is_believed() {
        let (Some(signer), Some(stranger)) = (Signer::new(), Signer::new()) else {
            return skipped();
        };
        let signed = signer.sign(TEXT);
        let release = verify(&signed, &[stranger.keyring(), signer.keyring()]).unwrap();
        assert_eq!(release.codename.as_deref(), Some("bookworm"));
        assert!(release.by_hash && !release.separate_all);
        assert_eq!(release.files["main/binary-amd64/Packages"].size, 50_060_337);

        let error = verify(&signed, &[stranger.keyring()]).unwrap_err();
        assert!(error.contains("unknown keys"), "{error}");
        assert!(verify(&signed, &[]).is_err());
        assert!(verify(TEXT.as_bytes(), &[signer.keyring()]).is_err(), "not signed at all");

        let text = String::from_utf8(signed).unwrap();
        let error = verify(text.replace("515e69", "515e68").as_bytes(), &[signer.keyring()]).unwrap_err();
        assert!(error.contains("bad"), "{error}");
        // What stands before or after the signed part must not be taken for signed.
        let before = format!("SHA256:\n {} 1 evil\n\n{text}", "0".repeat(64));
        assert!(verify(before.as_bytes(), &[signer.keyring()]).is_err());
        let after = format!("{text}\nSHA256:\n {} 1 evil\n", "0".repeat(64));
        if let Ok(release) = verify(after.as_bytes(), &[signer.keyring()]) {
            assert!(!release.files.contains_key("evil"));
        }
    }

    #[test]
    fn every_key_that_ships_can_be_read() {
        for name in ["debian-archive-keyring.gpg", "ubuntu-archive-keyring.gpg"] {
            let keyring = crate::distro::keyring(name).unwrap();
            let (keys, _) = SignedPublicKey::from_reader_many(&keyring[..]).unwrap();
            let keys: Vec<_> = keys.collect::<Result<_, _>>().unwrap();
            assert!(!keys.is_empty(), "{name}");
        }
    }

    #[test]
    fn paths_that_leave_the_suite_are_refused() {
        let Some(signer) = Signer::new() else {
            return skipped();
        };
        let signed = signer.sign(&TEXT.replace("main/binary", "../../binary"));
        assert!(verify(&signed, &[signer.keyring()]).is_err());
    }

    fn release() -> Release {
        Release {
            suite: Some("unstable".to_owned()),
            codename: Some("sid".to_owned()),
            date: Some(at("2026-07-11T10:16:37Z")),
            valid_until: Some(at("2026-07-18T10:16:37Z")),
            by_hash: true,
            separate_all: false,
            files: BTreeMap::new(),
        }
    }

    struct Checked(Release);

    impl Checked {
        fn check(&self, suite: &str, tolerate: bool, now: DateTime<Utc>) -> Result<Option<String>, String> {
            self.0.check(&Suite { tolerate_expired: tolerate, ..Suite::for_test("file:///x", suite, &[]) }, now)
        }
    }

    #[test]
    fn what_a_recipe_names_is_told_of_otherwise() {
        let late = at("2026-07-21T11:00:00Z");
        let foreign = Suite { owner: Owner::Recipe, ..Suite::for_test("file:///x", "sid", &[]) };
        let error = release().check(&foreign, late).unwrap_err();
        assert!(error.contains("3 days past") && error.contains("its owner has to sign it anew"), "{error}");
        let flat = Suite { suite: "./".to_owned(), ..foreign };
        assert_eq!(release().check(&flat, at("2026-07-12T00:00:00Z")), Ok(None), "known by its place");
        let undated = Release { date: None, ..release() };
        assert!(undated.check(&flat, at("2026-07-12T00:00:00Z")).is_err());
        let unsigned = Suite { owner: Owner::Unsigned, ..flat };
        assert_eq!(undated.check(&unsigned, at("2026-07-12T00:00:00Z")), Ok(None));
        assert_eq!(unverified(TEXT.as_bytes()).unwrap().codename.as_deref(), Some("bookworm"));
    }

    #[test]
    fn another_suite_the_future_and_the_past_are_refused() {
        let release = Checked(release());
        assert_eq!(release.check("sid", false, at("2026-07-12T00:00:00Z")), Ok(None));
        assert_eq!(release.check("unstable", false, at("2026-07-12T00:00:00Z")), Ok(None));
        assert!(release.check("trixie", false, at("2026-07-12T00:00:00Z")).unwrap_err().contains("sid"));
        assert!(release.check("sid", true, at("2026-07-11T09:00:00Z")).unwrap_err().contains("clock"));
        assert_eq!(release.check("sid", false, at("2026-07-11T10:00:00Z")), Ok(None), "within the slack");
        let error = release.check("sid", false, at("2026-07-21T11:00:00Z")).unwrap_err();
        assert!(error.contains("3 days past"), "{error}");
        let warning = release.check("sid", true, at("2026-07-21T11:00:00Z")).unwrap().unwrap();
        assert!(warning.contains("3 days past") && warning.contains("tolerates"), "{warning}");
        let undated = Checked(Release { date: None, ..release.0 });
        assert!(undated.check("sid", true, at("2026-07-12T00:00:00Z")).is_err());
    }
}
