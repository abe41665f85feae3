//! Whose the files of layers are. Containers of root have a range of ids of their own, and the files of layers belong to it.
//! Those of a store that another farm made, or one in another user namespace, are given to the range that is used now.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown};
use std::path::{Path, PathBuf};

use super::{Store, TREE, is_abandoned};
use crate::engine::native::ids::Range;

/// Says the range, its first id and how many there are. Without it files have the ids that they have in containers.
const OWNERS: &str = "owners";
const NONE: Range = Range { first: 0, count: 1 << 27 };

impl Store {
    /// Gives all files of layers to the range of ids that containers have.
    ///
    /// # Errors
    /// When containers run that have others.
    pub(super) fn settle_owners(&self) -> io::Result<()> {
        let wanted = self.range.unwrap_or(NONE);
        let place = self.root.join(OWNERS);
        let said = || {
            let text = fs::read_to_string(&place).ok()?;
            let (first, count) = text.trim().split_once(' ')?;
            Some(Range { first: first.parse().ok()?, count: count.parse().ok()? })
        };
        if said().unwrap_or(NONE) == wanted {
            return Ok(());
        }
        let held = self.exclusive()?;
        let now = said().unwrap_or(NONE);
        if now == wanted {
            return Ok(());
        }
        if let Some(running) = self.running()?.into_iter().find(|container| !is_abandoned(&container.folder)) {
            let folder = running.folder.display();
            return Err(io::Error::other(format!(
                "containers of another version of farm run there ({folder}): wait until that one is done"
            )));
        }
        for entry in fs::read_dir(self.layers())? {
            let layer = entry?.path();
            if overlap(now, wanted) || give(&layer.join(TREE), now, wanted).is_err() {
                // A layer that is not there is made anew with what needs it.
                fs::rename(&layer, self.root.join("staging").join(super::unique()))?;
            }
        }
        match self.write(&held, &place, format!("{} {}", wanted.first, wanted.count).as_bytes()) {
            // It is asked again the next time.
            Err(error) if error.kind() == io::ErrorKind::StorageFull => Ok(()),
            result => result,
        }
    }
}

/// An id of one range as one of another. Those that are there already stay: none is in both.
fn moved(id: u32, from: Range, to: Range) -> u32 {
    let is_there = id >= to.first && to.first > from.first;
    match id.checked_sub(from.first).filter(|inside| *inside < from.count.min(to.count) && !is_there) {
        Some(inside) => to.first + inside,
        None => id,
    }
}

/// Whether an id may be one of either.
fn overlap(from: Range, to: Range) -> bool {
    let (low, high) = if from.first < to.first { (from, to) } else { (to, from) };
    // Without a range of its own a store has hardly an id above the lowest.
    low != NONE && low.first.saturating_add(low.count) > high.first
}

/// Nobody else changes the tree meanwhile, so that a folder stays the folder that it was found to be.
fn give(tree: &Path, from: Range, to: Range) -> io::Result<()> {
    let mut pending: Vec<PathBuf> = vec![tree.to_owned()];
    while let Some(path) = pending.pop() {
        let found = fs::symlink_metadata(&path)?;
        let (user, group) = (moved(found.uid(), from, to), moved(found.gid(), from, to));
        if (user, group) != (found.uid(), found.gid()) {
            lchown(&path, Some(user), Some(group))?;
            // Another owner takes set-user-id bits away.
            if found.mode() & 0o6000 != 0 && found.is_file() {
                fs::set_permissions(&path, fs::Permissions::from_mode(found.mode() & 0o7777))?;
            }
        }
        if found.is_dir() {
            for entry in fs::read_dir(&path)? {
                pending.push(entry?.path());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::testing::is_root;

    #[test]
    fn ids_move_between_ranges_once() {
        let large = Range { first: 0x7000_0000, count: 1 << 27 };
        let small = Range { first: 131_072, count: 65_536 };
        for id in [0, 1, 1000, 65_534] {
            for (from, to) in
                [(NONE, large), (large, NONE), (large, small), (small, large), (small, NONE), (NONE, small)]
            {
                assert!(!overlap(from, to));
                assert_eq!(moved(from.first + id, from, to), to.first + id, "{from:?} {to:?}");
                assert_eq!(moved(to.first + id, from, to), to.first + id, "it is there already: {from:?} {to:?}");
            }
        }
        assert_eq!(moved(70_000, NONE, large), 0x7000_0000 + 70_000);
        assert_eq!(moved(70_000, NONE, small), 70_000, "there is no such id");
        assert_eq!(moved(5, large, small), 5, "none of the range");
        assert!(overlap(small, Range { first: 140_000, count: 65_536 }));
    }

    #[test]
    fn a_store_of_an_earlier_farm_is_given_to_the_range() {
        if !is_root() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        drop(Store::open(folder.path(), None).unwrap());
        let tree = folder.path().join("layers/0123/t");
        fs::create_dir_all(tree.join("sub")).unwrap();
        fs::write(tree.join("sub/file"), "x").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", tree.join("link")).unwrap();
        lchown(tree.join("sub/file"), Some(1000), Some(50)).unwrap();
        fs::set_permissions(tree.join("sub/file"), fs::Permissions::from_mode(0o4755)).unwrap();
        fs::hard_link(tree.join("sub/file"), tree.join("twin")).unwrap();
        let owner = |name: &str| {
            let found = fs::symlink_metadata(tree.join(name)).unwrap();
            (found.uid(), found.gid(), found.mode() & 0o7777)
        };
        let range = Range { first: 300_000, count: 65_536 };
        for _ in 0..2 {
            drop(Store::open(folder.path(), Some(range)).unwrap());
            assert_eq!(owner("sub/file"), (301_000, 300_050, 0o4755));
            assert_eq!(owner("twin"), (301_000, 300_050, 0o4755));
            assert_eq!(owner("link").0, 300_000);
        }
        assert_eq!(fs::metadata("/etc/passwd").unwrap().uid(), 0, "links are not followed");
        drop(Store::open(folder.path(), Some(Range { first: 700_000, count: 65_536 })).unwrap());
        assert_eq!(owner("sub/file"), (701_000, 700_050, 0o4755));
        drop(Store::open(folder.path(), None).unwrap());
        assert_eq!(owner("sub/file"), (1000, 50, 0o4755));
    }
}
