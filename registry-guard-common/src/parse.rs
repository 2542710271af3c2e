//! From the first byte of a frame to the flow it opens, through at most one VXLAN header.

use crate::frame::{Frame, read};
use crate::network::{Packet, Part, network};
use crate::plain::{Sight, gather, glance};
use crate::transport::{UDP, ports, transport};
use crate::wire::{Ports, Vxlan};
use crate::{Flow, Reason, Tables, Tag, Vtep};

/// No frame reaches this far: the parser's own sums stay below it, and the verifier learns a bound.
pub(crate) const NO_LIMIT: usize = 0xffff_ffff;

/// Where the headers of a flow stand, in bytes from the start of the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headers {
    /// The (inner) IP header.
    pub network: usize,
    /// The transport header.
    pub transport: usize,
    /// The end of the IP packet.
    pub end: usize,
}

/// What [`parse`] says of `frame`, or that no endpoint listens where it goes: at first sight, if that is enough.
///
/// # Errors
///
/// Those of [`parse`], and [`Reason::NotGuarded`].
#[inline(always)]
pub fn open<F: Frame + ?Sized, T: Tables>(frame: &F, tables: &T) -> Result<(Flow, Headers), Reason> {
    let sight = glance(frame, tables);
    match sight.nobodys() {
        Some(reason) => Err(reason),
        None => look_closer(frame, sight, tables),
    }
}

/// What [`open`] says of a frame that is not [`Sight::nobodys`].
///
/// # Errors
///
/// Those of [`parse`].
#[inline(always)]
pub fn look_closer<F: Frame + ?Sized, T: Tables>(
    frame: &F,
    sight: Sight,
    tables: &T,
) -> Result<(Flow, Headers), Reason> {
    match gather(frame, sight) {
        Some(found) => Ok(found),
        None => parse(frame, tables.vxlan_port()),
    }
}

/// The flow that `frame` opens, or the reason why it opens none. `vxlan_port` is the UDP port of VXLAN, host byte order.
///
/// # Errors
///
/// Every reason that is not `Allow` and not `Deny`: nothing has been looked up yet.
#[inline(always)]
pub fn parse<F: Frame + ?Sized>(frame: &F, vxlan_port: u16) -> Result<(Flow, Headers), Reason> {
    let outer = network(frame, 0, NO_LIMIT)?;
    let Some(length) = vxlan_datagram(frame, &outer, vxlan_port)? else {
        return Ok((transport(frame, &outer)?, headers(&outer)));
    };
    if outer.part != Part::Whole {
        return Err(Reason::FragmentedVxlan);
    }
    let end = outer.offset + length;
    if length < size_of::<Ports>() || end > outer.end || !frame.holds(end) {
        return Err(Reason::BadUdpHeader);
    }
    let vxlan_offset = outer.offset + size_of::<Ports>();
    let vxlan: Vxlan = read(frame, vxlan_offset, end)?;
    let vni = vxlan.vni().ok_or(Reason::VxlanReserved)?;
    let inner = network(frame, vxlan_offset + size_of::<Vxlan>(), end)?;
    if vxlan_datagram(frame, &inner, vxlan_port)?.is_some() {
        return Err(Reason::NestedVxlan);
    }
    let mut flow = transport(frame, &inner)?;
    flow.tag = Tag::vni(vni);
    flow.vtep = Vtep::new(outer.source);
    Ok((flow, headers(&inner)))
}

#[inline(always)]
const fn headers(packet: &Packet) -> Headers {
    Headers { network: packet.start, transport: packet.offset, end: packet.end }
}

/// The UDP length of `packet`, if it goes to the VXLAN port.
#[inline(always)]
fn vxlan_datagram<F: Frame + ?Sized>(frame: &F, packet: &Packet, vxlan_port: u16) -> Result<Option<usize>, Reason> {
    if packet.protocol != UDP {
        return Ok(None);
    }
    let ports = ports(frame, packet)?;
    Ok((ports.destination() == vxlan_port).then(|| ports.udp_length()))
}
