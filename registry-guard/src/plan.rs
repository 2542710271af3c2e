//! Decides how an accepted change reaches the kernel, without touching it.

use crate::compile::{ip_row, subnet_rows};
use crate::kernel::Row;
use crate::policy::{Edit, IpRule, Policy, PublicNetworkAccess, Subject, SubnetRule};

/// How a change reaches the kernel. Either way no packet meets half of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// No row changes.
    Nothing,
    /// One row of the table in `slot` is added or changed.
    Insert {
        /// The registry's slot.
        slot: u32,
        /// The row.
        row: Row,
        /// The row it takes the place of.
        before: Option<Row>,
    },
    /// One row of the table in `slot` is taken away.
    Remove {
        /// The registry's slot.
        slot: u32,
        /// The row.
        row: Row,
    },
    /// The tables of these registries (lower-case names) are built anew, then each is swapped in one step.
    Swap(Vec<String>),
}

/// The plan for `edits`, which come from validating a change of `before`.
pub fn plan(before: &Policy, edits: &[Edit]) -> Plan {
    match edits {
        [] => Plan::Nothing,
        [edit] => single(before, edit).unwrap_or_else(|| bulk(before, edits)),
        _ => bulk(before, edits),
    }
}

/// `None` if the change takes more than one row.
fn single(policy: &Policy, edit: &Edit) -> Option<Plan> {
    let (registry, before, after) = match edit {
        Edit::InsertIpRule { registry, rule } => {
            let registry = policy.registries.get(registry)?;
            (registry, rows(registry.ip_rules.get(&rule.prefix)), vec![ip_row(rule)])
        }
        Edit::RemoveIpRule { registry, prefix } => {
            let registry = policy.registries.get(registry)?;
            (registry, rows(registry.ip_rules.get(prefix)), Vec::new())
        }
        Edit::InsertSubnetRule { registry, rule } => {
            let registry = policy.registries.get(registry)?;
            let before = registry.subnet_rule(&rule.subnet).map(|rule| subnet_rows(rule, policy));
            (registry, before.unwrap_or_default(), subnet_rows(rule, policy))
        }
        Edit::RemoveSubnetRule { registry, subnet } => {
            let registry = policy.registries.get(registry)?;
            (registry, subnet_rows(registry.subnet_rule(subnet)?, policy), Vec::new())
        }
        _ => return None,
    };
    if registry.public_network_access == PublicNetworkAccess::Disabled {
        return Some(Plan::Nothing);
    }
    let slot = registry.slot;
    match (before.as_slice(), after.as_slice()) {
        ([], []) => Some(Plan::Nothing),
        ([], &[row]) => Some(Plan::Insert { slot, row, before: None }),
        (&[before], &[row]) if before.place() == row.place() => Some(Plan::Insert { slot, row, before: Some(before) }),
        (&[row], []) => Some(Plan::Remove { slot, row }),
        _ => None,
    }
}

fn rows(rule: Option<&IpRule>) -> Vec<Row> {
    rule.map(ip_row).into_iter().collect()
}

fn bulk(before: &Policy, edits: &[Edit]) -> Plan {
    let mut registries: Vec<String> = edits.iter().flat_map(|edit| touched(before, edit)).collect();
    registries.sort_unstable();
    registries.dedup();
    if registries.is_empty() { Plan::Nothing } else { Plan::Swap(registries) }
}

/// The registries whose tables an edit may change.
fn touched(before: &Policy, edit: &Edit) -> Vec<String> {
    match edit.subject() {
        Subject::Registry(registry) => vec![registry.to_owned()],
        Subject::Network(network) => naming(before, network),
    }
}

/// The registries with a rule that names a subnet of this network.
fn naming(policy: &Policy, network: &str) -> Vec<String> {
    let names = |rule: &SubnetRule| rule.subnet.network.eq_ignore_ascii_case(network);
    let naming = policy.registries.iter().filter(|(_, registry)| registry.subnet_rules.iter().any(names));
    naming.map(|(name, _)| name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Action, REGISTRY_SERVICE, Registry, Settings, Subnet, SubnetId, SubnetRule, VirtualNetwork};

    const SLOT: u32 = 3;

    fn rule(prefix: &str, action: Action) -> IpRule {
        IpRule { value: prefix.to_owned(), prefix: prefix.parse().unwrap(), action, counter: 1 }
    }

    fn network(prefixes: &[&str]) -> VirtualNetwork {
        let prefixes: Vec<_> = prefixes.iter().map(|prefix| prefix.parse().unwrap()).collect();
        VirtualNetwork {
            name: "Office".to_owned(),
            vni: 5001,
            prefixes: prefixes.clone(),
            subnets: vec![Subnet {
                name: "ci".to_owned(),
                prefixes,
                service_endpoints: vec![REGISTRY_SERVICE.to_owned()],
            }],
        }
    }

    fn policy(subnet_prefixes: &[&str]) -> Policy {
        let mut policy = Policy::default();
        for (name, slot) in [("contoso", SLOT), ("fabrikam", 4)] {
            let mut registry = Registry::new(name, slot, "2026-01-01T00:00:00Z", Settings::FRESH);
            registry.ip_rules.insert(rule("203.0.113.0/24", Action::Allow));
            policy.registries.insert(name.to_owned(), registry);
        }
        policy.networks.insert("office".to_owned(), network(subnet_prefixes));
        policy
    }

    fn subnet_rule() -> SubnetRule {
        SubnetRule { subnet: SubnetId::new("office", "CI"), action: Action::Allow, counter: 2 }
    }

    fn contoso() -> String {
        "contoso".to_owned()
    }

    #[test]
    fn one_new_ip_rule_is_one_insert() {
        let new = rule("198.51.100.0/24", Action::Allow);
        let edit = Edit::InsertIpRule { registry: contoso(), rule: new.clone() };
        let expected = Plan::Insert { slot: SLOT, row: ip_row(&new), before: None };
        assert_eq!(plan(&policy(&[]), &[edit]), expected);
    }

    #[test]
    fn another_action_for_a_rule_overwrites_its_row() {
        let (old, new) = (rule("203.0.113.0/24", Action::Allow), rule("203.0.113.0/24", Action::Deny));
        let edit = Edit::InsertIpRule { registry: contoso(), rule: new.clone() };
        let expected = Plan::Insert { slot: SLOT, row: ip_row(&new), before: Some(ip_row(&old)) };
        assert_eq!(plan(&policy(&[]), &[edit]), expected);
    }

    #[test]
    fn one_removed_ip_rule_is_one_delete() {
        let old = rule("203.0.113.0/24", Action::Allow);
        let edit = Edit::RemoveIpRule { registry: contoso(), prefix: old.prefix };
        assert_eq!(plan(&policy(&[]), &[edit]), Plan::Remove { slot: SLOT, row: ip_row(&old) });
    }

    #[test]
    fn a_subnet_of_one_prefix_is_one_row_and_of_two_a_swap() {
        let edit = Edit::InsertSubnetRule { registry: contoso(), rule: subnet_rule() };
        let one = plan(&policy(&["10.1.0.0/16"]), std::slice::from_ref(&edit));
        assert!(matches!(one, Plan::Insert { slot: SLOT, before: None, .. }), "{one:?}");
        let two = plan(&policy(&["10.1.0.0/16", "10.9.0.0/16"]), &[edit]);
        assert_eq!(two, Plan::Swap(vec![contoso()]));
    }

    #[test]
    fn a_rule_that_does_not_count_changes_nothing() {
        let mut policy = policy(&["10.1.0.0/16"]);
        policy.networks.get_mut("office").unwrap().subnets[0].service_endpoints.clear();
        let edit = Edit::InsertSubnetRule { registry: contoso(), rule: subnet_rule() };
        assert_eq!(plan(&policy, &[edit]), Plan::Nothing);
        policy.registries.get_mut("contoso").unwrap().public_network_access = PublicNetworkAccess::Disabled;
        let edit = Edit::InsertIpRule { registry: contoso(), rule: rule("192.0.2.0/24", Action::Allow) };
        assert_eq!(plan(&policy, &[edit]), Plan::Nothing);
    }

    #[test]
    fn settings_swap_the_table_even_with_a_single_rule_beside_them() {
        let settings = Edit::SetRegistry { registry: contoso(), settings: Settings::FRESH };
        assert_eq!(plan(&policy(&[]), std::slice::from_ref(&settings)), Plan::Swap(vec![contoso()]));
        let rule = Edit::InsertIpRule { registry: contoso(), rule: rule("192.0.2.0/24", Action::Allow) };
        assert_eq!(plan(&policy(&[]), &[settings, rule]), Plan::Swap(vec![contoso()]));
    }

    #[test]
    fn a_network_concerns_the_registries_whose_rules_name_it() {
        let mut policy = policy(&["10.1.0.0/16"]);
        let edit = Edit::PutNetwork(network(&["10.2.0.0/16"]));
        assert_eq!(plan(&policy, std::slice::from_ref(&edit)), Plan::Nothing);
        policy.registries.get_mut("fabrikam").unwrap().subnet_rules.push(subnet_rule());
        assert_eq!(plan(&policy, &[edit]), Plan::Swap(vec!["fabrikam".to_owned()]));
    }

    #[test]
    fn no_edit_is_no_plan() {
        assert_eq!(plan(&policy(&[]), &[]), Plan::Nothing);
    }
}
