//! Packets made to slip past a filter, each with what must become of it. One file per subject.
//!
//! A shape is composed for a source that a rule allows and for one that no rule covers: where the packet is a connection
//! attempt in disguise, the verdict must be the source's; where it is never legitimate, nobody's.

mod ipv4;
mod ipv6;
mod link;
mod transport;
mod vxlan;

use std::net::{Ipv4Addr, Ipv6Addr};

use registry_guard_common::Reason;

use crate::naive::{Answer, Endpoint, Local, Policy, Registry, Rule, UdpAnswer};
use crate::packet::Packet;

/// One packet, from two sources.
pub struct Attack {
    /// What is done, in a few words.
    pub name: &'static str,
    /// What must become of it.
    pub expected: Expected,
    /// The packet from the given sources.
    pub packet: fn(&Source) -> Packet,
}

/// What must become of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// It opens a connection, so its source decides: [`Reason::IpRule`] or [`Reason::NoRule`].
    Judged,
    /// It opens a connection inside a virtual network: [`Reason::SubnetRule`] or [`Reason::NoRule`].
    JudgedInside,
    /// This, whoever sent it.
    Always(Reason),
}

/// Who sends it.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// As seen over IPv4.
    pub v4: Ipv4Addr,
    /// As seen over IPv6.
    pub v6: Ipv6Addr,
    /// Whether a rule of [`policy`] covers it, in public and on [`VNI`].
    pub allowed: bool,
}

/// The virtual network whose subnets [`policy`] allows.
pub const VNI: u32 = 5001;
/// A VTEP that [`policy`] trusts.
pub const VTEP: &str = "192.0.2.11";
/// A VTEP that [`policy`] trusts.
pub const VTEP_V6: &str = "2001:db8:f::11";

impl Source {
    /// A source that rules allow.
    pub const ALLOWED: Self =
        Self { v4: Ipv4Addr::new(198, 51, 100, 7), v6: Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 7), allowed: true };
    /// A source that no rule covers.
    pub const DENIED: Self = Self {
        v4: Ipv4Addr::new(198, 51, 100, 200),
        v6: Ipv6Addr::new(0x2001, 0xdb8, 2, 0, 0, 0, 0, 7),
        allowed: false,
    };
}

impl Attack {
    const fn new(name: &'static str, expected: Expected, packet: fn(&Source) -> Packet) -> Self {
        Self { name, expected, packet }
    }

    /// The reason for this packet from that source.
    pub fn reason(&self, source: &Source) -> Reason {
        match (self.expected, source.allowed) {
            (Expected::Always(reason), _) => reason,
            (Expected::Judged, true) => Reason::IpRule,
            (Expected::JudgedInside, true) => Reason::SubnetRule,
            (Expected::Judged | Expected::JudgedInside, false) => Reason::NoRule,
        }
    }
}

/// Every attack.
pub fn all() -> Vec<Attack> {
    [link::attacks(), ipv4::attacks(), ipv6::attacks(), transport::attacks(), vxlan::attacks()]
        .into_iter()
        .flatten()
        .collect()
}

/// The rules that the attacks are made against. The second registry, on port 8443, has the same rules and resets.
pub fn policy() -> Policy {
    let rules = [(0, "198.51.100.0/25"), (0, "2001:db8:1::/48"), (VNI, "198.51.100.0/25"), (VNI, "2001:db8:1::/48")];
    let rules = rules.map(|(tag, prefix)| Rule { tag, prefix: prefix.parse().expect("a prefix"), allow: true });
    let registry = Registry {
        default_allow: false,
        public_network_access: true,
        bypass: false,
        udp: UdpAnswer::Deny,
        private_endpoints: Vec::new(),
        service_tags: Vec::new(),
        rules: rules.to_vec(),
        answer: Answer::Silence,
        local: Local::Judged,
    };
    let resetting = Registry { answer: Answer::Reset, ..registry.clone() };
    let listening =
        [("203.0.113.10:443", 0), ("[2001:db8::10]:443", 0), ("203.0.113.10:8443", 1), ("[2001:db8::10]:8443", 1)];
    Policy {
        endpoints: listening
            .iter()
            .flat_map(|(listen, registry)| Endpoint::listening(listen.parse().expect("an address"), *registry))
            .collect(),
        vxlan_port: 4789,
        trusted_vteps: [VTEP, VTEP_V6]
            .map(|vtep| vtep.parse::<std::net::IpAddr>().expect("an address").into())
            .to_vec(),
        trusted_services: Vec::new(),
        registries: vec![registry, resetting],
        namespaces: Vec::new(),
    }
}
