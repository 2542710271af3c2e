use super::*;
use crate::policy::{PolicyRequest, PrivateEndpointRequest, RegistryRequest, Step, StepKind, steps};

fn apply(request: PolicyRequest) -> Change {
    Change::Apply(request)
}

fn network(vni: i64, prefixes: &[&str]) -> NetworkRequest {
    NetworkRequest { vni: Some(vni), prefixes: Some(texts(prefixes)), subnets: None }
}

fn networks(list: &[(&str, NetworkRequest)]) -> PolicyRequest {
    let list = list.iter().map(|(name, request)| ((*name).to_owned(), request.clone())).collect();
    PolicyRequest { networks: Some(list), registries: Vec::new() }
}

fn of(registry: &str, request: RegistryRequest) -> PolicyRequest {
    PolicyRequest { networks: None, registries: vec![(registry.to_owned(), request)] }
}

fn ips(values: &[&str]) -> RegistryRequest {
    let patch = RegistryPatch { ip_rules: Some(requests(values)), ..RegistryPatch::default() };
    RegistryRequest { patch, private_endpoints: None }
}

fn subnets(ids: &[&str]) -> RegistryRequest {
    let patch = RegistryPatch { subnet_rules: Some(requests(ids)), ..RegistryPatch::default() };
    RegistryRequest { patch, private_endpoints: None }
}

fn endpoints(list: &[(&str, &str)]) -> RegistryRequest {
    let endpoint = |(name, address): &(&str, &str)| {
        let request = PrivateEndpointRequest {
            network: Some("hub".to_owned()),
            address: Some((*address).to_owned()),
            ..PrivateEndpointRequest::default()
        };
        ((*name).to_owned(), request)
    };
    RegistryRequest { private_endpoints: Some(list.iter().map(endpoint).collect()), ..RegistryRequest::default() }
}

fn told(policy: &Policy, change: &Change) -> Vec<String> {
    let mark = |step: &Step| match step.change {
        StepKind::Add => '+',
        StepKind::Change => '~',
        StepKind::Remove => '-',
    };
    let edits = checked(policy, change).unwrap();
    steps(policy, &edits).iter().map(|step| format!("{}{}", mark(step), step.name)).collect()
}

#[test]
fn nothing_asked_for_is_nothing_done() {
    assert_eq!(done(&mut policy(), &apply(PolicyRequest::default())), 0);
    assert_eq!(done(&mut policy(), &apply(of("CONTOSO", RegistryRequest::default()))), 0);
}

#[test]
fn two_networks_exchange_their_numbers_in_one_step() {
    let mut policy = policy();
    done(&mut policy, &put_network("spoke", 5002, &["10.2.0.0/16"]));
    done(&mut policy, &add_subnet("contoso", &builders()));
    let swapped = [
        ("hub", NetworkRequest { vni: Some(5002), ..NetworkRequest::default() }),
        ("spoke", NetworkRequest { vni: Some(5001), ..NetworkRequest::default() }),
    ];
    let change = apply(networks(&swapped));
    assert_eq!(told(&policy, &change), ["~hub", "~spoke"]);
    let edits = checked(&policy, &change).unwrap();
    let (first, last): (Vec<&Edit>, Vec<&Edit>) = edits.iter().partition(|edit| matches!(edit, Edit::RemoveNetwork(_)));
    assert_eq!((first.len(), last.len()), (2, 2), "no two networks ever have one number: {edits:?}");
    assert!(matches!(edits[..2], [Edit::RemoveNetwork(_), Edit::RemoveNetwork(_)]), "{edits:?}");
    done(&mut policy, &change);
    assert_eq!((policy.network("hub").unwrap().vni, policy.network("spoke").unwrap().vni), (5002, 5001));
    assert_eq!(policy.network("hub").unwrap().subnets.len(), 1, "what is not said is kept");
    let twice = [("hub", network(7, &["10.1.0.0/16", "2001:db8:1::/48"])), ("spoke", network(7, &["10.2.0.0/16"]))];
    let (status, message) = refused(&policy, &apply(networks(&twice)));
    assert_eq!(status, 409);
    assert!(message.starts_with("virtualNetworks[1]: vni: 7 belongs to virtual network `hub`"), "{message}");
}

#[test]
fn a_network_goes_together_with_the_rule_that_names_it_and_not_without() {
    let mut policy = policy();
    done(&mut policy, &add_subnet("contoso", &builders()));
    let (status, message) = refused(&policy, &apply(networks(&[])));
    assert_eq!(status, 409);
    assert!(message.starts_with("virtualNetworks: subnet `builders`"), "{message}");
    let both = PolicyRequest { registries: of("contoso", subnets(&[])).registries, ..networks(&[]) };
    done(&mut policy, &apply(both));
    assert!(policy.networks.is_empty());
    let new = PolicyRequest {
        registries: of("contoso", subnets(&[&SubnetId::new("far", "away").to_string()])).registries,
        ..networks(&[(
            "far",
            NetworkRequest {
                subnets: Some(vec![(
                    "away".into(),
                    SubnetRequest { prefixes: Some(texts(&["10.9.1.0/24"])), service_endpoints: None },
                )]),
                ..network(9, &["10.9.0.0/16"])
            },
        )])
    };
    done(&mut policy, &apply(new));
    assert_eq!(policy.registry("contoso").unwrap().subnet_rules.len(), 1);
}

#[test]
fn a_rule_that_stays_keeps_its_counter_and_none_is_given_twice() {
    let mut policy = policy();
    done(&mut policy, &patch_ips(&["192.0.2.0/24", "198.51.100.0/24"]));
    let kept = counter(&policy, "198.51.100.0/24");
    let freed = counter(&policy, "192.0.2.0/24");
    let both = PolicyRequest {
        networks: None,
        registries: vec![("contoso".into(), ips(&["198.51.100.0/24"])), ("fabrikam".into(), ips(&["203.0.113.0/24"]))],
    };
    assert_eq!(told(&policy, &apply(both.clone())), ["-192.0.2.0/24", "+203.0.113.0/24"]);
    done(&mut policy, &apply(both));
    assert_eq!(counter(&policy, "198.51.100.0/24"), kept);
    let new = policy.find_ip_rule("fabrikam", "203.0.113.0/24").unwrap().counter;
    assert_ne!(new, freed, "hits of a rule that goes are not those of one that comes");
}

#[test]
fn rules_that_go_make_room_for_those_that_come() {
    let mut policy = policy();
    done(&mut policy, &patch_ips(&["192.0.2.0/24", "198.51.100.0/24"]));
    let full = Limits { rules: 2, ..limits() };
    let moved = |to: &[&str], left: &[&str]| {
        apply(PolicyRequest {
            networks: None,
            registries: vec![("fabrikam".into(), ips(to)), ("contoso".into(), ips(left))],
        })
    };
    let edits = policy.validate(&moved(&["192.0.2.0/24", "203.0.113.0/24"], &[]), &full).unwrap();
    let mut after = policy.clone();
    after.apply(&edits);
    assert_eq!(after.registry("fabrikam").unwrap().ip_rules.len(), 2);
    let error = policy.validate(&moved(&["192.0.2.0/24", "203.0.113.0/24"], &["198.51.100.0/24"]), &full).unwrap_err();
    assert_eq!(error.code(), "QuotaExceeded");
}

#[test]
fn private_endpoints_exchange_their_addresses() {
    let mut policy = policy();
    done(&mut policy, &apply(of("fabrikam", endpoints(&[("desk", "10.1.0.4"), ("lab", "10.1.0.5")]))));
    let counters = |policy: &Policy| -> Vec<u32> {
        policy.registry("fabrikam").unwrap().private_endpoints.iter().map(|endpoint| endpoint.counter).collect()
    };
    let before = counters(&policy);
    let swapped = apply(of("fabrikam", endpoints(&[("DESK", "10.1.0.5"), ("lab", "10.1.0.4")])));
    assert_eq!(told(&policy, &swapped), ["~desk", "~lab"]);
    done(&mut policy, &swapped);
    assert_eq!(counters(&policy), before);
    let same = apply(of("fabrikam", endpoints(&[("desk", "10.1.0.4"), ("lab", "10.1.0.4")])));
    let (status, message) = refused(&policy, &same);
    assert_eq!(status, 409);
    assert!(message.starts_with("registries[0].privateEndpointConnections[1]: ipAddress: 10.1.0.4"), "{message}");
    assert_eq!(told(&policy, &apply(of("fabrikam", endpoints(&[("lab", "10.1.0.4")])))), ["-desk"]);
    let (_, message) = refused(&policy, &apply(networks(&[])));
    assert!(message.starts_with("virtualNetworks: virtual network `hub` cannot be removed"), "{message}");
    let shrunk = networks(&[("hub", network(5001, &["10.1.0.0/30"]))]);
    refused(&policy, &apply(shrunk));
}

#[test]
fn an_error_names_the_place_in_the_document() {
    let denies = |value: &str| RuleRequest { value: value.into(), action: Some("perhaps".into()) };
    let actions = RegistryPatch { ip_rules: Some(vec![denies("192.0.2.1")]), ..RegistryPatch::default() };
    let word = RegistryPatch { default_action: Some("Maybe".into()), ..RegistryPatch::default() };
    let patch = |patch| RegistryRequest { patch, private_endpoints: None };
    for (request, status, words) in [
        (
            of("nowhere", ips(&[])),
            404,
            "registries[0].name: registry `nowhere` does not exist; config.toml names: Contoso, fabrikam",
        ),
        (
            of("contoso", ips(&["192.0.2.1", "192.0.2.1/24"])),
            400,
            "registries[0].ipRules[1].ipAddressOrRange: `192.0.2.1/24` has host bits",
        ),
        (of("contoso", patch(actions)), 400, "registries[0].ipRules[0].action: `perhaps`"),
        (of("contoso", patch(word)), 400, "registries[0].defaultAction: `Maybe` is not known; accepted: Allow, Deny"),
        (of("contoso", subnets(&[&builders(), "/x"])), 400, "registries[0].virtualNetworkRules[1].subnet: `/x`"),
        (of("contoso", subnets(&[&builders(), &builders()])), 400, "registries[0]: Virtual network rule is not valid"),
        (networks(&[("hub", network(5001, &[]))]), 400, "virtualNetworks[0].addressPrefixes: `[]` is empty"),
        (networks(&[("-", network(5001, &["10.0.0.0/8"]))]), 400, "virtualNetworks[0].name: `-` is not a name"),
        (
            networks(&[("a", network(1, &["10.0.0.0/8"])), ("A", network(2, &["10.0.0.0/8"]))]),
            400,
            "virtualNetworks[1].name: `A` is the name of an earlier one",
        ),
        (
            of("contoso", endpoints(&[("a", "10.1.0.4"), ("A", "10.1.0.5")])),
            400,
            "registries[0].privateEndpointConnections[1].name: `A`",
        ),
    ] {
        let (found, message) = refused(&policy(), &apply(request));
        assert_eq!(found, status, "{message}");
        assert!(message.starts_with(words), "{message}");
    }
    let twice =
        PolicyRequest { networks: None, registries: vec![("contoso".into(), ips(&[])), ("Contoso".into(), ips(&[]))] };
    let (_, message) = refused(&policy(), &apply(twice));
    assert!(message.starts_with("registries[1].name: `Contoso` is the name of an earlier one"), "{message}");
}

#[test]
fn one_rule_more_is_the_smallest_edit() {
    let mut policy = policy();
    done(&mut policy, &patch_ips(&["192.0.2.0/24"]));
    let more = apply(of("contoso", ips(&["192.0.2.0/24", "198.51.100.0/24"])));
    let edits = checked(&policy, &more).unwrap();
    assert!(matches!(edits[..], [Edit::InsertIpRule { .. }]), "{edits:?}");
}

#[test]
fn every_kind_of_step_is_told() {
    let mut policy = policy();
    done(&mut policy, &patch_ips(&["192.0.2.0/24", "198.51.100.0/24"]));
    done(&mut policy, &add_subnet("contoso", &builders()));
    let deny = |value: &str| RuleRequest { value: value.into(), action: Some("Deny".into()) };
    let request = RegistryRequest {
        patch: RegistryPatch {
            default_action: Some("Allow".into()),
            ip_rules: Some(vec![deny("198.51.100.0/24"), deny("203.0.113.0/24")]),
            subnet_rules: Some(vec![]),
            ..RegistryPatch::default()
        },
        private_endpoints: endpoints(&[("desk", "10.1.0.4")]).private_endpoints,
    };
    let change = apply(of("contoso", request));
    assert_eq!(
        told(&policy, &change),
        ["+desk", "~defaultAction", "-192.0.2.0/24", "~198.51.100.0/24", "+203.0.113.0/24", "-hub/builders"]
    );
    let edits = checked(&policy, &change).unwrap();
    let told = serde_json::to_value(&steps(&policy, &edits)[3]).unwrap();
    assert_eq!(
        told,
        serde_json::json!({"change": "change", "registry": "Contoso", "list": "ipRules", "name": "198.51.100.0/24",
            "before": "Allow", "after": "Deny"})
    );
}
