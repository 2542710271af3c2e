//! A front in the memory of two array maps.

use std::sync::atomic::{AtomicU64, Ordering};

use aya::maps::MapData;
use aya_obj::generated::bpf_map_type::BPF_MAP_TYPE_ARRAY;
use aya_obj::generated::{BPF_F_INNER_MAP, BPF_F_MMAPABLE};
use registry_guard_common::{FRONT_HEAD_WORDS, FRONT_LINE_WORDS, FrontHead, FrontLine};

use super::KernelError;
use super::mapped::MappedWords;
use crate::front::{Draft, Memory, aligned};

/// Words of nodes that a front has room for at least: those of one page.
const FEWEST: u32 = 512;
/// One word of so many is left for what is added later.
const ROOM: u32 = 4;

/// The maps of a front, and how much of them is in use.
#[derive(Debug)]
pub(super) struct FrontMap {
    head: Part,
    nodes: Part,
    /// Words of both.
    count: u32,
    used: u32,
}

/// One map, and its memory.
#[derive(Debug)]
struct Part {
    map: MapData,
    words: MappedWords,
}

impl Part {
    /// A map with `count` values of type `V`, the first of which are `words`.
    fn new<V>(name: &str, count: u32, flags: u32, words: &[u64]) -> Result<Self, KernelError> {
        #[expect(clippy::cast_possible_truncation, reason = "neither is as large as 4 GiB")]
        let (index, value) = (size_of::<u32>() as u32, size_of::<V>() as u32);
        let shape = aya_obj::Map::new_from_params(BPF_MAP_TYPE_ARRAY as u32, index, value, count, flags);
        let map = MapData::create(shape, name, None)?;
        let all = count as usize * size_of::<V>() / size_of::<u64>();
        let mapped = MappedWords::new(map.fd(), all).map_err(KernelError::bpf("mapping the memory of a front"))?;
        for (place, word) in mapped.iter().zip(words) {
            place.store(*word, Ordering::Relaxed);
        }
        Ok(Self { map, words: mapped })
    }

    fn nodes(lines: u32, words: &[u64]) -> Result<Self, KernelError> {
        Self::new::<FrontLine>("nodes", lines, BPF_F_MMAPABLE | BPF_F_INNER_MAP, words)
    }
}

impl FrontMap {
    /// A map of nodes that no front has.
    pub(super) fn no_nodes() -> Result<MapData, KernelError> {
        Ok(Part::nodes(1, &[])?.map)
    }

    /// Maps with the words of `draft`, and room for more.
    pub(super) fn new(draft: &Draft) -> Result<Self, KernelError> {
        let used = draft.count();
        let (head, nodes) = draft.words().split_at(FRONT_HEAD_WORDS as usize);
        let needed = used.saturating_sub(FRONT_HEAD_WORDS);
        let room = needed.saturating_add(needed / ROOM).max(FEWEST).next_multiple_of(FEWEST);
        Ok(Self {
            head: Part::new::<FrontHead>("front", 1, BPF_F_MMAPABLE, head)?,
            nodes: Part::nodes(room / FRONT_LINE_WORDS, nodes)?,
            count: FRONT_HEAD_WORDS.saturating_add(room),
            used,
        })
    }

    /// The map of its head.
    pub(super) const fn head(&self) -> &MapData {
        &self.head.map
    }

    /// The map of its nodes.
    pub(super) const fn nodes(&self) -> &MapData {
        &self.nodes.map
    }

    fn word(&self, index: u32) -> Option<&AtomicU64> {
        match index.checked_sub(FRONT_HEAD_WORDS) {
            Some(index) => self.nodes.words.get(index as usize),
            None => self.head.words.get(index as usize),
        }
    }
}

impl Memory for FrontMap {
    fn load(&self, index: u32) -> u64 {
        self.word(index).map_or(0, |word| word.load(Ordering::Relaxed))
    }

    fn store(&mut self, index: u32, word: u64) {
        if let Some(place) = self.word(index) {
            place.store(word, Ordering::Release);
        }
    }

    fn allocate(&mut self, count: u32) -> Option<u32> {
        let first = aligned(self.used, count)?;
        self.used = first.checked_add(count).filter(|end| *end <= self.count)?;
        Some(first)
    }
}
