//! The maps that hold the rules, as the kernel's [`Tables`].
#![expect(unsafe_code, reason = "map values are read through pointers that the kernel hands out")]

use aya_ebpf::btf_maps::lpm_trie::{Key, LpmTrie};
use aya_ebpf::btf_maps::{Array, ArrayOfMaps, HashMap};
use aya_ebpf::macros::btf_map;
use registry_guard_common::{
    Address, ENDPOINT_CAPACITY, Endpoint, EndpointKey, Entry, MAX_REGISTRIES, RuleKey, Settings, Tables, VTEP_CAPACITY,
};

/// One trie for each registry, replaced as a whole by one store into its slot. The capacity of the inner map given here
/// is only a template: the kernel does not compare it (`bpf_map_meta_equal`).
#[btf_map]
static RULES: ArrayOfMaps<LpmTrie<RuleKey, Entry, 1>, { MAX_REGISTRIES as usize }> = ArrayOfMaps::new();

#[btf_map]
static ENDPOINTS: HashMap<EndpointKey, Endpoint, { ENDPOINT_CAPACITY as usize }> = HashMap::new();

/// Keyed like the rules, on the tag of public traffic.
#[btf_map]
static VTEPS: LpmTrie<RuleKey, u32, { VTEP_CAPACITY as usize }> = LpmTrie::new();

#[btf_map]
static SETTINGS: Array<Settings, 1> = Array::new();

/// A trie's key is packed, so LLVM would write it to the stack in any parts, while the verifier wants each part aligned
/// to its size.
#[repr(align(8))]
struct Aligned(Key<RuleKey>);

/// The maps of this program.
pub(crate) struct Maps;

impl Tables for Maps {
    #[inline(always)]
    fn vxlan_port(&self) -> u16 {
        SETTINGS.get(0).map_or(0, Settings::vxlan_port)
    }

    #[inline(always)]
    fn endpoint(&self, address: &Address, port: u16) -> Option<Endpoint> {
        let endpoint = ENDPOINTS
            .get_ptr(EndpointKey::exact(address, port))
            .or_else(|| ENDPOINTS.get_ptr(EndpointKey::wildcard(address.family(), port)))?;
        // SAFETY: an element of a hash map is not freed before this program ends (RCU); the copy is of four bytes.
        Some(unsafe { *endpoint })
    }

    #[inline(always)]
    fn trusts_vtep(&self, vtep: &Address) -> bool {
        let key = RuleKey::new(registry_guard_common::Tag::PUBLIC, vtep);
        VTEPS.get(&Aligned(Key::new(RuleKey::lookup_bits(vtep), key)).0).is_some()
    }

    #[inline(always)]
    fn rule(&self, registry: u32, key: &RuleKey, bits: u32) -> Option<Entry> {
        RULES.get(registry)?.get(&Aligned(Key::new(bits, *key)).0).copied()
    }
}
