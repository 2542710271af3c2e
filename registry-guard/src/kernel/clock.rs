//! The clock that the programs read (`bpf_ktime_get_coarse_ns`, at most a tick behind).

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use super::KernelError;

/// The second of the kernel's monotonic clock in which `wait` from now ends.
pub(super) fn second_after(wait: Duration) -> Result<u32, KernelError> {
    let now = Duration::from(clock_gettime(ClockId::CLOCK_MONOTONIC).map_err(KernelError::Clock)?);
    Ok(u32::try_from((now + wait).as_secs()).unwrap_or(u32::MAX))
}
