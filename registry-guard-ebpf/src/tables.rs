//! The maps that say what is guarded and by which rules, as the kernel's [`Tables`].
#![expect(unsafe_code, reason = "map values are read through pointers that the kernel hands out")]

use core::hint::black_box;

use aya_ebpf::btf_maps::lpm_trie::LpmTrie;
use aya_ebpf::btf_maps::{Array, HashMap};
use aya_ebpf::macros::btf_map;
use registry_guard_common::{
    Address, ENDPOINT_CAPACITY, Endpoint, EndpointKey, Family, GuardedPorts, HOST, INTERFACE_CAPACITY, Interface,
    InterfaceKey, LISTENER_ROWS, LOCAL_ADDRESS_CAPACITY, Listener, Listeners, LocalAddressKey, RuleKey, Settings,
    Tables, Tag, VTEP_CAPACITY,
};

use crate::clock::second;
use crate::rules::{Rules, TrieKey};

#[btf_map]
static ENDPOINTS: HashMap<EndpointKey, Endpoint, { ENDPOINT_CAPACITY as usize }> = HashMap::new();

#[btf_map]
static GUARDED_PORTS: Array<GuardedPorts, 1> = Array::new();

/// What stands in front of the endpoint map for the network namespace of the host: a row for each port that is named. None is changed
/// while a port names it.
#[btf_map]
static LISTENERS: Array<Listeners, { LISTENER_ROWS as usize }> = Array::new();

/// Keyed like the rules, on the tag of public traffic.
#[btf_map]
static VTEPS: LpmTrie<RuleKey, u32, { VTEP_CAPACITY as usize }> = LpmTrie::new();

#[btf_map]
static SETTINGS: Array<Settings, 1> = Array::new();

#[btf_map]
static INTERFACES: HashMap<InterfaceKey, Interface, { INTERFACE_CAPACITY as usize }> = HashMap::new();

#[btf_map]
static LOCAL_ADDRESSES: HashMap<LocalAddressKey, u32, { LOCAL_ADDRESS_CAPACITY as usize }> = HashMap::new();

/// The address in the key of a wildcard, whose zeros LLVM does not know to be such: it would call a function to write them, for which
/// there is no room on the stack before Linux 6.6.
#[inline(always)]
fn nowhere(family: Family) -> Address {
    match family {
        Family::V4 => Address::from_word(black_box(0)),
        Family::V6 => Address::from_words([black_box(0), black_box(0), black_box(0), black_box(0)]),
    }
}

/// The maps as they concern one network namespace.
pub(crate) struct Maps {
    namespace: u8,
}

impl Maps {
    /// What they say about the network namespace with this number.
    #[inline(always)]
    pub(crate) const fn of(namespace: u8) -> Self {
        Self { namespace }
    }

    /// Who listens at a port of the host, of the addresses of this family.
    #[inline(always)]
    fn listener(family: Family, port: u16) -> Option<&'static Listener> {
        // The verifier forgets the bound of a port whose bytes were swapped, but not of one that it sees read from two bytes.
        let row = GUARDED_PORTS.get(0)?.row(black_box(port.to_be()));
        Some(LISTENERS.get(u32::from(row))?.of(family))
    }

    /// The endpoint that listens on `address` and `port`, by the map.
    #[inline(always)]
    fn endpoint_in_map(&self, address: &Address, port: u16) -> Option<Endpoint> {
        let endpoint = ENDPOINTS
            .get_ptr(EndpointKey::exact(self.namespace, address, port))
            .or_else(|| ENDPOINTS.get_ptr(EndpointKey::exact(self.namespace, &nowhere(address.family()), port)))?;
        // SAFETY: an element of a hash map is not freed before this program ends (RCU); the copy is of four bytes.
        Some(unsafe { *endpoint })
    }

    /// Whether the agent saw that the second layer stands.
    #[inline(always)]
    pub(crate) fn second_layer_stands(&self) -> bool {
        SETTINGS.get(0).is_some_and(|settings| settings.second_layer_stands(second()))
    }

    /// Whether the agent saw lately that the second layer stands in other network namespaces.
    #[inline(always)]
    pub(crate) fn is_vouched(&self) -> bool {
        SETTINGS.get(0).is_some_and(|settings| settings.is_vouched(second()))
    }

    /// The interface with this index.
    #[inline(always)]
    pub(crate) fn interface(&self, ifindex: u32) -> Interface {
        match INTERFACES.get_ptr(InterfaceKey::new(self.namespace, ifindex)) {
            // SAFETY: an element of a hash map is not freed before this program ends (RCU); the copy is of eight bytes.
            Some(interface) => unsafe { *interface },
            None => Interface::UNKNOWN,
        }
    }
}

impl Tables for Maps {
    #[inline(always)]
    fn vxlan_port(&self) -> u16 {
        SETTINGS.get(0).map_or(0, Settings::vxlan_port)
    }

    #[inline(always)]
    fn may_concern(&self, port: u16) -> bool {
        self.namespace != HOST || GUARDED_PORTS.get(0).is_none_or(|ports| ports.name(port.to_be()))
    }

    #[inline(always)]
    fn endpoint(&self, address: &Address, port: u16) -> Option<Endpoint> {
        if self.namespace != HOST {
            return self.endpoint_in_map(address, port);
        }
        match Self::listener(address.family(), port) {
            Some(listener) if !listener.is_in_map(address) => Some(listener.endpoint(address)),
            _ => self.endpoint_in_map(address, port),
        }
    }

    #[inline(always)]
    fn trusts_vtep(&self, vtep: &Address) -> bool {
        let key = TrieKey::new(RuleKey::lookup_bits(vtep), &RuleKey::new(Tag::PUBLIC, vtep));
        VTEPS.get(&key.0).is_some()
    }

    type Rules = Rules;

    #[inline(always)]
    fn rules(&self, registry: u32) -> Option<Rules> {
        Rules::of(registry)
    }

    #[inline(always)]
    fn is_local(&self, address: &Address) -> bool {
        LOCAL_ADDRESSES.get_ptr(LocalAddressKey::new(self.namespace, address)).is_some()
    }
}
