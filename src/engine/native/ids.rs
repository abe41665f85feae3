//! Which user and group ids a container has: a range that nobody else has for root, the user's own and the subordinate ones
//! of subuid(5) and subgid(5) for everybody else. Either way they are a user namespace's: no process in a container has a
//! capability outside of it. And no container of root's has root's id, which sockets, signals and files of the host look
//! at without asking for a capability.
//!
//! Files of layers belong to the range on disk, as an ordinary user's do to the subordinate ids: that needs nothing of
//! the kernel that idmapped mounts would, costs a container nothing, and a set-user-id program in the store is nobody's.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::unistd::{Gid, Uid, User};
use serde::{Deserialize, Serialize};

/// Ids `inside..inside + count` are `outside..` on this host (user_namespaces(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) inside: u32,
    pub(super) outside: u32,
    pub(super) count: u32,
}

/// How ids are mapped here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IdMap {
    /// Of helpers.
    users: Vec<Extent>,
    groups: Vec<Extent>,
    /// The first id on this host of the range that containers of root have, and files of layers; none: they have the ids of
    /// helpers.
    range: Option<Range>,
    /// `newuidmap` and `newgidmap`; none: this process may write the maps itself.
    tools: Option<(PathBuf, PathBuf)>,
}

/// What distributions' packages are made for: ids up to `nobody`.
const ENOUGH: u32 = 65_535;

/// The range of root's containers on this host: ids that nobody hands out (systemd's "Users, Groups, UIDs and GIDs": from
/// 1879048192 on they are unused; subordinate ids end at 600100000, those of other engines' containers below).
const RANGE: Range = Range { first: 0x7000_0000, count: 1 << 27 };

/// Ids `0..count` of a container are `first..` on this host, users and groups alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Range {
    pub(super) first: u32,
    pub(super) count: u32,
}

impl Range {
    /// For `uid_map` and `gid_map` (user_namespaces(7)).
    fn line(self) -> String {
        format!("0 {} {}\n", self.first, self.count)
    }

    /// Gives a process that has made a user namespace in that of the caller this range, whose ids the caller has.
    pub(super) fn apply(self, process: i32) -> io::Result<()> {
        std::fs::write(format!("/proc/{process}/uid_map"), self.line())?;
        std::fs::write(format!("/proc/{process}/gid_map"), self.line())
    }

    /// The best that there is among the ids of this process: a range of its own, above what a system of this kind uses.
    fn among(users: &[Extent], groups: &[Extent]) -> Option<Range> {
        let holds = |extents: &[Extent], range: Range| {
            let end = u64::from(range.first) + u64::from(range.count);
            extents
                .iter()
                .any(|extent| extent.inside <= range.first && end <= u64::from(extent.inside) + u64::from(extent.count))
        };
        // In a container of another engine there may be fewer.
        let last = users.iter().map(|extent| u64::from(extent.inside) + u64::from(extent.count)).max().unwrap_or(0);
        let small = ENOUGH + 1;
        let top = u32::try_from(last).unwrap_or(u32::MAX) / small * small;
        let few = top.checked_sub(small).filter(|first| *first >= small).map(|first| Range { first, count: small });
        [Some(RANGE), few].into_iter().flatten().find(|range| holds(users, *range) && holds(groups, *range))
    }
}

impl IdMap {
    /// # Errors
    /// What is missing and how to mend it, for people.
    pub(super) fn of_this_process() -> Result<IdMap, String> {
        let user = Uid::effective();
        if user.is_root() {
            let extents = |file: &str| -> Result<Vec<Extent>, String> {
                let text = std::fs::read_to_string(file).map_err(|error| format!("{file} cannot be read: {error}"))?;
                Ok(identity(&text))
            };
            let (users, groups) = (extents("/proc/self/uid_map")?, extents("/proc/self/gid_map")?);
            let range = Range::among(&users, &groups);
            return Ok(IdMap { users, groups, range, tools: None });
        }
        let name = User::from_uid(user).ok().flatten().map(|user| user.name);
        let path = std::env::var_os("PATH").unwrap_or_default();
        // Users may have no sbin in theirs.
        let folders: Vec<PathBuf> =
            std::env::split_paths(&path).chain(["/usr/bin", "/usr/sbin", "/sbin"].map(PathBuf::from)).collect();
        let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
        IdMap::of_user(user, Gid::effective(), name.as_deref(), &folders, &read)
    }

    fn of_user(
        user: Uid,
        group: Gid,
        name: Option<&str>,
        folders: &[PathBuf],
        read: &dyn Fn(&str) -> String,
    ) -> Result<IdMap, String> {
        let tools = (find_tool("newuidmap", folders), find_tool("newgidmap", folders));
        let (Some(newuidmap), Some(newgidmap)) = tools else {
            return Err(
                "newuidmap and newgidmap are missing, which give an ordinary user the ids that packages need: \
                 install the package uidmap (Debian, Ubuntu) or shadow-utils (Fedora, EL) or shadow (openSUSE)"
                    .to_owned(),
            );
        };
        let shown = name.map_or_else(|| user.to_string(), str::to_owned);
        let map = |file: &str, own: u32| -> Result<Vec<Extent>, String> {
            let ranges = subordinate(&read(file), name, user.as_raw());
            let given: u32 = ranges.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count));
            if given < ENOUGH {
                let has = match given {
                    0 => "no subordinate ids".to_owned(),
                    some => format!("only {some} subordinate ids"),
                };
                return Err(format!(
                    "{shown} has {has} in {file}, and packages need {ENOUGH}: as root, \
                     `usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {shown}` with a range that nobody else has"
                ));
            }
            Ok(with_subordinate(own, &ranges))
        };
        Ok(IdMap {
            users: map("/etc/subuid", user.as_raw())?,
            groups: map("/etc/subgid", group.as_raw())?,
            range: None,
            tools: Some((newuidmap, newgidmap)),
        })
    }

    /// The range of a container's ids, and of the owners of a layer's files, where that is not the one of helpers.
    pub(super) fn range(&self) -> Option<Range> {
        self.range
    }

    /// Containers are to have the ids of helpers.
    pub(super) fn without_range(self) -> IdMap {
        IdMap { range: None, ..self }
    }

    /// Gives a process, which has made a user namespace for itself, the ids of a helper, or those of a container.
    pub(super) fn apply(&self, process: u32, as_container: bool) -> io::Result<()> {
        if let Some(range) = self.range.filter(|_| as_container) {
            return range.apply(process.cast_signed());
        }
        let Some((newuidmap, newgidmap)) = &self.tools else {
            std::fs::write(format!("/proc/{process}/uid_map"), lines(&self.users))?;
            return std::fs::write(format!("/proc/{process}/gid_map"), lines(&self.groups));
        };
        for (tool, extents) in [(newuidmap, &self.users), (newgidmap, &self.groups)] {
            let mut command = Command::new(tool);
            command.arg(process.to_string());
            for extent in extents {
                command.args([extent.inside, extent.outside, extent.count].map(|number| number.to_string()));
            }
            let output = command.output()?;
            if !output.status.success() {
                let said = crate::types::printable(String::from_utf8_lossy(&output.stderr).trim());
                return Err(io::Error::other(format!("{} failed: {said}", tool.display())));
            }
        }
        Ok(())
    }

    /// For people.
    pub(super) fn describe(&self) -> String {
        let ids: u64 = self.users.iter().map(|extent| u64::from(extent.count)).sum();
        match self.range {
            _ if self.rootless() => format!("an ordinary user with {} subordinate ids", ids - 1),
            Some(range) => format!("root, whose containers have the ids from {} on", range.first),
            None => "root, whose containers have its own ids: there are no others here".to_owned(),
        }
    }

    /// Whether files keep their owners: all ids are there.
    pub(super) fn rootless(&self) -> bool {
        self.tools.is_some()
    }
}

fn lines(extents: &[Extent]) -> String {
    extents.iter().map(|extent| format!("{} {} {}\n", extent.inside, extent.outside, extent.count)).collect()
}

/// The ids that a map of this process gives it, as themselves. Lines of `inside outside count`.
fn identity(map: &str) -> Vec<Extent> {
    map.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace().map(str::parse::<u32>);
            let (inside, _outside, count) = (words.next()?.ok()?, words.next()?.ok()?, words.next()?.ok()?);
            Some(Extent { inside, outside: inside, count })
        })
        .collect()
}

/// The ranges that subuid(5) gives to a user: lines of `name:start:count`, the name may be the id.
fn subordinate(text: &str, name: Option<&str>, id: u32) -> Vec<(u32, u32)> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.trim().split(':');
            let who = words.next()?;
            let (start, count) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
            (Some(who) == name || who == id.to_string()).then_some((start, count))
        })
        .filter(|(_, count)| *count > 0)
        .collect()
}

/// Root is the user, what follows are the subordinate ids, one range after the other.
fn with_subordinate(own: u32, ranges: &[(u32, u32)]) -> Vec<Extent> {
    let mut extents = vec![Extent { inside: 0, outside: own, count: 1 }];
    let mut inside = 1_u32;
    for (start, count) in ranges {
        extents.push(Extent { inside, outside: *start, count: *count });
        inside = inside.saturating_add(*count);
    }
    extents
}

fn find_tool(name: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    folders.iter().map(|folder| folder.join(name)).find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_keeps_the_ids_that_it_has() {
        assert_eq!(identity("         0          0 4294967295\n"), [Extent { inside: 0, outside: 0, count: u32::MAX }]);
        let nested = identity("0 1000 1\n1 100000 65536\n");
        assert_eq!(lines(&nested), "0 0 1\n1 1 65536\n");
    }

    #[test]
    fn containers_of_root_have_a_range_of_their_own() {
        let whole = identity("0 0 4294967295\n");
        assert_eq!(Range::among(&whole, &whole), Some(RANGE));
        assert_eq!(RANGE.line(), "0 1879048192 134217728\n");
        // Inside of another engine's container, or where only one of the kinds is there.
        let some = identity("0 100000 200000\n");
        let range = Range { first: 131_072, count: 65_536 };
        assert_eq!(Range::among(&some, &whole), Some(range));
        assert_eq!(Range::among(&some, &some), Some(range));
        for few in ["0 0 65536\n", "0 1000 1\n1 100000 65536\n", "0 0 1\n"] {
            assert_eq!(Range::among(&identity(few), &whole), None, "{few}");
            assert_eq!(Range::among(&whole, &identity(few)), None, "{few}");
        }
    }

    #[test]
    fn a_user_is_root_with_subordinate_ids_behind() {
        let text = "other:1:2\nada:100000:65536\n\nbroken\n1000:300000:10\nada:5:0\n";
        let ranges = subordinate(text, Some("ada"), 1000);
        assert_eq!(ranges, [(100_000, 65_536), (300_000, 10)]);
        assert_eq!(lines(&with_subordinate(1000, &ranges)), "0 1000 1\n1 100000 65536\n65537 300000 10\n");
        assert_eq!(subordinate(text, None, 7), []);
    }
    /// Programs of these names, in a folder.
    fn programs(names: &[&str]) -> tempfile::TempDir {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            std::fs::write(&path, "").unwrap();
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        folder
    }

    fn ada(folder: &Path, subuid: &str, subgid: &str) -> Result<IdMap, String> {
        let read = |file: &str| if file == "/etc/subuid" { subuid.to_owned() } else { subgid.to_owned() };
        let folders = [PathBuf::from("/nonexistent"), folder.to_owned()];
        IdMap::of_user(Uid::from_raw(1000), Gid::from_raw(100), Some("ada"), &folders, &read)
    }

    #[test]
    fn what_is_missing_is_said_with_its_mend() {
        const LINE: &str = "ada:100000:65536\n";
        let both = programs(&["newuidmap", "newgidmap"]);
        let found = ada(both.path(), LINE, LINE).unwrap();
        assert_eq!(lines(&found.groups), "0 100 1\n1 100000 65536\n");
        assert_eq!(found.tools, Some((both.path().join("newuidmap"), both.path().join("newgidmap"))));

        let error = ada(programs(&["newuidmap"]).path(), LINE, LINE).unwrap_err();
        assert!(error.contains("install the package uidmap (Debian"), "{error}");
        // A file that nobody may execute is no program.
        let closed = programs(&["newgidmap"]);
        std::fs::write(closed.path().join("newuidmap"), "").unwrap();
        assert!(ada(closed.path(), LINE, LINE).unwrap_err().contains("newuidmap and newgidmap are missing"));

        let error = ada(both.path(), "", LINE).unwrap_err();
        assert!(error.contains("ada has no subordinate ids in /etc/subuid"), "{error}");
        assert!(error.contains("`usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ada`"), "{error}");
        let error = ada(both.path(), LINE, "bob:100000:65536\nada:9:10\n").unwrap_err();
        assert!(error.contains("ada has only 10 subordinate ids in /etc/subgid"), "{error}");
    }
}
