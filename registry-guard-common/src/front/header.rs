//! What a front says of itself.

use crate::Reason;
use crate::layout::place as place_of;

/// The first word of a front: which of the registry's two tries stands behind it and which nodes are its own, and why a source is
/// denied that no row but that of its family covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrontHeader(u64);

impl FrontHeader {
    const SECOND_TRIE: u64 = 1;
    const DISABLED: u64 = 2;
    const SECOND_NODES: u64 = 4;

    /// In front of the first trie or the second, with the first nodes or the second.
    pub const fn new(trie: Which, nodes: Which, uncovered: Reason) -> Self {
        let trie = if matches!(trie, Which::Second) { Self::SECOND_TRIE } else { 0 };
        let nodes = if matches!(nodes, Which::Second) { Self::SECOND_NODES } else { 0 };
        Self(trie | nodes | if matches!(uncovered, Reason::PublicAccessDisabled) { Self::DISABLED } else { 0 })
    }

    /// As it stands in memory.
    pub const fn word(self) -> u64 {
        self.0
    }

    /// What stands in memory.
    #[inline(always)]
    pub const fn from_word(word: u64) -> Self {
        Self(word)
    }

    /// The trie behind this front.
    #[inline(always)]
    pub const fn trie(self) -> Which {
        if self.0 & Self::SECOND_TRIE == 0 { Which::First } else { Which::Second }
    }

    /// Its nodes.
    #[inline(always)]
    pub const fn nodes(self) -> Which {
        if self.0 & Self::SECOND_NODES == 0 { Which::First } else { Which::Second }
    }

    /// The reason to deny what is not covered; it never allows.
    #[inline(always)]
    pub const fn uncovered(self) -> Reason {
        if self.0 & Self::DISABLED == 0 { Reason::NoRule } else { Reason::PublicAccessDisabled }
    }
}

/// One of the two places that a registry's trie or the nodes of its front can stand in: one is in force while the other is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The first.
    First,
    /// The second.
    Second,
}

impl Which {
    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }

    /// The index of this place for the registry with index `registry`.
    #[inline(always)]
    pub const fn place(self, registry: u32) -> u32 {
        place_of(registry, self)
    }
}
