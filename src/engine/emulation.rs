//! Which architectures the programs of containers may have: this machine's own, and those for which the kernel knows an
//! emulator. Asked of the kernel itself, by starting a program of each: what binfmt_misc lists is not to be seen
//! everywhere where it is in force.

use super::EngineInfo;
use crate::types::Arch;

/// Of these architectures, those that an engine cannot run. Those of an engine on another machine may all be run: nobody
/// can look there. Blocks, for some milliseconds each.
pub fn not_run(info: &EngineInfo, arches: impl IntoIterator<Item = Arch>) -> Vec<Arch> {
    let foreign = |arch: &Arch| info.shares_kernel && *arch != info.arch && !is_own(info.arch, *arch);
    arches.into_iter().filter(foreign).filter(|arch| starts(*arch) == Some(false)).collect()
}

/// Whether a machine's processors run programs of another architecture themselves, or may do.
pub(crate) fn is_own(machine: Arch, arch: Arch) -> bool {
    matches!(
        (machine, arch),
        (Arch::Amd64, Arch::I386) | (Arch::Arm64, Arch::Armhf | Arch::Armel) | (Arch::Mips64el, Arch::Mipsel)
    )
}

/// Whether the engine with a daemon of this host name and kernel is one of this machine, so that its containers share the
/// kernel that farm runs on.
pub(super) fn is_here(host_name: Option<&str>, kernel: Option<&str>) -> bool {
    let is = |said: Option<&str>, file: &str| {
        let known = std::fs::read_to_string(file).unwrap_or_default();
        said.is_some_and(|said| !said.is_empty() && said == known.trim())
    };
    is(host_name, "/proc/sys/kernel/hostname") && is(kernel, "/proc/sys/kernel/osrelease")
}

/// What to install where an emulator is missing.
pub const MEND: &str = "install qemu-user-static (Debian 13 and later: qemu-user-binfmt) on the engine's machine, or \
                        `docker run --privileged --rm tonistiigi/binfmt --install all`; `farm doctor` says what is there";

/// Whether the kernel starts a program of this architecture; `None` where it cannot be tried.
#[cfg(target_os = "linux")]
fn starts(arch: Arch) -> Option<bool> {
    use std::ffi::CString;
    use std::io::Write as _;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::PermissionsExt as _;

    use nix::errno::Errno;
    use nix::fcntl::OFlag;
    use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, posix_spawn};
    use nix::sys::stat::Mode;
    use nix::sys::wait::waitpid;

    let mut file = tempfile::Builder::new().permissions(std::fs::Permissions::from_mode(0o700)).tempfile().ok()?;
    file.write_all(&program(arch)).ok()?;
    // Closed first: what is open for writing cannot be started.
    let path = file.into_temp_path();
    let name = CString::new(path.as_os_str().as_bytes()).ok()?;
    let (mut actions, attributes) = (PosixSpawnFileActions::init().ok()?, PosixSpawnAttr::init().ok()?);
    // An emulator says what it thinks of a program without content.
    for output in [1, 2] {
        actions.add_open(output, "/dev/null", OFlag::O_WRONLY, Mode::empty()).ok()?;
    }
    match posix_spawn(&*name, &actions, &attributes, &[&*name], &[] as &[&std::ffi::CStr]) {
        Ok(child) => {
            // However the emulator finds it, it has been started.
            let _ = waitpid(child, None);
            Some(true)
        }
        Err(Errno::ENOEXEC) => Some(false),
        Err(_) => None,
    }
}

#[cfg(not(target_os = "linux"))]
fn starts(_: Arch) -> Option<bool> {
    None
}

/// An ELF program that ends at once because it has nothing in it: the kernel and emulators know a program by its first
/// twenty bytes (elf(5)).
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
fn program(arch: Arch) -> Vec<u8> {
    let (is_64_bit, big_endian, machine, flags): (bool, bool, u16, u32) = match arch {
        Arch::Amd64 => (true, false, 62, 0),
        Arch::I386 => (false, false, 3, 0),
        Arch::Arm64 => (true, false, 183, 0),
        // EABI 5.
        Arch::Armhf | Arch::Armel => (false, false, 40, 0x0500_0000),
        Arch::Loong64 => (true, false, 258, 0x3),
        Arch::Mips64el => (true, false, 8, 0x8000_0000),
        Arch::Mipsel => (false, false, 8, 0x7000_1000),
        Arch::Ppc64el => (true, false, 21, 2),
        Arch::Riscv64 => (true, false, 243, 0x5),
        Arch::S390x => (true, true, 22, 0),
    };
    let mut bytes = vec![0x7f, b'E', b'L', b'F', 1 + u8::from(is_64_bit), 1 + u8::from(big_endian), 1];
    bytes.resize(16, 0);
    let mut put = |value: u64, size: usize| {
        let all = if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
        bytes.extend_from_slice(if big_endian { &all[8 - size..] } else { &all[..size] });
    };
    let word = if is_64_bit { 8 } else { 4 };
    let header = if is_64_bit { 64 } else { 52 };
    // An executable of this machine, without segments and sections.
    for (value, size) in [(2, 2), (u64::from(machine), 2), (1, 4), (0, word), (0, word), (0, word)] {
        put(value, size);
    }
    for (value, size) in [(u64::from(flags), 4), (header, 2), (0, 2), (0, 2), (0, 2), (0, 2), (0, 2)] {
        put(value, size);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_engine_of_this_machine_is_judged_and_never_for_what_its_processors_run() {
        let info = EngineInfo { shares_kernel: false, ..EngineInfo::named("docker") };
        assert_eq!(not_run(&info, [Arch::S390x, Arch::Loong64]), []);
        let info = EngineInfo { shares_kernel: true, arch: Arch::Amd64, ..info };
        assert_eq!(not_run(&info, [Arch::Amd64, Arch::I386]), []);
        assert!(is_own(Arch::Arm64, Arch::Armhf) && !is_own(Arch::Armhf, Arch::Arm64));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_kernel_starts_programs_of_this_machine() {
        // It has no segments, so it does not run for long, but it is taken for a program.
        assert_ne!(starts(Arch::host().unwrap()), None);
        let handlers = std::path::Path::new("/proc/sys/fs/binfmt_misc");
        if handlers.join("status").exists() && std::env::consts::ARCH == "x86_64" {
            assert_eq!(starts(Arch::Arm64), Some(handlers.join("qemu-aarch64").exists()));
        }
    }

    /// Read as `file` and the kernel's binfmt_misc rules of qemu do.
    #[test]
    fn programs_begin_as_their_architecture_says() {
        let begin = |arch| hex::encode(&program(arch)[..20]);
        assert_eq!(begin(Arch::Arm64), "7f454c460201010000000000000000000200b700");
        assert_eq!(begin(Arch::S390x), "7f454c4602020100000000000000000000020016");
        assert_eq!(begin(Arch::Armhf), "7f454c4601010100000000000000000002002800");
        assert_eq!(program(Arch::Riscv64).len(), 64);
        assert_eq!(program(Arch::I386).len(), 52);
    }
}
