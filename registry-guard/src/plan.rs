//! Decides how an accepted change reaches the kernel, without touching it.

use ipnet::IpNet;
use registry_guard_common::Class;

use crate::compile::{TrustedPrefixes, private_endpoint_row, public_row, subnet_rows};
use crate::kernel::{Row, Table};
use crate::policy::{Edit, IpRule, Policy, PrivateEndpoint, ServiceTagRule, ServiceTags, Subject, SubnetRule};

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

impl Plan {
    /// The registries (lower-case names) that may deny a source which they allowed before: a pure addition of what allows,
    /// and a pure removal of what denies, deny nobody.
    pub fn may_deny(&self, before: &Policy) -> Vec<String> {
        let denies = |row: &Row| row.entry().reason().class() != Class::Allow;
        let slot = match self {
            Self::Swap(registries) => return registries.clone(),
            Self::Insert { slot, row, .. } if denies(row) => *slot,
            Self::Remove { slot, row } if !denies(row) => *slot,
            Self::Nothing | Self::Insert { .. } | Self::Remove { .. } => return Vec::new(),
        };
        let in_slot = before.registries.iter().filter(|(_, registry)| registry.slot == slot);
        in_slot.map(|(name, _)| name.clone()).collect()
    }
}

/// The plan for `edits`, which come from validating a change of `before`, on a host that trusts services at `trusted`.
pub fn plan(before: &Policy, edits: &[Edit], trusted: &TrustedPrefixes) -> Plan {
    match edits {
        [] => Plan::Nothing,
        [edit] => single(before, edit, trusted).unwrap_or_else(|| bulk(before, edits)),
        _ => bulk(before, edits),
    }
}

/// `None` if the change takes more than one row.
fn single(policy: &Policy, edit: &Edit, trusted: &TrustedPrefixes) -> Option<Plan> {
    let Subject::Registry(name) = edit.subject() else { return None };
    let registry = policy.registries.get(name)?;
    // A service tag may have the same prefix; its row is there while no IP rule is.
    let ip_rows = |prefix: &IpNet, rule: Option<&IpRule>| {
        public_row(registry, prefix, rule, policy, trusted).into_iter().collect()
    };
    let subnet_rows =
        |rule: Option<&SubnetRule>| rule.map(|rule| subnet_rows(registry, rule, policy)).unwrap_or_default();
    let endpoint_rows = |endpoint: Option<&PrivateEndpoint>| {
        endpoint.and_then(|endpoint| private_endpoint_row(endpoint, policy)).into_iter().collect()
    };
    let (before, after): (Table, Table) = match edit {
        Edit::InsertIpRule { rule, .. } => {
            (ip_rows(&rule.prefix, registry.ip_rules.get(&rule.prefix)), ip_rows(&rule.prefix, Some(rule)))
        }
        Edit::RemoveIpRule { prefix, .. } => (ip_rows(prefix, registry.ip_rules.get(prefix)), ip_rows(prefix, None)),
        Edit::InsertSubnetRule { rule, .. } => {
            (subnet_rows(registry.subnet_rule(&rule.subnet)), subnet_rows(Some(rule)))
        }
        Edit::RemoveSubnetRule { subnet, .. } => (subnet_rows(registry.subnet_rule(subnet)), Table::new()),
        Edit::PutPrivateEndpoint { endpoint, .. } => {
            (endpoint_rows(registry.private_endpoint(&endpoint.name)), endpoint_rows(Some(endpoint)))
        }
        Edit::RemovePrivateEndpoint { name, .. } => (endpoint_rows(registry.private_endpoint(name)), Table::new()),
        _ => return None,
    };
    let slot = registry.slot;
    match (before.as_slice(), after.as_slice()) {
        (before, after) if before == after => Some(Plan::Nothing),
        ([], &[row]) => Some(Plan::Insert { slot, row, before: None }),
        (&[before], &[row]) if before.place() == row.place() => Some(Plan::Insert { slot, row, before: Some(before) }),
        (&[row], []) => Some(Plan::Remove { slot, row }),
        _ => None,
    }
}

fn bulk(before: &Policy, edits: &[Edit]) -> Plan {
    let mut registries: Vec<String> = edits.iter().flat_map(|edit| touched(before, edit)).collect();
    registries.sort_unstable();
    registries.dedup();
    if registries.is_empty() { Plan::Nothing } else { Plan::Swap(registries) }
}

/// The registries whose tables an edit may change.
fn touched(before: &Policy, edit: &Edit) -> Vec<String> {
    match (edit.subject(), edit) {
        (Subject::Registry(registry), _) => vec![registry.to_owned()],
        (Subject::Network(network), _) => naming(before, network),
        (Subject::ServiceTags, Edit::ImportServiceTags(after)) => with_other_prefixes(before, Some(after)),
        (Subject::ServiceTags, _) => with_other_prefixes(before, None),
    }
}

/// The registries with a rule that names a subnet of this network, or with a private endpoint in it that counts.
fn naming(policy: &Policy, network: &str) -> Vec<String> {
    let names = |rule: &SubnetRule| rule.subnet.network.eq_ignore_ascii_case(network);
    let is_in = |endpoint: &PrivateEndpoint| endpoint.is_approved() && endpoint.is_in(network);
    let naming = policy.registries.iter().filter(|(_, registry)| {
        registry.subnet_rules.iter().any(names) || registry.private_endpoints.iter().any(is_in)
    });
    naming.map(|(name, _)| name.clone()).collect()
}

/// The registries with a rule whose service tag has other prefixes in `after`.
fn with_other_prefixes(before: &Policy, after: Option<&ServiceTags>) -> Vec<String> {
    let prefixes = |tag: &str| after.map_or(&[][..], |after| after.prefixes(tag));
    let other = |rule: &ServiceTagRule| before.service_tag_prefixes(&rule.tag) != prefixes(&rule.tag);
    let concerned = before.registries.iter().filter(|(_, registry)| registry.service_tag_rules.iter().any(other));
    concerned.map(|(name, _)| name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use registry_guard_common::Reason;

    use super::*;
    use crate::policy::{
        Action, BypassOptions, ConnectionStatus, PublicNetworkAccess, REGISTRY_SERVICE, Registry, ServiceTag, Settings,
        Subnet, SubnetId, VirtualNetwork,
    };

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

    fn plan(before: &Policy, edits: &[Edit]) -> Plan {
        super::plan(before, edits, &TrustedPrefixes::default())
    }

    fn row(rule: &IpRule) -> Row {
        let registry = Registry::new("contoso", SLOT, "2026-01-01T00:00:00Z", Settings::FRESH);
        public_row(&registry, &rule.prefix, Some(rule), &Policy::default(), &TrustedPrefixes::default()).unwrap()
    }

    fn endpoint(address: &str, status: ConnectionStatus) -> PrivateEndpoint {
        PrivateEndpoint {
            name: "desk".to_owned(),
            network: "Office".to_owned(),
            address: address.parse().unwrap(),
            status,
            description: String::new(),
            counter: 5,
        }
    }

    fn put(endpoint: &PrivateEndpoint) -> Edit {
        Edit::PutPrivateEndpoint { registry: contoso(), endpoint: endpoint.clone() }
    }

    fn contoso() -> String {
        "contoso".to_owned()
    }

    #[test]
    fn one_new_ip_rule_is_one_insert() {
        let new = rule("198.51.100.0/24", Action::Allow);
        let edit = Edit::InsertIpRule { registry: contoso(), rule: new.clone() };
        let expected = Plan::Insert { slot: SLOT, row: row(&new), before: None };
        assert_eq!(plan(&policy(&[]), &[edit]), expected);
    }

    #[test]
    fn another_action_for_a_rule_overwrites_its_row() {
        let (old, new) = (rule("203.0.113.0/24", Action::Allow), rule("203.0.113.0/24", Action::Deny));
        let edit = Edit::InsertIpRule { registry: contoso(), rule: new.clone() };
        let expected = Plan::Insert { slot: SLOT, row: row(&new), before: Some(row(&old)) };
        assert_eq!(plan(&policy(&[]), &[edit]), expected);
    }

    #[test]
    fn one_removed_ip_rule_is_one_delete() {
        let old = rule("203.0.113.0/24", Action::Allow);
        let edit = Edit::RemoveIpRule { registry: contoso(), prefix: old.prefix };
        assert_eq!(plan(&policy(&[]), &[edit]), Plan::Remove { slot: SLOT, row: row(&old) });
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
    fn only_what_may_deny_somebody_concerns_open_connections() {
        let policy = policy(&["10.1.0.0/16"]);
        let (allow, deny) = (rule("203.0.113.0/24", Action::Allow), rule("203.0.113.0/24", Action::Deny));
        let insert = |rule: &IpRule, before: Option<&IpRule>| Plan::Insert {
            slot: SLOT,
            row: row(rule),
            before: before.map(row),
        };
        let remove = |rule: &IpRule| Plan::Remove { slot: SLOT, row: row(rule) };
        for harmless in [
            Plan::Nothing,
            insert(&allow, None),
            insert(&allow, Some(&allow)),
            insert(&allow, Some(&deny)),
            remove(&deny),
        ] {
            assert_eq!(harmless.may_deny(&policy), Vec::<String>::new(), "{harmless:?}");
        }
        for denying in [insert(&deny, None), insert(&deny, Some(&allow)), remove(&allow)] {
            assert_eq!(denying.may_deny(&policy), [contoso()], "{denying:?}");
        }
        let swap = vec![contoso(), "fabrikam".to_owned()];
        assert_eq!(Plan::Swap(swap.clone()).may_deny(&policy), swap);
    }

    #[test]
    fn no_edit_is_no_plan() {
        assert_eq!(plan(&policy(&[]), &[]), Plan::Nothing);
    }

    #[test]
    fn a_rule_inside_a_trusted_prefix_is_no_row_unless_the_bypass_is_off() {
        let trusted = TrustedPrefixes::new(["203.0.0.0/16".parse().unwrap()]);
        let mut policy = policy(&[]);
        let new = rule("203.0.113.66/32", Action::Deny);
        let insert = [Edit::InsertIpRule { registry: contoso(), rule: new.clone() }];
        let remove = [Edit::RemoveIpRule { registry: contoso(), prefix: "203.0.113.0/24".parse().unwrap() }];
        assert_eq!(super::plan(&policy, &insert, &trusted), Plan::Nothing);
        assert_eq!(super::plan(&policy, &remove, &trusted), Plan::Nothing);
        let wider = rule("203.0.0.0/15", Action::Deny);
        let outside = Edit::InsertIpRule { registry: contoso(), rule: wider.clone() };
        let expected = Plan::Insert { slot: SLOT, row: row(&wider), before: None };
        assert_eq!(super::plan(&policy, &[outside], &trusted), expected);
        policy.registries.get_mut("contoso").unwrap().bypass = BypassOptions::None;
        let expected = Plan::Insert { slot: SLOT, row: row(&new), before: None };
        assert_eq!(super::plan(&policy, &insert, &trusted), expected);
    }

    #[test]
    fn switching_the_bypass_swaps_the_table() {
        let settings = Settings { bypass: BypassOptions::None, ..Settings::FRESH };
        let edit = Edit::SetRegistry { registry: contoso(), settings };
        assert_eq!(plan(&policy(&[]), &[edit]), Plan::Swap(vec![contoso()]));
    }

    #[test]
    fn a_private_endpoint_comes_and_goes_as_one_row_even_without_public_access() {
        let mut policy = policy(&["10.1.0.0/16"]);
        policy.registries.get_mut("contoso").unwrap().public_network_access = PublicNetworkAccess::Disabled;
        let (approved, rejected) =
            (endpoint("10.1.0.4", ConnectionStatus::Approved), endpoint("10.1.0.4", ConnectionStatus::Rejected));
        let row = private_endpoint_row(&approved, &policy).unwrap();
        assert_eq!((row.entry().reason(), row.entry().counter()), (Reason::PrivateEndpoint, 5));
        let delete = [Edit::RemovePrivateEndpoint { registry: contoso(), name: "desk".to_owned() }];
        let insert = Plan::Insert { slot: SLOT, row, before: None };
        let remove = Plan::Remove { slot: SLOT, row };

        assert_eq!(plan(&policy, &[put(&approved)]), insert);
        assert_eq!(plan(&policy, &[put(&rejected)]), Plan::Nothing);
        policy.apply(&[put(&approved)]);
        assert_eq!(plan(&policy, &[put(&rejected)]), remove);
        assert_eq!(plan(&policy, &delete), remove);
        let told = PrivateEndpoint { description: "why".to_owned(), ..approved.clone() };
        assert_eq!(plan(&policy, &[put(&told)]), Plan::Nothing);
        let moved = put(&endpoint("10.1.0.5", ConnectionStatus::Approved));
        assert_eq!(plan(&policy, &[moved]), Plan::Swap(vec![contoso()]), "one row goes as another comes");
        policy.apply(&[put(&rejected)]);
        assert_eq!(plan(&policy, &[put(&approved)]), insert);
        assert_eq!(plan(&policy, &delete), Plan::Nothing);
    }

    #[test]
    fn a_network_concerns_the_registries_with_an_approved_private_endpoint_in_it() {
        let mut policy = policy(&["10.1.0.0/16"]);
        let renumbered = Edit::PutNetwork(VirtualNetwork { vni: 5002, ..network(&["10.1.0.0/16"]) });
        policy.apply(&[put(&endpoint("10.1.0.4", ConnectionStatus::Rejected))]);
        assert_eq!(plan(&policy, std::slice::from_ref(&renumbered)), Plan::Nothing);
        policy.apply(&[put(&endpoint("10.1.0.4", ConnectionStatus::Approved))]);
        assert_eq!(plan(&policy, &[renumbered]), Plan::Swap(vec![contoso()]));
    }

    fn tags(prefixes: &[&str]) -> Arc<ServiceTags> {
        let tag = ServiceTag {
            name: "Storage".to_owned(),
            change_number: None,
            region: String::new(),
            platform: String::new(),
            system_service: String::new(),
            prefixes: prefixes.iter().map(|prefix| prefix.parse().unwrap()).collect(),
        };
        let tags = [("storage".to_owned(), tag)].into();
        Arc::new(ServiceTags { cloud: "Public".to_owned(), change_number: 1, imported: String::new(), tags })
    }

    /// A policy in which `contoso` has a rule for a service tag of one prefix, that of an IP rule of everyone's.
    fn policy_with_tag(action: Action) -> Policy {
        let mut policy = policy(&[]);
        policy.service_tags = Some(tags(&["203.0.113.0/24"]));
        let rule = ServiceTagRule { tag: "STORAGE".to_owned(), action, counter: 9 };
        policy.registries.get_mut("contoso").unwrap().service_tag_rules.push(rule);
        policy
    }

    #[test]
    fn the_row_of_a_service_tag_is_back_when_the_ip_rule_above_it_goes() {
        for (action, denies) in [(Action::Allow, false), (Action::Deny, true)] {
            let mut policy = policy_with_tag(action);
            let above = rule("203.0.113.0/24", Action::Allow);
            let remove = Edit::RemoveIpRule { registry: contoso(), prefix: above.prefix };
            let removed = plan(&policy, std::slice::from_ref(&remove));
            let Plan::Insert { slot: SLOT, row: back, before: Some(before) } = removed else { panic!("{removed:?}") };
            assert_eq!((before, back.place(), back.entry().counter()), (row(&above), before.place(), 9));
            assert_eq!(removed.may_deny(&policy).is_empty(), !denies);

            policy.apply(&[remove]);
            let insert = Edit::InsertIpRule { registry: contoso(), rule: above.clone() };
            let expected = Plan::Insert { slot: SLOT, row: row(&above), before: Some(back) };
            assert_eq!(plan(&policy, &[insert]), expected, "and what takes it away knows what there was");
        }
    }

    #[test]
    fn new_service_tags_concern_the_registries_whose_rules_name_a_changed_one() {
        let without = policy(&[]);
        let policy = policy_with_tag(Action::Allow);
        let import = |prefixes: &[&str]| [Edit::ImportServiceTags(tags(prefixes))];
        assert_eq!(plan(&policy, &import(&["203.0.113.0/24"])), Plan::Nothing, "the same prefixes");
        assert_eq!(plan(&policy, &import(&["203.0.113.0/25"])), Plan::Swap(vec![contoso()]));
        assert_eq!(plan(&policy, &import(&[])), Plan::Swap(vec![contoso()]));
        assert_eq!(plan(&without, &import(&["192.0.2.0/24"])), Plan::Nothing, "no rule names it");
        let remove = Edit::RemoveServiceTagRule { registry: contoso(), tag: "STORAGE".to_owned() };
        assert_eq!(plan(&policy, &[remove]), Plan::Swap(vec![contoso()]));
    }
}
