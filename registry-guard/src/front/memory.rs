use registry_guard_common::{FRONT_HEAD_WORDS, FRONT_LINE_WORDS};

/// Where the words of a front are: its head, then its nodes. A word that is given out is never given out again, so whoever walks
/// over words that were replaced meanwhile walks over what they always were.
pub trait Memory {
    /// The word at `index`; 0 where there is none.
    fn load(&self, index: u32) -> u64;
    /// Writes a word in one step, after all that was written before.
    fn store(&mut self, index: u32, word: u64);
    /// The index of the first of `count` fresh words, all 0; `None` if there is no room.
    fn allocate(&mut self, count: u32) -> Option<u32>;
}

/// Where `count` words may start at or behind `used`, so that they lie in as few lines of cache as they can.
pub fn aligned(used: u32, count: u32) -> Option<u32> {
    used.checked_next_multiple_of(count.next_power_of_two().clamp(1, FRONT_LINE_WORDS))
}

/// A front that nobody reads yet.
#[derive(Clone, Debug)]
pub struct Draft(Vec<u64>);

impl Draft {
    pub(super) fn new() -> Self {
        Self(vec![0; FRONT_HEAD_WORDS as usize])
    }

    /// Its words.
    pub fn words(&self) -> &[u64] {
        &self.0
    }

    /// How many words there are.
    pub fn count(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }
}

impl Memory for Draft {
    fn load(&self, index: u32) -> u64 {
        self.0.get(index as usize).copied().unwrap_or(0)
    }

    fn store(&mut self, index: u32, word: u64) {
        if let Some(place) = self.0.get_mut(index as usize) {
            *place = word;
        }
    }

    fn allocate(&mut self, count: u32) -> Option<u32> {
        let first = aligned(u32::try_from(self.0.len()).ok()?, count)?;
        let end = first.checked_add(count)?;
        self.0.resize(end as usize, 0);
        Some(first)
    }
}
