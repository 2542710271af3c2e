use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use rand::Rng;
use rand::seq::IndexedRandom as _;

use crate::naive::Policy;

/// An IPv4 source: mostly within or beside one of the policy's rules or trusted services.
pub(super) fn ipv4(rng: &mut impl Rng, policy: &Policy) -> Ipv4Addr {
    match near(rng, &prefixes(policy, true)) {
        Some(IpAddr::V4(address)) => address,
        _ => rng.random::<u32>().into(),
    }
}

/// An IPv6 source: mostly within or beside one of the policy's rules or trusted services, rarely a mapped one.
pub(super) fn ipv6(rng: &mut impl Rng, policy: &Policy) -> Ipv6Addr {
    if rng.random_bool(0.03) {
        return ipv4(rng, policy).to_ipv6_mapped();
    }
    match near(rng, &prefixes(policy, false)) {
        Some(IpAddr::V6(address)) => address,
        _ => rng.random::<u128>().into(),
    }
}

/// The source of a VXLAN packet: mostly a trusted VTEP or its neighbour.
pub(super) fn vtep(rng: &mut impl Rng, policy: &Policy) -> Option<IpAddr> {
    near(rng, &policy.trusted_vteps)
}

fn prefixes(policy: &Policy, ipv4: bool) -> Vec<IpNet> {
    let rules = policy.registries.iter().flat_map(|registry| &registry.rules).map(|rule| rule.prefix);
    let tags = policy.registries.iter().flat_map(|registry| &registry.service_tags);
    let all = rules.chain(policy.trusted_services.iter().copied()).chain(tags.flat_map(|tag| tag.prefixes.clone()));
    all.filter(|prefix| prefix.addr().is_ipv4() == ipv4).collect()
}

/// The last address before the prefix, its first, its last, and the first behind it.
fn edges(prefix: IpNet) -> [IpAddr; 4] {
    match (prefix.network(), prefix.broadcast()) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            let (first, last) = (u32::from(first), u32::from(last));
            [first.wrapping_sub(1), first, last, last.wrapping_add(1)].map(|address| Ipv4Addr::from(address).into())
        }
        (IpAddr::V6(first), IpAddr::V6(last)) => {
            let (first, last) = (u128::from(first), u128::from(last));
            [first.wrapping_sub(1), first, last, last.wrapping_add(1)].map(|address| Ipv6Addr::from(address).into())
        }
        (first, _) => [first; 4],
    }
}

/// An address at an edge of one of the prefixes, inside of it or inside of its sibling, or nothing.
fn near(rng: &mut impl Rng, prefixes: &[IpNet]) -> Option<IpAddr> {
    let prefix = *prefixes.choose(rng)?;
    if rng.random_bool(0.1) {
        return None;
    }
    if rng.random_bool(0.6) {
        return edges(prefix).choose(rng).copied();
    }
    let sibling = rng.random_bool(0.2) && prefix.prefix_len() > 0;
    let host_bits = u32::from(prefix.max_prefix_len() - prefix.prefix_len());
    Some(match prefix.addr() {
        IpAddr::V4(address) => {
            let host = rng.random::<u32>().checked_shr(32 - host_bits).unwrap_or(0);
            let flip = if sibling { 1_u32.checked_shl(host_bits).unwrap_or(0) } else { 0 };
            Ipv4Addr::from((u32::from(address) | host) ^ flip).into()
        }
        IpAddr::V6(address) => {
            let host = rng.random::<u128>().checked_shr(128 - host_bits).unwrap_or(0);
            let flip = if sibling { 1_u128.checked_shl(host_bits).unwrap_or(0) } else { 0 };
            Ipv6Addr::from((u128::from(address) | host) ^ flip).into()
        }
    })
}
