//! The next agent takes over in the same process: nobody notices, and what is refused changes nothing.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tests::net::{
    Agent, Authority, Certificate, Client, GuardConfig, Listener, Network, Outcome, Process, Responder, Traffic,
    address, eventually,
};

/// Shorter than the second after which a SYN is sent again.
const ONE_SYN: Duration = Duration::from_millis(900);
const MINUTE: Duration = Duration::from_mins(1);
const RELOADS: usize = 20;

const REGISTRY: &str = GuardConfig::REGISTRY;
const ALLOWED: &str = "198.51.100.7";
const DENIED: &str = "198.51.100.66";

fn registry() -> SocketAddr {
    (Network::REGISTRY_V4, 443).into()
}

fn allow(agent: &Agent, ip: &str) -> Result<()> {
    agent.json(["network-rule", "add", "-n", REGISTRY, "--ip-address", ip]).map(drop)
}

fn certificate(network: &Network) -> Result<Certificate> {
    let authority = Authority::make(&network.folder().join("trust"))?;
    authority.issue(&network.folder().join("certificate"))
}

fn outcome(client: &Client, source: &str) -> Result<Outcome> {
    Ok(client.connect(address(source), registry(), ONE_SYN)?.outcome)
}

fn instance(agent: &Agent) -> Result<Value> {
    Ok(agent.json(["status"])?["instance"].clone())
}

#[test]
fn reloads_are_seen_by_nobody_under_traffic() -> Result<()> {
    let mut network = Network::new()?;
    let allowed = network.client("allowed", &[ALLOWED])?;
    let denied = network.client("denied", &[DENIED])?;
    let listener = Listener::start(network.host(), "[::]:443".parse()?)?;
    let config = GuardConfig::of(&network).forbidden(&certificate(&network)?);
    let agent = Agent::start(&network, &config.to_string())?;
    let _responder = Responder::start(&agent)?;
    allow(&agent, ALLOWED)?;
    eventually("the responder answers", || Ok(outcome(&denied, DENIED)? == Outcome::Connected))?;
    let pid = agent.pid().context("it runs")?;
    let process = Process::of(pid);
    let descriptors = process.descriptors()?;

    // The responder takes the denied ones, so that none is refused, dropped or served.
    let served = Traffic::start(&allowed, address(ALLOWED), registry(), MINUTE)?;
    let told = Traffic::start(&denied, address(DENIED), registry(), MINUTE)?;
    let over = AtomicBool::new(false);
    let asked = thread::scope(|scope| -> Result<usize> {
        // Commands that come meanwhile wait.
        let asking = scope.spawn(|| -> Result<usize> {
            let mut asked = 0;
            while !over.load(Ordering::Relaxed) {
                agent.json(["list"])?;
                asked += 1;
                thread::sleep(Duration::from_millis(20));
            }
            Ok(asked)
        });
        let reloaded = (|| {
            let mut before = instance(&agent)?;
            for _ in 0..RELOADS {
                let status = agent.json(["reload"])?;
                assert_eq!(
                    status["problems"].as_array().map(Vec::len),
                    Some(usize::from(status["state"] != "ENFORCING"))
                );
                assert_ne!(status["instance"], before, "another agent answers");
                before = status["instance"].clone();
                assert_eq!(listener.visits_from(address(DENIED)), 0, "a denied one was served");
                listener.forget();
            }
            Ok(())
        })();
        over.store(true, Ordering::Relaxed);
        let asked = asking.join().map_err(|_| anyhow::anyhow!("who asks panicked"))?;
        reloaded.and(asked)
    })?;
    let (served, told) = (served.stop()?, told.stop()?);
    println!("over {RELOADS} reloads, allowed: {served:?}, denied and told so: {told:?}, commands answered: {asked}");
    assert_eq!((served.failed(), told.failed()), (0, 0), "{served:?} {told:?}");
    ensure!(served.connected > 100 && told.connected > 100, "there was little traffic: {served:?} {told:?}");
    ensure!(process.descriptors().is_ok() && agent.pid() == Some(pid), "it is the same process");
    eventually("no descriptor is left over", || Ok(process.descriptors()? <= descriptors + 8))?;
    eventually("nothing is wrong", || Ok(agent.json(["status"])?["state"] == "ENFORCING"))
}

#[test]
fn a_reload_puts_in_force_what_config_says_now_and_says_so() -> Result<()> {
    let mut network = Network::new()?;
    let client = network.client("office", &[ALLOWED, DENIED])?;
    let agent = Agent::start(&network, &GuardConfig::of(&network).to_string())?;
    let _listener = Listener::start(network.host(), "[::]:443".parse()?)?;
    let _another = Listener::start(network.host(), "[::]:8443".parse()?)?;
    assert_eq!(outcome(&client, DENIED)?, Outcome::TimedOut, "dropped");
    let elsewhere = SocketAddr::from((Network::REGISTRY_V4, 8443));
    assert_eq!(client.connect(address(DENIED), elsewhere, ONE_SYN)?.outcome, Outcome::Connected, "not guarded yet");

    let config = GuardConfig::of(&network).reset().listen(&elsewhere.to_string());
    agent.configure(&config.to_string())?;
    let status = agent.json(["reload"])?;
    assert_eq!(status["registries"][0]["denyResponse"].as_str().map(|text| text.starts_with("reset")), Some(true));
    ensure!(status["registries"][0]["endpoints"].to_string().contains(":8443"), "{status}");
    assert_eq!(outcome(&client, DENIED)?, Outcome::Refused, "reset");
    assert_eq!(client.connect(address(DENIED), elsewhere, ONE_SYN)?.outcome, Outcome::Refused);

    // A signal does the same.
    let before = instance(&agent)?;
    agent.configure(&GuardConfig::of(&network).listen(&elsewhere.to_string()).to_string())?;
    kill(Pid::from_raw(agent.pid().context("it runs")?.cast_signed()), Signal::SIGHUP)?;
    eventually("another agent has taken over", || Ok(instance(&agent)? != before))?;
    assert_eq!(outcome(&client, DENIED)?, Outcome::TimedOut, "dropped again");
    Ok(())
}

#[test]
fn what_is_refused_changes_nothing_and_is_named() -> Result<()> {
    let mut network = Network::new()?;
    let client = network.client("office", &[ALLOWED, DENIED])?;
    let mut agent = Agent::prepare(&network, "agent", &GuardConfig::of(&network).reset().to_string())?;
    let program = network.folder().join("registry-guard");
    fs::copy(agent.program(), &program)?;
    agent.install(&program);
    agent.run()?;
    let _listener = Listener::start(network.host(), "[::]:443".parse()?)?;
    allow(&agent, ALLOWED)?;
    let standing = |agent: &Agent| -> Result<Value> {
        let status = agent.json(["status"])?;
        Ok(json!([status["instance"], status["state"], status["revision"], status["registries"][0]["denyResponse"]]))
    };
    let (before, good) = (standing(&agent)?, fs::read_to_string(agent.config())?);
    let as_before = |agent: &Agent, why: &str| -> Result<()> {
        assert_eq!(standing(agent)?, before, "{why}");
        assert_eq!(outcome(&client, ALLOWED)?, Outcome::Connected, "{why}");
        assert_eq!(outcome(&client, DENIED)?, Outcome::Refused, "{why}");
        Ok(())
    };
    let refused = |agent: &Agent, words: &[&str]| -> Result<()> {
        let ran = agent.cli(["reload"])?;
        assert_eq!(ran.status.and_then(|status| status.code()), Some(1), "{}", ran.stdout);
        for word in words {
            ensure!(ran.stderr.contains(word), "{word} is not in {}", ran.stderr);
        }
        Ok(())
    };
    for (bad, words) in [
        (good.replace("\"reset\"", "\"teapot\""), ["registry.deny-response", "`teapot`", "stays in force"]),
        (good.replace("rules = 5000", "rules = 0"), ["limits.rules", "`0`", "stays in force"]),
        ("# Nothing.\n".to_owned(), ["interfaces, registry: missing", "a policy for contoso", "stays in force"]),
    ] {
        agent.configure(&bad)?;
        refused(&agent, &words)?;
        as_before(&agent, words[0])?;
    }
    agent.configure(&good)?;

    // What is installed under its name cannot take over; then the same as before can.
    fs::rename(&program, network.folder().join("before"))?;
    fs::write(&program, "#!/bin/sh\necho 'ERROR: this kernel is too old' >&2\nexit 1\n")?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    kill(Pid::from_raw(agent.pid().context("it runs")?.cast_signed()), Signal::SIGHUP)?;
    eventually("the refusal is logged", || Ok(agent.log().contains("this kernel is too old; what was in force")))?;
    fs::copy(network.folder().join("before"), network.folder().join("copy"))?;
    fs::rename(network.folder().join("copy"), &program)?;
    as_before(&agent, "the binary")?;
    let status = agent.json(["reload"])?;
    assert_eq!(status["state"], "ENFORCING", "{status}");
    Ok(())
}

#[test]
fn a_second_agent_is_refused_after_a_reload_as_before() -> Result<()> {
    let mut network = Network::new()?;
    let _client = network.client("office", &[ALLOWED])?;
    let agent = Agent::start(&network, &GuardConfig::of(&network).to_string())?;
    agent.json(["reload"])?;
    let ran = tests::net::run(&mut agent.run_command(), MINUTE)?;
    assert_eq!(ran.status.and_then(|status| status.code()), Some(1));
    ensure!(ran.stderr.contains("another agent"), "{}", ran.stderr);
    Ok(())
}
