//! A denied SYN turned into the reset that answers it, sent back the way it came.
#![expect(unsafe_code, reason = "packet memory is written through raw pointers that the verifier checks")]

use aya_ebpf::EbpfContext as _;
use aya_ebpf::bindings::xdp_action;
use aya_ebpf::helpers::generated::{bpf_xdp_adjust_tail, bpf_xdp_get_buff_len};
use aya_ebpf::programs::XdpContext;
use registry_guard_common::{Flow, Frame as _, Headers, Reset};
use zerocopy::IntoBytes;

use crate::packet::{FARTHEST_HEADER, XdpPacket};

/// Destination and source address of an Ethernet header.
type Addresses = [[u8; 6]; 2];

/// Rewrites the packet into a reset and sends it out of the interface it came from; drops it where that cannot be done.
#[inline(always)]
pub(crate) fn answer(ctx: &XdpContext, flow: &Flow, headers: &Headers) -> u32 {
    match rewrite(ctx, flow, headers) {
        Some(()) => xdp_action::XDP_TX,
        None => xdp_action::XDP_DROP,
    }
}

#[inline(always)]
fn rewrite(ctx: &XdpContext, flow: &Flow, headers: &Headers) -> Option<()> {
    let packet = XdpPacket::new(ctx);
    let [to, from]: Addresses = packet.header(0)?;
    // Only a frame sent to this host alone is answered.
    if to[0] & 1 != 0 {
        return None;
    }
    let reset = Reset::to(&packet, flow, headers)?;
    store(ctx, 0, [from, to])?;
    let length = match reset {
        Reset::V4(reset) => store(ctx, headers.network, reset)?,
        Reset::V6(reset) => store(ctx, headers.network, reset)?,
    };
    // SAFETY: the context is the one this program was called with; no packet pointer is used afterwards.
    let cut = unsafe {
        let surplus = bpf_xdp_get_buff_len(ctx.as_ptr().cast()) as i32 - (headers.network + length) as i32;
        bpf_xdp_adjust_tail(ctx.as_ptr().cast(), -surplus)
    };
    (cut == 0).then_some(())
}

/// Writes `bytes` at `offset` into the linear packet and returns how many they are.
#[inline(always)]
fn store<B: IntoBytes + Copy>(ctx: &XdpContext, offset: usize, bytes: B) -> Option<usize> {
    if offset > FARTHEST_HEADER {
        return None;
    }
    let start = ctx.data() + offset;
    if start + size_of::<B>() > ctx.data_end() {
        return None;
    }
    // SAFETY: the range was just compared with the end of the linear packet, which the verifier proves again, and no
    // alignment is asked for.
    unsafe { (start as *mut B).write_unaligned(bytes) };
    Some(size_of::<B>())
}
