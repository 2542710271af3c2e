//! The front of a table, as `registry_guard_common` walks over it: built whole, and changed in place while it is walked over.
//!
//! Of all prefixes of one root, the widest are leaves; those that another one covers are only remembered here, until it is gone.
//! What is written last makes the rest visible, so that a walk sees each source as it was or as it will be.

mod build;
mod change;
mod item;
mod memory;
mod records;
mod resolution;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use registry_guard_common::{
    FRONT_SEED, FRONT_STEPS, Family, FrontHeader, FrontNodes, FrontWords, Reason, Root, RuleKey, Slot, SlotKind,
    Summary, Which, may_cover,
};

use self::build::{Builder, Full};
use self::item::{Item, widest};
pub use self::memory::{Draft, Memory, aligned};
use self::records::Records;
use self::resolution::finer;

/// One more than the index of the last root.
const ROOTS: usize = Root::ALL.len() + 1;

/// The front of one table.
#[derive(Clone, Debug)]
pub struct Front<M> {
    memory: M,
    records: Records,
    uncovered: Reason,
    /// By the index of the root; the first, that of the header, is never used.
    roots: [Covered; ROOTS],
}

/// What no leaf of a root stands for.
#[derive(Clone, Debug, Default)]
struct Covered {
    /// Whether the trie is asked about everything.
    asks: bool,
    items: BTreeSet<Item>,
}

/// A front cannot be changed in place, and has to be built anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgrown;

impl From<Full> for Outgrown {
    fn from(Full: Full) -> Self {
        Self
    }
}

impl Front<Draft> {
    /// The front of a table: of each row the bits of its key that count, the key, and the reason that it gives. `None` if it
    /// would not fit into the largest memory.
    pub fn build(rows: impl IntoIterator<Item = (u32, RuleKey, Reason)>) -> Option<Self> {
        let mut uncovered = [None; 2];
        let mut items: [Vec<Item>; ROOTS] = Default::default();
        for (bits, key, reason) in rows {
            match Item::of_row(bits, &key) {
                Some(item) => items[Root::of(&key).index() as usize].push(item),
                None => uncovered[usize::from(key.family() == Family::V6)] = Some(reason),
            }
        }
        let reason = uncovered[0].filter(|reason| is_default_denial(*reason)).unwrap_or(Reason::NoRule);
        let mut asks = [false; ROOTS];
        for (family, uncovered) in [Family::V4, Family::V6].into_iter().zip(uncovered) {
            // Without such a row the trie would have no answer, which is not for the front to say.
            for root in Root::sources(family) {
                asks[root.index() as usize] = uncovered != Some(reason);
            }
        }
        Self::from_items(reason, asks, items)
    }

    fn from_items(uncovered: Reason, asks: [bool; ROOTS], items: [Vec<Item>; ROOTS]) -> Option<Self> {
        let mut front = Self {
            memory: Draft::new(),
            records: Records::new(),
            uncovered,
            roots: asks.map(|asks| Covered { asks, ..Covered::default() }),
        };
        front.memory.store(FRONT_SEED, front.records.seed());
        front.memory.store(0, FrontHeader::new(Which::First, Which::First, uncovered).word());
        for (root, mut items) in Root::ALL.into_iter().zip(items.into_iter().skip(1)) {
            let covered = &mut front.roots[root.index() as usize];
            if covered.asks {
                Summary::coarse(root).words().for_each(|word| front.memory.store(word, u64::MAX));
                front.memory.store(root.index(), Slot::ASK.word());
                continue;
            }
            items.sort_unstable();
            items.dedup();
            let mut inside = Vec::new();
            let widest = widest(items, |item| inside.push(item));
            if let Some(resolution) = finer(root, &widest) {
                let base = front.memory.allocate(Summary::size(resolution))?;
                front.memory.store(root.finer_summary(), Summary::finer(base, resolution).word());
            }
            for item in &widest {
                item.summarize(root, &mut front.memory);
            }
            let records = root.is_wide().then_some(&mut front.records);
            let mut builder = Builder { memory: &mut front.memory, records, too_deep: Vec::new() };
            let slot = builder.subtree(&widest, 0, FRONT_STEPS).ok()?;
            inside.append(&mut builder.too_deep);
            covered.items = inside.into_iter().collect();
            front.memory.store(root.index(), slot.word());
        }
        Some(front)
    }

    /// The same front in the memory that is made of this one's.
    ///
    /// # Errors
    ///
    /// What `memory` says.
    pub fn try_moved<M: Memory, E>(self, memory: impl FnOnce(&Draft) -> Result<M, E>) -> Result<Front<M>, E> {
        let Self { memory: draft, records, uncovered, roots } = self;
        Ok(Front { memory: memory(&draft)?, records, uncovered, roots })
    }
}

impl<M: Memory> Front<M> {
    /// Its memory.
    pub const fn memory(&self) -> &M {
        &self.memory
    }

    /// Names the trie that stands behind it, and where its nodes are.
    pub fn set_places(&mut self, trie: Which, nodes: Which) {
        self.memory.store(0, FrontHeader::new(trie, nodes, self.uncovered).word());
    }

    /// A front for the same rows and one more, in memory of its own.
    pub fn rebuilt_with(&self, bits: u32, key: &RuleKey) -> Option<Front<Draft>> {
        self.rebuilt(Root::of(key), |items| items.extend(Item::of_row(bits, key)))
    }

    /// A front for the same rows but one, in memory of its own.
    pub fn rebuilt_without(&self, bits: u32, key: &RuleKey) -> Option<Front<Draft>> {
        let gone = Item::of_row(bits, key);
        self.rebuilt(Root::of(key), |items| items.retain(|item| Some(*item) != gone))
    }

    fn rebuilt(&self, changed: Root, change: impl FnOnce(&mut Vec<Item>)) -> Option<Front<Draft>> {
        let mut items: [Vec<Item>; ROOTS] = Default::default();
        for root in Root::ALL {
            let items = &mut items[root.index() as usize];
            self.leaves(root, self.slot(root.index()), &mut |item| items.push(item));
            items.extend(&self.roots[root.index() as usize].items);
        }
        change(&mut items[changed.index() as usize]);
        Front::from_items(self.uncovered, self.roots.each_ref().map(|covered| covered.asks), items)
    }

    /// Whether a row of the table may cover `key`, as the kernel sees it.
    pub fn may_cover(&self, key: &RuleKey) -> bool {
        may_cover(&Words(&self.memory), key)
    }

    /// The reason to deny what no row covers, as the kernel sees it.
    pub fn uncovered(&self) -> Reason {
        FrontHeader::from_word(self.memory.load(0)).uncovered()
    }

    fn slot(&self, index: u32) -> Slot {
        Slot::from_word(self.memory.load(index))
    }

    /// What a leaf stands for; of one that somebody else wrote, nothing may be known.
    fn item(&self, root: Root, leaf: Slot) -> Option<Item> {
        if root.is_wide() { self.records.of(leaf) } else { Some(Item::narrow(leaf)) }
    }

    /// Tells of each leaf below `slot`, in order and once for each slot that it stands in.
    fn leaves(&self, root: Root, slot: Slot, tell: &mut impl FnMut(Item)) {
        match slot.kind() {
            SlotKind::Empty | SlotKind::Ask => {}
            SlotKind::Leaf => {
                if let Some(item) = self.item(root, slot) {
                    tell(item);
                }
            }
            SlotKind::Node => {
                for place in 0..1 << slot.stride() {
                    self.leaves(root, self.slot(slot.base() + place), tell);
                }
            }
        }
    }
}

/// Whether a front can give this reason by itself.
const fn is_default_denial(reason: Reason) -> bool {
    matches!(reason, Reason::NoRule | Reason::PublicAccessDisabled)
}

struct Words<'a, M>(&'a M);

impl<'a, M: Memory> FrontWords for Words<'a, M> {
    fn head(&self, index: u32) -> u64 {
        self.0.load(index)
    }

    type Nodes = Words<'a, M>;

    fn nodes(&self) -> Option<Self::Nodes> {
        Some(Words(self.0))
    }
}

impl<M: Memory> FrontNodes for Words<'_, M> {
    fn word(&self, index: u32) -> Option<u64> {
        Some(self.0.load(index))
    }
}
