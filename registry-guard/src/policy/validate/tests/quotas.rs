use super::*;
use crate::policy::Quota;

fn at_most(quota: Quota) -> Limits {
    Limits { quotas: [("contoso".to_owned(), quota)].into(), ..limits() }
}

/// `count` addresses, each a rule.
fn many(count: u32) -> Vec<String> {
    (0..count).map(|number| format!("203.0.{}.{}", 100 + number / 250, number % 250)).collect()
}

fn patch_many(count: u32) -> Change {
    patch_ips(&many(count).iter().map(String::as_str).collect::<Vec<_>>())
}

fn message(policy: &Policy, change: &Change, limits: &Limits) -> String {
    let error = policy.validate(change, limits).unwrap_err();
    assert_eq!((error.status(), error.code()), (400, "QuotaExceeded"), "{error}");
    error.to_string()
}

fn subnets(names: &[&str]) -> Change {
    let ids: Vec<String> = names.iter().map(|name| SubnetId::new("hub", *name).to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    patch(RegistryPatch { subnet_rules: Some(requests(&ids)), ..RegistryPatch::default() })
}

#[test]
fn rule_101_is_refused_in_the_words_of_the_service_singly_and_in_a_list() {
    let limits = at_most(Quota::ACR);
    let mut policy = policy();
    policy.apply(&policy.validate(&patch_many(100), &limits).unwrap());
    let words = "The requested feature IP rule exceeds allowed quota 100 for the SKU Premium. ";
    for change in [add_ip("198.51.100.7"), patch_many(101)] {
        let message = message(&policy, &change, &limits);
        assert!(message.starts_with(words), "{message}");
        assert!(message.contains("would have 101; accepted: at most 100 (`registry.quota`"), "{message}");
    }
    assert_eq!(policy.validate(&add_ip("203.0.100.7/32"), &limits).unwrap(), [], "what is there is no new rule");
    let fabrikam = Change::AddIpRule {
        registry: "fabrikam".into(),
        value: "198.51.100.7".into(),
        only_if_absent: false,
        action: None,
    };
    assert_eq!(policy.validate(&fabrikam, &limits).unwrap().len(), 1, "another registry has a quota of its own");
}

#[test]
fn virtual_network_rules_have_a_quota_of_their_own() {
    let limits = at_most(Quota { ip_rules: None, subnet_rules: Some(1) });
    let mut policy = policy();
    done(&mut policy, &put_subnet("hub", "testers", &["10.1.1.0/24"]));
    policy.apply(&policy.validate(&add_subnet("contoso", &builders()), &limits).unwrap());
    let second = add_subnet("contoso", &SubnetId::new("hub", "testers").to_string());
    let words = "The requested feature virtual network rule exceeds allowed quota 1 for the SKU Premium. ";
    for change in [second, subnets(&["builders", "testers"])] {
        let message = message(&policy, &change, &limits);
        assert!(message.starts_with(words), "{message}");
    }
    assert_eq!(policy.validate(&subnets(&["testers"]), &limits).unwrap().len(), 1, "one for another is no more");
    assert_eq!(policy.validate(&patch_many(300), &limits).unwrap().len(), 1);
}

#[test]
fn a_registry_over_a_lowered_quota_keeps_its_rules_and_takes_no_more() {
    let limits = at_most(Quota { ip_rules: Some(2), subnet_rules: None });
    let mut policy = policy();
    done(&mut policy, &patch_many(4));
    message(&policy, &add_ip("198.51.100.7"), &limits);
    let three: Vec<String> = many(3);
    let fewer = |extra: &[&str]| {
        let kept: Vec<&str> = three.iter().map(String::as_str).chain(extra.iter().copied()).collect();
        patch_ips(&kept)
    };
    message(&policy, &fewer(&["198.51.100.7"]), &limits);
    assert_eq!(policy.validate(&patch_many(4), &limits).unwrap(), [], "the list as it is");
    policy.apply(&policy.validate(&fewer(&[]), &limits).unwrap());
    assert_eq!(ip_rules(&policy).len(), 3, "a list that only loses rules is taken, though it is still too long");
    assert_eq!(policy.validate(&deny_ip("203.0.100.1"), &limits).unwrap().len(), 1, "a rule may change its action");
    assert_eq!(policy.validate(&remove_ip("203.0.100.1"), &limits).unwrap().len(), 1);
    let settings = RegistryPatch { default_action: Some("Allow".into()), ..RegistryPatch::default() };
    assert_eq!(policy.validate(&patch(settings), &limits).unwrap().len(), 1);
}
