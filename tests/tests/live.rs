//! Changes count at once, and what counts can be seen: verdicts, counters, hits, `check` and the log.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::net::{Agent, Client, GuardConfig, Listener, Network, Outcome, address, eventually};
use tests::packet::{Ethernet, Ipv4, Tcp};

/// Shorter than the second after which a SYN is sent again.
const ONE_SYN: Duration = Duration::from_millis(900);

const REGISTRY: &str = GuardConfig::REGISTRY;

fn registry_of(source: &str) -> SocketAddr {
    match address(source) {
        IpAddr::V4(_) => (Network::REGISTRY_V4, 443).into(),
        IpAddr::V6(_) => (Network::REGISTRY_V6, 443).into(),
    }
}

/// What becomes of the very first SYN.
fn outcome(client: &Client, source: &str) -> Result<Outcome> {
    Ok(client.connect(address(source), registry_of(source), ONE_SYN)?.outcome)
}

fn listener(network: &Network) -> Result<Listener> {
    Listener::start(network.host(), "[::]:443".parse()?)
}

fn rule(agent: &Agent, verb: &str, ip: &str) -> Result<Value> {
    agent.json(["network-rule", verb, "-n", REGISTRY, "--ip-address", ip])
}

fn deny(agent: &Agent, ip: &str) -> Result<Value> {
    agent.json(["network-rule", "add", "-n", REGISTRY, "--ip-address", ip, "--action", "Deny"])
}

fn revision(agent: &Agent) -> Result<u64> {
    agent.json(["status"])?["revision"].as_u64().context("a revision")
}

fn check(agent: &Agent, source: &str) -> Result<Value> {
    agent.json(["check", "-n", REGISTRY, "--source", source])
}

/// The hits of the rule that was spelled so.
fn hits(agent: &Agent, rule: &str) -> Result<u64> {
    let rules = agent.json(["network-rule", "list", "-n", REGISTRY, "--hits"])?;
    let found = rules["ipRules"].as_array().into_iter().flatten().find(|one| one["ipAddressOrRange"] == rule);
    found.and_then(|rule| rule["hits"].as_u64()).with_context(|| format!("no rule {rule} in {rules}"))
}

#[test]
fn the_very_next_syn_obeys_a_rule_that_came_or_went() -> Result<()> {
    let mut network = Network::new()?;
    let office = network.client("office", &["198.51.100.7", "2001:db8:1::7"])?;
    let _listener = listener(&network)?;
    // A reset answers at once, so that many rounds fit into the test.
    let agent = Agent::start(&network, &GuardConfig::of(&network).reset().to_string())?;
    for round in 0..25 {
        for source in ["198.51.100.7", "2001:db8:1::7"] {
            assert_eq!(outcome(&office, source)?, Outcome::Refused, "{source} before round {round}");
            rule(&agent, "add", source)?;
            assert_eq!(outcome(&office, source)?, Outcome::Connected, "{source} in round {round}");
            rule(&agent, "remove", source)?;
        }
    }
    assert_eq!(agent.counter(REGISTRY, "IpRule")?, 50);
    assert_eq!(agent.counter(REGISTRY, "NoRule")?, 50);
    Ok(())
}

#[test]
fn the_very_next_syn_is_dropped_where_the_answer_is_drop() -> Result<()> {
    let mut network = Network::new()?;
    let office = network.client("office", &["198.51.100.7", "2001:db8:1::7"])?;
    let _listener = listener(&network)?;
    let agent = Agent::start(&network, &GuardConfig::of(&network).to_string())?;
    for source in ["198.51.100.7", "2001:db8:1::7"] {
        rule(&agent, "add", source)?;
        assert_eq!(outcome(&office, source)?, Outcome::Connected, "{source}");
        rule(&agent, "remove", source)?;
        assert_eq!(outcome(&office, source)?, Outcome::TimedOut, "{source}");
        assert_eq!(network.half_open(address(source))?, 0, "{source}");
    }
    Ok(())
}

#[test]
fn adding_a_rule_again_is_no_change_and_says_so() -> Result<()> {
    let mut network = Network::new()?;
    let _office = network.client("office", &["198.51.100.7"])?;
    let agent = Agent::start(&network, &GuardConfig::of(&network).to_string())?;
    let added = rule(&agent, "add", "198.51.100.7")?;
    assert_eq!(added["changed"], true);
    let kernel = agent.kernel_tables()?;
    for again in ["198.51.100.7", "198.51.100.7/32"] {
        let ran = agent.cli(["network-rule", "add", "-n", REGISTRY, "--ip-address", again])?.expect_success()?;
        ensure!(ran.stderr.contains("already there: 198.51.100.7"), "it says so: {}", ran.stderr);
        let answer: Value = serde_json::from_str(&ran.stdout)?;
        assert_eq!((&answer["changed"], &answer["revision"]), (&json!(false), &added["revision"]));
    }
    let rules = agent.json(["network-rule", "list", "-n", REGISTRY])?;
    assert_eq!(rules["ipRules"], json!([{"action": "Allow", "ipAddressOrRange": "198.51.100.7"}]));
    assert_eq!(agent.kernel_tables()?, kernel);
    Ok(())
}

#[test]
fn removing_a_rule_that_is_not_there_exits_with_three() -> Result<()> {
    let mut network = Network::new()?;
    let _office = network.client("office", &["198.51.100.7"])?;
    let agent = Agent::start(&network, &GuardConfig::of(&network).to_string())?;
    rule(&agent, "add", "198.51.100.0/24")?;
    let before = revision(&agent)?;
    let ran = agent.cli(["network-rule", "remove", "-n", REGISTRY, "--ip-address", "198.51.100.7"])?;
    assert_eq!(ran.status.and_then(|status| status.code()), Some(3));
    ensure!(ran.stderr.contains("198.51.100.7") && ran.stderr.contains(REGISTRY), "{}", ran.stderr);
    assert_eq!(revision(&agent)?, before);
    rule(&agent, "remove", "198.51.100.0/24")?;
    assert_eq!(revision(&agent)?, before + 1);
    Ok(())
}

#[test]
fn the_longest_prefix_has_the_last_word_on_the_wire() -> Result<()> {
    let mut network = Network::new()?;
    let sources = ["198.51.100.7", "198.51.100.66", "198.51.100.67", "203.0.113.200"];
    let office = network.client("office", &sources)?;
    let _listener = listener(&network)?;
    let agent = Agent::start(&network, &GuardConfig::of(&network).reset().to_string())?;
    let expect = |expected: [Outcome; 4]| -> Result<()> {
        for (source, expected) in sources.into_iter().zip(expected) {
            assert_eq!(outcome(&office, source)?, expected, "{source}");
        }
        Ok(())
    };
    let (connected, refused) = (Outcome::Connected, Outcome::Refused);
    rule(&agent, "add", "198.51.100.0/24")?;
    expect([connected, connected, connected, refused])?;
    deny(&agent, "198.51.100.64/26")?;
    expect([connected, refused, refused, refused])?;
    rule(&agent, "add", "198.51.100.66")?;
    expect([connected, connected, refused, refused])?;
    agent.json(["update", "-n", REGISTRY, "--default-action", "Allow"])?;
    expect([connected, connected, refused, connected])?;
    rule(&agent, "remove", "198.51.100.64/26")?;
    deny(&agent, "198.51.100.0/24")?;
    expect([refused, connected, refused, connected])?;
    agent.json(["update", "-n", REGISTRY, "--default-action", "Deny"])?;
    expect([refused, connected, refused, refused])?;
    assert!(agent.counter(REGISTRY, "DenyRule")? >= 5);
    assert_eq!(agent.counter(REGISTRY, "DefaultAllow")?, 2);
    Ok(())
}

#[test]
fn disabled_public_access_denies_everyone_and_enabled_restores_only_itself() -> Result<()> {
    let mut network = Network::new()?;
    let office = network.client("office", &["198.51.100.7", "198.51.100.8"])?;
    let app = network.overlay_client("app", "192.0.2.11", 5001, &["10.1.0.4"])?;
    let _listener = listener(&network)?;
    let config = GuardConfig::of(&network).reset().trusted_vtep("192.0.2.11");
    let agent = Agent::start(&network, &config.to_string())?;
    agent.json(["network", "vnet", "create", "-n", "office", "--vni", "5001", "--address-prefixes", "10.1.0.0/16"])?;
    let subnet = ["network", "vnet", "subnet", "create", "--vnet-name", "office", "-n", "ci", "--address-prefixes"];
    agent.json(subnet.iter().chain(&["10.1.0.0/24", "--service-endpoints", "Microsoft.ContainerRegistry"]))?;
    agent.json(["network-rule", "add", "-n", REGISTRY, "--vnet-name", "office", "--subnet", "ci"])?;
    rule(&agent, "add", "198.51.100.7")?;
    agent.json(["update", "-n", REGISTRY, "--default-action", "Allow"])?;
    for source in ["198.51.100.7", "198.51.100.8"] {
        assert_eq!(outcome(&office, source)?, Outcome::Connected);
    }

    let off = agent.cli(["update", "-n", REGISTRY, "--public-network-enabled", "false"])?.expect_success()?;
    ensure!(off.stderr.contains("overrides every rule"), "a warning: {}", off.stderr);
    for source in ["198.51.100.7", "198.51.100.8"] {
        assert_eq!(outcome(&office, source)?, Outcome::Refused, "{source}");
    }
    let inner = (address("10.1.0.4"), registry_of("10.1.0.4"));
    assert_eq!(app.connect(inner.0, inner.1, ONE_SYN)?.outcome, Outcome::TimedOut, "a subnet's rule neither");
    assert_eq!(agent.counter(REGISTRY, "PublicAccessDisabled")?, 3);

    // A rule that comes meanwhile is kept and does not count yet.
    rule(&agent, "add", "198.51.100.8")?;
    assert_eq!(outcome(&office, "198.51.100.8")?, Outcome::Refused);
    rule(&agent, "remove", "198.51.100.8")?;

    agent.json(["update", "-n", REGISTRY, "--public-network-enabled", "true"])?;
    let shown = agent.json(["show", "-n", REGISTRY])?;
    assert_eq!(shown["publicNetworkAccess"], "Enabled");
    assert_eq!(shown["networkRuleSet"]["defaultAction"], "Deny", "as switching off had left it");
    assert_eq!(outcome(&office, "198.51.100.7")?, Outcome::Connected);
    assert_eq!(outcome(&office, "198.51.100.8")?, Outcome::Refused);
    assert_eq!(app.connect(inner.0, inner.1, ONE_SYN)?.outcome, Outcome::Connected);
    Ok(())
}

#[test]
fn every_verdict_is_counted_by_reason_and_by_rule() -> Result<()> {
    let mut network = Network::new()?;
    let sources = ["198.51.100.7", "198.51.100.66", "203.0.113.200", "2001:db8:1::7"];
    let office = network.client("office", &sources)?;
    let _listener = listener(&network)?;
    let agent = Agent::start(&network, &GuardConfig::of(&network).reset().to_string())?;
    rule(&agent, "add", "198.51.100.0/24")?;
    rule(&agent, "add", "2001:db8:1::/64")?;
    deny(&agent, "198.51.100.66")?;
    for (source, times, expected) in [
        ("198.51.100.7", 5, Outcome::Connected),
        ("198.51.100.66", 4, Outcome::Refused),
        ("203.0.113.200", 3, Outcome::Refused),
        ("2001:db8:1::7", 2, Outcome::Connected),
    ] {
        for _ in 0..times {
            assert_eq!(outcome(&office, source)?, expected, "{source}");
        }
    }
    for (reason, expected) in [("IpRule", 7), ("DenyRule", 4), ("NoRule", 3)] {
        assert_eq!(agent.counter(REGISTRY, reason)?, expected, "{reason}");
    }
    for (rule, expected) in [("198.51.100.0/24", 5), ("2001:db8:1::/64", 2), ("198.51.100.66", 4)] {
        assert_eq!(hits(&agent, rule)?, expected, "{rule}");
    }
    // A rule that comes back starts anew, though it may get the counter that it had.
    rule(&agent, "remove", "198.51.100.66")?;
    deny(&agent, "198.51.100.66")?;
    assert_eq!(hits(&agent, "198.51.100.66")?, 0);
    assert_eq!(hits(&agent, "198.51.100.0/24")?, 5);
    Ok(())
}

#[test]
fn check_says_what_would_happen_and_leaves_no_trace() -> Result<()> {
    let mut network = Network::new()?;
    let office = network.client("office", &["198.51.100.7", "203.0.113.200"])?;
    let _listener = listener(&network)?;
    let config = GuardConfig::of(&network).reset().trusted_vtep("192.0.2.11");
    let agent = Agent::start(&network, &config.to_string())?;
    rule(&agent, "add", "198.51.100.0/24")?;
    deny(&agent, "198.51.100.66")?;
    rule(&agent, "add", "2001:db8:1::/64")?;
    agent.json(["network", "vnet", "create", "-n", "office", "--vni", "5001", "--address-prefixes", "10.1.0.0/16"])?;
    let subnet = ["network", "vnet", "subnet", "create", "--vnet-name", "office", "-n", "ci", "--address-prefixes"];
    agent.json(subnet.iter().chain(&["10.1.0.0/24", "--service-endpoints", "Microsoft.ContainerRegistry"]))?;
    agent.json(["network-rule", "add", "-n", REGISTRY, "--vnet-name", "office", "--subnet", "ci"])?;
    assert_eq!(outcome(&office, "198.51.100.7")?, Outcome::Connected);

    let traces = || -> Result<Value> {
        let (status, tables) = (agent.json(["status"])?, agent.kernel_tables()?);
        let registry = &status["registries"][0];
        Ok(json!([status["revision"], registry["counters"], agent.json(["show", "-n", REGISTRY])?, tables]))
    };
    let before = traces()?;
    for (source, vni, verdict, reason, rule) in [
        ("198.51.100.7", None, "Allow", "IpRule", Some("198.51.100.0/24")),
        ("198.51.100.66", None, "Deny", "DenyRule", Some("198.51.100.66")),
        ("203.0.113.200", None, "Deny", "NoRule", None),
        ("2001:db8:1::7", None, "Allow", "IpRule", Some("2001:db8:1::/64")),
        ("2001:db8:2::7", None, "Deny", "NoRule", None),
        ("10.1.0.4", None, "Deny", "NoRule", None),
        ("10.1.0.4", Some("5001"), "Allow", "SubnetRule", Some("/virtualNetworks/office/subnets/ci")),
        ("10.1.9.4", Some("5001"), "Deny", "NoRule", None),
        ("10.1.0.4", Some("5002"), "Deny", "NoRule", None),
        ("198.51.100.7", Some("5001"), "Deny", "NoRule", None),
    ] {
        let question = ["check", "-n", REGISTRY, "--source", source];
        let network = vni.map(|vni| ["--vni", vni]);
        let answer = agent.json(question.iter().chain(network.iter().flatten()))?;
        assert_eq!(answer["verdict"], verdict, "{answer}");
        assert_eq!(answer["reason"], reason, "{answer}");
        match rule {
            Some(rule) => assert!(answer["rule"].as_str().is_some_and(|found| found.ends_with(rule)), "{answer}"),
            None => assert_eq!(answer["rule"], Value::Null, "{answer}"),
        }
        let message = answer["message"].as_str().unwrap_or_default();
        assert!(message.ends_with('.') && !message.contains("nothing is enforced"), "{answer}");
    }
    assert_eq!(traces()?, before, "asking changed something");

    // The log is written in the order of the packets, so once this one is there, no other is still to come.
    assert_eq!(outcome(&office, "203.0.113.200")?, Outcome::Refused);
    eventually("a denied packet is logged", || Ok(agent.log().contains("203.0.113.200")))?;
    assert_eq!(denied_lines(&agent.log()).len(), 1, "{}", agent.log());
    Ok(())
}

#[test]
fn check_of_a_source_that_is_denied_everywhere_names_the_untrusted_vtep() -> Result<()> {
    let mut network = Network::new()?;
    let _office = network.client("office", &["198.51.100.7"])?;
    let agent = Agent::start(&network, &GuardConfig::of(&network).to_string())?;
    let answer = agent.json(["check", "-n", REGISTRY, "--source", "10.1.0.4", "--vni", "5001"])?;
    assert_eq!((&answer["verdict"], &answer["reason"]), (&json!("Deny"), &json!("UntrustedVtep")));
    Ok(())
}

#[test]
fn check_asks_the_kernel_even_where_the_agent_believes_otherwise() -> Result<()> {
    let mut network = Network::new()?;
    let office = network.client("office", &["198.51.100.7", "198.51.100.8"])?;
    let _listener = listener(&network)?;
    let agent = Agent::start(&network, &GuardConfig::of(&network).reset().to_string())?;
    rule(&agent, "add", "198.51.100.7")?;
    rule(&agent, "add", "198.51.100.8")?;
    assert_eq!(check(&agent, "198.51.100.7")?["verdict"], "Allow");

    agent.forget_behind_its_back(0, Ipv4Addr::new(198, 51, 100, 7))?;
    let rules = agent.json(["network-rule", "list", "-n", REGISTRY])?;
    assert_eq!(rules["ipRules"].as_array().map(Vec::len), Some(2), "the agent knows nothing of it");
    let answer = check(&agent, "198.51.100.7")?;
    assert_eq!((&answer["verdict"], &answer["reason"]), (&json!("Deny"), &json!("NoRule")));
    assert_eq!(outcome(&office, "198.51.100.7")?, Outcome::Refused, "check told the truth");
    assert_eq!(check(&agent, "198.51.100.8")?["verdict"], "Allow");
    assert_eq!(outcome(&office, "198.51.100.8")?, Outcome::Connected);
    Ok(())
}

/// The lines of the agent's log that tell of a denied packet.
fn denied_lines(log: &str) -> Vec<&str> {
    log.lines().filter(|line| line.contains(" denied") && line.contains("source=")).collect()
}

#[test]
fn a_denied_connection_is_logged_with_source_endpoint_and_reason() -> Result<()> {
    let mut network = Network::new()?;
    let stranger = network.client("stranger", &["198.51.100.66", "2001:db8:6::66"])?;
    let app = network.overlay_client("app", "192.0.2.11", 5001, &["10.1.0.4"])?;
    let _listener = listener(&network)?;
    let config = GuardConfig::of(&network).reset().trusted_vtep("192.0.2.11");
    let agent = Agent::start(&network, &config.to_string())?;
    deny(&agent, "198.51.100.66")?;
    assert_eq!(outcome(&stranger, "198.51.100.66")?, Outcome::Refused);
    assert_eq!(outcome(&stranger, "2001:db8:6::66")?, Outcome::Refused);
    app.connect(address("10.1.0.4"), registry_of("10.1.0.4"), ONE_SYN)?;
    for words in [
        ["source=198.51.100.66", "endpoint=203.0.113.10:443", "reason=\"DenyRule\"", "response=\"reset\""],
        ["source=2001:db8:6::66", "endpoint=[2001:db8::10]:443", "reason=\"NoRule\"", "interface=\"to-stranger\""],
        ["source=10.1.0.4", "vni=5001", "vtep=192.0.2.11", "response=\"drop\""],
    ] {
        eventually(&format!("a line holds {words:?}"), || {
            let log = agent.log();
            let told = |line: &&str| words.iter().all(|word| line.contains(word)) && line.contains(REGISTRY);
            Ok(denied_lines(&log).into_iter().any(|line| told(&line)))
        })?;
    }
    Ok(())
}

#[test]
fn a_burst_of_denied_packets_is_logged_in_part_and_counted_in_full() -> Result<()> {
    const PER_SECOND: u32 = 5;
    const BURST: u32 = 400;
    let mut network = Network::new()?;
    let attacker = network.client("attacker", &["192.0.2.66"])?;
    let agent = Agent::start(&network, &GuardConfig::of(&network).events_per_second(PER_SECOND).to_string())?;
    let injector = attacker.injector()?;
    let syn = (Ethernet::default() / Ipv4::from("198.51.100.66") / Tcp::syn(443)).bytes();
    let start = Instant::now();
    for _ in 0..BURST {
        injector.send(&syn)?;
    }
    let left_out = |log: &str| -> u32 {
        let counts = log.lines().filter_map(|line| line.split("left_out=").nth(1));
        counts.filter_map(|rest| rest.split(|letter: char| !letter.is_ascii_digit()).next()?.parse::<u32>().ok()).sum()
    };
    eventually("every packet is in the log, or among those left out", || {
        let log = agent.log();
        Ok(u32::try_from(denied_lines(&log).len())? + left_out(&log) >= BURST)
    })?;
    let log = agent.log();
    let lines = u32::try_from(denied_lines(&log).len())?;
    let seconds = u32::try_from(start.elapsed().as_secs())?;
    assert!((1..=PER_SECOND * (seconds + 2)).contains(&lines), "{lines} lines in {seconds} s");
    assert_eq!(lines + left_out(&log), BURST, "none is counted twice");
    assert_eq!(agent.counter(REGISTRY, "NoRule")?, u64::from(BURST));
    Ok(())
}

#[test]
fn many_may_ask_for_the_status_at_once() -> Result<()> {
    let mut network = Network::new()?;
    let _office = network.client("office", &["198.51.100.7"])?;
    let agent = Agent::start(&network, &GuardConfig::of(&network).to_string())?;
    std::thread::scope(|scope| {
        let ask = || -> Result<()> {
            for _ in 0..50 {
                agent.request("GET", "/status", &[], b"")?.expect_success()?;
            }
            Ok(())
        };
        let askers: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        askers.into_iter().try_for_each(|asker| asker.join().expect("an asker does not panic"))
    })?;
    assert!(!agent.log().contains("cannot see interfaces"), "the agent itself was kept from looking");
    Ok(())
}
