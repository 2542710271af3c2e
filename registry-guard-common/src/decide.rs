//! The verdict: written once, run by the kernel programs and by host tests.

use crate::endpoint::{Datagrams, Endpoint, Response};
use crate::{Address, Encapsulation, Entry, Flow, Frame, NO_COUNTER, Reason, RuleKey, Transport, parse};

/// The rules, wherever they are kept.
pub trait Tables {
    /// The UDP port of VXLAN, host byte order.
    fn vxlan_port(&self) -> u16;
    /// The endpoint that listens on `address` and `port` (host byte order), itself or through a wildcard.
    fn endpoint(&self, address: &Address, port: u16) -> Option<Endpoint>;
    /// Whether VXLAN from this outer source carries an identity.
    fn trusts_vtep(&self, vtep: &Address) -> bool;
    /// The longest prefix that covers the first `bits` bits of `key` in the trie of the registry with this index.
    fn rule(&self, registry: u32, key: &RuleKey, bits: u32) -> Option<Entry>;
}

/// What was decided about one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Why; its class is the verdict.
    pub reason: Reason,
    /// The guarded endpoint the packet asked for, or [`Endpoint::UNGUARDED`].
    pub endpoint: Endpoint,
    /// The hit counter of the rule that decided, or [`NO_COUNTER`].
    pub counter: u32,
}

impl Judgement {
    /// A judgement that concerns no endpoint.
    #[inline(always)]
    pub const fn unguarded(reason: Reason) -> Self {
        Self { reason, endpoint: Endpoint::UNGUARDED, counter: NO_COUNTER }
    }

    /// How the denied `flow` is answered: only a SYN outside VXLAN is ever reset, since the reply to an encapsulated one
    /// would have to be encapsulated itself.
    #[inline(always)]
    pub fn response(&self, flow: &Flow) -> Response {
        match (flow.transport, flow.encapsulation) {
            (Transport::TcpSyn, None) => self.endpoint.response(),
            _ => Response::Drop,
        }
    }
}

/// Parses `frame` and decides.
#[inline(always)]
pub fn judge<F: Frame + ?Sized, T: Tables>(frame: &F, tables: &T) -> Judgement {
    match parse(frame, tables.vxlan_port()) {
        Ok((flow, _)) => decide(&flow, tables),
        Err(reason) => Judgement::unguarded(reason),
    }
}

/// Decides about a flow: is its endpoint guarded, does its network have a say, what do the rules answer.
#[inline(always)]
pub fn decide<T: Tables>(flow: &Flow, tables: &T) -> Judgement {
    let mut judgement = Judgement::unguarded(Reason::NotGuarded);
    let Some(endpoint) = tables.endpoint(&flow.destination, flow.port) else {
        return judgement;
    };
    let Some(registry) = endpoint.registry() else {
        return judgement;
    };
    judgement.endpoint = endpoint;
    if let Some(reason) = refusal(flow, endpoint, tables) {
        judgement.reason = reason;
        return judgement;
    }
    let key = RuleKey::new(flow.claimed_tag(), &flow.source);
    match tables.rule(registry, &key, RuleKey::lookup_bits(&flow.source)) {
        Some(entry) => {
            judgement.reason = entry.reason();
            judgement.counter = entry.counter();
        }
        None => judgement.reason = Reason::NoTable,
    }
    judgement
}

/// Why the rules are not even asked.
#[inline(always)]
fn refusal<T: Tables>(flow: &Flow, endpoint: Endpoint, tables: &T) -> Option<Reason> {
    if let Some(Encapsulation { vtep, vni }) = flow.encapsulation {
        if !tables.trusts_vtep(&vtep) {
            return Some(Reason::UntrustedVtep);
        }
        if vni == 0 {
            return Some(Reason::VniZero);
        }
    }
    if flow.transport == Transport::Datagram && endpoint.datagrams() == Datagrams::Deny {
        return Some(Reason::DatagramToGuardedPort);
    }
    None
}
