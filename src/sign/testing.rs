//! Keys for tests, made anew: no secret key is in the source.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use debian_pgp::packet::{SignatureConfig, Subpacket, SubpacketData};
use debian_pgp::types::Tag;
use debian_pgp::{ArmorOptions, KeyType, SecretKeyParamsBuilder, SignedSecretKey};

use super::{KeySource, Signer};

/// A key as farm would be given it.
pub(crate) struct TestKey {
    pub(crate) kind: KeyType,
    pub(crate) created: DateTime<Utc>,
    pub(crate) lasts: Option<Duration>,
    pub(crate) passphrase: Option<String>,
}

impl Default for TestKey {
    fn default() -> TestKey {
        let created = Utc::now() - chrono::Duration::days(1);
        TestKey { kind: KeyType::EdDSALegacy, created, lasts: None, passphrase: None }
    }
}

impl TestKey {
    pub(crate) fn make(self) -> SignedSecretKey {
        let mut params = SecretKeyParamsBuilder::default();
        params
            .key_type(self.kind)
            .can_certify(true)
            .can_sign(true)
            .created_at(chrono::SubsecRound::trunc_subsecs(self.created, 0))
            .passphrase(self.passphrase.clone())
            .primary_user_id("Test <test@example.org>".to_owned());
        let mut rng = rand::thread_rng();
        let key = params.build().unwrap().generate(&mut rng).unwrap();
        let passphrase = self.passphrase.unwrap_or_default();
        let mut signed = key.sign(&mut rng, || passphrase.clone()).unwrap();
        if let Some(lasts) = self.lasts {
            // The builder has no expiry: what the key says of itself is written anew.
            let SignedSecretKey { primary_key, details, .. } = &mut signed;
            let user = &mut details.users[0];
            let own = &user.signatures[0].config;
            let mut config = SignatureConfig::v4(own.typ, own.pub_alg, own.hash_alg);
            config.hashed_subpackets.clone_from(&own.hashed_subpackets);
            config.unhashed_subpackets.clone_from(&own.unhashed_subpackets);
            let lasts = SubpacketData::KeyExpirationTime(chrono::Duration::from_std(lasts).unwrap());
            config.hashed_subpackets.push(Subpacket::regular(lasts));
            let signature = config.sign_certification(&*primary_key, || passphrase, Tag::UserId, &user.id).unwrap();
            user.signatures = vec![signature];
        }
        signed
    }

    /// The key in a file.
    pub(crate) fn write(self, folder: &Path) -> PathBuf {
        let path = folder.join("key.asc");
        std::fs::write(&path, self.make().to_armored_bytes(ArmorOptions::default()).unwrap()).unwrap();
        path
    }
}

/// A signer with a key of its own.
pub(crate) fn signer() -> Signer {
    let folder = tempfile::tempdir().unwrap();
    let path = TestKey::default().write(folder.path());
    Signer::open(&KeySource::File { path, passphrase: None }).unwrap()
}
