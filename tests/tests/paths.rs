//! The ways past the rules: trusted services, and private endpoints inside virtual networks.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::net::{Agent, Client, GuardConfig, Listener, Network, Outcome, Overlay, address};

/// Shorter than the second after which a SYN is sent again.
const ONE_SYN: Duration = Duration::from_millis(900);

const REGISTRY: &str = GuardConfig::REGISTRY;
/// The registry's private addresses.
const PRIVATE_V4: &str = "10.1.0.200";
const PRIVATE_V6: &str = "2001:db8:a::200";

fn public_of(source: &str) -> SocketAddr {
    match address(source) {
        IpAddr::V4(_) => (Network::REGISTRY_V4, 443).into(),
        IpAddr::V6(_) => (Network::REGISTRY_V6, 443).into(),
    }
}

/// What becomes of the very first SYN from a public source.
fn outcome(client: &Client, source: &str) -> Result<Outcome> {
    Ok(client.connect(address(source), public_of(source), ONE_SYN)?.outcome)
}

fn listener(network: &Network) -> Result<Listener> {
    Listener::start(network.host(), "[::]:443".parse()?)
}

fn update(agent: &Agent, setting: &str, value: &str) -> Result<Value> {
    agent.json(["update", "-n", REGISTRY, setting, value])
}

fn check(agent: &Agent, flags: &[&str]) -> Result<Value> {
    agent.json([&["check", "-n", REGISTRY], flags].concat())
}

#[test]
fn a_trusted_service_is_served_while_public_access_is_disabled_until_the_bypass_is_off() -> Result<()> {
    let mut network = Network::new()?;
    let pipeline = network.client("pipeline", &["198.51.100.7", "2001:db8:1::7"])?;
    let stranger = network.client("stranger", &["198.51.100.200"])?;
    let _listener = listener(&network)?;
    let config = GuardConfig::of(&network)
        .reset()
        .trusted_service("scanner", &["192.0.2.128/25"])
        .trusted_service("pipelines", &["198.51.100.0/25", "2001:db8:1::/64"]);
    let mut agent = Agent::start(&network, &config.to_string())?;
    update(&agent, "--public-network-enabled", "false")?;
    for (round, bypass) in [true, false, true].into_iter().enumerate() {
        let shown = update(&agent, "--allow-trusted-services", &bypass.to_string())?;
        assert_eq!(shown["networkRuleBypassOptions"], if bypass { "AzureServices" } else { "None" });
        let expected = if bypass { Outcome::Connected } else { Outcome::Refused };
        for source in ["198.51.100.7", "2001:db8:1::7"] {
            assert_eq!(outcome(&pipeline, source)?, expected, "{source} in round {round}");
            let answer = check(&agent, &["--source", source])?;
            let told = (&answer["verdict"], &answer["reason"], &answer["rule"]);
            if bypass {
                assert_eq!(told, (&json!("Allow"), &json!("TrustedService"), &json!("pipelines")));
            } else {
                assert_eq!(told, (&json!("Deny"), &json!("PublicAccessDisabled"), &Value::Null));
            }
        }
        assert_eq!(outcome(&stranger, "198.51.100.200")?, Outcome::Refused, "in round {round}");
    }
    assert_eq!(agent.counter(REGISTRY, "TrustedService")?, 4);
    agent.restart()?;
    assert_eq!(outcome(&pipeline, "198.51.100.7")?, Outcome::Connected, "after a new start");
    Ok(())
}

#[test]
fn a_deny_rule_inside_a_trusted_prefix_counts_only_while_the_bypass_is_off() -> Result<()> {
    let mut network = Network::new()?;
    let pipeline = network.client("pipeline", &["198.51.100.7"])?;
    let _listener = listener(&network)?;
    let config = GuardConfig::of(&network).reset().trusted_service("pipelines", &["198.51.100.0/25"]);
    let agent = Agent::start(&network, &config.to_string())?;
    update(&agent, "--default-action", "Allow")?;
    let tables = agent.kernel_tables()?["RULES"].clone();
    let rule = |verb: &str| {
        let rule = ["network-rule", verb, "-n", REGISTRY, "--ip-address", "198.51.100.7"];
        let action: &[&str] = if verb == "add" { &["--action", "Deny"] } else { &[] };
        agent.json([&rule, action].concat())
    };
    rule("add")?;
    assert_eq!(agent.kernel_tables()?["RULES"], tables, "no row for a rule that never decides");
    assert_eq!(outcome(&pipeline, "198.51.100.7")?, Outcome::Connected);
    update(&agent, "--allow-trusted-services", "false")?;
    assert_eq!(outcome(&pipeline, "198.51.100.7")?, Outcome::Refused);
    assert_eq!(check(&agent, &["--source", "198.51.100.7"])?["rule"], "198.51.100.7");
    update(&agent, "--allow-trusted-services", "true")?;
    assert_eq!(outcome(&pipeline, "198.51.100.7")?, Outcome::Connected);
    rule("remove")?;
    assert_eq!(outcome(&pipeline, "198.51.100.7")?, Outcome::Connected);
    Ok(())
}

#[test]
fn a_rule_that_did_not_count_yet_starts_without_the_hits_of_another() -> Result<()> {
    let mut network = Network::new()?;
    let office = network.client("office", &["198.51.100.7"])?;
    let _listener = listener(&network)?;
    let config = GuardConfig::of(&network).reset().trusted_service("pipelines", &["192.0.2.0/24"]);
    let agent = Agent::start(&network, &config.to_string())?;
    let rule = |verb: &str, ip: &str| agent.json(["network-rule", verb, "-n", REGISTRY, "--ip-address", ip]);
    rule("add", "198.51.100.7")?;
    assert_eq!(outcome(&office, "198.51.100.7")?, Outcome::Connected);
    rule("remove", "198.51.100.7")?;
    rule("add", "192.0.2.9")?;
    update(&agent, "--allow-trusted-services", "false")?;
    let rules = agent.json(["network-rule", "list", "-n", REGISTRY, "--hits"])?;
    assert_eq!(rules["ipRules"][0]["hits"], 0, "its counter was another rule's");
    Ok(())
}

/// A host that listens at private addresses, and a client in the virtual network `office` (VNI 5001) that knows the way there.
struct Site {
    // The agent goes before the network that it runs in.
    agent: Agent,
    _listener: Listener,
    app: Overlay,
    other: Overlay,
    visitor: Client,
    _network: Network,
}

impl Site {
    fn new() -> Result<Self> {
        let mut network = Network::new()?;
        let app = network.overlay_client("app", "192.0.2.11", 5001, &["10.1.0.4", "2001:db8:a::4"])?;
        let other = network.overlay_client("other", "192.0.2.12", 5002, &["10.1.0.5", "2001:db8:a::5"])?;
        let visitor = network.client("visitor", &["198.51.100.7", "2001:db8:1::7"])?;
        let lo = format!("addr add {PRIVATE_V4}/32 dev lo\naddr add {PRIVATE_V6}/128 dev lo nodad\n");
        network.host().ip(&lo)?;
        for client in [&app, &other] {
            let device = client.device();
            client.namespace().ip(&format!("route add {PRIVATE_V4}/32 dev {device} src {}", client.addresses()[0]))?;
            let gateway = format!("via fe80::1 dev {device} src {}", client.addresses()[1]);
            client.namespace().ip(&format!("route add {PRIVATE_V6}/128 {gateway}"))?;
        }
        let listener = listener(&network)?;
        let config = GuardConfig::of(&network)
            .trusted_vtep("192.0.2.11")
            .trusted_vtep("192.0.2.12")
            .listen(&format!("{PRIVATE_V4}:443"))
            .listen(&format!("[{PRIVATE_V6}]:443"));
        let agent = Agent::start(&network, &config.to_string())?;
        for (name, vni) in [("office", "5001"), ("lab", "5002")] {
            let network = ["network", "vnet", "create", "-n", name, "--vni", vni, "--address-prefixes"];
            agent.json(network.iter().chain(&["10.1.0.0/16", "2001:db8:a::/48"]))?;
        }
        Ok(Self { agent, _listener: listener, app, other, visitor, _network: network })
    }

    fn create(&self, name: &str, ip: &str) -> Result<Value> {
        let connection = ["private-endpoint-connection", "create", "-r", REGISTRY, "-n", name];
        self.agent.json(connection.iter().chain(&["--vnet-name", "office", "--ip-address", ip]))
    }

    fn connection(&self, verb: &str, name: &str) -> Result<Value> {
        self.agent.json(["private-endpoint-connection", verb, "-r", REGISTRY, "-n", name])
    }

    fn hits(&self, name: &str) -> Result<u64> {
        self.connection("show", name)?["hits"].as_u64().context("hits")
    }
}

/// What becomes of the very first SYN to this address, from the client's address of the same family.
fn inside(client: &Overlay, destination: &str) -> Result<Outcome> {
    let destination = address(destination);
    let of_family = |source: &&IpAddr| source.is_ipv4() == destination.is_ipv4();
    let source = *client.addresses().iter().find(of_family).context("an address of the family")?;
    Ok(client.connect(source, (destination, 443).into(), ONE_SYN)?.outcome)
}

#[test]
fn a_private_endpoint_serves_its_own_network_and_nobody_else() -> Result<()> {
    let site = Site::new()?;
    update(&site.agent, "--public-network-enabled", "false")?;
    for (name, private, public) in [
        ("desk", PRIVATE_V4, Network::REGISTRY_V4.to_string()),
        ("desk6", PRIVATE_V6, Network::REGISTRY_V6.to_string()),
    ] {
        assert_eq!(inside(&site.app, private)?, Outcome::TimedOut, "{name}: before");
        let created = site.create(name, private)?;
        assert_eq!((&created["changed"], &created["ipAddress"]), (&json!(true), &json!(private)));
        assert_eq!(site.create(name, private)?["changed"], false, "twice is once");
        assert_eq!(inside(&site.app, private)?, Outcome::Connected, "{name}: although public access is disabled");
        assert_eq!(inside(&site.app, &public)?, Outcome::TimedOut, "{name}: at the public address");
        assert_eq!(inside(&site.other, private)?, Outcome::TimedOut, "{name}: from another network");
        let source = if private == PRIVATE_V4 { "198.51.100.7" } else { "2001:db8:1::7" };
        let visit = site.visitor.connect(address(source), (address(private), 443).into(), ONE_SYN)?;
        assert_eq!(visit.outcome, Outcome::TimedOut, "{name}: from no network at all");
        assert_eq!(site.hits(name)?, 1);
    }
    assert_eq!(site.agent.counter(REGISTRY, "PrivateEndpoint")?, 2);
    assert_eq!(site.agent.counter(REGISTRY, "PublicAccessDisabled")?, 8);
    Ok(())
}

#[test]
fn a_private_endpoint_counts_only_while_it_is_approved() -> Result<()> {
    let mut site = Site::new()?;
    site.create("desk", PRIVATE_V4)?;
    assert_eq!(inside(&site.app, PRIVATE_V4)?, Outcome::Connected);
    for (verb, status, expected) in
        [("reject", "Rejected", Outcome::TimedOut), ("approve", "Approved", Outcome::Connected)]
    {
        let answer = site.connection(verb, "desk")?;
        assert_eq!(answer["privateLinkServiceConnectionState"]["status"], status);
        assert_eq!(inside(&site.app, PRIVATE_V4)?, expected, "after {verb}");
    }
    site.agent.restart()?;
    assert_eq!(inside(&site.app, PRIVATE_V4)?, Outcome::Connected, "after a new start");
    let shown = site.agent.json(["show", "-n", REGISTRY])?;
    assert_eq!(shown["privateEndpointConnections"][0]["ipAddress"], PRIVATE_V4);
    // The endpoint is the network's, whatever its number.
    let renumbered = json!({"properties": {"vni": 5003}}).to_string();
    let office = Agent::registry_path("x").replace("ContainerRegistry/registries/x", "Network/virtualNetworks/office");
    site.agent.request("PUT", &office, &[], renumbered.as_bytes())?.expect_success()?;
    assert_eq!(inside(&site.app, PRIVATE_V4)?, Outcome::TimedOut, "VNI 5001 is no longer the office");
    let renumbered = json!({"properties": {"vni": 5001}}).to_string();
    site.agent.request("PUT", &office, &[], renumbered.as_bytes())?.expect_success()?;
    assert_eq!(inside(&site.app, PRIVATE_V4)?, Outcome::Connected, "and now it is again");
    site.connection("delete", "desk")?;
    assert_eq!(inside(&site.app, PRIVATE_V4)?, Outcome::TimedOut, "after delete");
    Ok(())
}

#[test]
fn check_asks_at_the_private_endpoint_of_the_network_or_where_it_is_told() -> Result<()> {
    let site = Site::new()?;
    site.create("desk", PRIVATE_V4)?;
    let question = ["--source", "10.1.0.4", "--vni", "5001"];
    let answer = check(&site.agent, &question)?;
    assert_eq!((&answer["verdict"], &answer["reason"]), (&json!("Allow"), &json!("PrivateEndpoint")));
    assert_eq!(answer["endpoint"], format!("{PRIVATE_V4}:443"));
    let rule = answer["rule"].as_str().unwrap_or_default();
    assert!(rule.ends_with("/registries/contoso/privateEndpointConnections/desk"), "{rule}");
    let public = Network::REGISTRY_V4.to_string();
    let answer = check(&site.agent, &[&question[..], &["--destination", &public]].concat())?;
    assert_eq!((&answer["reason"], &answer["endpoint"]), (&json!("NoRule"), &json!(format!("{public}:443"))));
    let answer = check(&site.agent, &["--source", "10.1.0.4", "--vni", "5002", "--destination", PRIVATE_V4])?;
    assert_eq!(answer["reason"], "NoRule");
    assert_eq!(site.hits("desk")?, 0, "asking leaves no trace");
    Ok(())
}

#[test]
fn a_trusted_service_is_not_trusted_inside_a_network() -> Result<()> {
    let mut network = Network::new()?;
    let app = network.overlay_client("app", "192.0.2.11", 5001, &["198.51.100.7"])?;
    let _listener = listener(&network)?;
    let config =
        GuardConfig::of(&network).trusted_vtep("192.0.2.11").trusted_service("pipelines", &["198.51.100.0/24"]);
    let agent = Agent::start(&network, &config.to_string())?;
    assert_eq!(inside(&app, &Network::REGISTRY_V4.to_string())?, Outcome::TimedOut);
    assert_eq!(agent.counter(REGISTRY, "NoRule")?, 1);
    Ok(())
}
