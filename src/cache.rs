//! What farm keeps in its cache folder, when each of it was last used, and what goes when it shall take less room. How
//! the files are made and read is the matter of `source`, `archive` and `image`; this module knows only where they lie.
//!
//! Two rules keep a run from losing what it uses. Whoever uses an entry marks it as used first ([`touch`]), and whoever
//! removes one moves it aside first and looks at that mark once more. And as long as a process holds a [`Lease`], what
//! was used since the first of those that run now began stays.
//!
//! ```text
//! <cache>/in-use.lock        held, shared, by every process that uses the cache; its time is when the first of them began
//! <cache>/images/<digest>    empty; its time is when an image of some engine was last used
//! ```

use std::fs::{self, File, Metadata, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const LEASE_FILE: &str = "in-use.lock";
/// What the names of entries begin with that are being removed.
const GONE: &str = ".gone-";
/// Where nothing can tell whether somebody uses the cache, what was used within this time counts as in use.
const UNCERTAIN: Duration = Duration::from_secs(60 * 60);
/// Times of files may be this much behind those of the clock.
const COARSE: Duration = Duration::from_secs(2);

/// Marks a file or folder of the cache as used now: its time of modification says so. Says whether it is there. Where it
/// cannot be marked, in a cache that is read-only, it is used all the same.
pub(crate) fn touch(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    let _ = file.set_modified(SystemTime::now());
    true
}

/// Marks an image of an engine as used now.
pub(crate) fn touch_image(cache: &Path, id: &str) {
    let path = image_mark(cache, id);
    if !touch(&path) {
        let _ = path.parent().map(fs::create_dir_all);
        let _ = File::create(&path);
    }
}

/// When an image of an engine was last marked as used from this host.
pub(crate) fn image_used(cache: &Path, id: &str) -> Option<SystemTime> {
    fs::metadata(image_mark(cache, id)).and_then(|found| found.modified()).ok()
}

fn image_mark(cache: &Path, id: &str) -> PathBuf {
    cache.join("images").join(id.rsplit([':', '/']).next().unwrap_or_default())
}

/// Held by a process that uses the cache, until it ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lease {
    _file: File,
}

impl Lease {
    /// `None` where no lock can be made: then what was used a short while ago counts as in use.
    pub(crate) fn take(cache: &Path) -> Option<Lease> {
        let file = File::options().create(true).truncate(false).write(true).open(cache.join(LEASE_FILE)).ok()?;
        if file.try_lock().is_ok() {
            // Nobody else is there.
            let _ = file.set_modified(SystemTime::now());
            file.unlock().ok()?;
        }
        file.lock_shared().ok()?;
        Some(Lease { _file: file })
    }
}

/// What was used since then may be in use now; `None`: nothing is. To be asked before this process takes a lease itself.
pub(crate) fn in_use_since(cache: &Path) -> Option<SystemTime> {
    let path = cache.join(LEASE_FILE);
    let began = match File::options().write(true).open(&path) {
        Ok(file) => match file.try_lock() {
            Ok(()) => return None,
            Err(TryLockError::WouldBlock) => file.metadata().and_then(|found| found.modified()).ok(),
            Err(TryLockError::Error(_)) => None,
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(_) => None,
    };
    Some(began.map_or_else(|| SystemTime::now() - UNCERTAIN, |began| began - COARSE))
}

/// Something that can be made or fetched again when it is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// What it is, for people: `prepared source`.
    pub kind: String,
    pub name: String,
    pub bytes: u64,
    pub used: SystemTime,
    pub place: Place,
}

/// Where an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// A file or folder of the cache.
    File(PathBuf),
    /// An image of the engine, by its id. Of two that were last used at the same time, one that was `derived` of another
    /// goes before it.
    Image { id: String, derived: bool },
}

/// Divides entries into those that stay and those that go so that the rest is at most `limit` bytes: the least recently
/// used go first, and none that was used at `in_use_since` or later. Both parts are in the order of their last use.
pub(crate) fn evict(mut entries: Vec<Entry>, limit: u64, in_use_since: Option<SystemTime>) -> (Vec<Entry>, Vec<Entry>) {
    let order = |entry: &Entry| (entry.used, matches!(entry.place, Place::Image { derived: false, .. }));
    entries.sort_by(|a, b| order(a).cmp(&order(b)).then_with(|| a.name.cmp(&b.name)));
    let mut total = bytes_of(&entries);
    let mut going = 0;
    for entry in &entries {
        if total <= limit || in_use_since.is_some_and(|since| entry.used >= since) {
            break;
        }
        total -= entry.bytes;
        going += 1;
    }
    let staying = entries.split_off(going);
    (staying, entries)
}

pub(crate) fn bytes_of(entries: &[Entry]) -> u64 {
    entries.iter().map(|entry| entry.bytes).sum()
}

/// Everything in a cache that can be made or fetched again. Blocks.
pub(crate) fn entries(cache: &Path) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut add = |kind: &str, folder: &Path| entries.extend(entries_in(kind, cache, folder));
    add("prepared source", &cache.join("sources"));
    add("download", &cache.join("downloads"));
    add("build cache", &cache.join("build-caches"));
    add("git mirror", &cache.join("git"));
    for folder in folders(&cache.join("modules")) {
        add("module", &folder);
    }
    for archive in folders(&cache.join("archive")) {
        match archive.file_name().and_then(|name| name.to_str()) {
            Some("pool") => folders(&archive).iter().for_each(|folder| add("package or index", folder)),
            Some("contents") => add("file index", &archive),
            _ => add("release file", &archive),
        }
    }
    entries
}

fn folders(parent: &Path) -> Vec<PathBuf> {
    let found = fs::read_dir(parent).into_iter().flatten().flatten();
    found.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()).collect()
}

fn entries_in(kind: &str, cache: &Path, folder: &Path) -> Vec<Entry> {
    let entry = |path: PathBuf| {
        let found = fs::symlink_metadata(&path).ok()?;
        let name = path.strip_prefix(cache).unwrap_or(&path).display().to_string();
        let (bytes, used) = (size(&path, &found), found.modified().ok()?);
        Some(Entry { kind: kind.to_owned(), name, bytes, used, place: Place::File(path) })
    };
    let paths = fs::read_dir(folder).into_iter().flatten().flatten().map(|found| found.path());
    paths.filter(|path| path.extension().is_none_or(|extension| extension != "lock")).filter_map(entry).collect()
}

/// What a file, or a folder with all in it, takes of the disk.
fn size(path: &Path, found: &Metadata) -> u64 {
    let below = |entry: fs::DirEntry| entry.metadata().map_or(0, |found| size(&entry.path(), &found));
    let inside = if found.is_dir() { fs::read_dir(path).ok() } else { None };
    on_disk(found) + inside.into_iter().flatten().flatten().map(below).sum::<u64>()
}

#[cfg(unix)]
fn on_disk(found: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::blocks(found) * 512
}

#[cfg(not(unix))]
fn on_disk(found: &Metadata) -> u64 {
    found.len()
}

/// Removes a file or folder of the cache, unless somebody makes it, or has used it since `used`. Says whether it is gone.
/// Blocks.
///
/// # Errors
/// When the cache cannot be written to.
pub(crate) fn remove(path: &Path, used: SystemTime) -> io::Result<bool> {
    // Held by who makes a prepared source, or works with a git mirror.
    let lock = File::options().write(true).open(path.with_extension("lock")).ok();
    if lock.as_ref().is_some_and(|lock| lock.try_lock().is_err()) {
        return Ok(false);
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside = if name.starts_with(GONE) { path.to_owned() } else { path.with_file_name(format!("{GONE}{name}")) };
    match fs::rename(path, &aside) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        moved => moved?,
    }
    let found = fs::symlink_metadata(&aside)?;
    // Whoever came before it was moved has marked it; whoever comes now does not find it, and makes it anew.
    if found.modified()? > used && fs::rename(&aside, path).is_ok() {
        return Ok(false);
    }
    if found.is_dir() {
        fs::remove_dir_all(&aside)?
    } else {
        fs::remove_file(&aside)?
    }
    Ok(true)
}

/// Bytes of a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Space {
    pub free: u64,
    /// With what is in use; what is reserved for root counts for neither.
    pub total: u64,
}

impl Space {
    /// Of the file system of a folder.
    ///
    /// # Errors
    /// When the system cannot say.
    #[cfg(unix)]
    pub(crate) fn of(folder: &Path) -> io::Result<Space> {
        let found = nix::sys::statvfs::statvfs(folder)?;
        #[allow(clippy::useless_conversion, reason = "these are narrower types on some systems")]
        let [all, unused, available, block] = [
            u64::from(found.blocks()),
            found.blocks_free().into(),
            found.blocks_available().into(),
            found.fragment_size().into(),
        ];
        let used = all.saturating_sub(unused);
        Ok(Space { free: available.saturating_mul(block), total: used.saturating_add(available).saturating_mul(block) })
    }

    /// Of the file system of a folder.
    ///
    /// # Errors
    /// Always: this system is not asked.
    #[cfg(not(unix))]
    pub(crate) fn of(_folder: &Path) -> io::Result<Space> {
        Err(io::Error::other("not known on this system"))
    }

    /// Whether a build may well run out of it.
    pub(crate) fn is_short(self) -> bool {
        const ENOUGH: u64 = 5_000_000_000;
        self.free < ENOUGH || self.free < self.total / 10
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn entry(name: &str, bytes: u64, used: u64) -> Entry {
        let place = Place::File(PathBuf::from(name));
        Entry { kind: "download".to_owned(), name: name.to_owned(), bytes, used: at(used), place }
    }

    fn names(entries: &[Entry]) -> Vec<&str> {
        entries.iter().map(|entry| entry.name.as_str()).collect()
    }

    #[test]
    fn the_least_recently_used_go_until_the_rest_fits() {
        let all = vec![entry("new", 5, 9), entry("old", 5, 1), entry("middle", 5, 5)];
        let (stay, go) = evict(all.clone(), 10, None);
        assert_eq!((names(&stay), names(&go)), (vec!["middle", "new"], vec!["old"]));
        assert_eq!(names(&evict(all.clone(), 15, None).1), [""; 0]);
        assert_eq!(names(&evict(all.clone(), 0, Some(at(5))).1), ["old"], "the others are in use");
        assert_eq!(names(&evict(all, 0, None).1), ["old", "middle", "new"]);
    }

    #[test]
    fn a_base_goes_after_what_was_made_of_it() {
        let image =
            |name: &str, derived| Entry { place: Place::Image { id: name.to_owned(), derived }, ..entry(name, 5, 1) };
        assert_eq!(names(&evict(vec![image("base", false), image("builder", true)], 5, None).1), ["builder"]);
    }

    proptest::proptest! {
        #[test]
        fn what_is_left_fits_or_is_in_use(
            all in proptest::collection::vec((0_u64..100, 0_u64..20), 0..30),
            limit in 0_u64..1500,
            since in proptest::option::of(0_u64..20),
        ) {
            let all: Vec<Entry> =
                all.iter().enumerate().map(|(n, (bytes, used))| entry(&n.to_string(), *bytes, *used)).collect();
            let since = since.map(at);
            let is_in_use = |entry: &Entry| since.is_some_and(|since| entry.used >= since);
            let (stay, go) = evict(all.clone(), limit, since);
            assert_eq!(stay.len() + go.len(), all.len());
            assert!(bytes_of(&stay) <= limit || stay.iter().all(is_in_use));
            assert!(!go.iter().any(is_in_use));
            assert!(go.iter().all(|gone| stay.iter().all(|kept| gone.used <= kept.used)));
            // Nothing goes in vain.
            if let Some(last) = go.last() {
                assert!(bytes_of(&stay) + last.bytes > limit);
            }
        }
    }

    #[test]
    fn a_cache_is_listed_and_what_was_used_meanwhile_stays() {
        let cache = tempfile::tempdir().unwrap();
        for file in [
            "sources/k/tree.tar",
            "downloads/h/x.tar",
            "modules/sha256/m",
            "archive/pool/ab/abcd.deb",
            "build-caches/b",
        ] {
            let path = cache.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, [1; 5000]).unwrap();
        }
        fs::write(cache.path().join("sources/k.lock"), "").unwrap();
        let mut found = entries(cache.path());
        found.sort_by(|a, b| a.name.cmp(&b.name));
        assert_eq!(
            names(&found),
            ["archive/pool/ab/abcd.deb", "build-caches/b", "downloads/h", "modules/sha256/m", "sources/k"]
        );
        assert!(found.iter().all(|entry| entry.bytes >= 5000));

        let source = cache.path().join("sources/k");
        File::open(&source).unwrap().set_modified(at(100)).unwrap();
        assert!(touch(&source));
        assert!(!remove(&source, at(100)).unwrap(), "used since");
        assert!(source.join("tree.tar").exists());
        let used = fs::metadata(&source).unwrap().modified().unwrap();
        let held = File::open(cache.path().join("sources/k.lock")).unwrap();
        held.lock().unwrap();
        assert!(!remove(&source, used).unwrap(), "somebody makes it");
        drop(held);
        assert!(remove(&source, used).unwrap());
        assert!(!source.exists() && entries(cache.path()).len() == 4);
        assert!(!touch(&source));
    }

    #[test]
    fn what_was_used_since_the_first_run_began_is_in_use() {
        let cache = tempfile::tempdir().unwrap();
        assert_eq!(in_use_since(cache.path()), None);
        let lease = Lease::take(cache.path()).unwrap();
        let lock = File::options().write(true).open(cache.path().join(LEASE_FILE)).unwrap();
        lock.set_modified(at(100)).unwrap();
        let second = Lease::take(cache.path()).unwrap();
        drop(lease);
        assert_eq!(in_use_since(cache.path()), Some(at(98)), "the second began while the first ran");
        drop(second);
        assert_eq!(in_use_since(cache.path()), None);
    }

    #[test]
    fn images_are_marked_beside_the_engine() {
        let cache = tempfile::tempdir().unwrap();
        assert_eq!(image_used(cache.path(), "sha256:ab"), None);
        touch_image(cache.path(), "sha256:ab");
        assert!(image_used(cache.path(), "sha256:ab").is_some());
        touch_image(Path::new("/proc/none"), "sha256:ab");
    }

    #[test]
    fn space_is_short_by_share_and_by_bytes() {
        let short = |free, total| Space { free, total }.is_short();
        assert!(short(4_000_000_000, 10_000_000_000) && short(9_000_000_000, 100_000_000_000));
        assert!(!short(6_000_000_000, 50_000_000_000));
    }
}
