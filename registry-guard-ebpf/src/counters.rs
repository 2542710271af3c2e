//! What happened, counted: one counter per reason or outcome and registry on each CPU, one per rule for all CPUs.
#![expect(unsafe_code, reason = "map values are written through pointers that the kernel hands out")]

use core::intrinsics::{AtomicOrdering, atomic_xadd};

use aya_ebpf::btf_maps::{Array, PerCpuArray};
use aya_ebpf::macros::btf_map;
use registry_guard_common::{
    Judgement, NO_COUNTER, OUTCOME_COUNTERS, Outcome, REASON_COUNTERS, outcome_counter, reason_counter,
};

#[btf_map]
static REASONS: PerCpuArray<u64, { REASON_COUNTERS as usize }> = PerCpuArray::new();

#[btf_map]
static OUTCOMES: PerCpuArray<u64, { OUTCOME_COUNTERS as usize }> = PerCpuArray::new();

/// The agent sets its size when it loads the program.
#[btf_map]
static RULE_HITS: Array<u64, 1> = Array::new();

/// Counts what was done about a packet to a guarded endpoint.
#[inline(always)]
pub(crate) fn count_outcome(registry: u32, outcome: Outcome) {
    if let Some(counter) = OUTCOMES.get_ptr_mut(outcome_counter(registry, outcome)) {
        // SAFETY: the element belongs to this CPU, and programs of the receive path are not preempted by each other there.
        unsafe { *counter += 1 };
    }
}

/// Counts one packet.
#[inline(always)]
pub(crate) fn count(judgement: &Judgement) {
    let counter = reason_counter(judgement.endpoint.registry(), judgement.reason);
    if let Some(counter) = REASONS.get_ptr_mut(counter) {
        // SAFETY: the element belongs to this CPU, and XDP programs are not preempted by each other on one CPU.
        unsafe { *counter += 1 };
    }
    count_hit(judgement);
}

/// Counts one packet for the rule that decided about it.
#[inline(always)]
pub(crate) fn count_hit(judgement: &Judgement) {
    if judgement.counter != NO_COUNTER
        && let Some(hits) = RULE_HITS.get_ptr_mut(judgement.counter)
    {
        // SAFETY: array elements are aligned to 8 bytes and live as long as the map; other CPUs add atomically too.
        unsafe { atomic_xadd::<u64, u64, { AtomicOrdering::Relaxed }>(hits, 1) };
    }
}
