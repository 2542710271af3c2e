//! The rules of one registry: a front that knows most of those who are denied, and the trie that knows everything.

use core::hint::black_box;

use aya_ebpf::btf_maps::lpm_trie::{Key, LpmTrie};
use aya_ebpf::btf_maps::{Array, ArrayOfMaps};
use aya_ebpf::macros::btf_map;
use registry_guard_common::{
    Entry, FRONT_HEAD_WORDS, FRONT_LINE_WORDS, FrontHead, FrontHeader, FrontLine, FrontNodes, FrontWords,
    MAX_REGISTRIES, PLACES, Reason, RuleKey, RuleTable, may_cover,
};

/// The agent writes into the memory itself (Linux 5.5).
const HEAD_FLAGS: usize = aya_ebpf::bindings::BPF_F_MMAPABLE as usize;
/// And the nodes are as many as they must be (Linux 5.10). A look-up in such a map is a call, where others are a few instructions
/// in place (`array_map_gen_lookup`): most packets need none.
const NODES_FLAGS: usize = HEAD_FLAGS | aya_ebpf::bindings::BPF_F_INNER_MAP as usize;

type Nodes = Array<FrontLine, 1, NODES_FLAGS>;

/// The head of each registry's front. It names nodes and trie, so one store into a slot replaces all three.
#[btf_map]
static FRONTS: ArrayOfMaps<Array<FrontHead, 1, HEAD_FLAGS>, { MAX_REGISTRIES as usize }> = ArrayOfMaps::new();

/// Two places for the nodes of each registry's front.
#[btf_map]
static NODES: ArrayOfMaps<Nodes, { PLACES as usize }> = ArrayOfMaps::new();

/// Two places for a trie of each registry. The capacity of the inner map given here is only a template: the kernel does not
/// compare it (`bpf_map_meta_equal`).
///
/// Before Linux 6.2 it does compare where each has a `bpf_timer`, and "nowhere" has two numbers: `ENOENT` in a value that its
/// BTF calls a struct, `EINVAL` in any other and where there is no BTF, as in the tries that the agent makes. A value in an
/// array is any other.
#[btf_map]
static RULES: ArrayOfMaps<LpmTrie<RuleKey, [Entry; 1], 1>, { PLACES as usize }> = ArrayOfMaps::new();

/// A trie's key is packed, so LLVM would write it to the stack in any parts, while the verifier wants each part aligned
/// to its size.
#[repr(align(8))]
pub(crate) struct TrieKey(pub(crate) Key<RuleKey>);

impl TrieKey {
    #[inline(always)]
    pub(crate) const fn new(bits: u32, key: &RuleKey) -> Self {
        Self(Key::new(bits, *key))
    }
}

/// A registry's front, and through it its trie.
pub(crate) struct Rules {
    registry: u32,
    head: &'static FrontHead,
}

impl Rules {
    #[inline(always)]
    pub(crate) fn of(registry: u32) -> Option<Self> {
        Some(Self { registry, head: FRONTS.get(registry)?.get(0)? })
    }

    #[inline(always)]
    const fn header(&self) -> FrontHeader {
        FrontHeader::from_word(self.head[0])
    }
}

impl RuleTable for Rules {
    #[inline(always)]
    fn may_cover(&self, key: &RuleKey) -> bool {
        may_cover(self, key)
    }

    #[inline(always)]
    fn uncovered(&self) -> Reason {
        self.header().uncovered()
    }

    #[inline(always)]
    fn longest(&self, key: &RuleKey, bits: u32) -> Option<Entry> {
        let place = self.header().trie().place(self.registry);
        RULES.get(place)?.get(&TrieKey::new(bits, key).0).map(|&[entry]| entry)
    }
}

impl FrontWords for Rules {
    #[inline(always)]
    fn head(&self, index: u32) -> u64 {
        // LLVM would leave the bound away, which it knows of bytes that were swapped; verifiers before Linux 6.18 do not.
        self.head[(black_box(index) % FRONT_HEAD_WORDS) as usize]
    }

    type Nodes = NodesInForce;

    #[inline(always)]
    fn nodes(&self) -> Option<NodesInForce> {
        NODES.get(self.header().nodes().place(self.registry)).map(NodesInForce)
    }
}

pub(crate) struct NodesInForce(&'static Nodes);

impl FrontNodes for NodesInForce {
    #[inline(always)]
    fn word(&self, index: u32) -> Option<u64> {
        let index = index.wrapping_sub(FRONT_HEAD_WORDS);
        let line = self.0.get(index / FRONT_LINE_WORDS)?;
        Some(line[(index % FRONT_LINE_WORDS) as usize])
    }
}
