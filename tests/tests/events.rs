//! The denied log: one line for each denial, as a list and as it happens, and the number of those that were left out.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tests::net::{Agent, Client, Daemon, GuardConfig, Listener, Network, Outcome, eventually};
use tests::packet::{Ethernet, Ipv4, Tcp};

/// Shorter than the second after which a SYN is sent again.
const ONE_SYN: Duration = Duration::from_millis(900);

const REGISTRY: &str = GuardConfig::REGISTRY;

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

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

/// What `events` prints.
fn events(agent: &Agent, flags: &[&str]) -> Result<Vec<Value>> {
    let events = agent.json(["events"].iter().chain(flags))?;
    events.as_array().cloned().context("no list")
}

/// The events once there are so many.
fn so_many_events(agent: &Agent, number: usize) -> Result<Vec<Value>> {
    let mut seen = Vec::new();
    eventually(&format!("there are {number} events"), || {
        seen = events(agent, &[])?;
        Ok(seen.len() >= number)
    })?;
    Ok(seen)
}

/// Takes out the time, which must read like `2026-02-25T06:13:20.007Z`.
fn without_time(mut event: Value) -> Result<Value> {
    let time = event.as_object_mut().and_then(|event| event.remove("time")).context("no time")?;
    let shape: String = time
        .as_str()
        .context("the time is no text")?
        .chars()
        .map(|letter| if letter.is_ascii_digit() { '9' } else { letter })
        .collect();
    assert_eq!(shape, "9999-99-99T99:99:99.999Z");
    Ok(event)
}

/// `events --follow` beside the test, and what it printed.
struct Follower {
    process: Daemon,
}

impl Follower {
    fn start(network: &Network, agent: &Agent, name: &str, flags: &[&str]) -> Result<Self> {
        let mut command = agent.cli_command(["events", "--follow"].iter().chain(flags));
        let output: PathBuf = network.folder().join(name);
        Ok(Self { process: Daemon::start(&mut command, &output)? })
    }

    fn lines(&self) -> Vec<String> {
        self.process.log().lines().map(ToOwned::to_owned).collect()
    }

    /// Has `source` refused until the first line tells of it, since nothing else shows that the follower is there.
    fn wait_until_it_follows(&self, client: &Client, source: &str) -> Result<()> {
        eventually("the follower is told", || {
            assert_eq!(outcome(client, source)?, Outcome::Refused);
            Ok(self.lines().iter().any(|line| line.contains(source)))
        })
    }
}

#[test]
fn each_dropped_syn_is_one_event_with_all_that_is_known() -> Result<()> {
    let mut network = Network::new()?;
    let stranger = network.client("stranger", &["198.51.100.66", "2001:db8:6::66"])?;
    let app = network.overlay_client("app", "192.0.2.11", 5001, &["10.1.0.4"])?;
    let _listener = Listener::start(network.host(), "[::]:443".parse()?)?;
    let config = GuardConfig::of(&network).trusted_vtep("192.0.2.11");
    let agent = Agent::start(&network, &config.to_string())?;
    agent.json(["network-rule", "add", "-n", REGISTRY, "--ip-address", "198.51.100.66", "--action", "Deny"])?;
    assert_eq!(events(&agent, &[])?, Vec::<Value>::new());
    for source in ["198.51.100.66", "2001:db8:6::66"] {
        assert_eq!(outcome(&stranger, source)?, Outcome::TimedOut);
    }
    app.connect(address("10.1.0.4"), registry_of("10.1.0.4"), ONE_SYN)?;
    let seen = so_many_events(&agent, 3)?.into_iter().map(without_time).collect::<Result<Vec<_>>>()?;
    assert_eq!(
        seen,
        [
            json!({"registry": REGISTRY, "source": "198.51.100.66", "tag": 0, "endpoint": "203.0.113.10:443",
                "interface": "to-stranger", "layer": "xdp", "reason": "DenyRule", "response": "drop"}),
            json!({"registry": REGISTRY, "source": "2001:db8:6::66", "tag": 0, "endpoint": "[2001:db8::10]:443",
                "interface": "to-stranger", "layer": "xdp", "reason": "NoRule", "response": "drop"}),
            json!({"registry": REGISTRY, "source": "10.1.0.4", "tag": 5001, "vtep": "192.0.2.11",
                "endpoint": "203.0.113.10:443", "interface": "to-app", "layer": "xdp", "reason": "NoRule",
                "response": "drop"}),
        ]
    );
    let denied = agent.counter(REGISTRY, "DenyRule")? + agent.counter(REGISTRY, "NoRule")?;
    assert_eq!(denied, 3);
    Ok(())
}

#[test]
fn a_reset_is_told_as_such_in_every_format() -> Result<()> {
    let mut network = Network::new()?;
    let stranger = network.client("stranger", &["198.51.100.66"])?;
    let agent = Agent::start(&network, &GuardConfig::of(&network).reset().to_string())?;
    assert_eq!(outcome(&stranger, "198.51.100.66")?, Outcome::Refused);
    assert_eq!(so_many_events(&agent, 1)?[0]["response"], "reset");
    let print = |format: &str| Ok::<_, anyhow::Error>(agent.cli(["events", "-o", format])?.expect_success()?.stdout);
    let table = print("table")?;
    assert!(table.starts_with("TIME ") && table.contains("  198.51.100.66  0    203.0.113.10:443  xdp"), "{table}");
    assert_eq!(print("tsv")?.trim_end_matches('\n').split('\t').count(), 14);
    assert!(print("yaml")?.starts_with("- endpoint: 203.0.113.10:443\n"));
    assert_eq!(print("none")?, "");
    let sources = agent.cli(["events", "--query", "[?response=='reset'].source", "-o", "tsv"])?.expect_success()?;
    assert_eq!(sources.stdout, "198.51.100.66\n");
    Ok(())
}

#[test]
fn a_follower_sees_each_denial_as_it_happens() -> Result<()> {
    let mut network = Network::new()?;
    let stranger = network.client("stranger", &["198.51.100.66", "198.51.100.67"])?;
    let agent = Agent::start(&network, &GuardConfig::of(&network).reset().to_string())?;
    let mut json = Follower::start(&network, &agent, "json", &["-o", "json"])?;
    let table = Follower::start(&network, &agent, "table", &["-o", "table", "--name", "CONTOSO"])?;
    let tsv = Follower::start(&network, &agent, "tsv", &["-o", "tsv", "--query", "[source, reason]"])?;
    for follower in [&json, &table, &tsv] {
        follower.wait_until_it_follows(&stranger, "198.51.100.66")?;
    }
    assert_eq!(outcome(&stranger, "198.51.100.67")?, Outcome::Refused);
    for follower in [&json, &table, &tsv] {
        eventually("the other source is told of too", || {
            Ok(follower.lines().iter().filter(|line| line.contains("198.51.100.67")).count() == 1)
        })?;
    }
    for line in json.lines() {
        let event: Value = serde_json::from_str(&line).with_context(|| line.clone())?;
        assert_eq!((&event["registry"], &event["reason"]), (&json!(REGISTRY), &json!("NoRule")));
    }
    let rows = table.lines();
    assert!(rows[0].starts_with("TIME ") && rows[1].starts_with("----"), "{rows:?}");
    assert_eq!(rows.iter().filter(|row| row.starts_with("TIME")).count(), 1);
    assert_eq!(tsv.lines().last().map(String::as_str), Some("198.51.100.67\tNoRule"));

    assert_eq!(json.process.end(Signal::SIGINT)?.code(), Some(0), "Ctrl-C is how one stops to follow");
    assert!(json.lines().iter().all(|line| line.starts_with('{')), "and it is quiet");
    Ok(())
}

#[test]
fn followers_end_with_the_agent_which_does_not_wait_for_them() -> Result<()> {
    let mut network = Network::new()?;
    let stranger = network.client("stranger", &["198.51.100.66"])?;
    let mut agent = Agent::start(&network, &GuardConfig::of(&network).reset().to_string())?;
    let mut follower = Follower::start(&network, &agent, "follower", &[])?;
    follower.wait_until_it_follows(&stranger, "198.51.100.66")?;
    assert!(agent.stop()?.success());
    let log = agent.log();
    assert!(!log.contains("stopped while requests were being answered"), "{log}");
    let mut ended = None;
    eventually("the follower ends", || {
        ended = follower.process.ended()?;
        Ok(ended.is_some())
    })?;
    assert_eq!(ended.and_then(|status| status.code()), Some(1));
    let last = follower.lines().pop().unwrap_or_default();
    assert!(last.starts_with("ERROR: the agent on ") && last.contains("start it with `registry-guard run`"), "{last}");
    let again = agent.cli(["events", "--follow"])?;
    assert_eq!(again.status.and_then(|status| status.code()), Some(1));
    assert!(again.stderr.contains("no agent"), "{}", again.stderr);
    Ok(())
}

#[test]
fn a_follower_whose_reader_has_gone_ends_without_waiting_for_an_event() -> Result<()> {
    let mut network = Network::new()?;
    let _stranger = network.client("stranger", &["198.51.100.66"])?;
    let agent = Agent::start(&network, &GuardConfig::of(&network).to_string())?;
    let mut command = agent.cli_command(["events", "--follow"]);
    let mut follower = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    drop(follower.stdout.take());
    let output = follower.wait_with_output()?;
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
    Ok(())
}

#[test]
fn events_are_those_of_one_registry_if_it_is_named() -> Result<()> {
    let mut network = Network::new()?;
    let stranger = network.client("stranger", &["198.51.100.66"])?;
    let config = GuardConfig::of(&network).reset().to_string();
    let other = "[[registry]]\nname = \"fabrikam\"\nlogin-server = \"fabrikam.example.com\"\n\
        listen = [\"203.0.113.10:8443\"]\ndeny-response = \"reset\"\n";
    let agent = Agent::start(&network, &(config + other))?;
    for port in [443, 8443, 443] {
        stranger.connect(address("198.51.100.66"), (Network::REGISTRY_V4, port).into(), ONE_SYN)?;
    }
    so_many_events(&agent, 3)?;
    for (name, number) in [(REGISTRY, 2), ("Fabrikam", 1)] {
        let own = events(&agent, &["--name", name])?;
        assert_eq!(own.len(), number, "{name}");
        assert!(own.iter().all(|event| event["registry"] == name.to_ascii_lowercase()), "{own:?}");
    }
    let nobody = agent.cli(["events", "--follow", "--name", "nobody"])?;
    assert_eq!(nobody.status.and_then(|status| status.code()), Some(3), "{}", nobody.stderr);
    Ok(())
}

#[test]
fn what_is_left_out_of_a_burst_is_told_by_its_number() -> Result<()> {
    const PER_SECOND: u32 = 5;
    const BURST: u64 = 400;
    let mut network = Network::new()?;
    let attacker = network.client("attacker", &["192.0.2.66"])?;
    let agent = Agent::start(&network, &GuardConfig::of(&network).events_per_second(PER_SECOND).to_string())?;
    let injector = attacker.injector()?;
    let syn = (Ethernet::default() / Ipv4::from("198.51.100.66") / Tcp::syn(443)).bytes();
    for _ in 0..BURST {
        injector.send(&syn)?;
    }
    let count = || -> Result<(u64, u64)> {
        let events = events(&agent, &[])?;
        let left_out = events.iter().filter_map(|event| event["leftOut"].as_u64()).sum();
        Ok((events.iter().filter(|event| event["source"] == "198.51.100.66").count() as u64, left_out))
    };
    eventually("every packet is told, or among those left out", || {
        let (told, left_out) = count()?;
        Ok(told + left_out >= BURST)
    })?;
    let (told, left_out) = count()?;
    assert_eq!(told + left_out, BURST, "none is counted twice");
    assert!(told > 0 && left_out > 0, "{told} told, {left_out} left out");
    Ok(())
}

#[test]
fn datagrams_that_only_the_second_layer_sees_are_told_or_counted_too() -> Result<()> {
    const PER_SECOND: u32 = 5;
    const BURST: u64 = 60;
    let mut network = Network::new()?;
    let office = network.client("office", &["198.51.100.7"])?;
    let stranger = network.client("stranger", &["198.51.100.66"])?;
    let config = GuardConfig::on(&[office.host_interface()]).events_per_second(PER_SECOND);
    let agent = Agent::start(&network, &config.to_string())?;
    stranger.namespace().within(|| -> Result<()> {
        let socket = UdpSocket::bind("198.51.100.66:0")?;
        for _ in 0..BURST {
            socket.send_to(b"?", registry_of("198.51.100.66"))?;
        }
        Ok(())
    })??;
    let count = || -> Result<u64> {
        let number = |event: &Value| event["leftOut"].as_u64().unwrap_or(1);
        Ok(events(&agent, &[])?.iter().map(number).sum())
    };
    eventually("every datagram is told, or among those left out", || Ok(count()? >= BURST))?;
    assert_eq!(count()?, BURST, "none is counted twice");
    let first = events(&agent, &[])?.into_iter().next().context("an event")?;
    assert_eq!(
        without_time(first)?,
        json!({"registry": REGISTRY, "source": "198.51.100.66", "tag": 0, "endpoint": "203.0.113.10:443",
            "interface": "to-stranger", "layer": "socket", "reason": "DatagramToGuardedPort", "response": "drop"})
    );
    Ok(())
}

#[test]
fn a_stray_ack_is_no_denied_connection() -> Result<()> {
    let mut network = Network::new()?;
    let stranger = network.client("stranger", &["198.51.100.66", "198.51.100.67"])?;
    let _listener = Listener::start(network.host(), "[::]:443".parse()?)?;
    let agent = Agent::start(&network, &GuardConfig::of(&network).reset().to_string())?;
    let injector = stranger.injector()?;
    for flags in [Tcp::ACK, Tcp::ACK | Tcp::PSH, Tcp::FIN | Tcp::ACK, Tcp::RST, Tcp::SYN | Tcp::ACK] {
        injector.send(&(Ethernet::default() / Ipv4::from("198.51.100.66") / Tcp::flags(443, flags)).bytes())?;
    }
    // Events come in the order of the packets, so once this one is there, no other is still to come.
    assert_eq!(outcome(&stranger, "198.51.100.67")?, Outcome::Refused);
    let seen = so_many_events(&agent, 1)?;
    let sources: Vec<_> = seen.iter().map(|event| &event["source"]).collect();
    assert_eq!(sources, ["198.51.100.67"]);
    assert_eq!(agent.counter(REGISTRY, "NoRule")?, 1);
    assert!(!agent.log().contains("source=198.51.100.66"));
    Ok(())
}

#[test]
fn a_denial_that_no_responder_explains_is_a_refusal_and_told_once() -> Result<()> {
    const PER_SECOND: u32 = 5;
    let mut network = Network::new()?;
    let stranger = network.client("stranger", &["198.51.100.66"])?;
    let _listener = Listener::start(network.host(), "[::]:443".parse()?)?;
    let config = GuardConfig::of(&network).events_per_second(PER_SECOND).to_string();
    let config = config.replace("deny-response = \"drop\"", "deny-response = \"forbidden\"");
    let agent = Agent::start(&network, &config)?;
    for number in 1..=3_usize {
        assert_eq!(outcome(&stranger, "198.51.100.66")?, Outcome::Refused);
        let seen = so_many_events(&agent, number)?;
        assert_eq!(seen.len(), number);
        let event = without_time(seen.into_iter().next_back().context("an event")?)?;
        assert_eq!(
            event,
            json!({"registry": REGISTRY, "source": "198.51.100.66", "tag": 0, "endpoint": "203.0.113.10:443",
                "interface": "to-stranger", "layer": "xdp", "reason": "NoRule", "response": "reset"})
        );
    }
    // Admitted ones and those beyond the source's budget of 20 a second are told or counted alike.
    let injector = stranger.injector()?;
    let syn = (Ethernet::default() / Ipv4::from("198.51.100.66") / Tcp::syn(443)).bytes();
    for _ in 0..100 {
        injector.send(&syn)?;
    }
    let count = || -> Result<u64> {
        let number = |event: &Value| event["leftOut"].as_u64().unwrap_or(1);
        Ok(events(&agent, &[])?.iter().map(number).sum())
    };
    eventually("every SYN is told, or among those left out", || Ok(count()? >= 103))?;
    assert_eq!(count()?, 103, "none is counted twice");
    Ok(())
}
