use std::net::Ipv6Addr;

use super::address::IntoAddress;
use super::layer::Surroundings;

/// An IPv6 header.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Ipv6 {
    /// The first half byte.
    pub version: u8,
    /// Written instead of the length in bytes of what follows this header.
    pub payload_length: Option<u16>,
    /// Written instead of the next header of the layer that follows.
    pub next_header: Option<u8>,
    /// Hops left.
    pub hop_limit: u8,
    /// Where the packet comes from.
    pub source: Ipv6Addr,
    /// Where it goes.
    pub destination: Ipv6Addr,
}

impl Default for Ipv6 {
    fn default() -> Self {
        Self {
            version: 6,
            payload_length: None,
            next_header: None,
            hop_limit: 64,
            source: Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 7),
            destination: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x10),
        }
    }
}

impl Ipv6 {
    /// A header from this address to the registry.
    pub fn from(source: impl IntoAddress<Ipv6Addr>) -> Self {
        Self { source: source.into_address(), ..Self::default() }
    }

    /// The same header to another address.
    pub fn to(self, destination: impl IntoAddress<Ipv6Addr>) -> Self {
        Self { destination: destination.into_address(), ..self }
    }

    /// The same header announcing another next header.
    pub fn next_header(self, next_header: u8) -> Self {
        Self { next_header: Some(next_header), ..self }
    }

    /// The same header claiming another length of what follows, in bytes.
    pub fn payload_length(self, payload_length: u16) -> Self {
        Self { payload_length: Some(payload_length), ..self }
    }

    pub(super) fn encode(&self, around: &Surroundings, inside: &[u8]) -> Vec<u8> {
        let payload_length =
            self.payload_length.unwrap_or_else(|| u16::try_from(inside.len()).expect("IPv6 payloads are below 64 KiB"));
        let mut header = vec![self.version << 4, 0, 0, 0];
        header.extend(payload_length.to_be_bytes());
        header.extend([self.next_header.unwrap_or(around.protocol), self.hop_limit]);
        header.extend(self.source.octets());
        header.extend(self.destination.octets());
        header.extend(inside);
        header
    }
}
