//! The kernel object, built by the build script and carried in this binary.

/// The ELF object with the programs of `registry-guard-ebpf`, aligned as its parser wants it.
pub(super) static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/registry-guard-ebpf"));
