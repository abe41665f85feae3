//! A writer that is killed at any moment, while readers read.

use super::*;

const CHILD: &str = "FARM_TEST_REPO_CHILD";

/// Not a test of its own: the process that is killed. Adds packages as fast as it can.
#[test]
fn child_that_adds_for_ever() {
    let Some(root) = std::env::var_os(CHILD) else { return };
    let root = PathBuf::from(root);
    let source = crate::sign::KeySource::File { path: root.join("key.asc"), passphrase: None };
    let signer = Signer::open(&source).unwrap();
    for number in 0_u64.. {
        let packages = root.join(format!("given-{}-{number}", std::process::id()));
        fs::create_dir_all(&packages).unwrap();
        let version = format!("{}.{number}", std::process::id());
        let given = [deb(&packages, "hello", &version, "all"), rpm(&packages, "hello", &version)];
        let given: Vec<Incoming> = given.iter().map(|path| incoming(path)).collect();
        add(&root.join("tree"), &given, &Wishes::default(), Some(&signer), now()).unwrap();
        keep(&root.join("tree"), Keep { versions: Some(2), days: None }, Some(&signer), now()).unwrap();
        fs::remove_dir_all(packages).unwrap();
    }
}

/// Reads a suite as apt does: the signed index, what it names by sums, and every package.
fn read_as_apt(world: &World, keys: &[u8]) -> usize {
    use crate::formats::{deb822, openpgp};
    let suite = world.at("dists/bookworm");
    let signed = fs::read_to_string(suite.join("InRelease")).expect("there is an InRelease at every moment");
    let release = openpgp::verify_cleartext(&signed, keys).unwrap();
    let line = release.lines().find(|line| line.ends_with(" main/binary-amd64/Packages.gz")).unwrap();
    let hash = line.split_whitespace().next().unwrap();
    let index = fs::read(suite.join("main/binary-amd64/by-hash/SHA256").join(hash)).expect("what it names is there");
    assert_eq!(state::sum(&index), hash);
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&index[..]), &mut text).unwrap();
    let mut count = 0;
    for paragraph in deb822::paragraphs(&text) {
        let package =
            fs::read(world.at(deb822::field(paragraph, "Filename").unwrap())).expect("its packages are there");
        assert_eq!(Some(state::sum(&package).as_str()), deb822::field(paragraph, "SHA256"));
        count += 1;
    }
    count
}

#[cfg(unix)]
#[test]
fn killed_at_any_moment_leaves_the_last_state_or_the_new_one() {
    let temp = tempfile::tempdir().unwrap();
    let path = crate::sign::testing::TestKey::default().write(temp.path());
    let signer = Signer::open(&crate::sign::KeySource::File { path, passphrase: None }).unwrap();
    let world = World { temp, signer };
    world.add(&[world.deb("other", "1.0"), world.rpm("other", "1.0")]);
    let keys = world.signer.certificate().as_bytes();
    let mut seen = BTreeSet::new();
    for round in 0..25_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "repo::tree::tests::killed::child_that_adds_for_ever", "--quiet"])
            .env(CHILD, world.temp.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let anchor = world.at("dists/bookworm/InRelease");
        let before = fs::read(&anchor).unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        // It is at work once the index changes; then it is killed at another moment in each round.
        while fs::read(&anchor).unwrap() == before {
            assert!(std::time::Instant::now() < deadline, "the child does not add anything");
            std::thread::yield_now();
        }
        for _ in 0..round * 3 {
            assert!(read_as_apt(&world, keys) > 0);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let checked = world.check();
        assert_eq!(checked.problems, [], "round {round}");
        seen.insert(fs::read(&anchor).unwrap());
    }
    assert!(seen.len() > 5, "the child was never caught at work");
    // The next run clears away what was left, and goes on.
    let changes = world.add(&[world.deb("last", "1.0")]);
    assert_eq!(changes[0].added, 1);
    assert_eq!(world.check().problems, []);
}
