use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::Value;
use tests::net::Agent;

/// What the guard counted so far, by reason and by what was done, over all registries and none.
pub(crate) struct Counters(BTreeMap<String, u64>);

impl Counters {
    /// Asks the guard.
    pub(crate) fn read(agent: &Agent) -> Result<Self> {
        let status = agent.json(["status"])?;
        let registries = status["registries"].as_array().context("status names no registries")?;
        let mut all = BTreeMap::new();
        for part in registries.iter().chain([&status]) {
            let counted = ["counters", "outcomes"].iter().filter_map(|kind| part[*kind].as_object()).flatten();
            for (reason, packets) in counted {
                *all.entry(reason.clone()).or_default() += packets.as_u64().unwrap_or(0);
            }
        }
        Ok(Self(all))
    }

    /// Packets counted under this name.
    pub(crate) fn of(&self, reason: &str) -> u64 {
        self.0.get(reason).copied().unwrap_or(0)
    }

    /// How many more than `before` were counted under this name.
    pub(crate) fn since(&self, before: &Self, reason: &str) -> u64 {
        self.of(reason).saturating_sub(before.of(reason))
    }
}

/// A text field of an answer of the guard's.
pub(crate) fn text<'a>(answer: &'a Value, field: &str) -> &'a str {
    answer[field].as_str().unwrap_or("-")
}
