//! The TCP reset that answers a SYN (RFC 9293 section 3.10.7.1), from the IP header on.

use zerocopy::{Immutable, IntoBytes};

use crate::wire::{ACK, FIN, Ipv4, Ipv6, RST, Tcp};
use crate::{Family, Flow, Frame, Headers};

const TTL: u8 = 64;
const PROTOCOL_TCP: u8 = 6;
const TCP_BYTES: u16 = 20;
const DONT_FRAGMENT: u16 = 0x4000;

/// Length of an IPv4 reset in bytes.
const V4_BYTES: u16 = 40;
const _: () = assert!(size_of::<Tcp>() == TCP_BYTES as usize && size_of::<PacketV4>() == V4_BYTES as usize);

#[derive(IntoBytes, Immutable)]
#[repr(C)]
struct PacketV4 {
    ip: Ipv4,
    tcp: Tcp,
}

#[derive(IntoBytes, Immutable)]
#[repr(C)]
struct PacketV6 {
    ip: Ipv6,
    tcp: Tcp,
}

/// The answer to a SYN, without options or extension headers, so that it is never longer than the SYN.
pub enum Reset {
    /// To an IPv4 SYN.
    V4([u8; 40]),
    /// To an IPv6 SYN.
    V6([u8; 60]),
}

impl Reset {
    /// The answer to the SYN in `frame` whose headers stand at `headers`.
    #[inline(always)]
    pub fn to<F: Frame + ?Sized>(frame: &F, flow: &Flow, headers: &Headers) -> Option<Self> {
        let tcp = answer(frame, headers)?;
        match flow.source.family() {
            Family::V4 => {
                let syn: Ipv4 = frame.header(headers.network)?;
                Some(Self::V4(v4(&syn, tcp)))
            }
            Family::V6 => {
                let syn: Ipv6 = frame.header(headers.network)?;
                Some(Self::V6(v6(&syn, tcp)))
            }
        }
    }
}

/// The reset, without its checksum. It acknowledges what the SYN took of the sequence space: itself, its data (TCP Fast
/// Open), its FIN.
#[inline(always)]
fn answer<F: Frame + ?Sized>(frame: &F, headers: &Headers) -> Option<Tcp> {
    let syn: Tcp = frame.header(headers.transport)?;
    let data = headers.end.saturating_sub(headers.transport + syn.header_length());
    let data = u32::try_from(data).ok()?;
    let taken = 1 + u32::from(u16::from_be(syn.offset_flags) & FIN) + data;
    Some(Tcp {
        source: syn.destination,
        destination: syn.source,
        sequence: 0,
        acknowledgement: u32::from_be(syn.sequence).wrapping_add(taken).to_be(),
        offset_flags: (5 << 12 | RST | ACK).to_be(),
        window: 0,
        checksum: 0,
        urgent: 0,
    })
}

#[inline(always)]
fn v4(syn: &Ipv4, mut tcp: Tcp) -> [u8; 40] {
    let mut ip = Ipv4 {
        version_length: 0x45,
        service: 0,
        total_length: V4_BYTES.to_be(),
        identification: 0,
        flags_offset: DONT_FRAGMENT.to_be(),
        ttl: TTL,
        protocol: PROTOCOL_TCP,
        checksum: 0,
        source: syn.destination,
        destination: syn.source,
    };
    ip.checksum = checksum(sum(ip.as_bytes()));
    let addresses = sum(ip.source.as_bytes()) + sum(ip.destination.as_bytes());
    tcp.checksum = checksum(addresses + pseudo_header() + sum(tcp.as_bytes()));
    zerocopy::transmute!(PacketV4 { ip, tcp })
}

#[inline(always)]
fn v6(syn: &Ipv6, mut tcp: Tcp) -> [u8; 60] {
    let ip = Ipv6 {
        version_class_label: (6_u32 << 28).to_be(),
        payload_length: TCP_BYTES.to_be(),
        next_header: PROTOCOL_TCP,
        hop_limit: TTL,
        source: syn.destination,
        destination: syn.source,
    };
    let addresses = sum(ip.source.as_bytes()) + sum(ip.destination.as_bytes());
    tcp.checksum = checksum(addresses + pseudo_header() + sum(tcp.as_bytes()));
    zerocopy::transmute!(PacketV6 { ip, tcp })
}

/// What protocol and length add to the sum of the pseudo header, in IPv4 and IPv6 alike.
#[inline(always)]
fn pseudo_header() -> u32 {
    u32::from(u16::from(PROTOCOL_TCP).to_be()) + u32::from(TCP_BYTES.to_be())
}

/// The sum of 16-bit words in memory order, which RFC 1071 section 2(B) shows to work in either byte order.
#[inline(always)]
fn sum(bytes: &[u8]) -> u32 {
    let (words, _) = bytes.as_chunks::<2>();
    words.iter().map(|&word| u32::from(u16::from_ne_bytes(word))).sum()
}

/// Folds a sum of fewer than 65,536 words into a checksum, in memory order.
#[inline(always)]
const fn checksum(sum: u32) -> u16 {
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    let [low, high, ..] = (!folded).to_le_bytes();
    u16::from_le_bytes([low, high])
}
