//! The policy as a document, and many who change it at once.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tests::net::{Agent, GuardConfig, Listener, Network, Outcome, eventually};

const REGISTRY: &str = GuardConfig::REGISTRY;

/// An agent on a network with one client, who is at 198.51.100.7.
fn guarded() -> Result<(Network, tests::net::Client, Agent)> {
    let mut network = Network::new()?;
    let office = network.client("office", &["198.51.100.7"])?;
    let agent = Agent::start(&network, &GuardConfig::of(&network).reset().trusted_vtep("192.0.2.11").to_string())?;
    Ok((network, office, agent))
}

fn revision(agent: &Agent) -> Result<u64> {
    agent.json(["status"])?["revision"].as_u64().context("a revision")
}

/// Applies a document, with more flags, and returns what was printed as JSON.
fn apply(agent: &Agent, document: &str, flags: &[&str]) -> Result<Value> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), document)?;
    let path = file.path().to_str().context("a path")?;
    agent.json(["apply", "-f", path, "-o", "json"].iter().chain(flags))
}

fn refused(agent: &Agent, document: &str) -> Result<String> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), document)?;
    let ran = agent.cli(["apply", "-f", file.path().to_str().context("a path")?])?;
    ensure!(!ran.success(), "{document} was accepted: {}", ran.stdout);
    Ok(ran.stderr)
}

fn verdict(agent: &Agent, source: &str, vni: Option<&str>) -> Result<Value> {
    let vni = vni.map(|vni| ["--vni", vni]);
    let question = ["check", "-n", REGISTRY, "--source", source].into_iter().chain(vni.into_iter().flatten());
    Ok(agent.json(question)?["verdict"].clone())
}

const POLICY: &str = "
version: 1
virtualNetworks:
- name: office # two floors
  vni: 5001
  addressPrefixes: [10.1.0.0/16]
  subnets:
  - {name: ci, addressPrefixes: [10.1.7.0/24], serviceEndpoints: [Microsoft.ContainerRegistry]}
- {name: lab, vni: 5002, addressPrefixes: [10.2.0.0/16]}
registries:
- name: contoso
  defaultAction: Deny
  ipRules:
  - ipAddressOrRange: 198.51.100.0/24
  - {ipAddressOrRange: 198.51.100.66, action: Deny}
  - ipAddressOrRange: 2001:db8:1::/48
  virtualNetworkRules:
  - {virtualNetwork: office, subnet: ci}
";

#[test]
fn what_nobody_waits_for_is_done_all_the_same() -> Result<()> {
    let (network, office, agent) = guarded()?;
    let _listener = Listener::start(network.host(), "[::]:443".parse()?)?;
    let asked = apply(&agent, POLICY, &["--no-wait"])?;
    let name = asked["name"].as_str().context("a name")?;
    let ended = agent.json(["operation", "wait", "--id", name])?;
    assert_eq!(ended["status"], "Succeeded", "{ended}");
    assert_eq!(ended["properties"]["revision"], revision(&agent)?);
    let attempt =
        office.connect("198.51.100.7".parse()?, (Network::REGISTRY_V4, 443).into(), Duration::from_secs(5))?;
    assert_eq!(attempt.outcome, Outcome::Connected);

    apply(&agent, "version: 1", &["--no-wait", "--if-match", "999"])?;
    let waited = agent.cli(["operation", "wait"])?;
    let all = agent.json(["operation", "list"])?;
    assert_eq!(all[1]["error"]["code"], "PreconditionFailed", "{all} {}", waited.stderr);
    Ok(())
}

#[test]
fn a_document_becomes_the_policy_in_one_revision_and_comes_out_as_it_went_in() -> Result<()> {
    let (network, office, agent) = guarded()?;
    let _listener = Listener::start(network.host(), "[::]:443".parse()?)?;
    let before = revision(&agent)?;
    let empty = agent.kernel_tables()?;

    let planned = apply(&agent, POLICY, &["--dry-run"])?;
    assert_eq!(planned["summary"], json!({"add": 7, "change": 0, "remove": 0}), "{planned}");
    assert_eq!((revision(&agent)?, agent.kernel_tables()?), (before, empty), "a dry run changes nothing");
    let applied = apply(&agent, POLICY, &[])?;
    assert_eq!((&applied["revision"], &applied["steps"]), (&json!(before + 1), &planned["steps"]));
    let attempt =
        office.connect("198.51.100.7".parse()?, (Network::REGISTRY_V4, 443).into(), Duration::from_secs(5))?;
    assert_eq!(attempt.outcome, Outcome::Connected);
    assert_eq!(verdict(&agent, "10.1.7.20", Some("5001"))?, "Allow");
    assert_eq!(verdict(&agent, "198.51.100.66", None)?, "Deny");

    let kernel = agent.kernel_tables()?;
    for format in ["yaml", "json"] {
        let exported = agent.cli(["export", "-o", format])?.expect_success()?.stdout;
        let again = apply(&agent, &exported, &[])?;
        assert_eq!((&again["changed"], &again["revision"]), (&json!(false), &json!(before + 1)), "{exported}");
    }
    assert_eq!(agent.kernel_tables()?, kernel);
    Ok(())
}

#[test]
fn networks_exchange_their_numbers_and_the_kernel_follows() -> Result<()> {
    let (_network, _office, mut agent) = guarded()?;
    apply(&agent, POLICY, &[])?;
    let swapped = "{version: 1, virtualNetworks: [{name: office, vni: 5002}, {name: lab, vni: 5001}]}";
    let before = revision(&agent)?;
    assert_eq!(apply(&agent, swapped, &[])?["revision"], json!(before + 1));
    assert_eq!(verdict(&agent, "10.1.7.20", Some("5002"))?, "Allow");
    assert_eq!(verdict(&agent, "10.1.7.20", Some("5001"))?, "Deny");
    agent.restart()?;
    assert_eq!(apply(&agent, swapped, &[])?["changed"], false, "the store holds it too");
    Ok(())
}

#[test]
fn a_document_with_one_fault_changes_nothing() -> Result<()> {
    let (_network, _office, agent) = guarded()?;
    apply(&agent, POLICY, &[])?;
    let before = revision(&agent)?;
    let kernel = agent.kernel_tables()?;
    for (spoiled, words) in [
        (
            POLICY.replace("198.51.100.66", "198.51.100.66/24"),
            "registries[0].ipRules[1].ipAddressOrRange: `198.51.100.66/24`",
        ),
        (
            POLICY.replace("contoso", "fabrikam"),
            "registries[0].name: registry `fabrikam` does not exist; config.toml names: contoso",
        ),
        (POLICY.replace("subnet: ci", "subnet: qa"), "registries[0].virtualNetworkRules[0].subnet"),
        (POLICY.replace("vni: 5002", "vni: 5001"), "virtualNetworks[1]: vni: 5001 belongs to virtual network `office`"),
        (POLICY.replace("defaultAction", "defaultaction"), "registries[0].defaultaction: unknown field"),
        ("{version: 1, virtualNetworks: []}".to_owned(), "virtualNetworks: subnet `ci`"),
        ("{version: 1, registries: [{name: contoso, ipRules: }]}".to_owned(), "registries[0].ipRules"),
    ] {
        let error = refused(&agent, &spoiled.replacen("198.51.100.0/24", "203.0.113.0/24", 1))?;
        ensure!(error.contains(words), "{error}");
        assert_eq!((revision(&agent)?, agent.kernel_tables()?), (before, kernel.clone()), "{error}");
    }
    let stale = agent.cli(["restore", "-n", REGISTRY, "--if-match", "0"])?;
    ensure!(
        stale.stderr.contains("PreconditionFailed") && stale.stderr.contains(&before.to_string()),
        "{}",
        stale.stderr
    );
    assert_eq!(agent.kernel_tables()?, kernel);
    Ok(())
}

#[test]
fn a_registry_is_restored_to_default_access_in_one_revision() -> Result<()> {
    let (_network, _office, agent) = guarded()?;
    apply(&agent, POLICY, &[])?;
    agent.json(["update", "-n", REGISTRY, "--public-network-enabled", "false"])?;
    let before = revision(&agent)?;
    let kept = agent.cli(["export", "--name", REGISTRY])?.expect_success()?.stdout;
    let restored = agent.json(["restore", "-n", REGISTRY])?;
    assert_eq!(restored["revision"], json!(before + 1));
    assert_eq!(
        (&restored["publicNetworkAccess"], &restored["networkRuleSet"]["defaultAction"]),
        (&json!("Enabled"), &json!("Allow"))
    );
    assert_eq!(
        (&restored["networkRuleSet"]["ipRules"], &restored["networkRuleSet"]["virtualNetworkRules"]),
        (&json!([]), &json!([]))
    );
    assert_eq!(verdict(&agent, "203.0.113.77", None)?, "Allow");
    apply(&agent, &kept, &[])?;
    assert_eq!(verdict(&agent, "203.0.113.77", None)?, "Deny");
    assert_eq!(agent.cli(["export", "--name", REGISTRY])?.expect_success()?.stdout, kept);
    Ok(())
}

/// The whole list of IP rules, and the entity tag it was read at.
fn read_list(agent: &Agent) -> Result<(Vec<Value>, String)> {
    let registry = agent.request("GET", &Agent::registry_path(REGISTRY), &[], &[])?.expect_success()?;
    let rules = registry["properties"]["networkRuleSet"]["ipRules"].as_array().context("ipRules")?.clone();
    Ok((rules, registry["etag"].as_str().context("etag")?.to_owned()))
}

/// Replaces the whole list, as `az` does, and returns the HTTP status.
fn write_list(agent: &Agent, rules: &[Value], if_match: Option<&str>) -> Result<u16> {
    let header = if_match.map(|tag| format!("If-Match: {tag}"));
    let headers: Vec<&str> = header.iter().map(String::as_str).collect();
    let body = json!({"properties": {"networkRuleSet": {"ipRules": rules}}}).to_string();
    let answer = agent.request("PATCH", &Agent::registry_path(REGISTRY), &headers, body.as_bytes())?;
    if answer.status == 412 {
        let error = &answer.body["error"];
        ensure!(error["code"] == "PreconditionFailed", "{error}");
        ensure!(error["message"].as_str().is_some_and(|text| text.contains(if_match.unwrap_or_default())), "{error}");
    }
    Ok(answer.status)
}

fn address(client: usize, rule: usize) -> String {
    format!("203.0.113.{}", client * 60 + rule)
}

#[test]
fn clients_that_edit_one_list_at_once_lose_nothing_with_if_match() -> Result<()> {
    const CLIENTS: usize = 4;
    const RULES: usize = 50;
    let (_network, _office, agent) = guarded()?;
    let collisions = AtomicUsize::new(0);
    let add = &|client: usize, mut read: (Vec<Value>, String)| -> Result<()> {
        for rule in 0..RULES {
            loop {
                let (mut rules, tag) = read;
                rules.push(json!({"value": address(client, rule), "action": "Allow"}));
                let status = write_list(&agent, &rules, Some(&tag))?;
                read = read_list(&agent)?;
                match status {
                    200 => break,
                    412 => collisions.fetch_add(1, Ordering::Relaxed),
                    status => anyhow::bail!("the answer is {status}"),
                };
            }
        }
        Ok(())
    };
    let before = revision(&agent)?;
    // Everyone has read before anyone writes, so that all but one are told at least once.
    let reads = (0..CLIENTS).map(|_| read_list(&agent)).collect::<Result<Vec<_>>>()?;
    thread::scope(|scope| {
        let clients: Vec<_> =
            reads.into_iter().enumerate().map(|(client, read)| scope.spawn(move || add(client, read))).collect();
        clients.into_iter().try_for_each(|client| client.join().expect("a client that does not panic"))
    })?;
    let collisions = collisions.into_inner();
    println!("{CLIENTS} clients, {RULES} rules each: {collisions} times told 412, nothing lost");
    ensure!(collisions >= CLIENTS - 1, "{collisions} collisions");
    let (rules, _) = read_list(&agent)?;
    assert_eq!((rules.len(), revision(&agent)?), (CLIENTS * RULES, before + (CLIENTS * RULES) as u64));
    for client in 0..CLIENTS {
        for rule in 0..RULES {
            let source = address(client, rule);
            ensure!(rules.iter().any(|one| one["value"] == source.as_str()), "{source} is lost");
            let question = json!({ "source": source }).to_string();
            let path = format!("{}/check", Agent::registry_path(REGISTRY));
            let report = agent.request("POST", &path, &[], question.as_bytes())?.expect_success()?;
            assert_eq!((&report["verdict"], &report["rule"]), (&json!("Allow"), &json!(source)), "{report}");
        }
    }
    Ok(())
}

#[test]
fn without_if_match_the_last_whole_list_wins_but_single_rules_are_never_lost() -> Result<()> {
    let (_network, _office, agent) = guarded()?;
    let (mine, _) = read_list(&agent)?;
    let theirs = mine.clone();
    let with = |mut rules: Vec<Value>, source: &str| {
        rules.push(json!({"value": source, "action": "Allow"}));
        rules
    };
    assert_eq!(write_list(&agent, &with(mine, "192.0.2.1"), None)?, 200);
    assert_eq!(write_list(&agent, &with(theirs, "192.0.2.2"), None)?, 200);
    assert_eq!(verdict(&agent, "192.0.2.1", None)?, "Deny", "as in Azure");
    assert_eq!(verdict(&agent, "192.0.2.2", None)?, "Allow");

    let add = &|client: usize| -> Result<()> {
        for rule in 0..50 {
            let path = format!("{}/ipRules/{}", Agent::registry_path(REGISTRY), address(client, rule));
            agent.request("PUT", &path, &[], b"{}")?.expect_success()?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..4).map(|client| scope.spawn(move || add(client))).collect();
        clients.into_iter().try_for_each(|client| client.join().expect("a client that does not panic"))
    })?;
    let (rules, _) = read_list(&agent)?;
    assert_eq!(rules.len(), 201);
    for client in 0..4 {
        assert_eq!(verdict(&agent, &address(client, 49), None)?, "Allow");
    }
    Ok(())
}

#[test]
fn a_rule_that_must_be_new_is_made_by_one_of_many() -> Result<()> {
    let (_network, _office, agent) = guarded()?;
    let source: IpAddr = "203.0.113.9".parse()?;
    let path = format!("{}/ipRules/{source}", Agent::registry_path(REGISTRY));
    let create = || agent.request("PUT", &path, &["If-None-Match: *"], b"{}");
    let answers = thread::scope(|scope| {
        let clients: Vec<_> = (0..4).map(|_| scope.spawn(create)).collect();
        clients
            .into_iter()
            .map(|client| client.join().expect("a client that does not panic"))
            .collect::<Result<Vec<_>>>()
    })?;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412, 412, 412]);
    Ok(())
}

/// Whether the state of each thread is `T`: what follows the name in parentheses (`proc_pid_stat(5)`).
fn is_stopped(pid: Pid) -> Result<bool> {
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let stat = std::fs::read_to_string(task?.path().join("stat"))?;
        if !stat.rsplit_once(") ").is_some_and(|(_, state)| state.starts_with('T')) {
            return Ok(false);
        }
    }
    Ok(true)
}

#[test]
fn a_stopped_agent_is_told_from_a_busy_one() -> Result<()> {
    let (_network, _office, agent) = guarded()?;
    let pid = Pid::from_raw(agent.pid().context("a running agent")?.try_into()?);
    kill(pid, Signal::SIGSTOP)?;
    eventually("every thread of the agent is stopped", || is_stopped(pid))?;
    let asked =
        agent.cli(["--agent-timeout", "1", "network-rule", "add", "-n", REGISTRY, "--ip-address", "203.0.113.9"]);
    kill(pid, Signal::SIGCONT)?;
    let asked = asked?;
    assert_eq!(asked.status.and_then(|status| status.code()), Some(1));
    for words in ["no sign of life", "whether the change was made is not known"] {
        ensure!(asked.stderr.contains(words), "{}", asked.stderr);
    }
    assert_eq!(agent.json(["list"])?[0]["name"], REGISTRY);
    Ok(())
}
