//! Stores that become one.

use super::super::merge::MergeError;
use super::*;

/// Taken, the same, not good.
type Lists = (Vec<String>, Vec<String>, Vec<String>);

struct World {
    temp: tempfile::TempDir,
    whole: Store,
}

impl World {
    fn new() -> World {
        let temp = tempfile::tempdir().unwrap();
        let whole = Store::open(&temp.path().join("whole")).unwrap();
        World { temp, whole }
    }

    /// A store with one target, as a job of a CI leaves it: without what is hidden.
    fn store(&self, name: &str, distro: &str, content: &str) -> PathBuf {
        let path = self.temp.path().join(name);
        accept(&Store::open(&path).unwrap(), &target(distro), &[("a_1.deb", content)]);
        fs::remove_dir_all(path.join(".farm")).unwrap();
        path
    }

    fn merge(&self, stores: &[&PathBuf]) -> Result<Lists, MergeError> {
        let stores: Vec<PathBuf> = stores.iter().map(|path| (*path).clone()).collect();
        self.whole.merge(&stores).map(|merged| (merged.taken, merged.same, merged.not_good))
    }
}

#[test]
fn jobs_of_their_own_machines_come_to_what_one_run_makes() {
    let world = World::new();
    let (first, second) = (world.store("first", "debian-12", "one"), world.store("second", "debian-13", "two"));
    let id = |distro: &str| target(distro).to_string();
    let both = (vec![id("debian-12"), id("debian-13")], vec![], vec![]);
    assert_eq!(world.merge(&[&first, &second]).unwrap(), both);
    assert_eq!(world.merge(&[&first, &second]).unwrap(), (vec![], vec![id("debian-12"), id("debian-13")], vec![]));

    let one = Store::open(&world.temp.path().join("one")).unwrap();
    accept(&one, &target("debian-12"), &[("a_1.deb", "one")]);
    accept(&one, &target("debian-13"), &[("a_1.deb", "two")]);
    if have(&["diff"]) {
        let compared = Command::new("diff").args(["-r", "-x", ".farm"]).args([&one.root, &world.whole.root]).output();
        let compared = compared.unwrap();
        assert!(compared.status.success(), "{}", String::from_utf8_lossy(&compared.stdout));
    }
    assert_eq!(world.whole.verify(), []);
}

#[test]
fn what_is_noted_of_packages_comes_with_them() {
    let world = World::new();
    let path = world.store("first", "debian-12", "one");
    let folder = |root: &Path| root.join(target("debian-12").folder());
    fs::write(folder(&path).join("packages.json"), "{}").unwrap();
    world.merge(&[&path]).unwrap();
    assert_eq!(fs::read_to_string(folder(&world.whole.root).join("packages.json")).unwrap(), "{}");
}

#[test]
fn a_failure_is_taken_with_its_log_and_leaves_the_last_packages() {
    let world = World::new();
    let path = world.temp.path().join("failed");
    let store = Store::open(&path).unwrap();
    let staging = store.stage(&target("debian-12")).unwrap();
    fs::write(staging.log_path(), "it went wrong\n").unwrap();
    staging.reject(false, &failed(&target("debian-12"))).unwrap();
    accept(&world.whole, &target("debian-12"), &[("a_1.deb", "one")]);

    let id = target("debian-12").to_string();
    assert_eq!(world.merge(&[&path]).unwrap(), (vec![], vec![], vec![id]));
    let folder = world.whole.folder(&target("debian-12"));
    assert_eq!(names(&folder), ["SHA256SUMS", "a_1.deb", "build.log", "job.json", "last-result.json"]);
    assert_eq!(fs::read_to_string(folder.join("build.log")).unwrap(), "it went wrong\n");

    // The same job, tried again.
    let good = world.store("good", "debian-12", "two");
    for order in [[&path, &good], [&good, &path]] {
        assert_eq!(world.merge(&order).unwrap().2, Vec::<String>::new());
        assert_eq!(fs::read_to_string(folder.join("a_1.deb")).unwrap(), "two");
        assert!(!folder.join("last-result.json").exists());
    }
}

#[test]
fn what_does_not_fit_together_is_refused_before_anything_is_written() {
    let world = World::new();
    let (first, second) = (world.store("first", "debian-12", "one"), world.store("second", "debian-12", "two"));
    let refused = |stores: &[&PathBuf]| world.merge(stores).unwrap_err().to_string();
    assert!(refused(&[&first, &second]).contains("hello@debian-12/amd64 has other packages in"));
    assert!(refused(&[&first, &world.whole.root]).contains("cannot be merged into itself"));
    let empty = world.temp.path().join("empty");
    fs::create_dir(&empty).unwrap();
    assert!(refused(&[&first, &empty]).contains("holds nothing that farm has built"));
    let moved = world.temp.path().join("moved");
    fs::create_dir_all(moved.join("hello")).unwrap();
    fs::rename(second.join("hello/debian-12-amd64"), moved.join("hello/debian-13-amd64")).unwrap();
    assert!(refused(&[&first, &moved]).contains("whose folder that is not"));
    assert_eq!(sorted_folders(&world.whole.root), Vec::<PathBuf>::new());
}

#[test]
fn packages_that_changed_on_the_way_are_not_taken() {
    let world = World::new();
    let first = world.store("first", "debian-12", "one");
    let package = first.join("hello/debian-12-amd64/a_1.deb");
    let refused = || world.merge(&[&first]).unwrap_err().to_string();
    fs::write(&package, "One").unwrap();
    assert!(refused().contains("a_1.deb has sha256"), "{}", refused());
    fs::remove_file(&package).unwrap();
    assert!(refused().contains("a_1.deb cannot be read"), "{}", refused());
    #[cfg(unix)]
    {
        let elsewhere = world.temp.path().join("elsewhere");
        fs::write(&elsewhere, "one").unwrap();
        std::os::unix::fs::symlink(&elsewhere, &package).unwrap();
        assert!(refused().contains("it is no file"), "{}", refused());
    }
    assert_eq!(world.whole.records().count(), 0);
}
