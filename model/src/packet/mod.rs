//! Packets composed from named layers with `/`, as they would travel: `Ethernet::default() / Ipv4::default() / Tcp::syn(443)`.
//!
//! Every length, checksum and "what follows" field is right unless a layer overrides it. Defaults are documentation
//! addresses: the client `198.51.100.7` or `2001:db8:1::7`, the registry `203.0.113.10` or `2001:db8::10`.

mod address;
mod authentication;
mod checksum;
mod datagram;
mod ethernet;
mod fragment_header;
mod fragments;
mod geneve;
mod gre;
mod ipv4;
mod ipv6;
mod layer;
mod options_header;
mod raw;
mod routing;
mod tcp;
mod udp;
mod vlan;
mod vxlan;

pub use address::IntoAddress;
pub use authentication::Authentication;
pub use checksum::Checksum;
pub use datagram::Datagram;
pub use ethernet::Ethernet;
pub use fragment_header::FragmentHeader;
pub use fragments::Datagrams;
pub use geneve::Geneve;
pub use gre::Gre;
pub use ipv4::Ipv4;
pub use ipv6::Ipv6;
pub use layer::Layer;
pub use options_header::{DestinationOptions, HopByHop, OptionsHeader};
pub use raw::Raw;
pub use routing::Routing;
pub use tcp::Tcp;
pub use udp::Udp;
pub use vlan::Vlan;
pub use vxlan::Vxlan;

use std::ops::Div;

use layer::Surroundings;

/// Layers from the outermost to the innermost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Packet {
    /// The layers, outermost first.
    pub layers: Vec<Layer>,
}

impl Packet {
    /// The bytes as they go on the wire, without a frame check sequence.
    pub fn bytes(&self) -> Vec<u8> {
        self.bytes_from(0)
    }

    /// The bytes of layer `first` and everything inside it; checksums still know the addresses of the layers around it.
    pub fn bytes_from(&self, first: usize) -> Vec<u8> {
        let mut inside = Vec::new();
        for index in (first..self.layers.len()).rev() {
            let around = Surroundings::of(&self.layers, index);
            inside = self.layers[index].encode(&around, &inside);
        }
        inside
    }
}

impl<L: Into<Layer>> From<L> for Packet {
    fn from(layer: L) -> Self {
        Self { layers: vec![layer.into()] }
    }
}

impl<R: Into<Packet>> Div<R> for Packet {
    type Output = Packet;

    fn div(mut self, inner: R) -> Packet {
        self.layers.extend(inner.into().layers);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::{NetSlice, SlicedPacket, TransportSlice};

    #[test]
    fn a_syn_is_what_a_hand_wrote() {
        let packet = Ethernet::default() / Ipv4::default() / Tcp::syn(443);
        let expected = [
            // To 00-00-5e-00-53-01, from 00-00-5e-00-53-02, IPv4.
            0x00, 0x00, 0x5e, 0x00, 0x53, 0x01, 0x00, 0x00, 0x5e, 0x00, 0x53, 0x02, 0x08, 0x00, //
            // Version 4, 5 words, total length 40, identification 0, TTL 64, TCP, checksum.
            0x45, 0x00, 0x00, 0x28, 0x00, 0x00, 0x00, 0x00, 0x40, 0x06, 0x14, 0x8b, //
            198, 51, 100, 7, 203, 0, 113, 10, //
            // Port 40000 to 443, sequence number 1, acknowledgement 0, 5 words, SYN, window 64240, checksum, no urgent data.
            0x9c, 0x40, 0x01, 0xbb, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, //
            0x50, 0x02, 0xfa, 0xf0, 0xb0, 0xaf, 0x00, 0x00,
        ];
        assert_eq!(packet.bytes(), expected);
    }

    #[test]
    fn etherparse_agrees_on_tcp_over_ipv6_behind_extension_headers() {
        let bytes = (Ethernet::default()
            / Vlan::priority()
            / Ipv6::default()
            / HopByHop::default()
            / DestinationOptions::default()
            / Tcp::syn(443).options(&[2, 4, 5, 0xb4])
            / Raw::from(b"data"))
        .bytes();
        let sliced = SlicedPacket::from_ethernet(&bytes).expect("parses");
        let Some(NetSlice::Ipv6(v6)) = &sliced.net else {
            panic!("not IPv6: {sliced:?}");
        };
        let Some(TransportSlice::Tcp(tcp)) = &sliced.transport else {
            panic!("not TCP: {sliced:?}");
        };
        assert_eq!(tcp.destination_port(), 443);
        assert_eq!(tcp.payload(), b"data");
        assert_eq!(
            tcp.calc_checksum_ipv6(v6.header().to_header().source, v6.header().to_header().destination).ok(),
            Some(tcp.checksum())
        );
    }

    #[test]
    fn etherparse_agrees_on_udp_checksums_inside_vxlan() {
        let inner = Ethernet::default() / Ipv4::from("10.1.0.4") / Udp::to(443) / Raw::from(b"odd");
        let packet = Ethernet::default() / Ipv6::default() / Udp::vxlan() / Vxlan::vni(5001) / inner;
        let bytes = packet.bytes();
        let sliced = SlicedPacket::from_ethernet(&bytes).expect("parses");
        let (Some(NetSlice::Ipv6(v6)), Some(TransportSlice::Udp(udp))) = (&sliced.net, &sliced.transport) else {
            panic!("not UDP over IPv6: {sliced:?}");
        };
        let header = udp.to_header();
        assert_eq!(header.calc_checksum_ipv6(&v6.header().to_header(), udp.payload()).ok(), Some(header.checksum));
        let inner = SlicedPacket::from_ethernet(&udp.payload()[8..]).expect("parses");
        let (Some(NetSlice::Ipv4(v4)), Some(TransportSlice::Udp(udp))) = (&inner.net, &inner.transport) else {
            panic!("not UDP over IPv4: {inner:?}");
        };
        let header = udp.to_header();
        assert_eq!(header.calc_checksum_ipv4(&v4.header().to_header(), udp.payload()).ok(), Some(header.checksum));
    }

    #[test]
    fn a_layer_says_what_follows_it() {
        let bytes =
            (Ethernet::default() / Ipv4::default() / Gre::default() / Ipv6::default() / Ipv4::default()).bytes();
        assert_eq!(bytes[14 + 9], 47, "IPv4 carries GRE");
        assert_eq!(bytes[14 + 20 + 2..][..2], [0x86, 0xdd], "GRE carries IPv6");
        assert_eq!(bytes[14 + 20 + 4 + 6], 4, "IPv6 carries IPv4");
    }
}
