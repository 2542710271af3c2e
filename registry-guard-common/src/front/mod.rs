//! The front of a registry's trie: an index in an array that says of most sources at once that no row but that of their whole
//! family covers them. It answers "not covered" or "ask the trie", so whatever is wrong in it can deny and never allow.
//!
//! It is a trie with level and path compression (Nilsson and Karlsson, IEEE JSAC 17(6), 1999) over tag (24 bits) and address, in
//! words of 64 bits, in two parts. The head is small and always of one size: a line of eight words, which are the [`FrontHeader`],
//! a root for each kind of key, and a seed; a line that says where finer summaries are; then, for each root, a [`Summary`] of 65,536
//! cells, by which most keys are told to be covered by nothing. The other part are the nodes, and summaries with more cells for roots
//! that have so many rows that those in the head say little.
//!
//! A word is empty, a node, a leaf, or says to ask. A node skips bits that all keys below it share and is an array of words, one
//! for each value of the bits that follow. Only a leaf compares: a narrow one bit by bit, a wide one by a fingerprint that nobody
//! outside can compute, so that it needs no further memory. No row lies below a leaf: whatever is more specific is in the trie
//! alone.

mod header;
mod root;
mod slot;
mod summary;

pub use self::header::{FrontHeader, Which};
pub use self::root::Root;
pub use self::slot::{Slot, SlotKind};
pub use self::summary::Summary;
use self::summary::leading;
use crate::{Family, RuleKey};

/// Words that are read from a map at once: a line of cache.
pub const FRONT_LINE_WORDS: u32 = 8;
/// Nodes on the way to a leaf; whoever walks farther is told to ask.
pub const FRONT_STEPS: u32 = 8;
/// Bits of a key that one node looks at, at most.
pub const FRONT_STRIDE: u32 = 16;

/// The index of the seed of fingerprints.
pub const FRONT_SEED: u32 = 7;
/// Words of the head, and the index of the first of the others.
pub const FRONT_HEAD_WORDS: u32 = 8 * Summary::COARSE_WORDS;

/// The head, the first lines of which stand where the summary of root 0 would, which nobody has.
pub type FrontHead = [u64; FRONT_HEAD_WORDS as usize];
/// A line of nodes.
pub type FrontLine = [u64; FRONT_LINE_WORDS as usize];

/// The memory of a front.
pub trait FrontWords {
    /// The word of the head at `index`, which is below [`FRONT_HEAD_WORDS`].
    fn head(&self, index: u32) -> u64;
    /// The other part.
    type Nodes: FrontNodes;
    /// The other part, if it can be read.
    fn nodes(&self) -> Option<Self::Nodes>;
}

/// The nodes of a front.
pub trait FrontNodes {
    /// The word at `index`, counted from the first of the head.
    fn word(&self, index: u32) -> Option<u64>;
}

/// A key as the front sees it: tag (24 bits), then address, from the highest bit of the first word on. IPv4 needs one word.
pub type FrontBits = [u64; 3];

/// The first `count` bits of a word, or all.
#[inline(always)]
const fn first_bits(word: u64, count: u32) -> u64 {
    if count >= 64 { word } else { word & !(u64::MAX >> count) }
}

/// Whether a row of the trie, other than that of a whole family, may cover `key`.
#[inline(always)]
pub fn may_cover<W: FrontWords>(words: &W, key: &RuleKey) -> bool {
    let root = Root::of(key);
    match key.family() {
        Family::V4 => walk(words, root, Narrow(key.narrow_bits())),
        Family::V6 => walk(words, root, Wide(key.wide_bits())),
    }
}

/// A key, from which bits are taken at its upper end.
trait Key: Copy {
    /// What [`Summary`] tells it by, of a key of which nothing was skipped.
    fn leading(&self) -> u64;
    /// The next `count` bits, 1 to [`FRONT_STRIDE`].
    fn next(&self, count: u32) -> u32;
    fn skip(&mut self, count: u32);
    /// Whether `leaf` covers this key, of which nothing was skipped.
    fn is_covered(&self, leaf: Slot, seed: u64) -> bool;
}

#[inline(always)]
fn walk<K: Key, W: FrontWords>(words: &W, root: Root, key: K) -> bool {
    let (index, bit) = Summary::coarse(root).place(key.leading());
    if words.head(index) & bit == 0 {
        return false;
    }
    let Some(nodes) = words.nodes() else {
        return true;
    };
    if let Some(finer) = Summary::from_word(words.head(root.finer_summary())) {
        let (index, bit) = finer.place(key.leading());
        if nodes.word(index).is_some_and(|word| word & bit == 0) {
            return false;
        }
    }
    let mut slot = Slot::from_word(words.head(root.index()));
    let mut rest = key;
    for _ in 0..=FRONT_STEPS {
        match slot.kind() {
            SlotKind::Empty => return false,
            SlotKind::Ask => return true,
            SlotKind::Leaf => return key.is_covered(slot, words.head(FRONT_SEED)),
            SlotKind::Node => {}
        }
        rest.skip(slot.skip());
        let Some(word) = nodes.word(slot.base().wrapping_add(rest.next(slot.stride()))) else {
            return true;
        };
        rest.skip(slot.stride());
        slot = Slot::from_word(word);
    }
    true
}

#[derive(Clone, Copy)]
struct Narrow(u64);

impl Key for Narrow {
    #[inline(always)]
    fn leading(&self) -> u64 {
        leading(self.0, Root::NARROW_SKIPPED)
    }

    #[inline(always)]
    fn next(&self, count: u32) -> u32 {
        (self.0.wrapping_shr(64 - count) & 0xffff_ffff) as u32
    }

    #[inline(always)]
    fn skip(&mut self, count: u32) {
        self.0 = self.0.wrapping_shl(count);
    }

    #[inline(always)]
    fn is_covered(&self, leaf: Slot, _: u64) -> bool {
        leaf.covers_narrow(self.0)
    }
}

#[derive(Clone, Copy)]
struct Wide(FrontBits);

impl Key for Wide {
    #[inline(always)]
    fn leading(&self) -> u64 {
        leading(self.0[0], Root::WIDE_SKIPPED)
    }

    #[inline(always)]
    fn next(&self, count: u32) -> u32 {
        (self.0[0].wrapping_shr(64 - count) & 0xffff_ffff) as u32
    }

    #[inline(always)]
    fn skip(&mut self, count: u32) {
        let [mut first, mut second, mut third] = self.0;
        if count >= 128 {
            (first, second, third) = (third, 0, 0);
        } else if count >= 64 {
            (first, second, third) = (second, third, 0);
        }
        let count = count & 63;
        // In two steps, since a shift by 64 is none.
        let carry = |word: u64| (word >> 1).wrapping_shr(63 - count);
        first = first.wrapping_shl(count) | carry(second);
        second = second.wrapping_shl(count) | carry(third);
        self.0 = [first, second, third.wrapping_shl(count)];
    }

    #[inline(always)]
    fn is_covered(&self, leaf: Slot, seed: u64) -> bool {
        leaf.covers_wide(&self.0, seed)
    }
}
