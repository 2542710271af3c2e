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

#[cfg(test)]
mod tests {
    use registry_guard_common::NO_COUNTER;

    use super::*;
    use crate::policy::{REGISTRY_SERVICE, Settings, Subnet, SubnetId, VirtualNetwork};

    fn prefixes(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    /// One registry with an IP rule and a rule for a subnet of two halves and a stranger.
    fn policy(settings: Settings, service_endpoints: &[&str]) -> Policy {
        let mut policy = Policy::default();
        policy.networks.insert(
            "office".to_owned(),
            VirtualNetwork {
                name: "office".to_owned(),
                vni: 5001,
                prefixes: prefixes(&["10.0.0.0/8"]),
                subnets: vec![Subnet {
                    name: "ci".to_owned(),
                    prefixes: prefixes(&["10.1.0.0/25", "10.1.0.128/25", "10.9.0.0/24"]),
                    service_endpoints: service_endpoints.iter().map(ToString::to_string).collect(),
                }],
            },
        );
        let mut registry = Registry::new("contoso", 3, "2026-01-01T00:00:00Z", settings);
        registry.ip_rules.insert(IpRule {
            value: "203.0.113.0/24".to_owned(),
            prefix: "203.0.113.0/24".parse().unwrap(),
            action: Action::Deny,
            counter: 7,
        });
        let subnet = SubnetId::new("office", "ci");
        registry.subnet_rules.push(SubnetRule { subnet, action: Action::Allow, counter: 8 });
        policy.registries.insert("contoso".to_owned(), registry);
        policy
    }

    fn table(policy: &Policy) -> Table {
        compile(&policy.registries["contoso"], policy)
    }

    fn defaults(reason: Reason) -> Table {
        vec![Row::family(Family::V4, reason), Row::family(Family::V6, reason)]
    }

    #[test]
    fn every_rule_becomes_rows_with_its_own_counter() {
        let mut expected = defaults(Reason::NoRule);
        let row =
            |tag, prefix: &str, reason, counter| Row::prefix(tag, prefix.parse().unwrap(), Entry::new(reason, counter));
        expected.push(row(Tag::PUBLIC, "203.0.113.0/24", Reason::DenyRule, 7));
        expected.push(row(Tag::vni(5001), "10.1.0.0/24", Reason::SubnetRule, 8));
        expected.push(row(Tag::vni(5001), "10.9.0.0/24", Reason::SubnetRule, 8));
        assert_eq!(table(&policy(Settings::FRESH, &[REGISTRY_SERVICE])), expected);
    }

    #[test]
    fn a_subnet_without_the_service_endpoint_has_no_rows() {
        assert_eq!(table(&policy(Settings::FRESH, &[])).len(), 3);
        assert_eq!(table(&policy(Settings::FRESH, &["Microsoft.Storage"])).len(), 3);
    }

    #[test]
    fn disabled_public_access_leaves_no_rule() {
        let settings = Settings { public_network_access: PublicNetworkAccess::Disabled, ..Settings::FRESH };
        assert_eq!(table(&policy(settings, &[REGISTRY_SERVICE])), defaults(Reason::PublicAccessDisabled));
        let open = Settings { default_action: Action::Allow, ..settings };
        assert_eq!(table(&policy(open, &[REGISTRY_SERVICE])), defaults(Reason::PublicAccessDisabled));
    }

    #[test]
    fn the_default_action_covers_both_families_and_every_network() {
        let settings = Settings { default_action: Action::Allow, ..Settings::FRESH };
        let table = table(&policy(settings, &[]));
        assert_eq!(table[..2], defaults(Reason::DefaultAllow));
        assert_eq!(table[2].entry(), Entry::new(Reason::DenyRule, 7), "a Deny rule is an exception to it");
        assert_eq!(table[0].place().0, 8, "only the family's byte must match");
        assert_eq!(table[0].entry().counter(), NO_COUNTER);
    }
}
