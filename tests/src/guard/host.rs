use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;

use ipnet::IpNet;
use registry_guard::compile::compile;
use registry_guard::front::{Draft, Front};
use registry_guard::kernel::{Row, Table};
use registry_guard_common::{
    Address, Endpoint, EndpointKey, Entry, GuardedPorts, HOST, Reason, RuleKey, RuleTable, Tables,
};

use super::policy::{host_tables, policy, trusted};
use crate::naive;

/// The kernel's tables as plain collections.
pub struct HostTables {
    vxlan_port: u16,
    vteps: Vec<IpNet>,
    endpoints: HashMap<EndpointKey, Endpoint>,
    ports: Box<GuardedPorts>,
    rules: HashMap<u32, Rules>,
}

/// The rules of one registry: all rows, and a front for them in memory of its own.
#[derive(Clone)]
pub struct Rules {
    table: Rc<Table>,
    front: Rc<Front<Draft>>,
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
            rules: compiled
                .registries
                .values()
                .map(|registry| (registry.slot, Rules::new(compile(registry, &compiled, &trusted))))
                .collect(),
        }
    }
}

impl Rules {
    fn new(table: Table) -> Self {
        let rows = table.iter().map(|row| (row.place().0, row.place().1, row.entry().reason()));
        let front = Front::build(rows).expect("a few rows fit");
        Self { table: Rc::new(table), front: Rc::new(front) }
    }
}

impl RuleTable for Rules {
    fn may_cover(&self, key: &RuleKey) -> bool {
        self.front.may_cover(key)
    }

    fn uncovered(&self) -> Reason {
        self.front.uncovered()
    }

    fn longest(&self, key: &RuleKey, bits: u32) -> Option<Entry> {
        let covering = self.table.iter().filter(|row| {
            let (length, prefix) = row.place();
            length <= bits && key.starts_with(&prefix, length)
        });
        covering.max_by_key(|row| row.place().0).map(Row::entry)
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

    type Rules = Rules;

    fn rules(&self, registry: u32) -> Option<Rules> {
        self.rules.get(&registry).cloned()
    }

    fn is_local(&self, _: &Address) -> bool {
        false
    }
}
