//! Sizes and records that kernel and agent must agree on. Whatever changes here changes [`LAYOUT_VERSION`].

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::{Family, Reason, Which};

/// Whether this is the layout of tests of upgrades, in which maps of the same shape mean something else.
const ANOTHER: bool = cfg!(feature = "another-layout");

/// Version of the maps' layout; part of the name of the folder they are pinned in.
pub const LAYOUT_VERSION: u32 = if ANOTHER { 1005 } else { 5 };
/// Registries on one host.
pub const MAX_REGISTRIES: u32 = 64;
/// Entries of the map of tries and of that of the nodes of fronts: two for each registry, of which one is in force, and
/// one more.
pub const PLACES: u32 = MAX_REGISTRIES * 2 + 1;
/// The last of them, which no registry has.
pub const NOBODYS_PLACE: u32 = PLACES - 1;
/// Entries of the endpoint map.
pub const ENDPOINT_CAPACITY: u32 = 2048;
/// Entries of the trusted-VTEP trie.
pub const VTEP_CAPACITY: u32 = 65_536;
/// Numbers for network namespaces, that of the host included.
pub const MAX_NAMESPACES: u32 = 256;
/// Listening sockets of the responder: one for each namespace and address family.
pub const RESPONDER_SOCKETS: u32 = MAX_NAMESPACES * 2;
/// Entries of the map of interfaces, of all namespaces.
pub const INTERFACE_CAPACITY: u32 = 16_384;
/// Entries of the map of local addresses, of all namespaces.
pub const LOCAL_ADDRESS_CAPACITY: u32 = 16_384;
/// Connections that are remembered until they are asked about.
pub const FLOW_CAPACITY: u32 = 65_536;
/// Sources whose budget is remembered. More than the largest total budget, so that none is forgotten within its second.
pub const BUDGET_SOURCES: u32 = 16_384;
/// Bytes of the event ring buffer.
pub const EVENT_BYTES: u32 = 256 * 1024;
/// Entries of the event budget: how many events may still be written, by what became of the packet.
pub const EVENT_BUDGETS: u32 = 2;
/// The entry for denied packets that went no further.
pub const EVENT_BUDGET_STOPPED: u32 = 0;
/// The entry for denied SYNs that went on to be told why.
pub const EVENT_BUDGET_ADMITTED: u32 = 1;

/// Counters of one registry, with room for reasons to come.
const REASONS_PER_REGISTRY: u32 = 64;
const _: () = assert!(Reason::ALL.len() <= REASONS_PER_REGISTRY as usize);

/// Entries of the reason counters: one row for packets that concern no registry, one for each registry.
pub const REASON_COUNTERS: u32 = (MAX_REGISTRIES + 1) * REASONS_PER_REGISTRY;

/// Index of the responder's listening socket for one namespace and address family.
#[inline(always)]
pub const fn responder_socket(namespace: u8, family: Family) -> u32 {
    let family = match family {
        Family::V4 => 0,
        Family::V6 => 1,
    };
    if ANOTHER { family * MAX_NAMESPACES + namespace as u32 } else { namespace as u32 * 2 + family }
}

/// Index of one of the two places of a registry's trie or of the nodes of its front.
#[inline(always)]
pub(crate) const fn place(registry: u32, which: Which) -> u32 {
    let which = matches!(which, Which::Second) as u32;
    if ANOTHER {
        which.wrapping_mul(MAX_REGISTRIES).wrapping_add(registry)
    } else {
        registry.wrapping_mul(2).wrapping_add(which)
    }
}

/// The index of the counter of `reason`, for one registry or for none.
#[inline(always)]
pub const fn reason_counter(registry: Option<u32>, reason: Reason) -> u32 {
    let row = match registry {
        Some(registry) => registry + 1,
        None => 0,
    };
    row * REASONS_PER_REGISTRY + reason as u32
}

/// What the program is told beside its tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Settings {
    vxlan_port: u32,
    second_layer: u32,
    vouched_until: u32,
}

impl Settings {
    /// Settings with this UDP port for VXLAN, host byte order, and whether the second layer was seen to stand.
    pub const fn new(vxlan_port: u16, second_layer_stands: bool) -> Self {
        Self { vxlan_port: vxlan_port as u32, second_layer: second_layer_stands as u32, vouched_until: 0 }
    }

    /// The same, where connections end in other network namespaces: those can be made anew while nobody looks, so the second
    /// layer is taken to stand there until this second of the kernel's monotonic clock only. 0 is no limit.
    #[must_use]
    pub const fn vouched_until(self, second: u32) -> Self {
        Self { vouched_until: second, ..self }
    }

    /// Whether the agent saw that the second layer stands, so that it may be left to decide in this second.
    #[inline(always)]
    pub const fn second_layer_stands(&self, second: u32) -> bool {
        self.second_layer == 1 && self.is_vouched(second)
    }

    /// Whether the agent saw lately that the second layer stands in other network namespaces.
    #[inline(always)]
    pub const fn is_vouched(&self, second: u32) -> bool {
        self.vouched_until == 0 || second <= self.vouched_until
    }

    /// Until which second the second layer is taken to stand in other network namespaces; 0 is no limit.
    pub const fn until(&self) -> u32 {
        self.vouched_until
    }

    /// The UDP port of VXLAN, host byte order.
    #[inline(always)]
    pub const fn vxlan_port(&self) -> u16 {
        (self.vxlan_port & 0xffff) as u16
    }
}
