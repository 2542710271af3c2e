//! The source that was last found to have spent its budget, on each CPU: a flood from one source reads this line of cache, and
//! asks no hash.
#![expect(unsafe_code, reason = "map values are written through pointers that the kernel hands out")]

use aya_ebpf::btf_maps::PerCpuArray;
use aya_ebpf::macros::btf_map;
use registry_guard_common::{Address, Family};

#[btf_map]
static EXHAUSTED: PerCpuArray<Exhausted, 1> = PerCpuArray::new();

/// A source that has had as many answers in one second as it may. Its words are one number, since LLVM would compare arrays
/// by wider reads of the stack than the verifier lets it make there.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Exhausted {
    source: u64,
    registry: u16,
    family: u16,
    second: u32,
}

impl Exhausted {
    /// What is to be found if `source`, as a [`registry_guard_common::BudgetSource`], has had as many as it may.
    #[inline(always)]
    pub(crate) fn new(registry: u32, source: &Address, second: u32) -> Self {
        let [first, next, ..] = source.words();
        let next = match source.family() {
            Family::V4 => 0,
            Family::V6 => next,
        };
        let source_words = u64::from(first) | u64::from(next) << 32;
        let registry = (registry & 0xffff) as u16;
        Self { source: source_words, registry, family: source.family() as u16, second }
    }

    /// Whether it was the last to be stored.
    #[inline(always)]
    pub(crate) fn is_last(self) -> bool {
        EXHAUSTED.get(0).is_some_and(|last| {
            last.source == self.source
                && last.second == self.second
                && last.registry == self.registry
                && last.family == self.family
        })
    }

    /// Stores it in place of the last.
    #[inline(always)]
    pub(crate) fn store(self) {
        if let Some(last) = EXHAUSTED.get_ptr_mut(0) {
            // SAFETY: the element belongs to this CPU, and XDP programs are not preempted by each other on one CPU.
            unsafe { last.write(self) };
        }
    }
}
