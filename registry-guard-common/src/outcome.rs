use crate::layout::MAX_REGISTRIES;

/// What was done about a connection to a guarded endpoint, beside the reason for it. Counted per registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum Outcome {
    /// A denied SYN passed the NIC, so that the responder can say why.
    Admitted,
    /// A denied SYN was dropped, since its source has had as many answers in this second as it may.
    OverSourceBudget,
    /// A denied SYN was dropped, since all sources together have had as many answers in this second as they may.
    OverTotalBudget,
    /// The second layer let a packet go on to the registry. It sees each packet that belongs to no connection, not only SYNs.
    LookupAllowed,
    /// The second layer handed a packet to the responder.
    LookupForbidden,
    /// The second layer refused a packet.
    LookupRefused,
    /// A packet that the second layer refused was a datagram. Each of them is a denial, which a TCP packet need not be.
    DatagramRefused,
}

impl Outcome {
    /// Every outcome, in the order of its number.
    pub const ALL: [Self; 7] = [
        Self::Admitted,
        Self::OverSourceBudget,
        Self::OverTotalBudget,
        Self::LookupAllowed,
        Self::LookupForbidden,
        Self::LookupRefused,
        Self::DatagramRefused,
    ];

    /// The name as it stands in status and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::OverSourceBudget => "overSourceBudget",
            Self::OverTotalBudget => "overTotalBudget",
            Self::LookupAllowed => "lookupAllowed",
            Self::LookupForbidden => "lookupForbidden",
            Self::LookupRefused => "lookupRefused",
            Self::DatagramRefused => "datagramRefused",
        }
    }
}

const OUTCOMES_PER_REGISTRY: u32 = 8;
const _: () = assert!(Outcome::ALL.len() <= OUTCOMES_PER_REGISTRY as usize);

/// Entries of the outcome counters.
pub const OUTCOME_COUNTERS: u32 = MAX_REGISTRIES * OUTCOMES_PER_REGISTRY;

/// The index of the counter of `outcome` for the registry with this index.
#[inline(always)]
pub const fn outcome_counter(registry: u32, outcome: Outcome) -> u32 {
    registry * OUTCOMES_PER_REGISTRY + outcome as u32
}
