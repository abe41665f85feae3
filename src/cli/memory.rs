//! What glibc's allocator keeps of memory that was given back. Its defaults are for programs that will ask for it again;
//! farm bootstraps for a minute and then waits for containers.

/// To be called before threads are there. Elsewhere than on glibc there is nothing to set.
pub(super) fn keep_little() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        /// Decompressors' windows and buffers of transfers are larger: freed, they go back to the system at once. Set
        /// by hand, the threshold does not rise with what was freed last, which is what keeps 8 MiB in every thread.
        const MAPPED_FROM_BYTES: libc::c_int = 128 << 10;
        const ARENAS: libc::c_int = 2;
        // SAFETY: mallopt takes integers by value and changes only parameters of the allocator; no other thread runs.
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED_FROM_BYTES);
            libc::mallopt(libc::M_ARENA_MAX, ARENAS);
        }
    }
}
