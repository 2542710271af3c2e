//! What the program counted.

use std::collections::BTreeMap;

use aya::Ebpf;
use aya::maps::{Array, MapData, PerCpuArray};
use registry_guard_common::{MAX_REGISTRIES, Outcome, Reason, outcome_counter, reason_counter};

use super::{KernelError, bpf, take};

/// Packets by registry (none for those that concern no registry) and reason; reasons that never occurred are absent.
pub type ReasonCounts = BTreeMap<Option<u32>, BTreeMap<Reason, u64>>;

/// What was done, by registry; outcomes that never occurred are absent.
pub type OutcomeCounts = BTreeMap<u32, BTreeMap<Outcome, u64>>;

/// Counters that are cleared by one call.
const BATCH: usize = 4096;

pub(super) struct Counters {
    outcomes: PerCpuArray<MapData, u64>,
    reasons: PerCpuArray<MapData, u64>,
    rule_hits: Array<MapData, u64>,
}

impl Counters {
    pub(super) fn take(ebpf: &mut Ebpf) -> Result<Self, KernelError> {
        Ok(Self {
            outcomes: PerCpuArray::try_from(take(ebpf, "OUTCOMES")?)?,
            reasons: PerCpuArray::try_from(take(ebpf, "REASONS")?)?,
            rule_hits: Array::try_from(take(ebpf, "RULE_HITS")?)?,
        })
    }

    pub(super) fn rule_hits(&self, counter: u32) -> u64 {
        self.rule_hits.get(&counter, 0).unwrap_or(0)
    }

    pub(super) fn clear_rule_hits(&mut self, counters: &[u32]) -> Result<(), KernelError> {
        let zeros = vec![0; BATCH.min(counters.len())];
        for counters in counters.chunks(BATCH) {
            let (_, cleared) = bpf::set_many(&self.rule_hits, counters, &zeros);
            cleared.map_err(KernelError::bpf("clearing the hit counters of new rules"))?;
        }
        Ok(())
    }

    pub(super) fn outcomes(&self) -> Result<OutcomeCounts, KernelError> {
        let mut counts = OutcomeCounts::new();
        for registry in 0..MAX_REGISTRIES {
            for outcome in Outcome::ALL {
                let per_cpu = self.outcomes.get(&outcome_counter(registry, outcome), 0)?;
                let packets: u64 = per_cpu.iter().sum();
                if packets > 0 {
                    counts.entry(registry).or_default().insert(outcome, packets);
                }
            }
        }
        Ok(counts)
    }

    pub(super) fn reasons(&self) -> Result<ReasonCounts, KernelError> {
        let mut counts = ReasonCounts::new();
        for registry in std::iter::once(None).chain((0..MAX_REGISTRIES).map(Some)) {
            for &reason in Reason::ALL {
                let per_cpu = self.reasons.get(&reason_counter(registry, reason), 0)?;
                let packets: u64 = per_cpu.iter().sum();
                if packets > 0 {
                    counts.entry(registry).or_default().insert(reason, packets);
                }
            }
        }
        Ok(counts)
    }
}
