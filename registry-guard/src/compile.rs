//! From the policy of one registry to the rows of its trie.
//!
//! All six steps of the decision end up in one trie, the default action and disabled public access included: as rows that
//! cover a whole address family. So one store into one slot changes everything at once.

use ipnet::IpNet;
use registry_guard_common::{Entry, Family, Reason, Tag};

use crate::kernel::{Row, Table};
use crate::policy::{Action, IpRule, Policy, PublicNetworkAccess, Registry, SubnetRule};

/// Every row of `registry` as `policy` stands.
pub fn compile(registry: &Registry, policy: &Policy) -> Table {
    let default = match (registry.public_network_access, registry.default_action) {
        (PublicNetworkAccess::Disabled, _) => Reason::PublicAccessDisabled,
        (PublicNetworkAccess::Enabled, Action::Allow) => Reason::DefaultAllow,
        (PublicNetworkAccess::Enabled, Action::Deny) => Reason::NoRule,
    };
    let mut table: Table = [Family::V4, Family::V6].map(|family| Row::family(family, default)).into();
    if registry.public_network_access == PublicNetworkAccess::Enabled {
        table.extend(registry.ip_rules.iter().map(ip_row));
        table.extend(registry.subnet_rules.iter().flat_map(|rule| subnet_rows(rule, policy)));
    }
    table
}

/// The row of an IP rule.
pub fn ip_row(rule: &IpRule) -> Row {
    Row::prefix(Tag::PUBLIC, rule.prefix, entry(rule.action, Reason::IpRule, rule.counter))
}

/// The rows of a virtual-network rule: its subnet's prefixes on the network's VNI, aggregated among themselves but never
/// with another rule's, so that each rule keeps its own counter. None while the subnet lacks the service endpoint.
pub fn subnet_rows(rule: &SubnetRule, policy: &Policy) -> Table {
    let (Some(network), Some(subnet)) = (policy.network(&rule.subnet.network), policy.subnet(&rule.subnet)) else {
        return Table::new();
    };
    if !subnet.serves_registry() {
        return Table::new();
    }
    let entry = entry(rule.action, Reason::SubnetRule, rule.counter);
    IpNet::aggregate(&subnet.prefixes)
        .into_iter()
        .map(|prefix| Row::prefix(Tag::vni(network.vni), prefix, entry))
        .collect()
}

fn entry(action: Action, allowed: Reason, counter: u32) -> Entry {
    match action {
        Action::Allow => Entry::new(allowed, counter),
        Action::Deny => Entry::new(Reason::DenyRule, counter),
    }
}
