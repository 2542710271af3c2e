//! The verdict: written once, run by the kernel programs and by host tests.

use crate::endpoint::{Datagrams, Endpoint, LocalTraffic, Response};
use crate::{Address, Entry, Flow, Frame, Interface, NO_COUNTER, Reason, RuleKey, Tag, Transport, parse};

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
    /// Whether this host has this address.
    fn is_local(&self, address: &Address) -> bool;
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

    /// How `guard_xdp` answers the denied `flow`. Only a SYN outside VXLAN is ever reset, since the reply to an encapsulated
    /// one would have to be encapsulated itself. What only this layer can know, the outer source, is never left to the next;
    /// nor is an encapsulated SYN where the next stands in another namespace, and would take it for public traffic.
    #[inline(always)]
    pub fn response(&self, flow: &Flow) -> Response {
        if flow.transport != Transport::TcpSyn || matches!(self.reason, Reason::UntrustedVtep | Reason::VniZero) {
            return Response::Drop;
        }
        match (self.endpoint.response(), flow.vtep) {
            (Response::Reset, Some(_)) => Response::Drop,
            (Response::Forbidden, Some(_)) if self.endpoint.ends_elsewhere() => Response::Drop,
            (response, _) => response,
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

/// Decides about a flow at the socket, where the kernel has unpacked it: `interface` is the one it was received on, and
/// stands for the network it comes from.
#[inline(always)]
pub fn decide_at_socket<T: Tables>(flow: &Flow, interface: Interface, tables: &T) -> Judgement {
    let mut judgement = decide(flow, tables);
    if judgement.endpoint.registry().is_none() || judgement.reason == Reason::DatagramToGuardedPort {
        return judgement;
    }
    let own = interface.is_loopback() || (interface.is_known() && tables.is_local(&flow.source));
    if own && judgement.endpoint.local() == LocalTraffic::Allow {
        judgement.reason = Reason::LocalTraffic;
        judgement.counter = NO_COUNTER;
    } else if flow.source.is_v4_mapped() {
        judgement.reason = Reason::MappedSource;
        judgement.counter = NO_COUNTER;
    } else if !interface.is_known() {
        judgement.reason = Reason::UnknownInterface;
        judgement.counter = NO_COUNTER;
    }
    judgement
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
    if flow.tag != Tag::PUBLIC {
        let key = RuleKey::private_endpoint(flow.tag, &flow.destination);
        if let Some(entry) = tables.rule(registry, &key, RuleKey::lookup_bits(&flow.destination)) {
            judgement.reason = entry.reason();
            judgement.counter = entry.counter();
            return judgement;
        }
    }
    let key = RuleKey::new(flow.tag, &flow.source);
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
    if let Some(vtep) = flow.vtep {
        if !tables.trusts_vtep(&vtep) {
            return Some(Reason::UntrustedVtep);
        }
        if flow.tag == Tag::PUBLIC {
            return Some(Reason::VniZero);
        }
    }
    if flow.transport == Transport::Datagram && endpoint.datagrams() == Datagrams::Deny {
        return Some(Reason::DatagramToGuardedPort);
    }
    None
}
