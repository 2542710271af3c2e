use std::net::IpAddr;

use rand::Rng as _;
use rand::seq::IndexedRandom as _;

use super::{SmallRng, policy as choice, source};
use crate::naive::{Lookup, Namespace, Policy};

/// A random lookup of a socket in this namespace.
pub fn lookup(rng: &mut SmallRng, policy: &Policy, namespace: &Namespace) -> Lookup {
    let own = namespace.own_addresses.choose(rng).copied().filter(|_| rng.random_bool(0.15));
    let ipv4 = own.map_or_else(|| rng.random(), |own| own.is_ipv4());
    let source: IpAddr = match own {
        Some(own) => own,
        None if ipv4 => source::ipv4(rng, policy).into(),
        None => source::ipv6(rng, policy).into(),
    };
    Lookup {
        datagram: rng.random_bool(0.2),
        source: (source, rng.random_range(1..=u16::MAX)),
        destination: choice::destination(rng, &namespace.endpoints, ipv4),
    }
}
