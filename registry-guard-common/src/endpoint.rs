use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::{Address, Family};

/// How a denied SYN is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Response {
    /// Not at all.
    Drop,
    /// By a TCP reset.
    Reset,
}

/// What happens to UDP, UDP-Lite, SCTP and DCCP to a guarded port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Datagrams {
    /// Denied, whoever sends them.
    Deny,
    /// Judged by the rules, like a SYN.
    Judge,
}

/// The key of the endpoint map: an address and a TCP port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct EndpointKey {
    words: [u32; 4],
    family: u16,
    port: u16,
}

impl EndpointKey {
    /// The key of one address and port (host byte order).
    #[inline(always)]
    pub const fn exact(address: &Address, port: u16) -> Self {
        Self { words: address.words(), family: address.family() as u16, port }
    }

    /// The key of every address of one family, at one port (host byte order).
    #[inline(always)]
    pub const fn wildcard(family: Family, port: u16) -> Self {
        Self { words: [0; 4], family: family as u16, port }
    }
}

/// The value of the endpoint map: whose endpoint it is, and how it denies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Endpoint {
    registry: u16,
    response: u8,
    datagrams: u8,
}

impl Endpoint {
    /// What stands where no registry listens. A value of its own rather than `None`: a BPF verifier accepts no register
    /// that was never written, and LLVM leaves the payload of a `None` unwritten.
    pub const UNGUARDED: Self = Self { registry: u16::MAX, response: 0, datagrams: 0 };

    /// An endpoint of the registry with index `registry` (below [`crate::MAX_REGISTRIES`]).
    pub const fn new(registry: u16, response: Response, datagrams: Datagrams) -> Self {
        Self { registry, response: response as u8, datagrams: datagrams as u8 }
    }

    /// The registry's index in the rule tables; `None` where no registry listens.
    #[inline(always)]
    pub const fn registry(&self) -> Option<u32> {
        match self.registry {
            u16::MAX => None,
            registry => Some(registry as u32),
        }
    }

    /// How a denied SYN is answered here.
    #[inline(always)]
    pub const fn response(&self) -> Response {
        if self.response == Response::Reset as u8 { Response::Reset } else { Response::Drop }
    }

    /// What happens to datagrams here.
    #[inline(always)]
    pub const fn datagrams(&self) -> Datagrams {
        if self.datagrams == Datagrams::Judge as u8 { Datagrams::Judge } else { Datagrams::Deny }
    }
}
