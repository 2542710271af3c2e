//! Programs that give a frame its next source and go on with the program under test, so that `BPF_PROG_TEST_RUN` can repeat
//! it on changing packets.
#![expect(unsafe_code, reason = "a tail call leaves Rust's control flow")]

use aya_ebpf::bindings::xdp_action;
use aya_ebpf::btf_maps::ProgramArray;
use aya_ebpf::macros::{btf_map, xdp};
use aya_ebpf::programs::XdpContext;

use crate::memory::INNER;
use crate::sources::{place_ipv4, place_ipv6};

/// The program under test. It belongs to programs for packets in fragments (`xdp.frags`), and so do all that it calls.
#[btf_map]
static UNDER_TEST: ProgramArray<1> = ProgramArray::new();

#[inline(always)]
fn go_on(ctx: &XdpContext, placed: Option<()>) -> u32 {
    if placed.is_some() {
        // SAFETY: nothing here needs to be dropped; where no program stands, the call returns.
        unsafe { UNDER_TEST.tail_call(ctx, 0) };
    }
    xdp_action::XDP_ABORTED
}

/// IPv4 behind an Ethernet header.
#[xdp(frags)]
#[expect(unreachable_pub, reason = "the loader finds the program by its exported symbol")]
pub fn turn_v4(ctx: XdpContext) -> u32 {
    go_on(&ctx, place_ipv4(&ctx, 0))
}

/// IPv4 inside VXLAN over IPv4.
#[xdp(frags)]
#[expect(unreachable_pub, reason = "the loader finds the program by its exported symbol")]
pub fn turn_vxlan(ctx: XdpContext) -> u32 {
    go_on(&ctx, place_ipv4(&ctx, INNER))
}

/// IPv6 behind an Ethernet header.
#[xdp(frags)]
#[expect(unreachable_pub, reason = "the loader finds the program by its exported symbol")]
pub fn turn_v6(ctx: XdpContext) -> u32 {
    go_on(&ctx, place_ipv6(&ctx))
}
