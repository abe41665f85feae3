//! What a container's processes may not do, whoever they are in it: capabilities beyond those that installing packages
//! needs, privileges gained by a set-user-id program, files that are not below its root, and system calls that no build makes.

use std::io;
use std::mem::offset_of;

use super::landlock;
use super::syscalls::{self, Abi, Rule};

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

/// For this process and all that it starts; nothing of it comes back. `sockets_by_call`: the C library of the container's
/// system makes sockets by socketcall(2) alone.
pub(super) fn give_up_privileges(sockets_by_call: bool) -> io::Result<()> {
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
    landlock::stay_below_root()?;
    install_filter(sockets_by_call)
}

fn control(option: libc::c_int, value: u64) -> io::Result<()> {
    // SAFETY: these options take one number and no pointer.
    match unsafe { libc::prctl(option, value, 0_u64, 0_u64, 0_u64) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn install_filter(sockets_by_call: bool) -> io::Result<()> {
    let Some(mut program) = filter(sockets_by_call) else { return Ok(()) };
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

const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;

fn errno(code: i32) -> u32 {
    libc::SECCOMP_RET_ERRNO | code as u32
}

/// The filter as a program of the classic Berkeley packet filter (seccomp(2)): a section for each ABI that the CPU may
/// speak, and an end for any other. That a section is a long walk costs nothing: the kernel keeps which numbers are
/// allowed whatever their arguments (since Linux 5.11).
fn filter(sockets_by_call: bool) -> Option<Vec<libc::sock_filter>> {
    if syscalls::ABIS.is_empty() {
        return None;
    }
    let mut program = vec![load(offset_of!(libc::seccomp_data, arch))];
    for abi in syscalls::ABIS {
        let section = section(abi, sockets_by_call);
        // Past the section when it is for another ABI: a jump of its own, the short ones reach 255 instructions only.
        program.push(jump(libc::BPF_JEQ, abi.audit, 1, 0));
        program.push(statement(libc::BPF_JMP | libc::BPF_JA, section.len() as u32));
        program.extend(section);
    }
    program.push(result(libc::SECCOMP_RET_KILL_PROCESS));
    Some(program)
}

/// From the last range of numbers to the first, which begins at none.
fn section(abi: &Abi, sockets_by_call: bool) -> Vec<libc::sock_filter> {
    let mut program = vec![load(offset_of!(libc::seccomp_data, nr))];
    for (start, rule) in abi.ranges().into_iter().rev() {
        let decision = decision(rule, sockets_by_call);
        program.push(jump(libc::BPF_JGE, start, 0, decision.len() as u8));
        program.extend(decision);
    }
    program
}

fn decision(rule: Rule, sockets_by_call: bool) -> Vec<libc::sock_filter> {
    let argument = load(offset_of!(libc::seccomp_data, args) + if cfg!(target_endian = "big") { 4 } else { 0 });
    // The result for some values of the first argument, and for all others.
    let by_value = |values: &[u32], result_of_these: u32, others: u32| {
        let mut program = vec![argument];
        for value in values {
            program.extend([jump(libc::BPF_JEQ, *value, 0, 1), result(result_of_these)]);
        }
        program.push(result(others));
        program
    };
    match rule {
        Rule::Allow => vec![result(ALLOW)],
        Rule::Refuse => vec![result(errno(libc::EPERM))],
        Rule::Missing => vec![result(errno(libc::ENOSYS))],
        Rule::Clone => {
            vec![argument, jump(libc::BPF_JSET, namespaces(), 0, 1), result(errno(libc::EPERM)), result(ALLOW)]
        }
        Rule::Personality => by_value(&PERSONAS, ALLOW, errno(libc::EPERM)),
        Rule::Socket => by_value(&FAMILIES.map(|family| family as u32), ALLOW, errno(libc::EAFNOSUPPORT)),
        Rule::SocketCall if sockets_by_call => vec![result(ALLOW)],
        Rule::SocketCall => by_value(&SOCKET_MAKERS, errno(libc::ENOSYS), ALLOW),
    }
}

/// The families of addresses that builds and their tests have a use for. Others lead out of a network namespace (vsock),
/// or into code of the kernel that hardly anything runs (AF_ALG, packet sockets, and all that is loaded on demand).
const FAMILIES: [libc::c_int; 4] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// `socket` and `socketpair` to socketcall(2).
const SOCKET_MAKERS: [u32; 2] = [1, 8];

/// What personality(2) may be asked for: Linux, 32-bit Linux, either saying that it is Linux 2.6, and to say what it is.
const PERSONAS: [u32; 5] = [0, 8, 0x0002_0000, 0x0002_0008, u32::MAX];

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
            } else if code == libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K {
                at += branch(accumulator >= instruction.k);
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
        let program = filter(false).unwrap();
        assert!(program.len() < 4096, "the kernel takes no longer ones (BPF_MAXINSNS): {}", program.len());
        for abi in syscalls::ABIS {
            let rules = abi.rules();
            for call in 0..600 {
                let ask = |argument: i32| run(&program, abi.audit, call, argument as u32);
                let (refused, missing) = (errno(libc::EPERM), errno(libc::ENOSYS));
                let asked: Vec<(i32, u32)> = match rules.get(&call) {
                    Some(Rule::Allow) => vec![(0, ALLOW)],
                    Some(Rule::Refuse) => vec![(0, refused)],
                    Some(Rule::Missing) | None => vec![(0, missing)],
                    Some(Rule::Clone) => vec![
                        (libc::SIGCHLD, ALLOW),
                        (libc::CLONE_VM | libc::CLONE_THREAD, ALLOW),
                        (libc::CLONE_NEWUSER | libc::SIGCHLD, refused),
                        (libc::CLONE_NEWNS, refused),
                        (libc::CLONE_NEWNET, refused),
                    ],
                    Some(Rule::Personality) => {
                        vec![(0, ALLOW), (8, ALLOW), (-1, ALLOW), (0x0040_0000, refused), (0x0100_0000, refused)]
                    }
                    Some(Rule::Socket) => {
                        let refused = errno(libc::EAFNOSUPPORT);
                        let others = [libc::AF_VSOCK, libc::AF_ALG, libc::AF_PACKET, 21, 29, 30, 44, 45, 46, -1];
                        let ours = FAMILIES.map(|family| (family, ALLOW));
                        ours.into_iter().chain(others.map(|family| (family, refused))).collect()
                    }
                    Some(Rule::SocketCall) => vec![(1, missing), (8, missing), (3, ALLOW), (17, ALLOW)],
                };
                for (argument, expected) in asked {
                    assert_eq!(ask(argument), expected, "{} {call} {argument}", abi.column);
                }
            }
            // What a kernel of tomorrow has, and x32.
            for call in [470, 512, 547, 1000, 0x4000_0000, 0x4000_0029, 0x4000_0000 | 520, u32::MAX] {
                assert_eq!(run(&program, abi.audit, call, 0), errno(libc::ENOSYS), "{} {call}", abi.column);
            }
        }
        assert_eq!(run(&program, 0xdead, 1, 0), libc::SECCOMP_RET_KILL_PROCESS);
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn only_a_system_of_old_sockets_makes_them_the_old_way() {
        const I386: u32 = 0x4000_0003;
        for (kind, expected) in [(false, errno(libc::ENOSYS)), (true, ALLOW)] {
            let program = filter(kind).unwrap();
            assert_eq!(run(&program, I386, 102, 1), expected);
            assert_eq!(run(&program, I386, 102, 8), expected);
            assert_eq!(run(&program, I386, 359, libc::AF_VSOCK as u32), errno(libc::EAFNOSUPPORT));
        }
    }
}
