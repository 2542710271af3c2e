use registry_guard_common::Reason;

use super::Attack;
use super::Expected::{Always, Judged};
use crate::packet::{Ethernet, Ipv4, Ipv6, Packet, Raw, Tcp, Vlan};

pub(super) fn attacks() -> Vec<Attack> {
    vec![
        Attack::new("a plain SYN", Judged, |s| Ethernet::default() / Ipv4::from(s.v4) / Tcp::syn(443)),
        Attack::new("a plain SYN over IPv6", Judged, |s| Ethernet::default() / Ipv6::from(s.v6) / Tcp::syn(443)),
        Attack::new("a SYN behind a tag with VID 0", Judged, |s| {
            Ethernet::default() / Vlan::priority() / Ipv4::from(s.v4) / Tcp::syn(443)
        }),
        Attack::new("a SYN behind a service tag with VID 0", Judged, |s| {
            Ethernet::default() / Vlan::priority().service() / Ipv4::from(s.v4) / Tcp::syn(443)
        }),
        Attack::new("a SYN behind a tag with a VID", Judged, |s| {
            Ethernet::default() / Vlan::vid(5) / Ipv4::from(s.v4) / Tcp::syn(443)
        }),
        Attack::new("a SYN behind four tags, the bound", Judged, |s| tags(4) / Ipv4::from(s.v4) / Tcp::syn(443)),
        Attack::new("an IPv6 SYN behind four tags", Judged, |s| tags(4) / Ipv6::from(s.v6) / Tcp::syn(443)),
        Attack::new("a SYN behind five tags", Always(Reason::TooManyTags), |s| {
            tags(5) / Ipv4::from(s.v4) / Tcp::syn(443)
        }),
        Attack::new("a SYN behind sixteen tags", Always(Reason::TooManyTags), |s| {
            tags(16) / Ipv4::from(s.v4) / Tcp::syn(443)
        }),
        Attack::new("a tag that Linux does not know", Always(Reason::NotIp), |s| {
            Ethernet::default() / Vlan::vid(0).tpid(0x9100) / Ipv4::from(s.v4) / Tcp::syn(443)
        }),
        Attack::new("a SYN to a broadcast MAC address", Judged, |s| {
            Ethernet::between([2, 0, 0, 0, 0, 9], [0xff; 6]) / Ipv4::from(s.v4) / Tcp::syn(443)
        }),
        Attack::new("ARP", Always(Reason::NotIp), |_| Ethernet::ethertype(0x0806) / Raw::zeros(28)),
        Attack::new("LLC and SNAP", Always(Reason::NotIp), |_| Ethernet::ethertype(60) / Raw::zeros(60)),
        Attack::new("MPLS", Always(Reason::UnknownEncapsulation), |s| {
            Ethernet::ethertype(0x8847) / Raw::from([0, 0, 1, 64]) / Ipv4::from(s.v4) / Tcp::syn(443)
        }),
        Attack::new("PPPoE", Always(Reason::UnknownEncapsulation), |_| Ethernet::ethertype(0x8864) / Raw::zeros(60)),
        Attack::new("MACsec", Always(Reason::UnknownEncapsulation), |_| Ethernet::ethertype(0x88e5) / Raw::zeros(60)),
        Attack::new("a frame that ends inside a tag", Always(Reason::Truncated), |_| {
            Ethernet::ethertype(0x8100) / Raw::zeros(3)
        }),
    ]
}

fn tags(number: usize) -> Packet {
    (0..number).fold(Packet::from(Ethernet::default()), |packet, _| packet / Vlan::priority())
}
