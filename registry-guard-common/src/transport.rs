//! The transport header: which packets open something, and to which port.

use crate::flow::Transport;
use crate::frame::{Frame, read};
use crate::network::{Packet, Part, hidden};
use crate::wire::{Ports, Tcp};
use crate::{Flow, Reason, Tag, Vtep};

const IPIP: u8 = 4;
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
const DCCP: u8 = 33;
const IPV6: u8 = 41;
const GRE: u8 = 47;
const ESP: u8 = 50;
const AH: u8 = 51;
const MOBILE: u8 = 55;
const IPIP_OLD: u8 = 94;
const ETHERIP: u8 = 97;
const ENCAP: u8 = 98;
const IPCOMP: u8 = 108;
const L2TP: u8 = 115;
const SCTP: u8 = 132;
const UDP_LITE: u8 = 136;
const MPLS_IN_IP: u8 = 137;

/// A fragment that starts 8 bytes into TCP would overwrite the flags of the first one (RFC 3128).
const TCP_FLAGS_UNIT: u16 = 1;

/// The flow this packet opens, or why it opens none.
#[inline(always)]
pub(crate) fn transport<F: Frame + ?Sized>(frame: &F, packet: &Packet) -> Result<Flow, Reason> {
    match packet.protocol {
        TCP => tcp(frame, packet),
        UDP | UDP_LITE | SCTP | DCCP => datagram(frame, packet),
        IPIP | IPV6 | GRE | ESP | AH | MOBILE | IPIP_OLD | ETHERIP | ENCAP | IPCOMP | L2TP | MPLS_IN_IP => {
            Err(Reason::UnknownEncapsulation)
        }
        _ => Err(Reason::OtherProtocol),
    }
}

#[inline(always)]
fn tcp<F: Frame + ?Sized>(frame: &F, packet: &Packet) -> Result<Flow, Reason> {
    match packet.part {
        Part::Later(TCP_FLAGS_UNIT) => return Err(Reason::TinyFragment),
        Part::Later(_) => return Err(Reason::LaterFragment),
        Part::Whole | Part::First => {}
    }
    let header: Tcp = read(frame, packet.offset, packet.end).map_err(|reason| hidden(reason, packet.part))?;
    if header.header_length() < size_of::<Tcp>() {
        return Err(Reason::BadTcpHeader);
    }
    if !header.opens_connection() {
        return Err(Reason::NotSyn);
    }
    Ok(Flow {
        source: packet.source,
        destination: packet.destination,
        port: header.destination(),
        transport: Transport::TcpSyn,
        tag: Tag::PUBLIC,
        vtep: Vtep::NONE,
    })
}

#[inline(always)]
fn datagram<F: Frame + ?Sized>(frame: &F, packet: &Packet) -> Result<Flow, Reason> {
    let ports = ports(frame, packet)?;
    Ok(Flow {
        source: packet.source,
        destination: packet.destination,
        port: ports.destination(),
        transport: Transport::Datagram,
        tag: Tag::PUBLIC,
        vtep: Vtep::NONE,
    })
}

/// The ports of a datagram transport.
#[inline(always)]
pub(crate) fn ports<F: Frame + ?Sized>(frame: &F, packet: &Packet) -> Result<Ports, Reason> {
    if matches!(packet.part, Part::Later(_)) {
        return Err(Reason::LaterFragment);
    }
    read(frame, packet.offset, packet.end).map_err(|reason| hidden(reason, packet.part))
}
