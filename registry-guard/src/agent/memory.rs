//! Memory that is not needed any more.
#![expect(unsafe_code, reason = "the allocator of the C library is told")]

/// Gives back to the kernel what the allocator keeps for later. glibc does so of itself only at the end of its heaps, and a change of
/// 1,000,000 rules leaves hundreds of megabytes before that.
pub(super) fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes no pointer, and any thread may call it at any time (`malloc_trim(3)`: MT-Safe).
    unsafe {
        nix::libc::malloc_trim(0);
    }
}
