//! Packet memory, each access checked against its end.
#![expect(unsafe_code, reason = "packet memory is reached through raw pointers that the verifier checks")]

use aya_ebpf::programs::XdpContext;

/// Ethernet, IPv4 without options, IPv6, UDP and VXLAN headers, in bytes.
pub(crate) const ETHERNET: usize = 14;
pub(crate) const IPV4: usize = 20;
pub(crate) const IPV6: usize = 40;
pub(crate) const UDP: usize = 8;
pub(crate) const VXLAN: usize = 8;

/// Where the inner frame of a VXLAN packet over IPv4 begins.
pub(crate) const INNER: usize = ETHERNET + IPV4 + UDP + VXLAN;

/// What stands at `offset`, if the packet goes so far.
#[inline(always)]
pub(crate) fn read<T: Copy>(ctx: &XdpContext, offset: usize) -> Option<T> {
    let start = ctx.data() + offset;
    if start + size_of::<T>() > ctx.data_end() {
        return None;
    }
    // SAFETY: the range was compared with the end of the packet, which the verifier proves again; `T` is made of integers.
    Some(unsafe { (start as *const T).read_unaligned() })
}

/// Writes to `offset`, if the packet goes so far.
#[inline(always)]
pub(crate) fn write<T: Copy>(ctx: &XdpContext, offset: usize, value: T) -> Option<()> {
    let start = ctx.data() + offset;
    if start + size_of::<T>() > ctx.data_end() {
        return None;
    }
    // SAFETY: as above.
    unsafe { (start as *mut T).write_unaligned(value) };
    Some(())
}
