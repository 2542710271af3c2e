use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use ipnet::IpNet;
use registry_guard_common::{Address, Endpoint, EndpointKey, HOST, Half, HostTable, LocalAddressKey, Tables};

use super::{Rules, endpoints, rows};
use crate::naive;

/// The kernel's tables as plain collections, of all namespaces.
pub struct Host {
    vxlan_port: u16,
    vteps: Vec<IpNet>,
    endpoints: HashMap<EndpointKey, Endpoint>,
    table: Box<HostTable>,
    rules: Vec<Rules>,
    own_addresses: HashSet<LocalAddressKey>,
}

impl Host {
    /// The tables of `policy`, whose rows and fronts somebody else has made, in the order of its registries.
    pub fn with_rules(policy: &naive::Policy, rules: Vec<Rules>) -> Self {
        let endpoints = endpoints(policy);
        let own_addresses = policy.namespaces.iter().flat_map(|namespace| {
            let key = |address: &IpAddr| LocalAddressKey::new(namespace.number, &Address::from(*address));
            namespace.own_addresses.iter().map(key)
        });
        Self {
            vxlan_port: policy.vxlan_port,
            vteps: policy.trusted_vteps.clone(),
            table: Box::new(HostTable::of(policy.vxlan_port, endpoints.iter(), Half::Lower)),
            rules,
            own_addresses: own_addresses.collect(),
            endpoints,
        }
    }

    /// The tables of `policy`, without fronts.
    pub fn new(policy: &naive::Policy) -> Self {
        let rules = (0..policy.registries.len()).map(|registry| Rules::new(rows(policy, registry), None));
        Self::with_rules(policy, rules.collect())
    }

    /// As they concern the namespace with this number.
    pub const fn in_namespace(&self, number: u8) -> InNamespace<'_> {
        InNamespace { host: self, number }
    }
}

/// The tables as they concern one namespace.
pub struct InNamespace<'a> {
    host: &'a Host,
    number: u8,
}

impl Tables for InNamespace<'_> {
    fn vxlan_port(&self) -> u16 {
        self.host.vxlan_port
    }

    fn may_concern(&self, port: u16) -> bool {
        self.number != HOST || self.host.table.ports().name(port.to_be())
    }

    fn endpoint(&self, address: &Address, port: u16) -> Option<Endpoint> {
        if self.number == HOST
            && let Some(listener) = self.host.table.listener(address.family(), port.to_be())
            && !listener.is_in_map(address)
        {
            return Some(listener.endpoint(address));
        }
        let exact = self.host.endpoints.get(&EndpointKey::exact(self.number, address, port));
        let wildcard = EndpointKey::wildcard(self.number, address.family(), port);
        exact.or_else(|| self.host.endpoints.get(&wildcard)).copied()
    }

    fn trusts_vtep(&self, vtep: &Address) -> bool {
        self.host.vteps.iter().any(|prefix| prefix.contains(&IpAddr::from(*vtep)))
    }

    type Rules = Rules;

    fn rules(&self, registry: u32) -> Option<Rules> {
        self.host.rules.get(registry as usize).cloned()
    }

    fn is_local(&self, address: &Address) -> bool {
        self.host.own_addresses.contains(&LocalAddressKey::new(self.number, address))
    }
}
