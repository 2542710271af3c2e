//! The verdict: written once, run by the kernel programs and by host tests.

use crate::endpoint::{Datagrams, Endpoint, LocalTraffic, Response};
use crate::{Address, Entry, Flow, Frame, Interface, NO_COUNTER, Reason, RuleKey, Tag, Transport, open};

/// The rules, wherever they are kept.
pub trait Tables {
    /// The UDP port of VXLAN, host byte order.
    fn vxlan_port(&self) -> u16;
    /// Whether traffic to this port (host byte order) may concern anybody; `false` only if no endpoint listens there, whatever
    /// the address, and it is not that of VXLAN.
    fn may_concern(&self, port: u16) -> bool;
    /// The endpoint that listens on `address` and `port` (host byte order), itself or through a wildcard.
    fn endpoint(&self, address: &Address, port: u16) -> Option<Endpoint>;
    /// Whether VXLAN from this outer source carries an identity.
    fn trusts_vtep(&self, vtep: &Address) -> bool;
    /// The rules of one registry.
    type Rules: RuleTable;
    /// Those of the registry with this index, as they stand at this moment.
    fn rules(&self, registry: u32) -> Option<Self::Rules>;
    /// Whether this host has this address.
    fn is_local(&self, address: &Address) -> bool;
}

/// The rules of one registry.
pub trait RuleTable {
    /// Whether a row other than that of a whole family may cover `key`. `true` is always right; `false` denies.
    fn may_cover(&self, key: &RuleKey) -> bool;
    /// Why a source is denied that no row but that of its family covers.
    fn uncovered(&self) -> Reason;
    /// The longest prefix that covers the first `bits` bits of `key`.
    fn longest(&self, key: &RuleKey, bits: u32) -> Option<Entry>;
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
        match (self.endpoint.response(), flow.vtep.address()) {
            (Response::Reset, Some(_)) => Response::Drop,
            (Response::Forbidden, Some(_)) if self.endpoint.ends_elsewhere() => Response::Drop,
            (response, _) => response,
        }
    }
}

/// Parses `frame` and decides.
#[inline(always)]
pub fn judge<F: Frame + ?Sized, T: Tables>(frame: &F, tables: &T) -> Judgement {
    match open(frame, tables) {
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
    // A datagram to a group arrives at each socket of the port, whatever address it has.
    let destination = if flow.transport == Transport::Datagram && flow.destination.is_group() {
        Address::group(flow.destination.family())
    } else {
        flow.destination
    };
    let Some(endpoint) = tables.endpoint(&destination, flow.port) else {
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
    let Some(rules) = tables.rules(registry) else {
        judgement.reason = Reason::NoTable;
        return judgement;
    };
    if flow.tag != Tag::PUBLIC {
        let key = RuleKey::private_endpoint(flow.tag, &flow.destination);
        if rules.may_cover(&key)
            && let Some(entry) = rules.longest(&key, RuleKey::lookup_bits(&flow.destination))
        {
            judgement.reason = entry.reason();
            judgement.counter = entry.counter();
            return judgement;
        }
    }
    let key = RuleKey::new(flow.tag, &flow.source);
    if !rules.may_cover(&key) {
        judgement.reason = rules.uncovered();
        return judgement;
    }
    match rules.longest(&key, RuleKey::lookup_bits(&flow.source)) {
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
    if let Some(vtep) = flow.vtep.address() {
        if !tables.trusts_vtep(vtep) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Vtep;

    const HOST_V4: Address = Address::v4([203, 0, 113, 10]);
    const OFFICE: Address = Address::v4([198, 51, 100, 7]);
    const STRANGER: Address = Address::v4([198, 51, 100, 66]);
    const NIC: Interface = Interface::new(Tag::PUBLIC, false);

    /// One registry at port 443 that allows [`OFFICE`] in public.
    struct One(Endpoint);

    impl One {
        fn new(datagrams: Datagrams, local: LocalTraffic) -> Self {
            Self(Endpoint::new(0, Response::Forbidden, datagrams, local))
        }
    }

    /// Allows [`OFFICE`], and says so only if it is asked.
    struct Office;

    impl RuleTable for Office {
        fn may_cover(&self, _: &RuleKey) -> bool {
            true
        }

        fn uncovered(&self) -> Reason {
            Reason::NoRule
        }

        fn longest(&self, key: &RuleKey, _: u32) -> Option<Entry> {
            let reason = if *key == RuleKey::new(Tag::PUBLIC, &OFFICE) { Reason::IpRule } else { Reason::NoRule };
            Some(Entry::new(reason, 3))
        }
    }

    impl Tables for One {
        fn vxlan_port(&self) -> u16 {
            4789
        }

        fn endpoint(&self, _: &Address, port: u16) -> Option<Endpoint> {
            (port == 443).then_some(self.0)
        }

        fn may_concern(&self, port: u16) -> bool {
            [443, 4789].contains(&port)
        }

        fn trusts_vtep(&self, _: &Address) -> bool {
            true
        }

        type Rules = Office;

        fn rules(&self, _: u32) -> Option<Office> {
            Some(Office)
        }

        fn is_local(&self, address: &Address) -> bool {
            *address == HOST_V4
        }
    }

    fn syn(source: Address) -> Flow {
        let destination = HOST_V4;
        Flow { source, destination, port: 443, transport: Transport::TcpSyn, tag: Tag::PUBLIC, vtep: Vtep::NONE }
    }

    fn reason(flow: Flow, interface: Interface, tables: &One) -> Reason {
        decide_at_socket(&Flow { tag: interface.tag(), ..flow }, interface, tables).reason
    }

    #[test]
    fn at_the_socket_a_source_counts_only_on_an_interface_that_is_known() {
        let tables = One::new(Datagrams::Deny, LocalTraffic::Judge);
        assert_eq!(reason(syn(OFFICE), NIC, &tables), Reason::IpRule);
        assert_eq!(reason(syn(STRANGER), NIC, &tables), Reason::NoRule);
        let unknown = decide_at_socket(&syn(OFFICE), Interface::UNKNOWN, &tables);
        assert_eq!((unknown.reason, unknown.counter), (Reason::UnknownInterface, NO_COUNTER));
        assert_eq!(reason(syn(OFFICE), Interface::new(Tag::vni(5001), true), &tables), Reason::NoRule);
        assert_eq!(reason(Flow { port: 22, ..syn(STRANGER) }, Interface::UNKNOWN, &tables), Reason::NotGuarded);
    }

    #[test]
    fn local_traffic_is_that_of_loopback_or_of_an_own_address_on_a_known_interface() {
        let allowing = One::new(Datagrams::Deny, LocalTraffic::Allow);
        for (source, interface) in [(HOST_V4, NIC), (STRANGER, Interface::loopback())] {
            let judgement = decide_at_socket(&syn(source), interface, &allowing);
            assert_eq!((judgement.reason, judgement.counter), (Reason::LocalTraffic, NO_COUNTER));
            let judging = One::new(Datagrams::Deny, LocalTraffic::Judge);
            assert_eq!(reason(syn(source), interface, &judging), Reason::NoRule);
        }
        assert_eq!(reason(syn(HOST_V4), Interface::UNKNOWN, &allowing), Reason::UnknownInterface);
        assert_eq!(reason(syn(STRANGER), NIC, &allowing), Reason::NoRule);
    }

    #[test]
    fn a_mapped_source_is_denied_at_the_socket_whatever_the_rules_say() {
        let mut octets = [0; 16];
        octets[10..].copy_from_slice(&[0xff, 0xff, 198, 51, 100, 7]);
        let tables = One::new(Datagrams::Deny, LocalTraffic::Judge);
        let judgement = decide_at_socket(&syn(Address::v6(octets)), NIC, &tables);
        assert_eq!((judgement.reason, judgement.counter), (Reason::MappedSource, NO_COUNTER));
    }

    #[test]
    fn datagrams_are_denied_at_the_socket_also_from_the_host_unless_they_are_judged() {
        let datagram = |source| Flow { transport: Transport::Datagram, ..syn(source) };
        let denying = One::new(Datagrams::Deny, LocalTraffic::Allow);
        for (source, interface) in [(OFFICE, NIC), (HOST_V4, Interface::loopback()), (OFFICE, Interface::UNKNOWN)] {
            assert_eq!(reason(datagram(source), interface, &denying), Reason::DatagramToGuardedPort);
        }
        let judging = One::new(Datagrams::Judge, LocalTraffic::Judge);
        assert_eq!(reason(datagram(OFFICE), NIC, &judging), Reason::IpRule);
        assert_eq!(reason(datagram(STRANGER), NIC, &judging), Reason::NoRule);
        assert_eq!(reason(datagram(OFFICE), Interface::UNKNOWN, &judging), Reason::UnknownInterface);
    }

    #[test]
    fn a_denied_syn_inside_vxlan_goes_on_only_where_its_network_is_known_later() {
        let inside = Flow { tag: Tag::vni(5001), vtep: Vtep::new(STRANGER), ..syn(OFFICE) };
        let here = One::new(Datagrams::Deny, LocalTraffic::Judge);
        assert_eq!(decide(&inside, &here).response(&inside), Response::Forbidden);
        let elsewhere = One(here.0.elsewhere());
        assert_eq!(decide(&inside, &elsewhere).response(&inside), Response::Drop);
        assert_eq!(decide(&syn(STRANGER), &elsewhere).response(&syn(STRANGER)), Response::Forbidden);
    }
}
