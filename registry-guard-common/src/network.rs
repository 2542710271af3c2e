//! From the link layer to the transport header: tags, IPv4 with options, IPv6 with extension headers, fragments.

use crate::frame::{Frame, read};
use crate::wire::{Ethernet, ExtensionHeader, Ipv4, Ipv4Option, Ipv4OptionLength, Ipv6, VlanTag};
use crate::{Address, Reason};

/// Linux unrolls any number of VLAN tags with VID 0; more than this many is no network but an attack.
const MAX_TAGS: u32 = 4;
/// Extension headers walked in one packet.
const MAX_EXTENSION_HEADERS: u32 = 8;
/// IPv4 options take at most 40 bytes (RFC 791: the header is at most 15 words).
const MAX_OPTION_BYTES: u32 = 40;

pub(crate) const ETHERTYPE_IPV4: u16 = 0x0800;
pub(crate) const ETHERTYPE_IPV6: u16 = 0x86dd;
const ETHERTYPE_VLAN: u16 = 0x8100;
const ETHERTYPE_QINQ: u16 = 0x88a8;
const ETHERTYPE_MPLS: u16 = 0x8847;
const ETHERTYPE_MPLS_MULTICAST: u16 = 0x8848;
const ETHERTYPE_PPPOE_SESSION: u16 = 0x8864;
const ETHERTYPE_MACSEC: u16 = 0x88e5;
const ETHERTYPE_PBB: u16 = 0x88e7;
const ETHERTYPE_NSH: u16 = 0x894f;

const OPTION_END: u8 = 0;
const OPTION_NOP: u8 = 1;
const OPTION_LSRR: u8 = 131;
const OPTION_SSRR: u8 = 137;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;

/// Where in its datagram a packet stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The whole of it.
    Whole,
    /// The first fragment.
    First,
    /// A later fragment, this many units of 8 bytes in.
    Later(u16),
}

/// One IP packet, up to its transport header.
#[derive(Clone, Copy)]
pub(crate) struct Packet {
    pub(crate) source: Address,
    pub(crate) destination: Address,
    /// IP protocol number of what stands at `offset`.
    pub(crate) protocol: u8,
    /// Of the IP header, bytes from the start of the frame.
    pub(crate) start: usize,
    /// Of the transport header, bytes from the start of the frame.
    pub(crate) offset: usize,
    /// Where the IP packet ends; bytes beyond are padding.
    pub(crate) end: usize,
    pub(crate) part: Part,
}

/// Parses the frame whose Ethernet header stands at `offset` and which ends at or before `limit`.
#[inline(always)]
pub(crate) fn network<F: Frame + ?Sized>(frame: &F, offset: usize, limit: usize) -> Result<Packet, Reason> {
    let ethernet: Ethernet = read(frame, offset, limit)?;
    let mut offset = offset + size_of::<Ethernet>();
    let mut ethertype = ethernet.ethertype();
    for tags in 0..=MAX_TAGS {
        if ethertype != ETHERTYPE_VLAN && ethertype != ETHERTYPE_QINQ {
            break;
        }
        if tags == MAX_TAGS {
            return Err(Reason::TooManyTags);
        }
        let tag: VlanTag = read(frame, offset, limit)?;
        offset += size_of::<VlanTag>();
        ethertype = tag.ethertype();
    }
    let offset = frame.anywhere(offset);
    match ethertype {
        ETHERTYPE_IPV4 => ipv4(frame, offset, limit),
        ETHERTYPE_IPV6 => ipv6(frame, offset, limit),
        ETHERTYPE_MPLS
        | ETHERTYPE_MPLS_MULTICAST
        | ETHERTYPE_PPPOE_SESSION
        | ETHERTYPE_MACSEC
        | ETHERTYPE_PBB
        | ETHERTYPE_NSH => Err(Reason::UnknownEncapsulation),
        _ => Err(Reason::NotIp),
    }
}

#[inline(always)]
fn ipv4<F: Frame + ?Sized>(frame: &F, offset: usize, limit: usize) -> Result<Packet, Reason> {
    let header: Ipv4 = read(frame, offset, limit)?;
    let header_length = header.header_length();
    let total_length = header.total_length();
    let end = offset + total_length;
    if header.version() != 4
        || header_length < size_of::<Ipv4>()
        || total_length < header_length
        || end > limit
        || !frame.holds(end)
    {
        return Err(Reason::BadIpv4Header);
    }
    if header_length > size_of::<Ipv4>() {
        refuse_source_route(frame, offset + size_of::<Ipv4>(), offset + header_length)?;
    }
    let part = match (header.fragment_offset(), header.more_fragments()) {
        (0, false) => Part::Whole,
        (0, true) => Part::First,
        (units, _) => Part::Later(units),
    };
    Ok(Packet {
        source: Address::from_word(header.source),
        destination: Address::from_word(header.destination),
        protocol: header.protocol,
        start: offset,
        offset: frame.anywhere(offset + header_length),
        end,
        part,
    })
}

/// A source route leads packets around address checks (RFC 7126 section 4.3). Options that are malformed otherwise are
/// left to the kernel, which discards the packet (`__ip_options_compile`).
#[inline(always)]
fn refuse_source_route<F: Frame + ?Sized>(frame: &F, mut offset: usize, end: usize) -> Result<(), Reason> {
    for _ in 0..MAX_OPTION_BYTES {
        if offset >= end {
            break;
        }
        // With the byte before it, since the verifier follows no read of a single byte up to the end of a packet.
        let option: Ipv4Option = read(frame, offset - 1, end)?;
        match option.kind {
            OPTION_END => break,
            OPTION_NOP => offset += 1,
            OPTION_LSRR | OPTION_SSRR => return Err(Reason::SourceRoute),
            _ => match read::<Ipv4OptionLength, F>(frame, offset, end) {
                Ok(option) if option.length >= 2 => offset += usize::from(option.length),
                Err(Reason::NonLinear) => return Err(Reason::NonLinear),
                _ => break,
            },
        }
        offset = frame.anywhere(offset);
    }
    Ok(())
}

#[inline(always)]
fn ipv6<F: Frame + ?Sized>(frame: &F, offset: usize, limit: usize) -> Result<Packet, Reason> {
    let header: Ipv6 = read(frame, offset, limit)?;
    let payload = offset + size_of::<Ipv6>();
    let payload_length = header.payload_length();
    // Linux does not trim a packet whose payload length is 0 and whose next header is hop-by-hop (RFC 2675 leaves the
    // length to the jumbo option, `ip6_rcv_core`), so what it accepts may reach to the end of the frame.
    let end = if payload_length == 0 && header.next_header == HOP_BY_HOP { limit } else { payload + payload_length };
    if header.version() != 6 || end > limit || (end != limit && !frame.holds(end)) {
        return Err(Reason::BadIpv6Header);
    }
    let source = Address::from_words(header.source);
    if source.is_v4_mapped() {
        return Err(Reason::MappedSource);
    }
    let mut packet = Packet {
        source,
        destination: Address::from_words(header.destination),
        protocol: header.next_header,
        start: offset,
        offset: payload,
        end,
        part: Part::Whole,
    };
    for walked in 0..=MAX_EXTENSION_HEADERS {
        if !is_extension(packet.protocol) {
            break;
        }
        if walked == MAX_EXTENSION_HEADERS {
            return Err(Reason::TooManyExtensionHeaders);
        }
        extension(frame, &mut packet)?;
        if matches!(packet.part, Part::Later(_)) {
            break;
        }
    }
    Ok(packet)
}

#[inline(always)]
const fn is_extension(protocol: u8) -> bool {
    matches!(protocol, HOP_BY_HOP | ROUTING | FRAGMENT | AUTHENTICATION | DESTINATION_OPTIONS)
}

/// Walks over the extension header at the packet's offset.
#[inline(always)]
fn extension<F: Frame + ?Sized>(frame: &F, packet: &mut Packet) -> Result<(), Reason> {
    let header: ExtensionHeader =
        read(frame, packet.offset, packet.end).map_err(|reason| hidden(reason, packet.part))?;
    let length = match packet.protocol {
        FRAGMENT => size_of::<ExtensionHeader>(),
        AUTHENTICATION => (usize::from(header.length) + 2) * 4,
        _ => (usize::from(header.length) + 1) * 8,
    };
    let behind = packet.offset + length;
    if behind > packet.end || !frame.holds(behind) {
        return Err(hidden(Reason::Truncated, packet.part));
    }
    if packet.protocol == ROUTING && header.has_segments_left() {
        return Err(Reason::SourceRoute);
    }
    if packet.protocol == FRAGMENT {
        packet.part = match (header.fragment_offset(), header.more_fragments()) {
            (0, false) => packet.part,
            (0, true) => Part::First,
            (units, _) => Part::Later(units),
        };
    }
    packet.protocol = header.next_header;
    packet.offset = frame.anywhere(behind);
    Ok(())
}

/// In a first fragment, a header that does not fit was cut off on purpose.
#[inline(always)]
pub(crate) fn hidden(reason: Reason, part: Part) -> Reason {
    match (reason, part) {
        (Reason::Truncated, Part::First) => Reason::TinyFragment,
        _ => reason,
    }
}
