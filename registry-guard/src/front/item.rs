use registry_guard_common::{FrontBits, Root, RuleKey, Slot, Summary};

use super::memory::Memory;

/// A prefix as a front sees it. In order, a prefix stands before all that it covers, and those stand together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Item {
    bits: FrontBits,
    length: u32,
}

impl Item {
    /// The row that covers all keys with the first `bits` bits of `key`; none if these say nothing but the family.
    pub(super) fn of_row(bits: u32, key: &RuleKey) -> Option<Self> {
        let length = bits.saturating_sub(RuleKey::FAMILY_BITS);
        let bits = if Root::of(key).is_wide() { key.wide_bits() } else { [key.narrow_bits(), 0, 0] };
        (length > 0).then_some(Self { bits, length })
    }

    pub(super) const fn narrow(leaf: Slot) -> Self {
        Self { bits: [leaf.narrow_bits(), 0, 0], length: leaf.narrow_length() }
    }

    pub(super) const fn narrow_leaf(&self) -> Slot {
        Slot::narrow_leaf(self.bits[0], self.length)
    }

    pub(super) const fn wide_leaf(&self, seed: u64, record: u32) -> Slot {
        Slot::wide_leaf(&self.bits, self.length, seed, record)
    }

    /// Bits that count.
    pub(super) const fn length(&self) -> u32 {
        self.length
    }

    /// How many bits both begin with, whether they count or not.
    pub(super) fn common(&self, other: &Self) -> u32 {
        let mut common = 0;
        for (this, other) in self.bits.iter().zip(&other.bits) {
            let same = (this ^ other).leading_zeros();
            common += same;
            if same < u64::BITS {
                break;
            }
        }
        common
    }

    pub(super) fn covers(&self, other: &Self) -> bool {
        self.length <= other.length && self.common(other) >= self.length
    }

    /// The `count` bits behind the first `at`, 1 to 32 of them.
    fn bits(&self, at: u32, count: u32) -> u32 {
        let (word, offset) = ((at / u64::BITS) as usize, at % u64::BITS);
        let of = |word: usize| self.bits.get(word).copied().unwrap_or(0);
        let carried = of(word + 1).checked_shr(u64::BITS - offset).unwrap_or(0);
        let bits = (of(word) << offset | carried) >> (u64::BITS - count);
        #[expect(clippy::cast_possible_truncation, reason = "at most 32 bits are left")]
        let bits = bits as u32;
        bits
    }

    /// Says in the summaries of `root` that its cells may be covered. That they go on saying so when it is gone is never wrong.
    pub(super) fn summarize(&self, root: Root, memory: &mut impl Memory) {
        let finer = Summary::from_word(memory.load(root.finer_summary()));
        for summary in [Some(Summary::coarse(root)), finer].into_iter().flatten() {
            for (index, bits) in summary.places(root, &self.bits, self.length) {
                let word = memory.load(index);
                if word & bits != bits {
                    memory.store(index, word | bits);
                }
            }
        }
    }

    /// Which of the `1 << stride` slots behind the first `at` bits it concerns: one, or all that it covers.
    pub(super) fn slots(&self, at: u32, stride: u32) -> std::ops::Range<u32> {
        let free = (at + stride).saturating_sub(self.length).min(stride);
        let first = self.bits(at, stride) >> free << free;
        first..first + (1 << free)
    }
}

/// Those that no other one covers, in order; the rest goes to `covered`. `items` are in order.
pub(super) fn widest(items: impl IntoIterator<Item = Item>, mut covered: impl FnMut(Item)) -> Vec<Item> {
    let mut widest: Vec<Item> = Vec::new();
    for item in items {
        match widest.last() {
            Some(last) if last.covers(&item) => covered(item),
            _ => widest.push(item),
        }
    }
    widest
}
