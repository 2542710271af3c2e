//! One row more or less, while the kernel walks over the rest.

use registry_guard_common::{FRONT_STEPS, Root, RuleKey, Slot, SlotKind};

use super::build::Builder;
use super::item::{Item, widest};
use super::memory::Memory;
use super::{Front, Outgrown};

/// Leaves that are put into nodes of their own again, where the way to one of them has become too long.
const REGROUPED: usize = 4096;
/// A way is too long that leaves fewer nodes than this to those who come later.
const FEW_STEPS: u32 = 3;

/// A slot on the way to an item.
#[derive(Clone, Copy)]
struct Place {
    index: u32,
    /// Bits of the key that lie behind.
    at: u32,
    /// Nodes that may still follow.
    steps: u32,
}

impl<M: Memory> Front<M> {
    /// Has the trie be asked about what the first `bits` bits of `key` cover. The row is in the trie already.
    ///
    /// # Errors
    ///
    /// If the front must be built anew; it is as it was then.
    pub fn insert(&mut self, bits: u32, key: &RuleKey) -> Result<(), Outgrown> {
        let root = Root::of(key);
        match Item::of_row(bits, key) {
            Some(item) if !self.roots[root.index() as usize].asks => self.put(root, item),
            _ => Ok(()),
        }
    }

    /// Has the trie be asked no longer because of the row with the first `bits` bits of `key`. The row is in the trie no more.
    ///
    /// # Errors
    ///
    /// If the front must be built anew for it; until then, the trie is asked.
    pub fn remove(&mut self, bits: u32, key: &RuleKey) -> Result<(), Outgrown> {
        let root = Root::of(key);
        match Item::of_row(bits, key) {
            Some(item) if !self.roots[root.index() as usize].asks => self.take(root, item),
            _ => Ok(()),
        }
    }

    fn put(&mut self, root: Root, item: Item) -> Result<(), Outgrown> {
        item.summarize(root, &mut self.memory);
        let mut way = vec![Place { index: root.index(), at: 0, steps: FRONT_STEPS }];
        while let Some(&place) = way.last() {
            let slot = self.slot(place.index);
            let Some(first) = self.first_leaf(root, slot) else {
                if slot.kind() == SlotKind::Ask {
                    self.covered(root).items.insert(item);
                    return Ok(());
                }
                // Whatever nodes stand here are empty, unless the trie is asked below them.
                let is_empty = self.few_leaves(root, slot, &mut Vec::new());
                return if is_empty { self.build_at(root, place, &[item]) } else { Err(Outgrown) };
            };
            if slot.kind() != SlotKind::Node {
                return self.put_beside(root, &way, first, item);
            }
            let fork = place.at + slot.skip();
            if item.length() <= fork || first.common(&item) < fork {
                return if item.covers(&first) {
                    self.replace(root, &[place.index], item)
                } else {
                    self.regroup(root, &way, item)
                };
            }
            let slots = item.slots(fork, slot.stride());
            if item.length() < fork + slot.stride() {
                let slots: Vec<u32> = slots.map(|place| slot.base() + place).collect();
                return self.replace(root, &slots, item);
            }
            way.push(Place {
                index: slot.base() + slots.start,
                at: fork + slot.stride(),
                steps: place.steps.saturating_sub(1),
            });
        }
        Ok(())
    }

    /// `item` comes to where there is one leaf so far.
    fn put_beside(&mut self, root: Root, way: &[Place], leaf: Item, item: Item) -> Result<(), Outgrown> {
        let Some(&place) = way.last() else { return Ok(()) };
        if leaf.covers(&item) {
            if leaf != item {
                self.covered(root).items.insert(item);
            }
            Ok(())
        } else if item.covers(&leaf) {
            self.replace(root, &[place.index], item)
        } else if place.steps < FEW_STEPS {
            self.regroup(root, way, item)
        } else {
            let mut both = [leaf, item];
            both.sort_unstable();
            self.build_at(root, place, &both)
        }
    }

    /// `item` takes the place of all that stands in `slots`, unless a leaf there covers it.
    fn replace(&mut self, root: Root, slots: &[u32], item: Item) -> Result<(), Outgrown> {
        let mut below = Vec::new();
        for &slot in slots {
            self.leaves(root, self.slot(slot), &mut |leaf| below.push(leaf));
        }
        if below.first().is_some_and(|first| first.covers(&item) && *first != item) {
            self.covered(root).items.insert(item);
            return Ok(());
        }
        let leaf = self.builder(root).leaf(&item)?;
        self.covered(root).items.extend(below.into_iter().filter(|leaf| *leaf != item));
        for &slot in slots {
            self.memory.store(slot, leaf.word());
        }
        Ok(())
    }

    /// Builds anew what stands at the first place of `way` that has few enough leaves, with `item` among them.
    fn regroup(&mut self, root: Root, way: &[Place], item: Item) -> Result<(), Outgrown> {
        for &place in way {
            let mut leaves = Vec::new();
            if self.few_leaves(root, self.slot(place.index), &mut leaves) {
                leaves.push(item);
                leaves.sort_unstable();
                leaves.dedup();
                let mut inside = Vec::new();
                let leaves = widest(leaves, |item| inside.push(item));
                self.build_at(root, place, &leaves)?;
                self.covered(root).items.extend(inside);
                return Ok(());
            }
        }
        Err(Outgrown)
    }

    fn take(&mut self, root: Root, item: Item) -> Result<(), Outgrown> {
        if self.covered(root).items.remove(&item) {
            return Ok(());
        }
        let behind = self.covered(root).items.range(item..).take_while(|other| item.covers(other)).copied();
        let heirs = widest(behind, |_| ());
        let mut place = Place { index: root.index(), at: 0, steps: FRONT_STEPS };
        loop {
            let slot = self.slot(place.index);
            match slot.kind() {
                SlotKind::Leaf if self.item(root, slot) == Some(item) => {
                    self.build_at(root, place, &heirs)?;
                    break;
                }
                SlotKind::Empty | SlotKind::Ask | SlotKind::Leaf => return Ok(()),
                SlotKind::Node => {}
            }
            let at = place.at + slot.skip() + slot.stride();
            let slots = item.slots(place.at + slot.skip(), slot.stride());
            let next = |index| Place { index: slot.base() + index, at, steps: place.steps.saturating_sub(1) };
            if item.length() >= at {
                place = next(slots.start);
                continue;
            }
            let first = self.slot(slot.base() + slots.start);
            if first.kind() != SlotKind::Leaf || self.item(root, first) != Some(item) {
                return Ok(());
            }
            for index in slots {
                let is_here = |heir: &&Item| heir.slots(place.at + slot.skip(), slot.stride()).contains(&index);
                let here: Vec<Item> = heirs.iter().filter(is_here).copied().collect();
                self.build_at(root, next(index), &here)?;
            }
            break;
        }
        for heir in heirs {
            self.covered(root).items.remove(&heir);
        }
        Ok(())
    }

    /// Puts a subtree for `items` into a place.
    fn build_at(&mut self, root: Root, place: Place, items: &[Item]) -> Result<(), Outgrown> {
        let mut builder = self.builder(root);
        let slot = builder.subtree(items, place.at, place.steps)?;
        let too_deep = builder.too_deep;
        self.covered(root).items.extend(too_deep);
        self.memory.store(place.index, slot.word());
        Ok(())
    }

    fn builder(&mut self, root: Root) -> Builder<'_, M> {
        let records = root.is_wide().then_some(&mut self.records);
        Builder { memory: &mut self.memory, records, too_deep: Vec::new() }
    }

    fn covered(&mut self, root: Root) -> &mut super::Covered {
        &mut self.roots[root.index() as usize]
    }

    fn first_leaf(&self, root: Root, slot: Slot) -> Option<Item> {
        match slot.kind() {
            SlotKind::Empty | SlotKind::Ask => None,
            SlotKind::Leaf => self.item(root, slot),
            SlotKind::Node => {
                (0..1 << slot.stride()).find_map(|place| self.first_leaf(root, self.slot(slot.base() + place)))
            }
        }
    }

    /// Collects the leaves below `slot`; false if they are too many, or if there are items below that are no leaves.
    fn few_leaves(&self, root: Root, slot: Slot, leaves: &mut Vec<Item>) -> bool {
        match slot.kind() {
            SlotKind::Empty => true,
            SlotKind::Ask => false,
            SlotKind::Leaf => {
                leaves.extend(self.item(root, slot));
                leaves.len() <= REGROUPED
            }
            SlotKind::Node => {
                (0..1 << slot.stride()).all(|place| self.few_leaves(root, self.slot(slot.base() + place), leaves))
            }
        }
    }
}
