//! The agent as a service: what it tells its manager, whom it runs as, and who may look at it.

use std::fs;
use std::net::SocketAddr;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{SockaddrStorage, getsockname, getsockopt, sockopt};
use nix::unistd::Pid;
use tests::net::{
    Agent, Authority, Client, GuardConfig, Listener, Network, Outcome, Process, Responder, ServiceManager, address,
    eventually, run,
};

/// Shorter than the second after which a SYN is sent again.
const ONE_SYN: Duration = Duration::from_millis(900);
const MINUTE: Duration = Duration::from_mins(1);

const REGISTRY: &str = GuardConfig::REGISTRY;
const ALLOWED: &str = "198.51.100.7";
const DENIED: &str = "198.51.100.66";

/// Nobody has these numbers on a Debian system (adduser.conf: users from 1000 on, Debian's own below 100 and from 60000 on).
const AGENT_USER: u32 = 990;
const STRANGER: u32 = 991;

/// The bits of `CAP_NET_ADMIN`, `CAP_PERFMON` and `CAP_BPF` (`linux/capability.h`).
const THREE_CAPABILITIES: u64 = 1 << 12 | 1 << 38 | 1 << 39;

fn outcome(client: &Client, source: &str) -> Result<Outcome> {
    let registry: SocketAddr = (Network::REGISTRY_V4, 443).into();
    Ok(client.connect(address(source), registry, ONE_SYN)?.outcome)
}

fn allow(agent: &Agent, ip: &str) -> Result<()> {
    agent.json(["network-rule", "add", "-n", REGISTRY, "--ip-address", ip]).map(drop)
}

fn signal(agent: &Agent, signal: Signal) -> Result<()> {
    Ok(kill(Pid::from_raw(agent.pid().context("it runs")?.cast_signed()), signal)?)
}

#[test]
fn the_service_manager_hears_of_ready_reloading_and_stopping_and_keeps_the_listening_sockets() -> Result<()> {
    let mut network = Network::new()?;
    let client = network.client("office", &[ALLOWED, DENIED])?;
    let authority = Authority::make(&network.folder().join("trust"))?;
    let certificate = authority.issue(&network.folder().join("certificate"))?;
    let config = GuardConfig::of(&network).forbidden(&certificate);
    let mut agent = Agent::prepare(&network, "agent", &config.to_string())?;
    let mut manager = ServiceManager::listen(network.folder())?;
    agent.environment("NOTIFY_SOCKET", manager.path());
    agent.run()?;
    let ready = manager.next(MINUTE, |told| told.says("READY=1"))?;
    let status = ready.value("STATUS").context("no STATUS")?;
    ensure!(status.contains(", revision 0"), "{status}");
    assert_eq!(outcome(&client, DENIED)?, Outcome::Refused, "there is no responder, and the second layer stands");

    let kept = manager.next(MINUTE, |told| told.says("FDSTORE=1"))?;
    let name = kept.value("FDNAME").context("no FDNAME")?.to_owned();
    ensure!(name.starts_with("denied-"), "{name}");
    let socket = &kept.descriptors[0];
    assert!(getsockopt(socket, sockopt::AcceptConn)?, "it listens");
    let address = getsockname::<SockaddrStorage>(socket.as_raw_fd())?;

    // What is left of the first agent.
    manager.count(Duration::from_secs(1), "")?;
    signal(&agent, Signal::SIGHUP)?;
    let reloading = manager.next(MINUTE, |told| told.says("RELOADING=1"))?;
    ensure!(reloading.value("MONOTONIC_USEC").is_some_and(|time| time.parse::<u64>().is_ok()), "{reloading:?}");
    manager.next(MINUTE, |told| told.says("READY=1"))?;
    // The next agent goes on with the very same socket.
    let again = manager.next(MINUTE, |told| told.says("FDSTORE=1") && told.value("FDNAME") == Some(name.as_str()))?;
    assert_eq!(getsockname::<SockaddrStorage>(again.descriptors[0].as_raw_fd())?, address);

    agent.stop()?;
    manager.next(MINUTE, |told| told.says("STOPPING=1"))?;
    Ok(())
}

#[test]
fn there_is_a_heartbeat_while_all_works_and_none_from_an_agent_that_stands_still_or_lost_its_maps() -> Result<()> {
    let mut network = Network::new()?;
    let client = network.client("office", &[ALLOWED, DENIED])?;
    let mut agent = Agent::prepare(&network, "agent", &GuardConfig::of(&network).reset().to_string())?;
    let mut manager = ServiceManager::listen(network.folder())?;
    agent.environment("NOTIFY_SOCKET", manager.path());
    agent.environment("WATCHDOG_USEC", "1000000");
    agent.run()?;
    let _listener = Listener::start(network.host(), "[::]:443".parse()?)?;
    allow(&agent, ALLOWED)?;
    for _ in 0..3 {
        manager.next(MINUTE, |told| told.says("WATCHDOG=1"))?;
    }

    signal(&agent, Signal::SIGSTOP)?;
    // What was sent before is read first.
    manager.count(Duration::from_secs(1), "WATCHDOG=1")?;
    let heard = manager.count(Duration::from_secs(3), "WATCHDOG=1")?;
    signal(&agent, Signal::SIGCONT)?;
    assert_eq!(heard, 0, "it stands still");
    manager.next(MINUTE, |told| told.says("WATCHDOG=1"))?;

    // Somebody takes a map's pin away: what is attached goes on, and the next agent would not find it.
    let map = fs::read_dir(agent.pins())?.flatten().map(|entry| entry.path().join("SETTINGS")).find(|map| map.exists());
    fs::remove_file(map.context("no map is pinned")?)?;
    eventually("it is noticed", || Ok(agent.log().contains("the pin of map SETTINGS is gone")))?;
    assert_eq!(manager.count(Duration::from_secs(3), "WATCHDOG=1")?, 0, "it is not as it should be");
    let guards = || -> Result<()> {
        assert_eq!(outcome(&client, ALLOWED)?, Outcome::Connected);
        assert_eq!(outcome(&client, DENIED)?, Outcome::Refused);
        Ok(())
    };
    guards()?;
    // As the service manager does then.
    agent.kill9()?;
    guards()?;
    agent.run()?;
    manager.next(MINUTE, |told| told.says("WATCHDOG=1"))?;
    guards()
}

#[test]
fn an_agent_of_another_user_needs_three_capabilities_and_no_more() -> Result<()> {
    let mut network = Network::new()?;
    let client = network.client("office", &[ALLOWED, DENIED])?;
    let authority = Authority::make(&network.folder().join("trust"))?;
    let certificate = authority.issue(&network.folder().join("certificate"))?;
    let config = GuardConfig::of(&network).forbidden(&certificate);
    let mut agent = Agent::prepare(&network, "agent", &config.to_string())?;
    for file in [certificate.chain(), certificate.key()] {
        std::os::unix::fs::chown(file, Some(AGENT_USER), None)?;
    }
    // It gives the responder's socket to the responder's group.
    agent.run_as(AGENT_USER, GuardConfig::RESPONDER_USER)?;
    agent.run()?;
    let process = Process::of(agent.pid().context("it runs")?);
    assert_eq!((process.user()?, process.capabilities()?), (AGENT_USER, THREE_CAPABILITIES));
    let listener = Listener::start(network.host(), "[::]:443".parse()?)?;
    allow(&agent, ALLOWED)?;
    assert_eq!(outcome(&client, ALLOWED)?, Outcome::Connected);
    let _responder = Responder::start(&agent)?;
    eventually("denied clients are told why", || Ok(outcome(&client, DENIED)? == Outcome::Connected))?;
    eventually("nothing is wrong", || {
        let status = agent.json(["status"])?;
        ensure!(status["problems"].as_array().is_some(), "{status}");
        Ok(status["state"] == "ENFORCING")
    })?;
    let check = agent.json(["check", "-n", REGISTRY, "--source", DENIED])?;
    assert_eq!(check["verdict"], "Deny", "{check}");
    // A rule that goes ends the connections that it let in: SOCK_DESTROY.
    let removed = agent.json(["network-rule", "remove", "-n", REGISTRY, "--ip-address", ALLOWED])?;
    ensure!(removed["destroyedConnections"].as_u64() >= Some(1), "{removed}");
    assert_eq!(listener.visits_from(address(DENIED)), 0, "no denied one was ever served");
    let status = agent.json(["reload"])?;
    assert_eq!(status["state"], "ENFORCING", "{status}");
    assert_eq!((process.user()?, process.capabilities()?), (AGENT_USER, THREE_CAPABILITIES), "after a reload, too");
    agent.restart()?;
    assert_eq!(agent.json(["list"])?[0]["name"], REGISTRY);
    Ok(())
}

#[test]
fn readers_may_look_and_change_nothing() -> Result<()> {
    let mut network = Network::new()?;
    let _client = network.client("office", &[ALLOWED])?;
    let config = format!("{}[socket]\nreaders = \"nogroup\"\n", GuardConfig::of(&network));
    let agent = Agent::start(&network, &config)?;
    allow(&agent, ALLOWED)?;
    let socket = fs::metadata(agent.socket())?;
    assert_eq!((socket.mode() & 0o777, socket.uid()), (0o660, 0));
    let as_user = |groups: &str, arguments: &[&str]| -> Result<(Option<i32>, String)> {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", &STRANGER.to_string(), "--regid", &STRANGER.to_string(), "--groups", groups]);
        command.args(["--inh-caps", "-all", "--bounding-set", "-all"]).arg(agent.program()).args(arguments);
        let ran = run(command.env("REGISTRY_GUARD_SOCKET", agent.socket()), MINUTE)?;
        Ok((ran.status.and_then(|status| status.code()), ran.stdout + &ran.stderr))
    };
    let (reader, stranger) = (socket.gid().to_string(), STRANGER.to_string());
    let add = ["network-rule", "add", "-n", REGISTRY, "--ip-address", "198.51.100.8"];
    for look in [
        &["status"][..],
        &["list"],
        &["events"],
        &["export"],
        &["network-rule", "list", "-n", REGISTRY],
        &["check", "-n", REGISTRY, "--source", ALLOWED],
    ] {
        let (code, told) = as_user(&reader, look)?;
        assert_eq!(code, Some(0), "{look:?}: {told}");
        let (code, told) = as_user(&stranger, look)?;
        assert_eq!(code, Some(1), "{look:?}: {told}");
        ensure!(told.contains("ermission denied"), "{told}");
    }
    let before = agent.everything()?;
    for change in [&add[..], &["update", "-n", REGISTRY, "--default-action", "Allow"], &["detach"], &["reload"]] {
        let (code, told) = as_user(&reader, change)?;
        assert_eq!(code, Some(1), "{change:?}: {told}");
        for word in ["AuthorizationFailed", "user 991 may look and change nothing", "`nogroup`", "root"] {
            ensure!(told.contains(word), "{change:?}: {word} is not in {told}");
        }
        ensure!(agent.log().contains("uid 991"), "{change:?} is not in the log");
    }
    assert_eq!(agent.everything()?, before);

    agent.configure(&config.replace("nogroup", "nobody-has-this"))?;
    let mut second = agent.run_command();
    let ran = run(&mut second, MINUTE)?;
    assert_eq!(ran.status.and_then(|status| status.code()), Some(1));
    Ok(())
}

#[test]
fn the_journal_gets_priorities_and_no_second_time() -> Result<()> {
    let mut network = Network::new()?;
    let _client = network.client("office", &[ALLOWED])?;
    let mut agent = Agent::prepare(&network, "agent", &GuardConfig::of(&network).to_string())?;
    // Standard error is this file, and JOURNAL_STREAM says that it leads to the journal.
    let log = agent.config().with_file_name("log");
    fs::write(&log, "")?;
    let file = fs::metadata(&log)?;
    agent.environment("JOURNAL_STREAM", format!("{}:{}", file.dev(), file.ino()));
    agent.run()?;
    let text = agent.log();
    ensure!(text.lines().all(|line| line.starts_with("<6>") || line.starts_with("<4>")), "{text}");
    ensure!(text.contains("<6>registry_guard::agent::daemon: ready revision=0"), "{text}");
    Ok(())
}

/// Whoever lacks `CAP_PERFMON` meets a stricter verifier.
#[test]
fn a_kernel_that_refuses_a_program_is_quoted_and_what_was_in_force_stays() -> Result<()> {
    let mut network = Network::new()?;
    let client = network.client("office", &[ALLOWED, DENIED])?;
    let _listener = Listener::start(network.host(), "[::]:443".parse()?)?;
    let mut agent = Agent::start(&network, &GuardConfig::of(&network).reset().to_string())?;
    allow(&agent, ALLOWED)?;
    agent.stop()?;
    let started = agent.run_through(&["setpriv", "--bounding-set=-perfmon,-sys_admin"]);
    ensure!(started.is_err(), "the kernel took a program that compares pointers from whoever may not");
    let log = agent.log();
    for words in ["the kernel refuses the program", "Permission denied", "Verifier output: R", "prohibited"] {
        ensure!(log.contains(words), "`{words}` is not in: {log}");
    }
    assert_eq!([outcome(&client, ALLOWED)?, outcome(&client, DENIED)?], [Outcome::Connected, Outcome::Refused]);
    agent.run()?;
    assert_eq!([outcome(&client, ALLOWED)?, outcome(&client, DENIED)?], [Outcome::Connected, Outcome::Refused]);
    Ok(())
}
