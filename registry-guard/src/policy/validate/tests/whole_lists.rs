use super::*;

#[test]
fn what_is_absent_is_kept_and_an_empty_list_clears() {
    let mut policy = policy();
    done(&mut policy, &patch_ips(&["203.0.113.1", "203.0.113.2"]));
    done(&mut policy, &add_subnet("contoso", &builders()));
    let settings = RegistryPatch {
        default_action: Some("allow".into()),
        public_network_access: Some("DISABLED".into()),
        bypass: Some("none".into()),
        data_endpoint_enabled: Some(true),
        ..RegistryPatch::default()
    };
    assert_eq!(done(&mut policy, &patch(settings.clone())), 1);
    assert_eq!(done(&mut policy, &patch(settings)), 0);
    let registry = policy.registry("contoso").unwrap();
    assert_eq!(registry.default_action, Action::Allow);
    assert_eq!(registry.public_network_access, PublicNetworkAccess::Disabled);
    assert_eq!(registry.bypass, BypassOptions::None);
    assert!(registry.data_endpoint_enabled);
    assert_eq!((registry.ip_rules.len(), registry.subnet_rules.len()), (2, 1));

    done(&mut policy, &patch_ips(&[]));
    let registry = policy.registry("contoso").unwrap();
    assert_eq!((registry.ip_rules.len(), registry.subnet_rules.len()), (0, 1));
    assert_eq!(done(&mut policy, &patch(RegistryPatch::default())), 0);
}

#[test]
fn duplicates_inside_one_list_collapse_to_the_first_spelling() {
    let mut policy = policy();
    done(&mut policy, &patch_ips(&["203.0.113.1/32", "203.0.113.1", "203.0.113.2", "203.0.113.1/32"]));
    assert_eq!(spelled(&policy), ["203.0.113.1/32", "203.0.113.2"]);
}

#[test]
fn a_list_that_contradicts_itself_is_refused() {
    let mut rules = requests(&["203.0.113.1", "203.0.113.1/32"]);
    rules[1].action = Some("Deny".into());
    let change = patch(RegistryPatch { ip_rules: Some(rules), ..RegistryPatch::default() });
    let (status, message) = refused(&policy(), &change);
    assert_eq!(status, 400);
    assert!(message.starts_with("networkRuleSet.ipRules[1].action: `Deny` contradicts"), "{message}");
}

#[test]
fn one_bad_rule_refuses_the_whole_list_and_is_named_by_its_place() {
    let (status, message) = refused(&policy(), &patch_ips(&["203.0.113.1", "203.0.113.2", "203.0.113.3/24"]));
    assert_eq!(status, 400);
    assert!(message.starts_with("networkRuleSet.ipRules[2].value: `203.0.113.3/24`"), "{message}");
    for (field, bad) in [
        ("networkRuleSet.defaultAction", RegistryPatch { default_action: Some("x".into()), ..Default::default() }),
        ("publicNetworkAccess", RegistryPatch { public_network_access: Some(String::new()), ..Default::default() }),
        ("networkRuleBypassOptions", RegistryPatch { bypass: Some("All".into()), ..Default::default() }),
    ] {
        let (status, message) = refused(&policy(), &patch(bad));
        assert_eq!(status, 400);
        assert!(message.starts_with(&format!("{field}: ")), "{message}");
    }
}

#[test]
fn a_subnet_twice_in_one_list_is_refused_in_the_words_of_the_service() {
    let shouted = builders().to_uppercase();
    let list = RegistryPatch { subnet_rules: Some(requests(&[&builders(), &shouted])), ..Default::default() };
    let (status, message) = refused(&policy(), &patch(list));
    assert_eq!(status, 400);
    let words = "Virtual network rule is not valid - Found duplicate virtual network rule ";
    assert!(message.starts_with(&format!("{words}{shouted}")), "{message}");
}

#[test]
fn a_list_that_differs_in_one_rule_is_one_small_edit() {
    let mut policy = policy();
    done(&mut policy, &patch_ips(&["203.0.113.1", "203.0.113.2", "203.0.113.3"]));
    let edit = |policy: &Policy, change: &Change| {
        let mut edits = checked(policy, change).unwrap();
        assert_eq!(edits.len(), 1);
        edits.remove(0)
    };
    let longer = edit(&policy, &patch_ips(&["203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4"]));
    assert!(matches!(&longer, Edit::InsertIpRule { rule, .. } if rule.value == "203.0.113.4" && rule.counter == 3));
    for (kept, removed) in [
        (["203.0.113.2", "203.0.113.3"], "203.0.113.1/32"),
        (["203.0.113.1", "203.0.113.3"], "203.0.113.2/32"),
        (["203.0.113.1", "203.0.113.2"], "203.0.113.3/32"),
    ] {
        let shorter = edit(&policy, &patch_ips(&kept));
        assert!(matches!(shorter, Edit::RemoveIpRule { prefix, .. } if prefix.to_string() == removed), "{removed}");
    }
    let respelled = edit(&policy, &patch_ips(&["203.0.113.1", "203.0.113.2/32", "203.0.113.3"]));
    assert!(
        matches!(respelled, Edit::InsertIpRule { rule, .. } if rule.value == "203.0.113.2/32" && rule.counter == 1)
    );
}

#[test]
fn a_list_that_differs_in_more_is_replaced_whole() {
    let mut policy = policy();
    done(&mut policy, &patch_ips(&["203.0.113.1", "203.0.113.2", "203.0.113.3"]));
    for other in [
        vec!["203.0.113.3", "203.0.113.2", "203.0.113.1"],
        vec!["203.0.113.1", "203.0.113.2", "203.0.113.9"],
        vec!["203.0.113.0", "203.0.113.1", "203.0.113.2", "203.0.113.3"],
        vec!["203.0.113.1"],
        vec!["203.0.113.3", "203.0.113.1"],
        vec!["203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4", "203.0.113.5"],
        vec![],
    ] {
        let mut policy = policy.clone();
        let edits = checked(&policy, &patch_ips(&other)).unwrap();
        assert!(matches!(edits.as_slice(), [Edit::ReplaceIpRules { .. }]), "{other:?}: {edits:?}");
        done(&mut policy, &patch_ips(&other));
        assert_eq!(spelled(&policy), other);
    }
}

#[test]
fn the_same_list_again_changes_nothing() {
    let mut policy = policy();
    let list = patch_ips(&["203.0.113.1", "198.51.100.0/24"]);
    assert_eq!((done(&mut policy, &list), done(&mut policy, &list)), (1, 0));
    let subnets = patch(RegistryPatch { subnet_rules: Some(requests(&[&builders()])), ..Default::default() });
    assert_eq!((done(&mut policy, &subnets), done(&mut policy, &subnets)), (1, 0));
}
