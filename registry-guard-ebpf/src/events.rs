//! Denied packets, told to the agent within a budget.
#![expect(unsafe_code, reason = "map values are written through pointers that the kernel hands out")]

use core::intrinsics::{AtomicOrdering, atomic_xadd};

use aya_ebpf::btf_maps::{Array, RingBuf};
use aya_ebpf::macros::btf_map;
use registry_guard_common::{EVENT_BUDGET_ADMITTED, EVENT_BUDGET_STOPPED, EVENT_BUDGETS, EVENT_BYTES, Event};

#[btf_map]
static EVENTS: RingBuf<Event, { EVENT_BYTES as usize }> = RingBuf::new();

/// Events that may still be written; the agent refills it once a second. With no agent to read them there are none, and
/// under flood this line of cache is only read.
#[btf_map]
static EVENT_BUDGET: Array<i64, { EVENT_BUDGETS as usize }> = Array::new();

/// Writes the event of a denied packet that goes no further, if the budget allows.
#[inline(always)]
pub(crate) fn report(event: impl FnOnce() -> Event) {
    write(EVENT_BUDGET_STOPPED, event);
}

/// Writes the event of a denied SYN that goes on to the second layer. Its budget is its own: while the responder reports what
/// it answered, there is none.
#[inline(always)]
pub(crate) fn report_admitted(event: impl FnOnce() -> Event) {
    write(EVENT_BUDGET_ADMITTED, event);
}

#[inline(always)]
fn write(budget: u32, event: impl FnOnce() -> Event) {
    let Some(budget) = EVENT_BUDGET.get_ptr_mut(budget) else {
        return;
    };
    // SAFETY: array elements are aligned to 8 bytes and live as long as the map, so this is one 64-bit load, which no CPU
    // with a BPF JIT tears; BPF has no plainer atomic load before its version 4.
    if unsafe { budget.read_volatile() } <= 0 {
        return;
    }
    // SAFETY: aligned and alive as above; every CPU adds atomically.
    unsafe { atomic_xadd::<i64, i64, { AtomicOrdering::Relaxed }>(budget, -1) };
    if let Some(mut slot) = EVENTS.reserve(0) {
        slot.write(event());
        slot.submit(0);
    }
}
