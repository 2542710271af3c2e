//! The kernel object, built by the build script and carried in this binary.

use aya::{Ebpf, EbpfLoader, VerifierLogLevel};

use super::KernelError;

/// The ELF object with the programs of `registry-guard-ebpf`, aligned as its parser wants it.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/registry-guard-ebpf"));

/// What loads it, with room for the hits of so many rules.
pub(super) fn loader(rule_capacity: u32) -> EbpfLoader<'static> {
    let mut loader = EbpfLoader::new();
    // If the verifier refuses a program, it says why at any level; from 1 on it tells each step before, which is too much to keep.
    loader.verifier_log_level(VerifierLogLevel::STATS).map_max_entries("RULE_HITS", rule_capacity);
    loader
}

/// Makes its maps, or opens those that the loader knows to be pinned. Its programs are not loaded yet.
pub(super) fn load(loader: &mut EbpfLoader<'_>) -> Result<Ebpf, KernelError> {
    Ok(loader.load(OBJECT)?)
}
