//! A front in the memory of an array map.

use std::sync::atomic::Ordering;

use aya::maps::MapData;
use aya_obj::generated::bpf_map_type::BPF_MAP_TYPE_ARRAY;
use aya_obj::generated::{BPF_F_INNER_MAP, BPF_F_MMAPABLE};
use registry_guard_common::{FRONT_LINE_WORDS, FrontLine};

use super::KernelError;
use super::mapped::MappedWords;
use crate::front::{Draft, Memory, aligned};

/// Words that a front has room for at least: those of one page.
const FEWEST: u32 = 512;
/// One word of so many is left for what is added later.
const ROOM: u32 = 4;

/// The map of a front, and how much of it is in use.
#[derive(Debug)]
pub(super) struct FrontMap {
    map: MapData,
    words: MappedWords,
    count: u32,
    used: u32,
}

impl FrontMap {
    /// A map with the words of `draft`, and room for more.
    pub(super) fn new(draft: &Draft) -> Result<Self, KernelError> {
        let used = draft.count();
        let count = used.saturating_add(used / ROOM).max(FEWEST).next_multiple_of(FEWEST);
        #[expect(clippy::cast_possible_truncation, reason = "a line is 64 bytes long")]
        let (index, line) = (size_of::<u32>() as u32, size_of::<FrontLine>() as u32);
        let shape = aya_obj::Map::new_from_params(
            BPF_MAP_TYPE_ARRAY as u32,
            index,
            line,
            count / FRONT_LINE_WORDS,
            BPF_F_MMAPABLE | BPF_F_INNER_MAP,
        );
        let map = MapData::create(shape, "front", None)?;
        let words = mapped(&map, count)?;
        for (place, word) in words.iter().zip(draft.words()) {
            place.store(*word, Ordering::Relaxed);
        }
        Ok(Self { map, words, count, used })
    }

    /// The map.
    pub(super) const fn map(&self) -> &MapData {
        &self.map
    }
}

impl Memory for FrontMap {
    fn load(&self, index: u32) -> u64 {
        self.words.get(index as usize).map_or(0, |word| word.load(Ordering::Relaxed))
    }

    fn store(&mut self, index: u32, word: u64) {
        if let Some(place) = self.words.get(index as usize) {
            place.store(word, Ordering::Release);
        }
    }

    fn allocate(&mut self, count: u32) -> Option<u32> {
        let first = aligned(self.used, count)?;
        self.used = first.checked_add(count).filter(|end| *end <= self.count)?;
        Some(first)
    }
}

fn mapped(map: &MapData, count: u32) -> Result<MappedWords, KernelError> {
    MappedWords::new(map.fd(), count as usize).map_err(KernelError::bpf("mapping the memory of a front"))
}
