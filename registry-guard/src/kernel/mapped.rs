//! The memory of an array map, shared with the kernel.
#![expect(unsafe_code, reason = "the memory is reached through a raw pointer that mmap(2) returns")]

use std::io;
use std::num::NonZeroUsize;
use std::ops::Deref;
use std::os::fd::AsFd;
use std::ptr::NonNull;
use std::slice;
use std::sync::atomic::AtomicU64;

use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

/// The words of an array map that was made with `BPF_F_MMAPABLE`.
#[derive(Debug)]
pub(super) struct MappedWords {
    first: NonNull<AtomicU64>,
    count: usize,
}

impl MappedWords {
    /// Maps the first `count` words of `map`, which has at least so many.
    pub(super) fn new(map: impl AsFd, count: usize) -> io::Result<Self> {
        let bytes = NonZeroUsize::new(count * size_of::<AtomicU64>()).ok_or(io::ErrorKind::InvalidInput)?;
        let rights = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a fresh mapping at a place that the kernel chooses touches no memory that is in use.
        let first = unsafe { mmap(None, bytes, rights, MapFlags::MAP_SHARED, map, 0) }?;
        Ok(Self { first: first.cast(), count })
    }
}

impl Deref for MappedWords {
    type Target = [AtomicU64];

    fn deref(&self) -> &[AtomicU64] {
        // SAFETY: the mapping is aligned to a page and `count` words long, it stays until this is dropped, every bit pattern is
        // a valid word, and everyone else who writes it, in this process or not, does so through a mapping like this one.
        unsafe { slice::from_raw_parts(self.first.as_ptr(), self.count) }
    }
}

impl Drop for MappedWords {
    fn drop(&mut self) {
        // SAFETY: this is the whole mapping, and no reference to it outlives this value. It cannot fail for a mapping that exists.
        _ = unsafe { munmap(self.first.cast(), self.count * size_of::<AtomicU64>()) };
    }
}

// SAFETY: the mapping belongs to the process, not to a thread, and all access to it is atomic.
unsafe impl Send for MappedWords {}
// SAFETY: as above.
unsafe impl Sync for MappedWords {}
