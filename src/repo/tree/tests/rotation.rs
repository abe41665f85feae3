//! From one key to the next: what clients of the one and of the other see at each step.

use super::clients::{Apt, Dnf};
use super::*;
use crate::formats::openpgp;
use crate::sign::KeySource;
use crate::sign::testing::TestKey;

/// Trees that are signed by one key, by both, and by the other.
struct Rotation {
    world: World,
    sources: [KeySource; 2],
    /// The public keys, each alone.
    keys: [String; 2],
}

impl Rotation {
    fn new() -> Rotation {
        let temp = tempfile::tempdir().unwrap();
        let sources = ["old", "new"].map(|name| {
            let folder = temp.path().join(name);
            fs::create_dir(&folder).unwrap();
            KeySource::File { path: TestKey::default().write(&folder), passphrase: None }
        });
        let signers = sources.each_ref().map(|source| Signer::open(source).unwrap());
        let keys = signers.each_ref().map(|signer| signer.certificate().to_owned());
        let [signer, _] = signers;
        let world = World { temp, signer };
        world.add(&[world.deb("hello", "1.0"), world.rpm("hello", "1.0")]);
        Rotation { world, sources, keys }
    }

    fn sign_by(&mut self, sources: &[KeySource]) {
        self.world.signer = Signer::open_all(sources).unwrap();
        assert!(self.world.add(&[]).iter().all(|change| change.is_written), "signed anew");
    }

    fn fingerprints(&self) -> Vec<String> {
        openpgp::fingerprints(&fs::read(self.world.at("key.asc")).unwrap()).unwrap()
    }

    /// The fingerprint of one of the two.
    fn of(&self, which: usize) -> String {
        openpgp::fingerprints(self.keys[which].as_bytes()).unwrap().remove(0)
    }

    fn problems(&self, keys: &str) -> Vec<(PathBuf, String)> {
        check(&self.world.root(), Some(keys.as_bytes()), &BTreeMap::new(), now()).unwrap().problems
    }

    /// apt of a user who was told of one of the two keys.
    fn apt(&self, which: usize) -> Result<(), String> {
        let place = Place { format: Format::Deb, name: "bookworm".to_owned() };
        let signer = Signer::open(&self.sources[which]).unwrap();
        let url = format!("file://{}", self.world.root().display());
        Apt::told(&self.world, &setup::sources(&place, &url, Some(&signer))).takes()
    }

    /// dnf of a user who has one of the two keys, or all of `key.asc`.
    fn dnf(&self, system: &str, which: Option<usize>, package: &str) -> (bool, String) {
        let mut repo = fs::read_to_string(self.world.at("setup/fedora-44.repo")).unwrap();
        if let Some(which) = which {
            let path = self.world.temp.path().join(format!("{which}.asc"));
            fs::write(&path, &self.keys[which]).unwrap();
            let own = format!("file://{}", self.world.at("key.asc").display());
            assert!(repo.contains(&own), "{repo}");
            repo = repo.replace(&own, &format!("file://{}", path.display()));
        }
        Dnf::told(&self.world, system, &repo).installs(package)
    }
}

#[test]
fn clients_of_either_key_go_along_from_the_one_to_the_other() {
    let mut rotation = Rotation::new();
    let has_clients = (have(&["apt-get", "gpgv"]), have(&["dnf", "rpmkeys"]));
    assert_eq!(rotation.fingerprints(), [rotation.of(0)]);

    let both = rotation.sources.clone();
    rotation.sign_by(&both);
    rotation.world.add(&[rotation.world.rpm("world", "1.0")]);
    // Who asks for one signature alone reads the first, which is that of the key that everybody has.
    assert_eq!(rotation.fingerprints(), [rotation.of(0), rotation.of(1)]);
    let checked = rotation.world.check();
    assert_eq!(checked.problems, []);
    assert_eq!(checked.signed, BTreeMap::from([(rotation.of(0), (2, 2)), (rotation.of(1), (2, 0))]));
    assert_eq!(rotation.problems(&rotation.keys[0]), []);
    let of_packages = rotation.problems(&rotation.keys[1]);
    assert!(of_packages.iter().all(|(path, _)| path.extension().unwrap() == "rpm"), "{of_packages:?}");
    if has_clients.0 {
        assert_eq!((rotation.apt(0), rotation.apt(1)), (Ok(()), Ok(())));
    }
    if has_clients.1 {
        for (system, key) in [("dnf-old", Some(0)), ("dnf-both", None)] {
            let (done, said) = rotation.dnf(system, key, "world");
            assert!(done, "{system}: {said}");
        }
    }
    // A signature that one of two files lacks.
    let detached = rotation.world.at("dists/bookworm/Release.gpg");
    let good = fs::read(&detached).unwrap();
    let alone = Signer::open(&both[1]).unwrap();
    let release = fs::read(rotation.world.at("dists/bookworm/Release")).unwrap();
    fs::write(&detached, alone.armoured("Release", crate::sign::Content::Bytes(&release)).unwrap()).unwrap();
    let [(path, reason)] = &rotation.world.check().problems[..] else { panic!("one problem") };
    assert!(*path == detached && reason.contains("has signed it, and"), "{reason}");
    fs::write(&detached, good).unwrap();

    rotation.sign_by(&both[1..]);
    rotation.world.add(&[rotation.world.rpm("moon", "1.0")]);
    // Packages that the first key has signed are there, and so is that key.
    assert_eq!(rotation.fingerprints(), [rotation.of(1), rotation.of(0)]);
    assert_eq!(rotation.problems(&format!("{}{}", rotation.keys[0], rotation.keys[1])), []);
    if has_clients.0 {
        let refused = rotation.apt(0).unwrap_err();
        assert!(refused.contains("NO_PUBKEY") || refused.contains("not available"), "{refused}");
        assert_eq!(rotation.apt(1), Ok(()));
    }
    if has_clients.1 {
        assert!(!rotation.dnf("dnf-late", Some(0), "world").0);
        for package in ["world", "moon"] {
            let (done, said) = rotation.dnf("dnf-new", None, package);
            assert!(done, "{package}: {said}");
        }
    }
    let names = ["hello".to_owned(), "world".to_owned()];
    remove(&rotation.world.root(), (None, Some(Format::Rpm)), &names, Some(&rotation.world.signer), now()).unwrap();
    assert_eq!(rotation.fingerprints(), [rotation.of(1)]);
    assert_eq!(rotation.problems(&rotation.keys[1]), []);
}
