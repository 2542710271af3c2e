//! Senders: a frame gets its next source and leaves through the interface that it was said to come from.

use aya_ebpf::bindings::xdp_action;
use aya_ebpf::macros::xdp;
use aya_ebpf::programs::XdpContext;

use crate::memory::INNER;
use crate::pace::rest;
use crate::sources::{place_ipv4, place_ipv6};

#[inline(always)]
fn sent(placed: Option<()>) -> u32 {
    rest();
    if placed.is_some() { xdp_action::XDP_TX } else { xdp_action::XDP_ABORTED }
}

/// IPv4 behind an Ethernet header.
#[xdp]
#[expect(unreachable_pub, reason = "the loader finds the program by its exported symbol")]
pub fn send_v4(ctx: XdpContext) -> u32 {
    sent(place_ipv4(&ctx, 0))
}

/// IPv4 inside VXLAN over IPv4.
#[xdp]
#[expect(unreachable_pub, reason = "the loader finds the program by its exported symbol")]
pub fn send_vxlan(ctx: XdpContext) -> u32 {
    sent(place_ipv4(&ctx, INNER))
}

/// IPv6 behind an Ethernet header.
#[xdp]
#[expect(unreachable_pub, reason = "the loader finds the program by its exported symbol")]
pub fn send_v6(ctx: XdpContext) -> u32 {
    sent(place_ipv6(&ctx))
}
