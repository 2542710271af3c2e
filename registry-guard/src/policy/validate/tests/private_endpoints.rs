use super::*;
use crate::policy::{ConnectionStatus, PrivateEndpoint, PrivateEndpointRequest, network_id};

fn put(registry: &str, name: &str, request: PrivateEndpointRequest) -> Change {
    Change::PutPrivateEndpoint { registry: registry.into(), name: name.into(), only_if_absent: false, request }
}

fn at(registry: &str, name: &str, network: &str, address: &str) -> Change {
    let (network, address) = (Some(network.into()), Some(address.into()));
    put(registry, name, PrivateEndpointRequest { network, address, ..PrivateEndpointRequest::default() })
}

fn decided(name: &str, status: &str, description: Option<&str>) -> Change {
    let (status, description) = (Some(status.into()), description.map(Into::into));
    put("contoso", name, PrivateEndpointRequest { status, description, ..PrivateEndpointRequest::default() })
}

fn delete(name: &str) -> Change {
    Change::DeletePrivateEndpoint { registry: "Contoso".into(), name: name.into() }
}

fn endpoint<'a>(policy: &'a Policy, name: &str) -> &'a PrivateEndpoint {
    policy.find_private_endpoint("contoso", name).unwrap()
}

#[test]
fn a_new_one_is_approved_and_has_a_counter_of_its_own() {
    let mut policy = policy();
    done(&mut policy, &add_ip("203.0.113.9"));
    assert_eq!(done(&mut policy, &at("CONTOSO", "Desk", "HUB", "10.1.0.4")), 1);
    let expected = PrivateEndpoint {
        name: "Desk".into(),
        network: "hub".into(),
        address: "10.1.0.4".parse().unwrap(),
        status: ConnectionStatus::Approved,
        description: String::new(),
        counter: 1,
    };
    assert_eq!(endpoint(&policy, "DESK"), &expected);
    done(&mut policy, &add_ip("203.0.113.8"));
    assert_eq!(counter(&policy, "203.0.113.8"), 2);
}

#[test]
fn what_is_so_already_is_no_change_however_it_is_spelled() {
    let mut policy = policy();
    done(&mut policy, &at("contoso", "desk", "hub", "2001:db8:1::4"));
    assert_eq!(done(&mut policy, &at("contoso", "DESK", &network_id("Hub").to_uppercase(), "2001:DB8:1:0::4")), 0);
    assert_eq!(done(&mut policy, &decided("desk", "approved", None)), 0);
    assert_eq!(done(&mut policy, &put("contoso", "desk", PrivateEndpointRequest::default())), 0);
}

#[test]
fn it_is_rejected_approved_moved_and_deleted_and_keeps_its_counter() {
    let mut policy = policy();
    done(&mut policy, &at("contoso", "desk", "hub", "10.1.0.4"));
    assert_eq!(done(&mut policy, &decided("Desk", "REJECTED", Some("why"))), 1);
    assert_eq!(endpoint(&policy, "desk").status, ConnectionStatus::Rejected);
    assert_eq!(
        done(&mut policy, &at("contoso", "desk", "hub", "10.1.0.4")),
        0,
        "creating it again does not approve it"
    );
    assert_eq!(done(&mut policy, &decided("desk", "Approved", None)), 1);
    assert_eq!((endpoint(&policy, "desk").description.as_str(), endpoint(&policy, "desk").counter), ("why", 0));
    assert_eq!(done(&mut policy, &at("contoso", "desk", "hub", "2001:db8:1::4")), 1);
    assert_eq!((endpoint(&policy, "desk").counter, policy.registries["contoso"].private_endpoints.len()), (0, 1));
    assert_eq!(done(&mut policy, &delete("DESK")), 1);
    assert_eq!(policy.counters.used(), 0);
    assert_eq!(refused(&policy, &delete("desk")).0, 404);
}

#[test]
fn the_address_lies_in_the_network_and_the_registry_listens_there() {
    let policy = policy();
    for (address, words) in [
        (
            "10.2.0.4",
            "ipAddress: `10.2.0.4` is outside of virtual network `hub`; accepted: an address inside 10.1.0.0/16, 2001:db8:1::/48",
        ),
        ("203.0.113.10", "is outside of virtual network `hub`"),
        (
            "10.1.0.5",
            "ipAddress: `10.1.0.5` is no address that registry `Contoso` listens on; accepted: 203.0.113.10, 10.1.0.4, 2001:db8:1::4 (`listen` in config.toml)",
        ),
        ("10.1.0.0/24", "ipAddress: `10.1.0.0/24` is not an IP address; accepted: one address"),
        ("", "ipAddress: `` is not an IP address"),
    ] {
        let (status, message) = refused(&policy, &at("contoso", "desk", "hub", address));
        assert_eq!(status, 400);
        assert!(message.contains(words), "{message}");
    }
    for address in ["10.1.9.9", "2001:db8:1::9"] {
        assert_eq!(done(&mut policy.clone(), &at("fabrikam", "desk", "hub", address)), 1, "a wildcard listens");
    }
    let limits = Limits { listening: [("fabrikam".to_owned(), vec!["0.0.0.0".parse().unwrap()])].into(), ..limits() };
    assert!(policy.validate(&at("fabrikam", "desk", "hub", "10.1.9.9"), &limits).is_ok());
    assert!(policy.validate(&at("fabrikam", "desk", "hub", "2001:db8:1::9"), &limits).is_err(), "of its family only");
}

#[test]
fn an_address_belongs_to_one_private_endpoint_in_a_network() {
    let mut policy = policy();
    done(&mut policy, &put_network("spoke", 5002, &["10.1.0.0/16"]));
    done(&mut policy, &at("contoso", "desk", "hub", "10.1.0.4"));
    for (registry, name) in [("fabrikam", "desk"), ("contoso", "other")] {
        let (status, message) = refused(&policy, &at(registry, name, "Hub", "10.1.0.4"));
        assert_eq!(status, 409);
        let words =
            "10.1.0.4 in virtual network `hub` belongs to private endpoint connection `desk` of registry `Contoso`";
        assert!(message.contains(words), "{message}");
    }
    assert_eq!(done(&mut policy, &at("fabrikam", "desk", "spoke", "10.1.0.4")), 1, "another network, another address");
}

#[test]
fn what_is_missing_or_unknown_is_named() {
    let policy = policy();
    let request = |network: Option<&str>, address: Option<&str>| PrivateEndpointRequest {
        network: network.map(Into::into),
        address: address.map(Into::into),
        ..PrivateEndpointRequest::default()
    };
    let long = "a".repeat(141);
    for (change, status, words) in [
        (put("contoso", "desk", request(Some("hub"), None)), 400, "ipAddress: missing; accepted: one address"),
        (put("contoso", "desk", request(None, Some("10.1.0.4"))), 400, "virtualNetwork: missing; accepted: the name"),
        (
            put("contoso", "desk", request(None, None)),
            404,
            "has no private endpoint connection `desk`; known are: none",
        ),
        (decided("desk", "Approved", None), 404, "a new one needs virtualNetwork and ipAddress"),
        (at("nobody", "desk", "hub", "10.1.0.4"), 404, "registry `nobody` does not exist"),
        (at("contoso", "desk", "nowhere", "10.1.0.4"), 404, "virtual network `nowhere` does not exist; known are: hub"),
        (at("contoso", "desk", "/subscriptions/1/hub", "10.1.0.4"), 400, "virtualNetworks/{network}"),
        (at("contoso", "desk", &network_id(""), "10.1.0.4"), 400, "is not the id of a virtual network on this host"),
        (at("contoso", "-desk", "hub", "10.1.0.4"), 400, "private endpoint connection name: `-desk` is not a name"),
    ] {
        let (refused, message) = refused(&policy, &change);
        assert_eq!(refused, status, "{message}");
        assert!(message.contains(words), "{message}");
    }
    let mut policy = policy;
    done(&mut policy, &at("contoso", "desk", "hub", "10.1.0.4"));
    for (change, words) in [
        (
            decided("desk", "Pending", None),
            "privateLinkServiceConnectionState.status: `Pending` is not known; accepted: Approved, Rejected",
        ),
        (decided("desk", "Approved", Some(&long)), "accepted: one line of at most 140 characters"),
        (decided("desk", "Approved", Some("two\nlines")), "accepted: one line of at most 140 characters"),
    ] {
        let (status, message) = refused(&policy, &change);
        assert_eq!(status, 400);
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn only_if_absent_refuses_what_exists() {
    let mut policy = policy();
    done(&mut policy, &at("contoso", "Desk", "hub", "10.1.0.4"));
    let change = Change::PutPrivateEndpoint {
        registry: "contoso".into(),
        name: "desk".into(),
        only_if_absent: true,
        request: PrivateEndpointRequest::default(),
    };
    let (status, message) = refused(&policy, &change);
    assert_eq!(status, 412);
    assert!(message.starts_with("private endpoint connection `Desk` already exists"), "{message}");
}

#[test]
fn a_network_keeps_the_addresses_of_its_private_endpoints() {
    let mut policy = policy();
    done(&mut policy, &at("contoso", "desk", "hub", "10.1.0.4"));
    done(&mut policy, &decided("desk", "Rejected", None));
    let (status, message) = refused(&policy, &Change::DeleteNetwork { name: "Hub".into() });
    assert_eq!(status, 409);
    let words =
        "virtual network `hub` cannot be removed: private endpoint connection `desk` of registry `Contoso` is in it";
    assert!(message.contains(words), "{message}");
    let without_subnets = Change::PutNetwork {
        name: "hub".into(),
        only_if_absent: false,
        request: NetworkRequest {
            prefixes: Some(texts(&["10.1.128.0/17"])),
            subnets: Some(Vec::new()),
            ..NetworkRequest::default()
        },
    };
    let (status, message) = refused(&policy, &without_subnets);
    assert_eq!(status, 400);
    assert!(
        message.contains("`10.1.0.4` of private endpoint connection `desk` of registry `Contoso` is outside"),
        "{message}"
    );
    assert_eq!(done(&mut policy, &put_network("hub", 7, &["10.1.0.0/17"])), 1);
    done(&mut policy, &delete("desk"));
    assert_eq!(done(&mut policy, &without_subnets), 1);
    assert_eq!(done(&mut policy, &Change::DeleteNetwork { name: "hub".into() }), 1);
}

#[test]
fn it_counts_against_the_limit_of_rules() {
    let limits = Limits { rules: 1, ..limits() };
    let mut policy = policy();
    done(&mut policy, &add_ip("203.0.113.9"));
    let error = policy.validate(&at("contoso", "desk", "hub", "10.1.0.4"), &limits).unwrap_err();
    assert_eq!(error.code(), "QuotaExceeded");
}
