use std::net::Ipv4Addr;

use super::address::IntoAddress;
use super::checksum::{Checksum, internet_checksum};
use super::layer::Surroundings;

/// An IPv4 header.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Ipv4 {
    /// The first half byte.
    pub version: u8,
    /// Written instead of the header's length in 32-bit words.
    pub ihl: Option<u8>,
    /// Written instead of the packet's length in bytes.
    pub total_length: Option<u16>,
    /// What the fragments of one datagram have in common.
    pub identification: u16,
    /// The DF bit.
    pub dont_fragment: bool,
    /// The MF bit.
    pub more_fragments: bool,
    /// In units of 8 bytes, 0 to 8191.
    pub fragment_offset: u16,
    /// Hops left.
    pub ttl: u8,
    /// Written instead of the protocol of the layer that follows.
    pub protocol: Option<u8>,
    /// The header's own checksum.
    pub checksum: Checksum,
    /// Where the packet comes from.
    pub source: Ipv4Addr,
    /// Where it goes.
    pub destination: Ipv4Addr,
    /// The options; filled up with zeros (end of options) to whole words.
    pub options: Vec<u8>,
}

impl Default for Ipv4 {
    fn default() -> Self {
        Self {
            version: 4,
            ihl: None,
            total_length: None,
            identification: 0,
            dont_fragment: false,
            more_fragments: false,
            fragment_offset: 0,
            ttl: 64,
            protocol: None,
            checksum: Checksum::Right,
            source: Ipv4Addr::new(198, 51, 100, 7),
            destination: Ipv4Addr::new(203, 0, 113, 10),
            options: Vec::new(),
        }
    }
}

impl Ipv4 {
    /// A header from this address to the registry.
    pub fn from(source: impl IntoAddress<Ipv4Addr>) -> Self {
        Self { source: source.into_address(), ..Self::default() }
    }

    /// The same header to another address.
    pub fn to(self, destination: impl IntoAddress<Ipv4Addr>) -> Self {
        Self { destination: destination.into_address(), ..self }
    }

    /// The same header with these options, at most 40 bytes.
    pub fn options(self, options: &[u8]) -> Self {
        Self { options: options.to_vec(), ..self }
    }

    /// The same header announcing another protocol.
    pub fn protocol(self, protocol: u8) -> Self {
        Self { protocol: Some(protocol), ..self }
    }

    /// The same header as a fragment at `offset` (in units of 8 bytes), with or without more to follow.
    pub fn fragment(self, offset: u16, more: bool) -> Self {
        Self { fragment_offset: offset, more_fragments: more, ..self }
    }

    /// The same header with the fragments' common number.
    pub fn identification(self, identification: u16) -> Self {
        Self { identification, ..self }
    }

    /// The same header claiming another length of itself, in 32-bit words.
    pub fn ihl(self, ihl: u8) -> Self {
        Self { ihl: Some(ihl), ..self }
    }

    /// The same header claiming another length of the packet, in bytes.
    pub fn total_length(self, total_length: u16) -> Self {
        Self { total_length: Some(total_length), ..self }
    }

    pub(super) fn encode(&self, around: &Surroundings, inside: &[u8]) -> Vec<u8> {
        let mut options = self.options.clone();
        options.resize(options.len().next_multiple_of(4), 0);
        let header_length = 20 + options.len();
        let ihl =
            self.ihl.unwrap_or_else(|| u8::try_from(header_length / 4).expect("IPv4 options are at most 40 bytes"));
        let total_length = self
            .total_length
            .unwrap_or_else(|| u16::try_from(header_length + inside.len()).expect("IPv4 packets are below 64 KiB"));
        let fragment =
            u16::from(self.dont_fragment) << 14 | u16::from(self.more_fragments) << 13 | self.fragment_offset & 0x1fff;

        let mut header = vec![self.version << 4 | ihl & 0x0f, 0];
        header.extend(total_length.to_be_bytes());
        header.extend(self.identification.to_be_bytes());
        header.extend(fragment.to_be_bytes());
        header.extend([self.ttl, self.protocol.unwrap_or(around.protocol), 0, 0]);
        header.extend(self.source.octets());
        header.extend(self.destination.octets());
        header.extend(options);
        let checksum = self.checksum.or(internet_checksum(&header));
        header[10..12].copy_from_slice(&checksum.to_be_bytes());
        header.extend(inside);
        header
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Ethernet, Tcp};
    use super::*;
    use etherparse::Ipv4HeaderSlice;

    #[test]
    fn etherparse_agrees_on_the_checksum_over_options() {
        let bytes = (Ethernet::default() / Ipv4::default().options(&[1, 1, 1]) / Tcp::syn(443)).bytes();
        let header = Ipv4HeaderSlice::from_slice(&bytes[14..]).expect("parses").to_header();
        assert_eq!(header.options.as_ref(), [1, 1, 1, 0]);
        assert_eq!(header.header_checksum, header.calc_header_checksum());
        assert_eq!(header.total_len, 44);
    }

    #[test]
    fn overrides_are_written_as_they_are() {
        let bytes = (Ethernet::default() / Ipv4::default().ihl(4).total_length(9).fragment(3, true)).bytes();
        assert_eq!(bytes[14], 0x44);
        assert_eq!(bytes[16..18], [0, 9]);
        assert_eq!(bytes[20..22], [0x20, 3]);
    }
}
