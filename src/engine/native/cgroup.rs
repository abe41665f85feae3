//! Limits of memory and processes by control groups, version 1 or 2, where this process may make them. What it may not
//! is limited for each process alone, by the caller.

use std::fs;
use std::path::{Component, Path, PathBuf};

use super::protocol::Cgroup;
use crate::engine::Limits;

/// Where control groups of ours can be made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Cgroups {
    memory: Option<ParentGroup>,
    processes: Option<ParentGroup>,
}

/// A folder to make groups in that have a controller.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ParentGroup {
    folder: PathBuf,
    version: Version,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// The files of one group, for [`Cgroups::usage`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) oom_kills: Option<u64>,
    pub(super) peak_bytes: Option<u64>,
}

impl Cgroups {
    /// Asks the kernel what this process may do.
    pub(super) fn of_this_process() -> Cgroups {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        Cgroups::from(&read("/proc/self/mountinfo"), &read("/proc/self/cgroup"), &may_make_groups)
    }

    fn from(mounts: &str, own: &str, allowed: &dyn Fn(&Path) -> bool) -> Cgroups {
        let find = |controller: &str| parent_group(mounts, own, controller, allowed);
        Cgroups { memory: find("memory"), processes: find("pids") }
    }

    pub(super) fn limits_memory(&self) -> bool {
        self.memory.is_some()
    }

    pub(super) fn limits_processes(&self) -> bool {
        self.processes.is_some()
    }

    /// The groups of one container. Memory has one always: its counters are the evidence for an outcome.
    pub(super) fn of_container(&self, name: &str, limits: &Limits) -> Vec<Cgroup> {
        let mut groups: Vec<Cgroup> = Vec::new();
        let mut add = |parent: &ParentGroup, limits: Vec<(&str, String)>, swap: Option<(&str, String)>| {
            let folder = parent.folder.join(name);
            let limits = limits.into_iter().map(|(file, value)| (file.to_owned(), value));
            let swap = swap.map(|(file, value)| (file.to_owned(), value));
            match groups.iter_mut().find(|group| group.folder == folder) {
                Some(group) => {
                    group.limits.extend(limits);
                    group.optional.extend(swap);
                }
                None => groups.push(Cgroup { folder, limits: limits.collect(), optional: swap.into_iter().collect() }),
            }
        };
        if let Some(parent) = &self.memory {
            let bytes = limits.memory_bytes.map(|bytes| bytes.to_string());
            // No swap beside the memory: a build that swaps is a build that hangs. Not every kernel counts it.
            match (parent.version, bytes) {
                (_, None) => add(parent, Vec::new(), None),
                (Version::One, Some(bytes)) => {
                    let swap = ("memory.memsw.limit_in_bytes", bytes.clone());
                    add(parent, vec![("memory.limit_in_bytes", bytes)], Some(swap));
                }
                (Version::Two, Some(bytes)) => {
                    add(parent, vec![("memory.max", bytes)], Some(("memory.swap.max", "0".to_owned())));
                }
            }
        }
        if let (Some(parent), Some(most)) = (&self.processes, limits.pids) {
            add(parent, vec![("pids.max", most.to_string())], None);
        }
        groups
    }

    /// What the container's processes used, as far as it is counted.
    pub(super) fn usage(groups: &[Cgroup]) -> Usage {
        let mut usage = Usage::default();
        for group in groups {
            let read = |file: &str| fs::read_to_string(group.folder.join(file)).ok();
            for file in ["memory.oom_control", "memory.events"] {
                let counted = read(file).and_then(|text| {
                    text.lines().find_map(|line| line.strip_prefix("oom_kill ")).and_then(|n| n.trim().parse().ok())
                });
                usage.oom_kills = usage.oom_kills.or(counted);
            }
            for file in ["memory.max_usage_in_bytes", "memory.peak"] {
                usage.peak_bytes = usage.peak_bytes.or(read(file).and_then(|text| text.trim().parse().ok()));
            }
        }
        usage
    }
}

/// Where groups with `controller` can be made.
fn parent_group(mounts: &str, own: &str, controller: &str, allowed: &dyn Fn(&Path) -> bool) -> Option<ParentGroup> {
    // Lines of `number:controllers:path` (cgroups(7)); version 2's has number 0 and no controllers.
    let own_path = |wanted: &dyn Fn(&str, &str) -> bool| {
        own.lines().find_map(|line| {
            let mut fields = line.splitn(3, ':');
            let (number, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
            wanted(number, controllers).then(|| path.to_owned())
        })
    };
    let in_version_1 = own_path(&|_, controllers| controllers.split(',').any(|one| one == controller));
    if let Some(path) = in_version_1 {
        let folder = mounted(mounts, "cgroup", Some(controller), &path)?;
        return allowed(&folder).then_some(ParentGroup { folder, version: Version::One });
    }
    let path = own_path(&|number, controllers| number == "0" && controllers.is_empty())?;
    let folder = mounted(mounts, "cgroup2", None, &path)?;
    // A group with processes in it hands no controllers on (the rule of no internal processes), so that ours is a
    // sibling of the one that this process is in, or of one above. Only the root of all may have both.
    let root = mounted(mounts, "cgroup2", None, "/")?;
    folder
        .ancestors()
        .skip(usize::from(folder != root))
        .take_while(|above| above.starts_with(&root))
        .find(|above| {
            let given = fs::read_to_string(above.join("cgroup.subtree_control")).unwrap_or_default();
            given.split_whitespace().any(|one| one == controller) && allowed(above)
        })
        .map(|folder| ParentGroup { folder: folder.to_owned(), version: Version::Two })
}

/// Where the group `path` of a hierarchy is in the file system: lines of proc_pid_mountinfo(5).
fn mounted(mounts: &str, kind: &str, controller: Option<&str>, path: &str) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let (front, back) = line.split_once(" - ")?;
        let mut back = back.split(' ');
        let (found, options) = (back.next()?, back.nth(1)?);
        if found != kind || controller.is_some_and(|wanted| !options.split(',').any(|one| one == wanted)) {
            return None;
        }
        let mut front = front.split(' ').skip(3);
        let (root, point) = (front.next()?, front.next()?);
        // A container sees only a part of the hierarchy.
        let below = Path::new(path).strip_prefix(root).unwrap_or(Path::new(""));
        let plain = below.components().all(|part| matches!(part, Component::Normal(_)));
        plain.then(|| Path::new(point).join(below))
    })
}

fn may_make_groups(folder: &Path) -> bool {
    use nix::unistd::{AccessFlags, access};
    access(folder, AccessFlags::W_OK).is_ok() && access(&folder.join("cgroup.procs"), AccessFlags::W_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
24 1 0:22 / /proc rw - proc proc rw
31 24 0:27 / /sys/fs/cgroup/memory rw,nosuid - cgroup cgroup rw,memory
32 24 0:28 / /sys/fs/cgroup/pids rw,nosuid - cgroup cgroup rw,pids
33 24 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
";
    const OWN: &str = "5:memory:/user/ada\n4:pids:/\n0::/x\n";

    #[test]
    fn version_1_groups_are_below_ones_own() {
        let found = Cgroups::from(MOUNTS, OWN, &|_| true);
        let limits = Limits { memory_bytes: Some(1 << 20), pids: Some(9), cpuset: None };
        let groups = found.of_container("farm-1", &limits);
        assert_eq!(groups[0].folder, Path::new("/sys/fs/cgroup/memory/user/ada/farm-1"));
        assert_eq!(groups[0].limits, [("memory.limit_in_bytes".to_owned(), "1048576".to_owned())]);
        assert_eq!(groups[0].optional, [("memory.memsw.limit_in_bytes".to_owned(), "1048576".to_owned())]);
        assert_eq!(groups[1].folder, Path::new("/sys/fs/cgroup/pids/farm-1"));
        assert_eq!(groups[1].limits, [("pids.max".to_owned(), "9".to_owned())]);
    }

    #[test]
    fn what_may_not_be_written_has_no_groups() {
        let found = Cgroups::from(MOUNTS, OWN, &|folder| !folder.ends_with("user/ada"));
        assert!(!found.limits_memory() && found.limits_processes());
    }

    #[test]
    fn version_2_groups_are_where_controllers_are_handed_on() {
        let root = tempfile::tempdir().unwrap();
        let slice = root.path().join("user.slice/app.slice");
        fs::create_dir_all(slice.join("shell.scope")).unwrap();
        for (folder, given) in [(root.path(), "cpu memory pids"), (&root.path().join("user.slice"), "memory pids")] {
            fs::write(folder.join("cgroup.subtree_control"), given).unwrap();
        }
        fs::write(slice.join("cgroup.subtree_control"), "memory").unwrap();
        let mounts = format!("30 24 0:26 / {} rw - cgroup2 cgroup2 rw\n", root.path().display());
        let own = "0::/user.slice/app.slice/shell.scope\n";
        let found = Cgroups::from(&mounts, own, &|_| true);
        assert_eq!(found.memory.unwrap().folder, slice);
        assert_eq!(found.processes.unwrap().folder, root.path().join("user.slice"));
        assert_eq!(Cgroups::from(&mounts, own, &|_| false), Cgroups::default());
        assert_eq!(Cgroups::from(&mounts, "0::/\n", &|_| true).memory.unwrap().folder, root.path());
        assert_eq!(Cgroups::from("", "", &|_| true), Cgroups::default());
    }
}
