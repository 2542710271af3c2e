use std::ops::Div;

use super::checksum::PseudoHeader;
use super::{
    Authentication, Datagram, DestinationOptions, Ethernet, FragmentHeader, Geneve, Gre, HopByHop, Ipv4, Ipv6, Packet,
    Raw, Routing, Tcp, Udp, Vlan, Vxlan,
};

/// What a layer must know of the others to fill its own fields.
pub(super) struct Surroundings {
    /// How an Ethernet type field names what follows.
    pub(super) ethertype: u16,
    /// How an IP protocol or next header field names what follows.
    pub(super) protocol: u8,
    /// The addresses of the nearest IP layer outside.
    pub(super) pseudo_header: PseudoHeader,
}

impl Surroundings {
    pub(super) fn of(layers: &[Layer], index: usize) -> Self {
        let next = layers.get(index + 1);
        let pseudo_header = layers[..index].iter().rev().find_map(|layer| match layer {
            Layer::Ipv4(v4) => Some(PseudoHeader::V4(v4.source, v4.destination)),
            Layer::Ipv6(v6) => Some(PseudoHeader::V6(v6.source, v6.destination)),
            _ => None,
        });
        Self {
            ethertype: next.map_or(Raw::ETHERTYPE, Layer::ethertype),
            protocol: next.map_or(NO_NEXT_HEADER, Layer::protocol),
            pseudo_header: pseudo_header.unwrap_or({
                let v4 = Ipv4::default();
                PseudoHeader::V4(v4.source, v4.destination)
            }),
        }
    }
}

const NO_NEXT_HEADER: u8 = 59;

macro_rules! layers {
    ($($(#[$doc:meta])* $name:ident { ethertype: $ethertype:expr, protocol: $protocol:expr }),+ $(,)?) => {
        /// One layer of a packet.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Layer {
            $($(#[$doc])* $name($name),)+
        }

        impl Layer {
            pub(super) fn encode(&self, around: &Surroundings, inside: &[u8]) -> Vec<u8> {
                match self {
                    $(Self::$name(layer) => layer.encode(around, inside),)+
                }
            }

            /// How an Ethernet type field names this layer.
            fn ethertype(&self) -> u16 {
                match self {
                    $(Self::$name(layer) => { let name: fn(&$name) -> u16 = $ethertype; name(layer) })+
                }
            }

            /// How an IP protocol or next header field names this layer.
            fn protocol(&self) -> u8 {
                match self {
                    $(Self::$name(layer) => { let name: fn(&$name) -> u8 = $protocol; name(layer) })+
                }
            }
        }

        $(
            impl From<$name> for Layer {
                fn from(layer: $name) -> Self {
                    Self::$name(layer)
                }
            }

            impl<R: Into<Packet>> Div<R> for $name {
                type Output = Packet;

                fn div(self, inner: R) -> Packet {
                    Packet::from(self) / inner
                }
            }
        )+
    };
}

layers! {
    /// An Ethernet II header.
    Ethernet { ethertype: |_| Gre::TRANSPARENT_ETHERNET, protocol: |_| 143 },
    /// A VLAN tag.
    Vlan { ethertype: |vlan| vlan.tpid, protocol: |_| Raw::PROTOCOL },
    /// An IPv4 header; inside another IP layer it makes an IPIP tunnel.
    Ipv4 { ethertype: |_| 0x0800, protocol: |_| 4 },
    /// An IPv6 header; inside an IPv4 layer it makes a SIT tunnel.
    Ipv6 { ethertype: |_| 0x86dd, protocol: |_| 41 },
    /// An IPv6 hop-by-hop options header.
    HopByHop { ethertype: |_| Raw::ETHERTYPE, protocol: |_| HopByHop::PROTOCOL },
    /// An IPv6 destination options header.
    DestinationOptions { ethertype: |_| Raw::ETHERTYPE, protocol: |_| DestinationOptions::PROTOCOL },
    /// An IPv6 routing header.
    Routing { ethertype: |_| Raw::ETHERTYPE, protocol: |_| 43 },
    /// An authentication header.
    Authentication { ethertype: |_| Raw::ETHERTYPE, protocol: |_| 51 },
    /// An IPv6 fragment header.
    FragmentHeader { ethertype: |_| Raw::ETHERTYPE, protocol: |_| 44 },
    /// A TCP header.
    Tcp { ethertype: |_| Raw::ETHERTYPE, protocol: |_| Tcp::PROTOCOL },
    /// A UDP header.
    Udp { ethertype: |_| Raw::ETHERTYPE, protocol: |_| Udp::PROTOCOL },
    /// The header of another transport with ports.
    Datagram { ethertype: |_| Raw::ETHERTYPE, protocol: |datagram| datagram.protocol },
    /// A VXLAN header.
    Vxlan { ethertype: |_| Raw::ETHERTYPE, protocol: |_| Raw::PROTOCOL },
    /// A Geneve header.
    Geneve { ethertype: |_| Raw::ETHERTYPE, protocol: |_| Raw::PROTOCOL },
    /// A GRE header.
    Gre { ethertype: |_| Raw::ETHERTYPE, protocol: |_| 47 },
    /// Bytes without a meaning.
    Raw { ethertype: |_| Raw::ETHERTYPE, protocol: |_| Raw::PROTOCOL },
}
