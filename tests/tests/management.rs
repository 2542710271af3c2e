//! The API over TLS: who may do what, and what becomes of those who may not.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::net::{
    Agent, Answer, Authority, Certificate, Client, GuardConfig, Listener, Manager, Network, Outcome, Principal,
    eventually, expect_same,
};

const ONE_SYN: Duration = Duration::from_millis(900);
const REGISTRY: &str = GuardConfig::REGISTRY;
const SOURCE: &str = "198.51.100.7";

const OWNER: Principal = Principal {
    id: "aaaaaaaa-0000-4000-8000-000000000001",
    name: "owner",
    secret: "the-secret-of-the-owner",
    roles: &[("contributor", "*")],
};
const CI: Principal = Principal {
    id: "aaaaaaaa-0000-4000-8000-000000000002",
    name: "ci of contoso",
    secret: "the-secret-of-contoso-ci",
    roles: &[("contributor", REGISTRY)],
};
const AUDITOR: Principal = Principal {
    id: "aaaaaaaa-0000-4000-8000-000000000003",
    name: "auditor",
    secret: "the-secret-of-the-auditor",
    roles: &[("reader", REGISTRY)],
};
const FABRIKAM: Principal = Principal {
    id: "aaaaaaaa-0000-4000-8000-000000000004",
    name: "ci of fabrikam",
    secret: "the-secret-of-fabrikam-ci",
    roles: &[("contributor", "fabrikam")],
};
const EVERYBODY: [Principal; 4] = [OWNER, CI, AUDITOR, FABRIKAM];

/// A host that is managed over TLS, with two registries.
struct Host {
    // The agent goes before the network that it runs in.
    agent: Agent,
    _listener: Listener,
    client: Client,
    certificate: Certificate,
    network: Network,
}

impl Host {
    fn new(lifetime: &str) -> Result<Self> {
        let mut network = Network::new()?;
        let client = network.client("office", &[SOURCE, "2001:db8:1::7"])?;
        let listener = Listener::start(network.host(), "[::]:443".parse()?)?;
        let authority = Authority::make(&network.folder().join("trust"))?;
        let certificate = authority.issue(&network.folder().join("certificate"))?;
        let agent = Agent::start(&network, &Self::config(&network, &certificate, lifetime, &EVERYBODY)?)?;
        Ok(Self { agent, _listener: listener, client, certificate, network })
    }

    fn config(
        network: &Network,
        certificate: &Certificate,
        lifetime: &str,
        principals: &[Principal],
    ) -> Result<String> {
        let config = GuardConfig::of(network).reset().further_registry("fabrikam", "203.0.113.11:443");
        Ok(config.management(certificate, lifetime, principals)?.to_string())
    }

    fn manager(&self) -> Manager<'_> {
        Manager { client: &self.client, source: IpAddr::from([198, 51, 100, 7]), certificate: &self.certificate }
    }

    /// A request that must be refused with this status and code, logged with these words, and change nothing.
    fn expect_refused(&self, what: &str, answer: &Answer, (status, code): (u16, &str), logged: &[&str]) -> Result<()> {
        ensure!(answer.status == status && answer.body["error"]["code"] == code, "{what}: {answer:?}");
        let log = self.agent.log();
        let line = log.lines().rev().find(|line| logged.iter().all(|word| line.contains(word)));
        ensure!(line.is_some(), "{what}: no line of the log has {logged:?}:\n{log}");
        Ok(())
    }

    fn outcome(&self) -> Result<Outcome> {
        let registry: SocketAddr = (Network::REGISTRY_V4, 443).into();
        Ok(self.client.connect(SOURCE.parse()?, registry, ONE_SYN)?.outcome)
    }
}

fn rule(value: &str) -> String {
    format!("{}/ipRules/{value}", Agent::registry_path(REGISTRY))
}

fn network_path(name: &str) -> String {
    let group = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/registry-guard";
    format!("{group}/providers/Microsoft.Network/virtualNetworks/{name}")
}

#[test]
fn a_contributor_adds_a_rule_and_the_very_next_syn_obeys() -> Result<()> {
    let host = Host::new("1h")?;
    let manager = host.manager();
    assert_eq!(host.outcome()?, Outcome::Refused);
    let token = manager.token(&CI)?;
    let answer = manager.call("PUT", &rule(SOURCE), Some(&token), &json!({"action": "Allow"}))?;
    assert_eq!((answer.status, &answer.body["changed"]), (200, &json!(true)), "{answer:?}");
    assert_eq!(host.outcome()?, Outcome::Connected);
    let list = json!({"properties": {"networkRuleSet": {"ipRules": []}}});
    let answer = manager.call("PATCH", &Agent::registry_path(REGISTRY), Some(&token), &list)?;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(host.outcome()?, Outcome::Refused);
    let log = host.agent.log();
    let changes = log.lines().filter(|line| line.contains(CI.id) && line.contains("request carried out"));
    assert_eq!(changes.count(), 2, "{log}");
    Ok(())
}
