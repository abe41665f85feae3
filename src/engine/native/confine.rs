//! What a container's processes may not do, whoever they are in it: capabilities beyond those that installing packages
//! needs, privileges gained by a set-user-id program, and system calls that no build makes.

use std::io;
use std::mem::offset_of;

use super::syscalls::{self, Abi};

/// The capabilities that stay (capabilities(7)): Docker's default set. They count in the container's user namespace only.
const KEPT: [u32; 14] = [
    0,  // CHOWN
    1,  // DAC_OVERRIDE
    3,  // FOWNER
    4,  // FSETID
    5,  // KILL
    6,  // SETGID
    7,  // SETUID
    8,  // SETPCAP
    10, // NET_BIND_SERVICE
    13, // NET_RAW
    18, // SYS_CHROOT
    27, // MKNOD
    29, // AUDIT_WRITE
    31, // SETFCAP
];
/// More than the kernel has.
const ALL_CAPABILITIES: u32 = 64;
/// `_LINUX_CAPABILITY_VERSION_3` of linux/capability.h: two words for each set.
const VERSION_3: u32 = 0x2008_0522;

#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Sets {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// For this process and all that it starts; nothing of it comes back.
pub(super) fn give_up_privileges() -> io::Result<()> {
    for capability in (0..ALL_CAPABILITIES).filter(|capability| !KEPT.contains(capability)) {
        match control(libc::PR_CAPBSET_DROP, u64::from(capability)) {
            // Past the last one that this kernel knows.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => break,
            result => result?,
        }
    }
    let kept = KEPT.iter().fold(0_u32, |set, capability| set | 1 << capability);
    let header = Header { version: VERSION_3, pid: 0 };
    let low = Sets { effective: kept, permitted: kept, inheritable: 0 };
    let sets = [low, Sets { effective: 0, permitted: 0, inheritable: 0 }];
    // SAFETY: header and sets are laid out as version 3 has them, and outlive the call.
    if unsafe { libc::syscall(libc::SYS_capset, &raw const header, sets.as_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // Nobody in the container may look into this process, which is this host's program, or attach to it.
    control(libc::PR_SET_DUMPABLE, 0)?;
    control(libc::PR_SET_NO_NEW_PRIVS, 1)?;
    install_filter()
}

fn control(option: libc::c_int, value: u64) -> io::Result<()> {
    // SAFETY: these options take one number and no pointer.
    match unsafe { libc::prctl(option, value, 0_u64, 0_u64, 0_u64) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn install_filter() -> io::Result<()> {
    let Some(mut program) = filter() else { return Ok(()) };
    let length = u16::try_from(program.len()).map_err(|_| io::Error::other("the system call filter is too long"))?;
    let filter = libc::sock_fprog { len: length, filter: program.as_mut_ptr() };
    // SAFETY: the program is as long as said and outlives the call, which copies it.
    match unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const filter) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Whether there is a table of system calls for this machine.
pub(super) fn has_filter() -> bool {
    !syscalls::ABIS.is_empty()
}

fn statement(code: u32, value: u32) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt: 0, jf: 0, k: value }
}

fn jump(code: u32, value: u32, yes: u8, no: u8) -> libc::sock_filter {
    libc::sock_filter { code: (libc::BPF_JMP | code | libc::BPF_K) as u16, jt: yes, jf: no, k: value }
}

fn load(offset: usize) -> libc::sock_filter {
    statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset as u32)
}

fn result(value: u32) -> libc::sock_filter {
    statement(libc::BPF_RET | libc::BPF_K, value)
}

fn errno(code: i32) -> u32 {
    libc::SECCOMP_RET_ERRNO | code as u32
}

/// The filter as a program of the classic Berkeley packet filter (seccomp(2)): a section for each ABI that the CPU may
/// speak, and an end for any other.
fn filter() -> Option<Vec<libc::sock_filter>> {
    if syscalls::ABIS.is_empty() {
        return None;
    }
    let mut program = vec![load(offset_of!(libc::seccomp_data, arch))];
    for abi in syscalls::ABIS {
        let section = section(abi);
        // Past the section when it is for another ABI: a jump of its own, the short ones reach 255 instructions only.
        program.push(jump(libc::BPF_JEQ, abi.audit, 1, 0));
        program.push(statement(libc::BPF_JMP | libc::BPF_JA, section.len() as u32));
        program.extend(section);
    }
    program.push(result(libc::SECCOMP_RET_KILL_PROCESS));
    Some(program)
}

fn section(abi: &Abi) -> Vec<libc::sock_filter> {
    let mut program = vec![load(offset_of!(libc::seccomp_data, nr))];
    if let Some(bit) = abi.foreign_bit {
        program.push(jump(libc::BPF_JSET, bit, 0, 1));
        program.push(result(errno(libc::ENOSYS)));
    }
    for call in abi.refused {
        program.push(jump(libc::BPF_JEQ, *call, 0, 1));
        program.push(result(errno(libc::EPERM)));
    }
    // C libraries fall back to clone, whose flags a filter can see.
    program.push(jump(libc::BPF_JEQ, abi.clone3, 0, 1));
    program.push(result(errno(libc::ENOSYS)));
    // Programs that are offered io_uring go on without; most of the kernel's escapes of late began there.
    for call in abi.missing {
        program.push(jump(libc::BPF_JEQ, *call, 0, 1));
        program.push(result(errno(libc::ENOSYS)));
    }
    let flags = namespaces();
    let first_argument = offset_of!(libc::seccomp_data, args) + if cfg!(target_endian = "big") { 4 } else { 0 };
    program.push(jump(libc::BPF_JEQ, abi.clone, 0, 4));
    program.push(load(first_argument));
    program.push(jump(libc::BPF_JSET, flags, 0, 1));
    program.push(result(errno(libc::EPERM)));
    program.push(result(libc::SECCOMP_RET_ALLOW));
    // Sockets of families that lead out of a network namespace, or into rarely used kernel code.
    program.push(jump(libc::BPF_JEQ, abi.socket, 0, 2 + 2 * FAMILIES.len() as u8));
    program.push(load(first_argument));
    for family in FAMILIES {
        program.push(jump(libc::BPF_JEQ, family as u32, 0, 1));
        program.push(result(errno(libc::EAFNOSUPPORT)));
    }
    program.push(result(libc::SECCOMP_RET_ALLOW));
    program.push(result(libc::SECCOMP_RET_ALLOW));
    program
}

const FAMILIES: [libc::c_int; 2] = [libc::AF_VSOCK, libc::AF_ALG];

/// No namespace in a namespace: with one come all capabilities again, in it.
fn namespaces() -> u32 {
    let flags = libc::CLONE_NEWNS
        | libc::CLONE_NEWCGROUP
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUSER
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWNET;
    flags as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the program as the kernel does: the instructions that `filter` uses.
    fn run(program: &[libc::sock_filter], arch: u32, call: u32, argument: u32) -> u32 {
        let (mut at, mut accumulator) = (0_usize, 0_u32);
        loop {
            let instruction = program[at];
            at += 1;
            let code = u32::from(instruction.code);
            let branch = |yes: bool| usize::from(if yes { instruction.jt } else { instruction.jf });
            if code == libc::BPF_LD | libc::BPF_W | libc::BPF_ABS {
                accumulator = match instruction.k as usize {
                    0 => call,
                    4 => arch,
                    16 | 20 => argument,
                    other => panic!("loads {other}"),
                };
            } else if code == libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K {
                at += branch(accumulator == instruction.k);
            } else if code == libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K {
                at += branch(accumulator & instruction.k != 0);
            } else if code == libc::BPF_JMP | libc::BPF_JA {
                at += instruction.k as usize;
            } else {
                assert_eq!(code, libc::BPF_RET | libc::BPF_K);
                return instruction.k;
            }
        }
    }

    #[test]
    fn each_abi_is_filtered_by_its_own_numbers() {
        let program = filter().unwrap();
        for abi in syscalls::ABIS {
            let ask = |call, argument| run(&program, abi.audit, call, argument);
            for call in abi.refused {
                assert_eq!(ask(*call, 0), errno(libc::EPERM), "{call}");
            }
            assert_eq!(ask(abi.clone3, 0), errno(libc::ENOSYS));
            assert_eq!(ask(abi.clone, libc::SIGCHLD as u32), libc::SECCOMP_RET_ALLOW);
            assert_eq!(ask(abi.clone, (libc::CLONE_NEWUSER | libc::SIGCHLD) as u32), errno(libc::EPERM));
            assert_eq!(ask(abi.socket, libc::AF_UNIX as u32), libc::SECCOMP_RET_ALLOW);
            assert_eq!(ask(abi.socket, libc::AF_VSOCK as u32), errno(libc::EAFNOSUPPORT));
            assert_eq!(ask(abi.socket, libc::AF_ALG as u32), errno(libc::EAFNOSUPPORT));
            assert_eq!(ask(3, 0), libc::SECCOMP_RET_ALLOW);
            if let Some(bit) = abi.foreign_bit {
                assert_eq!(ask(bit | 1, 0), errno(libc::ENOSYS));
            }
        }
        assert_eq!(run(&program, 0xdead, 1, 0), libc::SECCOMP_RET_KILL_PROCESS);
    }
}
