use super::*;

#[test]
fn a_rule_needs_a_subnet_that_exists_and_takes_its_spelling() {
    let mut policy = policy();
    assert_eq!(done(&mut policy, &add_subnet("contoso", &builders().to_uppercase())), 1);
    assert_eq!(done(&mut policy, &add_subnet("contoso", &builders())), 0);
    assert_eq!(policy.registry("contoso").unwrap().subnet_rules[0].subnet.to_string(), builders());
    for (id, status, named) in [
        (SubnetId::new("hub", "nobody").to_string(), 404, "`nobody` does not exist in virtual network `hub`"),
        (SubnetId::new("nobody", "builders").to_string(), 404, "virtual network `nobody` does not exist"),
        ("builders".to_owned(), 400, "virtualNetworkRules.id: `builders` is not the id of a subnet on this host"),
    ] {
        let (refused, message) = refused(&policy, &add_subnet("contoso", &id));
        assert_eq!(refused, status, "{message}");
        assert!(message.contains(named), "{message}");
    }
}

#[test]
fn a_rule_is_removed_in_any_case_and_only_once() {
    let mut policy = policy();
    done(&mut policy, &add_subnet("contoso", &builders()));
    assert_eq!(done(&mut policy, &remove_subnet(&builders().to_uppercase())), 1);
    assert_eq!(refused(&policy, &remove_subnet(&builders())).0, 404);
    assert_eq!(refused(&policy, &remove_subnet("builders")).0, 400);
}

#[test]
fn another_action_changes_the_rule() {
    let mut policy = policy();
    done(&mut policy, &add_subnet("contoso", &builders()));
    let deny = Change::AddSubnetRule {
        registry: "contoso".into(),
        subnet_id: builders(),
        only_if_absent: false,
        action: Some("Deny".into()),
    };
    assert_eq!(done(&mut policy, &deny), 1);
    let rules = &policy.registry("contoso").unwrap().subnet_rules;
    assert_eq!((rules.len(), rules[0].action, rules[0].counter), (1, Action::Deny, 0));
    let (status, message) = refused(&policy, &add_subnet("contoso", &builders()));
    assert!(status == 409 && message.contains(&builders()) && message.contains("Deny rule"), "{message}");
}
