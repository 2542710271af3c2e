//! The reset that answers a denied SYN where the registry asks for it (RFC 9293 section 3.10.7.1).

use std::net::IpAddr;

use anyhow::{Context as _, Result};
use etherparse::{LinkSlice, NetSlice, SlicedPacket, TransportSlice};
use registry_guard_common::Reason;
use tests::attacks::{Source, VNI, VTEP, policy};
use tests::guard::Guard;
use tests::packet::{
    DestinationOptions, Ethernet, FragmentHeader, HopByHop, Ipv4, Ipv6, Packet, Raw, Tcp, Udp, Vlan, Vxlan,
};

/// The port of the registry that resets.
const PORT: u16 = 8443;
const CLIENT_PORT: u16 = 40_000;
const SEQUENCE: u32 = 0xffff_fff0;

fn syn() -> Tcp {
    Tcp::syn(PORT).from(CLIENT_PORT).sequence(SEQUENCE)
}

/// Runs a denied SYN through the kernel and checks everything about the answer but what it acknowledges, which it returns.
fn acknowledged(guard: &mut Guard, packet: &Packet, source: IpAddr) -> Result<u32> {
    let frame = packet.bytes();
    let outcome = guard.run(&frame)?;
    assert_eq!(outcome.counted, (Some(1), Reason::NoRule));
    assert!(!outcome.passed);
    let reply = outcome.reply.context("no reply")?;
    assert!(reply.len() <= frame.len(), "a reply is never longer than what it answers");
    assert_eq!((&reply[..6], &reply[6..12]), (&frame[6..12], &frame[..6]), "MAC addresses are swapped");
    let sliced = SlicedPacket::from_ethernet(&reply)?;
    assert!(matches!(sliced.link, Some(LinkSlice::Ethernet2(_))));
    let (from, to): (IpAddr, IpAddr) = match sliced.net.as_ref().context("no IP")? {
        NetSlice::Ipv4(ip) => {
            let header = ip.header().to_header();
            assert_eq!(header.header_checksum, header.calc_header_checksum());
            assert_eq!((header.options.len(), header.dont_fragment, header.more_fragments), (0, true, false));
            (header.source.into(), header.destination.into())
        }
        NetSlice::Ipv6(ip) => {
            assert!(ip.extensions().is_empty());
            (ip.header().source_addr().into(), ip.header().destination_addr().into())
        }
        NetSlice::Arp(_) => anyhow::bail!("an ARP packet"),
    };
    assert_eq!(to, source);
    let Some(TransportSlice::Tcp(tcp)) = sliced.transport else { anyhow::bail!("no TCP") };
    let header = tcp.to_header();
    assert_eq!(tcp.payload(), b"");
    let checksum = match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => header.calc_checksum_ipv4_raw(from.octets(), to.octets(), &[])?,
        (IpAddr::V6(from), IpAddr::V6(to)) => header.calc_checksum_ipv6_raw(from.octets(), to.octets(), &[])?,
        _ => anyhow::bail!("two families"),
    };
    assert_eq!(header.checksum, checksum);
    assert_eq!((header.source_port, header.destination_port), (PORT, CLIENT_PORT));
    assert_eq!((header.rst, header.ack, header.syn, header.fin), (true, true, false, false));
    assert_eq!((header.sequence_number, header.window_size), (0, 0));
    Ok(header.acknowledgment_number)
}

/// Runs a denied packet through the kernel, which must drop it without an answer.
fn is_dropped(guard: &mut Guard, packet: &Packet, reason: Reason) -> Result<()> {
    let outcome = guard.run(&packet.bytes())?;
    assert_eq!((outcome.passed, outcome.reply, outcome.counted), (false, None, (Some(1), reason)));
    Ok(())
}

#[test]
fn a_denied_syn_is_reset() -> Result<()> {
    let mut guard = Guard::new(&policy())?;
    let Source { v4, v6, .. } = Source::DENIED;
    let plain = Ethernet::default() / Ipv4::from(v4) / syn();
    assert_eq!(acknowledged(&mut guard, &plain, v4.into())?, SEQUENCE.wrapping_add(1));
    let plain = Ethernet::default() / Ipv6::from(v6) / syn();
    assert_eq!(acknowledged(&mut guard, &plain, v6.into())?, SEQUENCE.wrapping_add(1));
    Ok(())
}

#[test]
fn the_reset_acknowledges_data_and_fin() -> Result<()> {
    let mut guard = Guard::new(&policy())?;
    let Source { v4, v6, .. } = Source::DENIED;
    let data = Ethernet::default() / Ipv4::from(v4).options(&[1; 12]) / syn().options(&[1; 8]) / Raw::zeros(100);
    assert_eq!(acknowledged(&mut guard, &data, v4.into())?, SEQUENCE.wrapping_add(101));
    let fin = Tcp { flags: Tcp::SYN | Tcp::FIN, ..syn() };
    let fin = Ethernet::default() / Ipv6::from(v6) / fin / Raw::zeros(7);
    assert_eq!(acknowledged(&mut guard, &fin, v6.into())?, SEQUENCE.wrapping_add(9));
    Ok(())
}

#[test]
fn padding_is_not_acknowledged() -> Result<()> {
    let mut guard = Guard::new(&policy())?;
    let v4 = Source::DENIED.v4;
    let padded = Ethernet::default() / Ipv4::from(v4).total_length(40) / syn() / Raw::zeros(6);
    assert_eq!(acknowledged(&mut guard, &padded, v4.into())?, SEQUENCE.wrapping_add(1));
    Ok(())
}

#[test]
fn extension_headers_are_left_out_of_the_reset() -> Result<()> {
    let mut guard = Guard::new(&policy())?;
    let v6 = Source::DENIED.v6;
    let packet = Ethernet::default()
        / Ipv6::from(v6)
        / HopByHop::default()
        / FragmentHeader::default()
        / DestinationOptions::options(&[0; 100])
        / syn();
    assert_eq!(acknowledged(&mut guard, &packet, v6.into())?, SEQUENCE.wrapping_add(1));
    Ok(())
}

#[test]
fn tags_stand_in_the_reset_as_they_stood_in_the_syn() -> Result<()> {
    let mut guard = Guard::new(&policy())?;
    let v4 = Source::DENIED.v4;
    let packet = Ethernet::default() / Vlan::vid(7).service() / Vlan::vid(9) / Ipv4::from(v4) / syn();
    acknowledged(&mut guard, &packet, v4.into())?;
    let frame = packet.bytes();
    let reply = guard.run(&frame)?.reply.context("no reply")?;
    assert_eq!(reply[12..22], frame[12..22]);
    Ok(())
}

#[test]
fn an_encapsulated_syn_is_dropped_instead() -> Result<()> {
    let mut guard = Guard::new(&policy())?;
    let inner = Ethernet::default() / Ipv4::from(Source::DENIED.v4) / syn();
    let packet = Ethernet::default() / Ipv4::from(VTEP) / Udp::vxlan() / Vxlan::vni(VNI) / inner;
    is_dropped(&mut guard, &packet, Reason::NoRule)
}

#[test]
fn a_datagram_is_dropped_instead() -> Result<()> {
    let mut guard = Guard::new(&policy())?;
    let packet = Ethernet::default() / Ipv4::from(Source::DENIED.v4) / Udp::to(PORT) / Raw::zeros(32);
    is_dropped(&mut guard, &packet, Reason::DatagramToGuardedPort)
}

#[test]
fn a_syn_to_a_group_of_hosts_is_dropped_instead() -> Result<()> {
    let mut guard = Guard::new(&policy())?;
    let everyone = Ethernet::between([2, 0, 0, 0, 0, 9], [0xff; 6]);
    let packet = everyone / Ipv4::from(Source::DENIED.v4) / syn();
    is_dropped(&mut guard, &packet, Reason::NoRule)
}

#[test]
fn an_allowed_syn_is_not_reset() -> Result<()> {
    let mut guard = Guard::new(&policy())?;
    let outcome = guard.run(&(Ethernet::default() / Ipv4::from(Source::ALLOWED.v4) / syn()).bytes())?;
    assert_eq!((outcome.passed, outcome.reply, outcome.counted), (true, None, (Some(1), Reason::IpRule)));
    Ok(())
}
