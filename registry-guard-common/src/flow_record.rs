use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::{Address, Judgement, Reason, Tag};

/// One TCP connection, by its four numbers and the namespace it ends in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct FlowKey {
    remote: [u32; 4],
    local: [u32; 4],
    remote_port: u16,
    local_port: u16,
    family: u16,
    namespace: u16,
}

impl FlowKey {
    /// The connection from `remote` to `local` (ports in host byte order) in the network namespace with this number. Both
    /// addresses are of one family.
    #[inline(always)]
    pub const fn new(namespace: u8, remote: (&Address, u16), local: (&Address, u16)) -> Self {
        Self {
            remote: remote.0.words(),
            local: local.0.words(),
            remote_port: remote.1,
            local_port: local.1,
            family: remote.0.family() as u16,
            namespace: namespace as u16,
        }
    }
}

/// What the second layer decided about a connection when it last looked for a listening socket.
///
/// Only connections that were handed to the responder, and allowed ones from a virtual network, are remembered: nothing
/// else would tell later which network they came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct FlowRecord {
    tag: u32,
    ifindex: u32,
    registry: u32,
    reason: u32,
}

impl FlowRecord {
    /// The record of a connection from the network `tag`, which arrived on the interface with index `ifindex`.
    #[inline(always)]
    pub fn new(judgement: &Judgement, tag: Tag, ifindex: u32) -> Self {
        Self {
            tag: tag.value(),
            ifindex,
            registry: judgement.endpoint.registry().unwrap_or(u32::MAX),
            reason: judgement.reason as u32,
        }
    }

    /// The network the connection came from.
    pub const fn tag(&self) -> Tag {
        Tag::vni(self.tag)
    }

    /// Index of the interface it arrived on, in its namespace.
    pub const fn ifindex(&self) -> u32 {
        self.ifindex
    }

    /// Index of the registry it asked for.
    pub const fn registry(&self) -> Option<u32> {
        match self.registry {
            u32::MAX => None,
            registry => Some(registry),
        }
    }

    /// What was decided; `None` if the kernel program is of another version.
    pub const fn reason(&self) -> Option<Reason> {
        Reason::from_number(self.reason)
    }
}
