use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::{Judgement, Reason};

/// Size of a [`Probe`] in bytes: a multiple of 4 and at most 32, as XDP metadata must be (`xdp_metalen_invalid`).
pub const PROBE_BYTES: usize = size_of::<Probe>();

/// A question to the loaded program, and its answer.
///
/// It stands in the XDP metadata before the packet. Only `BPF_PROG_TEST_RUN` can put it there: drivers hand over packets
/// with empty metadata, and no sender on the wire reaches it. A probe leaves no trace in counters and events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Probe {
    magic: u32,
    reason: u32,
    registry: u32,
    counter: u32,
}

impl Probe {
    const MAGIC: u32 = 0x7267_7062;
    const NO_REGISTRY: u32 = u32::MAX;

    /// The question.
    pub const QUESTION: Self =
        Self { magic: Self::MAGIC, reason: u32::MAX, registry: Self::NO_REGISTRY, counter: u32::MAX };

    /// Whether these bytes are a question at all.
    #[inline(always)]
    pub const fn is_question(&self) -> bool {
        self.magic == Self::MAGIC
    }

    /// The answer to a question.
    #[inline(always)]
    pub fn answer(judgement: &Judgement) -> Self {
        Self {
            magic: Self::MAGIC,
            reason: judgement.reason as u32,
            registry: judgement.endpoint.registry().unwrap_or(Self::NO_REGISTRY),
            counter: judgement.counter,
        }
    }

    /// The reason in an answer; `None` if it is still a question or from a program of another version.
    pub fn reason(&self) -> Option<Reason> {
        Reason::from_number(self.reason)
    }

    /// The index of the registry whose endpoint was asked for.
    pub const fn registry(&self) -> Option<u32> {
        match self.registry {
            Self::NO_REGISTRY => None,
            registry => Some(registry),
        }
    }

    /// The hit counter of the rule that decided, or [`crate::NO_COUNTER`].
    pub const fn counter(&self) -> u32 {
        self.counter
    }
}
