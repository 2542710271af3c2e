use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::words::{action, any_of, mostly, network, perhaps, source, subnet, subnet_id};
use super::{Call, RuleText, SubnetText};

pub(super) fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        6 => patch(),
        6 => rule(source()).prop_map(Call::PutIpRule),
        3 => source().prop_map(Call::DeleteIpRule),
        5 => rule(subnet_id()).prop_map(Call::PutSubnetRule),
        2 => subnet_id().prop_map(Call::DeleteSubnetRule),
        4 => put_network(),
        1 => network().prop_map(Call::DeleteNetwork),
        6 => (network(), subnet_text()).prop_map(|(network, text)| Call::PutSubnet(network, text)),
        1 => (network(), subnet()).prop_map(|(network, subnet)| Call::DeleteSubnet(network, subnet)),
        4 => put_private_endpoint(),
        1 => private_endpoint().prop_map(Call::DeletePrivateEndpoint),
        2 => nonsense(),
    ]
}

fn rule(value: impl Strategy<Value = String>) -> impl Strategy<Value = RuleText> {
    (value, action()).prop_map(|(value, action)| RuleText { value, action })
}

/// Whole lists are rarer than settings, since each clears what was there.
fn patch() -> impl Strategy<Value = Call> {
    let registry = prop_oneof![20 => Just("contoso"), 3 => Just("CONTOSO"), 1 => Just("fabrikam")];
    let settings = (
        perhaps(0.3, mostly(&["Deny", "Allow", "deny"], &["", "Reject"])),
        perhaps(0.25, mostly(&["Enabled", "Enabled", "enabled", "Disabled"], &["true", "Off"])),
        perhaps(0.25, mostly(&["AzureServices", "None", "none"], &["All", ""])),
        perhaps(0.2, any::<bool>()),
        perhaps(0.1, mostly(&["Premium", "premium"], &["Basic"])),
    );
    let lists = (perhaps(0.45, vec(rule(source()), 0..5)), perhaps(0.25, vec(rule(subnet_id()), 0..3)));
    (registry, settings, lists).prop_map(|(registry, settings, (ip_rules, subnet_rules))| {
        let (default_action, public_network_access, bypass, data_endpoint_enabled, sku) = settings;
        let registry = registry.to_owned();
        Call::Patch {
            registry,
            default_action,
            public_network_access,
            bypass,
            data_endpoint_enabled,
            sku,
            ip_rules,
            subnet_rules,
        }
    })
}

/// One of these lists.
fn lists(lists: &'static [&'static [&'static str]]) -> impl Strategy<Value = Vec<String>> {
    select(lists).prop_map(|list| list.iter().map(ToString::to_string).collect())
}

fn put_network() -> impl Strategy<Value = Call> {
    let vni = prop_oneof![6 => 5001..5004_i64, 1 => select(vec![0, -1, 1 << 24, i64::MAX])];
    let space = prop_oneof![
        12 => lists(&[
            &["10.1.0.0/16", "2001:db8:a::/48"],
            &["10.1.0.0/16"],
            &["10.0.0.0/8"],
            &["10.2.0.0/16"],
            &["10.1.0.0/17", "10.1.128.0/17"],
        ]),
        1 => lists(&[&[], &["10.1.0.0/16", "10.1.2.0/24"], &["10.1.0.1/16"], &["everywhere"]]),
    ];
    (network(), perhaps(0.7, vni), perhaps(0.7, space), perhaps(0.3, vec(subnet_text(), 0..3)))
        .prop_map(|(name, vni, prefixes, subnets)| Call::PutNetwork { name, vni, prefixes, subnets })
}

fn subnet_text() -> impl Strategy<Value = SubnetText> {
    let prefixes = prop_oneof![
        12 => lists(&[
            &["10.1.7.0/24"],
            &["10.1.7.0/25"],
            &["10.1.8.0/24"],
            &["10.1.8.0/24", "2001:db8:a:8::/64"],
            &["10.2.0.0/24"],
            &["10.1.9.0/28", "10.1.9.16/28"],
        ]),
        1 => lists(&[&[], &["10.1.7.1/24"], &["10.1.7.0/24", "10.1.7.128/25"], &["192.168.0.0/24"], &[""]]),
    ];
    let services = prop_oneof![
        12 => lists(&[&["Microsoft.ContainerRegistry"], &["microsoft.containerregistry"], &[""], &[]]),
        1 => lists(&[&["Contoso.Nothing"], &["Microsoft.ContainerRegistry", " "]]),
    ];
    (subnet(), perhaps(0.6, prefixes), perhaps(0.7, services)).prop_map(|(name, prefixes, services)| SubnetText {
        name,
        prefixes,
        services,
    })
}

fn private_endpoint() -> impl Strategy<Value = String> {
    mostly(&["desk", "Desk", "pe-2"], &["pe 2", ".pe"])
}

fn put_private_endpoint() -> impl Strategy<Value = Call> {
    let id = |name: String| {
        let group = super::GROUP;
        format!("{group}/providers/Microsoft.Network/virtualNetworks/{name}")
    };
    let network = prop_oneof![3 => network(), 1 => network().prop_map(id)];
    let address = mostly(
        &["10.1.0.200", "10.1.7.200", "2001:db8:a::200"],
        &["10.1.0.9", "203.0.113.10", "10.1.0.0/24", "desk", ""],
    );
    let status = mostly(&["Approved", "approved", "Rejected"], &["Pending", ""]);
    let description = mostly(&["", "for the desks"], &["two\nlines"]);
    (private_endpoint(), perhaps(0.8, network), perhaps(0.8, address), perhaps(0.4, status), perhaps(0.2, description))
        .prop_map(|(name, network, address, status, description)| Call::PutPrivateEndpoint {
            name,
            network,
            address,
            status,
            description,
        })
}

/// No body of these is one of the API's, none of the resources is there, and no method is possible where it stands.
fn nonsense() -> impl Strategy<Value = Call> {
    let bodies = any_of(&[
        "{",
        "[]",
        "null",
        "\u{0}",
        "{\"properties\":{}",
        "{\"properties\":[]}",
        "{\"property\":{}}",
        "{\"properties\":{\"networkRuleSet\":{\"ipRules\":\"198.51.100.0/24\"}}}",
        "{\"properties\":{\"networkRuleSet\":{\"ipRules\":[{\"value\":7}]}}}",
        "{\"properties\":{\"networkRuleSet\":{\"ipRules\":[{\"action\":\"Allow\"}]}}}",
        "{\"properties\":{\"networkRuleSet\":{\"virtualNetworkRules\":[{}]}}}",
        "{\"properties\":{\"dataEndpointEnabled\":\"yes\"}}",
        "{\"properties\":{\"defaultAction\":\"Allow\"}}",
        "{\"properties\":{\"networkRuleSet\":{\"defaultAction\":\"Allow\",\"defaultAction\":\"Deny\"}}}",
        "{\"properties\":{\"publicNetworkAccess\":\"Disabled\"}} {}",
    ]);
    let broken = bodies.prop_map(|body| ("PATCH", "Microsoft.ContainerRegistry/registries/contoso", body));
    let lost = select(vec![
        ("PUT", "Microsoft.ContainerRegistry/registries/fabrikam/ipRules/198.51.100.7"),
        ("DELETE", "Microsoft.ContainerRegistry/registries/fabrikam/ipRules/198.51.100.7"),
        ("PUT", "Microsoft.ContainerRegistry/registries/contoso/webhooks/on-push"),
        ("POST", "Microsoft.ContainerRegistry/registries/contoso/ipRules/198.51.100.7"),
        ("DELETE", "Microsoft.ContainerRegistry/registries/contoso"),
        ("PUT", "Microsoft.ContainerRegistry/registries/contoso/ipRules/%ff"),
        ("DELETE", "Microsoft.ContainerRegistry/registries/contoso/virtualNetworkRules/%2F"),
        ("PUT", "Microsoft.Network/virtualNetworks/nowhere/subnets/ci"),
        ("DELETE", "Microsoft.Network/virtualNetworks"),
        ("PATCH", "Microsoft.Network/routeTables/office"),
    ]);
    let lost = lost.prop_map(|(method, path)| (method, path, String::new()));
    prop_oneof![3 => broken, 2 => lost].prop_map(|(method, path, body)| Call::Nonsense {
        method: method.to_owned(),
        path: path.to_owned(),
        body,
    })
}
