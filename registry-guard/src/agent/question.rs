//! The SYN that a source would send, as a question to the loaded program.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use etherparse::PacketBuilder;

use crate::config::Vxlan;

const SOURCE_PORT: u16 = 49_152;
const HOP_LIMIT: u8 = 64;
const WINDOW: u16 = 64_240;
/// Locally administered, so nobody's (RFC 7042 section 2.1).
const MACS: [[u8; 6]; 2] = [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]];

/// A SYN from `source` to `destination`, from the network with this VNI if there is one; `None` where their families differ.
pub(super) fn connection(vxlan: &Vxlan, source: IpAddr, destination: SocketAddr, vni: Option<u32>) -> Option<Vec<u8>> {
    let syn = syn(source, destination)?;
    let Some(vni) = vni else { return Some(syn) };
    // With no trusted VTEP at all, any address shows that none is trusted.
    let vtep = vxlan.trusted_vteps.first().map_or(unspecified(source), ipnet::IpNet::network);
    encapsulate(&syn, vtep, vxlan.port, vni)
}

/// A SYN from `source` to `destination`.
fn syn(source: IpAddr, destination: SocketAddr) -> Option<Vec<u8>> {
    let packet = ip(source, destination.ip())?.tcp(SOURCE_PORT, destination.port(), 0, WINDOW).syn();
    let mut frame = Vec::with_capacity(packet.size(0));
    packet.write(&mut frame, &[]).ok()?;
    Some(frame)
}

/// `inner` in VXLAN with this VNI, from `vtep` to an address of the same family, UDP port `port`.
fn encapsulate(inner: &[u8], vtep: IpAddr, port: u16, vni: u32) -> Option<Vec<u8>> {
    let [_, high, middle, low] = vni.to_be_bytes();
    let payload = [&[0x08, 0, 0, 0, high, middle, low, 0], inner].concat();
    let packet = ip(vtep, unspecified(vtep))?.udp(SOURCE_PORT, port);
    let mut frame = Vec::with_capacity(packet.size(payload.len()));
    packet.write(&mut frame, &payload).ok()?;
    Some(frame)
}

fn ip(source: IpAddr, destination: IpAddr) -> Option<etherparse::PacketBuilderStep<etherparse::IpHeaders>> {
    let ethernet = PacketBuilder::ethernet2(MACS[0], MACS[1]);
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            Some(ethernet.ipv4(source.octets(), destination.octets(), HOP_LIMIT))
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            Some(ethernet.ipv6(source.octets(), destination.octets(), HOP_LIMIT))
        }
        _ => None,
    }
}

/// The unspecified address of the family of `address`.
pub(super) fn unspecified(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

#[cfg(test)]
mod tests {
    use registry_guard_common::{Tag, Transport, Vtep, parse};

    use super::*;

    #[test]
    fn the_question_is_an_opening_syn() {
        let frame = syn("198.51.100.7".parse().unwrap(), "203.0.113.10:443".parse().unwrap()).unwrap();
        let (flow, _) = parse(frame.as_slice(), 4789).unwrap();
        assert_eq!((flow.transport, flow.port, flow.vtep), (Transport::TcpSyn, 443, Vtep::NONE));
        assert_eq!(IpAddr::from(flow.source), IpAddr::from([198, 51, 100, 7]));
    }

    #[test]
    fn the_encapsulated_question_carries_its_vni() {
        let inner = syn("2001:db8::7".parse().unwrap(), "[2001:db8::10]:443".parse().unwrap()).unwrap();
        let frame = encapsulate(&inner, "192.0.2.11".parse().unwrap(), 4789, 0x01_0203).unwrap();
        let (flow, _) = parse(frame.as_slice(), 4789).unwrap();
        assert_eq!(flow.tag, Tag::vni(0x01_0203));
        assert_eq!(flow.vtep.address().map(|vtep| IpAddr::from(*vtep)), Some(IpAddr::from([192, 0, 2, 11])));
    }

    #[test]
    fn families_do_not_mix() {
        assert_eq!(syn("198.51.100.7".parse().unwrap(), "[2001:db8::10]:443".parse().unwrap()), None);
    }
}
