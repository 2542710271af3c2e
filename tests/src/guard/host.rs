use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;
use registry_guard::compile::compile;
use registry_guard::kernel::Table;
use registry_guard_common::{Address, Endpoint, EndpointKey, Entry, GuardedPorts, HOST, RuleKey, Tables};

use super::policy::{host_tables, policy, trusted};
use crate::naive;

/// The kernel's tables as plain collections.
pub struct HostTables {
    vxlan_port: u16,
    vteps: Vec<IpNet>,
    endpoints: HashMap<EndpointKey, Endpoint>,
    ports: Box<GuardedPorts>,
    tables: HashMap<u32, Table>,
}

impl HostTables {
    pub(super) fn new(naive: &naive::Policy) -> Self {
        let compiled = policy(naive);
        let (host, trusted) = (host_tables(naive), trusted(naive));
        Self {
            vxlan_port: host.vxlan_port,
            vteps: host.trusted_vteps,
            ports: Box::new(GuardedPorts::of(host.vxlan_port, host.endpoints.keys())),
            endpoints: host.endpoints,
            tables: compiled
                .registries
                .values()
                .map(|registry| (registry.slot, compile(registry, &compiled, &trusted)))
                .collect(),
        }
    }
}

impl Tables for HostTables {
    fn vxlan_port(&self) -> u16 {
        self.vxlan_port
    }

    fn may_concern(&self, port: u16) -> bool {
        self.ports.name(port.to_be())
    }

    fn endpoint(&self, address: &Address, port: u16) -> Option<Endpoint> {
        let exact = self.endpoints.get(&EndpointKey::exact(HOST, address, port));
        exact.or_else(|| self.endpoints.get(&EndpointKey::wildcard(HOST, address.family(), port))).copied()
    }

    fn trusts_vtep(&self, vtep: &Address) -> bool {
        self.vteps.iter().any(|prefix| prefix.contains(&IpAddr::from(*vtep)))
    }

    fn rule(&self, registry: u32, key: &RuleKey, bits: u32) -> Option<Entry> {
        let covering = self.tables.get(&registry)?.iter().filter(|row| {
            let (length, prefix) = row.place();
            length <= bits && key.starts_with(&prefix, length)
        });
        covering.max_by_key(|row| row.place().0).map(registry_guard::kernel::Row::entry)
    }

    fn is_local(&self, _: &Address) -> bool {
        false
    }
}
