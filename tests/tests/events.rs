//! The denied log: one line for each denial, as a list and as it happens, and the number of those that were left out.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tests::net::{
    Agent, Client, Curl, Daemon, DockerRegistry, GuardConfig, Http, Listener, Network, Outcome, Responder, address,
    eventually,
};
use tests::packet::{Ethernet, Ipv4, Tcp, Udp};

/// Shorter than the second after which a SYN is sent again.
const ONE_SYN: Duration = Duration::from_millis(900);

/// For what is answered at once.
const PATIENCE: Duration = Duration::from_secs(20);

const REGISTRY: &str = GuardConfig::REGISTRY;

fn registry_of(source: &str) -> SocketAddr {
    match address(source) {
        IpAddr::V4(_) => (Network::REGISTRY_V4, 443).into(),
        IpAddr::V6(_) => (Network::REGISTRY_V6, 443).into(),
    }
}

/// Has a connection dropped. A machine that is busy may send a second SYN, which is a second denial.
fn drop_one(client: &Client, source: &str) -> Result<()> {
    assert_eq!(client.connect(address(source), registry_of(source), ONE_SYN)?.outcome, Outcome::TimedOut, "{source}");
    Ok(())
}

/// Has a connection refused, perhaps a second SYN of it.
fn refuse_one(client: &Client, source: &str) -> Result<()> {
    let attempt = client.connect(address(source), registry_of(source), PATIENCE)?;
    assert_eq!(attempt.outcome, Outcome::Refused, "{source}");
    Ok(())
}

/// What `events` prints.
fn events(agent: &Agent, flags: &[&str]) -> Result<Vec<Value>> {
    let events = agent.json(["events"].iter().chain(flags))?;
    events.as_array().cloned().context("no list")
}

/// The events once one of them tells of `source`. Events come in the order of the packets, so all before it are there too.
fn events_up_to(agent: &Agent, source: &str) -> Result<Vec<Value>> {
    let mut seen = Vec::new();
    eventually(&format!("an event tells of {source}"), || {
        seen = events(agent, &[])?;
        Ok(seen.iter().any(|event| event["source"] == source))
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
            refuse_one(client, source)?;
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
        drop_one(&stranger, source)?;
    }
    app.connect(address("10.1.0.4"), registry_of("10.1.0.4"), ONE_SYN)?;
    let seen = events_up_to(&agent, "10.1.0.4")?;
    let denied = || Ok::<_, anyhow::Error>(agent.counter(REGISTRY, "DenyRule")? + agent.counter(REGISTRY, "NoRule")?);
    assert_eq!(seen.len() as u64, denied()?, "one event for each SYN");
    let mut seen = seen.into_iter().map(without_time).collect::<Result<Vec<_>>>()?;
    seen.dedup();
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
    Ok(())
}

#[test]
fn a_reset_is_told_as_such_in_every_format() -> Result<()> {
    let mut network = Network::new()?;
    let stranger = network.client("stranger", &["198.51.100.66"])?;
    let agent = Agent::start(&network, &GuardConfig::of(&network).reset().to_string())?;
    refuse_one(&stranger, "198.51.100.66")?;
    assert_eq!(events_up_to(&agent, "198.51.100.66")?[0]["response"], "reset");
    let print = |format: &str| Ok::<_, anyhow::Error>(agent.cli(["events", "-o", format])?.expect_success()?.stdout);
    let table = print("table")?;
    assert!(table.starts_with("TIME ") && table.contains("  198.51.100.66  0    203.0.113.10:443  xdp"), "{table}");
    assert!(print("tsv")?.lines().all(|row| row.split('\t').count() == 14));
    assert!(print("yaml")?.starts_with("- endpoint: 203.0.113.10:443\n"));
    assert_eq!(print("none")?, "");
    let sources = agent.cli(["events", "--query", "[?response=='reset'].source", "-o", "tsv"])?.expect_success()?;
    assert!(sources.stdout.lines().all(|source| source == "198.51.100.66") && !sources.stdout.is_empty());
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
    refuse_one(&stranger, "198.51.100.67")?;
    let other =
        events_up_to(&agent, "198.51.100.67")?.iter().filter(|event| event["source"] == "198.51.100.67").count();
    for follower in [&json, &table, &tsv] {
        eventually("the other source is told of too", || {
            Ok(follower.lines().iter().filter(|line| line.contains("198.51.100.67")).count() == other)
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
        stranger.connect(address("198.51.100.66"), (Network::REGISTRY_V4, port).into(), PATIENCE)?;
    }
    for (name, registry) in [(REGISTRY, REGISTRY), ("Fabrikam", "fabrikam")] {
        let mut own = Vec::new();
        // The client sends another SYN if the answer to the first is late, so the count may still grow.
        eventually("each denial is told", || {
            own = events(&agent, &["--name", name])?;
            Ok(!own.is_empty() && own.len() as u64 == agent.counter(registry, "NoRule")?)
        })?;
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
    refuse_one(&stranger, "198.51.100.67")?;
    let seen = events_up_to(&agent, "198.51.100.67")?;
    assert!(seen.iter().all(|event| event["source"] == "198.51.100.67"), "{seen:?}");
    assert_eq!(agent.counter(REGISTRY, "NoRule")?, seen.len() as u64);
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
    refuse_one(&stranger, "198.51.100.66")?;
    let seen = events_up_to(&agent, "198.51.100.66")?;
    assert_eq!(seen.len() as u64, agent.counter(REGISTRY, "NoRule")?, "once for each SYN");
    assert_eq!(
        without_time(seen.into_iter().next_back().context("an event")?)?,
        json!({"registry": REGISTRY, "source": "198.51.100.66", "tag": 0, "endpoint": "203.0.113.10:443",
            "interface": "to-stranger", "layer": "xdp", "reason": "NoRule", "response": "reset"})
    );
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
    eventually("every SYN is told, or among those left out", || Ok(count()? > 100))?;
    assert_eq!(count()?, agent.counter(REGISTRY, "NoRule")?, "none is counted twice");
    Ok(())
}

#[test]
fn an_answer_of_the_responder_is_one_event_with_the_correlation_id_that_the_client_got() -> Result<()> {
    const PER_SECOND: u32 = 5;
    const DATAGRAMS: u64 = 200;
    let mut network = Network::new()?;
    let stranger = network.client("stranger", &["198.51.100.66"])?;
    let registry = DockerRegistry::start_with_login(&network)?;
    let config = GuardConfig::of(&network).forbidden(registry.certificate()).events_per_second(PER_SECOND);
    let agent = Agent::start(&network, &config.to_string())?;
    let mut responder = Responder::start(&agent)?;
    let curl = Curl { client: &stranger, certificate: registry.certificate() };
    let mut id = String::new();
    eventually("the responder answers", || {
        let shown = curl.show("/v2/", Http::One, PATIENCE)?;
        let line =
            shown.stdout.lines().find(|line| line.to_ascii_lowercase().starts_with("x-ms-correlation-request-id:"));
        id = line.and_then(|line| line.split_once(": ")).map(|(_, id)| id.trim().to_owned()).unwrap_or_default();
        Ok(!id.is_empty())
    })?;
    let told =
        || Ok::<_, anyhow::Error>(events(&agent, &[])?.into_iter().filter(|one| one["correlationId"] == id.as_str()));
    eventually("the answer is told", || Ok(told()?.count() > 0))?;
    let [mut event] = <[Value; 1]>::try_from(told()?.collect::<Vec<_>>()).map_err(|all| anyhow!("{all:?}"))?;
    let port = event.as_object_mut().and_then(|event| event.remove("sourcePort")).and_then(|port| port.as_u64());
    assert!(port.is_some_and(|port| port > 1024), "{port:?}");
    assert_eq!(
        without_time(event)?,
        json!({"registry": REGISTRY, "source": "198.51.100.66", "tag": 0, "endpoint": "203.0.113.10:443",
            "interface": "to-stranger", "layer": "socket", "reason": "NoRule", "response": "forbidden",
            "correlationId": id})
    );

    // Spoofed SYNs that the NIC admits never become a connection: they are not told, and not left out either. Whatever was
    // left out before the datagrams is told with them at the latest.
    let injector = stranger.injector()?;
    for _ in 0..10 {
        injector.send(&(Ethernet::default() / Ipv4::from("198.51.100.99") / Tcp::syn(443)).bytes())?;
    }
    for _ in 0..DATAGRAMS {
        injector.send(&(Ethernet::default() / Ipv4::from("198.51.100.98") / Udp::to(443)).bytes())?;
    }
    let count = || -> Result<u64> {
        let number = |event: &Value| match event["source"].as_str() {
            Some(source) => u64::from(source == "198.51.100.98"),
            None => event["leftOut"].as_u64().unwrap_or_default(),
        };
        Ok(events(&agent, &[])?.iter().map(number).sum())
    };
    eventually("every datagram is told, or among those left out", || Ok(count()? >= DATAGRAMS))?;
    assert_eq!(count()?, DATAGRAMS);
    assert!(events(&agent, &[])?.iter().all(|event| event["source"] != "198.51.100.99"));

    responder.stop()?;
    eventually("nobody explains any more", || {
        Ok(stranger.connect(address("198.51.100.66"), registry_of("198.51.100.66"), PATIENCE)?.outcome
            == Outcome::Refused)
    })?;
    eventually("the refusal is told by the NIC", || {
        refuse_one(&stranger, "198.51.100.66")?;
        Ok(events(&agent, &[])?.iter().any(|event| event["layer"] == "xdp" && event["response"] == "reset"))
    })
}
