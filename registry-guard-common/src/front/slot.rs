//! The words that a walk goes by.

use super::{FrontBits, first_bits};

/// One word of a front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(u64);

impl Slot {
    /// Nothing is covered here.
    pub const EMPTY: Self = Self(Self::IS_EMPTY);
    /// Everything is to be asked of the trie here.
    pub const ASK: Self = Self(3);

    const KIND: u64 = 3;
    const IS_EMPTY: u64 = 0;
    const IS_NODE: u64 = 1;
    const IS_LEAF: u64 = 2;

    /// An array of `1 << stride` words from `base` on, behind `skip` bits that are not looked at.
    pub const fn node(skip: u32, stride: u32, base: u32) -> Self {
        Self(Self::IS_NODE | (stride as u64) << 2 | (skip as u64) << 7 | (base as u64) << 32)
    }

    /// A prefix of a narrow key: its first `length` of 56 bits.
    pub const fn narrow_leaf(bits: u64, length: u32) -> Self {
        Self(Self::IS_LEAF | (length as u64) << 2 | (bits & !0xff))
    }

    /// A prefix of a wide key: its first `length` bits have this fingerprint. The rest of the word, `record`, is for whoever
    /// writes it; 30 bits are kept.
    pub const fn wide_leaf(bits: &FrontBits, length: u32, seed: u64, record: u32) -> Self {
        let fingerprint = fingerprint(bits, length, seed);
        Self(Self::IS_LEAF | (length as u64) << 2 | fingerprint << 10 | (record as u64) << 34)
    }

    /// As it stands in memory.
    #[inline(always)]
    pub const fn word(self) -> u64 {
        self.0
    }

    /// What stands in memory.
    #[inline(always)]
    pub const fn from_word(word: u64) -> Self {
        Self(word)
    }

    /// What it is.
    #[inline(always)]
    pub const fn kind(self) -> SlotKind {
        match self.0 & Self::KIND {
            Self::IS_EMPTY => SlotKind::Empty,
            Self::IS_NODE => SlotKind::Node,
            Self::IS_LEAF => SlotKind::Leaf,
            _ => SlotKind::Ask,
        }
    }

    /// Of a node: bits that are skipped.
    #[inline(always)]
    pub const fn skip(self) -> u32 {
        (self.0 >> 7 & 0xff) as u32
    }

    /// Of a node: bits that are looked at.
    #[inline(always)]
    pub const fn stride(self) -> u32 {
        (self.0 >> 2 & 0x1f) as u32
    }

    /// Of a node: the index of its first word.
    #[inline(always)]
    pub const fn base(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// Of a narrow leaf: bits that count.
    #[inline(always)]
    pub const fn narrow_length(self) -> u32 {
        (self.0 >> 2 & 0x3f) as u32
    }

    /// Of a narrow leaf: its prefix.
    #[inline(always)]
    pub const fn narrow_bits(self) -> u64 {
        self.0 & !0xff
    }

    /// Of a wide leaf: what its writer noted.
    pub const fn wide_record(self) -> u32 {
        (self.0 >> 34) as u32
    }

    #[inline(always)]
    pub(super) const fn covers_narrow(self, bits: u64) -> bool {
        (self.0 ^ bits).wrapping_shr(64 - self.narrow_length()) == 0
    }

    #[inline(always)]
    pub(super) const fn covers_wide(self, bits: &FrontBits, seed: u64) -> bool {
        let length = (self.0 >> 2 & 0xff) as u32;
        (self.0 >> 10) & FINGERPRINT == fingerprint(bits, length, seed)
    }
}

/// What a [`Slot`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotKind {
    /// Nothing is covered.
    Empty,
    /// The keys fork.
    Node,
    /// One prefix.
    Leaf,
    /// The trie knows.
    Ask,
}

/// The bits of a fingerprint.
const FINGERPRINT: u64 = 0xff_ffff;

/// A number that prefixes of the same bits and length have in common. Who finds another prefix with the same number has the
/// trie asked, and for that would have to know the seed.
#[inline(always)]
const fn fingerprint(bits: &FrontBits, length: u32, seed: u64) -> u64 {
    // Odd, and as irregular as the digits of the golden ratio and of the square roots of 3 and 5 are.
    const FACTORS: [u64; 3] = [0x9e37_79b9_7f4a_7c15, 0xbb67_ae85_84ca_a73b, 0x3c6e_f372_fe94_f82b];
    let mut mixed = seed ^ length as u64;
    mixed = (mixed ^ first_bits(bits[0], length)).wrapping_mul(FACTORS[0]);
    mixed = (mixed ^ mixed >> 32 ^ first_bits(bits[1], length.saturating_sub(64))).wrapping_mul(FACTORS[1]);
    mixed = (mixed ^ mixed >> 32 ^ first_bits(bits[2], length.saturating_sub(128))).wrapping_mul(FACTORS[2]);
    mixed >> 40
}
