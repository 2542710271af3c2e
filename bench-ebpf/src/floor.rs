//! What no filter can be faster than that looks at ports and flags: Ethernet, IP and TCP or UDP, one header after the other, each
//! checked against the end of the packet; SYNs and datagrams to port 443 are dropped. No options, tags or fragments are known.

use aya_ebpf::bindings::xdp_action;
use aya_ebpf::macros::xdp;
use aya_ebpf::programs::XdpContext;

use crate::memory::{ETHERNET, INNER, IPV4, IPV6, UDP, read};

const ETHERTYPE: usize = 12;
const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
const PROTOCOL_TCP: u8 = 6;
const PROTOCOL_UDP: u8 = 17;
const VERSION_4_FIVE_WORDS: u8 = 0x45;
const PORT_HTTPS: u16 = 443;
const PORT_VXLAN: u16 = 4789;
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;
const VNI_VALID: u8 = 0x08;

/// The fields of an IPv4 header that decide how to go on.
#[repr(C, packed)]
#[derive(Clone, Copy)]
struct Ipv4 {
    version: u8,
    _unread: [u8; 8],
    protocol: u8,
    _unread_either: [u8; 10],
}

/// The fields of an IPv6 header that decide how to go on.
#[repr(C, packed)]
#[derive(Clone, Copy)]
struct Ipv6 {
    _unread: [u8; 6],
    next_header: u8,
    _unread_either: [u8; 33],
}

#[repr(C, packed)]
#[derive(Clone, Copy)]
struct Tcp {
    _source: u16,
    destination: u16,
    _numbers: [u8; 9],
    flags: u8,
    _unread: [u8; 6],
}

#[repr(C, packed)]
#[derive(Clone, Copy)]
struct Udp {
    _source: u16,
    destination: u16,
    _length: u16,
    _checksum: u16,
}

#[repr(C, packed)]
#[derive(Clone, Copy)]
struct Vxlan {
    flags: u8,
    _reserved: [u8; 3],
    vni: [u8; 3],
    _reserved_too: u8,
}

#[inline(always)]
fn is_ethertype(ctx: &XdpContext, frame: usize, ethertype: u16) -> Option<()> {
    (read::<u16>(ctx, frame + ETHERTYPE)? == ethertype.to_be()).then_some(())
}

/// The protocol of an IPv4 packet without options.
#[inline(always)]
fn ipv4(ctx: &XdpContext, frame: usize) -> Option<u8> {
    is_ethertype(ctx, frame, ETHERTYPE_IPV4)?;
    let header: Ipv4 = read(ctx, frame + ETHERNET)?;
    (header.version == VERSION_4_FIVE_WORDS).then_some(header.protocol)
}

#[inline(always)]
fn ipv6(ctx: &XdpContext) -> Option<u8> {
    is_ethertype(ctx, 0, ETHERTYPE_IPV6)?;
    Some(read::<Ipv6>(ctx, ETHERNET)?.next_header)
}

/// Whether the packet is one to be dropped.
#[inline(always)]
fn opens(ctx: &XdpContext, protocol: u8, transport: usize) -> Option<bool> {
    match protocol {
        PROTOCOL_TCP => {
            let tcp: Tcp = read(ctx, transport)?;
            Some(tcp.flags & (SYN | ACK) == SYN && tcp.destination == PORT_HTTPS.to_be())
        }
        PROTOCOL_UDP => Some(read::<Udp>(ctx, transport)?.destination == PORT_HTTPS.to_be()),
        _ => None,
    }
}

/// The start of the frame in a VXLAN packet over IPv4.
#[inline(always)]
fn vxlan(ctx: &XdpContext) -> Option<()> {
    let port = (ipv4(ctx, 0)? == PROTOCOL_UDP).then(|| read::<Udp>(ctx, ETHERNET + IPV4))??.destination;
    if port != PORT_VXLAN.to_be() {
        return None;
    }
    let header: Vxlan = read(ctx, ETHERNET + IPV4 + UDP)?;
    (header.flags & VNI_VALID != 0 && header.vni != [0; 3]).then_some(())
}

fn judged(opens: Option<bool>) -> u32 {
    if opens == Some(true) { xdp_action::XDP_DROP } else { xdp_action::XDP_PASS }
}

/// Over IPv4.
#[xdp(frags)]
#[expect(unreachable_pub, reason = "the loader finds the program by its exported symbol")]
pub fn floor_v4(ctx: XdpContext) -> u32 {
    judged(ipv4(&ctx, 0).and_then(|protocol| opens(&ctx, protocol, ETHERNET + IPV4)))
}

/// Over IPv6.
#[xdp(frags)]
#[expect(unreachable_pub, reason = "the loader finds the program by its exported symbol")]
pub fn floor_v6(ctx: XdpContext) -> u32 {
    judged(ipv6(&ctx).and_then(|protocol| opens(&ctx, protocol, ETHERNET + IPV6)))
}

/// Inside VXLAN over IPv4.
#[xdp(frags)]
#[expect(unreachable_pub, reason = "the loader finds the program by its exported symbol")]
pub fn floor_vxlan(ctx: XdpContext) -> u32 {
    let protocol = vxlan(&ctx).and_then(|()| ipv4(&ctx, INNER));
    judged(protocol.and_then(|protocol| opens(&ctx, protocol, INNER + ETHERNET + IPV4)))
}
