use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use rand::seq::IteratorRandom as _;

use super::{Model, Site};
use crate::naive::{Answer, Local, Policy, PrivateEndpoint, Registry, Rule, UdpAnswer, Verdict};
use crate::net::Network;
use crate::packet::{Ethernet, Ipv4, Ipv6, Packet, Tcp, Udp, Vxlan};

/// A connection that might be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Probe {
    /// Who opens it.
    pub source: IpAddr,
    /// The VXLAN network that it comes from, or 0 for public traffic.
    pub tag: u32,
    /// Where to, of the same family.
    pub destination: IpAddr,
}

impl Probe {
    /// The SYN as it would arrive.
    fn frame(&self) -> Vec<u8> {
        let syn: Packet = match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                Ethernet::default() / Ipv4::from(source).to(destination) / Tcp::syn(443)
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                Ethernet::default() / Ipv6::from(source).to(destination) / Tcp::syn(443)
            }
            _ => panic!("{self:?} mixes families"),
        };
        if self.tag == 0 {
            return syn.bytes();
        }
        let tunnel = Ethernet::default() / Ipv4::from(Site::VTEP).to(Network::UNDERLAY_V4) / Udp::vxlan();
        (tunnel / Vxlan::vni(self.tag) / syn).bytes()
    }
}

impl Model {
    /// Whom the rules let in, in the form of which [`crate::naive`] judges packets.
    pub fn policy(&self) -> Policy {
        let mut policy = Site::policy();
        let private = self.private_endpoints.iter().filter(|endpoint| endpoint.approved);
        policy.registries.push(Registry {
            default_allow: self.default_allow,
            public_network_access: self.public_access,
            bypass: self.bypass,
            udp: UdpAnswer::Deny,
            private_endpoints: private
                .filter_map(|endpoint| {
                    let tag = self.networks.get(&endpoint.network)?.vni;
                    Some(PrivateEndpoint { tag, address: endpoint.address })
                })
                .collect(),
            rules: self.rules(true),
            service_tags: Vec::new(),
            answer: Answer::Silence,
            local: Local::Judged,
        });
        policy
    }

    /// The verdict on a probe under this policy.
    pub fn verdict(policy: &Policy, probe: &Probe) -> Verdict {
        policy.verdict(&probe.frame())
    }

    /// Probes at the edges of what differs from `before`, of some that stayed, and of what was never named; the same ones
    /// for the same `seed`.
    pub fn probes(&self, before: &Self, seed: u64) -> Vec<Probe> {
        const OF_CHANGES: usize = 6;
        const OF_THE_REST: usize = 5;
        let mut rng = SmallRng::seed_from_u64(seed);
        let (old, new) = (before.effective(), self.effective());
        let changed = old.symmetric_difference(&new).flat_map(|(prefix, tag, _)| around(*prefix, *tag));
        let changed = changed.choose_multiple(&mut rng, OF_CHANGES);
        let named: BTreeSet<(IpAddr, u32)> =
            self.rules(false).iter().flat_map(|rule| around(rule.prefix, rule.tag)).collect();
        let strangers = strangers().into_iter().flat_map(|source| [0, 5001, 5009].map(|tag| (source, tag)));
        // Whoever is let in by one network, or from outside, is asked about in another, too.
        let elsewhere = named.iter().flat_map(|(source, _)| [0, 5001, 5002].map(|tag| (*source, tag)));
        let rest: BTreeSet<(IpAddr, u32)> = named.iter().copied().chain(strangers).chain(elsewhere).collect();
        let rest = rest.into_iter().choose_multiple(&mut rng, OF_THE_REST);
        let sources = changed.into_iter().chain(rest);
        sources
            .filter_map(|(source, tag)| {
                let hears = Site::listening().into_iter().filter(|address| address.is_ipv4() == source.is_ipv4());
                Some(Probe { source, tag, destination: hears.choose(&mut rng)? })
            })
            .collect()
    }

    fn effective(&self) -> BTreeSet<(IpNet, u32, bool)> {
        self.rules(true).iter().map(|rule| (rule.prefix, rule.tag, rule.allow)).collect()
    }

    /// Every rule, or only those that count: of subnets that have the service endpoint.
    fn rules(&self, only_effective: bool) -> Vec<Rule> {
        let ip_rules = self.ip_rules.iter().map(|rule| Rule { tag: 0, prefix: rule.prefix, allow: rule.allow });
        let subnet_rules = self.subnet_rules.iter().flat_map(|rule| {
            let network = self.networks.get(&rule.network);
            let subnet = network.and_then(|network| network.subnet(&rule.subnet));
            let counts = subnet.filter(|subnet| subnet.endpoint || !only_effective);
            let prefixes = counts.map(|subnet| subnet.prefixes.as_slice()).unwrap_or_default();
            let tag = network.map(|network| network.vni).unwrap_or_default();
            prefixes.iter().map(move |prefix| Rule { tag, prefix: *prefix, allow: rule.allow })
        });
        ip_rules.chain(subnet_rules).collect()
    }
}

/// The first and the last address of a prefix, and the ones just outside.
fn edges(prefix: IpNet) -> impl Iterator<Item = IpAddr> {
    let beside: [Option<IpAddr>; 2] = match prefix {
        IpNet::V4(prefix) => {
            let (first, last) = (u32::from(prefix.network()), u32::from(prefix.broadcast()));
            [first.checked_sub(1), last.checked_add(1)].map(|bits| bits.map(|bits| Ipv4Addr::from(bits).into()))
        }
        IpNet::V6(prefix) => {
            let (first, last) = (u128::from(prefix.network()), u128::from(prefix.broadcast()));
            [first.checked_sub(1), last.checked_add(1)].map(|bits| bits.map(|bits| Ipv6Addr::from(bits).into()))
        }
    };
    [prefix.network(), prefix.broadcast()].into_iter().chain(beside.into_iter().flatten())
}

fn around(prefix: IpNet, tag: u32) -> impl Iterator<Item = (IpAddr, u32)> {
    edges(prefix).map(move |source| (source, tag))
}

/// Sources that most rules do not name: trusted services, their neighbours, strangers, and one of no family.
fn strangers() -> Vec<IpAddr> {
    let plain =
        ["192.0.2.66", "2001:db8:ffff::66", "::ffff:198.51.100.7"].map(|text| text.parse().expect("an address"));
    let trusted = Site::TRUSTED.iter().flat_map(|prefix| edges(prefix.parse().expect("a prefix")));
    plain.into_iter().chain(trusted).collect()
}
