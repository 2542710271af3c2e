use registry_guard_common::Reason;

use super::Expected::{Always, Judged};
use super::{Attack, Source};
use crate::packet::{Datagram, Ethernet, Ipv4, Packet, Raw, Tcp, Udp};

pub(super) fn attacks() -> Vec<Attack> {
    vec![
        Attack::new("SYN and PSH and URG", Judged, |s| tcp(s, Tcp::SYN | Tcp::PSH | Tcp::URG)),
        Attack::new("SYN with ECN", Judged, |s| tcp(s, Tcp::SYN | Tcp::ECE | Tcp::CWR)),
        Attack::new("SYN with every reserved bit", Judged, |s| {
            Ethernet::default() / Ipv4::from(s.v4) / Tcp::syn(443).reserved(0x0f)
        }),
        Attack::new("SYN and FIN", Judged, |s| tcp(s, Tcp::SYN | Tcp::FIN)),
        Attack::new("SYN and RST", Judged, |s| tcp(s, Tcp::SYN | Tcp::RST)),
        Attack::new("SYN with data", Judged, |s| {
            Ethernet::default() / Ipv4::from(s.v4) / Tcp::syn(443) / Raw::zeros(64)
        }),
        Attack::new("SYN with a Fast Open cookie", Judged, |s| {
            let cookie = [34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1];
            Ethernet::default() / Ipv4::from(s.v4) / Tcp::syn(443).options(&cookie) / Raw::zeros(64)
        }),
        Attack::new("SYN for Multipath TCP", Judged, |s| {
            Ethernet::default() / Ipv4::from(s.v4) / Tcp::syn(443).options(&[30, 4, 0x01, 0x81])
        }),
        Attack::new("SYN and ACK", Always(Reason::NotSyn), |s| tcp(s, Tcp::SYN | Tcp::ACK)),
        Attack::new("ACK", Always(Reason::NotSyn), |s| tcp(s, Tcp::ACK)),
        Attack::new("no flag at all", Always(Reason::NotSyn), |s| tcp(s, 0)),
        Attack::new("a data offset of four words", Always(Reason::BadTcpHeader), |s| {
            Ethernet::default() / Ipv4::from(s.v4) / Tcp::syn(443).data_offset(4)
        }),
        Attack::new("a data offset beyond the packet", Judged, |s| {
            Ethernet::default() / Ipv4::from(s.v4) / Tcp::syn(443).data_offset(15)
        }),
        Attack::new("SYN to another port", Always(Reason::NotGuarded), |s| {
            Ethernet::default() / Ipv4::from(s.v4) / Tcp::syn(22)
        }),
        Attack::new("SYN to another address", Always(Reason::NotGuarded), |s| {
            Ethernet::default() / Ipv4::from(s.v4).to("203.0.113.11") / Tcp::syn(443)
        }),
        Attack::new("SYN from the guarded port to another", Always(Reason::NotGuarded), |s| {
            Ethernet::default() / Ipv4::from(s.v4) / Tcp::syn(40_000).from(443)
        }),
        Attack::new("UDP to the guarded port", Always(Reason::DatagramToGuardedPort), |s| {
            Ethernet::default() / Ipv4::from(s.v4) / Udp::to(443) / Raw::zeros(32)
        }),
        Attack::new("UDP-Lite to the guarded port", Always(Reason::DatagramToGuardedPort), |s| {
            Ethernet::default() / Ipv4::from(s.v4) / Datagram::udp_lite(443)
        }),
        Attack::new("SCTP to the guarded port", Always(Reason::DatagramToGuardedPort), |s| {
            Ethernet::default() / Ipv4::from(s.v4) / Datagram::sctp(443)
        }),
        Attack::new("DCCP to the guarded port", Always(Reason::DatagramToGuardedPort), |s| {
            Ethernet::default() / Ipv4::from(s.v4) / Datagram::dccp(443)
        }),
        Attack::new("UDP to another port", Always(Reason::NotGuarded), |s| {
            Ethernet::default() / Ipv4::from(s.v4) / Udp::to(53) / Raw::zeros(32)
        }),
    ]
}

fn tcp(source: &Source, flags: u8) -> Packet {
    Ethernet::default() / Ipv4::from(source.v4) / Tcp::flags(443, flags)
}
