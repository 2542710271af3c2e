//! The flow of Azure's articles through Microsoft's SDK for Python, over TLS and with a login: the kernel obeys each step.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::net::{
    Agent, Authority, Certificate, Client, GuardConfig, Listener, Network, Outcome, Overlay, Principal, Sdk,
};

/// How long to wait for a connection that is due.
const DUE: Duration = Duration::from_secs(20);
/// A SYN that is dropped has had its chance by then.
const NOT_DUE: Duration = Duration::from_millis(300);

const OFFICE: &str = "198.51.100.7";
const STRANGER: &str = "192.0.2.66";
const CI: &str = "10.1.7.4";
const SUBNET: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/registry-guard/providers/\
                      Microsoft.Network/virtualNetworks/office/subnets/ci";
const SERVICE: &str = "Microsoft.ContainerRegistry";

const PIPELINE: Principal = Principal {
    id: "aaaaaaaa-0000-4000-8000-000000000001",
    name: "pipeline",
    secret: "the-secret-of-the-pipeline",
    roles: &[("contributor", "*")],
};

/// A registry's host that is managed over TLS, with an office, a stranger, and a subnet behind VXLAN.
struct Host {
    // The agent goes before the network that it runs in.
    _agent: Agent,
    _listener: Listener,
    office: Client,
    stranger: Client,
    ci: Overlay,
    certificate: Certificate,
    _network: Network,
}

impl Host {
    fn new() -> Result<Self> {
        let mut network = Network::new()?;
        let office = network.client("office", &[OFFICE])?;
        let stranger = network.client("stranger", &[STRANGER])?;
        let ci = network.overlay_client("ci", "192.0.2.11", 5001, &[CI])?;
        let listener = Listener::start(network.host(), "[::]:443".parse()?)?;
        let authority = Authority::make(&network.folder().join("trust"))?;
        let certificate = authority.issue(&network.folder().join("certificate"))?;
        let config = GuardConfig::of(&network).reset().trusted_vtep("192.0.2.11");
        let agent = Agent::start(&network, &config.management(&certificate, "1h", &[PIPELINE])?.to_string())?;
        for command in [
            "network vnet create -n office --vni 5001 --address-prefixes 10.1.0.0/16",
            "network vnet subnet create --vnet-name office -n ci --address-prefixes 10.1.7.0/24",
        ] {
            agent.json(command.split_whitespace())?;
        }
        Ok(Self { _agent: agent, _listener: listener, office, stranger, ci, certificate, _network: network })
    }

    /// Who of office, stranger and subnet gets in must be as said.
    fn expect_let_in(&self, due: [bool; 3]) -> Result<()> {
        let registry: SocketAddr = (Network::REGISTRY_V4, 443).into();
        let limit = |due| if due { DUE } else { NOT_DUE };
        let address = |text: &str| text.parse::<IpAddr>();
        let attempts = [
            self.office.connect(address(OFFICE)?, registry, limit(due[0]))?,
            self.stranger.connect(address(STRANGER)?, registry, limit(due[1]))?,
            self.ci.connect(address(CI)?, registry, limit(due[2]))?,
        ];
        let in_now = attempts.map(|attempt| attempt.outcome == Outcome::Connected);
        ensure!(in_now == due, "office, stranger and subnet: {attempts:?}, where {due:?} is due");
        Ok(())
    }
}

/// What is asked of the SDK, a place in what it returns and what must stand there, and who gets in afterwards.
type Step = (Value, &'static str, Value, [bool; 3]);

const NOBODY: [bool; 3] = [false; 3];
const EVERYBODY: [bool; 3] = [true; 3];
const ONLY_OFFICE: [bool; 3] = [true, false, false];
const OFFICE_AND_SUBNET: [bool; 3] = [true, false, true];

fn steps() -> Vec<Step> {
    let action = "/properties/networkRuleSet/defaultAction";
    let ip_rules = "/properties/networkRuleSet/ipRules";
    let subnet_rules = "/properties/networkRuleSet/virtualNetworkRules";
    let endpoints = "/properties/serviceEndpoints";
    let office = json!({"value": OFFICE, "action": "Allow"});
    let others = json!({"value": "192.0.2.64/26", "action": "Allow"});
    let subnet = json!([{"id": SUBNET, "virtualNetworkSubnetResourceId": SUBNET, "action": "Allow"}]);
    vec![
        (json!(["show"]), "/sku/name", json!("Premium"), NOBODY),
        (json!(["default-action", "Allow"]), action, json!("Allow"), EVERYBODY),
        (json!(["list"]), "/0/name", json!("contoso"), EVERYBODY),
        (json!(["list-by-group"]), "/0/properties/provisioningState", json!("Succeeded"), EVERYBODY),
        (json!(["default-action", "Deny"]), action, json!("Deny"), NOBODY),
        (json!(["add-ip-rule", OFFICE]), ip_rules, json!([office]), ONLY_OFFICE),
        (json!(["add-ip-rule", "192.0.2.64/26"]), ip_rules, json!([office, others]), [true, true, false]),
        (json!(["remove-ip-rule", "192.0.2.64/26"]), ip_rules, json!([office]), ONLY_OFFICE),
        (json!(["public-network-access", "Disabled"]), "/properties/publicNetworkAccess", json!("Disabled"), NOBODY),
        (json!(["public-network-access", "Enabled"]), "/properties/publicNetworkAccess", json!("Enabled"), ONLY_OFFICE),
        (json!(["networks"]), "/0/properties/subnets/0/name", json!("ci"), ONLY_OFFICE),
        (
            json!(["service-endpoints", "office", "ci", SERVICE]),
            "/properties/serviceEndpoints/0/service",
            json!(SERVICE),
            ONLY_OFFICE,
        ),
        (json!(["subnet", "office", "ci"]), "/id", json!(SUBNET), ONLY_OFFICE),
        (json!(["subnet-rules", SUBNET]), subnet_rules, subnet.clone(), OFFICE_AND_SUBNET),
        // What clients of Azure send for "none".
        (json!(["service-endpoints", "office", "ci", ""]), endpoints, json!([]), ONLY_OFFICE),
        (json!(["show"]), subnet_rules, subnet.clone(), ONLY_OFFICE),
        (json!(["service-endpoints", "office", "ci", SERVICE]), "/name", json!("ci"), OFFICE_AND_SUBNET),
        (json!(["add-ip-rule", "10.0.0.0/8"]), "/status", json!(400), OFFICE_AND_SUBNET),
        (json!(["data-endpoints", true]), "/properties/dataEndpointEnabled", json!(true), OFFICE_AND_SUBNET),
        (json!(["bypass", "None"]), "/properties/networkRuleBypassOptions", json!("None"), OFFICE_AND_SUBNET),
        (json!(["subnet-rules"]), subnet_rules, json!([]), ONLY_OFFICE),
        (json!(["remove-ip-rule", OFFICE]), ip_rules, json!([]), NOBODY),
        (json!(["default-action", "Allow"]), action, json!("Allow"), EVERYBODY),
    ]
}

#[test]
fn the_kernel_obeys_each_step_of_the_articles_through_the_sdk() -> Result<()> {
    let Some(python) = Sdk::python()? else {
        println!("SKIPPED: the SDK is not installed; `cargo xtask setup` does it");
        return Ok(());
    };
    let host = Host::new()?;
    let mut sdk = Sdk::start(&python, &host.office, &host.certificate, &PIPELINE)?;
    let steps = steps();
    let mut obeyed = 0;
    for (command, place, expected, let_in) in &steps {
        let answer = sdk.ask(command)?;
        ensure!(answer.pointer(place) == Some(expected), "{command}: {place} is not {expected}: {answer}");
        host.expect_let_in(*let_in).with_context(|| format!("after {command}"))?;
        obeyed += 1;
    }
    println!("{obeyed} of {} calls of the SDK did what they say, and the kernel obeyed", steps.len());
    Ok(())
}

#[test]
fn a_wrong_secret_gets_no_token_and_changes_nothing() -> Result<()> {
    let Some(python) = Sdk::python()? else {
        println!("SKIPPED: the SDK is not installed; `cargo xtask setup` does it");
        return Ok(());
    };
    let host = Host::new()?;
    let thief = Principal { secret: "a-guess", ..PIPELINE };
    let mut sdk = Sdk::start(&python, &host.office, &host.certificate, &thief)?;
    for command in [json!(["show"]), json!(["default-action", "Allow"]), json!(["add-ip-rule", OFFICE])] {
        let answer = sdk.ask(&command)?;
        let said = answer["error"].as_str().unwrap_or_default();
        // The number by which clients of Azure know it.
        ensure!(said.contains("AADSTS7000215") && !said.contains(thief.secret), "{command}: {answer}");
        host.expect_let_in(NOBODY).with_context(|| format!("after {command}"))?;
    }
    Ok(())
}
