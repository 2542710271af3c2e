//! What no filter can be faster than.

use aya_ebpf::bindings::xdp_action;
use aya_ebpf::macros::xdp;
use aya_ebpf::programs::XdpContext;

/// Drops without a look.
#[xdp(frags)]
#[expect(unreachable_pub, reason = "the loader finds the program by its exported symbol")]
pub fn drop_all(_: XdpContext) -> u32 {
    xdp_action::XDP_DROP
}

/// Passes without a look.
#[xdp(frags)]
#[expect(unreachable_pub, reason = "the loader finds the program by its exported symbol")]
pub fn pass_all(_: XdpContext) -> u32 {
    xdp_action::XDP_PASS
}
