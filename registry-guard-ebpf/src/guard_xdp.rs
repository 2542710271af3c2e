//! The XDP program: one packet in, one verdict out.

use aya_ebpf::bindings::xdp_action;
use aya_ebpf::macros::xdp;
use aya_ebpf::programs::XdpContext;
use registry_guard_common::{Class, Flow, Headers, Judgement, Response, Tables as _, decide, parse};

use crate::packet::XdpPacket;
use crate::tables::Maps;
use crate::{counters, events, probe, reset};

/// `frags` lets the program stand on interfaces whose MTU exceeds a page, where only the first part of a packet is
/// readable (Linux 5.18).
#[xdp(frags)]
#[expect(unreachable_pub, reason = "the loader finds the program by its exported symbol")]
pub fn guard_xdp(ctx: XdpContext) -> u32 {
    match parse(&XdpPacket::new(&ctx), Maps.vxlan_port()) {
        Ok((flow, headers)) => flowing(&ctx, &flow, &headers),
        Err(reason) => act(&ctx, &Judgement::unguarded(reason)),
    }
}

/// A packet that opens something.
#[inline(always)]
fn flowing(ctx: &XdpContext, flow: &Flow, headers: &Headers) -> u32 {
    let judgement = decide(flow, &Maps);
    let action = act(ctx, &judgement);
    if judgement.reason.class() != Class::Deny || probe::is_question(ctx) {
        return action;
    }
    events::report(ctx, flow, &judgement);
    match judgement.response(flow) {
        Response::Drop => action,
        Response::Reset => reset::answer(ctx, flow, headers),
    }
}

/// What a judgement does to its packet, which is counted unless it only asks.
#[inline(always)]
fn act(ctx: &XdpContext, judgement: &Judgement) -> u32 {
    if !probe::answer(ctx, judgement) {
        counters::count(judgement);
    }
    match judgement.reason.class() {
        Class::NotOurs | Class::Allow => xdp_action::XDP_PASS,
        // No second layer stands behind this one yet, so what cannot be decided here is dropped.
        Class::Deny | Class::Undecided | Class::Never => xdp_action::XDP_DROP,
    }
}
