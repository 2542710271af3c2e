//! From the policy of one registry to the rows of its trie.
//!
//! All six steps of the decision end up in one trie, the default action and disabled public access included: as rows that
//! cover a whole address family. So one store into one slot changes everything at once.

mod public;
#[cfg(test)]
mod tests;
mod trusted;

use ipnet::IpNet;
use registry_guard_common::{Address, Entry, Family, NO_COUNTER, Reason, Tag};

use crate::kernel::{Row, Table};
use crate::policy::{Action, BypassOptions, Policy, PrivateEndpoint, PublicNetworkAccess, Registry, SubnetRule};

pub use public::{public_row, public_rows};
pub use trusted::TrustedPrefixes;

/// Every row of `registry` as `policy` stands, on a host that trusts services at `trusted`.
pub fn compile(registry: &Registry, policy: &Policy, trusted: &TrustedPrefixes) -> Table {
    let default = match (registry.public_network_access, registry.default_action) {
        (PublicNetworkAccess::Disabled, _) => Reason::PublicAccessDisabled,
        (PublicNetworkAccess::Enabled, Action::Allow) => Reason::DefaultAllow,
        (PublicNetworkAccess::Enabled, Action::Deny) => Reason::NoRule,
    };
    let mut table: Table = [Family::V4, Family::V6].map(|family| Row::family(family, default)).into();
    table.extend(registry.private_endpoints.iter().filter_map(|endpoint| private_endpoint_row(endpoint, policy)));
    if registry.bypass == BypassOptions::AzureServices {
        let entry = Entry::new(Reason::TrustedService, NO_COUNTER);
        table.extend(trusted.iter().map(|prefix| Row::prefix(Tag::PUBLIC, prefix, entry)));
    }
    table.extend(public_rows(registry, policy, trusted));
    table.extend(registry.subnet_rules.iter().flat_map(|rule| subnet_rows(registry, rule, policy)));
    table
}

/// The row of a private endpoint, if it is approved. Public network access has no say in it.
pub fn private_endpoint_row(endpoint: &PrivateEndpoint, policy: &Policy) -> Option<Row> {
    let network = policy.network(&endpoint.network).filter(|_| endpoint.is_approved())?;
    let entry = Entry::new(Reason::PrivateEndpoint, endpoint.counter);
    Some(Row::private_endpoint(Tag::vni(network.vni), &Address::from(endpoint.address), entry))
}

/// The rows of a virtual-network rule of `registry`: its subnet's prefixes on the network's VNI, aggregated among themselves
/// but never with another rule's, so that each rule keeps its own counter. None while the subnet lacks the service
/// endpoint or public access is disabled.
pub fn subnet_rows(registry: &Registry, rule: &SubnetRule, policy: &Policy) -> Table {
    let (Some(network), Some(subnet)) = (policy.network(&rule.subnet.network), policy.subnet(&rule.subnet)) else {
        return Table::new();
    };
    if registry.public_network_access == PublicNetworkAccess::Disabled || !subnet.serves_registry() {
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
