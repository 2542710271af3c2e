//! Protection belongs to the kernel: it outlives the agent, and follows interfaces that come and go.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::net::{
    Agent, Client, GuardConfig, Listener, Network, Outcome, PassProgram, Ran, Traffic, Visitor, address, eventually,
    run,
};

/// Shorter than the second after which a SYN is sent again.
const ONE_SYN: Duration = Duration::from_millis(900);
const MINUTE: Duration = Duration::from_mins(1);

const REGISTRY: &str = GuardConfig::REGISTRY;

fn registry() -> SocketAddr {
    (Network::REGISTRY_V4, 443).into()
}

fn listener(network: &Network) -> Result<Listener> {
    Listener::start(network.host(), "[::]:443".parse()?)
}

fn allow(agent: &Agent, ip: &str) -> Result<()> {
    agent.json(["network-rule", "add", "-n", REGISTRY, "--ip-address", ip]).map(drop)
}

fn outcome(client: &Client, source: &str) -> Result<Outcome> {
    Ok(client.connect(address(source), registry(), ONE_SYN)?.outcome)
}

/// 198.51.100.7 is served, 198.51.100.66 is not.
fn expect_guarded(client: &Client, when: &str) -> Result<()> {
    assert_eq!(outcome(client, "198.51.100.7")?, Outcome::Connected, "the allowed one {when}");
    assert_eq!(outcome(client, "198.51.100.66")?, Outcome::Refused, "the denied one {when}");
    Ok(())
}

/// One client with both addresses, and an agent that allows the first and resets the others.
fn guarded(network: &mut Network) -> Result<(Client, Agent)> {
    let client = network.client("office", &["198.51.100.7", "198.51.100.66"])?;
    let agent = Agent::start(network, &GuardConfig::of(network).reset().to_string())?;
    allow(&agent, "198.51.100.7")?;
    Ok((client, agent))
}

fn code(ran: &Ran) -> Option<i32> {
    ran.status.and_then(|status| status.code())
}

/// What `status` says about an interface.
fn interface(agent: &Agent, name: &str) -> Result<Value> {
    let status = agent.json(["status"])?;
    let found = status["interfaces"].as_array().into_iter().flatten().find(|one| one["name"] == name);
    found.cloned().with_context(|| format!("no interface {name} in {status}"))
}

#[test]
fn a_stopped_or_killed_agent_leaves_the_guard_standing() -> Result<()> {
    let mut network = Network::new()?;
    let (client, mut agent) = guarded(&mut network)?;
    let _listener = listener(&network)?;
    expect_guarded(&client, "while the agent runs")?;
    for round in 0..2 {
        ensure!(agent.stop()?.success(), "SIGTERM is no failure");
        expect_guarded(&client, &format!("after stop {round}"))?;
        agent.run()?;
        expect_guarded(&client, &format!("after start {round}"))?;
        agent.kill9()?;
        expect_guarded(&client, &format!("after kill {round}"))?;
        agent.run()?;
        expect_guarded(&client, &format!("after start from the dead {round}"))?;
    }
    assert_eq!(agent.json(["status"])?["state"], "ENFORCING");
    Ok(())
}

#[test]
fn restarts_are_seen_by_nobody_under_traffic() -> Result<()> {
    let mut network = Network::new()?;
    let allowed = network.client("allowed", &["198.51.100.7"])?;
    let denied = network.client("denied", &["198.51.100.66"])?;
    let listener = listener(&network)?;
    let mut agent = Agent::start(&network, &GuardConfig::of(&network).reset().to_string())?;
    allow(&agent, "198.51.100.7")?;
    let limit = MINUTE;
    let served = Traffic::start(&allowed, address("198.51.100.7"), registry(), limit)?;
    let refused = Traffic::start(&denied, address("198.51.100.66"), registry(), limit)?;
    for _ in 0..5 {
        agent.kill9()?;
        agent.run()?;
        agent.restart()?;
        listener.forget();
    }
    let (before, first) = (served.so_far().connected, refused.so_far().refused);
    eventually("both go on", || Ok(served.so_far().connected > before && refused.so_far().refused > first))?;
    let (served, refused) = (served.stop()?, refused.stop()?);
    println!("over 10 restarts, allowed: {served:?}, denied: {refused:?}");
    assert_eq!((served.failed(), refused.connected), (0, 0), "{served:?} {refused:?}");
    ensure!(served.connected > 100 && refused.refused > 100, "there was little traffic: {served:?} {refused:?}");
    Ok(())
}

#[test]
fn counters_and_hits_outlive_the_agent() -> Result<()> {
    let mut network = Network::new()?;
    let (client, mut agent) = guarded(&mut network)?;
    let _listener = listener(&network)?;
    for _ in 0..3 {
        expect_guarded(&client, "at first")?;
    }
    agent.kill9()?;
    expect_guarded(&client, "while nobody looks")?;
    agent.run()?;
    agent.restart()?;
    assert_eq!((agent.counter(REGISTRY, "IpRule")?, agent.counter(REGISTRY, "NoRule")?), (4, 4));
    let rules = agent.json(["network-rule", "list", "-n", REGISTRY, "--hits"])?;
    assert_eq!(rules["ipRules"][0]["hits"], 4, "{rules}");
    expect_guarded(&client, "in the end")?;
    assert_eq!((agent.counter(REGISTRY, "IpRule")?, agent.counter(REGISTRY, "NoRule")?), (5, 5));
    Ok(())
}

#[test]
fn detach_opens_and_says_so() -> Result<()> {
    let mut network = Network::new()?;
    let (client, mut agent) = guarded(&mut network)?;
    let _listener = listener(&network)?;
    expect_guarded(&client, "before")?;
    let before = agent.json(["show", "-n", REGISTRY])?;
    assert_eq!(agent.json(["detach"])?["detached"], json!(["to-office"]));
    assert_eq!(outcome(&client, "198.51.100.66")?, Outcome::Connected);
    let status = agent.json(["status"])?;
    assert_eq!(status["state"], "OPEN", "{status}");
    let check = agent.json(["check", "-n", REGISTRY, "--source", "198.51.100.66"])?;
    ensure!(check["message"].as_str().is_some_and(|text| text.contains("nothing is enforced")), "{check}");
    let change = agent.cli(["network-rule", "add", "-n", REGISTRY, "--ip-address", "198.51.100.8"])?;
    assert_eq!(code(&change), Some(1), "a change could not be enforced");
    ensure!(change.stderr.contains("detached"), "{}", change.stderr);
    // It stays open for as long as this agent runs, whatever happens to links.
    network.host().ip("link add other type veth peer name another\nlink set other up\nlink del other")?;
    assert_eq!(outcome(&client, "198.51.100.66")?, Outcome::Connected);

    agent.restart()?;
    expect_guarded(&client, "after a new start")?;
    assert_eq!(agent.json(["show", "-n", REGISTRY])?, before, "the rules were kept");
    Ok(())
}

#[test]
fn detach_without_an_agent_opens_through_the_pins() -> Result<()> {
    let mut network = Network::new()?;
    let (client, mut agent) = guarded(&mut network)?;
    let _listener = listener(&network)?;
    agent.kill9()?;
    expect_guarded(&client, "after the agent was killed")?;
    let ran = agent.cli(["detach"])?.expect_success()?;
    ensure!(ran.stdout.contains("to-office"), "{}", ran.stdout);
    ensure!(ran.stderr.contains("No agent answers"), "{}", ran.stderr);
    assert_eq!(outcome(&client, "198.51.100.66")?, Outcome::Connected);
    let again = agent.cli(["detach"])?.expect_success()?;
    ensure!(again.stderr.contains("nothing was attached"), "{}", again.stderr);
    agent.run()?;
    expect_guarded(&client, "after a new start")
}

/// Runs a command that starts an agent and must end by itself.
fn fails_to_start(command: &mut std::process::Command, words: &[&str]) -> Result<()> {
    let ran = run(command, MINUTE)?;
    assert_eq!(code(&ran), Some(1), "{}", ran.stderr);
    for word in words {
        ensure!(ran.stderr.contains(word), "`{word}` is not in: {}", ran.stderr);
    }
    Ok(())
}

#[test]
fn a_second_agent_on_the_same_pins_does_not_start_and_the_first_is_unharmed() -> Result<()> {
    let mut network = Network::new()?;
    let (client, agent) = guarded(&mut network)?;
    let _listener = listener(&network)?;
    let config = GuardConfig::of(&network).reset().to_string();
    let second = Agent::prepare(&network, "second", &config)?;
    let kernel = agent.kernel_tables()?;
    let pins = agent.pins().display().to_string();
    fails_to_start(&mut second.cli_command(["run", "--pins", &pins]), &[&pins, "another agent", "--pins"])?;
    fails_to_start(&mut agent.run_command(), &[&pins, "another agent"])?;
    assert_eq!(agent.kernel_tables()?, kernel);
    assert_eq!(agent.json(["status"])?["state"], "ENFORCING");
    expect_guarded(&client, "after the second agent")?;
    allow(&agent, "198.51.100.66")?;
    assert_eq!(outcome(&client, "198.51.100.66")?, Outcome::Connected, "the first still makes changes");
    Ok(())
}

#[test]
fn an_interface_of_another_xdp_program_is_left_to_it() -> Result<()> {
    let mut network = Network::new()?;
    let (client, agent) = guarded(&mut network)?;
    let _listener = listener(&network)?;
    // The program of another agent is as foreign as any.
    let second = Agent::prepare(&network, "second", &GuardConfig::of(&network).to_string())?;
    let link = |network: &Network| -> Result<String> {
        let ip = network.host().command("ip").args(["-json", "-details", "link", "show", "to-office"]).output()?;
        let shown: Value = serde_json::from_slice(&ip.stdout)?;
        Ok(shown[0]["xdp"].to_string())
    };
    let before = link(&network)?;
    for mode in ["auto", "native", "generic"] {
        second.configure(&GuardConfig::of(&network).xdp_mode(mode).to_string())?;
        fails_to_start(
            &mut second.run_command(),
            &["\"to-office\"", "another XDP program", "registry-guard detach --pins"],
        )?;
    }
    assert_eq!(link(&network)?, before, "the program on it is the same");
    assert_eq!(agent.json(["status"])?["state"], "ENFORCING");
    expect_guarded(&client, "after the second agent")
}

#[test]
fn a_busy_interface_that_may_be_absent_does_not_keep_the_others_unguarded() -> Result<()> {
    let mut network = Network::new()?;
    let _office = network.client("office", &["203.0.113.66"])?;
    let _listener = listener(&network)?;
    let _other = PassProgram::attach(network.host(), "to-office")?;
    let visitor = Visitor::new(&network)?;
    visitor.plug(&network, "port0")?;
    let agent = Agent::start(&network, &GuardConfig::on(&["port0"]).hotplug("to-office").to_string())?;
    allow(&agent, "198.51.100.7")?;
    let status = agent.json(["status"])?;
    assert_eq!(status["state"], "DEGRADED", "{status}");
    assert!(status["problems"].to_string().contains("to-office"), "{status}");
    visitor.expect_guarded("beside it")
}

/// Waits until the interface is there and guarded.
fn wait_until_guarded(agent: &Agent, name: &str) -> Result<()> {
    eventually(&format!("{name} is guarded"), || Ok(interface(agent, name)?["enforcing"] == true))
}

#[test]
fn an_interface_that_goes_and_comes_back_is_guarded_again() -> Result<()> {
    let network = Network::new()?;
    let visitor = Visitor::new(&network)?;
    let _listener = listener(&network)?;
    visitor.plug(&network, "port0")?;
    let agent = Agent::start(&network, &GuardConfig::on(&["port0"]).to_string())?;
    allow(&agent, "198.51.100.7")?;
    visitor.expect_guarded("at first")?;
    for round in 0..3 {
        let index = interface(&agent, "port0")?["ifindex"].clone();
        network.host().ip("link del port0")?;
        let gone = agent.json(["status"])?;
        assert_eq!(gone["state"], "DEGRADED", "the second layer still stands");
        ensure!(gone["problems"].to_string().contains("port0: the interface does not exist"), "{gone}");
        visitor.plug(&network, "port0")?;
        wait_until_guarded(&agent, "port0")?;
        assert_ne!(interface(&agent, "port0")?["ifindex"], index, "it is another interface");
        visitor.expect_guarded(&format!("after coming back in round {round}"))?;
        assert_eq!(agent.json(["status"])?["state"], "ENFORCING");
    }
    Ok(())
}

#[test]
fn a_hotplug_interface_is_guarded_once_it_appears() -> Result<()> {
    let mut network = Network::new()?;
    let office = network.client("office", &["203.0.113.77"])?;
    let visitor = Visitor::new(&network)?;
    let _listener = listener(&network)?;
    let mut agent = Agent::start(&network, &GuardConfig::of(&network).hotplug("port0").to_string())?;
    allow(&agent, "198.51.100.7")?;
    let absent = interface(&agent, "port0")?;
    assert_eq!((&absent["hotplug"], &absent["enforcing"]), (&json!(true), &json!(false)));
    assert_eq!(agent.json(["status"])?["state"], "ENFORCING", "its absence is no problem");
    visitor.plug(&network, "port0")?;
    wait_until_guarded(&agent, "port0")?;
    visitor.expect_guarded("after it was plugged in")?;
    agent.kill9()?;
    visitor.expect_guarded("after the agent was killed")?;
    agent.run()?;
    network.host().ip("link del port0")?;
    eventually("its absence is no problem again", || {
        let gone = interface(&agent, "port0")?["enforcing"] == false;
        Ok(gone && agent.json(["status"])?["state"] == "ENFORCING")
    })?;
    assert_eq!(outcome(&office, "203.0.113.77")?, Outcome::TimedOut, "the other interface is guarded all along");
    Ok(())
}

#[test]
fn an_interface_that_is_not_there_yet_is_a_problem_and_no_reason_not_to_start() -> Result<()> {
    let mut network = Network::new()?;
    let office = network.client("office", &["203.0.113.66"])?;
    let visitor = Visitor::new(&network)?;
    let _listener = listener(&network)?;
    // As at boot, where the agent comes before every interface.
    let agent = Agent::start(&network, &GuardConfig::on(&["port0"]).to_string())?;
    allow(&agent, "198.51.100.7")?;
    let status = agent.json(["status"])?;
    assert_eq!(status["state"], "DEGRADED", "{status}");
    ensure!(status["problems"].to_string().contains("port0: the interface does not exist"), "{status}");
    ensure!(agent.log().contains("\"port0\" does not exist yet"), "{}", agent.log());
    assert_ne!(outcome(&office, "203.0.113.66")?, Outcome::Connected, "the second layer stands already");
    visitor.plug(&network, "port0")?;
    wait_until_guarded(&agent, "port0")?;
    visitor.expect_guarded("as soon as it was there")?;
    assert_eq!(agent.json(["status"])?["state"], "ENFORCING");
    Ok(())
}

#[test]
fn a_renamed_interface_stays_guarded_and_a_new_name_is_noticed() -> Result<()> {
    let network = Network::new()?;
    let visitor = Visitor::new(&network)?;
    let _listener = listener(&network)?;
    let rename = |from, to| visitor.rename(&network, from, to);
    visitor.plug(&network, "port0")?;
    let agent = Agent::start(&network, &GuardConfig::on(&["port0"]).to_string())?;
    allow(&agent, "198.51.100.7")?;
    rename("port0", "spare0")?;
    visitor.expect_guarded("under a name that nobody guards")?;
    eventually("the status tells that port0 is missing", || {
        Ok(agent.json(["status"])?["problems"].to_string().contains("port0: the interface does not exist"))
    })?;
    let status = agent.json(["status"])?;
    let spare = status["interfaces"].as_array().into_iter().flatten().find(|one| one["name"] == "spare0");
    assert_eq!(spare.map(|one| &one["enforcing"]), Some(&true.into()), "it is still guarded, and told: {status}");
    assert_eq!(status["state"], "DEGRADED");
    visitor.expect_guarded("after the agent has noticed")?;

    rename("spare0", "port0")?;
    wait_until_guarded(&agent, "port0")?;
    visitor.expect_guarded("under its own name again")?;

    // Another interface takes the name.
    network.host().ip("link del port0")?;
    visitor.plug(&network, "spare0")?;
    rename("spare0", "port0")?;
    wait_until_guarded(&agent, "port0")?;
    visitor.expect_guarded("on the interface that took the name")
}

/// As at boot, where the network comes up while the agent has the kernel look at its programs.
#[test]
fn an_interface_that_comes_while_the_agent_starts_is_no_reason_to_stop() -> Result<()> {
    let network = Network::new()?;
    let visitor = Visitor::new(&network)?;
    let _listener = listener(&network)?;
    let mut agent = Agent::prepare(&network, "agent", &GuardConfig::on(&["port0"]).to_string())?;
    let log = network.folder().join("agent/log");
    thread::scope(|scope| {
        let plugged = scope.spawn(|| {
            let looked = || std::fs::read_to_string(&log).is_ok_and(|log| log.contains("\"port0\" does not exist yet"));
            eventually("the agent has looked for port0", || Ok(looked()))?;
            visitor.plug(&network, "port0")
        });
        agent.run()?;
        plugged.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    allow(&agent, "198.51.100.7")?;
    wait_until_guarded(&agent, "port0")?;
    visitor.expect_guarded("by the program on it")
}

/// Puts the visitor's end at the host into a bridge, which cannot run the program in a driver.
fn bridge(network: &Network, visitor: &Visitor) -> Result<()> {
    network.host().ip(&format!(
        "link add bridge0 type bridge\nlink add port0 type veth peer name eth0 netns {}\n\
         link set port0 master bridge0\nlink set port0 up\nlink set bridge0 up",
        visitor.namespace().name()
    ))?;
    visitor.routes(network, "bridge0")?;
    // The bridge learns only now that it has a port that is up.
    eventually("the bridge forwards", || Ok(visitor.outcome("198.51.100.7")? == Outcome::Connected))
}

#[test]
fn where_the_driver_refuses_the_generic_path_guards_and_is_loudly_reported() -> Result<()> {
    let network = Network::new()?;
    let visitor = Visitor::new(&network)?;
    let _listener = listener(&network)?;
    bridge(&network, &visitor)?;
    let mut agent = Agent::start(&network, &GuardConfig::on(&["bridge0"]).to_string())?;
    allow(&agent, "198.51.100.7")?;
    let status = interface(&agent, "bridge0")?;
    assert_eq!((&status["mode"], &status["enforcing"]), (&json!("generic"), &json!(true)), "{status}");
    ensure!(status["note"].as_str().is_some_and(|note| note.contains("native mode was refused")), "{status}");
    let log = agent.log();
    let warned = log.lines().any(|line| line.contains(" WARN ") && line.contains("SLOW") && line.contains("bridge0"));
    ensure!(warned, "{log}");
    visitor.expect_guarded("in generic mode")?;
    agent.restart()?;
    assert_eq!(interface(&agent, "bridge0")?["mode"], "generic");
    ensure!(interface(&agent, "bridge0")?["note"].is_string(), "it is still worth a note");
    visitor.expect_guarded("after a restart")
}

#[test]
fn native_mode_that_is_demanded_and_refused_is_a_reason_not_to_start() -> Result<()> {
    let network = Network::new()?;
    let visitor = Visitor::new(&network)?;
    let _listener = listener(&network)?;
    bridge(&network, &visitor)?;
    let config = GuardConfig::on(&["bridge0"]).xdp_mode("native").to_string();
    let agent = Agent::prepare(&network, "agent", &config)?;
    fails_to_start(&mut agent.run_command(), &["bridge0", "cannot guard every interface"])?;
    assert_eq!(visitor.outcome("198.51.100.66")?, Outcome::Connected, "and nothing is half guarded");
    Ok(())
}

#[test]
fn generic_mode_that_is_asked_for_is_used() -> Result<()> {
    let mut network = Network::new()?;
    let client = network.client("office", &["198.51.100.7", "198.51.100.66"])?;
    let _listener = listener(&network)?;
    let config = GuardConfig::of(&network).reset().xdp_mode("generic");
    let agent = Agent::start(&network, &config.to_string())?;
    allow(&agent, "198.51.100.7")?;
    assert_eq!(interface(&agent, "to-office")?["mode"], "generic");
    expect_guarded(&client, "in generic mode")
}
