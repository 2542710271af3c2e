//! Whether the kernel takes the programs.

use aya::programs::{SkLookup, Xdp};

use super::{GUARD_SK_LOOKUP, GUARD_XDP, KernelError, object};

/// Enough to load: nothing is ever counted.
const RULES: u32 = 1;

/// Loads both programs, attaches them nowhere and lets them go. What is attached goes on.
///
/// # Errors
///
/// What the kernel says to a program, or to a map that it needs.
pub fn try_to_load() -> Result<(), KernelError> {
    let mut ebpf = object::load(&mut object::loader(RULES))?;
    let at_the_nic: &mut Xdp = ebpf.program_mut(GUARD_XDP).ok_or(KernelError::Incomplete(GUARD_XDP))?.try_into()?;
    at_the_nic.load().map_err(KernelError::Verifier)?;
    let at_the_socket: &mut SkLookup =
        ebpf.program_mut(GUARD_SK_LOOKUP).ok_or(KernelError::Incomplete(GUARD_SK_LOOKUP))?.try_into()?;
    at_the_socket.load().map_err(KernelError::Verifier)
}
