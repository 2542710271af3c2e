use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ipnet::IpNet;

use crate::naive::{Endpoint, Policy};
use crate::net::{GuardConfig, Network};
use crate::packet::Udp;

pub(crate) const GROUP: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/registry-guard";
pub(crate) const REGISTRY: &str = GuardConfig::REGISTRY;

/// The facts about the host that are no policy.
#[derive(Debug)]
pub struct Site;

impl Site {
    /// Who encapsulates.
    pub const VTEP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 11);
    /// Where the trusted service comes from: some of the rules' addresses, and others.
    pub const TRUSTED: [&str; 2] = ["198.51.101.128/25", "2001:db8:7::/48"];
    /// Where the registry listens beside its usual addresses, for private endpoints.
    pub const PRIVATE: [&str; 3] = ["10.1.0.200", "10.1.7.200", "2001:db8:a::200"];

    /// The `config.toml` that says so, for an agent in `network`.
    pub fn config(network: &Network) -> GuardConfig {
        let config = GuardConfig::of(network).reset().trusted_vtep(&Self::VTEP.to_string());
        let config = config.trusted_service("pipelines", &Self::TRUSTED);
        Self::PRIVATE.iter().fold(config, |config, address| {
            let address: IpAddr = address.parse().expect("an address");
            config.listen(&SocketAddr::new(address, 443).to_string())
        })
    }

    /// Every address at which the registry listens.
    pub(super) fn listening() -> Vec<IpAddr> {
        let private = Self::PRIVATE.iter().map(|address| address.parse().expect("an address"));
        [Network::REGISTRY_V4.into(), Network::REGISTRY_V6.into()].into_iter().chain(private).collect()
    }

    /// A policy without registries on this host.
    pub(super) fn policy() -> Policy {
        let listening = Self::listening().into_iter();
        Policy {
            endpoints: listening.flat_map(|address| Endpoint::listening(SocketAddr::new(address, 443), 0)).collect(),
            vxlan_port: Udp::VXLAN,
            trusted_vteps: vec![IpNet::from(IpAddr::from(Self::VTEP))],
            trusted_services: Self::TRUSTED.iter().map(|prefix| prefix.parse().expect("a prefix")).collect(),
            registries: Vec::new(),
            namespaces: Vec::new(),
        }
    }
}
