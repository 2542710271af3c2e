//! From config.toml to what the kernel program knows about this host.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};

use registry_guard_common::{Address, Budget, Datagrams, Endpoint, EndpointKey, Family, HOST, LocalTraffic, Response};

use super::second_layer::SecondLayer;
use crate::config::{Config, DenyResponse, RegistryHost, UdpPolicy};
use crate::kernel::HostTables;
use crate::policy::Policy;

/// The tables for `config`, with the slots that `policy` gave its registries. A denied connection passes the NIC only where
/// `layer` is there to deny it again.
pub(super) fn host_tables(config: &Config, policy: &Policy, layer: &SecondLayer) -> HostTables {
    let (mut endpoints, mut budgets) = (HashMap::new(), BTreeMap::new());
    for host in &config.registries {
        let Some(slot) = policy.registry(&host.name).and_then(|registry| u16::try_from(registry.slot).ok()) else {
            continue;
        };
        budgets.insert(u32::from(slot), Budget::new(host.budget.per_source, host.budget.total));
        let at_socket = endpoint(slot, host);
        let at_nic = if layer.guards(&host.name) { at_socket } else { at_socket.without_answer() };
        for address in host.addresses() {
            endpoints.extend(keys(HOST, address).into_iter().map(|key| (key, at_nic)));
        }
        let number = layer.number_of(&host.name);
        for &address in host.netns.iter().flat_map(|netns| &netns.listen) {
            endpoints.extend(keys(number, address).into_iter().map(|key| (key, at_socket)));
        }
    }
    HostTables { vxlan_port: config.vxlan.port, trusted_vteps: config.vxlan.trusted_vteps.clone(), endpoints, budgets }
}

fn endpoint(slot: u16, host: &RegistryHost) -> Endpoint {
    let response = match host.deny_response {
        DenyResponse::Forbidden => Response::Forbidden,
        DenyResponse::Drop => Response::Drop,
        DenyResponse::Reset => Response::Reset,
    };
    let datagrams = match host.udp {
        UdpPolicy::Deny => Datagrams::Deny,
        UdpPolicy::Judge => Datagrams::Judge,
    };
    let local = if host.allow_local { LocalTraffic::Allow } else { LocalTraffic::Judge };
    Endpoint::new(slot, response, datagrams, local)
}

/// `0.0.0.0` stands for every IPv4 address; `::` for every address of both families, as a dual-stack socket listens.
fn keys(namespace: u8, address: SocketAddr) -> Vec<EndpointKey> {
    let port = address.port();
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => vec![EndpointKey::wildcard(namespace, Family::V4, port)],
        IpAddr::V6(ip) if ip.is_unspecified() => {
            vec![EndpointKey::wildcard(namespace, Family::V6, port), EndpointKey::wildcard(namespace, Family::V4, port)]
        }
        ip => vec![EndpointKey::exact(namespace, &Address::from(ip), port)],
    }
}
