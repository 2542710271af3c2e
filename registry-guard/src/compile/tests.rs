use super::*;
use crate::policy::{
    ConnectionStatus, IpRule, REGISTRY_SERVICE, ServiceTag, ServiceTagRule, ServiceTags, Settings, Subnet, SubnetId,
    VirtualNetwork,
};

fn prefixes(texts: &[&str]) -> Vec<IpNet> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// One registry with an IP rule and a rule for a subnet of two halves and a stranger.
fn policy(settings: Settings, service_endpoints: &[&str]) -> Policy {
    let mut policy = Policy::default();
    policy.networks.insert(
        "office".to_owned(),
        VirtualNetwork {
            name: "office".to_owned(),
            vni: 5001,
            prefixes: prefixes(&["10.0.0.0/8"]),
            subnets: vec![Subnet {
                name: "ci".to_owned(),
                prefixes: prefixes(&["10.1.0.0/25", "10.1.0.128/25", "10.9.0.0/24"]),
                service_endpoints: service_endpoints.iter().map(ToString::to_string).collect(),
            }],
        },
    );
    let mut registry = Registry::new("contoso", 3, "2026-01-01T00:00:00Z", settings);
    registry.ip_rules.insert(IpRule {
        value: "203.0.113.0/24".to_owned(),
        prefix: "203.0.113.0/24".parse().unwrap(),
        action: Action::Deny,
        counter: 7,
    });
    let subnet = SubnetId::new("office", "ci");
    registry.subnet_rules.push(SubnetRule { subnet, action: Action::Allow, counter: 8 });
    policy.registries.insert("contoso".to_owned(), registry);
    policy
}

fn table(policy: &Policy) -> Table {
    table_with(policy, &[])
}

fn table_with(policy: &Policy, trusted: &[&str]) -> Table {
    compile(&policy.registries["contoso"], policy, &TrustedPrefixes::new(prefixes(trusted)))
}

fn contoso(policy: &mut Policy) -> &mut Registry {
    policy.registries.get_mut("contoso").unwrap()
}

fn row(tag: Tag, prefix: &str, reason: Reason, counter: u32) -> Row {
    Row::prefix(tag, prefix.parse().unwrap(), Entry::new(reason, counter))
}

fn trusted(prefix: &str) -> Row {
    row(Tag::PUBLIC, prefix, Reason::TrustedService, NO_COUNTER)
}

fn endpoint(address: &str, status: ConnectionStatus, counter: u32) -> PrivateEndpoint {
    PrivateEndpoint {
        name: format!("at{counter}"),
        network: "Office".to_owned(),
        address: address.parse().unwrap(),
        status,
        description: String::new(),
        counter,
    }
}

fn defaults(reason: Reason) -> Table {
    vec![Row::family(Family::V4, reason), Row::family(Family::V6, reason)]
}

#[test]
fn every_rule_becomes_rows_with_its_own_counter() {
    let mut expected = defaults(Reason::NoRule);
    expected.push(row(Tag::PUBLIC, "203.0.113.0/24", Reason::DenyRule, 7));
    expected.push(row(Tag::vni(5001), "10.1.0.0/24", Reason::SubnetRule, 8));
    expected.push(row(Tag::vni(5001), "10.9.0.0/24", Reason::SubnetRule, 8));
    assert_eq!(table(&policy(Settings::FRESH, &[REGISTRY_SERVICE])), expected);
}

#[test]
fn a_subnet_without_the_service_endpoint_has_no_rows() {
    assert_eq!(table(&policy(Settings::FRESH, &[])).len(), 3);
    assert_eq!(table(&policy(Settings::FRESH, &["Microsoft.Storage"])).len(), 3);
}

#[test]
fn disabled_public_access_leaves_no_rule() {
    let settings = Settings { public_network_access: PublicNetworkAccess::Disabled, ..Settings::FRESH };
    assert_eq!(table(&policy(settings, &[REGISTRY_SERVICE])), defaults(Reason::PublicAccessDisabled));
    let open = Settings { default_action: Action::Allow, ..settings };
    assert_eq!(table(&policy(open, &[REGISTRY_SERVICE])), defaults(Reason::PublicAccessDisabled));
}

#[test]
fn the_default_action_covers_both_families_and_every_network() {
    let settings = Settings { default_action: Action::Allow, ..Settings::FRESH };
    let table = table(&policy(settings, &[]));
    assert_eq!(table[..2], defaults(Reason::DefaultAllow));
    assert_eq!(table[2].entry(), Entry::new(Reason::DenyRule, 7), "a Deny rule is an exception to it");
    assert_eq!(table[0].place().0, 8, "only the family's byte must match");
    assert_eq!(table[0].entry().counter(), NO_COUNTER);
}

#[test]
fn trusted_services_pass_while_public_access_is_disabled_and_not_without_the_bypass() {
    let settings = Settings { public_network_access: PublicNetworkAccess::Disabled, ..Settings::FRESH };
    let mut expected = defaults(Reason::PublicAccessDisabled);
    expected.push(trusted("192.0.2.0/24"));
    expected.push(trusted("2001:db8:7::/48"));
    let services = ["2001:db8:7::/48", "192.0.2.128/25", "192.0.2.0/25"];
    assert_eq!(table_with(&policy(settings, &[]), &services), expected);
    let without = Settings { bypass: BypassOptions::None, ..settings };
    assert_eq!(table_with(&policy(without, &[]), &services), defaults(Reason::PublicAccessDisabled));
}

#[test]
fn a_rule_inside_a_trusted_prefix_never_decides_and_a_wider_one_does() {
    let mut policy = policy(Settings::FRESH, &[]);
    for (prefix, counter) in [("203.0.113.9/32", 1), ("203.0.112.0/23", 2), ("2001:db8::/32", 3)] {
        let rule = IpRule { value: prefix.to_owned(), prefix: prefix.parse().unwrap(), action: Action::Deny, counter };
        contoso(&mut policy).ip_rules.insert(rule);
    }
    let mut expected = defaults(Reason::NoRule);
    expected.push(trusted("203.0.113.0/24"));
    expected.push(row(Tag::PUBLIC, "203.0.112.0/23", Reason::DenyRule, 2));
    expected.push(row(Tag::PUBLIC, "2001:db8::/32", Reason::DenyRule, 3));
    assert_eq!(table_with(&policy, &["203.0.113.0/24"]), expected);
    contoso(&mut policy).bypass = BypassOptions::None;
    assert_eq!(table_with(&policy, &["203.0.113.0/24"]).len(), 2 + 4, "without the bypass every rule counts");
}

#[test]
fn an_approved_private_endpoint_is_one_row_on_its_network_whatever_else_is_set() {
    let settings = Settings { public_network_access: PublicNetworkAccess::Disabled, ..Settings::FRESH };
    let mut policy = policy(settings, &[]);
    contoso(&mut policy).private_endpoints = vec![
        endpoint("10.1.0.4", ConnectionStatus::Approved, 20),
        endpoint("10.1.0.5", ConnectionStatus::Rejected, 21),
        endpoint("2001:db8::4", ConnectionStatus::Approved, 22),
    ];
    let row = |address: &str, counter| {
        let address = Address::from(address.parse::<std::net::IpAddr>().unwrap());
        Row::private_endpoint(Tag::vni(5001), &address, Entry::new(Reason::PrivateEndpoint, counter))
    };
    let mut expected = defaults(Reason::PublicAccessDisabled);
    expected.extend([row("10.1.0.4", 20), row("2001:db8::4", 22)]);
    assert_eq!(table(&policy), expected);
    let (bits, key) = expected[2].place();
    assert_eq!(bits, 64, "every bit of family, tag and address must match");
    for row in expected.iter().filter(|row| row.entry().reason() != Reason::PrivateEndpoint) {
        let (bits, prefix) = row.place();
        assert!(!key.starts_with(&prefix, bits), "no row of sources covers it");
    }
    policy.networks.clear();
    assert_eq!(table(&policy), defaults(Reason::PublicAccessDisabled), "nothing without its network");
}

/// Adds service tags with these prefixes, and a rule for each.
fn with_tags(policy: &mut Policy, tags: &[(&str, Action, u32, &[&str])]) {
    let tag = |name: &str, list: &[&str]| ServiceTag {
        name: name.to_owned(),
        change_number: None,
        region: String::new(),
        platform: String::new(),
        system_service: String::new(),
        prefixes: prefixes(list),
    };
    let all = tags.iter().map(|(name, _, _, list)| (name.to_ascii_lowercase(), tag(name, list)));
    let (cloud, imported) = ("Public".to_owned(), String::new());
    policy.service_tags = Some(ServiceTags { cloud, change_number: 1, imported, tags: all.collect() }.into());
    let rule = |(name, action, counter, _): &(&str, Action, u32, &[&str])| ServiceTagRule {
        tag: name.to_ascii_uppercase(),
        action: *action,
        counter: *counter,
    };
    contoso(policy).service_tag_rules = tags.iter().map(rule).collect();
}

#[test]
fn at_the_same_prefix_an_ip_rule_counts_then_a_denied_tag_then_the_first_one() {
    let mut policy = policy(Settings::FRESH, &[]);
    let both = ["198.51.100.0/24", "203.0.113.0/24"];
    with_tags(
        &mut policy,
        &[
            ("Allowed", Action::Allow, 20, &["192.0.2.0/24", both[0], both[1], "2001:db8::/32"]),
            ("Denied", Action::Deny, 21, &both),
            ("Second", Action::Allow, 22, &["192.0.2.0/24", "192.0.2.0/25"]),
        ],
    );
    let mut expected = defaults(Reason::NoRule);
    expected.extend([
        row(Tag::PUBLIC, "203.0.113.0/24", Reason::DenyRule, 7),
        row(Tag::PUBLIC, "198.51.100.0/24", Reason::DenyRule, 21),
        row(Tag::PUBLIC, "192.0.2.0/24", Reason::ServiceTagRule, 20),
        row(Tag::PUBLIC, "2001:db8::/32", Reason::ServiceTagRule, 20),
        row(Tag::PUBLIC, "192.0.2.0/25", Reason::ServiceTagRule, 22),
    ]);
    assert_eq!(table(&policy), expected);
    let registry = &policy.registries["contoso"];
    let trusted = TrustedPrefixes::default();
    for row in &expected[2..] {
        let prefix: IpNet = [both[0], both[1], "192.0.2.0/24", "2001:db8::/32", "192.0.2.0/25"]
            .map(|prefix| prefix.parse().unwrap())
            .into_iter()
            .find(|prefix| Row::prefix(Tag::PUBLIC, *prefix, row.entry()).place() == row.place())
            .unwrap();
        let single = public_row(registry, &prefix, registry.ip_rules.get(&prefix), &policy, &trusted);
        assert_eq!(single, Some(*row), "one row is what the table has");
    }
}

#[test]
fn a_tag_that_is_gone_has_no_rows_and_no_tag_decides_without_public_access_or_inside_a_trusted_prefix() {
    let mut policy = policy(Settings::FRESH, &[]);
    with_tags(&mut policy, &[("Storage", Action::Allow, 20, &["192.0.2.0/25", "192.0.2.128/25"])]);
    assert_eq!(table_with(&policy, &["192.0.2.0/25"]).len(), 2 + 1 + 1 + 1);
    contoso(&mut policy).public_network_access = PublicNetworkAccess::Disabled;
    assert_eq!(table(&policy), defaults(Reason::PublicAccessDisabled));
    contoso(&mut policy).public_network_access = PublicNetworkAccess::Enabled;
    policy.service_tags = None;
    assert_eq!(table(&policy).len(), 3);
}
