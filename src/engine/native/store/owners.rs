//! Whose the files of layers are. Containers of root have a range of ids of their own, and the files of layers belong to it.
//! Those of a store that another farm made, or one in another user namespace, are given to the range that is used now.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown};
use std::path::{Path, PathBuf};

use super::{Store, TREE, is_abandoned};

/// Says the first id of the range: 0 without one, as before there was one.
const OWNERS: &str = "owners";
/// No range is larger, and none begins below: an id that was changed is told from one that was not.
const MOST: u32 = 1 << 27;

impl Store {
    /// Gives all files of layers to the range of ids that containers have.
    ///
    /// # Errors
    /// When containers run that have others.
    pub(super) fn settle_owners(&self) -> io::Result<()> {
        let wanted = self.range.map_or(0, |range| range.first);
        let place = self.root.join(OWNERS);
        let said = || fs::read_to_string(&place).ok().and_then(|text| text.trim().parse::<u32>().ok()).unwrap_or(0);
        if said() == wanted {
            return Ok(());
        }
        let _lock = self.exclusive()?;
        let now = said();
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
            if give(&layer.join(TREE), now, wanted).is_err() {
                // A layer that is not whole is none: what needs it is made anew.
                fs::rename(&layer, self.root.join("staging").join(super::unique()))?;
            }
        }
        match self.write(&place, wanted.to_string().as_bytes()) {
            // It is asked again the next time.
            Err(error) if error.kind() == io::ErrorKind::StorageFull => Ok(()),
            result => result,
        }
    }
}

/// An id of a range that begins at `from` as one of a range that begins at `to`. Those that are there already stay.
fn moved(id: u32, from: u32, to: u32) -> u32 {
    match id.checked_sub(from) {
        Some(inside) if inside < MOST && !(from == 0 && to > 0 && id >= to) => inside.saturating_add(to),
        _ => id,
    }
}

/// Nobody else changes the tree meanwhile, so that a folder stays the folder that it was found to be.
fn give(tree: &Path, from: u32, to: u32) -> io::Result<()> {
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
    use crate::engine::native::ids::Range;

    #[test]
    fn ids_move_between_ranges_once() {
        let first = 0x7000_0000;
        for id in [0, 1, 1000, 65_534, 70_000] {
            assert_eq!(moved(id, 0, first), first + id);
            assert_eq!(moved(first + id, 0, first), first + id, "it is there already");
            assert_eq!(moved(first + id, first, 0), id);
            assert_eq!(moved(first + id, first, 131_072), 131_072 + id);
        }
        assert_eq!(moved(5, first, 131_072), 5, "none of the range");
    }

    #[test]
    fn a_store_of_an_earlier_farm_is_given_to_the_range() {
        if !nix::unistd::Uid::effective().is_root() {
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
