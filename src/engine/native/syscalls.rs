//! Numbers of the system calls that the filter knows, for each ABI that a machine's kernel speaks: a filter that looked
//! at the machine's own only would be passed by its 32-bit calls.

/// One ABI of system calls.
#[derive(Debug)]
pub(super) struct Abi {
    /// `AUDIT_ARCH_*` of linux/audit.h.
    pub(super) audit: u32,
    /// A bit of the number that says "of another ABI" (x32).
    pub(super) foreign_bit: Option<u32>,
    /// Not permitted.
    pub(super) refused: &'static [u32],
    /// As if the kernel did not have them.
    pub(super) missing: &'static [u32],
    pub(super) clone: u32,
    pub(super) clone3: u32,
    pub(super) socket: u32,
}

/// The ABIs of this machine.
#[cfg(target_arch = "x86_64")]
pub(super) const ABIS: &[Abi] = &[X86_64, I386];
#[cfg(target_arch = "aarch64")]
pub(super) const ABIS: &[Abi] = &[AARCH64, ARM];
#[cfg(target_arch = "riscv64")]
pub(super) const ABIS: &[Abi] = &[RISCV64];
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
pub(super) const ABIS: &[Abi] = &[];

/// The same numbers everywhere since Linux 5.1, but on alpha: open_tree, move_mount, fsopen, fsconfig, fsmount, fspick,
/// mount_setattr, and quotactl_fd.
const RECENT: [u32; 8] = [428, 429, 430, 431, 432, 433, 442, 443];
/// io_uring_setup, io_uring_enter, io_uring_register.
const MISSING: [u32; 3] = [425, 426, 427];

/// One list from two.
const fn join<const A: usize, const B: usize, const N: usize>(first: [u32; A], second: [u32; B]) -> [u32; N] {
    assert!(A + B == N);
    let mut all = [0; N];
    let mut at = 0;
    while at < A {
        all[at] = first[at];
        at += 1;
    }
    while at < N {
        all[at] = second[at - A];
        at += 1;
    }
    all
}

#[cfg(target_arch = "x86_64")]
const X86_64: Abi = Abi {
    audit: 0xc000_003e,
    foreign_bit: Some(0x4000_0000),
    refused: &join::<36, 8, 44>(
        [
            165, // mount
            166, // umount2
            155, // pivot_root
            272, // unshare
            308, // setns
            169, // reboot
            167, // swapon
            168, // swapoff
            170, // sethostname
            171, // setdomainname
            175, // init_module
            176, // delete_module
            313, // finit_module
            246, // kexec_load
            320, // kexec_file_load
            321, // bpf
            298, // perf_event_open
            248, // add_key
            249, // request_key
            250, // keyctl
            323, // userfaultfd
            179, // quotactl
            163, // acct
            164, // settimeofday
            159, // adjtimex
            227, // clock_settime
            305, // clock_adjtime
            172, // iopl
            173, // ioperm
            103, // syslog
            153, // vhangup
            304, // open_by_handle_at
            300, // fanotify_init
            212, // lookup_dcookie
            180, // nfsservctl
            279, // move_pages
        ],
        RECENT,
    ),
    missing: &MISSING,
    clone: 56,
    clone3: 435,
    socket: 41,
};

#[cfg(target_arch = "x86_64")]
const I386: Abi = Abi {
    audit: 0x4000_0003,
    foreign_bit: None,
    refused: &join::<39, 8, 47>(
        [
            21,  // mount
            22,  // umount
            52,  // umount2
            217, // pivot_root
            310, // unshare
            346, // setns
            88,  // reboot
            87,  // swapon
            115, // swapoff
            74,  // sethostname
            121, // setdomainname
            128, // init_module
            129, // delete_module
            350, // finit_module
            283, // kexec_load
            357, // bpf
            336, // perf_event_open
            286, // add_key
            287, // request_key
            288, // keyctl
            374, // userfaultfd
            131, // quotactl
            51,  // acct
            25,  // stime
            79,  // settimeofday
            124, // adjtimex
            264, // clock_settime
            404, // clock_settime64
            343, // clock_adjtime
            405, // clock_adjtime64
            110, // iopl
            101, // ioperm
            103, // syslog
            111, // vhangup
            342, // open_by_handle_at
            338, // fanotify_init
            253, // lookup_dcookie
            169, // nfsservctl
            317, // move_pages
        ],
        RECENT,
    ),
    missing: &MISSING,
    clone: 120,
    clone3: 435,
    socket: 359,
};

/// asm-generic/unistd.h, which aarch64 and riscv64 have.
#[cfg(any(target_arch = "aarch64", target_arch = "riscv64"))]
const GENERIC: [u32; 42] = join::<34, 8, 42>(
    [
        40,  // mount
        39,  // umount2
        41,  // pivot_root
        97,  // unshare
        268, // setns
        142, // reboot
        224, // swapon
        225, // swapoff
        161, // sethostname
        162, // setdomainname
        105, // init_module
        106, // delete_module
        273, // finit_module
        104, // kexec_load
        294, // kexec_file_load
        280, // bpf
        241, // perf_event_open
        217, // add_key
        218, // request_key
        219, // keyctl
        282, // userfaultfd
        60,  // quotactl
        89,  // acct
        170, // settimeofday
        171, // adjtimex
        112, // clock_settime
        266, // clock_adjtime
        116, // syslog
        58,  // vhangup
        265, // open_by_handle_at
        262, // fanotify_init
        18,  // lookup_dcookie
        42,  // nfsservctl
        239, // move_pages
    ],
    RECENT,
);

#[cfg(target_arch = "aarch64")]
const AARCH64: Abi = Abi {
    audit: 0xc000_00b7,
    foreign_bit: None,
    refused: &GENERIC,
    missing: &MISSING,
    clone: 220,
    clone3: 435,
    socket: 198,
};

#[cfg(target_arch = "riscv64")]
const RISCV64: Abi = Abi {
    audit: 0xc000_00f3,
    foreign_bit: None,
    refused: &GENERIC,
    missing: &MISSING,
    clone: 220,
    clone3: 435,
    socket: 198,
};

#[cfg(target_arch = "aarch64")]
const ARM: Abi = Abi {
    audit: 0x4000_0028,
    foreign_bit: None,
    refused: &join::<34, 8, 42>(
        [
            21,  // mount
            52,  // umount2
            218, // pivot_root
            337, // unshare
            375, // setns
            88,  // reboot
            87,  // swapon
            115, // swapoff
            74,  // sethostname
            121, // setdomainname
            128, // init_module
            129, // delete_module
            379, // finit_module
            347, // kexec_load
            401, // kexec_file_load
            386, // bpf
            364, // perf_event_open
            309, // add_key
            310, // request_key
            311, // keyctl
            388, // userfaultfd
            131, // quotactl
            51,  // acct
            79,  // settimeofday
            124, // adjtimex
            262, // clock_settime
            404, // clock_settime64
            372, // clock_adjtime
            405, // clock_adjtime64
            103, // syslog
            111, // vhangup
            371, // open_by_handle_at
            367, // fanotify_init
            344, // move_pages
        ],
        RECENT,
    ),
    missing: &MISSING,
    clone: 120,
    clone3: 435,
    socket: 281,
};

#[cfg(test)]
mod tests {
    /// The table against the C library's, where it has the machine's own numbers.
    #[test]
    #[cfg(target_arch = "x86_64")]
    fn the_numbers_are_the_kernels() {
        let names = [
            libc::SYS_mount,
            libc::SYS_umount2,
            libc::SYS_pivot_root,
            libc::SYS_unshare,
            libc::SYS_setns,
            libc::SYS_reboot,
            libc::SYS_swapon,
            libc::SYS_swapoff,
            libc::SYS_sethostname,
            libc::SYS_setdomainname,
            libc::SYS_init_module,
            libc::SYS_delete_module,
            libc::SYS_finit_module,
            libc::SYS_kexec_load,
            libc::SYS_kexec_file_load,
            libc::SYS_bpf,
            libc::SYS_perf_event_open,
            libc::SYS_add_key,
            libc::SYS_request_key,
            libc::SYS_keyctl,
            libc::SYS_userfaultfd,
            libc::SYS_quotactl,
            libc::SYS_acct,
            libc::SYS_settimeofday,
            libc::SYS_adjtimex,
            libc::SYS_clock_settime,
            libc::SYS_clock_adjtime,
            libc::SYS_iopl,
            libc::SYS_ioperm,
            libc::SYS_syslog,
            libc::SYS_vhangup,
            libc::SYS_open_by_handle_at,
            libc::SYS_fanotify_init,
            libc::SYS_lookup_dcookie,
            libc::SYS_nfsservctl,
            libc::SYS_move_pages,
            libc::SYS_open_tree,
            libc::SYS_move_mount,
            libc::SYS_fsopen,
            libc::SYS_fsconfig,
            libc::SYS_fsmount,
            libc::SYS_fspick,
            libc::SYS_mount_setattr,
            libc::SYS_quotactl_fd,
        ];
        let names: Vec<u32> = names.iter().map(|number| *number as u32).collect();
        assert_eq!(super::X86_64.refused, names);
        let others = [libc::SYS_clone, libc::SYS_clone3, libc::SYS_socket].map(|number| number as u32);
        assert_eq!(others, [super::X86_64.clone, super::X86_64.clone3, super::X86_64.socket]);
    }
}
