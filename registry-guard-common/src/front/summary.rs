//! What most walks end with.

use super::{FrontBits, Root, first_bits};
use crate::Tag;

/// Which keys of one root may be covered, by a bit for each cell. The cell of a key is a number of `resolution` bits, which keys share
/// whose addresses begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    base: u32,
    resolution: u32,
}

impl Summary {
    /// The resolution of those in the head.
    pub const COARSE: u32 = 16;
    /// The highest one that makes sense: 2 MiB.
    pub const FINEST: u32 = 24;
    /// Words of one in the head.
    pub(super) const COARSE_WORDS: u32 = Self::size(Self::COARSE);

    /// The one of `root` in the head.
    #[inline(always)]
    pub const fn coarse(root: Root) -> Self {
        Self { base: root.index() * Self::COARSE_WORDS, resolution: Self::COARSE }
    }

    /// One whose first word is at `base`, among the nodes.
    pub const fn finer(base: u32, resolution: u32) -> Self {
        Self { base, resolution }
    }

    /// As it stands in memory; never 0.
    pub const fn word(self) -> u64 {
        (self.base as u64) << 32 | self.resolution as u64
    }

    /// What stands in memory.
    #[inline(always)]
    pub const fn from_word(word: u64) -> Option<Self> {
        if word == 0 { None } else { Some(Self { base: (word >> 32) as u32, resolution: (word & 0x1f) as u32 }) }
    }

    /// The indexes of its words.
    pub const fn words(self) -> core::ops::Range<u32> {
        self.base..self.base + Self::size(self.resolution)
    }

    /// How many words one of this resolution has.
    pub const fn size(resolution: u32) -> u32 {
        1 << (resolution - u64::BITS.ilog2())
    }

    /// Where the bit of a key stands, of which these bits are the leading ones: the index of a word, and the bit alone.
    #[inline(always)]
    pub(super) const fn place(self, leading: u64) -> (u32, u64) {
        let cell = self.cell(leading);
        (self.base.wrapping_add(cell / u64::BITS), 1_u64.wrapping_shl(cell % u64::BITS))
    }

    #[inline(always)]
    const fn cell(self, leading: u64) -> u32 {
        (leading.wrapping_shr(u64::BITS - self.resolution) & 0xffff_ffff) as u32
    }

    /// Where the bits of all keys of `root` stand that begin with the first `length` bits of `bits`: indexes of words, and the bits in
    /// each.
    pub fn places(self, root: Root, bits: &FrontBits, length: u32) -> impl Iterator<Item = (u32, u64)> + use<> {
        let known = length.saturating_sub(root.before_cells());
        let free = self.resolution.saturating_sub(known);
        let first = self.cell(leading(first_bits(bits[0], length), root.skipped())) >> free << free;
        let (words, mask) = match free.checked_sub(u64::BITS.ilog2()) {
            Some(words) => (1 << words, u64::MAX),
            None => (1, u64::MAX >> (u64::BITS - (1 << free)) << (first % u64::BITS)),
        };
        let base = self.base.wrapping_add(first / u64::BITS);
        (0..words).map(move |word| (base.wrapping_add(word), mask))
    }
}

/// What tells keys apart by their first word, from the highest bit on: the address behind those of its bits that are `skipped`, mixed
/// with the low bits of the tag.
#[inline(always)]
pub(super) const fn leading(first: u64, skipped: u32) -> u64 {
    let tag = first >> (u64::BITS - Tag::BITS);
    first << (Tag::BITS + skipped) ^ tag << (u64::BITS - Summary::COARSE)
}
