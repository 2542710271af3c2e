//! How the policy came to be, and the way back: by hand, and by itself.

use std::net::IpAddr;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::net::{Agent, Client, GuardConfig, Listener, Network, Outcome, eventually};

const REGISTRY: &str = GuardConfig::REGISTRY;
const OFFICE: &str = "198.51.100.7";

/// An agent on a network with one client.
fn guarded() -> Result<(Network, Client, Agent)> {
    guarded_with("")
}

/// The same, with more in config.toml.
fn guarded_with(more: &str) -> Result<(Network, Client, Agent)> {
    let mut network = Network::new()?;
    let office = network.client("office", &[OFFICE])?;
    let config = GuardConfig::of(&network).reset().trusted_vtep("192.0.2.11").listen("10.1.0.4:443");
    let agent = Agent::start(&network, &format!("{config}\n{more}"))?;
    Ok((network, office, agent))
}

fn revision(agent: &Agent) -> Result<u64> {
    agent.json(["status"])?["revision"].as_u64().context("a revision")
}

fn verdict(agent: &Agent, source: &str) -> Result<Value> {
    Ok(agent.json(["check", "-n", REGISTRY, "--source", source])?["verdict"].clone())
}

fn add(agent: &Agent, source: &str) -> Result<Value> {
    agent.json(["network-rule", "add", "-n", REGISTRY, "--ip-address", source])
}

fn refused(agent: &Agent, command: &[&str]) -> Result<String> {
    let ran = agent.cli(command)?;
    ensure!(!ran.success(), "{command:?} was accepted: {}", ran.stdout);
    Ok(ran.stderr)
}

fn exported(agent: &Agent) -> Result<String> {
    Ok(agent.cli(["export"])?.expect_success()?.stdout)
}

const POLICY: &str = "
version: 1
virtualNetworks:
- name: office
  vni: 5001
  addressPrefixes: [10.1.0.0/16]
  subnets:
  - {name: ci, addressPrefixes: [10.1.7.0/24], serviceEndpoints: [Microsoft.ContainerRegistry]}
registries:
- name: contoso
  ipRules:
  - ipAddressOrRange: 198.51.100.0/24
  - {ipAddressOrRange: 198.51.100.66, action: Deny}
  - ipAddressOrRange: 2001:db8:1::/48
  virtualNetworkRules:
  - {virtualNetwork: office, subnet: ci}
  privateEndpointConnections:
  - {name: desk, virtualNetwork: office, ipAddress: 10.1.0.4}
";

fn apply(agent: &Agent, document: &str) -> Result<Value> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), document)?;
    agent.json(["apply", "-f", file.path().to_str().context("a path")?, "-o", "json"])
}

#[test]
fn who_changed_what_and_when_and_from_where_is_told() -> Result<()> {
    let (_network, _office, agent) = guarded()?;
    apply(&agent, POLICY)?;
    add(&agent, "203.0.113.9")?;
    let history = agent.json(["history"])?;
    let told = |at: usize, key: &str| history[at][key].as_str().unwrap_or_default().to_owned();
    assert_eq!((&history[0]["revision"], &history[1]["revision"]), (&json!(2), &json!(1)), "{history}");
    assert_eq!((told(0, "what"), told(0, "from")), ("contoso: + 203.0.113.9".to_owned(), "unix socket".to_owned()));
    let who = told(0, "who");
    ensure!(who.starts_with("root (uid 0), pid "), "{who}");
    ensure!(told(1, "what").starts_with("+ virtual network office; contoso: "), "{history}");
    ensure!(told(0, "time").ends_with('Z') && told(0, "time") >= told(1, "time"), "{history}");
    assert_eq!(agent.json(["history", "--top", "1"])?.as_array().map(Vec::len), Some(1));
    let ran = agent.cli(["history", "-n", REGISTRY, "-o", "table"])?.expect_success()?;
    ensure!(ran.stderr.contains("complete since revision 0"), "{}", ran.stderr);
    ensure!(ran.stdout.contains("REVISION") && ran.stdout.contains("+ 203.0.113.9"), "{}", ran.stdout);
    assert_eq!(agent.cli(["history", "-n", "nobody"])?.status.and_then(|status| status.code()), Some(3));
    Ok(())
}

#[test]
fn the_policy_of_any_revision_that_is_remembered_comes_back_as_a_new_one() -> Result<()> {
    let (_network, _office, mut agent) = guarded()?;
    let mut documents = vec![exported(&agent)?];
    for command in [
        vec!["network-rule", "remove", "-n", REGISTRY, "--ip-address", "198.51.100.0/24"],
        vec!["network-rule", "add", "-n", REGISTRY, "--ip-address", "203.0.113.9"],
        vec!["network-rule", "remove", "-n", REGISTRY, "--vnet-name", "office", "--subnet", "ci"],
        vec!["private-endpoint-connection", "delete", "-r", REGISTRY, "-n", "desk"],
        vec!["update", "-n", REGISTRY, "--public-network-enabled", "false"],
        vec!["restore", "-n", REGISTRY, "--yes"],
    ] {
        if documents.len() == 1 {
            apply(&agent, POLICY)?;
            documents.push(exported(&agent)?);
        }
        agent.cli(&command)?.expect_success().with_context(|| format!("{command:?}"))?;
        documents.push(exported(&agent)?);
    }
    agent.restart()?;
    assert_eq!((verdict(&agent, OFFICE)?, verdict(&agent, "192.0.2.9")?), (json!("Allow"), json!("Allow")));
    let (diff, newest) = (agent.cli(["diff", "--from", "1"])?.expect_success()?.stdout, revision(&agent)?);
    for line in ["- ipRules 198.51.100.66: Deny", "~ defaultAction: Deny -> Allow", "From revision 1 to 7: "] {
        ensure!(diff.contains(line), "{line} is not in {diff}");
    }
    let plan = agent.cli(["rollback", "--to", "1", "--dry-run"])?.expect_success()?.stdout;
    ensure!(plan.contains("+ ipRules 198.51.100.0/24: Allow") && plan.contains("Nothing was changed"), "{plan}");
    assert_eq!((revision(&agent)?, exported(&agent)?), (newest, documents[7].clone()), "nothing was changed");

    for (step, to) in [1_usize, 3, 0, 6, 2, 7].into_iter().enumerate() {
        let back = agent.json(["rollback", "--to", &to.to_string(), "--yes", "-o", "json"])?;
        assert_eq!(back["revision"], json!(newest + 1 + step as u64), "numbers only grow");
        assert_eq!(exported(&agent)?, documents[to], "revision {to}");
    }
    agent.cli(["rollback", "--yes"])?.expect_success()?;
    assert_eq!(exported(&agent)?, documents[2], "without --to it is the one before the last");
    agent.cli(["rollback", "--to", "1", "--yes"])?.expect_success()?;
    assert_eq!((verdict(&agent, OFFICE)?, verdict(&agent, "192.0.2.9")?), (json!("Allow"), json!("Deny")));
    assert_eq!(verdict(&agent, "198.51.100.66")?, "Deny");
    let last = agent.json(["history", "--top", "1"])?;
    ensure!(last[0]["what"].as_str().is_some_and(|what| what.starts_with("back to 1: ")), "{last}");

    let before = (revision(&agent)?, agent.kernel_tables()?);
    let stale = refused(&agent, &["rollback", "--to", "3", "--yes", "--if-match", "2"])?;
    ensure!(stale.contains("PreconditionFailed"), "{stale}");
    let future = refused(&agent, &["rollback", "--to", "999", "--yes"])?;
    ensure!(future.contains("revision 999 is not known; accepted: 0 to "), "{future}");
    assert_eq!((revision(&agent)?, agent.kernel_tables()?), before);
    Ok(())
}

#[test]
fn what_config_toml_no_longer_allows_does_not_come_back() -> Result<()> {
    let (network, _office, mut agent) = guarded_with("[history]\nrevisions = 3\n")?;
    for last in 1..=3 {
        add(&agent, &format!("203.0.113.{last}"))?;
    }
    agent.cli(["network-rule", "remove", "-n", REGISTRY, "--ip-address", "203.0.113.1"])?.expect_success()?;
    let forgotten = refused(&agent, &["rollback", "--to", "0", "--yes"])?;
    ensure!(forgotten.contains("revision 0 is not known; accepted: 1 to 4"), "{forgotten}");
    let ran = agent.cli(["history"])?.expect_success()?;
    ensure!(ran.stderr.contains("complete since revision 1"), "{}", ran.stderr);
    let config = GuardConfig::of(&network).reset().quota("{ ip-rules = 2 }");
    agent.configure(&config.to_string())?;
    agent.restart()?;
    let before = (revision(&agent)?, agent.kernel_tables()?);
    let over = refused(&agent, &["rollback", "--to", "3", "--yes"])?;
    ensure!(over.contains("QuotaExceeded"), "{over}");
    assert_eq!((revision(&agent)?, agent.kernel_tables()?), before);
    Ok(())
}

#[test]
fn what_nobody_confirms_goes_back_by_itself_and_what_somebody_confirms_stays() -> Result<()> {
    let (_network, _office, agent) = guarded()?;
    add(&agent, OFFICE)?;
    let before = exported(&agent)?;
    let ran = agent.cli(["update", "-n", REGISTRY, "--default-action", "Allow", "--confirm-within", "3s"])?;
    let told = ran.expect_success()?.stderr;
    ensure!(told.contains("To be confirmed by ") && told.contains("the policy of revision 1 comes back"), "{told}");
    assert_eq!(verdict(&agent, "192.0.2.9")?, "Allow");
    assert_eq!(agent.json(["status"])?["unconfirmed"]["rollsBackTo"], 1);
    ensure!(agent.json(["history", "--top", "1"])?[0]["confirmBy"].is_string(), "it is not in the history");
    let other = refused(&agent, &["network-rule", "add", "-n", REGISTRY, "--ip-address", "203.0.113.9"])?;
    ensure!(other.contains("registry-guard confirm") && other.contains("registry-guard rollback"), "{other}");
    eventually("the kernel denies again", || Ok(verdict(&agent, "192.0.2.9")? == "Deny"))?;
    eventually("the policy is what it was", || Ok(exported(&agent)? == before))?;
    let last = &agent.json(["history", "--top", "1"])?[0];
    assert_eq!((&last["revision"], &last["who"]), (&json!(3), &json!("the agent (not confirmed within 3s)")));
    assert_eq!(agent.json(["status"])?["unconfirmed"], Value::Null);
    let late = refused(&agent, &["confirm"])?;
    ensure!(late.contains("NothingToConfirm"), "{late}");

    agent
        .cli(["network-rule", "add", "-n", REGISTRY, "--ip-address", "203.0.113.9", "--confirm-within", "2s"])?
        .expect_success()?;
    agent.cli(["confirm"])?.expect_success()?;
    agent.cli(["update", "-n", REGISTRY, "--default-action", "Allow", "--confirm-within", "1h"])?.expect_success()?;
    agent.cli(["rollback", "--yes"])?.expect_success()?;
    sleep(Duration::from_secs(3));
    assert_eq!((verdict(&agent, "203.0.113.9")?, verdict(&agent, "192.0.2.9")?), (json!("Allow"), json!("Deny")));
    assert_eq!(revision(&agent)?, 6, "nothing went back by itself");
    for wrong in ["0s", "8days", "soon", ""] {
        let ran = agent.cli(["rollback", "--confirm-within", wrong])?;
        assert_eq!(ran.status.and_then(|status| status.code()), Some(2), "{wrong}: {}", ran.stderr);
    }
    Ok(())
}

#[test]
fn a_killed_agent_takes_back_what_nobody_confirmed_once_it_runs_again() -> Result<()> {
    let (_network, _office, mut agent) = guarded()?;
    add(&agent, OFFICE)?;
    agent.cli(["update", "-n", REGISTRY, "--default-action", "Allow", "--confirm-within", "4s"])?.expect_success()?;
    agent.kill9()?;
    sleep(Duration::from_secs(5));
    agent.run()?;
    let last = &agent.json(["history", "--top", "1"])?[0];
    assert_eq!((&last["revision"], &last["who"]), (&json!(3), &json!("the agent (not confirmed within 4s)")));
    assert_eq!((verdict(&agent, "192.0.2.9")?, verdict(&agent, OFFICE)?), (json!("Deny"), json!("Allow")));
    ensure!(agent.log().contains("ready revision=3"), "it was enforced anew before it was taken back");

    agent.cli(["update", "-n", REGISTRY, "--default-action", "Allow", "--confirm-within", "20s"])?.expect_success()?;
    agent.kill9()?;
    agent.run()?;
    assert_eq!(verdict(&agent, "192.0.2.9")?, "Allow", "there is still time");
    assert_eq!(agent.json(["status"])?["unconfirmed"]["rollsBackTo"], 3);
    agent.cli(["confirm", "--revision", "4"])?.expect_success()?;
    agent.kill9()?;
    agent.run()?;
    assert_eq!((revision(&agent)?, verdict(&agent, "192.0.2.9")?), (4, json!("Allow")));
    Ok(())
}

#[test]
fn nobody_is_locked_out_of_a_port_that_is_not_guarded() -> Result<()> {
    let (network, office, agent) = guarded()?;
    let _registry = Listener::start(network.host(), "[::]:443".parse()?)?;
    let _shell = Listener::start(network.host(), "[::]:22".parse()?)?;
    agent.cli(["update", "-n", REGISTRY, "--public-network-enabled", "false"])?.expect_success()?;
    let source: IpAddr = OFFICE.parse()?;
    let outcome = |port: u16| -> Result<Outcome> {
        Ok(office.connect(source, (Network::REGISTRY_V4, port).into(), Duration::from_secs(5))?.outcome)
    };
    assert_eq!(outcome(443)?, Outcome::Refused);
    assert_eq!(outcome(22)?, Outcome::Connected);
    Ok(())
}
