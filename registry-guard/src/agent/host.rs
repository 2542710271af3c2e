//! From config.toml to what the kernel program knows about this host.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use registry_guard_common::{Address, Datagrams, Endpoint, EndpointKey, Family, Response};

use crate::config::{Config, DenyResponse, RegistryHost, UdpPolicy};
use crate::kernel::HostTables;
use crate::policy::Policy;

/// The tables for `config`, with the slots that `policy` gave its registries.
pub(super) fn host_tables(config: &Config, policy: &Policy) -> HostTables {
    let mut endpoints = HashMap::new();
    for host in &config.registries {
        let Some(slot) = policy.registry(&host.name).and_then(|registry| u16::try_from(registry.slot).ok()) else {
            continue;
        };
        let endpoint = endpoint(slot, host);
        for address in addresses(host) {
            endpoints.extend(keys(address).into_iter().map(|key| (key, endpoint)));
        }
    }
    HostTables { vxlan_port: config.vxlan.port, trusted_vteps: config.vxlan.trusted_vteps.clone(), endpoints }
}

/// Every address of a registry: of its login server and of its data endpoints.
pub(super) fn addresses(host: &RegistryHost) -> impl Iterator<Item = SocketAddr> {
    host.listen.iter().chain(host.data_endpoints.iter().flat_map(|data| &data.listen)).copied()
}

fn endpoint(slot: u16, host: &RegistryHost) -> Endpoint {
    let response = match host.deny_response {
        DenyResponse::Drop => Response::Drop,
        DenyResponse::Reset => Response::Reset,
    };
    let datagrams = match host.udp {
        UdpPolicy::Deny => Datagrams::Deny,
        UdpPolicy::Judge => Datagrams::Judge,
    };
    Endpoint::new(slot, response, datagrams)
}

/// `0.0.0.0` stands for every IPv4 address; `::` for every address of both families, as a dual-stack socket listens.
fn keys(address: SocketAddr) -> Vec<EndpointKey> {
    let port = address.port();
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => vec![EndpointKey::wildcard(Family::V4, port)],
        IpAddr::V6(ip) if ip.is_unspecified() => {
            vec![EndpointKey::wildcard(Family::V6, port), EndpointKey::wildcard(Family::V4, port)]
        }
        ip => vec![EndpointKey::exact(&Address::from(ip), port)],
    }
}
