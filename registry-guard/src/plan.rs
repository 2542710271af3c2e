//! Decides how an accepted change reaches the kernel, without touching it.

use crate::compile::{ip_row, subnet_rows};
use crate::kernel::Row;
use crate::policy::{Edit, IpRule, Policy, PublicNetworkAccess};

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
    match edit {
        Edit::SetRegistry { registry, .. }
        | Edit::InsertIpRule { registry, .. }
        | Edit::RemoveIpRule { registry, .. }
        | Edit::ReplaceIpRules { registry, .. }
        | Edit::InsertSubnetRule { registry, .. }
        | Edit::RemoveSubnetRule { registry, .. }
        | Edit::ReplaceSubnetRules { registry, .. } => vec![registry.clone()],
        Edit::PutNetwork(network) => naming(before, &network.name),
        Edit::RemoveNetwork(name) => naming(before, name),
    }
}

/// The registries with a rule that names a subnet of this network.
fn naming(policy: &Policy, network: &str) -> Vec<String> {
    let names = |rule: &crate::policy::SubnetRule| rule.subnet.network.eq_ignore_ascii_case(network);
    let naming = policy.registries.iter().filter(|(_, registry)| registry.subnet_rules.iter().any(names));
    naming.map(|(name, _)| name.clone()).collect()
}
