use core::mem::size_of;

use zerocopy::FromBytes;

use crate::Reason;

/// The bytes of one packet, from its Ethernet header on.
pub trait Frame {
    /// A copy of the header at `offset` bytes, if all of it can be read directly.
    fn header<H: FromBytes + Copy>(&self, offset: usize) -> Option<H>;

    /// Whether the packet is at least `end` bytes long, counting bytes that [`Frame::header`] cannot reach
    /// (fragments of a multi-buffer packet).
    fn holds(&self, end: usize) -> bool;

    /// Whether [`Frame::header`] can reach each byte before `end`.
    fn reaches(&self, end: usize) -> bool;

    /// The same offset. A kernel program returns it as a number of which its verifier knows nothing but a bound, so that
    /// all the ways that lead here are verified as one; without this they multiply beyond what it accepts.
    #[inline(always)]
    fn anywhere(&self, offset: usize) -> usize {
        offset
    }
}

impl Frame for [u8] {
    fn header<H: FromBytes + Copy>(&self, offset: usize) -> Option<H> {
        H::read_from_prefix(self.get(offset..)?).ok().map(|(header, _)| header)
    }

    fn holds(&self, end: usize) -> bool {
        self.len() >= end
    }

    fn reaches(&self, end: usize) -> bool {
        self.len() >= end
    }
}

/// Reads the header at `offset`, which must end at or before `limit`, the end of the layer around it.
#[inline(always)]
pub(crate) fn read<H: FromBytes + Copy, F: Frame + ?Sized>(
    frame: &F,
    offset: usize,
    limit: usize,
) -> Result<H, Reason> {
    let end = offset + size_of::<H>();
    if end > limit {
        return Err(Reason::Truncated);
    }
    match frame.header(offset) {
        Some(header) => Ok(header),
        None if frame.holds(end) => Err(Reason::NonLinear),
        None => Err(Reason::Truncated),
    }
}
