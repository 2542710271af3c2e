//! How many denied SYNs in a second go on to be told why. The kernel's clock counts the seconds, so it works without an agent.
#![expect(unsafe_code, reason = "map values are written through pointers that the kernel hands out")]

use core::intrinsics::{AtomicOrdering, atomic_cxchg};

use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::btf_maps::{Array, LruHashMap};
use aya_ebpf::macros::btf_map;
use registry_guard_common::{Address, BUDGET_SOURCES, Budget, BudgetSource, MAX_REGISTRIES, Outcome, Spent};

use crate::clock::second;
use crate::exhausted::Exhausted;

#[btf_map]
static BUDGETS: Array<Budget, { MAX_REGISTRIES as usize }> = Array::new();

/// [`Spent`] of all sources together.
#[btf_map]
static SPENT: Array<u64, { MAX_REGISTRIES as usize }> = Array::new();

/// [`Spent`] of each source. Only those enter for which the total still has room, so a flood does not churn it.
#[btf_map]
static SPENT_BY: LruHashMap<BudgetSource, u64, { BUDGET_SOURCES as usize }> = LruHashMap::new();

/// Takes one from the budgets of the registry with this index and of `source`.
#[inline(always)]
pub(crate) fn spend(registry: u32, source: &Address) -> Outcome {
    let (Some(budget), Some(total)) = (BUDGETS.get(registry), SPENT.get_ptr_mut(registry)) else {
        return Outcome::OverTotalBudget;
    };
    let second = second();
    // Under flood this is all: one line of cache that is only read.
    let spent = load(total);
    if !spent.is_stale(second) && spent.reaches(budget.total()) {
        return Outcome::OverTotalBudget;
    }
    let exhausted = Exhausted::new(registry, source, second);
    if exhausted.is_last() {
        return Outcome::OverSourceBudget;
    }
    let source = BudgetSource::new(registry, source);
    let has_room = match SPENT_BY.get_ptr_mut(source) {
        Some(spent) => take(spent, second, budget.per_source()),
        None => take_first(source, second, budget.per_source()),
    };
    if !has_room {
        exhausted.store();
        return Outcome::OverSourceBudget;
    }
    if take(total, second, budget.total()) { Outcome::Admitted } else { Outcome::OverTotalBudget }
}

/// Takes one for a source that was not there a moment ago. Another CPU may have put it in since then, and must not lose what it
/// counted.
#[inline(always)]
fn take_first(source: BudgetSource, second: u32, limit: u32) -> bool {
    let first = Spent::first_in(second).word();
    if limit == 0 || SPENT_BY.insert(source, first, u64::from(BPF_NOEXIST)).is_ok() {
        return limit > 0;
    }
    SPENT_BY.get_ptr_mut(source).is_some_and(|spent| take(spent, second, limit))
}

/// Takes one, unless `limit` were taken in this second already. Never gives more than `limit`, whatever other CPUs do; one
/// that loses against others twice gets none.
#[inline(always)]
fn take(word: *mut u64, second: u32, limit: u32) -> bool {
    let mut spent = load(word);
    for _ in 0..2 {
        let next = if spent.is_stale(second) { Spent::first_in(second) } else { spent.one_more() };
        if limit == 0 || (!spent.is_stale(second) && spent.reaches(limit)) {
            return false;
        }
        // SAFETY: map elements are aligned to 8 bytes and live until this program ends. The instruction is in Linux 5.12.
        let (seen, won) = unsafe {
            atomic_cxchg::<u64, { AtomicOrdering::SeqCst }, { AtomicOrdering::SeqCst }>(word, spent.word(), next.word())
        };
        if won {
            return true;
        }
        spent = Spent::from_word(seen);
    }
    false
}

#[inline(always)]
fn load(word: *mut u64) -> Spent {
    // SAFETY: map elements are aligned to 8 bytes and live until this program ends, so this is one 64-bit load.
    Spent::from_word(unsafe { word.read_volatile() })
}
