use registry_guard_common::Reason;

use super::Expected::{Always, Judged};
use super::{Attack, Source};
use crate::packet::{Datagrams, Ethernet, Gre, Ipv4, Packet, Raw, Tcp, Udp};

const NOP: u8 = 1;

pub(super) fn attacks() -> Vec<Attack> {
    vec![
        Attack::new("options of one word", Judged, |s| with_options(s, &[NOP; 4])),
        Attack::new("options up to the bound", Judged, |s| with_options(s, &[NOP; 40])),
        Attack::new("a router alert", Judged, |s| with_options(s, &[148, 4, 0, 0])),
        Attack::new("an unknown option", Judged, |s| with_options(s, &[123, 8, 0, 0, 0, 0, 0, 0])),
        Attack::new("a loose source route", Always(Reason::SourceRoute), |s| {
            with_options(s, &[131, 7, 4, 203, 0, 113, 10, 0])
        }),
        Attack::new("a strict source route", Always(Reason::SourceRoute), |s| {
            with_options(s, &[137, 7, 4, 203, 0, 113, 10, 0])
        }),
        Attack::new("a source route behind other options", Always(Reason::SourceRoute), |s| {
            with_options(s, &[NOP, 123, 5, 0, 0, 0, NOP, NOP, 131, 7, 4, 203, 0, 113, 10, 0])
        }),
        Attack::new("a source route as the last byte", Always(Reason::SourceRoute), |s| {
            with_options(s, &[NOP, NOP, NOP, 131])
        }),
        Attack::new("bytes like a source route behind the end of options", Judged, |s| {
            with_options(s, &[0, 131, 7, 4, 203, 0, 113, 10])
        }),
        Attack::new("a header length of four words", Always(Reason::BadIpv4Header), |s| {
            Ethernet::default() / Ipv4::from(s.v4).ihl(4) / Tcp::syn(443)
        }),
        Attack::new("a header length beyond the packet", Always(Reason::BadIpv4Header), |s| {
            Ethernet::default() / Ipv4::from(s.v4).ihl(15) / Tcp::syn(443)
        }),
        Attack::new("version 5", Always(Reason::BadIpv4Header), |s| {
            Ethernet::default() / Ipv4 { version: 5, ..Ipv4::from(s.v4) } / Tcp::syn(443)
        }),
        Attack::new("a total length of 0", Always(Reason::BadIpv4Header), |s| {
            Ethernet::default() / Ipv4::from(s.v4).total_length(0) / Tcp::syn(443)
        }),
        Attack::new("a total length beyond the frame", Always(Reason::BadIpv4Header), |s| {
            Ethernet::default() / Ipv4::from(s.v4).total_length(41) / Tcp::syn(443)
        }),
        Attack::new("a SYN that is only padding", Always(Reason::Truncated), |s| {
            Ethernet::default() / Ipv4::from(s.v4).total_length(20) / Tcp::syn(443)
        }),
        Attack::new("a TCP header cut short by the total length", Always(Reason::Truncated), |s| {
            Ethernet::default() / Ipv4::from(s.v4).total_length(39) / Tcp::syn(443)
        }),
        Attack::new("a SYN with padding behind it", Judged, |s| {
            Ethernet::default() / Ipv4::from(s.v4).total_length(40) / Tcp::syn(443) / Raw::zeros(6)
        }),
        Attack::new("a first fragment of 8 bytes", Always(Reason::TinyFragment), |s| piece(s, &[8], 0)),
        Attack::new("the fragment behind 8 bytes", Always(Reason::TinyFragment), |s| piece(s, &[8], 1)),
        Attack::new("a first fragment of 16 bytes", Always(Reason::TinyFragment), |s| piece(s, &[16], 0)),
        Attack::new("the fragment behind 16 bytes", Always(Reason::LaterFragment), |s| piece(s, &[16], 1)),
        Attack::new("a first fragment with the whole TCP header", Judged, |s| piece(s, &[24], 0)),
        Attack::new("the fragment behind 24 bytes", Always(Reason::LaterFragment), |s| piece(s, &[24], 1)),
        Attack::new("a later fragment that looks like a SYN", Always(Reason::LaterFragment), |s| {
            Ethernet::default() / Ipv4::from(s.v4).fragment(3, false) / Tcp::syn(443)
        }),
        Attack::new("a fragment behind 8 bytes that looks like a SYN", Always(Reason::TinyFragment), |s| {
            Ethernet::default() / Ipv4::from(s.v4).fragment(1, false) / Tcp::syn(443)
        }),
        Attack::new("a fragment that must not be fragmented", Always(Reason::TinyFragment), |s| {
            let ip = Ipv4 { dont_fragment: true, more_fragments: true, ..Ipv4::from(s.v4) };
            Ethernet::default() / ip.protocol(Tcp::PROTOCOL) / Raw::zeros(8)
        }),
        Attack::new("a first fragment of UDP to a guarded port", Always(Reason::DatagramToGuardedPort), |s| {
            let packet = Ethernet::default() / Ipv4::from(s.v4) / Udp::to(443) / Raw::zeros(64);
            packet.fragments(Datagrams::Outer, &[32])[0].clone()
        }),
        Attack::new("IP in IP", Always(Reason::UnknownEncapsulation), |s| {
            Ethernet::default() / Ipv4::from(s.v4) / Ipv4::from(s.v4) / Tcp::syn(443)
        }),
        Attack::new("IPv6 in IPv4", Always(Reason::UnknownEncapsulation), |s| {
            Ethernet::default() / Ipv4::from(s.v4) / crate::packet::Ipv6::from(s.v6) / Tcp::syn(443)
        }),
        Attack::new("GRE", Always(Reason::UnknownEncapsulation), |s| {
            Ethernet::default() / Ipv4::from(s.v4) / Gre::default() / Ipv4::from(s.v4) / Tcp::syn(443)
        }),
        Attack::new("ESP", Always(Reason::UnknownEncapsulation), |s| {
            Ethernet::default() / Ipv4::from(s.v4).protocol(50) / Raw::zeros(64)
        }),
        Attack::new("ICMP", Always(Reason::OtherProtocol), |s| {
            Ethernet::default() / Ipv4::from(s.v4).protocol(1) / Raw::zeros(8)
        }),
        Attack::new("a frame that ends inside the IPv4 header", Always(Reason::Truncated), |_| {
            Ethernet::ethertype(0x0800) / Raw::from([0x45; 19])
        }),
    ]
}

fn with_options(source: &Source, options: &[u8]) -> Packet {
    Ethernet::default() / Ipv4::from(source.v4).options(options) / Tcp::syn(443)
}

/// One piece of a SYN with 20 bytes of options and 24 of data.
fn piece(source: &Source, cuts: &[usize], which: usize) -> Packet {
    let syn = Tcp::syn(443).options(&[NOP; 20]);
    let packet = Ethernet::default() / Ipv4::from(source.v4) / syn / Raw::zeros(24);
    packet.fragments(Datagrams::Outer, cuts)[which].clone()
}
