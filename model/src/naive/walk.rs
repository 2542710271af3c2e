use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::judge::{self, Opening, Tunnel};
use super::policy::Policy;
use super::verdict::{Illegitimate, Verdict};

const TCP: u8 = 6;
const UDP: u8 = 17;
const DATAGRAM_TRANSPORTS: [u8; 4] = [UDP, 33, 132, 136];
const ENCAPSULATIONS: [u8; 12] = [4, 41, 47, 50, 51, 55, 94, 97, 98, 108, 115, 137];
const ENCAPSULATION_ETHERTYPES: [u16; 6] = [0x8847, 0x8848, 0x8864, 0x88e5, 0x88e7, 0x894f];

fn never<T>(why: Illegitimate) -> Result<T, Verdict> {
    Err(Verdict::Never(why))
}

/// The first `N` bytes, or the verdict on a header that is cut off.
fn header<const N: usize>(bytes: &[u8]) -> Result<&[u8; N], Verdict> {
    bytes.first_chunk().ok_or(Verdict::Never(Illegitimate::Truncated))
}

fn number(bytes: [u8; 2]) -> u16 {
    u16::from_be_bytes(bytes)
}

/// A frame on the wire, or inside a VXLAN packet.
pub(super) fn frame(policy: &Policy, bytes: &[u8], tunnel: Option<Tunnel>) -> Verdict {
    match link_layer(policy, bytes, tunnel) {
        Ok(verdict) | Err(verdict) => verdict,
    }
}

fn link_layer(policy: &Policy, bytes: &[u8], tunnel: Option<Tunnel>) -> Result<Verdict, Verdict> {
    let ethernet: &[u8; 14] = header(bytes)?;
    let mut ethertype = number([ethernet[12], ethernet[13]]);
    let mut rest = &bytes[14..];
    let mut tags = 0;
    while ethertype == 0x8100 || ethertype == 0x88a8 {
        tags += 1;
        if tags > 4 {
            return never(Illegitimate::TooManyTags);
        }
        let tag: &[u8; 4] = header(rest)?;
        ethertype = number([tag[2], tag[3]]);
        rest = &rest[4..];
    }
    if ethertype == 0x0800 {
        ipv4(policy, rest, tunnel)
    } else if ethertype == 0x86dd {
        ipv6(policy, rest, tunnel)
    } else if ENCAPSULATION_ETHERTYPES.contains(&ethertype) {
        Ok(Verdict::Undecided)
    } else {
        Ok(Verdict::Pass)
    }
}

fn ipv4(policy: &Policy, bytes: &[u8], tunnel: Option<Tunnel>) -> Result<Verdict, Verdict> {
    let fixed: &[u8; 20] = header(bytes)?;
    let version = fixed[0] >> 4;
    let header_length = usize::from(fixed[0] & 0x0f) * 4;
    let total_length = usize::from(number([fixed[2], fixed[3]]));
    if version != 4 || header_length < 20 || total_length < header_length || total_length > bytes.len() {
        return never(Illegitimate::BadIpv4Header);
    }
    if has_source_route(&bytes[20..header_length]) {
        return never(Illegitimate::SourceRoute);
    }
    let protocol = fixed[9];
    let fragment_field = number([fixed[6], fixed[7]]);
    let more_fragments = fragment_field & 0x2000 != 0;
    let offset = fragment_field & 0x1fff;
    if ENCAPSULATIONS.contains(&protocol) {
        return Ok(Verdict::Undecided);
    }
    if offset > 0 {
        return later_fragment(offset, protocol);
    }
    let address = |at: usize| Ipv4Addr::new(fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]);
    let segment = Segment {
        source: address(12).into(),
        destination: address(16).into(),
        protocol,
        first_fragment: more_fragments,
        bytes: &bytes[header_length..total_length],
        tunnel,
    };
    segment.verdict(policy)
}

fn has_source_route(options: &[u8]) -> bool {
    let mut rest = options;
    loop {
        match rest {
            [] | [0, ..] => return false,
            [131 | 137, ..] => return true,
            [1, ..] => rest = &rest[1..],
            [_, length, ..] if *length >= 2 && usize::from(*length) <= rest.len() => {
                rest = &rest[usize::from(*length)..];
            }
            _ => return false,
        }
    }
}

/// A fragment that is not the first: it has no transport header, unless it was cut to start inside one.
fn later_fragment(offset: u16, protocol: u8) -> Result<Verdict, Verdict> {
    if protocol == TCP && offset == 1 { never(Illegitimate::TinyFragment) } else { Ok(Verdict::Pass) }
}

fn ipv6(policy: &Policy, bytes: &[u8], tunnel: Option<Tunnel>) -> Result<Verdict, Verdict> {
    let fixed: &[u8; 40] = header(bytes)?;
    let version = fixed[0] >> 4;
    let payload_length = usize::from(number([fixed[4], fixed[5]]));
    let mut protocol = fixed[6];
    let behind = &bytes[40..];
    if version != 6 || payload_length > behind.len() {
        return never(Illegitimate::BadIpv6Header);
    }
    // Linux looks for a jumbo option then and does not trim the packet.
    let untrimmed = payload_length == 0 && protocol == 0;
    let mut rest = if untrimmed { behind } else { &behind[..payload_length] };

    let mut source = [0; 16];
    source.copy_from_slice(&fixed[8..24]);
    let mut destination = [0; 16];
    destination.copy_from_slice(&fixed[24..40]);
    let source = Ipv6Addr::from(source);
    if source.to_ipv4_mapped().is_some() {
        return never(Illegitimate::MappedSource);
    }

    let mut first_fragment = false;
    let mut walked = 0;
    while [0, 43, 44, 51, 60].contains(&protocol) {
        walked += 1;
        if walked > 8 {
            return never(Illegitimate::TooManyExtensionHeaders);
        }
        let does_not_fit = if first_fragment { Illegitimate::TinyFragment } else { Illegitimate::Truncated };
        let Some(start) = rest.first_chunk::<8>() else {
            return never(does_not_fit);
        };
        let length = match protocol {
            44 => 8,
            51 => (usize::from(start[1]) + 2) * 4,
            _ => (usize::from(start[1]) + 1) * 8,
        };
        if rest.len() < length {
            return never(does_not_fit);
        }
        if protocol == 43 && start[3] > 0 {
            return never(Illegitimate::RoutingSegmentsLeft);
        }
        if protocol == 44 {
            let field = number([start[2], start[3]]);
            let offset = field >> 3;
            if offset > 0 && ENCAPSULATIONS.contains(&start[0]) {
                return Ok(Verdict::Undecided);
            }
            if offset > 0 {
                return later_fragment(offset, start[0]);
            }
            if field & 1 != 0 {
                first_fragment = true;
            }
        }
        protocol = start[0];
        rest = &rest[length..];
    }
    if ENCAPSULATIONS.contains(&protocol) {
        return Ok(Verdict::Undecided);
    }
    let segment = Segment {
        source: source.into(),
        destination: Ipv6Addr::from(destination).into(),
        protocol,
        first_fragment,
        bytes: rest,
        tunnel,
    };
    segment.verdict(policy)
}

/// What an IP packet, or the first fragment of one, carries.
struct Segment<'a> {
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    first_fragment: bool,
    bytes: &'a [u8],
    tunnel: Option<Tunnel>,
}

impl Segment<'_> {
    fn verdict(&self, policy: &Policy) -> Result<Verdict, Verdict> {
        if self.protocol == TCP {
            self.tcp(policy)
        } else if DATAGRAM_TRANSPORTS.contains(&self.protocol) {
            self.datagram(policy)
        } else {
            Ok(Verdict::Pass)
        }
    }

    fn tcp(&self, policy: &Policy) -> Result<Verdict, Verdict> {
        let tcp: &[u8; 20] = self.header()?;
        if tcp[12] >> 4 < 5 {
            return never(Illegitimate::BadTcpHeader);
        }
        let syn = tcp[13] & 0x02 != 0;
        let ack = tcp[13] & 0x10 != 0;
        if !syn || ack {
            return Ok(Verdict::Pass);
        }
        Ok(judge::connection(policy, self.opening([tcp[2], tcp[3]])))
    }

    fn datagram(&self, policy: &Policy) -> Result<Verdict, Verdict> {
        let start: &[u8; 8] = self.header()?;
        let port = [start[2], start[3]];
        if self.protocol == UDP && number(port) == policy.vxlan_port {
            return self.vxlan(policy, number([start[4], start[5]]));
        }
        Ok(judge::datagram(policy, self.opening(port)))
    }

    fn vxlan(&self, policy: &Policy, udp_length: u16) -> Result<Verdict, Verdict> {
        if self.tunnel.is_some() {
            return never(Illegitimate::NestedVxlan);
        }
        if self.first_fragment {
            return never(Illegitimate::FragmentedVxlan);
        }
        let udp_length = usize::from(udp_length);
        if udp_length < 8 || udp_length > self.bytes.len() {
            return never(Illegitimate::BadUdpHeader);
        }
        let payload = &self.bytes[8..udp_length];
        let vxlan: &[u8; 8] = header(payload)?;
        if vxlan[0] != 0x08 || vxlan[1..4] != [0, 0, 0] || vxlan[7] != 0 {
            return never(Illegitimate::VxlanReserved);
        }
        let tunnel = Tunnel { outer_source: self.source, vni: u32::from_be_bytes([0, vxlan[4], vxlan[5], vxlan[6]]) };
        Ok(frame(policy, &payload[8..], Some(tunnel)))
    }

    /// The transport header's first `N` bytes.
    fn header<const N: usize>(&self) -> Result<&[u8; N], Verdict> {
        match self.bytes.first_chunk() {
            Some(bytes) => Ok(bytes),
            None if self.first_fragment => never(Illegitimate::TinyFragment),
            None => never(Illegitimate::Truncated),
        }
    }

    fn opening(&self, port: [u8; 2]) -> Opening {
        Opening { tunnel: self.tunnel, source: self.source, destination: self.destination, port: number(port) }
    }
}
