mod apply;
mod counters;
mod ip_rules;
mod networks;
mod private_endpoints;
mod quotas;
mod scale;
mod service_tags;
mod subnet_rules;
mod whole_lists;

use super::*;
use crate::policy::{
    BypassOptions, IpRules, NetworkRequest, PublicNetworkAccess, RegistryPatch, RuleRequest, Settings, SubnetId,
    SubnetRequest,
};

/// A policy with the registries `contoso` and `fabrikam`, and the network `hub` (VNI 5001, 10.1.0.0/16) with the subnet
/// `builders`.
fn policy() -> Policy {
    let registry = |name: &str, slot| Registry::new(name, slot, "2026-01-01T00:00:00Z", Settings::FRESH);
    let registries = [registry("Contoso", 0), registry("fabrikam", 1)];
    let registries = registries.map(|registry| (registry.name.to_ascii_lowercase(), registry));
    let mut policy = Policy::new(7, registries.into(), [].into(), []);
    done(&mut policy, &put_network("hub", 5001, &["10.1.0.0/16", "2001:db8:1::/48"]));
    done(&mut policy, &put_subnet("hub", "builders", &["10.1.0.0/24"]));
    policy
}

fn checked(policy: &Policy, change: &Change) -> Result<Vec<Edit>, PolicyError> {
    policy.validate(change, &limits())
}

/// `contoso` listens at three addresses, `fabrikam` everywhere.
fn limits() -> Limits {
    let addresses = |list: &[&str]| list.iter().map(|address| address.parse().unwrap()).collect();
    let listening = [
        ("contoso".to_owned(), addresses(&["203.0.113.10", "10.1.0.4", "2001:db8:1::4"])),
        ("fabrikam".to_owned(), addresses(&["::"])),
    ];
    Limits { listening: listening.into(), ..Limits::default() }
}

/// Applies what must be accepted; how many edits it was.
fn done(policy: &mut Policy, change: &Change) -> usize {
    let edits = checked(policy, change).unwrap_or_else(|error| panic!("{change:?}: {error}"));
    policy.apply(&edits);
    let rebuilt = Policy::new(policy.revision, policy.registries.clone(), policy.networks.clone(), []);
    assert_eq!(policy.counters, rebuilt.counters, "the counters are those of the rules");
    edits.len()
}

fn refused(policy: &Policy, change: &Change) -> (u16, String) {
    let before = policy.clone();
    let error = checked(policy, change).expect_err(&format!("{change:?} is accepted"));
    assert_eq!(*policy, before);
    (error.status(), error.to_string())
}

fn add_ip(value: &str) -> Change {
    Change::AddIpRule { registry: "contoso".into(), value: value.into(), only_if_absent: false, action: None }
}

fn deny_ip(value: &str) -> Change {
    Change::AddIpRule {
        registry: "contoso".into(),
        value: value.into(),
        only_if_absent: false,
        action: Some("deny".into()),
    }
}

fn remove_ip(value: &str) -> Change {
    Change::RemoveIpRule { registry: "contoso".into(), value: value.into() }
}

fn builders() -> String {
    SubnetId::new("hub", "builders").to_string()
}

fn add_subnet(registry: &str, id: &str) -> Change {
    Change::AddSubnetRule { registry: registry.into(), subnet_id: id.into(), only_if_absent: false, action: None }
}

fn remove_subnet(id: &str) -> Change {
    Change::RemoveSubnetRule { registry: "contoso".into(), subnet_id: id.into() }
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

fn put_network(name: &str, vni: i64, prefixes: &[&str]) -> Change {
    let request = NetworkRequest { vni: Some(vni), prefixes: Some(texts(prefixes)), subnets: None };
    Change::PutNetwork { name: name.into(), only_if_absent: false, request }
}

fn put_subnet(network: &str, name: &str, prefixes: &[&str]) -> Change {
    let request = SubnetRequest { prefixes: Some(texts(prefixes)), service_endpoints: None };
    Change::PutSubnet { network: network.into(), name: name.into(), only_if_absent: false, request }
}

fn set_endpoints(services: &[&str]) -> Change {
    let request = SubnetRequest { prefixes: None, service_endpoints: Some(texts(services)) };
    Change::PutSubnet { network: "hub".into(), name: "builders".into(), only_if_absent: false, request }
}

fn patch(patch: RegistryPatch) -> Change {
    Change::PatchRegistry { registry: "contoso".into(), patch }
}

fn patch_ips(values: &[&str]) -> Change {
    patch(RegistryPatch { ip_rules: Some(requests(values)), ..RegistryPatch::default() })
}

fn requests(values: &[&str]) -> Vec<RuleRequest> {
    values.iter().map(|value| RuleRequest { value: (*value).into(), action: None }).collect()
}

fn ip_rules(policy: &Policy) -> &IpRules {
    &policy.registry("contoso").unwrap().ip_rules
}

fn spelled(policy: &Policy) -> Vec<&str> {
    ip_rules(policy).iter().map(|rule| rule.value.as_str()).collect()
}

fn counter(policy: &Policy, value: &str) -> u32 {
    policy.find_ip_rule("contoso", value).unwrap().counter
}
