//! The front of a registry's trie: an index in an array that says of most sources at once that no row but that of their whole
//! family covers them. It answers "not covered" or "ask the trie", so whatever is wrong in it can deny and never allow.
//!
//! It is a trie with level and path compression (Nilsson and Karlsson, IEEE JSAC 17(6), 1999) over tag (24 bits) and address, in
//! words of 64 bits. The first line of eight words is the [`FrontHeader`]: one root for each kind of key. A word is empty, a
//! node, a leaf, or says to ask. A node skips bits that all keys below it share and is an array of words, one for each value
//! of the bits that follow; only a leaf compares. No row lies below a leaf: whatever is more specific is in the trie alone.

use crate::{Family, Reason, RuleKey, Tag};

/// Words that are read from a map at once: a line of cache.
pub const FRONT_LINE_WORDS: u32 = 8;
/// Words of the record of a wide leaf: the key, then its length. It starts at a multiple of this.
pub const WIDE_LEAF_WORDS: u32 = 4;
/// Nodes on the way to a leaf; whoever walks farther is told to ask.
pub const FRONT_STEPS: u32 = 12;
/// Bits of a key that one node looks at, at most.
pub const FRONT_STRIDE: u32 = 20;

/// Words of one line, the first of which is the header.
pub type FrontLine = [u64; FRONT_LINE_WORDS as usize];

/// The memory of a front.
pub trait FrontWords {
    /// The word at `index`.
    fn word(&self, index: u32) -> Option<u64>;
    /// The record of a wide leaf at `index`, which is rounded down to where one can start.
    fn wide_leaf(&self, index: u32) -> Option<[u64; WIDE_LEAF_WORDS as usize]>;
}

/// A key as the front sees it: tag (24 bits), then address, from the highest bit of the first word on. IPv4 needs one word.
pub type FrontBits = [u64; 3];

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
        Self(Self::IS_NODE | (stride as u64) << 2 | (skip as u64) << 8 | (base as u64) << 32)
    }

    /// A prefix of a narrow key: its first `length` of 56 bits.
    pub const fn narrow_leaf(bits: u64, length: u32) -> Self {
        Self(Self::IS_LEAF | (length as u64) << 2 | (bits & !0xff))
    }

    /// A prefix of a wide key, whose record is at `base`.
    pub const fn wide_leaf(base: u32) -> Self {
        Self(Self::IS_LEAF | (base as u64) << 32)
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
        (self.0 >> 8) as u32 & 0xff
    }

    /// Of a node: bits that are looked at.
    #[inline(always)]
    pub const fn stride(self) -> u32 {
        (self.0 >> 2) as u32 & 0x1f
    }

    /// Of a node or a wide leaf: the index of its first word.
    #[inline(always)]
    pub const fn base(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// Of a narrow leaf: bits that count.
    #[inline(always)]
    pub const fn narrow_length(self) -> u32 {
        (self.0 >> 2) as u32 & 0x3f
    }

    /// Of a narrow leaf: its prefix.
    #[inline(always)]
    pub const fn narrow_bits(self) -> u64 {
        self.0 & !0xff
    }

    #[inline(always)]
    const fn covers_narrow(self, bits: u64) -> bool {
        (self.0 ^ bits).wrapping_shr(64 - self.narrow_length()) == 0
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

/// The kinds of keys that have a root of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Root(u32);

impl Root {
    /// Every root.
    pub const ALL: [Self; 6] = [Self(1), Self(2), Self(3), Self(4), Self(5), Self(6)];

    /// The root of keys like `key`.
    #[inline(always)]
    pub const fn of(key: &RuleKey) -> Self {
        let wide = matches!(key.family(), Family::V6) as u32;
        if key.is_destination() {
            Self(5 + wide)
        } else if key.tag().value() == Tag::PUBLIC.value() {
            Self(1 + wide)
        } else {
            Self(3 + wide)
        }
    }

    /// The roots of sources of one family.
    pub const fn sources(family: Family) -> [Self; 2] {
        match family {
            Family::V4 => [Self(1), Self(3)],
            Family::V6 => [Self(2), Self(4)],
        }
    }

    /// Whether keys are wider than a word.
    pub const fn is_wide(self) -> bool {
        self.0.is_multiple_of(2)
    }

    /// The index of its word.
    #[inline(always)]
    pub const fn index(self) -> u32 {
        self.0
    }
}

/// The first word of a front: which of the registry's two tries stands behind it, and why a source is denied that no row but
/// that of its family covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrontHeader(u64);

impl FrontHeader {
    const SECOND_TRIE: u64 = 1;
    const DISABLED: u64 = 2;

    /// In front of the first trie or the second.
    pub const fn new(trie: Which, uncovered: Reason) -> Self {
        let trie = if matches!(trie, Which::Second) { Self::SECOND_TRIE } else { 0 };
        Self(trie | if matches!(uncovered, Reason::PublicAccessDisabled) { Self::DISABLED } else { 0 })
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

    /// The reason to deny what is not covered; it never allows.
    #[inline(always)]
    pub const fn uncovered(self) -> Reason {
        if self.0 & Self::DISABLED == 0 { Reason::NoRule } else { Reason::PublicAccessDisabled }
    }
}

/// One of the two places that a registry's trie can stand in: one is in force while the other is filled.
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
        registry.wrapping_mul(2).wrapping_add(matches!(self, Self::Second) as u32)
    }
}

/// Whether a row of the trie, other than that of a whole family, may cover `key`. `root` is the word of the key's root.
#[inline(always)]
pub fn may_cover<W: FrontWords>(words: &W, root: u64, key: &RuleKey) -> bool {
    match key.family() {
        Family::V4 => walk(words, root, Narrow(key.narrow_bits())),
        Family::V6 => walk(words, root, Wide(key.wide_bits())),
    }
}

/// A key, from which bits are taken at its upper end.
trait Key: Copy {
    /// The next `count` bits, 1 to [`FRONT_STRIDE`].
    fn next(&self, count: u32) -> u32;
    fn skip(&mut self, count: u32);
    /// Whether `leaf` covers this key, of which nothing was skipped.
    fn is_covered<W: FrontWords>(&self, words: &W, leaf: Slot) -> bool;
}

#[inline(always)]
fn walk<K: Key, W: FrontWords>(words: &W, root: u64, key: K) -> bool {
    let mut slot = Slot::from_word(root);
    let mut rest = key;
    for _ in 0..=FRONT_STEPS {
        match slot.kind() {
            SlotKind::Empty => return false,
            SlotKind::Ask => return true,
            SlotKind::Leaf => return key.is_covered(words, slot),
            SlotKind::Node => {}
        }
        rest.skip(slot.skip());
        let Some(word) = words.word(slot.base().wrapping_add(rest.next(slot.stride()))) else {
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
    fn next(&self, count: u32) -> u32 {
        self.0.wrapping_shr(64 - count) as u32
    }

    #[inline(always)]
    fn skip(&mut self, count: u32) {
        self.0 = self.0.wrapping_shl(count);
    }

    #[inline(always)]
    fn is_covered<W: FrontWords>(&self, _: &W, leaf: Slot) -> bool {
        leaf.covers_narrow(self.0)
    }
}

#[derive(Clone, Copy)]
struct Wide(FrontBits);

impl Key for Wide {
    #[inline(always)]
    fn next(&self, count: u32) -> u32 {
        self.0[0].wrapping_shr(64 - count) as u32
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
    fn is_covered<W: FrontWords>(&self, words: &W, leaf: Slot) -> bool {
        let Some([first, second, third, length]) = words.wide_leaf(leaf.base()) else {
            return true;
        };
        let [first, second, third] = [first ^ self.0[0], second ^ self.0[1], third ^ self.0[2]];
        let same = |difference: u64, bits: u64| difference.wrapping_shr((64 - bits) as u32) == 0;
        match length {
            1..=64 => same(first, length),
            65..=128 => first == 0 && same(second, length - 64),
            129..=192 => first == 0 && second == 0 && same(third, length - 128),
            _ => true,
        }
    }
}
