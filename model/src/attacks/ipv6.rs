use std::net::Ipv6Addr;

use registry_guard_common::Reason;

use super::Expected::{Always, Judged};
use super::{Attack, Source};
use crate::packet::{
    Authentication, Datagrams, DestinationOptions, Ethernet, FragmentHeader, HopByHop, Ipv4, Ipv6, Packet, Raw,
    Routing, Tcp,
};

pub(super) fn attacks() -> Vec<Attack> {
    vec![
        Attack::new("hop-by-hop options", Judged, |s| v6(s) / HopByHop::default() / Tcp::syn(443)),
        Attack::new("destination options", Judged, |s| v6(s) / DestinationOptions::default() / Tcp::syn(443)),
        Attack::new("long destination options", Judged, |s| {
            v6(s) / DestinationOptions::options(&[0; 254]) / Tcp::syn(443)
        }),
        Attack::new("eight extension headers, the bound", Judged, |s| many(s, 8) / Tcp::syn(443)),
        Attack::new("nine extension headers", Always(Reason::TooManyExtensionHeaders), |s| many(s, 9) / Tcp::syn(443)),
        Attack::new("sixty extension headers", Always(Reason::TooManyExtensionHeaders), |s| {
            many(s, 60) / Tcp::syn(443)
        }),
        Attack::new("a used-up routing header", Judged, |s| v6(s) / Routing::default() / Tcp::syn(443)),
        Attack::new("a used-up routing header of type 0", Judged, |s| v6(s) / Routing::kind(0) / Tcp::syn(443)),
        Attack::new("a routing header with a segment left", Always(Reason::SourceRoute), |s| {
            v6(s) / Routing::kind(0).segments_left(1) / Tcp::syn(443)
        }),
        Attack::new("an authentication header", Judged, |s| v6(s) / Authentication::default() / Tcp::syn(443)),
        Attack::new("every extension header in a row", Judged, |s| {
            v6(s)
                / HopByHop::default()
                / DestinationOptions::default()
                / Routing::default()
                / FragmentHeader::default()
                / Authentication::default()
                / DestinationOptions::default()
                / Tcp::syn(443)
        }),
        Attack::new("an atomic fragment", Judged, |s| v6(s) / FragmentHeader::default() / Tcp::syn(443)),
        Attack::new("an atomic fragment before destination options", Judged, |s| {
            v6(s) / FragmentHeader::default() / DestinationOptions::default() / Tcp::syn(443)
        }),
        Attack::new("a first fragment with the whole TCP header", Judged, |s| piece(s, &[40], 0)),
        Attack::new("the fragment behind it", Always(Reason::LaterFragment), |s| piece(s, &[40], 1)),
        Attack::new("a first fragment of 8 bytes", Always(Reason::TinyFragment), |s| piece(s, &[8], 0)),
        Attack::new("the fragment behind 8 bytes", Always(Reason::TinyFragment), |s| piece(s, &[8], 1)),
        Attack::new("a first fragment of extension headers alone", Always(Reason::TinyFragment), |s| {
            let packet = v6(s) / FragmentHeader::default() / DestinationOptions::default() / Tcp::syn(443);
            packet.fragments(Datagrams::Outer, &[8])[0].clone()
        }),
        Attack::new("an IPv4-mapped source of an allowed address", Always(Reason::MappedSource), |_| {
            let mapped: Ipv6Addr = Source::ALLOWED.v4.to_ipv6_mapped();
            Ethernet::default() / Ipv6::from(mapped) / Tcp::syn(443)
        }),
        Attack::new("a payload length of 0 before hop-by-hop options", Judged, |s| {
            Ethernet::default() / Ipv6::from(s.v6).payload_length(0) / HopByHop::default() / Tcp::syn(443)
        }),
        Attack::new("a payload length of 0 before TCP", Always(Reason::Truncated), |s| {
            Ethernet::default() / Ipv6::from(s.v6).payload_length(0) / Tcp::syn(443)
        }),
        Attack::new("a payload length beyond the frame", Always(Reason::BadIpv6Header), |s| {
            Ethernet::default() / Ipv6::from(s.v6).payload_length(21) / Tcp::syn(443)
        }),
        Attack::new("version 4 in an IPv6 frame", Always(Reason::BadIpv6Header), |s| {
            Ethernet::default() / Ipv6 { version: 4, ..Ipv6::from(s.v6) } / Tcp::syn(443)
        }),
        Attack::new("an extension header longer than the packet", Always(Reason::Truncated), |s| {
            v6(s) / DestinationOptions::default().length(255) / Tcp::syn(443)
        }),
        Attack::new("IPv4 in IPv6", Always(Reason::UnknownEncapsulation), |s| v6(s) / Ipv4::from(s.v4) / Tcp::syn(443)),
        Attack::new("no next header", Always(Reason::OtherProtocol), |s| {
            Ethernet::default() / Ipv6::from(s.v6).next_header(59) / Raw::zeros(20)
        }),
        Attack::new("a frame that ends inside the IPv6 header", Always(Reason::Truncated), |_| {
            Ethernet::ethertype(0x86dd) / Raw::from([0x60; 39])
        }),
    ]
}

fn v6(source: &Source) -> Packet {
    Ethernet::default() / Ipv6::from(source.v6)
}

fn many(source: &Source, number: usize) -> Packet {
    (0..number).fold(v6(source), |packet, _| packet / DestinationOptions::default())
}

/// One piece of a SYN with 20 bytes of options and 24 of data.
fn piece(source: &Source, cuts: &[usize], which: usize) -> Packet {
    let packet = v6(source) / FragmentHeader::default() / Tcp::syn(443).options(&[1; 20]) / Raw::zeros(24);
    packet.fragments(Datagrams::Outer, cuts)[which].clone()
}
