//! The program at the socket: it sees every connection after the kernel unpacked it, whatever way it came.
#![expect(unsafe_code, reason = "a constant that the loader sets is read as the compiler must not")]

use aya_ebpf::bindings::sk_action;
use aya_ebpf::macros::sk_lookup;
use aya_ebpf::programs::SkLookupContext;
use registry_guard_common::{
    Class, Event, FlowRecord, Interface, Judgement, Layer, Outcome, Reason, Response, Tag, Transport, decide_at_socket,
};

use crate::lookup::Lookup;
use crate::tables::Maps;
use crate::{counters, events, flows, responder};

/// The number of the network namespace that this copy of the program is attached to; the loader sets it.
#[unsafe(no_mangle)]
static NAMESPACE: u32 = 0;

/// Decides about each TCP or UDP packet that belongs to no connection. A stray ACK looks like a SYN here, so nothing that
/// this program sees of TCP is told as a denied connection.
#[sk_lookup]
#[expect(unreachable_pub, reason = "the loader finds the program by its exported symbol")]
pub fn guard_sk_lookup(ctx: SkLookupContext) -> u32 {
    // SAFETY: the static is aligned and never written while the program runs.
    let namespace = (unsafe { (&raw const NAMESPACE).read_volatile() } & 0xff) as u8;
    let maps = Maps::of(namespace);
    let mut lookup = Lookup::new(&ctx);
    let interface = maps.interface(lookup.ifindex);
    lookup.flow.tag = interface.tag();
    let judgement = decide_at_socket(&lookup.flow, interface, &maps);
    let Some(registry) = judgement.endpoint.registry() else {
        return sk_action::SK_PASS;
    };
    if judgement.reason.class() == Class::Allow {
        counters::count_outcome(registry, Outcome::LookupAllowed);
        allow(namespace, &lookup, interface, &judgement);
        return sk_action::SK_PASS;
    }
    if forbid(&ctx, namespace, &lookup, &judgement) {
        counters::count_outcome(registry, Outcome::LookupForbidden);
        return sk_action::SK_PASS;
    }
    counters::count_outcome(registry, Outcome::LookupRefused);
    if lookup.flow.transport == Transport::Datagram {
        counters::count_outcome(registry, Outcome::DatagramRefused);
        events::report(|| Event::new(&lookup.flow, &judgement, Response::Drop, Layer::Socket, lookup.ifindex));
    }
    sk_action::SK_DROP
}

/// Remembers what later nobody could tell about an allowed connection.
#[inline(always)]
fn allow(namespace: u8, lookup: &Lookup, interface: Interface, judgement: &Judgement) {
    if !interface.is_counted() {
        counters::count_hit(judgement);
    }
    if lookup.flow.transport != Transport::TcpSyn {
        return;
    }
    let key = lookup.key(namespace);
    if lookup.flow.tag == Tag::PUBLIC {
        flows::forget(&key);
    } else {
        flows::remember(&key, &FlowRecord::new(judgement, lookup.flow.tag, lookup.ifindex));
    }
}

/// Hands a denied connection to the responder; false if it is to be refused.
#[inline(always)]
fn forbid(ctx: &SkLookupContext, namespace: u8, lookup: &Lookup, judgement: &Judgement) -> bool {
    let asks_for_it = lookup.flow.transport == Transport::TcpSyn
        && judgement.endpoint.response() == Response::Forbidden
        && judgement.reason != Reason::MappedSource;
    if !asks_for_it {
        return false;
    }
    let record = FlowRecord::new(judgement, lookup.flow.tag, lookup.ifindex);
    flows::remember(&lookup.key(namespace), &record);
    responder::accept(ctx, namespace, lookup.flow.source.family())
}
