//! What was asked and what came back.

use std::fmt;

use serde_json::json;

/// The counts for one kind of source.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// SYNs that were sent.
    pub(crate) asked: u64,
    /// SYN-ACKs that came back.
    pub(crate) accepted: u64,
    /// What the registry sent.
    pub(crate) served: u64,
    /// RSTs that came back.
    pub(crate) refused: u64,
}

/// Everything.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) allowed: Counts,
    pub(crate) denied: Counts,
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = |counts: &Counts| {
            json!({
                "asked": counts.asked, "accepted": counts.accepted, "served": counts.served, "refused": counts.refused
            })
        };
        write!(formatter, "{}", json!({"allowed": counts(&self.allowed), "denied": counts(&self.denied)}))
    }
}
