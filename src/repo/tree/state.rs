//! What farm keeps beside the repositories of a tree, in `.farm/`: nothing that a client reads.
//!
//! ```text
//! .farm/lock              held by the one that writes
//! .farm/states/SUM.json   the packages of a repository, by the SHA-256 sum of its Release or repomd.xml: the one that is
//!                         published names its state, so that index and state change in one step
//! .farm/packages/SUM      what the indexes say of a package
//! .farm/pieces/PLACE/     parts of indexes that were compressed before
//! .farm/snapshots/NAME.json  states to come back to
//! .farm/seen.json         files that were given, and what they were, as long as nobody has written to them
//! .farm/new/, .farm/aside/  what is being written, and what was replaced
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::model::{Entry, Place, RepoError, Settings, reading, writing};
use crate::swap;
use crate::types::{Format, Stamp};

/// The shape of [`State`].
const SCHEMA: u32 = 1;
/// How long what a state names stays after it was replaced, in seconds: who has read it may take so long for the rest.
const GRACE: i64 = 60 * 60;
/// No more states have it, however fast they follow each other.
const MOST_READ: usize = 32;

/// One state of one repository.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    schema: u32,
    format: Format,
    name: String,
    /// The sum of the state before it.
    pub(super) previous: Option<String>,
    pub(super) settings: Settings,
    /// When it was signed, seconds since the epoch.
    pub(super) date: i64,
    /// Index files of this state by their sums, relative to the folder: later ones keep them for those who have read this one.
    pub(super) files: Vec<String>,
    /// In the order of the index.
    pub(super) packages: Vec<Entry>,
}

impl State {
    pub(super) fn new(
        place: &Place,
        previous: Option<String>,
        settings: Settings,
        date: i64,
        files: Vec<String>,
        packages: Vec<Entry>,
    ) -> State {
        let (format, name) = (place.format, place.name.clone());
        State { schema: SCHEMA, format, name, previous, settings, date, files, packages }
    }

    fn place(&self) -> Place {
        Place { format: self.format, name: self.name.clone() }
    }
}

/// The states of a tree's repositories at one time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Snapshot {
    /// When it was made, seconds since the epoch.
    pub(super) date: i64,
    /// By the repository's folder, the name of its state.
    pub(super) states: BTreeMap<String, String>,
}

/// Files that were given, with the sums that they had.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Seen(BTreeMap<PathBuf, (Stamp, String)>);

impl Seen {
    pub(super) fn sum(&self, path: &Path) -> Option<&str> {
        let (stamp, sum) = self.0.get(path)?;
        (Stamp::of(path).ok()? == *stamp).then_some(sum)
    }

    pub(super) fn note(&mut self, path: &Path, stamp: Stamp, sum: String) {
        self.0.insert(path.to_owned(), (stamp, sum));
    }
}

/// A tree that this process alone writes to.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) root: PathBuf,
    lock: File,
}

impl Drop for Tree {
    /// A child of this process that is just being started has the file open, too, and would hold the lock for longer.
    fn drop(&mut self) {
        let _ = self.lock.unlock();
    }
}

impl Tree {
    /// Takes the lock, and clears away what a killed run has left.
    pub(super) fn lock(root: &Path) -> Result<Tree, RepoError> {
        let work = root.join(".farm");
        for folder in ["states", "packages", "aside"] {
            let folder = work.join(folder);
            fs::create_dir_all(&folder).map_err(writing(&folder))?;
        }
        let path = work.join("lock");
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(writing(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(RepoError::Locked(root.to_owned())),
            Err(TryLockError::Error(error)) => return Err(writing(&path)(error)),
        }
        let tree = Tree { root: root.to_owned(), lock: file };
        let new = tree.new_folder();
        match fs::remove_dir_all(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(writing(&new)(error)),
            _ => fs::create_dir_all(&new).map_err(writing(&new))?,
        }
        // Where two folders cannot be exchanged in one step, a kill in between has left the old one here.
        for place in tree.places_aside() {
            let (aside, live) = (tree.aside(&place), tree.root.join(place.folder()));
            if !live.exists() {
                fs::rename(&aside, &live).map_err(writing(&live))?;
            } else {
                fs::remove_dir_all(&aside).map_err(writing(&aside))?;
            }
        }
        Ok(tree)
    }

    pub(super) fn new_folder(&self) -> PathBuf {
        self.root.join(".farm/new")
    }

    fn aside(&self, place: &Place) -> PathBuf {
        self.root.join(".farm/aside").join(format!("{}-{}", place.format, place.name))
    }

    pub(super) fn pieces_folder(&self, place: &Place) -> PathBuf {
        self.root.join(".farm/pieces").join(format!("{}-{}", place.format, place.name))
    }

    fn places_aside(&self) -> Vec<Place> {
        let names = names(&self.root.join(".farm/aside"));
        let split = |name: String| {
            let (format, name) = name.split_once('-')?;
            let format = Format::ALL.into_iter().find(|one| one.as_str() == format)?;
            Some(Place { format, name: name.to_owned() })
        };
        names.into_iter().filter_map(split).collect()
    }

    /// Replaces the folder of a repository by what lies at `new`, once all of it is on disk.
    pub(super) fn publish(&self, place: &Place, new: &Path) -> Result<(), RepoError> {
        let live = self.root.join(place.folder());
        let parent = live.parent().unwrap_or(&self.root);
        fs::create_dir_all(parent).map_err(writing(parent))?;
        self.sync().map_err(writing(&self.root))?;
        let aside = self.aside(place);
        swap::replace_folder(new, &live, &aside).map_err(writing(&live))?;
        swap::sync_folder(parent).map_err(writing(parent))?;
        for old in [new, &aside] {
            if old.exists() {
                fs::remove_dir_all(old).map_err(writing(old))?;
            }
        }
        Ok(())
    }

    /// All of the file system at once: a tree has thousands of files that are new.
    #[cfg(target_os = "linux")]
    fn sync(&self) -> io::Result<()> {
        nix::unistd::syncfs(File::open(&self.root)?).map_err(io::Error::from)
    }

    #[cfg(not(target_os = "linux"))]
    fn sync(&self) -> io::Result<()> {
        swap::sync_tree(&self.root)
    }

    /// The sum that names the published state of a repository; none where nothing is published.
    pub(super) fn current(&self, place: &Place) -> Result<Option<String>, RepoError> {
        let path = self.root.join(place.folder()).join(place.anchor());
        match fs::read(&path) {
            Ok(content) => Ok(Some(sum(&content))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(reading(&path)(error)),
        }
    }

    pub(super) fn state(&self, sum: &str) -> Option<State> {
        let state: State = load(&self.state_path(sum))?;
        (state.schema == SCHEMA).then_some(state)
    }

    /// The state of this name, and those before it that somebody may still be reading: `always` of them, and what was
    /// replaced a short while ago.
    pub(super) fn still_read(
        &self,
        name: String,
        state: State,
        always: usize,
        now: DateTime<Utc>,
    ) -> Vec<(String, State)> {
        let mut read = vec![(name, state)];
        while let Some((_, last)) = read.last()
            && read.len() < MOST_READ
            // Each was replaced when the one after it was signed.
            && (read.len() < always || now.timestamp() - last.date < GRACE)
            && let Some(before) = last.previous.clone()
            && let Some(state) = self.state(&before)
        {
            read.push((before, state));
        }
        read
    }

    /// Gives those who have read earlier states what these name.
    pub(super) fn keep_read(&self, place: &Place, new: &Path, read: &[(String, State)]) -> Result<(), RepoError> {
        let live = self.root.join(place.folder());
        for file in read.iter().flat_map(|(_, state)| &state.files) {
            let (old, kept) = (live.join(file), new.join(file));
            if kept.exists() || !old.exists() {
                continue;
            }
            if let Some(folder) = kept.parent() {
                fs::create_dir_all(folder).map_err(writing(folder))?;
            }
            fs::hard_link(&old, &kept).map_err(writing(&kept))?;
        }
        Ok(())
    }

    fn state_path(&self, sum: &str) -> PathBuf {
        self.root.join(".farm/states").join(format!("{sum}.json"))
    }

    pub(super) fn save_state(&self, sum: &str, state: &State) -> Result<(), RepoError> {
        self.save(&self.state_path(sum), state)
    }

    pub(super) fn record<T: DeserializeOwned>(&self, sha256: &str) -> Option<T> {
        load(&self.record_path(sha256))
    }

    pub(super) fn save_record<T: Serialize>(&self, sha256: &str, record: &T) -> Result<(), RepoError> {
        self.save(&self.record_path(sha256), record)
    }

    fn record_path(&self, sha256: &str) -> PathBuf {
        self.root.join(".farm/packages").join(sha256)
    }

    pub(super) fn seen(&self) -> Seen {
        load(&self.root.join(".farm/seen.json")).unwrap_or_default()
    }

    pub(super) fn save_seen(&self, mut seen: Seen) -> Result<(), RepoError> {
        seen.0.retain(|path, _| path.exists());
        self.save(&self.root.join(".farm/seen.json"), &seen)
    }

    /// By rename: whoever reads it finds the old one or the new one.
    pub(super) fn save<T: Serialize>(&self, path: &Path, value: &T) -> Result<(), RepoError> {
        let content = serde_json::to_vec(value).map_err(|error| writing(path)(error.into()))?;
        self.write(path, &content)
    }

    /// Writes a file below the tree by rename.
    pub(super) fn write(&self, path: &Path, content: &[u8]) -> Result<(), RepoError> {
        let mut file = tempfile::NamedTempFile::new_in(self.new_folder()).map_err(writing(path))?;
        io::Write::write_all(&mut file, content).map_err(writing(path))?;
        readable(file.as_file()).map_err(writing(path))?;
        file.persist(path).map_err(|error| writing(path)(error.error))?;
        Ok(())
    }

    /// The repositories that are published.
    pub(super) fn places(&self) -> Vec<Place> {
        places(&self.root)
    }

    /// Removes states that nobody reads any more, and packages that only they have.
    pub(super) fn collect(&self, now: DateTime<Utc>) -> Result<(), RepoError> {
        let mut kept: BTreeSet<String> = BTreeSet::new();
        let mut used: BTreeSet<PathBuf> = BTreeSet::new();
        let mut records: BTreeSet<String> = BTreeSet::new();
        let mut states: Vec<(String, State)> = Vec::new();
        for place in self.places() {
            let Some(current) = self.current(&place)? else { continue };
            // What farm does not know it leaves.
            let Some(state) = self.state(&current) else { return Ok(()) };
            states.extend(self.still_read(current, state, 2, now));
        }
        for name in snapshots(&self.root)?.into_values().flat_map(|snapshot| snapshot.states.into_values()) {
            let Some(state) = self.state(&name) else { continue };
            states.push((name, state));
        }
        for (name, state) in states {
            for entry in &state.packages {
                used.extend(files(&self.root, &state.place(), entry));
                records.insert(entry.sha256.clone());
            }
            kept.insert(name);
        }
        for name in names(&self.root.join(".farm/states")) {
            let Some(sum) = name.strip_suffix(".json") else { continue };
            if kept.contains(sum) {
                continue;
            }
            if let Some(state) = self.state(sum) {
                for entry in &state.packages {
                    for path in files(&self.root, &state.place(), entry) {
                        if used.contains(&path) {
                            continue;
                        }
                        match fs::remove_file(&path) {
                            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(writing(&path)(error)),
                            _ => {}
                        }
                    }
                    if !records.contains(&entry.sha256) {
                        let _ = fs::remove_file(self.record_path(&entry.sha256));
                    }
                }
            }
            let path = self.state_path(sum);
            fs::remove_file(&path).map_err(writing(&path))?;
        }
        Ok(())
    }
}

pub(super) fn snapshots_folder(root: &Path) -> PathBuf {
    root.join(".farm/snapshots")
}

pub(super) fn snapshot_path(root: &Path, name: &str) -> PathBuf {
    snapshots_folder(root).join(format!("{name}.json"))
}

/// All snapshots of a tree, by name.
pub(super) fn snapshots(root: &Path) -> Result<BTreeMap<String, Snapshot>, RepoError> {
    let mut found = BTreeMap::new();
    for file in names(&snapshots_folder(root)) {
        let Some(name) = file.strip_suffix(".json") else { continue };
        // What it holds nobody knows then: nothing may be taken away.
        let snapshot = load(&snapshot_path(root, name)).ok_or_else(|| RepoError::Foreign {
            path: snapshot_path(root, name),
            reason: "it is no snapshot: restore the file, or remove it".to_owned(),
        })?;
        found.insert(name.to_owned(), snapshot);
    }
    Ok(found)
}

/// Where a package lies on this host.
pub(super) fn pooled(root: &Path, place: &Place, entry: &Entry) -> PathBuf {
    match place.format {
        Format::Deb => root.join(&entry.path),
        Format::Rpm => root.join("rpm").join(&place.name).join(&entry.path),
    }
}

/// The same, and what belongs to it.
pub(super) fn files(root: &Path, place: &Place, entry: &Entry) -> Vec<PathBuf> {
    let path = pooled(root, place, entry);
    let beside = entry.beside.iter().map(|name| path.with_file_name(name));
    beside.chain([path.clone()]).collect()
}

/// The repositories of a tree, by what is published.
pub(super) fn places(root: &Path) -> Vec<Place> {
    let mut found = Vec::new();
    for (format, folder) in [(Format::Deb, "dists"), (Format::Rpm, "rpm")] {
        found.extend(names(&root.join(folder)).into_iter().map(|name| Place { format, name }));
    }
    found.retain(|place| root.join(place.folder()).is_dir());
    found.sort();
    found
}

pub(super) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    names
}

pub(super) fn sum(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

/// Files of a tree are for everybody: web servers run as somebody else.
pub(super) fn readable(file: &File) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.set_permissions(fs::Permissions::from_mode(0o644))?;
    }
    let _ = file;
    Ok(())
}

fn load<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}
