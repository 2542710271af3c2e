//! From config.toml to what the kernel program knows about this host.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};

use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use registry_guard_common::{Address, Budget, Datagrams, Endpoint, EndpointKey, Family, HOST, LocalTraffic, Response};

use super::blind_spots::BlindSpots;
use super::second_layer::SecondLayer;
use crate::config::{Config, DenyResponse, RegistryHost, UdpPolicy};
use crate::kernel::HostTables;
use crate::policy::Policy;

/// The tables for `config`, with the slots that `policy` gave its registries. A denied connection passes the NIC only where
/// `layer` is there to deny it again, and sees it.
pub(super) fn host_tables(config: &Config, policy: &Policy, layer: &SecondLayer, blind: &BlindSpots) -> HostTables {
    let (mut endpoints, mut budgets) = (HashMap::new(), BTreeMap::new());
    for host in &config.registries {
        let Some(slot) = policy.registry(&host.name).and_then(|registry| u16::try_from(registry.slot).ok()) else {
            continue;
        };
        budgets.insert(u32::from(slot), Budget::new(host.budget.per_source, host.budget.total));
        let at_socket = endpoint(slot, host, blind.allow_local(host));
        let is_judged_again = layer.guards(&host.name) && !blind.hide(&host.name);
        let at_nic = if is_judged_again { at_socket } else { at_socket.without_answer() };
        let at_nic = if host.netns.is_some() { at_nic.elsewhere() } else { at_nic };
        for address in host.addresses() {
            endpoints.extend(keys(HOST, address).into_iter().map(|key| (key, at_nic)));
            endpoints.extend(group_key(address).map(|key| (key, at_nic.without_datagrams())));
        }
        let number = layer.number_of(&host.name);
        for &address in host.netns.iter().flat_map(|netns| &netns.listen) {
            endpoints.extend(keys(number, address).into_iter().map(|key| (key, at_socket)));
        }
    }
    HostTables { vxlan_port: config.vxlan.port, trusted_vteps: config.vxlan.trusted_vteps.clone(), endpoints, budgets }
}

/// The addresses of the network namespace of the calling thread.
pub(super) fn own_addresses() -> nix::Result<Vec<IpAddr>> {
    let address = |interface: InterfaceAddress| {
        let address = interface.address?;
        let v4 = address.as_sockaddr_in().map(|address| IpAddr::from(address.ip()));
        v4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::from(address.ip())))
    };
    Ok(getifaddrs()?.filter_map(address).collect())
}

/// Whether a connection to `local` arrives at `endpoint`, which may be a wildcard.
pub(super) fn hears(endpoint: SocketAddr, local: SocketAddr) -> bool {
    let address = match endpoint.ip() {
        ip if ip.is_unspecified() => ip.is_ipv6() || local.is_ipv4(),
        ip => ip == local.ip(),
    };
    address && endpoint.port() == local.port()
}

fn endpoint(slot: u16, host: &RegistryHost, allow_local: bool) -> Endpoint {
    let response = match host.deny_response {
        DenyResponse::Forbidden => Response::Forbidden,
        DenyResponse::Drop => Response::Drop,
        DenyResponse::Reset => Response::Reset,
    };
    let datagrams = match host.udp {
        UdpPolicy::Deny => Datagrams::Deny,
        UdpPolicy::Judge => Datagrams::Judge,
    };
    let local = if allow_local { LocalTraffic::Allow } else { LocalTraffic::Judge };
    Endpoint::new(slot, response, datagrams, local)
}

/// A socket that hears UDP at a guarded port of every address hears groups too, and no program is asked there. Whose rules
/// would judge that, nobody can tell where several registries share a port. A wildcard covers groups already.
fn group_key(address: SocketAddr) -> Option<EndpointKey> {
    let family = Address::from(address.ip()).family();
    (!address.ip().is_unspecified()).then(|| EndpointKey::exact(HOST, &Address::group(family), address.port()))
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
