//! How long a sender rests after each frame.
#![expect(unsafe_code, reason = "map values and the clock are reached through the kernel")]

use aya_ebpf::btf_maps::Array;
use aya_ebpf::helpers::generated::bpf_ktime_get_ns;
use aya_ebpf::macros::btf_map;

/// Looks at the clock, at the most.
const LOOKS: u32 = 1024;

/// Nanoseconds.
#[btf_map]
static REST: Array<u64, 1> = Array::new();

/// Rests for as long as user space has set.
#[inline(always)]
pub(crate) fn rest() {
    let Some(&rest) = REST.get(0) else {
        return;
    };
    if rest == 0 {
        return;
    }
    let until = now() + rest;
    for _ in 0..LOOKS {
        if now() >= until {
            return;
        }
    }
}

#[inline(always)]
fn now() -> u64 {
    // SAFETY: the helper takes nothing and only reads the clock.
    unsafe { bpf_ktime_get_ns() }
}
