//! From prefixes to nodes.

use registry_guard_common::{FRONT_STRIDE, Slot};

use super::item::Item;
use super::memory::Memory;
use super::records::Records;

/// There is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

/// Makes the parts of one root.
pub(super) struct Builder<'a, M> {
    pub(super) memory: &'a mut M,
    /// What stands behind the leaves, if they are wide.
    pub(super) records: Option<&'a mut Records>,
    /// Items that no leaf stands for, since they are too deep.
    pub(super) too_deep: Vec<Item>,
}

impl<M: Memory> Builder<'_, M> {
    /// What stands for `items`, which are in order, none covering another, and share their first `at` bits, with at most
    /// `steps` nodes on the way to each.
    pub(super) fn subtree(&mut self, items: &[Item], at: u32, steps: u32) -> Result<Slot, Full> {
        let (first, last) = match items {
            [] => return Ok(Slot::EMPTY),
            [item] => return self.leaf(item),
            [first, .., last] => (first, last),
        };
        if steps == 0 {
            self.too_deep.extend_from_slice(items);
            return Ok(Slot::ASK);
        }
        let fork = first.common(last);
        let stride = stride(items, fork);
        let base = self.memory.allocate(1 << stride).ok_or(Full)?;
        let mut rest = items;
        while let [item, ..] = rest {
            let slots = item.slots(fork, stride);
            let same = rest.iter().take_while(|other| other.slots(fork, stride) == slots).count();
            let (together, others) = rest.split_at(same);
            let slot = self.subtree(together, fork + stride, steps - 1)?;
            for place in slots {
                self.memory.store(base + place, slot.word());
            }
            rest = others;
        }
        Ok(Slot::node(fork - at, stride, base))
    }

    pub(super) fn leaf(&mut self, item: &Item) -> Result<Slot, Full> {
        match &mut self.records {
            None => Ok(item.narrow_leaf()),
            Some(records) => records.leaf(item).ok_or(Full),
        }
    }
}

/// How many bits a node for `items` looks at behind the first `fork`: as many as leave at least every fourth slot to an item of
/// its own, so that memory stays within a few words for each.
fn stride(items: &[Item], fork: u32) -> u32 {
    // How many neighbours are told apart by each number of bits.
    let mut told_apart = [0_u32; FRONT_STRIDE as usize + 1];
    for pair in items.windows(2) {
        let bits = pair[0].common(&pair[1]).saturating_sub(fork) + 1;
        if let Some(count) = told_apart.get_mut(bits as usize) {
            *count += 1;
        }
    }
    let mut groups = 1;
    let mut widest = 1;
    for (bits, count) in (0..).zip(told_apart).skip(1) {
        groups += count;
        if groups >= 1 << bits >> 2 {
            widest = bits;
        }
    }
    widest
}
