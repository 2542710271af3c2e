use std::hash::{BuildHasher as _, RandomState};

use registry_guard_common::Slot;

use super::item::Item;

/// What stands behind wide leaves: their words have only a fingerprint, and the number of a record here.
#[derive(Clone, Debug)]
pub(super) struct Records {
    seed: u64,
    items: Vec<Item>,
}

impl Records {
    /// A word has this many bits for the number of a record.
    const BITS: u32 = 30;

    /// None yet, and a seed that nobody can guess.
    pub(super) fn new() -> Self {
        // Seeded by the operating system.
        let seed = RandomState::new().hash_one(());
        Self { seed, items: Vec::new() }
    }

    pub(super) const fn seed(&self) -> u64 {
        self.seed
    }

    /// The word of a leaf with a record of its own; `None` if there are too many.
    pub(super) fn leaf(&mut self, item: &Item) -> Option<Slot> {
        let number = u32::try_from(self.items.len()).ok().filter(|number| *number < 1 << Self::BITS)?;
        self.items.push(*item);
        Some(item.wide_leaf(self.seed, number))
    }

    pub(super) fn of(&self, leaf: Slot) -> Option<Item> {
        self.items.get(leaf.wide_record() as usize).copied()
    }
}
