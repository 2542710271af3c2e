use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::{Address, Encapsulation, Flow, Judgement, Reason, Response};

/// One denied packet, as the kernel tells the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Event {
    source: Address,
    destination: Address,
    /// Meaningful only if `encapsulated` is 1.
    vtep: Address,
    vni: u32,
    ifindex: u32,
    registry: u32,
    reason: u32,
    port: u16,
    reset: u8,
    encapsulated: u8,
}

impl Event {
    /// The event of a `flow` that was denied by `judgement` on the interface with index `ifindex`.
    #[inline(always)]
    pub fn new(flow: &Flow, judgement: &Judgement, ifindex: u32) -> Self {
        let (encapsulated, vtep, vni) = match flow.encapsulation {
            Some(Encapsulation { vtep, vni }) => (1, vtep, vni),
            None => (0, flow.source, 0),
        };
        Self {
            source: flow.source,
            destination: flow.destination,
            vtep,
            vni,
            ifindex,
            registry: judgement.endpoint.registry().unwrap_or(u32::MAX),
            port: flow.port,
            reason: judgement.reason as u32,
            reset: u8::from(judgement.response(flow) == Response::Reset),
            encapsulated,
        }
    }

    /// Source address of the (inner) packet.
    pub const fn source(&self) -> Address {
        self.source
    }

    /// Destination address of the (inner) packet.
    pub const fn destination(&self) -> Address {
        self.destination
    }

    /// Destination port, host byte order.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The outer source and VNI, if the packet came through VXLAN.
    pub const fn encapsulation(&self) -> Option<Encapsulation> {
        match self.encapsulated {
            0 => None,
            _ => Some(Encapsulation { vtep: self.vtep, vni: self.vni }),
        }
    }

    /// Index of the interface the packet arrived on.
    pub const fn ifindex(&self) -> u32 {
        self.ifindex
    }

    /// Index of the registry that denied it.
    pub const fn registry(&self) -> u32 {
        self.registry
    }

    /// Why; `None` if the kernel program is of another version.
    pub const fn reason(&self) -> Option<Reason> {
        Reason::from_number(self.reason)
    }

    /// How it was answered.
    pub const fn response(&self) -> Response {
        match self.reset {
            0 => Response::Drop,
            _ => Response::Reset,
        }
    }
}
