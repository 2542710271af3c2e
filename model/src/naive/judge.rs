use std::net::IpAddr;

use super::policy::{Endpoint, Place, Policy, PrivateEndpoint, Registry, UdpAnswer};
use super::verdict::{Allowed, Denied, Verdict};

/// The VXLAN packet around the frame that is looked at.
#[derive(Clone, Copy)]
pub(super) struct Tunnel {
    pub(super) outer_source: IpAddr,
    pub(super) vni: u32,
}

/// Who opens a connection to where.
#[derive(Clone, Copy)]
pub(super) struct Opening {
    pub(super) tunnel: Option<Tunnel>,
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) port: u16,
}

/// The opening of a TCP connection.
pub(super) fn connection(policy: &Policy, opening: Opening) -> Verdict {
    match guarded(policy, opening) {
        None => Verdict::Pass,
        Some(registry) => judge(policy, registry, opening, false),
    }
}

/// A datagram, whether it opens something or not.
pub(super) fn datagram(policy: &Policy, opening: Opening) -> Verdict {
    match guarded(policy, opening) {
        None => Verdict::Pass,
        Some(registry) => judge(policy, registry, opening, registry.udp == UdpAnswer::Deny),
    }
}

fn guarded(policy: &Policy, opening: Opening) -> Option<&Registry> {
    listener(&policy.endpoints, opening.destination, opening.port).map(|registry| &policy.registries[registry])
}

/// The index of the registry that listens there: at that very address, or else at all.
pub(super) fn listener(endpoints: &[Endpoint], destination: IpAddr, port: u16) -> Option<usize> {
    let at = |place: Place| {
        let mut endpoints = endpoints.iter();
        endpoints.find(|endpoint| endpoint.port == port && endpoint.place == place)
    };
    let everywhere = match destination {
        IpAddr::V4(_) => Place::EveryIpv4,
        IpAddr::V6(_) => Place::EveryIpv6,
    };
    let endpoint = at(Place::Address(destination)).or_else(|| at(everywhere))?;
    Some(endpoint.registry)
}

fn judge(policy: &Policy, registry: &Registry, opening: Opening, unanswered_datagram: bool) -> Verdict {
    let mut tag = 0;
    if let Some(tunnel) = opening.tunnel {
        let trusted = policy.trusted_vteps.iter().any(|prefix| prefix.contains(&tunnel.outer_source));
        if !trusted {
            return Verdict::Deny(Denied::UntrustedVtep);
        }
        if tunnel.vni == 0 {
            return Verdict::Deny(Denied::VniZero);
        }
        tag = tunnel.vni;
    }
    if unanswered_datagram {
        return Verdict::Deny(Denied::UdpToGuardedPort);
    }
    six_steps(policy, registry, tag, opening.source, opening.destination)
}

/// What the registry's settings and rules say about a source on the network `tag`.
pub(super) fn six_steps(
    policy: &Policy,
    registry: &Registry,
    tag: u32,
    source: IpAddr,
    destination: IpAddr,
) -> Verdict {
    let approved = |endpoint: &PrivateEndpoint| endpoint.tag == tag && endpoint.address == destination;
    if tag != 0 && registry.private_endpoints.iter().any(approved) {
        return Verdict::Allow(Allowed::AtPrivateEndpoint);
    }
    let trusted = || policy.trusted_services.iter().any(|prefix| prefix.contains(&source));
    if tag == 0 && registry.bypass && trusted() {
        return Verdict::Allow(Allowed::TrustedService);
    }
    if !registry.public_network_access {
        return Verdict::Deny(Denied::PublicAccessDisabled);
    }
    // The longest counts; of those as long, a rule before a service tag, and a denied one before an allowed one.
    let mut best: Option<(u8, u8, bool)> = None;
    for rule in &registry.rules {
        if rule.tag == tag && rule.prefix.contains(&source) {
            best = best.max(Some((rule.prefix.prefix_len(), 2, rule.allow)));
        }
    }
    for service in registry.service_tags.iter().filter(|_| tag == 0) {
        for prefix in &service.prefixes {
            if prefix.contains(&source) {
                best = best.max(Some((prefix.prefix_len(), u8::from(!service.allow), service.allow)));
            }
        }
    }
    match best {
        Some((_, _, true)) => Verdict::Allow(Allowed::ByRule),
        Some((_, _, false)) => Verdict::Deny(Denied::ByRule),
        None if registry.default_allow => Verdict::Allow(Allowed::ByDefault),
        None => Verdict::Deny(Denied::ByDefault),
    }
}
