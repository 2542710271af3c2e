use super::*;

#[test]
fn the_same_prefix_twice_is_one_rule_in_its_first_spelling() {
    let mut policy = policy();
    assert_eq!(done(&mut policy, &add_ip("203.0.113.9")), 1);
    assert_eq!(done(&mut policy, &add_ip("203.0.113.9/32")), 0);
    assert_eq!(done(&mut policy, &add_ip("2001:DB8:7::/48")), 1);
    assert_eq!(done(&mut policy, &add_ip("2001:db8:7::/48")), 0);
    assert_eq!(spelled(&policy), ["203.0.113.9", "2001:DB8:7::/48"]);
}

#[test]
fn another_action_changes_the_rule_in_place() {
    let mut policy = policy();
    done(&mut policy, &add_ip("203.0.113.9"));
    done(&mut policy, &add_ip("203.0.113.0/24"));
    assert_eq!(done(&mut policy, &deny_ip("203.0.113.9/32")), 1);
    let first = ip_rules(&policy).iter().next().unwrap();
    assert_eq!((first.value.as_str(), first.action, first.counter), ("203.0.113.9", Action::Deny, 0));
    assert_eq!(policy.counters.used(), 2);
}

#[test]
fn a_deny_rule_becomes_allow_only_if_that_is_said() {
    let mut policy = policy();
    done(&mut policy, &deny_ip("203.0.113.9"));
    let (status, message) = refused(&policy, &add_ip("203.0.113.9/32"));
    assert_eq!(status, 409);
    for word in ["Contoso", "Deny rule", "`203.0.113.9/32`", "`--action Allow`"] {
        assert!(message.contains(word), "{message}");
    }
    assert_eq!(done(&mut policy, &deny_ip("203.0.113.9")), 0);
    let allow = Change::AddIpRule {
        registry: "contoso".into(),
        value: "203.0.113.9".into(),
        only_if_absent: false,
        action: Some("Allow".into()),
    };
    assert_eq!(done(&mut policy, &allow), 1);
    assert_eq!(done(&mut policy, &add_ip("203.0.113.9")), 0);
}

#[test]
fn either_spelling_removes_a_rule() {
    let mut policy = policy();
    done(&mut policy, &add_ip("203.0.113.9"));
    assert_eq!(done(&mut policy, &remove_ip("203.0.113.9/32")), 1);
    assert!(ip_rules(&policy).is_empty());
    assert_eq!(policy.counters.used(), 0);
}

#[test]
fn removing_a_rule_that_is_not_there_is_not_found() {
    let mut policy = policy();
    done(&mut policy, &add_ip("203.0.113.0/24"));
    let (status, message) = refused(&policy, &remove_ip("203.0.113.0/25"));
    assert_eq!((status, message.as_str()), (404, "registry `Contoso` has no IP rule for `203.0.113.0/25`"));
    assert_eq!(refused(&policy, &remove_ip("203.0.113.0/33")).0, 400);
}

#[test]
fn an_unknown_registry_is_not_found_and_the_known_ones_are_named() {
    let change = Change::AddIpRule {
        registry: "nobody".into(),
        value: "203.0.113.9".into(),
        only_if_absent: false,
        action: None,
    };
    let (status, message) = refused(&policy(), &change);
    assert_eq!(status, 404);
    assert_eq!(message, "registry `nobody` does not exist; config.toml names: Contoso, fabrikam");
}

#[test]
fn malformed_values_name_the_field_the_value_and_what_is_accepted() {
    for bad in ["", "203.0.113", "203.0.113.9/33", "203.0.113.09", "203.0.113.9 ", "host.example.com", "1.2.3.4/"] {
        let (status, message) = refused(&policy(), &add_ip(bad));
        assert_eq!(status, 400, "{bad}");
        assert!(message.starts_with(&format!("ipRules.value: `{bad}` ")), "{message}");
        assert!(message.contains("; accepted: "), "{message}");
    }
}

#[test]
fn host_bits_are_refused_with_the_network_meant() {
    let (status, message) = refused(&policy(), &add_ip("203.0.113.7/24"));
    assert_eq!(status, 400);
    let expected = "ipRules.value: `203.0.113.7/24` has host bits set, did you mean 203.0.113.0/24?; \
                    accepted: 203.0.113.0/24";
    assert_eq!(message, expected);
}

#[test]
fn private_sources_are_refused_and_the_setting_is_named() {
    for private in ["10.0.0.0/8", "172.16.5.0/24", "192.168.1.1", "fd00::/8"] {
        let (status, message) = refused(&policy(), &add_ip(private));
        assert_eq!(status, 400, "{private}");
        assert!(message.contains("private-ip-rules = \"allow\""), "{message}");
    }
}

#[test]
fn the_setting_lifts_private_ranges_for_its_registry_only() {
    let limits = Limits { private_ip_rules: ["contoso".to_owned()].into(), ..Limits::default() };
    let policy = policy();
    assert_eq!(policy.validate(&add_ip("10.0.0.0/8"), &limits).unwrap().len(), 1);
    assert_eq!(policy.validate(&add_ip("fd00::/8"), &limits).unwrap().len(), 1);
    let shouted =
        Change::AddIpRule { registry: "CONTOSO".into(), value: "10.0.0.1".into(), only_if_absent: false, action: None };
    assert!(policy.validate(&shouted, &limits).is_ok());
    let other = Change::AddIpRule {
        registry: "fabrikam".into(),
        value: "10.0.0.1".into(),
        only_if_absent: false,
        action: None,
    };
    assert!(policy.validate(&other, &limits).is_err());
}

#[test]
fn no_setting_lifts_what_is_never_a_source() {
    let limits = Limits { private_ip_rules: ["contoso".to_owned()].into(), ..Limits::default() };
    for never in ["127.0.0.1", "::1", "169.254.0.0/16", "fe80::1", "224.0.0.1", "ff02::1", "0.0.0.0", "::", "240.0.0.1"]
    {
        let error = policy().validate(&add_ip(never), &limits).unwrap_err();
        assert!(error.to_string().ends_with("accepted: public addresses"), "{error}");
    }
    let error = policy().validate(&add_ip("::ffff:203.0.113.0/120"), &limits).unwrap_err();
    assert!(error.to_string().ends_with("accepted: 203.0.113.0/24, written as IPv4"), "{error}");
}

#[test]
fn everyone_public_is_a_rule() {
    let mut policy = policy();
    assert_eq!(done(&mut policy, &add_ip("0.0.0.0/0")), 1);
    assert_eq!(done(&mut policy, &add_ip("::/0")), 1);
}

#[test]
fn an_unknown_action_is_refused_with_the_known_ones() {
    let change = Change::AddIpRule {
        registry: "contoso".into(),
        value: "203.0.113.9".into(),
        only_if_absent: false,
        action: Some("Log".into()),
    };
    let (status, message) = refused(&policy(), &change);
    assert_eq!((status, message.as_str()), (400, "ipRules.action: `Log` is not known; accepted: Allow, Deny"));
}
