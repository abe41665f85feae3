//! What becomes of each system call, for each ABI that a machine's kernel speaks: a filter that looked at the machine's
//! own only would be passed by its 32-bit calls. A list of what is allowed: what a later kernel adds is not known here,
//! and looks as if the kernel did not have it.

use std::collections::BTreeMap;

use super::calls::{ALLOWED, NO, REFUSED, Row};

/// What is done with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    Allow,
    /// Not permitted (EPERM).
    Refuse,
    /// As if the kernel did not have it (ENOSYS): what C libraries and programs have a way around, and what is unknown.
    Missing,
    /// By its first argument, the flags: no new namespaces.
    Clone,
    /// By its first argument, the persona: those that change no more than what `uname` says or how memory is laid out
    /// for old programs.
    Personality,
    /// By its first argument, the family of addresses.
    Socket,
    /// By its first argument, what it is to do: the family is in memory, where a filter cannot look, so that it makes no
    /// sockets. i386 has calls of their own for that since Linux 4.3.
    SocketCall,
}

/// One ABI of system calls.
#[derive(Debug)]
pub(super) struct Abi {
    /// `AUDIT_ARCH_*` of linux/audit.h. x32 is told from x86-64 by a bit of the number alone (0x4000_0000): its calls
    /// are on no list.
    pub(super) audit: u32,
    /// Its column in the table.
    pub(super) column: usize,
}

/// The ABIs of this machine.
#[cfg(target_arch = "x86_64")]
pub(super) const ABIS: &[Abi] = &[
    // x86-64, i386
    Abi { audit: 0xc000_003e, column: 0 },
    Abi { audit: 0x4000_0003, column: 1 },
];
#[cfg(target_arch = "aarch64")]
pub(super) const ABIS: &[Abi] = &[
    // aarch64, 32-bit ARM
    Abi { audit: 0xc000_00b7, column: 2 },
    Abi { audit: 0x4000_0028, column: 3 },
];
#[cfg(target_arch = "riscv64")]
pub(super) const ABIS: &[Abi] = &[Abi { audit: 0xc000_00f3, column: 2 }];
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
pub(super) const ABIS: &[Abi] = &[];

/// What is on neither of the two lists, and decided here.
const SPECIAL: [(Row, Rule); 9] = [
    (("clone", [56, 120, 220, 120]), Rule::Clone),
    // Its flags are in memory. C libraries fall back to clone.
    (("clone3", [435, 435, 435, 435]), Rule::Missing),
    // Programs that are offered io_uring go on without; most of the kernel's escapes of late began there.
    (("io_uring_setup", [425, 425, 425, 425]), Rule::Missing),
    (("io_uring_enter", [426, 426, 426, 426]), Rule::Missing),
    (("io_uring_register", [427, 427, 427, 427]), Rule::Missing),
    (("personality", [135, 136, 92, 136]), Rule::Personality),
    (("socket", [41, 359, 198, 281]), Rule::Socket),
    (("socketpair", [53, 360, 199, 288]), Rule::Socket),
    (("socketcall", [NO, 102, NO, NO]), Rule::SocketCall),
];

impl Abi {
    /// The rule of each number that is known.
    pub(super) fn rules(&self) -> BTreeMap<u32, Rule> {
        let lists = [(ALLOWED, Rule::Allow), (REFUSED, Rule::Refuse)];
        let plain = lists.into_iter().flat_map(|(rows, rule)| rows.iter().map(move |row| (*row, rule)));
        plain
            .chain(SPECIAL)
            .map(|((_, numbers), rule)| (numbers[self.column], rule))
            .filter(|(number, _)| *number != NO)
            .collect()
    }

    /// The same for all numbers there can be: where a rule begins to hold, in order.
    pub(super) fn ranges(&self) -> Vec<(u32, Rule)> {
        let rules = self.rules();
        let mut ranges = vec![(0, Rule::Missing)];
        for (number, rule) in &rules {
            match ranges.last_mut() {
                Some(last) if last.0 == *number => last.1 = *rule,
                _ => ranges.push((*number, *rule)),
            }
            ranges.push((number + 1, Rule::Missing));
        }
        ranges.dedup_by(|next, before| next.1 == before.1);
        ranges
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::testing::skip;

    fn number(name: &str, abi: &Abi) -> Option<u32> {
        let special = SPECIAL.iter().map(|(row, _)| row);
        let row = ALLOWED.iter().chain(REFUSED).chain(special).find(|(known, _)| *known == name)?;
        Some(row.1[abi.column]).filter(|number| *number != NO)
    }

    #[test]
    fn each_number_has_one_rule_and_each_name_one_row() {
        let names: std::collections::BTreeSet<&str> =
            ALLOWED.iter().chain(REFUSED).map(|row| row.0).chain(SPECIAL.iter().map(|(row, _)| row.0)).collect();
        assert_eq!(names.len(), ALLOWED.len() + REFUSED.len() + SPECIAL.len());
        for column in 0..4 {
            let abi = Abi { audit: 0, column };
            let rows = ALLOWED.iter().chain(REFUSED).chain(SPECIAL.iter().map(|(row, _)| row));
            let numbers = rows.filter(|row| row.1[column] != NO).count();
            assert_eq!(abi.rules().len(), numbers, "column {column}");
        }
    }

    #[test]
    fn ranges_say_the_same_as_rules() {
        for abi in ABIS {
            let (rules, ranges) = (abi.rules(), abi.ranges());
            for number in (0..1000).chain([0x000f_0002, 0x4000_0000, 0x4000_0027, u32::MAX]) {
                let at = ranges.partition_point(|(start, _)| *start <= number) - 1;
                let expected = rules.get(&number).copied().unwrap_or(Rule::Missing);
                assert_eq!(ranges[at].1, expected, "{} {number}", abi.column);
            }
        }
    }

    /// The numbers against those of the C compiler's headers, where there are any: each call that they have is on one of
    /// the lists, or was never made.
    #[test]
    #[cfg(target_arch = "x86_64")]
    fn the_numbers_are_the_kernels() {
        const NEVER_MADE: [&str; 23] = [
            "_sysctl",
            "afs_syscall",
            "bdflush",
            "break",
            "create_module",
            "ftime",
            "get_kernel_syms",
            "getpmsg",
            "gtty",
            "idle",
            "lock",
            "mpx",
            "nfsservctl",
            "prof",
            "profil",
            "putpmsg",
            "query_module",
            "security",
            "stty",
            "tuxcall",
            "ulimit",
            "vserver",
            "syscalls",
        ];
        let mut headers = 0;
        for (abi, header) in ABIS.iter().zip(["unistd_64.h", "unistd_32.h"]) {
            let places = ["/usr/include/x86_64-linux-gnu/asm", "/usr/include/asm"];
            let Some(text) = places.iter().find_map(|place| std::fs::read_to_string(format!("{place}/{header}")).ok())
            else {
                continue;
            };
            let calls = text.lines().filter_map(|line| line.strip_prefix("#define __NR_")?.split_once(' '));
            let mut seen = 0;
            for (name, value) in calls.filter(|(name, _)| !NEVER_MADE.contains(name)) {
                assert_eq!(number(name, abi), value.trim().parse().ok(), "{name} of {}", abi.column);
                seen += 1;
            }
            assert!(seen > 300, "{header} has {seen} calls");
            headers += 1;
        }
        if headers == 0 {
            skip("there are no headers of the kernel");
        }
    }

    /// Against the C library's own numbers, on whatever machine the tests run.
    #[test]
    fn the_machines_own_numbers_come_first() {
        let Some(abi) = ABIS.first() else { return skip("there is no table for this kind of machine") };
        let some = [
            ("mount", libc::SYS_mount),
            ("unshare", libc::SYS_unshare),
            ("clone", libc::SYS_clone),
            ("clone3", libc::SYS_clone3),
            ("socket", libc::SYS_socket),
            ("socketpair", libc::SYS_socketpair),
            ("personality", libc::SYS_personality),
            ("openat", libc::SYS_openat),
            ("execve", libc::SYS_execve),
            ("statx", libc::SYS_statx),
            ("keyctl", libc::SYS_keyctl),
            ("bpf", libc::SYS_bpf),
            ("io_uring_setup", libc::SYS_io_uring_setup),
        ];
        for (name, expected) in some {
            assert_eq!(number(name, abi), u32::try_from(expected).ok(), "{name}");
        }
    }
}
