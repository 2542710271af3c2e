//! The common packet: every header of it stands at an offset that is a constant.
//!
//! Plain is TCP or UDP in IPv4 without options or in IPv6 without extension headers, neither tagged nor in fragments, all of
//! it within reach, and TCP in all that once more inside of VXLAN. [`glance`] tells what a plain packet is, and keeps nothing
//! of it, since most are nobody's; [`gather`] reads the few that open something guarded.

use crate::flow::Transport;
use crate::frame::{Frame, read};
use crate::network::{ETHERTYPE_IPV4, ETHERTYPE_IPV6};
use crate::parse::NO_LIMIT;
use crate::transport::{TCP, UDP};
use crate::wire::{EtherType, Ethernet, Ipv4, Ipv6, Ports, Tcp, Vxlan};
use crate::{Address, Family, Flow, Headers, Reason, Tables, Tag, Vtep};

/// What a packet is at first sight. No variant holds anything, since LLVM leaves what an absent value would hold unwritten,
/// and a BPF verifier accepts no register that was never written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Not plain, or not right: it is for [`crate::parse`] to say.
    Unclear,
    /// [`crate::Reason::NotSyn`].
    NotSyn,
    /// [`crate::Reason::NotGuarded`].
    NotGuarded,
    /// An opening SYN to a port where a registry may listen.
    V4,
    /// The same.
    V6,
    /// The same inside of VXLAN.
    V4InV4,
    /// The same inside of VXLAN.
    V6InV4,
    /// The same inside of VXLAN.
    V4InV6,
    /// The same inside of VXLAN.
    V6InV6,
}

impl Sight {
    /// Why the packet is nobody's, if that is plain to see.
    #[inline(always)]
    pub const fn nobodys(self) -> Option<Reason> {
        match self {
            Self::NotSyn => Some(Reason::NotSyn),
            Self::NotGuarded => Some(Reason::NotGuarded),
            _ => None,
        }
    }
}

/// What an IP header says of a plain packet.
struct Internet {
    protocol: u8,
    /// Of the transport header, bytes from the start of the frame.
    transport: usize,
    /// Where the packet ends.
    end: usize,
}

/// Where an IP header stands that no tag and no VXLAN header precedes.
const OUTER: usize = size_of::<Ethernet>();

/// Looks at `frame`. Where it says anything, [`crate::parse`] and [`crate::decide`] say the same.
#[inline(always)]
pub fn glance<F: Frame + ?Sized, T: Tables>(frame: &F, tables: &T) -> Sight {
    match ethertype(frame, 0, NO_LIMIT) {
        Some(ETHERTYPE_IPV4) => match ipv4(frame, OUTER, NO_LIMIT) {
            Some(internet) => outer(frame, &internet, tables, [Sight::V4, Sight::V4InV4, Sight::V6InV4]),
            None => Sight::Unclear,
        },
        Some(ETHERTYPE_IPV6) => match ipv6(frame, OUTER, NO_LIMIT) {
            Some(internet) => outer(frame, &internet, tables, [Sight::V6, Sight::V4InV6, Sight::V6InV6]),
            None => Sight::Unclear,
        },
        _ => Sight::Unclear,
    }
}

#[inline(always)]
fn outer<F: Frame + ?Sized, T: Tables>(frame: &F, internet: &Internet, tables: &T, opens: [Sight; 3]) -> Sight {
    let [plain, around_v4, around_v6] = opens;
    match internet.protocol {
        TCP => tcp(frame, internet, internet.end, tables, plain),
        UDP => udp(frame, internet, tables, [around_v4, around_v6]),
        _ => Sight::Unclear,
    }
}

/// Whether the frame is within reach up to `end`, the end of its outermost IP packet, is asked behind the last header: LLVM
/// would conclude from it that each header is, and no verifier follows that.
#[inline(always)]
fn tcp<F: Frame + ?Sized, T: Tables>(frame: &F, internet: &Internet, end: usize, tables: &T, opens: Sight) -> Sight {
    let Ok(header) = read::<Tcp, F>(frame, internet.transport, internet.end) else {
        return Sight::Unclear;
    };
    if !frame.reaches(end) || header.header_length() < size_of::<Tcp>() {
        Sight::Unclear
    } else if !header.opens_connection() {
        Sight::NotSyn
    } else if !tables.may_concern(header.destination()) {
        Sight::NotGuarded
    } else {
        opens
    }
}

#[inline(always)]
fn udp<F: Frame + ?Sized, T: Tables>(frame: &F, internet: &Internet, tables: &T, opens: [Sight; 2]) -> Sight {
    let Ok(ports) = read::<Ports, F>(frame, internet.transport, internet.end) else {
        return Sight::Unclear;
    };
    if !tables.may_concern(ports.destination()) {
        return if frame.reaches(internet.end) { Sight::NotGuarded } else { Sight::Unclear };
    }
    if ports.destination() != tables.vxlan_port() {
        return Sight::Unclear;
    }
    vxlan(frame, internet, &ports, tables, opens)
}

/// Of what VXLAN carries only TCP is looked at: anything else may be VXLAN in VXLAN.
#[inline(always)]
fn vxlan<F: Frame + ?Sized, T: Tables>(
    frame: &F,
    outer: &Internet,
    ports: &Ports,
    tables: &T,
    opens: [Sight; 2],
) -> Sight {
    let [v4, v6] = opens;
    let end = outer.transport + ports.udp_length();
    let ethernet = outer.transport + size_of::<Ports>() + size_of::<Vxlan>();
    let internet = ethernet + size_of::<Ethernet>();
    if end > outer.end || vni(frame, outer.transport, end).is_none() {
        return Sight::Unclear;
    }
    match ethertype(frame, ethernet, end) {
        Some(ETHERTYPE_IPV4) => match ipv4(frame, internet, end) {
            Some(inner) if inner.protocol == TCP => tcp(frame, &inner, outer.end, tables, v4),
            _ => Sight::Unclear,
        },
        Some(ETHERTYPE_IPV6) => match ipv6(frame, internet, end) {
            Some(inner) if inner.protocol == TCP => tcp(frame, &inner, outer.end, tables, v6),
            _ => Sight::Unclear,
        },
        _ => Sight::Unclear,
    }
}

#[inline(always)]
fn ethertype<F: Frame + ?Sized>(frame: &F, offset: usize, limit: usize) -> Option<u16> {
    let ethertype: EtherType = read(frame, offset + size_of::<Ethernet>() - size_of::<EtherType>(), limit).ok()?;
    Some(ethertype.number())
}

/// The VNI of the VXLAN header in the datagram whose UDP header stands at `udp`.
#[inline(always)]
fn vni<F: Frame + ?Sized>(frame: &F, udp: usize, limit: usize) -> Option<u32> {
    let vxlan: Vxlan = read(frame, udp + size_of::<Ports>(), limit).ok()?;
    vxlan.vni()
}

#[inline(always)]
fn ipv4<F: Frame + ?Sized>(frame: &F, offset: usize, limit: usize) -> Option<Internet> {
    let header: Ipv4 = read(frame, offset, limit).ok()?;
    let end = offset + header.total_length();
    let transport = offset + size_of::<Ipv4>();
    let is_plain = header.is_without_options() && header.is_whole() && end <= limit;
    is_plain.then_some(Internet { protocol: header.protocol, transport, end })
}

#[inline(always)]
fn ipv6<F: Frame + ?Sized>(frame: &F, offset: usize, limit: usize) -> Option<Internet> {
    let header: Ipv6 = read(frame, offset, limit).ok()?;
    let transport = offset + size_of::<Ipv6>();
    let end = transport + header.payload_length();
    let is_plain = header.version() == 6 && !Address::from_words(header.source).is_v4_mapped() && end <= limit;
    is_plain.then_some(Internet { protocol: header.next_header, transport, end })
}

/// Reads a SYN that [`glance`] saw; `None` if there is none, as where the sight is another.
#[inline(always)]
pub fn gather<F: Frame + ?Sized>(frame: &F, sight: Sight) -> Option<(Flow, Headers)> {
    match sight {
        Sight::Unclear | Sight::NotSyn | Sight::NotGuarded => None,
        Sight::V4 => syn(frame, OUTER, Family::V4, Tag::PUBLIC, Vtep::NONE),
        Sight::V6 => syn(frame, OUTER, Family::V6, Tag::PUBLIC, Vtep::NONE),
        Sight::V4InV4 => encapsulated(frame, Family::V4, Family::V4),
        Sight::V6InV4 => encapsulated(frame, Family::V4, Family::V6),
        Sight::V4InV6 => encapsulated(frame, Family::V6, Family::V4),
        Sight::V6InV6 => encapsulated(frame, Family::V6, Family::V6),
    }
}

/// The SYN inside of VXLAN, in a frame with these families of addresses.
#[inline(always)]
fn encapsulated<F: Frame + ?Sized>(frame: &F, outer: Family, inner: Family) -> Option<(Flow, Headers)> {
    let (vtep, udp) = match outer {
        Family::V4 => (Address::from_word(frame.header::<Ipv4>(OUTER)?.source), OUTER + size_of::<Ipv4>()),
        Family::V6 => (Address::from_words(frame.header::<Ipv6>(OUTER)?.source), OUTER + size_of::<Ipv6>()),
    };
    let internet = udp + size_of::<Ports>() + size_of::<Vxlan>() + size_of::<Ethernet>();
    let vni = vni(frame, udp, NO_LIMIT)?;
    syn(frame, internet, inner, Tag::vni(vni), Vtep::new(vtep))
}

/// The SYN whose IP header, of this family, stands at `network`.
#[inline(always)]
fn syn<F: Frame + ?Sized>(frame: &F, network: usize, family: Family, tag: Tag, vtep: Vtep) -> Option<(Flow, Headers)> {
    let (source, destination, transport, end) = match family {
        Family::V4 => {
            let header: Ipv4 = frame.header(network)?;
            let (source, destination) = (Address::from_word(header.source), Address::from_word(header.destination));
            (source, destination, network + size_of::<Ipv4>(), network + header.total_length())
        }
        Family::V6 => {
            let header: Ipv6 = frame.header(network)?;
            let (source, destination) = (Address::from_words(header.source), Address::from_words(header.destination));
            let transport = network + size_of::<Ipv6>();
            (source, destination, transport, transport + header.payload_length())
        }
    };
    let port = frame.header::<Tcp>(transport)?.destination();
    let flow = Flow { source, destination, port, transport: Transport::TcpSyn, tag, vtep };
    Some((flow, Headers { network, transport, end }))
}
