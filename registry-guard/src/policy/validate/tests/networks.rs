use super::*;

#[test]
fn a_network_is_found_in_any_case_and_keeps_its_spelling() {
    let mut policy = policy();
    assert_eq!(done(&mut policy, &put_network("HUB", 5001, &["10.1.0.0/16", "2001:db8:1::/48"])), 0);
    assert_eq!(done(&mut policy, &put_network("HUB", 5002, &["10.1.0.0/16"])), 1);
    let hub = policy.network("Hub").unwrap();
    assert_eq!((hub.name.as_str(), hub.vni, hub.subnets.len(), policy.networks.len()), ("hub", 5002, 1, 1));
}

#[test]
fn a_vni_is_a_24_bit_number_that_no_other_network_has() {
    for bad in [0, -1, 1 << 24, i64::MAX, i64::MIN] {
        let (status, message) = refused(&policy(), &put_network("spoke", bad, &["10.2.0.0/16"]));
        assert_eq!(status, 400);
        assert!(message.ends_with("accepted: 1 to 16777215") && message.contains(&format!("`{bad}`")), "{message}");
    }
    let (status, message) = refused(&policy(), &put_network("spoke", 5001, &["10.2.0.0/16"]));
    assert_eq!(status, 409);
    assert!(message.contains("5001 belongs to virtual network `hub`"), "{message}");
    assert_eq!(done(&mut policy(), &put_network("spoke", (1 << 24) - 1, &["10.1.0.0/16"])), 1);
}

#[test]
fn a_new_network_needs_a_vni_and_prefixes() {
    let put = |vni, prefixes: Option<&[&str]>| Change::PutNetwork {
        name: "spoke".into(),
        only_if_absent: false,
        request: NetworkRequest { vni, prefixes: prefixes.map(texts), subnets: None },
    };
    assert_eq!(
        refused(&policy(), &put(None, Some(&["10.2.0.0/16"]))),
        (400, "vni: missing; accepted: 1 to 16777215".into())
    );
    for (prefixes, words) in [
        (None, "addressSpace.addressPrefixes: missing"),
        (Some(&[][..]), "addressSpace.addressPrefixes: `[]` is empty"),
        (
            Some(&["10.2.0.1/16"][..]),
            "addressSpace.addressPrefixes[0]: `10.2.0.1/16` has host bits set, did you mean 10.2.0.0/16?",
        ),
        (Some(&["10.2.0.0/16", "ten"][..]), "addressSpace.addressPrefixes[1]: `ten` is not an IP address or prefix"),
        (
            Some(&["10.2.1.0/24", "10.3.0.0/16", "10.2.0.0/16"][..]),
            "addressSpace.addressPrefixes: `10.2.1.0/24` overlaps 10.2.0.0/16",
        ),
        (Some(&["10.2.0.0/16", "10.2.0.0/16"][..]), "addressSpace.addressPrefixes: `10.2.0.0/16` overlaps 10.2.0.0/16"),
    ] {
        let (status, message) = refused(&policy(), &put(Some(9), prefixes));
        assert_eq!(status, 400);
        assert!(message.starts_with(words), "{message}");
    }
}

#[test]
fn names_are_checked_when_a_network_or_subnet_is_made() {
    for bad in ["", "-hub", "h/b", "h b", &"a".repeat(81)] {
        let (status, message) = refused(&policy(), &put_network(bad, 9, &["10.2.0.0/16"]));
        assert_eq!(status, 400);
        assert!(message.starts_with("virtual network name: "), "{message}");
        assert!(refused(&policy(), &put_subnet("hub", bad, &["10.1.9.0/24"])).1.starts_with("subnet name: "));
    }
}

#[test]
fn only_if_absent_refuses_what_exists() {
    let network = Change::PutNetwork { name: "Hub".into(), only_if_absent: true, request: NetworkRequest::default() };
    let (status, message) = refused(&policy(), &network);
    assert_eq!(status, 412);
    assert!(message.starts_with("virtual network `hub` already exists"), "{message}");
    let subnet = Change::PutSubnet {
        network: "hub".into(),
        name: "BUILDERS".into(),
        only_if_absent: true,
        request: SubnetRequest::default(),
    };
    assert_eq!(refused(&policy(), &subnet).0, 412);
}

#[test]
fn what_does_not_exist_is_not_found_and_what_exists_is_named() {
    let (status, message) = refused(&policy(), &Change::DeleteNetwork { name: "nobody".into() });
    assert_eq!((status, message.as_str()), (404, "virtual network `nobody` does not exist; known are: hub"));
    assert_eq!(refused(&policy(), &put_subnet("nobody", "a", &["10.1.0.0/24"])).0, 404);
    let gone = Change::DeleteSubnet { network: "hub".into(), name: "nobody".into() };
    let (status, message) = refused(&policy(), &gone);
    assert_eq!(status, 404);
    assert_eq!(message, "subnet `nobody` does not exist in virtual network `hub`; known are: builders");
}

#[test]
fn subnets_lie_inside_the_network_and_apart_from_each_other() {
    let (status, message) = refused(&policy(), &put_subnet("hub", "far", &["10.2.0.0/24"]));
    assert_eq!(status, 400);
    assert!(message.contains("`10.2.0.0/24` of subnet `far` is outside of virtual network `hub`"), "{message}");
    assert!(message.ends_with("accepted: prefixes inside 10.1.0.0/16, 2001:db8:1::/48"), "{message}");
    assert_eq!(refused(&policy(), &put_subnet("hub", "wide", &["10.0.0.0/8"])).0, 400);
    for overlapping in ["10.1.0.0/24", "10.1.0.128/25", "10.1.0.0/23"] {
        let (status, message) = refused(&policy(), &put_subnet("hub", "near", &[overlapping]));
        assert_eq!(status, 400);
        assert!(message.contains(" overlaps ") && message.contains("subnet `builders`"), "{message}");
    }
    assert_eq!(done(&mut policy(), &put_subnet("hub", "next", &["10.1.1.0/24", "2001:db8:1:1::/64"])), 1);
}

#[test]
fn a_network_cannot_shrink_away_from_its_subnets() {
    let (status, message) = refused(&policy(), &put_network("hub", 5001, &["10.1.128.0/17"]));
    assert_eq!(status, 400);
    assert!(message.contains("`10.1.0.0/24` of subnet `builders` is outside"), "{message}");
}

#[test]
fn what_a_rule_names_cannot_be_removed_in_any_way() {
    let mut policy = policy();
    done(&mut policy, &add_subnet("fabrikam", &builders()));
    let without = NetworkRequest { subnets: Some(Vec::new()), ..NetworkRequest::default() };
    for change in [
        Change::DeleteNetwork { name: "hub".into() },
        Change::DeleteSubnet { network: "hub".into(), name: "Builders".into() },
        Change::PutNetwork { name: "hub".into(), only_if_absent: false, request: without },
    ] {
        let (status, message) = refused(&policy, &change);
        assert_eq!(status, 409);
        assert!(message.contains("a rule of registry `fabrikam` names it"), "{message}");
    }
    let gone = Change::RemoveSubnetRule { registry: "fabrikam".into(), subnet_id: builders() };
    done(&mut policy, &gone);
    assert_eq!(done(&mut policy, &Change::DeleteSubnet { network: "HUB".into(), name: "Builders".into() }), 1);
    assert_eq!(done(&mut policy, &Change::DeleteNetwork { name: "Hub".into() }), 1);
    assert!(policy.networks.is_empty());
}

#[test]
fn subnets_can_be_given_with_the_network() {
    let mut policy = policy();
    let subnet = |name: &str, prefix: &str| {
        (name.to_owned(), SubnetRequest { prefixes: Some(texts(&[prefix])), service_endpoints: None })
    };
    let put = |subnets| Change::PutNetwork {
        name: "hub".into(),
        only_if_absent: false,
        request: NetworkRequest { subnets: Some(subnets), ..NetworkRequest::default() },
    };
    done(&mut policy, &set_endpoints(&["Microsoft.ContainerRegistry"]));
    assert_eq!(done(&mut policy, &put(vec![subnet("Builders", "10.1.0.0/24"), subnet("b", "10.1.1.0/24")])), 1);
    let hub = policy.network("hub").unwrap();
    assert_eq!(hub.subnets.len(), 2);
    assert!(hub.subnet("builders").unwrap().serves_registry());
    let twice = put(vec![subnet("a", "10.1.0.0/24"), subnet("A", "10.1.1.0/24")]);
    assert!(refused(&policy, &twice).1.starts_with("subnets[1].name: `A`"));
}

#[test]
fn the_service_endpoint_is_switched_on_and_off() {
    let mut policy = policy();
    let serves = |policy: &Policy| policy.subnet(&SubnetId::new("hub", "builders")).unwrap().serves_registry();
    assert!(!serves(&policy));
    assert_eq!(done(&mut policy, &set_endpoints(&["microsoft.containerregistry"])), 1);
    assert!(serves(&policy));
    assert_eq!(done(&mut policy, &put_subnet("hub", "builders", &["10.1.0.0/25"])), 1);
    assert!(serves(&policy));
    assert_eq!(done(&mut policy, &set_endpoints(&[""])), 1);
    assert!(!serves(&policy));
    assert_eq!(done(&mut policy, &set_endpoints(&[])), 0);
    let (status, message) = refused(&policy, &set_endpoints(&["Microsoft.Storage"]));
    assert_eq!(status, 400);
    assert!(message.ends_with("`Microsoft.Storage` is not known; accepted: Microsoft.ContainerRegistry"), "{message}");
}
