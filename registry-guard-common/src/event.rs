use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::{Address, Flow, Judgement, Reason, Response, Tag};

/// One denied packet, as the kernel tells the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Event {
    source: Address,
    destination: Address,
    /// Meaningful only if [`Event::ENCAPSULATED`] is set.
    vtep: Address,
    tag: u32,
    ifindex: u32,
    registry: u32,
    reason: u32,
    port: u16,
    response: u8,
    flags: u8,
    _rest: u32,
}

/// Which of the two programs saw a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// `guard_xdp`, on the NIC.
    Nic,
    /// `guard_sk_lookup`, at the socket.
    Socket,
}

impl Event {
    const ENCAPSULATED: u8 = 1;
    const AT_SOCKET: u8 = 2;

    /// The event of a `flow` that was denied by `judgement` at `layer`, having arrived on the interface with index `ifindex`,
    /// and was answered so.
    #[inline(always)]
    pub fn new(flow: &Flow, judgement: &Judgement, response: Response, layer: Layer, ifindex: u32) -> Self {
        let (encapsulated, vtep) = match flow.vtep.address() {
            Some(vtep) => (Self::ENCAPSULATED, *vtep),
            None => (0, flow.source),
        };
        Self {
            source: flow.source,
            destination: flow.destination,
            vtep,
            tag: flow.tag.value(),
            ifindex,
            registry: judgement.endpoint.registry().unwrap_or(u32::MAX),
            port: flow.port,
            reason: judgement.reason as u32,
            response: response as u8,
            flags: encapsulated | if matches!(layer, Layer::Socket) { Self::AT_SOCKET } else { 0 },
            _rest: 0,
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

    /// The network the packet came from, as it says itself.
    pub const fn tag(&self) -> Tag {
        Tag::vni(self.tag)
    }

    /// The outer source, if the packet came through VXLAN.
    pub const fn vtep(&self) -> Option<Address> {
        match self.flags & Self::ENCAPSULATED {
            0 => None,
            _ => Some(self.vtep),
        }
    }

    /// Index of the interface the packet arrived on.
    pub const fn ifindex(&self) -> u32 {
        self.ifindex
    }

    /// Which program saw it.
    pub const fn layer(&self) -> Layer {
        match self.flags & Self::AT_SOCKET {
            0 => Layer::Nic,
            _ => Layer::Socket,
        }
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
        Response::from_number(self.response)
    }
}
