//! Dedicated data endpoints, with an address and a port of their own: guarded and answered for like the login server, announced
//! or not, and told to clients only while they are switched on.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::net::{Agent, Client, DockerRegistry, GuardConfig, Listener, Network, Outcome, Responder, eventually, run};

const ONE_SYN: Duration = Duration::from_millis(900);
const MINUTE: Duration = Duration::from_mins(1);
const REGISTRY: &str = GuardConfig::REGISTRY;

const ALLOWED: &str = "198.51.100.7";
const STRANGER: &str = "198.51.100.66";
const DATA: &str = "203.0.113.11:5443";

/// An agent whose only interface never appears.
fn nobody_comes() -> GuardConfig {
    GuardConfig::on::<&str>(&[]).hotplug("nic0")
}

fn outcome(client: &Client, source: &str, to: &str) -> Result<Outcome> {
    let to: SocketAddr = to.parse()?;
    Ok(client.connect(source.parse()?, to, ONE_SYN)?.outcome)
}

fn switch(agent: &Agent, on: &str) -> Result<Value> {
    agent.json(["update", "-n", REGISTRY, "--data-endpoint-enabled", on, "--only-show-errors"])
}

#[test]
fn a_data_endpoint_is_guarded_whether_clients_are_told_of_it_or_not() -> Result<()> {
    let mut network = Network::new()?;
    let client = network.client("office", &[ALLOWED, STRANGER])?;
    network.host().ip("addr add 203.0.113.11/32 dev lo\n")?;
    let _listeners = [
        Listener::start(network.host(), "0.0.0.0:443".parse()?)?,
        Listener::start(network.host(), "0.0.0.0:5443".parse()?)?,
    ];
    let agent = Agent::start(&network, &GuardConfig::of(&network).data_endpoint("local", DATA).to_string())?;
    agent.json(["network-rule", "add", "-n", REGISTRY, "--ip-address", ALLOWED])?;
    for on in ["false", "true", "false"] {
        let shown = switch(&agent, on)?;
        let announced: &[&str] = if on == "true" { &["contoso.local.data.example.com:5443"] } else { &[] };
        assert_eq!(shown["dataEndpointHostNames"], json!(announced), "{on}");
        let denied = agent.counter(REGISTRY, "NoRule")?;
        for to in ["203.0.113.10:443", DATA] {
            assert_eq!(outcome(&client, ALLOWED, to)?, Outcome::Connected, "{to}, announced: {on}");
            assert_eq!(outcome(&client, STRANGER, to)?, Outcome::TimedOut, "{to}, announced: {on}");
        }
        assert_eq!(agent.counter(REGISTRY, "NoRule")?, denied + 2);
        // What the registry does not have is nobody's: its address at another port, another's at its port.
        for to in ["203.0.113.11:443", "203.0.113.10:5443"] {
            assert_eq!(outcome(&client, STRANGER, to)?, Outcome::Connected, "{to}");
        }
    }
    Ok(())
}

#[test]
fn a_client_that_is_denied_at_the_data_endpoint_is_told_so_there() -> Result<()> {
    let mut network = Network::new()?;
    let client = network.client("stranger", &[STRANGER])?;
    network.host().ip("addr add 203.0.113.11/32 dev lo\n")?;
    let registry = DockerRegistry::start(&network)?;
    let layers = Listener::start(network.host(), "0.0.0.0:5443".parse()?)?;
    let config =
        GuardConfig::of(&network).forbidden(registry.certificate()).help("the lab").data_endpoint("local", DATA);
    let agent = Agent::start(&network, &config.to_string())?;
    let _responder = Responder::start(&agent)?;
    client.know(Network::DATA_ENDPOINT, "203.0.113.11".parse()?)?;
    let layer = || {
        let mut curl = client.tool("curl");
        curl.args(["--silent", "--show-error", "--noproxy", "*", "--write-out", "\n%{http_code}", "--cacert"]);
        curl.arg(registry.certificate().authority());
        curl.arg(format!("https://{}:5443/v2/app/blobs/sha256:00", Network::DATA_ENDPOINT));
        run(&mut curl, MINUTE)
    };
    eventually("the responder answers", || Ok(layer()?.success()))?;
    let denied = layer()?.expect_success()?.stdout;
    let body = r#"{"errors":[{"code":"DENIED","message":"client with IP '198.51.100.66' is not allowed access. Refer the lab to grant access."}]}"#;
    assert_eq!(denied, format!("{body}\n403"));
    assert_eq!(layers.visitors(), [], "whoever serves layers hears nothing of it");
    Ok(())
}

#[test]
fn show_endpoints_and_update_say_what_the_switch_means() -> Result<()> {
    let network = Network::new()?;
    let config = nobody_comes().data_endpoint("local", DATA).to_string();
    let mut agent = Agent::prepare(&network, "agent", &config)?;
    agent.run()?;
    let login = "contoso.example.com";
    let endpoints = |agent: &Agent| -> Result<(Value, String)> {
        let ran = agent.cli(["show-endpoints", "-n", REGISTRY])?.expect_success()?;
        Ok((serde_json::from_str(&ran.stdout).context("JSON")?, ran.stderr))
    };
    let (off, said) = endpoints(&agent)?;
    assert_eq!(off, json!({"loginServer": login, "dataEndpoints": []}));
    ensure!(said.contains("--data-endpoint-enabled` announces contoso.local.data.example.com:5443."), "{said}");

    // The flag alone is enough, as for az.
    let on = agent.cli(["update", "-n", REGISTRY, "--data-endpoint-enabled"])?.expect_success()?;
    ensure!(on.stderr.starts_with("WARNING: clients whose own firewall allows only the hosts"), "{}", on.stderr);
    ensure!(on.stderr.contains("contoso.local.data.example.com:5443 too"), "{}", on.stderr);
    let data = json!([{"region": "local", "endpoint": "contoso.local.data.example.com:5443"}]);
    assert_eq!(endpoints(&agent)?, (json!({"loginServer": login, "dataEndpoints": data}), String::new()));

    agent.stop()?;
    agent.configure(&nobody_comes().to_string())?;
    agent.run()?;
    let (none, said) = endpoints(&agent)?;
    assert_eq!(none["dataEndpoints"], json!([]));
    ensure!(said.starts_with("config.toml names no data endpoint of registry contoso"), "{said}");
    let again = agent.cli(["update", "-n", REGISTRY, "--data-endpoint-enabled", "true"])?.expect_success()?;
    ensure!(again.stderr.starts_with("WARNING: config.toml names no data endpoint"), "{}", again.stderr);
    Ok(())
}
