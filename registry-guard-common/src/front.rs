//! The front of a registry's trie: an index in an array that says of most sources at once that no row but that of their whole
//! family covers them. It answers "not covered" or "ask the trie", so whatever is wrong in it can deny and never allow.
//!
//! It is a trie with level and path compression (Nilsson and Karlsson, IEEE JSAC 17(6), 1999) over tag (24 bits) and address, in
//! words of 64 bits, in two parts. The head is small and always of one size: a line of eight words, which are the [`FrontHeader`],
//! a root for each kind of key, and a seed; then, for each root, a summary of 65,536 bits, one for each group of keys
//! ([`Root::groups`]), by which most keys are told to be covered by nothing. The other part are the nodes.
//!
//! A word is empty, a node, a leaf, or says to ask. A node skips bits that all keys below it share and is an array of words, one
//! for each value of the bits that follow; its word knows 16 parts of it in which nothing is covered, so that most walks end
//! before the next miss of the cache. Only a leaf compares: a narrow one bit by bit, a wide one by a fingerprint that nobody
//! outside can compute, so that it needs no further memory. No row lies below a leaf: whatever is more specific is in the trie
//! alone.

use crate::layout::place as place_of;
use crate::{Family, Reason, RuleKey, Tag};

/// Words that are read from a map at once: a line of cache.
pub const FRONT_LINE_WORDS: u32 = 8;
/// Nodes on the way to a leaf; whoever walks farther is told to ask.
pub const FRONT_STEPS: u32 = 8;
/// Bits of a key that one node looks at, at most.
pub const FRONT_STRIDE: u32 = 16;

/// The index of the seed of fingerprints.
pub const FRONT_SEED: u32 = 7;
/// Words of the head, and the index of the first word of a node.
pub const FRONT_HEAD_WORDS: u32 = 8 * SUMMARY_WORDS;
/// Words of the summary of one root.
const SUMMARY_WORDS: u32 = (1 << GROUP_BITS) / u64::BITS;
/// Bits of the number of a group.
const GROUP_BITS: u32 = 16;
/// Bits behind those that a node skips of which its word knows where nothing is covered.
pub const FRONT_AHEAD: u32 = 4;

/// The head, the first line of which stands where the summary of root 0 would, which nobody has.
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

    /// An array of `1 << stride` words from `base` on, behind `skip` bits that are not looked at. Of `ahead`, a bit stands for
    /// each value of the next [`FRONT_AHEAD`] bits below which something may be covered.
    pub const fn node(skip: u32, stride: u32, base: u32, ahead: u16) -> Self {
        let bits = (stride as u64) << 2 | (skip as u64) << 7 | (ahead as u64) << 16 | (base as u64) << 32;
        Self(Self::IS_NODE | bits)
    }

    /// The same node, of which more may be covered.
    #[must_use]
    pub const fn with_ahead(self, ahead: u16) -> Self {
        Self(self.0 | (ahead as u64) << 16)
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

    /// Of a node: whether something may be covered below this value of the next [`FRONT_AHEAD`] bits.
    #[inline(always)]
    pub const fn is_ahead(self, bits: u32) -> bool {
        (self.0 >> 16).wrapping_shr(bits) & 1 == 1
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
    const fn covers_narrow(self, bits: u64) -> bool {
        (self.0 ^ bits).wrapping_shr(64 - self.narrow_length()) == 0
    }

    #[inline(always)]
    const fn covers_wide(self, bits: &FrontBits, seed: u64) -> bool {
        let length = (self.0 >> 2 & 0xff) as u32;
        (self.0 >> 10) & FINGERPRINT == fingerprint(bits, length, seed)
    }
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

/// The first `count` bits of a word, or all.
#[inline(always)]
const fn first_bits(word: u64, count: u32) -> u64 {
    if count >= 64 { word } else { word & !(u64::MAX >> count) }
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

    /// Where the bit of a group stands in its summary: the index of a word, and the bit alone.
    #[inline(always)]
    pub const fn summary(self, group: u32) -> (u32, u64) {
        (self.0 * SUMMARY_WORDS + group / u64::BITS, 1_u64.wrapping_shl(group % u64::BITS))
    }

    /// The indexes of the words of its summary.
    pub const fn summary_words(self) -> core::ops::Range<u32> {
        self.0 * SUMMARY_WORDS..(self.0 + 1) * SUMMARY_WORDS
    }

    /// The groups of the keys with the first `length` bits of `bits`: 16 bits of the address, mixed with the tag.
    pub fn groups(self, bits: &FrontBits, length: u32) -> impl Iterator<Item = u32> + use<> {
        let skipped = if self.is_wide() { WIDE_SKIPPED } else { 0 };
        // Below the tag and what is skipped, all that counts decides; above, any group may have such a key.
        let free = match length.checked_sub(Tag::BITS + skipped) {
            Some(known) => GROUP_BITS.saturating_sub(known),
            None => GROUP_BITS,
        };
        let first = group(first_bits(bits[0], length.min(u64::BITS)), skipped);
        let all = (1 << free) - 1;
        (0..=all).map(move |low| first ^ low)
    }
}

/// Bits of an IPv6 address that tell least, since addresses of the Internet share them (RFC 4291 section 2.5.4).
const WIDE_SKIPPED: u32 = 3;

/// The number of the group that a key with this first word belongs to: 16 bits of the address behind those that are `skipped`, mixed
/// with the low bits of the tag.
#[inline(always)]
const fn group(first: u64, skipped: u32) -> u32 {
    (((first >> (u64::BITS - Tag::BITS - GROUP_BITS - skipped)) ^ (first >> (u64::BITS - Tag::BITS))) & 0xffff) as u32
}

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
    /// The group of a key of which nothing was skipped.
    fn group(&self) -> u32;
    /// The next `count` bits, 1 to [`FRONT_STRIDE`].
    fn next(&self, count: u32) -> u32;
    fn skip(&mut self, count: u32);
    /// Whether `leaf` covers this key, of which nothing was skipped.
    fn is_covered(&self, leaf: Slot, seed: u64) -> bool;
}

#[inline(always)]
fn walk<K: Key, W: FrontWords>(words: &W, root: Root, key: K) -> bool {
    let (index, bit) = root.summary(key.group());
    if words.head(index) & bit == 0 {
        return false;
    }
    let Some(nodes) = words.nodes() else {
        return true;
    };
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
        if !slot.is_ahead(rest.next(FRONT_AHEAD)) {
            return false;
        }
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
    fn group(&self) -> u32 {
        group(self.0, 0)
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
    fn group(&self) -> u32 {
        group(self.0[0], WIDE_SKIPPED)
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
