//! The XDP program: one packet in, one verdict out.

use core::hint::black_box;

use aya_ebpf::bindings::xdp_action;
use aya_ebpf::macros::xdp;
use aya_ebpf::programs::XdpContext;
use registry_guard_common::{
    Class, Event, Flow, HOST, Headers, Judgement, Layer, Outcome, Reason, Response, Sight, decide, gather, glance,
    look_closer,
};

use crate::packet::XdpPacket;
use crate::tables::Maps;
use crate::{budget, counters, events, probe, reset};

/// Interfaces that this program stands on are those of the host.
const MAPS: Maps = Maps::of(HOST);

/// `frags` lets the program stand on interfaces whose MTU exceeds a page, where only the first part of a packet is
/// readable (Linux 5.18).
#[xdp(frags)]
#[inline(always)] // Into the entry that the macro makes: a call more is 6 ns on each packet.
#[expect(unreachable_pub, reason = "the loader finds the program by its exported symbol")]
pub fn guard_xdp(ctx: XdpContext) -> u32 {
    let packet = XdpPacket::new(&ctx);
    let sight = glance(&packet, &MAPS);
    // Most packets are nobody's, and leave by a way that has nothing left to decide. A program without this way says the same.
    if let Some(reason) = sight.nobodys().filter(|_| !cfg!(feature = "another-program")) {
        count(&ctx, &Judgement::unguarded(reason));
        return xdp_action::XDP_PASS;
    }
    match sight {
        Sight::V4 => opening(&ctx, gather(&packet, Sight::V4)),
        Sight::V6 => opening(&ctx, gather(&packet, Sight::V6)),
        Sight::V4InV4 => opening(&ctx, gather(&packet, Sight::V4InV4)),
        _ => match look_closer(&packet, sight, &MAPS) {
            Ok((flow, headers)) => flowing(&ctx, &flow, &headers),
            Err(reason) => act(&ctx, &Judgement::unguarded(reason)),
        },
    }
}

/// What floods are mostly made of, each in a copy of all that follows, in which the compiler knows which headers there are.
#[inline(always)]
fn opening(ctx: &XdpContext, found: Option<(Flow, Headers)>) -> u32 {
    match found {
        Some((flow, headers)) => flowing(ctx, &flow, &headers),
        None => act(ctx, &Judgement::unguarded(Reason::Truncated)),
    }
}

/// A packet that opens something. Whatever few packets need gets copies (`black_box`): LLVM keeps a flow in registers only while
/// nobody asks for its address.
#[inline(always)]
fn flowing(ctx: &XdpContext, flow: &Flow, headers: &Headers) -> u32 {
    let judgement = decide(flow, &MAPS);
    if !count(ctx, &judgement) || judgement.reason.class() != Class::Deny {
        return action(&judgement);
    }
    let response = match judgement.response(flow) {
        // A container can be made anew while there is no agent, and then nothing in it denies.
        Response::Forbidden if judgement.endpoint.ends_elsewhere() && !MAPS.is_vouched() => Response::Drop,
        response => response,
    };
    match response {
        Response::Forbidden => admit(ctx, flow, &judgement),
        Response::Drop => {
            report(ctx, flow, &judgement, response);
            xdp_action::XDP_DROP
        }
        Response::Reset => {
            report(ctx, flow, &judgement, response);
            reset::answer(ctx, &black_box(*flow), &black_box(*headers))
        }
    }
}

/// Lets a denied SYN pass while the budget lasts: the second layer denies it again, and hands it to the responder.
#[inline(always)]
fn admit(ctx: &XdpContext, flow: &Flow, judgement: &Judgement) -> u32 {
    let Some(registry) = judgement.endpoint.registry() else {
        return xdp_action::XDP_DROP;
    };
    let outcome = budget::spend(registry, &black_box(flow.source));
    counters::count_outcome(registry, outcome);
    if outcome == Outcome::Admitted {
        report(ctx, flow, judgement, Response::Forbidden);
        xdp_action::XDP_PASS
    } else {
        report(ctx, flow, judgement, Response::Drop);
        xdp_action::XDP_DROP
    }
}

#[inline(always)]
fn report(ctx: &XdpContext, flow: &Flow, judgement: &Judgement, response: Response) {
    let event = || {
        let ifindex = u32::try_from(ctx.ingress_ifindex()).unwrap_or(0);
        Event::new(&black_box(*flow), judgement, response, Layer::Nic, ifindex)
    };
    if response == Response::Forbidden {
        events::report_admitted(event);
    } else {
        events::report(event);
    }
}

/// Counts a packet; answers it instead, and says so by `false`, if it only asks.
#[inline(always)]
fn count(ctx: &XdpContext, judgement: &Judgement) -> bool {
    let counts = !probe::answer(ctx, judgement);
    if counts {
        counters::count(judgement);
    }
    counts
}

/// What a judgement does to its packet.
#[inline(always)]
fn action(judgement: &Judgement) -> u32 {
    match judgement.reason.class() {
        Class::NotOurs | Class::Allow => xdp_action::XDP_PASS,
        Class::Undecided if MAPS.second_layer_stands() => xdp_action::XDP_PASS,
        Class::Deny | Class::Undecided | Class::Never => xdp_action::XDP_DROP,
    }
}

/// A packet that opens nothing, or nothing that anybody could tell.
#[inline(always)]
fn act(ctx: &XdpContext, judgement: &Judgement) -> u32 {
    count(ctx, judgement);
    action(judgement)
}
