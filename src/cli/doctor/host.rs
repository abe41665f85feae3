//! This machine: room on its disks, memory and CPUs, emulators of other architectures, git.

use std::path::{Path, PathBuf};

use super::check::{Check, Severity};
use crate::cache::Space;
use crate::engine::{self, EngineInfo};
use crate::project;
use crate::types::{Arch, at_home, human_bytes};

/// A base, a builder and the packages of one target take about as much.
const ENOUGH_DISK: u64 = 5_000_000_000;
/// Compilers of large C++ files take a gigabyte each.
const ENOUGH_MEMORY: u64 = 2_000_000_000;
const HANDLERS: &str = "/proc/sys/fs/binfmt_misc";

/// Room on the file system of a place.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Room {
    /// `dist (/home/ada/dist)`
    place: String,
    device: u64,
    free: Result<u64, String>,
}

/// Free disk space where packages, downloads and, with farm's own engine, images are kept.
pub(super) async fn places(dist: &Path, cache: Option<PathBuf>, choice: &str) -> Vec<Check> {
    let mut wanted = vec![("dist", dist.to_owned())];
    wanted.extend(cache.map(|cache| ("cache", cache)));
    wanted.extend(engine::stores(choice).into_iter().map(|store| ("images", store)));
    // A file system of another machine that is gone may block for ever.
    let measured =
        tokio::task::spawn_blocking(move || wanted.into_iter().map(|(name, path)| room(name, &path)).collect());
    disk(measured.await.unwrap_or_default())
}

/// At the place, or where its folder will be made.
fn room(name: &str, path: &Path) -> Room {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let place = format!("{name} ({})", at_home(&path.to_string_lossy()));
    let existing = path.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
    let (device, free) = measure(existing);
    Room { place, device, free }
}

#[cfg(unix)]
fn measure(folder: &Path) -> (u64, Result<u64, String>) {
    use std::os::unix::fs::MetadataExt;
    let device = folder.metadata().map_or(0, |found| found.dev());
    (device, Space::of(folder).map(|space| space.free).map_err(|error| error.to_string()))
}

#[cfg(not(unix))]
fn measure(_folder: &Path) -> (u64, Result<u64, String>) {
    (0, Err("not known on this system".to_owned()))
}

/// One line for each file system.
fn disk(rooms: Vec<Room>) -> Vec<Check> {
    const NAME: &str = "disk";
    let mut by_device: Vec<Room> = Vec::new();
    for room in rooms {
        match by_device.iter_mut().find(|known| known.device == room.device && room.free.is_ok()) {
            Some(known) => known.place = format!("{}, {}", known.place, room.place),
            None => by_device.push(room),
        }
    }
    let check = |room: Room| match room.free {
        Ok(free) => {
            let found = format!("{} free for {}", human_bytes(free), room.place);
            if free >= ENOUGH_DISK {
                return Check::new(NAME, Severity::Ok, found);
            }
            let mend =
                "make room: `farm images prune`, `farm gc --keep 5G`; FARM_CACHE, FARM_DATA and -o name other places";
            Check::new(NAME, Severity::Warning, found).mend(mend)
        }
        Err(why) => Check::new(NAME, Severity::Warning, format!("{}: {why}", room.place)),
    };
    by_device.into_iter().map(check).collect()
}

/// What the engine has, or, without one, this machine.
pub(super) fn machine(engine: Option<&EngineInfo>) -> Check {
    const NAME: &str = "machine";
    let Some(info) = engine else {
        let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        return Check::new(
            NAME,
            Severity::Note,
            format!("CPUs: {cpus}; memory as the engine has it, once there is one"),
        );
    };
    let slots = project::default_slots(info.cpus);
    let found = format!(
        "{}, CPUs: {}, memory: {}; jobs at a time: {slots}",
        info.arch,
        info.cpus,
        human_bytes(info.memory_bytes)
    );
    match info.memory_bytes / slots as u64 {
        0 | ENOUGH_MEMORY.. => Check::new(NAME, Severity::Ok, found),
        each => Check::new(NAME, Severity::Warning, format!("{found}, which leaves {} for each", human_bytes(each)))
            .mend("run fewer jobs at a time: -j 1"),
    }
}

/// A handler of binfmt_misc: a program that runs those of another architecture.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Handler {
    arch: Arch,
    enabled: bool,
    /// Flag F: it was opened when it was registered, and so needs not be in the container.
    fixed: bool,
}

pub(super) async fn foreign() -> Check {
    let read = tokio::task::spawn_blocking(|| {
        let entries = std::fs::read_dir(HANDLERS).ok()?.flatten();
        let named = entries.filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            handler(&name, &std::fs::read_to_string(entry.path()).ok()?)
        });
        Some(named.collect())
    });
    emulation(read.await.ok().flatten(), Arch::host())
}

/// As the kernel shows it (binfmt-misc in its documentation).
fn handler(name: &str, text: &str) -> Option<Handler> {
    let arch = match name.strip_prefix("qemu-")? {
        "x86_64" => Arch::Amd64,
        "aarch64" => Arch::Arm64,
        "arm" => Arch::Armhf,
        "i386" => Arch::I386,
        "loongarch64" => Arch::Loong64,
        "mips64el" => Arch::Mips64el,
        "mipsel" => Arch::Mipsel,
        "ppc64le" => Arch::Ppc64el,
        "riscv64" => Arch::Riscv64,
        "s390x" => Arch::S390x,
        _ => return None,
    };
    let enabled = text.lines().next() == Some("enabled");
    let fixed = text.lines().find_map(|line| line.strip_prefix("flags:")).is_some_and(|flags| flags.contains('F'));
    Some(Handler { arch, enabled, fixed })
}

fn emulation(handlers: Option<Vec<Handler>>, host: Option<Arch>) -> Check {
    const NAME: &str = "emulation";
    const MEND: &str = "for other architectures, install qemu-user-static";
    let own = match host {
        Some(Arch::Amd64) => "amd64 and i386".to_owned(),
        Some(arch) => arch.to_string(),
        None => "its own architecture".to_owned(),
    };
    let mut handlers = handlers.unwrap_or_default();
    handlers.retain(|one| Some(one.arch) != host && (host, one.arch) != (Some(Arch::Amd64), Arch::I386));
    handlers.sort_by_key(|one| one.arch);
    let names = |usable: bool| -> Vec<String> {
        let of_kind = handlers.iter().filter(|one| (one.enabled && one.fixed) == usable);
        of_kind.map(|one| one.arch.to_string()).collect()
    };
    let (usable, useless) = (names(true), names(false));
    if !useless.is_empty() {
        let found = format!("{}: their emulators are off, or registered without flag F", useless.join(", "));
        let found = if usable.is_empty() { found } else { format!("{} can be built, not {found}", usable.join(", ")) };
        return Check::new(NAME, Severity::Warning, found).mend("register them with F: install qemu-user-static");
    }
    if usable.is_empty() {
        return Check::new(NAME, Severity::Note, format!("this machine runs {own} only")).mend(MEND);
    }
    Check::new(NAME, Severity::Ok, format!("{} can be built by emulation, beside {own}", usable.join(", ")))
}

pub(super) async fn git() -> Check {
    let mut command = tokio::process::Command::new("git");
    let output = command.arg("--version").stdin(std::process::Stdio::null()).kill_on_drop(true).output().await;
    version(output.ok().filter(|output| output.status.success()).map(|output| output.stdout))
}

fn version(said: Option<Vec<u8>>) -> Check {
    match said {
        Some(text) => Check::new("git", Severity::Ok, String::from_utf8_lossy(&text).trim()),
        None => {
            Check::new("git", Severity::Warning, "not there: sources with `git` cannot be fetched").mend("install git")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_is_one_line() {
        let room = |place: &str, device, free| Room { place: place.to_owned(), device, free: Ok(free) };
        let checks = disk(vec![
            room("dist (/d)", 1, 9_000_000_000),
            room("cache (/c)", 2, 900_000_000),
            room("images (/i)", 1, 9_000_000_000),
        ]);
        let seen: Vec<_> = checks.iter().map(|check| (check.severity, check.found.as_str())).collect();
        assert_eq!(
            seen,
            [
                (Severity::Ok, "9.0 GB free for dist (/d), images (/i)"),
                (Severity::Warning, "900 MB free for cache (/c)")
            ]
        );
        let unknown = Room { place: "dist (/d)".to_owned(), device: 0, free: Err("no".to_owned()) };
        assert_eq!(disk(vec![unknown])[0].severity, Severity::Warning);
    }

    #[test]
    fn memory_is_shared_by_the_jobs() {
        let info = |cpus, memory_bytes| EngineInfo { cpus, memory_bytes, ..EngineInfo::named("docker") };
        assert_eq!(machine(Some(&info(2, 16 << 30))).severity, Severity::Ok);
        let tight = machine(Some(&info(4, 4 << 30)));
        assert_eq!(tight.severity, Severity::Warning);
        assert!(tight.found.contains("jobs at a time: 4, which leaves 1.1 GB for each"), "{}", tight.found);
        // An engine that does not say.
        assert_eq!(machine(Some(&info(2, 0))).severity, Severity::Ok);
        assert_eq!(machine(None).severity, Severity::Note);
    }

    #[test]
    fn emulators_count_that_are_on_and_need_no_file_in_the_container() {
        let handlers = |flags: &str, more: Option<&str>| {
            let mut all =
                vec![handler("qemu-aarch64", &format!("enabled\ninterpreter /q\nflags: {flags}\noffset 0\n"))];
            all.extend(more.map(|name| handler(name, "disabled\nflags: F\n")));
            Some(all.into_iter().flatten().collect())
        };
        let text = |handlers| {
            let check = emulation(handlers, Some(Arch::Amd64));
            format!("{}: {}", check.severity.word(), check.found)
        };
        assert_eq!(text(None), "note: this machine runs amd64 and i386 only");
        assert_eq!(text(handlers("OCF", None)), "ok: arm64 can be built by emulation, beside amd64 and i386");
        assert_eq!(
            text(handlers("OCF", Some("qemu-i386"))),
            "ok: arm64 can be built by emulation, beside amd64 and i386"
        );
        assert_eq!(text(handlers("OC", None)), "warning: arm64: their emulators are off, or registered without flag F");
        assert_eq!(
            text(handlers("F", Some("qemu-riscv64"))),
            "warning: arm64 can be built, not riscv64: their emulators are off, or registered without flag F"
        );
        assert_eq!(handler("qemu-alpha", "enabled\n"), None);
        assert_eq!(handler("status", "enabled\n"), None);
    }

    #[test]
    fn git_is_asked_for_its_version() {
        assert_eq!(version(Some(b"git version 2.39.5\n".to_vec())).found, "git version 2.39.5");
        assert_eq!(version(None).severity, Severity::Warning);
    }
}
