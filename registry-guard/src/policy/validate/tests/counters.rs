use super::*;

#[test]
fn a_new_rule_gets_the_smallest_free_counter() {
    let mut policy = policy();
    for value in ["203.0.113.1", "203.0.113.2", "203.0.113.3"] {
        done(&mut policy, &add_ip(value));
    }
    done(&mut policy, &remove_ip("203.0.113.2"));
    done(&mut policy, &add_subnet("contoso", &builders()));
    assert_eq!(policy.registry("contoso").unwrap().subnet_rules[0].counter, 1);
    done(&mut policy, &add_ip("203.0.113.4"));
    assert_eq!(counter(&policy, "203.0.113.4"), 3);
}

#[test]
fn a_rule_that_survives_a_whole_new_list_keeps_its_counter() {
    let mut policy = policy();
    done(&mut policy, &patch_ips(&["203.0.113.1", "203.0.113.2", "203.0.113.3"]));
    done(&mut policy, &patch_ips(&["203.0.113.7", "203.0.113.3", "203.0.113.8/32"]));
    assert_eq!(counter(&policy, "203.0.113.3"), 2);
    assert_eq!(counter(&policy, "203.0.113.7"), 3);
    assert_eq!(counter(&policy, "203.0.113.8"), 4);
    done(&mut policy, &add_ip("203.0.113.9"));
    assert_eq!(counter(&policy, "203.0.113.9"), 0);
}

#[test]
fn one_rule_more_than_the_limit_is_refused_and_a_full_list_can_be_replaced() {
    let limits = Limits { rules: 3, ..Limits::default() };
    let mut policy = policy();
    done(&mut policy, &patch_ips(&["203.0.113.1", "203.0.113.2"]));
    done(&mut policy, &add_subnet("fabrikam", &builders()));
    let error = policy.validate(&add_ip("203.0.113.3"), &limits).unwrap_err();
    assert_eq!((error.status(), error.code()), (400, "QuotaExceeded"));
    assert!(error.to_string().contains("4 rules over all registries; accepted: at most 3"), "{error}");
    let error = policy.validate(&add_subnet("contoso", &builders()), &limits).unwrap_err();
    assert_eq!(error.code(), "QuotaExceeded");
    let error = policy.validate(&patch_ips(&["203.0.113.1", "203.0.113.8", "203.0.113.9"]), &limits).unwrap_err();
    assert!(error.to_string().contains("4 rules over all"), "{error}");

    let edits = policy.validate(&patch_ips(&["203.0.113.8", "203.0.113.9"]), &limits).unwrap();
    policy.apply(&edits);
    assert_eq!((counter(&policy, "203.0.113.8"), counter(&policy, "203.0.113.9")), (0, 1));
    assert_eq!(policy.counters.used(), 3);
}

#[test]
fn two_lists_in_one_change_never_share_a_counter() {
    let mut policy = policy();
    done(&mut policy, &patch_ips(&["203.0.113.1"]));
    done(&mut policy, &add_subnet("contoso", &builders()));
    let both = RegistryPatch {
        ip_rules: Some(requests(&["203.0.113.8", "203.0.113.9"])),
        subnet_rules: Some(Vec::new()),
        ..RegistryPatch::default()
    };
    assert_eq!(done(&mut policy, &patch(both)), 2);
    let back = RegistryPatch {
        ip_rules: Some(requests(&["203.0.113.5"])),
        subnet_rules: Some(requests(&[&builders()])),
        ..RegistryPatch::default()
    };
    assert_eq!(done(&mut policy, &patch(back)), 2);
}

#[test]
fn a_reserved_counter_is_not_given_out() {
    let empty = policy();
    let mut policy = Policy::new(1, empty.registries, empty.networks, [0, 1]);
    let edits = checked(&policy, &add_ip("203.0.113.9")).unwrap();
    policy.apply(&edits);
    assert_eq!(counter(&policy, "203.0.113.9"), 2);
}
