use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::{Address, Family};

/// How a denied SYN is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Response {
    /// Not at all.
    Drop,
    /// By a TCP reset.
    Reset,
    /// By an HTTP 403 that says why, within a budget; beyond it not at all.
    Forbidden,
}

impl Response {
    /// The answer with this number; to drop is the answer to every other.
    #[inline(always)]
    pub const fn from_number(number: u8) -> Self {
        match number {
            number if number == Self::Reset as u8 => Self::Reset,
            number if number == Self::Forbidden as u8 => Self::Forbidden,
            _ => Self::Drop,
        }
    }
}

/// What happens to connections that the registry's own host opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalTraffic {
    /// Judged by the rules, like any other.
    Judge,
    /// Allowed.
    Allow,
}

/// The network namespace of the host itself, in endpoint keys. Others are numbered from 1.
pub const HOST: u8 = 0;

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
    family: u8,
    namespace: u8,
    port: u16,
}

impl EndpointKey {
    /// The key of one address and port (host byte order) in the network namespace with this number.
    #[inline(always)]
    pub const fn exact(namespace: u8, address: &Address, port: u16) -> Self {
        Self { words: address.words(), family: address.family() as u8, namespace, port }
    }

    /// The key of every address of one family, at one port (host byte order), in the network namespace with this number.
    #[inline(always)]
    pub const fn wildcard(namespace: u8, family: Family, port: u16) -> Self {
        Self { words: [0; 4], family: family as u8, namespace, port }
    }

    /// Whether it stands for every address of its family.
    pub const fn is_wildcard(&self) -> bool {
        matches!(self.words, [0, 0, 0, 0])
    }

    /// Its address, which is all zeros where it stands for every address.
    pub const fn address(&self) -> Address {
        if self.family == Family::V4 as u8 {
            Address::from_word(self.words[0])
        } else {
            Address::from_words(self.words)
        }
    }

    /// The number of its network namespace.
    pub const fn namespace(&self) -> u8 {
        self.namespace
    }

    /// Its port, host byte order.
    pub const fn port(&self) -> u16 {
        self.port
    }
}

/// The value of the endpoint map: whose endpoint it is, and how it denies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Endpoint {
    registry: u16,
    response: u8,
    flags: u8,
}

impl Endpoint {
    /// What stands where no registry listens. A value of its own rather than `None`: a BPF verifier accepts no register
    /// that was never written, and LLVM leaves the payload of a `None` unwritten.
    pub const UNGUARDED: Self = Self { registry: u16::MAX, response: 0, flags: 0 };

    const JUDGE_DATAGRAMS: u8 = 1;
    const ALLOW_LOCAL: u8 = 2;
    const ENDS_ELSEWHERE: u8 = 4;

    /// An endpoint of the registry with index `registry` (below [`crate::MAX_REGISTRIES`]).
    pub const fn new(registry: u16, response: Response, datagrams: Datagrams, local: LocalTraffic) -> Self {
        let datagrams = if matches!(datagrams, Datagrams::Judge) { Self::JUDGE_DATAGRAMS } else { 0 };
        let local = if matches!(local, LocalTraffic::Allow) { Self::ALLOW_LOCAL } else { 0 };
        Self { registry, response: response as u8, flags: datagrams | local }
    }

    /// The same endpoint where nobody could answer a denied SYN by an HTTP 403.
    #[must_use]
    pub const fn without_answer(self) -> Self {
        match self.response() {
            Response::Forbidden => Self { response: Response::Drop as u8, ..self },
            Response::Drop | Response::Reset => self,
        }
    }

    /// The same endpoint where every datagram is denied.
    #[must_use]
    pub const fn without_datagrams(self) -> Self {
        Self { flags: self.flags & !Self::JUDGE_DATAGRAMS, ..self }
    }

    /// The same endpoint where connections end in another network namespace: there nobody can tell which virtual network one
    /// came from.
    #[must_use]
    pub const fn elsewhere(self) -> Self {
        Self { flags: self.flags | Self::ENDS_ELSEWHERE, ..self }
    }

    /// Whether connections end in another network namespace.
    #[inline(always)]
    pub const fn ends_elsewhere(&self) -> bool {
        self.flags & Self::ENDS_ELSEWHERE != 0
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
        Response::from_number(self.response)
    }

    /// What happens to datagrams here.
    #[inline(always)]
    pub const fn datagrams(&self) -> Datagrams {
        if self.flags & Self::JUDGE_DATAGRAMS != 0 { Datagrams::Judge } else { Datagrams::Deny }
    }

    /// What happens here to connections that the host itself opens.
    #[inline(always)]
    pub const fn local(&self) -> LocalTraffic {
        if self.flags & Self::ALLOW_LOCAL != 0 { LocalTraffic::Allow } else { LocalTraffic::Judge }
    }
}
