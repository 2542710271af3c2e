//! The packets: families, encapsulations, what they are about.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use clap::ValueEnum;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use rand::Rng as _;
use rand::rngs::StdRng;
use serde::Serialize;
use tests::net::Network;
use tests::packet::{Ethernet, Ipv4, Ipv6, Tcp, Udp, Vxlan};

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(into = "u8")]
pub(crate) enum Family {
    V4,
    V6,
}

impl From<Family> for u8 {
    fn from(family: Family) -> Self {
        match family {
            Family::V4 => 4,
            Family::V6 => 6,
        }
    }
}

impl Family {
    /// An address that a client on the Internet may have: unicast, and neither private nor otherwise reserved.
    pub(crate) fn random_address(self, random: &mut StdRng) -> u128 {
        match self {
            Self::V4 => loop {
                let bits: u32 = random.random();
                if is_unicast_v4(Ipv4Addr::from_bits(bits)) {
                    return bits.into();
                }
            },
            // 2000::/3
            Self::V6 => 1 << 125 | random.random::<u128>() >> 3,
        }
    }

    /// The address with this number.
    pub(crate) fn address(self, number: u128) -> IpAddr {
        self.prefix(number, if self == Self::V4 { 32 } else { 128 }).addr()
    }

    /// The prefix of this length that holds an address.
    pub(crate) fn prefix(self, address: u128, length: u8) -> IpNet {
        let prefix: IpNet = match self {
            Self::V4 => {
                let [.., a, b, c, d] = address.to_be_bytes();
                Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length).into()
            }
            Self::V6 => Ipv6Net::new_assert(Ipv6Addr::from_bits(address), length).into(),
        };
        prefix.trunc()
    }

    /// Whether a client on the Internet may have this address.
    pub(crate) fn is_unicast(self, address: u128) -> bool {
        match self {
            Self::V4 => u32::try_from(address).is_ok_and(|bits| is_unicast_v4(Ipv4Addr::from_bits(bits))),
            Self::V6 => address >> 125 == 1,
        }
    }
}

fn is_unicast_v4(address: Ipv4Addr) -> bool {
    let [first, ..] = address.octets();
    (1..224).contains(&first) && first != 127 && !address.is_private() && !address.is_link_local()
}

/// How a packet reaches the registry's host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ValueEnum)]
pub(crate) enum Shape {
    /// IPv4 behind an Ethernet header.
    V4,
    /// IPv6 behind an Ethernet header.
    V6,
    /// IPv4 inside VXLAN over IPv4, from a VTEP that is trusted.
    Vxlan,
}

impl Shape {
    pub(crate) const ALL: [Self; 3] = [Self::V4, Self::V6, Self::Vxlan];

    /// Of the addresses that are judged.
    pub(crate) const fn family(self) -> Family {
        match self {
            Self::V4 | Self::Vxlan => Family::V4,
            Self::V6 => Family::V6,
        }
    }

    /// As the reports call it.
    pub(crate) const fn encapsulation(self) -> &'static str {
        match self {
            Self::V4 | Self::V6 => "plain",
            Self::Vxlan => "vxlan",
        }
    }

    /// As tables call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
            Self::Vxlan => "IPv4 in VXLAN",
        }
    }

    /// Where the inner frame begins, in bytes.
    pub(crate) const fn frame_at(self) -> usize {
        match self {
            Self::V4 | Self::V6 => 0,
            Self::Vxlan => 50,
        }
    }

    /// The frame, from an unspecified source.
    pub(crate) fn frame(self, what: What) -> Vec<u8> {
        let (v4, v6) = (Ipv4::from(Ipv4Addr::UNSPECIFIED), Ipv6::from(Ipv6Addr::UNSPECIFIED));
        let ethernet = Ethernet::default();
        let tcp = |port: u16, flags: u8| Tcp::flags(port, flags);
        let packet = match (self, what.transport()) {
            (Self::V6, Transport::Tcp { port, flags }) => ethernet / v6 / tcp(port, flags),
            (Self::V6, Transport::Udp { port }) => ethernet / v6 / Udp::to(port),
            (_, Transport::Tcp { port, flags }) => ethernet / v4 / tcp(port, flags),
            (_, Transport::Udp { port }) => ethernet / v4 / Udp::to(port),
        };
        match self {
            Self::V4 | Self::V6 => packet.bytes(),
            Self::Vxlan => {
                let outer = Ipv4::from(VTEP).to(Network::UNDERLAY_V4);
                (Ethernet::default() / outer / Udp::vxlan().checksum(0) / Vxlan::vni(VNI) / packet).bytes()
            }
        }
    }
}

/// The VTEP that VXLAN packets come from.
pub(crate) const VTEP: &str = "192.0.2.11";
/// The network that they belong to.
pub(crate) const VNI: u32 = 5001;

/// What a packet is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub(crate) enum What {
    /// The opening of a connection to the registry.
    Syn,
    /// Of a connection to the registry that is open.
    Ack,
    /// The opening of a connection to another port.
    SynElsewhere,
    /// Of an open connection to another port.
    AckElsewhere,
    /// A datagram to another port.
    UdpElsewhere,
}

enum Transport {
    Tcp { port: u16, flags: u8 },
    Udp { port: u16 },
}

impl What {
    /// Traffic that is not guarded.
    pub(crate) const NOT_GUARDED: [Self; 4] = [Self::Ack, Self::SynElsewhere, Self::AckElsewhere, Self::UdpElsewhere];

    /// As tables call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Syn => "SYN to 443",
            Self::Ack => "ACK to 443",
            Self::SynElsewhere => "SYN to 8080",
            Self::AckElsewhere => "ACK to 8080",
            Self::UdpElsewhere => "UDP to 8080",
        }
    }

    const fn transport(self) -> Transport {
        const SYN: u8 = 0x02;
        const ACK: u8 = 0x10;
        match self {
            Self::Syn => Transport::Tcp { port: 443, flags: SYN },
            Self::Ack => Transport::Tcp { port: 443, flags: ACK },
            Self::SynElsewhere => Transport::Tcp { port: 8080, flags: SYN },
            Self::AckElsewhere => Transport::Tcp { port: 8080, flags: ACK },
            Self::UdpElsewhere => Transport::Udp { port: 8080 },
        }
    }
}
