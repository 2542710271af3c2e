//! The kernel's monotonic clock, which goes on without an agent.
#![expect(unsafe_code, reason = "the clock is read by a helper of the kernel")]

use aya_ebpf::helpers::generated::bpf_ktime_get_coarse_ns;

const NANOSECONDS: u64 = 1_000_000_000;

/// Seconds since the machine started, as of the last tick of the clock (Linux 5.11), the same on every CPU; they wrap around
/// after 136 years.
#[inline(always)]
pub(crate) fn second() -> u32 {
    // SAFETY: the helper takes nothing and only reads the clock.
    let now = unsafe { bpf_ktime_get_coarse_ns() };
    (now / NANOSECONDS & 0xffff_ffff) as u32
}
