use std::net::IpAddr;

use rand::Rng;
use rand::seq::IndexedRandom as _;

use super::{SmallRng, mutation, policy as choice, source};
use crate::naive::Policy;
use crate::packet::{
    Authentication, Datagram, Datagrams, DestinationOptions, Ethernet, FragmentHeader, Geneve, Gre, HopByHop, Ipv4,
    Ipv6, Layer, Packet, Raw, Routing, Tcp, Udp, Vlan, Vxlan,
};

/// A random frame for this policy; a third of all are changed further by [`mutation::mutate`].
pub fn frame(rng: &mut SmallRng, policy: &Policy) -> Vec<u8> {
    let mut packet = ethernet(rng, policy, 0);
    if rng.random_bool(0.1) {
        packet = fragment(rng, &packet);
    }
    let mut frame = packet.bytes();
    if rng.random_bool(1.0 / 3.0) {
        mutation::mutate(rng, &mut frame);
    }
    frame
}

/// A whole frame inside of `depth` VXLAN headers.
fn ethernet(rng: &mut impl Rng, policy: &Policy, depth: usize) -> Packet {
    let mut packet = Packet::from(Ethernet::default());
    for _ in 0..*[0, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6].choose(rng).unwrap_or(&0) {
        let tpid = *[0x8100, 0x8100, 0x88a8, 0x88a8, 0x9100].choose(rng).unwrap_or(&0x8100);
        packet = packet / Vlan::vid(rng.random_range(0..4096)).tpid(tpid);
    }
    if rng.random_bool(0.03) {
        let ethertype = [0x0806, 0x8847, 0x8848, 0x8863, 0x8864, 0x88e5, 0x88e7, 0x894f, rng.random()];
        let ethertype = *ethertype.choose(rng).unwrap_or(&0x0806);
        return packet / Vlan::priority().ethertype(ethertype) / Raw::zeros(rng.random_range(0..60));
    }
    packet / internet(rng, policy, depth)
}

fn internet(rng: &mut impl Rng, policy: &Policy, depth: usize) -> Packet {
    let vxlan = rng.random_bool(if depth == 0 { 0.4 } else { 0.05 });
    let vtep = if vxlan { source::vtep(rng, policy) } else { None };
    let ipv4 = vtep.map_or_else(|| rng.random(), |vtep| vtep.is_ipv4());
    let (destination, port) = choice::destination(rng, &policy.endpoints, ipv4);
    let packet = match destination {
        IpAddr::V4(destination) => {
            let source = match vtep {
                Some(IpAddr::V4(vtep)) => vtep,
                _ => source::ipv4(rng, policy),
            };
            Packet::from(odd_ipv4(rng, Ipv4::from(source).to(destination)))
        }
        IpAddr::V6(destination) => {
            let source = match vtep {
                Some(IpAddr::V6(vtep)) => vtep,
                _ => source::ipv6(rng, policy),
            };
            let packet = Packet::from(odd_ipv6(rng, Ipv6::from(source).to(destination)));
            extension_headers(rng, packet)
        }
    };
    if vxlan {
        let udp = Udp::to(choice::near_port(rng, policy.vxlan_port));
        let udp = odd_udp(rng, udp);
        let tag = choice::tag(rng);
        return packet / udp / odd_vxlan(rng, Vxlan::vni(tag)) / ethernet(rng, policy, depth + 1);
    }
    packet / transport(rng, policy, depth, port)
}

fn transport(rng: &mut impl Rng, policy: &Policy, depth: usize, port: u16) -> Packet {
    let data = Raw::zeros(*[0, 0, 0, 1, 8, 40].choose(rng).unwrap_or(&0));
    match rng.random_range(0..40) {
        0 => Datagram::sctp(port) / data,
        1 => Datagram::dccp(port) / data,
        2 => Datagram::udp_lite(port) / data,
        3 => Udp::to(Udp::GENEVE) / Geneve::vni(7) / Ethernet::default() / data,
        4 if depth < 3 => Gre::default() / internet(rng, policy, depth + 1),
        5 if depth < 3 => internet(rng, policy, depth + 1),
        6 => Packet::from(data),
        7..12 => odd_udp(rng, Udp::to(port)) / data,
        _ => tcp(rng, port) / data,
    }
}

fn tcp(rng: &mut impl Rng, port: u16) -> Tcp {
    let flags = match rng.random_range(0..8) {
        0 => rng.random(),
        1 => Tcp::SYN | Tcp::ACK,
        2 => Tcp::SYN | Tcp::ECE | Tcp::CWR,
        _ => Tcp::SYN,
    };
    let mut tcp = Tcp::flags(port, flags).from(rng.random()).reserved(rng.random_range(0..16));
    if rng.random_bool(0.3) {
        tcp = tcp.options(&[2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7]);
    }
    if rng.random_bool(0.05) {
        tcp = tcp.data_offset(rng.random_range(0..16));
    }
    tcp
}

fn odd_udp(rng: &mut impl Rng, mut udp: Udp) -> Udp {
    if rng.random_bool(0.05) {
        udp = udp.length(*[0, 7, 8, 15, 16, 60, 0xffff].choose(rng).unwrap_or(&0));
    }
    udp
}

fn odd_vxlan(rng: &mut impl Rng, vxlan: Vxlan) -> Vxlan {
    match rng.random_range(0..40) {
        0 => vxlan.flags(rng.random()),
        1 => vxlan.reserved([0, 0, rng.random()], 0),
        2 => vxlan.reserved([0; 3], rng.random()),
        _ => vxlan,
    }
}

fn odd_ipv4(rng: &mut impl Rng, mut ip: Ipv4) -> Ipv4 {
    if rng.random_bool(0.2) {
        let kinds: [&[u8]; 8] = [
            &[1, 1, 1, 1],
            &[148, 4, 0, 0],
            &[123, 8, 0, 0, 0, 0, 0, 0],
            &[131, 7, 4, 192, 0, 2, 1, 0],
            &[137, 3, 4],
            &[0, 131, 3, 4],
            &[7, 1, 131],
            &[7, 39, 4],
        ];
        let mut options = Vec::new();
        for _ in 0..rng.random_range(1..=4) {
            options.extend_from_slice(kinds.choose(rng).copied().unwrap_or_default());
        }
        ip = ip.options(&options);
    }
    match rng.random_range(0..100) {
        0 => ip.version = rng.random_range(0..16),
        1 => ip = ip.ihl(rng.random_range(0..16)),
        2 => ip = ip.total_length(rng.random_range(0..120)),
        3 | 4 => ip = ip.fragment(*[0, 1, 2, 3, 500].choose(rng).unwrap_or(&0), rng.random()),
        5 => ip = ip.protocol(rng.random()),
        _ => {}
    }
    ip
}

fn odd_ipv6(rng: &mut impl Rng, mut ip: Ipv6) -> Ipv6 {
    match rng.random_range(0..60) {
        0 => ip.version = rng.random_range(0..16),
        1 => ip = ip.payload_length(rng.random_range(0..120)),
        2 | 3 => ip = ip.payload_length(0),
        4 => ip = ip.next_header(rng.random()),
        _ => {}
    }
    ip
}

fn extension_headers(rng: &mut impl Rng, mut packet: Packet) -> Packet {
    let count = match rng.random_range(0..20) {
        0..10 => 0,
        10..17 => rng.random_range(1..=3),
        17 => rng.random_range(4..=10),
        // At the bound, and one above it.
        _ => rng.random_range(8..=9),
    };
    for _ in 0..count {
        packet = packet / extension_header(rng);
    }
    packet
}

fn extension_header(rng: &mut impl Rng) -> Layer {
    match rng.random_range(0..12) {
        0 => HopByHop::default().into(),
        1 => HopByHop::options(&[5, 2, 0, 0, 1, 0]).into(),
        2 => Authentication { check_value: vec![0; rng.random_range(0..4) * 4], ..Authentication::default() }.into(),
        3 => Routing::default().segments_left(u8::from(rng.random_bool(0.2))).into(),
        4 => Routing { data: vec![0; rng.random_range(1..6) * 4], ..Routing::default() }.into(),
        5 | 6 => FragmentHeader::default().into(),
        7 => {
            let offset = *[0, 0, 1, 2, 500].choose(rng).unwrap_or(&0);
            FragmentHeader::at(offset, rng.random()).into()
        }
        8 => DestinationOptions::default().length(rng.random_range(0..4)).into(),
        9 => DestinationOptions::options(&vec![0; rng.random_range(1..40)]).into(),
        _ => DestinationOptions::default().into(),
    }
}

/// One piece of the packet's outer or inner datagram, cut where it hurts.
fn fragment(rng: &mut impl Rng, packet: &Packet) -> Packet {
    let has_ip = packet.layers.iter().any(|layer| matches!(layer, Layer::Ipv4(_) | Layer::Ipv6(_)));
    if !has_ip {
        return packet.clone();
    }
    let which = if rng.random() { Datagrams::Outer } else { Datagrams::Inner };
    let cut = *[8, 16, 24, 32, 48].choose(rng).unwrap_or(&8);
    let whole = packet.fragments(which, &[]);
    let long_enough = whole.iter().any(|piece| piece.layers.last().is_some_and(|body| is_longer(body, cut)));
    let pieces = if long_enough { packet.fragments(which, &[cut]) } else { whole };
    pieces.choose(rng).cloned().unwrap_or_default()
}

fn is_longer(body: &Layer, length: usize) -> bool {
    matches!(body, Layer::Raw(raw) if raw.bytes.len() > length)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rand::SeedableRng as _;

    use super::*;
    use crate::naive::{Allowed, Denied, Illegitimate, Verdict};

    #[test]
    fn every_verdict_comes_up() {
        let mut rng = SmallRng::seed_from_u64(1);
        let mut seen = BTreeMap::new();
        for _ in 0..40 {
            let policy = choice::policy(&mut rng);
            for _ in 0..500 {
                let frame = frame(&mut rng, &policy);
                *seen.entry(format!("{:?}", policy.verdict(&frame))).or_insert(0) += 1;
            }
        }
        let wanted = [
            Verdict::Pass,
            Verdict::Undecided,
            Verdict::Allow(Allowed::AtPrivateEndpoint),
            Verdict::Allow(Allowed::TrustedService),
            Verdict::Allow(Allowed::ByRule),
            Verdict::Allow(Allowed::ByDefault),
            Verdict::Deny(Denied::PublicAccessDisabled),
            Verdict::Deny(Denied::ByRule),
            Verdict::Deny(Denied::ByDefault),
            Verdict::Deny(Denied::UntrustedVtep),
            Verdict::Deny(Denied::VniZero),
            Verdict::Deny(Denied::UdpToGuardedPort),
            Verdict::Never(Illegitimate::Truncated),
            Verdict::Never(Illegitimate::TooManyTags),
            Verdict::Never(Illegitimate::BadIpv4Header),
            Verdict::Never(Illegitimate::SourceRoute),
            Verdict::Never(Illegitimate::BadIpv6Header),
            Verdict::Never(Illegitimate::MappedSource),
            Verdict::Never(Illegitimate::TooManyExtensionHeaders),
            Verdict::Never(Illegitimate::RoutingSegmentsLeft),
            Verdict::Never(Illegitimate::TinyFragment),
            Verdict::Never(Illegitimate::BadTcpHeader),
            Verdict::Never(Illegitimate::BadUdpHeader),
            Verdict::Never(Illegitimate::VxlanReserved),
            Verdict::Never(Illegitimate::NestedVxlan),
            Verdict::Never(Illegitimate::FragmentedVxlan),
        ];
        for verdict in wanted {
            let count = seen.get(&format!("{verdict:?}")).copied().unwrap_or(0);
            assert!(count >= 10, "{verdict:?} came up {count} times of 20000; {seen:?}");
        }
    }
}
