//! Sizes and records that kernel and agent must agree on. Whatever changes here changes [`LAYOUT_VERSION`].

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::Reason;

/// Version of the maps' layout; part of the name of the folder they are pinned in.
pub const LAYOUT_VERSION: u32 = 1;
/// Registries on one host.
pub const MAX_REGISTRIES: u32 = 64;
/// Entries of the endpoint map.
pub const ENDPOINT_CAPACITY: u32 = 2048;
/// Entries of the trusted-VTEP trie.
pub const VTEP_CAPACITY: u32 = 65_536;
/// Bytes of the event ring buffer.
pub const EVENT_BYTES: u32 = 256 * 1024;

/// Counters of one registry, with room for reasons to come.
const REASONS_PER_REGISTRY: u32 = 64;
const _: () = assert!(Reason::ALL.len() <= REASONS_PER_REGISTRY as usize);

/// Entries of the reason counters: one row for packets that concern no registry, one for each registry.
pub const REASON_COUNTERS: u32 = (MAX_REGISTRIES + 1) * REASONS_PER_REGISTRY;

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
}

impl Settings {
    /// Settings with this UDP port for VXLAN, host byte order.
    pub const fn new(vxlan_port: u16) -> Self {
        Self { vxlan_port: vxlan_port as u32 }
    }

    /// The UDP port of VXLAN, host byte order.
    #[inline(always)]
    pub const fn vxlan_port(&self) -> u16 {
        (self.vxlan_port & 0xffff) as u16
    }
}
