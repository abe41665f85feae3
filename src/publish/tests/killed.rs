//! A publisher that is killed at any moment, while a client reads.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Instant;

use super::*;
use crate::formats::{deb822, openpgp};
use crate::repo::tree::tests::{deb, incoming, now, rpm};
use crate::repo::tree::{Incoming, Keep, Wishes};
use crate::sign::{KeySource, Signer};
use sha2::{Digest, Sha256};

const CHILD: &str = "FARM_TEST_PUBLISH_CHILD";
const TARGET: &str = "FARM_TEST_PUBLISH_TARGET";
const SSH: &str = "FARM_TEST_PUBLISH_SSH";
const ENDPOINT: &str = "FARM_TEST_PUBLISH_ENDPOINT";
/// How often the publisher is killed, if not as often as a test says.
const KILLS: &str = "FARM_TEST_KILLS";
/// So short that files go while the test runs; a client that takes longer may miss one.
pub(super) const GRACE: Duration = Duration::from_secs(5);

/// Not a test of its own: the process that is killed. Goes on with what the last one left, then adds and publishes as fast as
/// it can.
#[test]
fn child_that_publishes_for_ever() {
    let Some(root) = std::env::var_os(CHILD) else { return };
    let root = PathBuf::from(root);
    let signer = Signer::open(&KeySource::File { path: root.join("key.asc"), passphrase: None }).unwrap();
    let tree = root.join("tree");
    let request = Request {
        s3: S3Settings { endpoint: std::env::var(ENDPOINT).ok(), ..S3Settings::default() },
        environment: match (std::env::var_os(ENDPOINT), std::env::var(SSH)) {
            (Some(_), _) => s3::keys(SECRET),
            (None, Ok(program)) => ssh::by(&program),
            (None, Err(_)) => web::login(SECRET),
        },
        grace: GRACE,
        ..request(&tree, &std::env::var(TARGET).unwrap())
    };
    run(request.clone()).unwrap();
    for number in 0_i64.. {
        let packages = root.join(format!("given-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&packages).unwrap();
        let version = format!("{}.{number}", std::process::id());
        let given = [deb(&packages, "hello", &version, "all"), rpm(&packages, "hello", &version)];
        let given: Vec<Incoming> = given.iter().map(|path| incoming(path)).collect();
        // In a time of its own, so that the folder keeps nothing and all depends on the target's keeping it.
        let now = Utc::now() + chrono::Duration::hours(2 * number);
        tree::add(&tree, &given, &Wishes::default(), Some(&signer), now).unwrap();
        tree::keep(&tree, Keep { versions: Some(2), days: None }, Some(&signer), now + chrono::Duration::hours(1))
            .unwrap();
        run(request.clone()).unwrap();
        std::fs::remove_dir_all(packages).unwrap();
    }
}

async fn read(target: &dyn Target, path: &str) -> Result<Vec<u8>, String> {
    match target.read(path).await {
        Ok(Some((content, _))) => Ok(content.to_vec()),
        Ok(None) => Err(format!("{path} is not there")),
        Err(error) => Err(format!("{path}: {}", error.reason())),
    }
}

fn is(content: &[u8], sum: &str, path: &str) -> Result<(), String> {
    match hex::encode(Sha256::digest(content)) == sum {
        true => Ok(()),
        false => Err(format!("{path} has another sum")),
    }
}

fn unpacked(content: &[u8]) -> Result<String, String> {
    let mut text = String::new();
    let read = std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(content), &mut text);
    read.map(|_| text).map_err(|error| error.to_string())
}

/// Reads as apt does: the signed index, what it names by sums, and every package.
async fn as_apt(target: &dyn Target, keys: &[u8]) -> Result<usize, String> {
    let signed =
        String::from_utf8(read(target, "dists/bookworm/InRelease").await?).map_err(|error| error.to_string())?;
    let release = openpgp::verify_cleartext(&signed, keys).map_err(|error| error.to_string())?;
    let line = release.lines().find(|line| line.ends_with(" main/binary-amd64/Packages.gz")).ok_or("no index")?;
    let sum = line.split_whitespace().next().ok_or("no sum")?;
    let index = format!("dists/bookworm/main/binary-amd64/by-hash/SHA256/{sum}");
    let content = read(target, &index).await?;
    is(&content, sum, &index)?;
    let mut count = 0;
    for paragraph in deb822::paragraphs(&unpacked(&content)?) {
        let path = deb822::field(paragraph, "Filename").ok_or("no name")?;
        is(&read(target, path).await?, deb822::field(paragraph, "SHA256").ok_or("no sum")?, path)?;
        count += 1;
    }
    Ok(count)
}

/// Reads as dnf does without `repo_gpgcheck`: repomd.xml, the list of packages that it names by its sum, and every package.
async fn as_dnf(target: &dyn Target) -> Result<usize, String> {
    let folder = "rpm/fedora-44";
    let repomd = String::from_utf8(read(target, &format!("{folder}/repodata/repomd.xml")).await?).unwrap_or_default();
    let name = repomd.split('"').find(|word| word.ends_with("-primary.xml.gz")).ok_or("no primary")?;
    let content = read(target, &format!("{folder}/{name}")).await?;
    is(&content, name.rsplit('/').next().and_then(|name| name.split('-').next()).ok_or("no sum")?, name)?;
    let primary = unpacked(&content)?;
    let mut count = 0;
    for package in primary.split("<package ").skip(1) {
        let between = |start: &str, end: &str| package.split(start).nth(1).and_then(|rest| rest.split(end).next());
        let path = format!("{folder}/{}", between("<location href=\"", "\"").ok_or("no place")?);
        let sum = between("pkgid=\"YES\">", "<").ok_or("no sum")?;
        is(&read(target, &path).await?, sum, &path)?;
        count += 1;
    }
    Ok(count)
}

/// A client that needs no longer than the grace finds all that it asks for. Returns how many packages it has read.
fn read_all(target: &dyn Target, keys: &[u8], passes: &mut usize) -> usize {
    block_on(async {
        loop {
            let began = Instant::now();
            let read = async { Ok::<_, String>(as_apt(target, keys).await? + as_dnf(target).await?) };
            match read.await {
                Ok(packages) => {
                    *passes += 1;
                    return packages;
                }
                // Slower than anybody is waited for: it begins anew, as a client would.
                Err(_) if began.elapsed() >= GRACE => {}
                Err(reason) => panic!("after {:?}: {reason}", began.elapsed()),
            }
        }
    })
}

/// A world with a key that the child finds.
pub(super) fn world() -> World {
    let temp = tempfile::tempdir().unwrap();
    let path = crate::sign::testing::TestKey::default().write(temp.path());
    let signer = Signer::open(&KeySource::File { path, passphrase: None }).unwrap();
    let world = World { temp, signer };
    world.add(&[world.deb("other", "1.0"), world.rpm("other", "1.0")]);
    world
}

/// Kills the child at another moment in each round, while a client reads. `stored`: what the target has, as files; `usual`: how
/// often, unless [`KILLS`] says; `moments`: how many passes of a client a run takes, about.
pub(super) fn is_killed_at_any_moment(world: &World, request: &Request, stored: &Path, (usual, moments): (u64, u64)) {
    let target = open(request).unwrap();
    let target = target.as_ref();
    let keys = world.signer.certificate().as_bytes();
    run(request.clone()).unwrap();
    let kills = std::env::var(KILLS).ok().and_then(|text| text.parse().ok()).unwrap_or(usual);
    let (mut passes, mut states, mut at_work, mut halves) = (0, std::collections::BTreeSet::new(), 0, 0);
    for round in 0..kills {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "publish::tests::killed::child_that_publishes_for_ever", "--quiet"]);
        child.env(CHILD, world.temp.path()).env(TARGET, &request.target);
        if let Some(endpoint) = &request.s3.endpoint {
            child.env(ENDPOINT, endpoint);
        }
        if let Some(program) = request.environment.get(crate::network::ssh::PROGRAM) {
            child.env(SSH, program);
        }
        let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let before = manifest(target);
        let deadline = Instant::now() + Duration::from_secs(120);
        while manifest(target) == before {
            assert!(Instant::now() < deadline && child.try_wait().unwrap().is_none(), "the child publishes nothing");
            assert!(read_all(target, keys, &mut passes) > 0);
        }
        // Another moment in each round: mostly within a run, so many answers of the target after its beginning.
        for _ in 0..round * 61 % moments {
            assert!(read_all(target, keys, &mut passes) > 0);
        }
        while round % 4 != 0 && manifest(target).at_work.is_none() {
            assert!(Instant::now() < deadline && child.try_wait().unwrap().is_none(), "the child publishes nothing");
        }
        for _ in 0..round * 13 % 11 {
            block_on(target.read("dists/bookworm/InRelease")).unwrap();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(read_all(target, keys, &mut passes) > 0);
        let left = manifest(target);
        at_work += usize::from(left.at_work.is_some());
        halves += usize::from(left.files.values().any(|sent| !sent.is_whole));
        states.insert(left.files["dists/bookworm/InRelease"].sha256.clone());
    }
    // Past the capture of the test harness: how much was proved.
    let _ = writeln!(
        std::io::stderr(),
        "{kills} kills, {at_work} of them within a run and {halves} while files were sent; {passes} passes of a client, \
         {} states seen",
        states.len()
    );
    assert!(at_work > 1 && (states.len() > 1 || kills < 10), "the child was never caught at work");
    // The next run goes on, and what is there then is the folder, whole, and nothing that nobody knows of.
    run(request.clone()).unwrap();
    let checked = tree::check(stored, Some(keys), &BTreeMap::new(), now()).unwrap();
    assert_eq!(checked.problems, []);
    let known = manifest(target);
    for (path, file) in local::scan(&world.root()).unwrap() {
        assert_eq!(crate::stream::sum_of(&stored.join(&path)).unwrap().0, file.sha256, "{path}");
    }
    for path in walkdir(stored) {
        let path = path.strip_prefix(&format!("{}/", stored.display())).unwrap().to_owned();
        let is_own = path.starts_with(".farm/");
        assert!(is_own || known.files.contains_key(&path), "{path} is not known");
    }
}

#[cfg(unix)]
#[test]
fn a_publisher_to_a_store_is_killed_at_any_moment() {
    let (world, server) = (world(), s3::Server::start());
    let request = Request { grace: GRACE, ..server.request(&world.root()) };
    is_killed_at_any_moment(&world, &request, &server.stored(), (25, 3));
}

#[cfg(unix)]
#[test]
fn a_publisher_to_a_folder_is_killed_at_any_moment() {
    let world = world();
    let to = tempfile::tempdir().unwrap();
    let request = Request { grace: GRACE, ..request(&world.root(), to.path().to_str().unwrap()) };
    is_killed_at_any_moment(&world, &request, to.path(), (6, 3));
}
