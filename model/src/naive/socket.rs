use std::net::IpAddr;

use super::judge::{listener, six_steps};
use super::policy::{Answer, Interface, Local, Namespace, Policy, UdpAnswer};
use super::verdict::{Allowed, Denied, Illegitimate, Verdict};

/// What the kernel looks a socket up for, after it unpacked whatever there was to unpack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// UDP rather than TCP.
    pub datagram: bool,
    /// Who sends it.
    pub source: (IpAddr, u16),
    /// Where to, of the same family.
    pub destination: (IpAddr, u16),
}

/// What becomes of a lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketVerdict {
    /// Why.
    pub verdict: Verdict,
    /// The registry that listens there, by its index in [`Policy::registries`].
    pub registry: Option<usize>,
    /// Where it ends.
    pub fate: Fate,
}

/// Where a packet ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// Wherever it would have ended without a guard, since it is none of its business.
    Untouched,
    /// At the registry.
    Registry,
    /// At the responder.
    Responder,
    /// Nowhere.
    Refused,
}

impl Policy {
    /// What becomes of a lookup in `namespace`.
    pub fn at_socket(&self, namespace: &Namespace, lookup: &Lookup) -> SocketVerdict {
        let (address, port) = lookup.destination;
        let Some(registry) = listener(&namespace.endpoints, address, port) else {
            return SocketVerdict { verdict: Verdict::Pass, registry: None, fate: Fate::Untouched };
        };
        let verdict = self.socket_verdict(namespace, registry, lookup);
        let asks_for_reason = !lookup.datagram && self.registries[registry].answer == Answer::Explanation;
        let fate = match verdict {
            Verdict::Allow(_) => Fate::Registry,
            Verdict::Deny(_) if asks_for_reason && namespace.responder => Fate::Responder,
            _ => Fate::Refused,
        };
        SocketVerdict { verdict, registry: Some(registry), fate }
    }

    fn socket_verdict(&self, namespace: &Namespace, index: usize, lookup: &Lookup) -> Verdict {
        let registry = &self.registries[index];
        let (source, _) = lookup.source;
        if lookup.datagram && registry.udp == UdpAnswer::Deny {
            return Verdict::Deny(Denied::UdpToGuardedPort);
        }
        let local = match namespace.interface {
            Interface::Unknown => false,
            Interface::Loopback => true,
            Interface::Network { .. } => namespace.own_addresses.contains(&source),
        };
        if local && registry.local == Local::Allowed {
            return Verdict::Allow(Allowed::Local);
        }
        if matches!(source, IpAddr::V6(source) if source.to_ipv4_mapped().is_some()) {
            return Verdict::Never(Illegitimate::MappedSource);
        }
        let tag = match namespace.interface {
            Interface::Unknown => return Verdict::Deny(Denied::UnknownInterface),
            Interface::Loopback => 0,
            Interface::Network { tag, .. } => tag,
        };
        six_steps(self, registry, tag, source, lookup.destination.0)
    }
}
