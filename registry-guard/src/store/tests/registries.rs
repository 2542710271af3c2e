use super::*;
use crate::policy::{Action, BypassOptions, PublicNetworkAccess};

#[test]
fn a_new_registry_starts_closed() {
    let kept = Kept::new();
    let registry = kept.policy.registry("CONTOSO").unwrap();
    assert_eq!(registry.default_action, Action::Deny);
    assert_eq!(registry.public_network_access, PublicNetworkAccess::Enabled);
    assert_eq!(registry.bypass, BypassOptions::AzureServices);
    assert!(!registry.data_endpoint_enabled && registry.ip_rules.is_empty() && registry.subnet_rules.is_empty());
    assert_eq!((kept.policy.revision, kept.policy.registries.len()), (0, 2));
}

#[test]
fn a_registry_keeps_its_slot_and_its_age_whatever_else_is_named() {
    let mut kept = Kept::new();
    let slot = |policy: &Policy, name| policy.registry(name).unwrap().slot;
    assert_eq!((slot(&kept.policy, "contoso"), slot(&kept.policy, "fabrikam")), (0, 1));
    let policy = kept.store.load(&names(&["another", "FABRIKAM"])).unwrap();
    assert_eq!((slot(&policy, "fabrikam"), slot(&policy, "another")), (1, 2));
    assert_eq!(policy.registry("fabrikam").unwrap().name, "FABRIKAM");
    assert_eq!(policy.registry("fabrikam").unwrap().created, kept.policy.registry("fabrikam").unwrap().created);
    assert_eq!(policy.registries.len(), 2);
    let policy = kept.store.load(&names(&["contoso"])).unwrap();
    assert_eq!(slot(&policy, "contoso"), 0);
}

#[test]
fn rules_outlast_a_registry_that_is_not_named_for_a_while() {
    let mut kept = Kept::furnished();
    let before = kept.policy.clone();
    let without = kept.store.load(&names(&["fabrikam"])).unwrap();
    assert_eq!(without.registries.len(), 1);
    let counters = before.registry("contoso").unwrap().ip_rules.iter().map(|rule| rule.counter);
    assert!(counters.into_iter().all(|counter| without.counters.contains(counter)), "no other rule can get them");
    assert_eq!(before.registry("contoso").unwrap().private_endpoints.len(), 1);
    assert_eq!(before.registry("contoso").unwrap().service_tag_rules.len(), 1);
    assert_eq!(without.counters, before.counters);
    assert_eq!(kept.store.load(&names(&["Contoso", "fabrikam"])).unwrap(), before);
}

#[test]
fn the_slot_of_a_registry_no_longer_named_is_the_last_to_be_used() {
    let mut kept = Kept::furnished();
    let mut many: Vec<String> = (0..63).map(|n| format!("registry{n}")).collect();
    many.push("fabrikam".to_owned());
    let policy = kept.store.load(&many).unwrap();
    let slots: std::collections::BTreeSet<u32> = policy.registries.values().map(|registry| registry.slot).collect();
    assert_eq!(slots.len(), 64);
    assert!(slots.iter().all(|slot| *slot < 64));
    assert_eq!(policy.registry("fabrikam").unwrap().slot, 1);
    let back = kept.store.load(&names(&["Contoso"])).unwrap();
    assert_eq!(back.registry("contoso").unwrap().ip_rules.len(), 3);
    many.push("toomany".to_owned());
    let error = kept.store.load(&many).unwrap_err();
    assert!(error.to_string().contains("registry `toomany`; accepted: at most 64 registries"), "{error}");
}
