use registry_guard_common::Reason;

use super::Expected::{Always, JudgedInside};
use super::{Attack, VNI, VTEP, VTEP_V6};
use crate::packet::{
    Datagrams, DestinationOptions, Ethernet, HopByHop, Ipv4, Ipv6, Packet, Raw, Tcp, Udp, Vlan, Vxlan,
};

pub(super) fn attacks() -> Vec<Attack> {
    [identity(), header(), inner(), underlay()].into_iter().flatten().collect()
}

/// Who says which network a packet comes from.
fn identity() -> Vec<Attack> {
    vec![
        Attack::new("a SYN in VXLAN", JudgedInside, |s| trusted() / Ipv4::from(s.v4) / Tcp::syn(443)),
        Attack::new("an IPv6 SYN in VXLAN", JudgedInside, |s| trusted() / Ipv6::from(s.v6) / Tcp::syn(443)),
        Attack::new("a SYN in VXLAN over IPv6", JudgedInside, |s| {
            Ethernet::default() / Ipv6::from(VTEP_V6) / Udp::vxlan() / inside(VNI) / Ipv4::from(s.v4) / Tcp::syn(443)
        }),
        Attack::new("the same source on another VNI", Always(Reason::NoRule), |s| {
            outer(VTEP) / inside(VNI + 1) / Ipv4::from(s.v4) / Tcp::syn(443)
        }),
        Attack::new("the VNI with its bytes reversed", Always(Reason::NoRule), |s| {
            outer(VTEP) / inside(VNI.swap_bytes() >> 8) / Ipv4::from(s.v4) / Tcp::syn(443)
        }),
        Attack::new("an untrusted VTEP", Always(Reason::UntrustedVtep), |s| {
            outer("192.0.2.66") / inside(VNI) / Ipv4::from(s.v4) / Tcp::syn(443)
        }),
        Attack::new("an untrusted VTEP over IPv6", Always(Reason::UntrustedVtep), |s| {
            Ethernet::default()
                / Ipv6::from("2001:db8:f::66")
                / Udp::vxlan()
                / inside(VNI)
                / Ipv4::from(s.v4)
                / Tcp::syn(443)
        }),
        Attack::new("VNI 0, the tag of public traffic", Always(Reason::VniZero), |s| {
            outer(VTEP) / inside(0) / Ipv4::from(s.v4) / Tcp::syn(443)
        }),
        Attack::new("an untrusted VTEP, but no SYN", Always(Reason::NotSyn), |s| {
            outer("192.0.2.66") / inside(VNI) / Ipv4::from(s.v4) / Tcp::flags(443, Tcp::ACK)
        }),
        Attack::new("an untrusted VTEP, to another port", Always(Reason::NotGuarded), |s| {
            outer("192.0.2.66") / inside(VNI) / Ipv4::from(s.v4) / Tcp::syn(22)
        }),
    ]
}

/// The VXLAN header and the datagram that it is in.
fn header() -> Vec<Attack> {
    vec![
        Attack::new("no I flag", Always(Reason::VxlanReserved), |s| {
            outer(VTEP) / Vxlan::vni(VNI).flags(0) / Ethernet::default() / Ipv4::from(s.v4) / Tcp::syn(443)
        }),
        Attack::new("the group policy flag", Always(Reason::VxlanReserved), |s| {
            outer(VTEP) / Vxlan::vni(VNI).flags(0x88) / Ethernet::default() / Ipv4::from(s.v4) / Tcp::syn(443)
        }),
        Attack::new("a reserved byte", Always(Reason::VxlanReserved), |s| {
            let vxlan = Vxlan::vni(VNI).reserved([0, 1, 0], 0);
            outer(VTEP) / vxlan / Ethernet::default() / Ipv4::from(s.v4) / Tcp::syn(443)
        }),
        Attack::new("the last reserved byte", Always(Reason::VxlanReserved), |s| {
            let vxlan = Vxlan::vni(VNI).reserved([0; 3], 1);
            outer(VTEP) / vxlan / Ethernet::default() / Ipv4::from(s.v4) / Tcp::syn(443)
        }),
        Attack::new("VXLAN in VXLAN", Always(Reason::NestedVxlan), |s| {
            trusted() / Ipv4::from(VTEP) / Udp::vxlan() / inside(VNI) / Ipv4::from(s.v4) / Tcp::syn(443)
        }),
        Attack::new("the first fragment of a VXLAN datagram", Always(Reason::FragmentedVxlan), |s| {
            let packet = trusted() / Ipv4::from(s.v4) / Tcp::syn(443);
            packet.fragments(Datagrams::Outer, &[32])[0].clone()
        }),
        Attack::new("a whole VXLAN datagram that claims more fragments", Always(Reason::FragmentedVxlan), |s| {
            Ethernet::default()
                / Ipv4 { more_fragments: true, ..Ipv4::from(VTEP) }
                / Udp::vxlan()
                / inside(VNI)
                / Ipv4::from(s.v4)
                / Tcp::syn(443)
        }),
    ]
}

/// What is inside.
fn inner() -> Vec<Attack> {
    vec![
        Attack::new("an inner tag with VID 0", JudgedInside, |s| {
            trusted() / Vlan::priority() / Ipv4::from(s.v4) / Tcp::syn(443)
        }),
        Attack::new("four inner tags", JudgedInside, |s| inner_tags(4) / Ipv4::from(s.v4) / Tcp::syn(443)),
        Attack::new("five inner tags", Always(Reason::TooManyTags), |s| {
            inner_tags(5) / Ipv4::from(s.v4) / Tcp::syn(443)
        }),
        Attack::new("inner options", JudgedInside, |s| trusted() / Ipv4::from(s.v4).options(&[1; 40]) / Tcp::syn(443)),
        Attack::new("inner extension headers", JudgedInside, |s| {
            trusted() / Ipv6::from(s.v6) / HopByHop::default() / DestinationOptions::default() / Tcp::syn(443)
        }),
        Attack::new("an inner tiny fragment", Always(Reason::TinyFragment), |s| {
            let packet = trusted() / Ipv4::from(s.v4) / Tcp::syn(443) / Raw::zeros(8);
            packet.fragments(Datagrams::Inner, &[8])[0].clone()
        }),
    ]
}

/// What is outside.
fn underlay() -> Vec<Attack> {
    vec![
        Attack::new("outer tags", JudgedInside, |s| {
            Ethernet::default()
                / Vlan::priority()
                / Vlan::priority()
                / Ipv4::from(VTEP)
                / Udp::vxlan()
                / inside(VNI)
                / Ipv4::from(s.v4)
                / Tcp::syn(443)
        }),
        Attack::new("outer options", JudgedInside, |s| {
            Ethernet::default()
                / Ipv4::from(VTEP).options(&[1; 8])
                / Udp::vxlan()
                / inside(VNI)
                / Ipv4::from(s.v4)
                / Tcp::syn(443)
        }),
        Attack::new("outer destination options", JudgedInside, |s| {
            Ethernet::default()
                / Ipv6::from(VTEP_V6)
                / DestinationOptions::default()
                / Udp::vxlan()
                / inside(VNI)
                / Ipv4::from(s.v4)
                / Tcp::syn(443)
        }),
        Attack::new("no outer UDP checksum", JudgedInside, |s| {
            Ethernet::default()
                / Ipv4::from(VTEP)
                / Udp::vxlan().checksum(0)
                / inside(VNI)
                / Ipv4::from(s.v4)
                / Tcp::syn(443)
        }),
        Attack::new("an outer UDP length that ends before the inner SYN", Always(Reason::Truncated), |s| {
            Ethernet::default()
                / Ipv4::from(VTEP)
                / Udp::vxlan().length(30)
                / inside(VNI)
                / Ipv4::from(s.v4)
                / Tcp::syn(443)
        }),
        Attack::new("an outer UDP length beyond the packet", Always(Reason::BadUdpHeader), |s| {
            Ethernet::default()
                / Ipv4::from(VTEP)
                / Udp::vxlan().length(0xffff)
                / inside(VNI)
                / Ipv4::from(s.v4)
                / Tcp::syn(443)
        }),
        Attack::new("an outer UDP length of 7", Always(Reason::BadUdpHeader), |s| {
            Ethernet::default()
                / Ipv4::from(VTEP)
                / Udp::vxlan().length(7)
                / inside(VNI)
                / Ipv4::from(s.v4)
                / Tcp::syn(443)
        }),
        Attack::new("the inner destination is the host's underlay address", Always(Reason::NotGuarded), |s| {
            trusted() / Ipv4::from(s.v4).to("192.0.2.1") / Tcp::syn(443)
        }),
        Attack::new("inner UDP to the guarded port", Always(Reason::DatagramToGuardedPort), |s| {
            trusted() / Ipv4::from(s.v4) / Udp::to(443) / Raw::zeros(8)
        }),
        Attack::new("inner IP in IP", Always(Reason::UnknownEncapsulation), |s| {
            trusted() / Ipv4::from(s.v4) / Ipv4::from(s.v4) / Tcp::syn(443)
        }),
    ]
}

fn outer(vtep: &str) -> Packet {
    Ethernet::default() / Ipv4::from(vtep) / Udp::vxlan()
}

fn inside(vni: u32) -> Packet {
    Vxlan::vni(vni) / Ethernet::default()
}

fn trusted() -> Packet {
    outer(VTEP) / inside(VNI)
}

fn inner_tags(number: usize) -> Packet {
    (0..number).fold(trusted(), |packet, _| packet / Vlan::priority())
}
