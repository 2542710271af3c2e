//! The rule model as clients of Azure know it: its quotas and their words, whole lists as `az` sends them, and what a subnet
//! without its service endpoint means to the kernel.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tests::net::{Agent, Answer, GuardConfig, Listener, Network, Outcome};

const ONE_SYN: Duration = Duration::from_millis(900);
const REGISTRY: &str = GuardConfig::REGISTRY;
const SUBNETS: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/registry-guard/providers/\
                       Microsoft.Network/virtualNetworks/office/subnets";

/// An agent whose only interface never appears.
fn nobody_comes() -> GuardConfig {
    GuardConfig::on::<&str>(&[]).hotplug("nic0")
}

fn subnet_id(name: &str) -> String {
    format!("{SUBNETS}/{name}")
}

/// A PATCH of whole lists, as `az acr network-rule` sends it.
fn patch(agent: &Agent, rules: &Value) -> Result<Answer> {
    let body = json!({"properties": {"networkRuleSet": rules}}).to_string();
    agent.request("PATCH", &Agent::registry_path(REGISTRY), &["Content-Type: application/json"], body.as_bytes())
}

fn ip_list(count: u8) -> Value {
    let rule = |number: u8| json!({"action": "Allow", "value": format!("203.0.113.{number}")});
    json!({"defaultAction": "Deny", "virtualNetworkRules": [], "ipRules": (0..count).map(rule).collect::<Vec<_>>()})
}

/// An error in the shape that `az` prints as `(CODE) MESSAGE`, with a message that begins with these words.
fn expect_error(answer: &Answer, status: u16, code: &str, words: &str) -> Result<()> {
    let error = &answer.body["error"];
    ensure!(answer.status == status && error["code"] == code, "{} {}", answer.status, answer.body);
    let message = error["message"].as_str().unwrap_or_default();
    ensure!(message.starts_with(words), "`{words}` does not begin: {message}");
    Ok(())
}

fn rules(agent: &Agent) -> Result<usize> {
    let rules = agent.json(["network-rule", "list", "-n", REGISTRY, "--query", "length(ipRules)"])?;
    Ok(usize::try_from(rules.as_u64().unwrap_or_default())?)
}

#[test]
fn a_registry_with_azures_quota_takes_100_rules_and_refuses_the_next_with_its_words() -> Result<()> {
    const WORDS: &str = "The requested feature IP rule exceeds allowed quota 100 for the SKU Premium.";
    let network = Network::new()?;
    let mut agent = Agent::prepare(&network, "agent", &nobody_comes().quota("\"acr\"").to_string())?;
    agent.run()?;
    patch(&agent, &ip_list(100))?.expect_success()?;
    let kernel = agent.kernel_tables()?;
    expect_error(&patch(&agent, &ip_list(101))?, 400, "QuotaExceeded", WORDS)?;
    let one = agent.cli(["network-rule", "add", "-n", REGISTRY, "--ip-address", "198.51.100.1"])?;
    assert_eq!(one.status.and_then(|status| status.code()), Some(1));
    ensure!(one.stderr.starts_with(&format!("ERROR: (QuotaExceeded) {WORDS}")), "{}", one.stderr);
    ensure!(agent.kernel_tables()? == kernel, "what is refused changes nothing");
    // az appends what is there already; that is no rule more.
    let mut twice = ip_list(100);
    if let Some(list) = twice["ipRules"].as_array_mut() {
        list.push(json!({"action": "Allow", "value": "203.0.113.7"}));
    }
    patch(&agent, &twice)?.expect_success()?;
    assert_eq!(rules(&agent)?, 100);

    agent.stop()?;
    agent.configure(&nobody_comes().quota("{ ip-rules = 10 }").to_string())?;
    agent.run()?;
    assert_eq!(rules(&agent)?, 100, "what was there stays");
    let last = agent.json(["check", "-n", REGISTRY, "--source", "203.0.113.99", "--query", "verdict"])?;
    assert_eq!(last, "Allow", "and stays in force");
    let lowered = "The requested feature IP rule exceeds allowed quota 10 for the SKU Premium.";
    let added = agent.cli(["network-rule", "add", "-n", REGISTRY, "--ip-address", "198.51.100.1"])?;
    ensure!(added.stderr.contains(lowered), "{}", added.stderr);
    agent.json(["network-rule", "remove", "-n", REGISTRY, "--ip-address", "203.0.113.99"])?;
    patch(&agent, &ip_list(98))?.expect_success()?;
    expect_error(&patch(&agent, &ip_list(99))?, 400, "QuotaExceeded", lowered)?;
    assert_eq!(rules(&agent)?, 98);
    Ok(())
}

#[test]
fn lists_that_mean_nothing_are_refused_in_the_shape_that_az_prints() -> Result<()> {
    let network = Network::new()?;
    let agent = Agent::start(&network, &nobody_comes().to_string())?;
    for command in [
        "network vnet create -n office --vni 5001 --address-prefixes 10.1.0.0/16",
        "network vnet subnet create --vnet-name office -n ci --address-prefixes 10.1.7.0/24",
    ] {
        agent.json(command.split_whitespace())?;
    }
    let subnets = |list: Value| json!({"virtualNetworkRules": list});
    let ips = |value: &str| json!({"ipRules": [{"action": "Allow", "value": value}]});
    let ci = subnet_id("ci");
    let shouted = ci.to_uppercase();
    let twice = subnets(json!([{"id": ci, "action": "Allow"}, {"virtualNetworkSubnetResourceId": shouted}]));
    let before = (agent.store_rows()?, agent.kernel_tables()?);
    for (rules, words) in [
        (twice, format!("Virtual network rule is not valid - Found duplicate virtual network rule {shouted}")),
        (
            subnets(json!([{"id": subnet_id("desk")}])),
            format!(
                "networkRuleSet.virtualNetworkRules[0].id: `{}` names a subnet that virtual network",
                subnet_id("desk")
            ),
        ),
        (subnets(json!([{"id": "ci"}])), "networkRuleSet.virtualNetworkRules[0].id: `ci` ".to_owned()),
        (ips("203.0.113.300"), "networkRuleSet.ipRules[0].value: `203.0.113.300` ".to_owned()),
        (ips("203.0.113.1/24"), "networkRuleSet.ipRules[0].value: `203.0.113.1/24` ".to_owned()),
        (ips("10.1.0.0/16"), "networkRuleSet.ipRules[0].value: `10.1.0.0/16` is private (RFC 1918)".to_owned()),
    ] {
        expect_error(&patch(&agent, &rules)?, 400, "InvalidParameter", &words)?;
        let after = (agent.store_rows()?, agent.kernel_tables()?);
        ensure!(before == after, "{rules} changed something");
    }
    let add = ["network-rule", "add", "-n", REGISTRY, "--vnet-name", "office", "--subnet", "desk"];
    assert_eq!(
        agent.cli(add)?.status.and_then(|status| status.code()),
        Some(3),
        "a single unknown subnet is not found"
    );
    Ok(())
}

#[test]
fn a_service_endpoint_without_a_name_takes_the_subnet_its_access_at_once() -> Result<()> {
    let mut network = Network::new()?;
    let app = network.overlay_client("app", "192.0.2.11", 5001, &["10.1.7.4"])?;
    let _listener = Listener::start(network.host(), "[::]:443".parse()?)?;
    let agent = Agent::start(&network, &GuardConfig::of(&network).trusted_vtep("192.0.2.11").to_string())?;
    agent.json("network vnet create -n office --vni 5001 --address-prefixes 10.1.0.0/16".split_whitespace())?;
    // The whole subnet, as `az network vnet subnet update --service-endpoints` sends it.
    let put = |service: &str| -> Result<Value> {
        let body = json!({"name": "ci", "properties": {"addressPrefix": "10.1.7.0/24",
            "serviceEndpoints": [{"service": service}]}});
        let body = body.to_string();
        agent.request("PUT", &subnet_id("ci"), &["Content-Type: application/json"], body.as_bytes())?.expect_success()
    };
    let outcome = || -> Result<Outcome> {
        let registry = (Network::REGISTRY_V4, 443).into();
        Ok(app.connect("10.1.7.4".parse()?, registry, ONE_SYN)?.outcome)
    };
    put("Microsoft.ContainerRegistry")?;
    patch(&agent, &json!({"virtualNetworkRules": [{"action": "Allow", "id": subnet_id("ci").to_lowercase()}]}))?
        .expect_success()?;
    for _ in 0..2 {
        assert_eq!(outcome()?, Outcome::Connected);
        assert_eq!(put("")?["properties"]["serviceEndpoints"], json!([]));
        assert_eq!(outcome()?, Outcome::TimedOut);
        put("microsoft.containerregistry")?;
    }
    Ok(())
}
