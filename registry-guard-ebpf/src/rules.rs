//! The rules of one registry: a front that knows most of those who are denied, and the trie that knows everything.

use aya_ebpf::btf_maps::lpm_trie::{Key, LpmTrie};
use aya_ebpf::btf_maps::{Array, ArrayOfMaps};
use aya_ebpf::macros::btf_map;
use registry_guard_common::{
    Entry, FRONT_LINE_WORDS, FRONT_SEED, FrontHeader, FrontLine, FrontWords, MAX_REGISTRIES, Reason, Root, RuleKey,
    RuleTable, TRIE_PLACES, may_cover,
};

/// The agent writes into the memory itself (Linux 5.5), and each front is as long as it must be (Linux 5.10).
const FRONT_FLAGS: usize = (aya_ebpf::bindings::BPF_F_MMAPABLE | aya_ebpf::bindings::BPF_F_INNER_MAP) as usize;

type Front = Array<FrontLine, 1, FRONT_FLAGS>;

/// The front of each registry. Its header names the trie behind it, so one store into a slot replaces both.
#[btf_map]
static FRONTS: ArrayOfMaps<Front, { MAX_REGISTRIES as usize }> = ArrayOfMaps::new();

/// Two places for a trie of each registry. The capacity of the inner map given here is only a template: the kernel does not
/// compare it (`bpf_map_meta_equal`).
///
/// Before Linux 6.2 it does compare where each has a `bpf_timer`, and "nowhere" has two numbers: `ENOENT` in a value that its
/// BTF calls a struct, `EINVAL` in any other and where there is no BTF, as in the tries that the agent makes. A value in an
/// array is any other.
#[btf_map]
static RULES: ArrayOfMaps<LpmTrie<RuleKey, [Entry; 1], 1>, { TRIE_PLACES as usize }> = ArrayOfMaps::new();

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
    front: &'static Front,
    header: &'static FrontLine,
}

impl Rules {
    #[inline(always)]
    pub(crate) fn of(registry: u32) -> Option<Self> {
        let front = FRONTS.get(registry)?;
        Some(Self { registry, front, header: front.get(0)? })
    }

    #[inline(always)]
    const fn header(&self) -> FrontHeader {
        FrontHeader::from_word(self.header[0])
    }
}

impl RuleTable for Rules {
    #[inline(always)]
    fn may_cover(&self, key: &RuleKey) -> bool {
        let root = self.header[(Root::of(key).index() % FRONT_LINE_WORDS) as usize];
        may_cover(&Words(self.front), root, self.header[FRONT_SEED as usize], key)
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

struct Words(&'static Front);

impl FrontWords for Words {
    #[inline(always)]
    fn word(&self, index: u32) -> Option<u64> {
        let line = self.0.get(index / FRONT_LINE_WORDS)?;
        Some(line[(index % FRONT_LINE_WORDS) as usize])
    }
}
