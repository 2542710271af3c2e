use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use rand::Rng;
use rand::seq::IndexedRandom as _;

use super::SmallRng;
use crate::naive::{
    Answer, Endpoint, Interface, Local, Namespace, Place, Policy, PrivateEndpoint, Registry, Rule, ServiceTag,
    UdpAnswer,
};

/// The tags of all random rules; 0 is public traffic.
const TAGS: [u32; 4] = [0, 5001, 5002, 0x00ff_ffff];
/// The ports of all random endpoints.
const PORTS: [u16; 3] = [443, 5000, 8443];

/// The numbers of all random namespaces: that of the host, and the others' first and last.
const NAMESPACES: [u8; 4] = [0, 1, 2, 255];

/// A policy of one to four registries with up to 40 rules, 4 service tags and 12 private endpoints each; no prefix stands
/// twice in the rules under one tag, and many stand in service tags too. They listen in four namespaces.
pub fn policy(rng: &mut SmallRng) -> Policy {
    let mut policy = Policy {
        vxlan_port: *[4789, 4789, 8472].choose(rng).unwrap_or(&4789),
        trusted_vteps: (0..rng.random_range(0..4)).map(|_| prefix(rng)).collect(),
        trusted_services: (0..rng.random_range(0..4)).map(|_| prefix(rng)).collect(),
        ..Policy::default()
    };
    for registry in 0..rng.random_range(1..=4) {
        policy.registries.push(random_registry(rng));
        listen(rng, &mut policy.endpoints, registry);
    }
    policy.namespaces = NAMESPACES.iter().map(|number| namespace(rng, &policy, *number)).collect();
    policy
}

/// Adds places at which the registry with this index listens.
fn listen(rng: &mut impl Rng, endpoints: &mut Vec<Endpoint>, registry: usize) {
    for _ in 0..rng.random_range(1..=3) {
        let place = match rng.random_range(0..6) {
            0 => Place::EveryIpv4,
            1 => Place::EveryIpv6,
            2 | 3 => Place::Address(local_v4(rng)),
            _ => Place::Address(local_v6(rng)),
        };
        let port = *PORTS.choose(rng).unwrap_or(&443);
        let taken = endpoints.iter().any(|endpoint| endpoint.place == place && endpoint.port == port);
        if !taken {
            endpoints.push(Endpoint { place, port, registry });
        }
    }
}

fn namespace(rng: &mut impl Rng, policy: &Policy, number: u8) -> Namespace {
    let mut endpoints = Vec::new();
    if number == 0 {
        endpoints.clone_from(&policy.endpoints);
    } else {
        for registry in 0..policy.registries.len() {
            listen(rng, &mut endpoints, registry);
        }
    }
    let interface = match rng.random_range(0..8) {
        0 => Interface::Unknown,
        1 => Interface::Loopback,
        _ => Interface::Network { tag: *TAGS.choose(rng).unwrap_or(&0), counted: rng.random() },
    };
    // Addresses that rules name too, as those of a container's peer are.
    let own = |rng: &mut _| if Rng::random(rng) { prefix(rng).network() } else { local_v4(rng) };
    Namespace {
        number,
        endpoints,
        interface,
        own_addresses: (0..rng.random_range(0..4)).map(|_| own(rng)).collect(),
        responder: rng.random_bool(0.7),
    }
}

fn random_registry(rng: &mut impl Rng) -> Registry {
    let mut rules: Vec<Rule> = Vec::new();
    for _ in 0..rng.random_range(0..40) {
        let tag = *TAGS.choose(rng).unwrap_or(&0);
        let prefix = prefix(rng);
        if !rules.iter().any(|rule| rule.tag == tag && rule.prefix == prefix) {
            rules.push(Rule { tag, prefix, allow: rng.random_bool(0.6) });
        }
    }
    let service_tags = (0..rng.random_range(0..=4)).map(|_| service_tag(rng, &rules)).collect();
    let mut private_endpoints: Vec<PrivateEndpoint> = Vec::new();
    for _ in 0..rng.random_range(0..=12) {
        let tag = *TAGS[1..].choose(rng).unwrap_or(&5001);
        let address = if rng.random() { local_v4(rng) } else { local_v6(rng) };
        let endpoint = PrivateEndpoint { tag, address };
        if !private_endpoints.contains(&endpoint) {
            private_endpoints.push(endpoint);
        }
    }
    Registry {
        default_allow: rng.random_bool(0.3),
        public_network_access: rng.random_bool(0.85),
        bypass: rng.random_bool(0.3),
        udp: if rng.random() { UdpAnswer::Deny } else { UdpAnswer::Judge },
        private_endpoints,
        rules,
        service_tags,
        answer: *[Answer::Silence, Answer::Reset, Answer::Explanation, Answer::Explanation]
            .choose(rng)
            .unwrap_or(&Answer::Silence),
        local: if rng.random_bool(0.3) { Local::Allowed } else { Local::Judged },
    }
}

/// Up to 20 prefixes: some like any other, some that rules have too, for whatever traffic.
fn service_tag(rng: &mut impl Rng, rules: &[Rule]) -> ServiceTag {
    let one = |rng: &mut _| match rules.choose(rng) {
        Some(rule) if Rng::random_bool(rng, 0.4) => rule.prefix,
        _ => prefix(rng),
    };
    ServiceTag { prefixes: (0..rng.random_range(0..20)).map(|_| one(rng)).collect(), allow: rng.random_bool(0.6) }
}

/// An address that an endpoint may have.
fn local_v4(rng: &mut impl Rng) -> IpAddr {
    Ipv4Addr::new(203, 0, 113, rng.random_range(10..14)).into()
}

/// An address that an endpoint may have.
fn local_v6(rng: &mut impl Rng) -> IpAddr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, rng.random_range(0x10..0x14)).into()
}

/// A prefix of any length, from few enough addresses that rules nest and siblings meet.
fn prefix(rng: &mut impl Rng) -> IpNet {
    if rng.random() {
        let address = Ipv4Addr::new(198, 51, rng.random_range(100..102), rng.random());
        let length = *[0, 1, 8, 16, 22, 23, 24, 25, 28, 31, 32, 32].choose(rng).unwrap_or(&32);
        Ipv4Net::new_assert(address, length).trunc().into()
    } else {
        let address = Ipv6Addr::new(0x2001, 0xdb8, 1, rng.random_range(0..2), 0, 0, 0, rng.random_range(0..512));
        let length = *[0, 1, 32, 47, 48, 63, 64, 65, 96, 120, 127, 128, 128].choose(rng).unwrap_or(&128);
        Ipv6Net::new_assert(address, length).trunc().into()
    }
}

/// A tag that a frame may carry: mostly one with rules, or the one before or after it.
pub(super) fn tag(rng: &mut impl Rng) -> u32 {
    let tag = *TAGS.choose(rng).unwrap_or(&0);
    match rng.random_range(0..20) {
        0 => rng.random_range(0..1 << 24),
        1 | 2 => tag.wrapping_add(1) & 0x00ff_ffff,
        3 | 4 => tag.wrapping_sub(1) & 0x00ff_ffff,
        _ => tag,
    }
}

/// This port, or rarely the one before or after it, or the same with its bytes swapped, or any.
pub(super) fn near_port(rng: &mut impl Rng, port: u16) -> u16 {
    match rng.random_range(0..60) {
        0 | 1 => port.wrapping_add(1),
        2 | 3 => port.wrapping_sub(1),
        4 => port.swap_bytes(),
        5 => rng.random(),
        _ => port,
    }
}

/// A destination: mostly a guarded endpoint of the family, else its neighbourhood.
pub(super) fn destination(rng: &mut impl Rng, endpoints: &[Endpoint], ipv4: bool) -> (IpAddr, u16) {
    let any: IpAddr = if ipv4 {
        Ipv4Addr::new(203, 0, 113, rng.random_range(9..15)).into()
    } else {
        Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, rng.random_range(0x0f..0x15)).into()
    };
    let endpoint = endpoints.choose(rng).filter(|_| rng.random_bool(0.8));
    let port = endpoint.map_or_else(|| *PORTS.choose(rng).unwrap_or(&443), |endpoint| endpoint.port);
    let port = near_port(rng, port);
    match endpoint.map(|endpoint| endpoint.place) {
        Some(Place::Address(address)) if address.is_ipv4() == ipv4 => (address, port),
        _ => (any, port),
    }
}
