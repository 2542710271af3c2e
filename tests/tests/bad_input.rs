//! What is refused says why, and leaves everything as it was: the policy, the store, and what the kernel enforces.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::net::{Agent, Client, GuardConfig, Listener, Network, Outcome, Ran, expect_same, run};

const ONE_SYN: Duration = Duration::from_millis(900);
const MINUTE: Duration = Duration::from_mins(1);

const REGISTRY: &str = GuardConfig::REGISTRY;
const SUBNETS: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/registry-guard/providers/\
                       Microsoft.Network/virtualNetworks/office/subnets";

/// A host with a policy that is worth keeping.
struct Host {
    // The agent goes before the network that it runs in.
    agent: Agent,
    _listener: Listener,
    client: Client,
    network: Network,
}

impl Host {
    fn new() -> Result<Self> {
        let mut network = Network::new()?;
        let client = network.client("office", &["198.51.100.7", "203.0.113.66"])?;
        let listener = Listener::start(network.host(), "[::]:443".parse()?)?;
        let config = GuardConfig::of(&network).reset().trusted_vtep("192.0.2.11").listen("10.1.0.200:443").to_string();
        let agent = Agent::start(&network, &config)?;
        for command in [
            "network-rule add -n contoso --ip-address 198.51.100.0/24",
            "network-rule add -n contoso --ip-address 198.51.100.66 --action Deny",
            "network-rule add -n contoso --ip-address 2001:db8:1::/64",
            "network vnet create -n office --vni 5001 --address-prefixes 10.1.0.0/16 2001:db8:a::/48",
            "network vnet create -n lab --vni 5002 --address-prefixes 10.2.0.0/16",
            "network vnet subnet create --vnet-name office -n ci --address-prefixes 10.1.7.0/24 \
             --service-endpoints Microsoft.ContainerRegistry",
            "network vnet subnet create --vnet-name office -n desk --address-prefixes 10.1.8.0/24",
            "network-rule add -n contoso --vnet-name office --subnet ci",
            "private-endpoint-connection create -r contoso -n desk --vnet-name office --ip-address 10.1.0.200",
        ] {
            agent.json(command.split_whitespace())?;
        }
        Ok(Self { agent, _listener: listener, client, network })
    }

    /// 198.51.100.7 is served, 203.0.113.66 is not.
    fn expect_guarded(&self, when: &str) -> Result<()> {
        for (source, expected) in [("198.51.100.7", Outcome::Connected), ("203.0.113.66", Outcome::Refused)] {
            let source: IpAddr = source.parse()?;
            let registry: SocketAddr = (Network::REGISTRY_V4, 443).into();
            let attempt = self.client.connect(source, registry, ONE_SYN)?;
            assert_eq!(attempt.outcome, expected, "{source} {when}");
        }
        Ok(())
    }
}

fn code(ran: &Ran) -> Option<i32> {
    ran.status.and_then(|status| status.code())
}

/// The words that an error must hold.
fn expect_words(text: &str, words: &[&str]) -> Result<()> {
    for word in words {
        ensure!(text.contains(word), "`{word}` is not in: {text}");
    }
    Ok(())
}

/// A command of the CLI, in words, that ends with this code, complains with these words, and changes nothing.
type Refused<'a> = (&'a [&'a str], i32, &'a [&'a str]);

fn expect_refused(host: &Host, cases: &[Refused<'_>]) -> Result<()> {
    let before = host.agent.everything()?;
    for (command, expected, words) in cases {
        let ran = host.agent.cli(*command)?;
        assert_eq!(code(&ran), Some(*expected), "{command:?}: {}{}", ran.stdout, ran.stderr);
        expect_words(&ran.stderr, words).with_context(|| format!("{command:?}"))?;
        assert_eq!(ran.stdout, "", "{command:?} printed something");
        expect_same(&before, &host.agent.everything()?, &format!("{command:?}"))?;
    }
    Ok(())
}

#[test]
fn an_ip_rule_that_means_nothing_is_refused_with_what_is_accepted() -> Result<()> {
    const FORMS: &str = "203.0.113.0/24 or 2001:db8::/32";
    const SETTING: &str = "private-ip-rules = \"allow\"";
    let host = Host::new()?;
    let before = host.agent.everything()?;
    for (value, words) in [
        ("203.0.113.7/24", ["host bits", "did you mean 203.0.113.0/24?"]),
        ("2001:db8::1/32", ["host bits", "did you mean 2001:db8::/32?"]),
        ("300.1.1.1", ["is not an IP address or prefix", FORMS]),
        ("203.0.113", ["is not an IP address or prefix", FORMS]),
        ("203.0.113.09", ["is not an IP address or prefix", FORMS]),
        ("203.0.113.0/", ["is not an IP address or prefix", FORMS]),
        ("203.0.113.0/024", ["is not an IP address or prefix", FORMS]),
        ("203.0.113.0/24/24", ["is not an IP address or prefix", FORMS]),
        ("contoso.example.com", ["is not an IP address or prefix", FORMS]),
        ("203.0.113.0/33", ["above 32", FORMS]),
        ("2001:db8::/129", ["above 128", FORMS]),
        (" 203.0.113.9", ["white space", "accepted: `203.0.113.9`"]),
        ("10.0.0.1", ["10.0.0.0/8", SETTING]),
        ("172.16.0.0/12", ["172.16.0.0/12", SETTING]),
        ("192.168.7.0/24", ["192.168.0.0/16", SETTING]),
        ("fd12:3456::/32", ["unique local", SETTING]),
        ("127.0.0.1", ["loopback", "public addresses"]),
        ("::1", ["loopback", "public addresses"]),
        ("169.254.1.0/24", ["link-local", "public addresses"]),
        ("fe80::1", ["link-local", "public addresses"]),
        ("224.0.0.1", ["multicast", "public addresses"]),
        ("ff02::1", ["multicast", "public addresses"]),
        ("0.0.0.0", ["unspecified", "public addresses"]),
        ("::", ["unspecified", "public addresses"]),
        ("240.0.0.1", ["reserved", "public addresses"]),
        ("::ffff:203.0.113.9", ["IPv4-mapped", "203.0.113.9"]),
    ] {
        let ran = host.agent.cli(["network-rule", "add", "-n", REGISTRY, "--ip-address", value])?;
        assert_eq!(code(&ran), Some(1), "{value}: {}", ran.stderr);
        expect_words(&ran.stderr, &["ipRules.value", &format!("`{value}`"), "accepted: "])?;
        expect_words(&ran.stderr, &words)?;
        let list = json!([{"value": "198.51.100.0/24"}, {"value": value}, {"value": "203.0.113.1"}]);
        let patch = json!({"properties": {"networkRuleSet": {"defaultAction": "Allow", "ipRules": list}}});
        let answer = patched(&host.agent, &patch.to_string())?;
        assert_eq!(answer.0, 400, "{answer:?}");
        expect_words(&answer.1, &["ipRules[1].value", &format!("`{value}`"), "accepted: "])?;
        expect_same(&before, &host.agent.everything()?, value)?;
    }
    host.expect_guarded("in the end")
}

#[test]
fn documentation_and_wide_prefixes_are_public() -> Result<()> {
    let host = Host::new()?;
    for value in ["192.0.2.0/24", "203.0.113.0/24", "2001:db8::/32", "100.64.0.0/10", "0.0.0.0/0", "::/0"] {
        let answer = host.agent.json(["network-rule", "add", "-n", REGISTRY, "--ip-address", value])?;
        assert_eq!(answer["changed"], true, "{value}");
    }
    Ok(())
}

/// Status and message of the API's answer to a merge patch.
fn patched(agent: &Agent, body: &str) -> Result<(u16, String)> {
    let answer = agent.request("PATCH", &Agent::registry_path(REGISTRY), &[], body.as_bytes())?;
    Ok((answer.status, answer.body["error"]["message"].as_str().unwrap_or_default().to_owned()))
}

#[test]
fn networks_and_subnets_that_cannot_be_are_refused() -> Result<()> {
    let host = Host::new()?;
    let vnet = |name: &'static str, vni: &'static str, prefix: &'static str| {
        ["network", "vnet", "create", "-n", name, "--vni", vni, "--address-prefixes", prefix]
    };
    let subnet = |network: &'static str, name: &'static str, prefix: &'static str| {
        ["network", "vnet", "subnet", "create", "--vnet-name", network, "-n", name, "--address-prefixes", prefix]
    };
    let service = ["--service-endpoints", "Microsoft.Storage"];
    expect_refused(
        &host,
        &[
            (&vnet("office", "5003", "10.3.0.0/16"), 1, &["'office'", "already exists"]),
            (&vnet("OFFICE", "5003", "10.3.0.0/16"), 1, &["'OFFICE'", "already exists"]),
            (&vnet("new", "5001", "10.3.0.0/16"), 1, &["vni", "5001", "`office`"]),
            (&vnet("new", "16777216", "10.3.0.0/16"), 2, &["--vni", "16777216", "1..=16777215"]),
            (&vnet("new", "0", "10.3.0.0/16"), 2, &["--vni", "'0'", "1..=16777215"]),
            (&vnet("new", "5003", "10.3.0.1/16"), 1, &["addressPrefixes[0]", "10.3.0.1/16", "10.3.0.0/16"]),
            (&vnet("new", "5003", "ten"), 1, &["addressPrefixes[0]", "`ten`", "accepted: "]),
            (&vnet("new", "5003", "10.3.0.0/16,10.3.4.0/24"), 1, &["10.3.4.0/24", "overlaps 10.3.0.0/16"]),
            (&vnet("-new", "5003", "10.3.0.0/16"), 2, &["--name"]),
            (&vnet("ne/w", "5003", "10.3.0.0/16"), 1, &["virtual network name", "`ne/w`", "accepted: "]),
            (&subnet("office", "ci", "10.1.9.0/24"), 1, &["'ci'", "already exists"]),
            (&subnet("office", "far", "10.2.0.0/24"), 1, &["10.2.0.0/24", "outside", "10.1.0.0/16"]),
            (&subnet("office", "twin", "10.1.7.128/25"), 1, &["10.1.7.128/25", "overlaps 10.1.7.0/24", "`ci`"]),
            (&subnet("office", "host", "10.1.9.1/24"), 1, &["10.1.9.1/24", "10.1.9.0/24"]),
            (&subnet("office", "_x", "10.1.9.0/24"), 1, &["subnet name", "`_x`", "accepted: "]),
            (&subnet("nosuch", "ci", "10.1.9.0/24"), 3, &["`nosuch`", "lab, office"]),
            (
                &[&subnet("office", "s", "10.1.9.0/24")[..], &service].concat(),
                1,
                &["`Microsoft.Storage`", "accepted: Microsoft.ContainerRegistry"],
            ),
            (&["network", "vnet", "delete", "-n", "office"], 1, &["`ci`", "`office`", "`contoso`"]),
            (
                &["network", "vnet", "subnet", "delete", "--vnet-name", "office", "-n", "ci"],
                1,
                &["`ci`", "`office`", "`contoso`"],
            ),
            (
                &[
                    "network",
                    "vnet",
                    "subnet",
                    "update",
                    "--vnet-name",
                    "office",
                    "-n",
                    "ci",
                    "--address-prefixes",
                    "::/0",
                ],
                1,
                &["::/0", "outside"],
            ),
        ],
    )?;
    let put = |path: &str, body: Value| -> Result<(u16, String)> {
        let answer = host.agent.request("PUT", path, &[], body.to_string().as_bytes())?;
        Ok((answer.status, answer.body["error"]["message"].to_string()))
    };
    let before = host.agent.everything()?;
    let office = SUBNETS.trim_end_matches("/subnets");
    for (path, body, status, words) in [
        (office, json!({"properties": {"vni": 16_777_216}}), 400, ["vni", "1 to 16777215"]),
        (office, json!({"properties": {"vni": 0}}), 400, ["vni", "1 to 16777215"]),
        (office, json!({"properties": {"vni": 5002}}), 409, ["5002", "`lab`"]),
        (office, json!({"properties": {"vni": "5001"}}), 400, ["properties.vni", "invalid type"]),
        (
            office,
            json!({"properties": {"addressSpace": {"addressPrefixes": ["10.1.0.0/21"]}}}),
            400,
            ["`desk`", "10.1.0.0/21"],
        ),
        (office, json!({"properties": {"subnets": []}}), 409, ["`ci`", "`contoso`"]),
        (office, json!({"properties": {"colour": "blue"}}), 400, ["colour", "expected one of"]),
    ] {
        let answer = put(path, body.clone())?;
        assert_eq!(answer.0, status, "{body}: {answer:?}");
        expect_words(&answer.1, &words).with_context(|| body.to_string())?;
        expect_same(&before, &host.agent.everything()?, &body.to_string())?;
    }
    Ok(())
}

#[test]
fn private_endpoints_that_cannot_be_are_refused() -> Result<()> {
    let host = Host::new()?;
    let create = |name: &'static str, network: &'static str, ip: &'static str| {
        let connection = ["private-endpoint-connection", "create", "-r", REGISTRY, "-n", name];
        [&connection[..], &["--vnet-name", network, "--ip-address", ip]].concat()
    };
    let long = "a".repeat(141);
    expect_refused(
        &host,
        &[
            (&create("new", "office", "10.1.0.201"), 1, &["ipAddress", "10.1.0.201", "`contoso`", "10.1.0.200"]),
            (&create("new", "office", "203.0.113.10"), 1, &["ipAddress", "outside", "10.1.0.0/16, 2001:db8:a::/48"]),
            (&create("new", "office", "10.1.0.200"), 1, &["10.1.0.200", "`office`", "`desk`", "`contoso`"]),
            (&create("new", "lab", "10.1.0.200"), 1, &["ipAddress", "outside", "10.2.0.0/16"]),
            (&create("_x", "office", "10.1.0.200"), 1, &["connection name", "`_x`", "accepted: "]),
            (&create("new", "nosuch", "10.1.0.200"), 3, &["`nosuch`", "lab, office"]),
            (&create("new", "/x/office", "10.1.0.200"), 1, &["virtualNetwork", "`/x/office`", "{network}"]),
            (&create("new", "office", "10.1.0.0/24"), 2, &["--ip-address", "one IPv4 or IPv6 address"]),
            (&create("", "office", "10.1.0.200"), 2, &["--name"]),
            (
                &["private-endpoint-connection", "reject", "-r", REGISTRY, "-n", "desk", "--description", &long],
                1,
                &["description", "140"],
            ),
            (&["private-endpoint-connection", "show", "-r", REGISTRY, "-n", "no"], 3, &["`no`", "known are: desk"]),
            (&["private-endpoint-connection", "reject", "-r", REGISTRY, "-n", "no"], 3, &["`no`", "known are: desk"]),
            (&["private-endpoint-connection", "delete", "-r", REGISTRY, "-n", "no"], 3, &["`no`", "known are: desk"]),
            (&["private-endpoint-connection", "list", "-r", "fabrikam"], 3, &["`fabrikam`", "contoso"]),
        ],
    )?;
    let before = host.agent.everything()?;
    let office = SUBNETS.trim_end_matches("/subnets");
    let shrunk = json!({"properties": {"addressSpace": {"addressPrefixes": ["10.1.7.0/24", "10.1.8.0/24"]}}});
    let answer = host.agent.request("PUT", office, &[], shrunk.to_string().as_bytes())?;
    assert_eq!(answer.status, 400, "{answer:?}");
    expect_words(&answer.body.to_string(), &["`10.1.0.200`", "`desk`", "`contoso`", "outside"])?;
    expect_same(&before, &host.agent.everything()?, "a network without its private endpoint")?;
    host.agent.json(["network-rule", "remove", "-n", REGISTRY, "--vnet-name", "office", "--subnet", "ci"])?;
    expect_refused(
        &host,
        &[(
            &["network", "vnet", "delete", "-n", "office"],
            1,
            &["`office`", "`desk`", "`contoso`", "delete that first"],
        )],
    )?;
    host.expect_guarded("in the end")
}

#[test]
fn what_does_not_exist_is_named_with_what_does_and_exits_with_three() -> Result<()> {
    let host = Host::new()?;
    let registry: &[&str] = &["`fabrikam`", "contoso"];
    let network: &[&str] = &["`nosuch`", "lab, office"];
    let subnet: &[&str] = &["`nosuch`", "ci, desk"];
    expect_refused(
        &host,
        &[
            (&["show", "-n", "fabrikam"], 3, registry),
            (&["update", "-n", "fabrikam", "--default-action", "Allow"], 3, registry),
            (&["show-endpoints", "-n", "fabrikam"], 3, registry),
            (&["network-rule", "list", "-n", "fabrikam"], 3, registry),
            (&["network-rule", "add", "-n", "fabrikam", "--ip-address", "203.0.113.9"], 3, registry),
            (&["network-rule", "remove", "-n", "fabrikam", "--ip-address", "203.0.113.9"], 3, registry),
            (&["check", "-n", "fabrikam", "--source", "203.0.113.9"], 3, registry),
            (&["network-rule", "remove", "-n", REGISTRY, "--ip-address", "203.0.113.9"], 3, &["203.0.113.9", REGISTRY]),
            (
                &["network-rule", "remove", "-n", REGISTRY, "--vnet-name", "office", "--subnet", "desk"],
                3,
                &["/office/subnets/desk", REGISTRY],
            ),
            (&["network", "vnet", "show", "-n", "nosuch"], 3, network),
            (&["network", "vnet", "delete", "-n", "nosuch"], 3, network),
            (&["network", "vnet", "subnet", "list", "--vnet-name", "nosuch"], 3, network),
            (&["network", "vnet", "subnet", "show", "--vnet-name", "office", "-n", "nosuch"], 3, subnet),
            (&["network", "vnet", "subnet", "delete", "--vnet-name", "office", "-n", "nosuch"], 3, subnet),
            (
                &[
                    "network",
                    "vnet",
                    "subnet",
                    "update",
                    "--vnet-name",
                    "office",
                    "-n",
                    "nosuch",
                    "--service-endpoints",
                    "",
                ],
                3,
                subnet,
            ),
            (&["network-rule", "add", "-n", REGISTRY, "--vnet-name", "nosuch", "--subnet", "ci"], 3, network),
            (&["network-rule", "add", "-n", REGISTRY, "--vnet-name", "office", "--subnet", "nosuch"], 3, subnet),
            (
                &["network-rule", "add", "-n", REGISTRY, "--subnet", "/subscriptions/1/subnets/ci"],
                1,
                &["/subscriptions/1/subnets/ci", "{network}/subnets/{subnet}"],
            ),
        ],
    )
}

#[test]
fn a_change_of_another_revision_is_refused_and_names_both() -> Result<()> {
    let host = Host::new()?;
    let revision = host.agent.json(["status"])?["revision"].to_string();
    let words: &[&str] = &["revision \"3\"", &format!("at revision {revision}")];
    let stale = ["--if-match", "3"];
    let with_stale = |command: &[&'static str]| [command, &stale].concat();
    expect_refused(
        &host,
        &[
            (&with_stale(&["network-rule", "add", "-n", REGISTRY, "--ip-address", "203.0.113.9"]), 1, words),
            (&with_stale(&["network-rule", "remove", "-n", REGISTRY, "--ip-address", "198.51.100.0/24"]), 1, words),
            (&with_stale(&["update", "-n", REGISTRY, "--default-action", "Allow"]), 1, words),
            (&with_stale(&["network", "vnet", "delete", "-n", "lab"]), 1, words),
            (&["network", "vnet", "delete", "-n", "lab", "--if-match", "last"], 2, &["--if-match", "last", "7, or *"]),
        ],
    )?;
    let rule = ["-n", REGISTRY, "--ip-address", "203.0.113.9", "--if-match"];
    host.agent.json([&["network-rule", "add"], &rule[..], &[&revision]].concat())?;
    host.agent.json([&["network-rule", "remove"], &rule[..], &["*"]].concat())?;
    Ok(())
}

#[test]
fn a_deny_rule_is_not_turned_into_its_opposite_by_adding_its_source() -> Result<()> {
    let host = Host::new()?;
    let add = ["network-rule", "add", "-n", REGISTRY, "--ip-address", "198.51.100.66"];
    expect_refused(&host, &[(&add, 1, &["198.51.100.66", "Deny rule", REGISTRY, "--action Allow"])])?;
    let answer = host.agent.json([&add[..], &["--action", "Allow"]].concat())?;
    assert_eq!((&answer["changed"], &answer["action"]), (&json!(true), &json!("Allow")));
    Ok(())
}

#[test]
fn wrong_usage_exits_with_two() -> Result<()> {
    let host = Host::new()?;
    let ip = ["--ip-address", "203.0.113.9"];
    expect_refused(
        &host,
        &[
            (&["frobnicate"], 2, &["frobnicate"]),
            (&["show"], 2, &["--name"]),
            (&["show", "-n", REGISTRY, "--colour"], 2, &["--colour"]),
            (&["show", "-n", REGISTRY, "-o", "xml"], 2, &["xml", "yaml"]),
            (&["show", "-n", REGISTRY, "--query", "[["], 2, &["--query"]),
            (&["update", "-n", REGISTRY], 2, &["--default-action"]),
            (&["update", "-n", REGISTRY, "--default-action", "Maybe"], 2, &["Maybe", "Allow", "Deny"]),
            (&["update", "-n", REGISTRY, "--public-network-enabled", "perhaps"], 2, &["perhaps", "true", "false"]),
            (&["network-rule", "add", "-n", REGISTRY], 2, &["--ip-address"]),
            (&["network-rule", "add", "-n", REGISTRY, "--subnet", "ci"], 2, &["--vnet-name"]),
            (&["network-rule", "add", "-n", REGISTRY, ip[0], ip[1], "--subnet", "ci"], 2, &["--subnet"]),
            (&["network-rule", "add", "-n", REGISTRY, ip[0], ip[1], "--action", "Maybe"], 2, &["Maybe", "Deny"]),
            (&["check", "-n", REGISTRY, "--source", "203.0.113.0/24"], 2, &["--source", "one IPv4 or IPv6 address"]),
            (&["check", "-n", REGISTRY, "--source", "203.0.113.9", "--vni", "16777216"], 2, &["--vni", "16777215"]),
        ],
    )
}

#[test]
fn a_body_that_is_not_understood_changes_nothing_and_the_place_is_named() -> Result<()> {
    let host = Host::new()?;
    let before = host.agent.everything()?;
    let rules = |rules: Value| json!({"properties": {"networkRuleSet": rules}}).to_string();
    let ci = format!("{SUBNETS}/ci");
    let too_many: Vec<Value> = (0..=GuardConfig::RULES)
        .map(|number| {
            let [_, _, high, low] = number.to_be_bytes();
            json!({"value": format!("198.18.{high}.{low}")})
        })
        .collect();
    for (body, words) in [
        ("{\"properties\":".to_owned(), ["not valid", "EOF"]),
        ("not json".to_owned(), ["not valid", "expected"]),
        ("[]".to_owned(), ["not valid", "expected a JSON object"]),
        ("{} {}".to_owned(), ["not valid", "something follows"]),
        (json!({"properties": {"colour": "blue"}}).to_string(), ["colour", "expected one of"]),
        (json!({"properties": {"publicNetworkAccess": "Perhaps"}}).to_string(), ["publicNetworkAccess", "`Perhaps`"]),
        (json!({"properties": {"publicNetworkAccess": true}}).to_string(), ["properties.publicNetworkAccess", "true"]),
        (json!({"properties": {"dataEndpointEnabled": "no"}}).to_string(), ["properties.dataEndpointEnabled", "no"]),
        (rules(json!({"defaultAction": "Maybe"})), ["networkRuleSet.defaultAction", "Allow, Deny"]),
        (rules(json!({"ipRules": "198.51.100.0/24"})), ["networkRuleSet.ipRules", "invalid type"]),
        (rules(json!({"ipRules": [{"value": "203.0.113.9"}, {}]})), ["ipRules[1]", "value"]),
        (
            rules(json!({"ipRules": [{"value": "203.0.113.9", "action": "Maybe"}]})),
            ["ipRules[0].action", "accepted: Allow, Deny"],
        ),
        (
            rules(json!({"ipRules": [{"value": "203.0.113.9"}, {"value": "203.0.113.9/32", "action": "Deny"}]})),
            ["ipRules[1].action", "Deny"],
        ),
        (rules(json!({"virtualNetworkRules": [{"id": ci}, {"id": ci}]})), ["duplicate virtual network rule", &ci]),
        (rules(json!({"virtualNetworkRules": [{"id": "ci"}]})), ["virtualNetworkRules[0].id", "`ci`"]),
        (rules(json!({"ipRules": too_many})), ["quota 5000", "limits.rules"]),
    ] {
        let shown = body.chars().take(200).collect::<String>();
        let answer = patched(&host.agent, &body)?;
        assert_eq!(answer.0, 400, "{shown}: {answer:?}");
        expect_words(&answer.1, &words).with_context(|| shown.clone())?;
        expect_same(&before, &host.agent.everything()?, &shown)?;
    }
    for (method, path, status) in [
        ("GET", "/nowhere".to_owned(), 404),
        ("POST", Agent::registry_path(REGISTRY), 405),
        ("DELETE", Agent::registry_path(REGISTRY), 405),
        ("PUT", format!("{}/ipRules/%FF", Agent::registry_path(REGISTRY)), 400),
    ] {
        let answer = host.agent.request(method, &path, &[], b"")?;
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        ensure!(answer.body["error"]["message"].is_string(), "{method} {path}: {answer:?}");
    }
    expect_same(&before, &host.agent.everything()?, "one of these")?;
    host.expect_guarded("in the end")
}

/// Starts the agent as it is configured now; it must end with 1 and these words.
fn expect_no_start(host: &Host, words: &[&str]) -> Result<()> {
    let ran = run(&mut host.agent.run_command(), MINUTE)?;
    assert_eq!(code(&ran), Some(1), "{}", ran.stderr);
    expect_words(&ran.stderr, words)
}

#[test]
fn a_configuration_that_cannot_be_used_leaves_the_last_one_in_force() -> Result<()> {
    let mut host = Host::new()?;
    let before = host.agent.everything()?;
    host.agent.stop()?;
    let good = GuardConfig::of(&host.network).reset().trusted_vtep("192.0.2.11").listen("10.1.0.200:443").to_string();
    let path = host.agent.config().display().to_string();
    let with = |from: &str, to: &str| {
        assert!(good.contains(from), "`{from}` is not in {good}");
        good.replace(from, to)
    };
    let second = |name: &str, listen: &str| {
        format!(
            "{good}[[registry]]\nname = \"{name}\"\nlogin-server = \"fabrikam.example.com\"\nlisten = [\"{listen}\"]\n"
        )
    };
    let cases: [(Vec<u8>, &[&str]); 18] = [
        (good[..good.len() / 2].into(), &["config.toml:"]),
        (good[..good.len() - 5].into(), &["config.toml:14", "deny-response"]),
        (Vec::new(), &["interfaces", "missing", "a policy for contoso", "registry-guard detach"]),
        (b"\xff\xfe".to_vec(), &["cannot be read", "UTF-8"]),
        (with("interfaces = [\"to-", "interfaces = [\"lo\", \"to-").into(), &["config.toml:1", "`lo`", "accepted: "]),
        (with("hotplug-interfaces = [", "hotplug-interfaces = [\"to-office\"").into(), &["`to-office` is named twice"]),
        (
            with("xdp-mode = \"auto\"", "xdp-mode = \"fast\"").into(),
            &["config.toml:3", "`fast`", "auto, native, generic"],
        ),
        (with("xdp-mode", "xdp-modus").into(), &["config.toml:3", "xdp-modus", "xdp-mode"]),
        (with("192.0.2.11", "192.0.2.11/24").into(), &["vxlan.trusted-vteps", "192.0.2.0/24"]),
        (with("rules = 5000", "rules = 0").into(), &["limits.rules", "`0`", "1 to "]),
        (with("\"contoso\"", "\"con\"").into(), &["registry.name", "`con`", "5 to 50 letters and digits"]),
        (with("203.0.113.10:443", "203.0.113.10").into(), &["registry.listen", "`203.0.113.10`", "203.0.113.10:443"]),
        (with("203.0.113.10:443", "203.0.113.10:70000").into(), &["registry.listen", "70000", "accepted: "]),
        (with("\"reset\"", "\"teapot\"").into(), &["registry.deny-response", "`teapot`", "drop, reset"]),
        (second("Contoso", "203.0.113.11:443").into(), &["registry.name", "`Contoso`", "earlier registry"]),
        (second("fabrikam", "203.0.113.10:443").into(), &["`fabrikam`", "203.0.113.10:443", "`contoso`", "overlaps"]),
        (second("fabrikam", "0.0.0.0:443").into(), &["`fabrikam`", "0.0.0.0:443", "`contoso`", "overlaps"]),
        (second("fabrikam", "[::]:443").into(), &["`fabrikam`", "[::]:443", "`contoso`", "overlaps"]),
    ];
    let kernel = host.agent.kernel_tables()?;
    let store = host.agent.store_rows()?;
    for (config, words) in cases {
        let shown = String::from_utf8_lossy(&config).into_owned();
        fs::write(host.agent.config(), &config)?;
        expect_no_start(&host, words).with_context(|| shown.clone())?;
        expect_same(&kernel, &host.agent.kernel_tables()?, &shown)?;
        assert_eq!(host.agent.store_rows()?, store, "{shown}");
    }
    fs::remove_file(host.agent.config())?;
    expect_no_start(&host, &[&path, "cannot be read"])?;
    host.expect_guarded("all the while")?;

    host.agent.configure(&good)?;
    host.agent.run()?;
    host.expect_guarded("in the end")?;
    let shown = host.agent.json(["show", "-n", REGISTRY])?;
    assert_eq!(shown, before["show -n contoso"]);
    Ok(())
}

#[test]
fn a_user_without_permission_on_the_socket_can_do_nothing() -> Result<()> {
    let host = Host::new()?;
    let before = host.agent.everything()?;
    // Only the socket itself shall be in the way: not its folder, not the program's.
    fs::set_permissions(host.network.folder(), fs::Permissions::from_mode(0o755))?;
    let program = host.network.folder().join("registry-guard");
    // Copied by another process: a program that any process holds open for writing, such as a child that another test is
    // starting at this moment, cannot be executed.
    run(Command::new("cp").arg(host.agent.program()).arg(&program), MINUTE)?.expect_success()?;
    let socket = host.agent.socket().display().to_string();
    for arguments in [
        &["status"][..],
        &["network-rule", "add", "-n", REGISTRY, "--ip-address", "203.0.113.66"],
        &["update", "-n", REGISTRY, "--default-action", "Allow"],
        &["detach", "--pins", &host.agent.pins().display().to_string()],
    ] {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(&program);
        command.args(arguments).args(["--socket", &socket]);
        let ran = run(&mut command, MINUTE)?;
        assert_eq!(code(&ran), Some(1), "{arguments:?}: {}", ran.stderr);
        expect_words(&ran.stderr, &["permission denied", &socket, "run this as root"])?;
    }
    expect_same(&before, &host.agent.everything()?, "one of these")?;
    host.expect_guarded("in the end")
}

#[test]
fn without_an_agent_every_command_says_so() -> Result<()> {
    let mut host = Host::new()?;
    let socket = host.agent.socket().display().to_string();
    host.agent.stop()?;
    let add = ["network-rule", "add", "-n", REGISTRY, "--ip-address", "203.0.113.66"];
    for command in [&["status"][..], &["show", "-n", REGISTRY], &add] {
        let ran = host.agent.cli(command)?;
        assert_eq!(code(&ran), Some(1), "{command:?}: {}", ran.stderr);
        expect_words(&ran.stderr, &["no agent", &socket, "registry-guard run"])?;
    }
    host.agent.run()?;
    host.agent.kill9()?;
    let ran = host.agent.cli(["status"])?;
    assert_eq!(code(&ran), Some(1));
    expect_words(&ran.stderr, &["no agent is listening", &socket, "the kernel keeps enforcing"])
}

#[test]
fn pins_are_not_mounted_over_a_folder_that_holds_something() -> Result<()> {
    let mut network = Network::new()?;
    let _office = network.client("office", &["198.51.100.7"])?;
    let agent = Agent::prepare(&network, "agent", &GuardConfig::of(&network).to_string())?;
    let folder = network.folder().join("full");
    fs::create_dir(&folder)?;
    fs::write(folder.join("something"), "of value")?;
    let paths = [("--config", agent.config()), ("--state", agent.state()), ("--socket", agent.socket())];
    let mut command = network.host().command(agent.program());
    command.arg("run").arg("--pins").arg(&folder);
    for (flag, path) in paths {
        command.arg(flag).arg(path);
    }
    let ran = run(&mut command, MINUTE)?;
    assert_eq!(code(&ran), Some(1), "{}", ran.stderr);
    for words in ["pins", "full", "would hide", "accepted: an empty folder"] {
        assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
    }
    assert_eq!(fs::read_to_string(folder.join("something"))?, "of value");
    Ok(())
}
