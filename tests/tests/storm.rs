//! Clients come all the time, allowed ones and denied ones, by the NIC, inside of VXLAN, and where only the second layer sees
//! them, while the agent is killed, restarted and exchanged: each allowed one is served, no denied one ever is.
//!
//! What it came to is printed; `cargo xtask test -- --package tests --test storm` shows it.

use std::env;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tests::net::{
    Agent, AnotherBuild, Attempts, GuardConfig, Namespace, Network, PlainRegistry, Responder, Traffic, address,
    eventually,
};

const REGISTRY: &str = GuardConfig::REGISTRY;
/// Shorter than the second after which a SYN is sent again, so that one that is lost is a failure.
const ONE_SYN: Duration = Duration::from_millis(900);
/// Where nobody answers, so that the pace is kept all the same.
const IN_VAIN: Duration = Duration::from_millis(40);

/// One storm at a time, or none has the pace that it prints.
static ALONE: Mutex<()> = Mutex::new(());

/// What must become of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Served,
    /// 403, or a reset while the responder has yet to come back to its agent.
    Told,
    /// Only `guard_xdp` can tell that it lies: where that is missing for a moment, it is served.
    Ignored,
}

struct Caller {
    name: &'static str,
    source: IpAddr,
    fate: Fate,
    traffic: Traffic,
}

impl Caller {
    fn start(
        name: &'static str,
        fate: Fate,
        from: &Namespace,
        source: impl Into<IpAddr>,
        per_second: u32,
    ) -> Result<Self> {
        let (source, destination) = (source.into(), SocketAddr::from((Network::REGISTRY_V4, 443)));
        let timeout = if fate == Fate::Ignored { IN_VAIN } else { ONE_SYN };
        Ok(Self { name, source, fate, traffic: Traffic::ask(from, source, destination, per_second, timeout)? })
    }

    /// Ends it, and compares what it saw and what the registry saw with what must be. Returns whether it was an allowed one, how
    /// many connections it made, and how many in a second.
    fn judge(self, registry: &PlainRegistry) -> Result<(bool, u64, f64)> {
        let attempts = self.traffic.stop()?;
        let Attempts { connected, forbidden, unanswered, refused, timed_out, slowest, .. } = attempts;
        println!(
            "    {}: {:.0} a second: {connected} served, {forbidden} told 403, {refused} refused, {timed_out} not answered in \
             time, {unanswered} hung up on; the slowest took {} ms",
            self.name,
            attempts.per_second(),
            slowest.as_millis()
        );
        let is_right = match self.fate {
            Fate::Served => connected > 0 && attempts.failed() == 0,
            Fate::Told => connected == 0 && forbidden > 0 && timed_out == 0,
            Fate::Ignored => attempts.failed() == timed_out && timed_out > 0 && connected == 0,
        };
        ensure!(is_right, "{}: {attempts:?}", self.name);
        let visits = registry.visits_from(self.source);
        ensure!(visits == connected, "{}: the registry saw {visits} connections: {attempts:?}", self.name);
        Ok((self.fate == Fate::Served, connected + attempts.failed(), attempts.per_second()))
    }
}

/// What stands in the storm.
struct Site {
    callers: [Caller; 6],
    responder: Responder,
    agent: Agent,
    registry: PlainRegistry,
    _network: Network,
    _alone: MutexGuard<'static, ()>,
}

impl Site {
    /// A registry that is guarded, and clients on their way.
    fn set() -> Result<Self> {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let mut network = Network::new()?;
        let client = network.client("client", &["198.51.100.7", "198.51.100.66"])?;
        let app = network.overlay_client("app", "192.0.2.11", 5001, &["10.1.0.4"])?;
        let liar = network.overlay_client("liar", "192.0.2.66", 5001, &["10.1.0.5"])?;
        let registry = PlainRegistry::start(network.host(), 443)?;
        let config = GuardConfig::of(&network).trusted_vtep("192.0.2.11").forbidden_plainly().budget(8000, 8000);
        let agent = Agent::start(&network, &config.to_string())?;
        let responder = Responder::start(&agent)?;
        allow(&agent)?;
        eventually("all is well", || Ok(agent.json(["status"])?["state"] == "ENFORCING"))?;
        let (v4, underlay) = (Network::REGISTRY_V4, Network::UNDERLAY_V4);
        let callers = [
            Caller::start("allowed, by the NIC", Fate::Served, client.namespace(), address("198.51.100.7"), 80)?,
            Caller::start("allowed, in VXLAN", Fate::Served, app.namespace(), address("10.1.0.4"), 40)?,
            Caller::start("allowed, past the NIC", Fate::Served, network.host(), v4, 80)?,
            Caller::start("denied, by the NIC", Fate::Told, client.namespace(), address("198.51.100.66"), 80)?,
            Caller::start("denied, in VXLAN of nobody's", Fate::Ignored, liar.namespace(), address("10.1.0.5"), 40)?,
            Caller::start("denied, past the NIC", Fate::Told, network.host(), underlay, 80)?,
        ];
        Ok(Self { callers, responder, agent, registry, _network: network, _alone: alone })
    }

    /// Does `work` again and again, and says what became of the clients meanwhile.
    fn storm(mut self, what: &str, rounds: u32, work: impl Fn(&mut Agent, u32) -> Result<()>) -> Result<()> {
        let begun = Instant::now();
        for round in 0..rounds {
            work(&mut self.agent, round).with_context(|| format!("{what}, round {round}"))?;
        }
        let took = begun.elapsed();
        eventually("all is well in the end", || Ok(self.agent.json(["status"])?["state"] == "ENFORCING"))?;
        ensure!(self.responder.runs()?, "{}", self.responder.log());
        let rates = self.callers.map(|caller| caller.judge(&self.registry));
        let (mut allowed, mut denied) = ((0, 0.0), (0, 0.0));
        for rate in rates {
            let (is_allowed, attempts, per_second) = rate.with_context(|| what.to_owned())?;
            let sum = if is_allowed { &mut allowed } else { &mut denied };
            *sum = (sum.0 + attempts, sum.1 + per_second);
        }
        println!(
            "FIGURE: {rounds} {what}, {} ms each: of {} allowed connections ({:.0} a second) 0 failed, of {} denied ones ({:.0} a \
             second) 0 were served",
            took.as_millis() / u128::from(rounds),
            allowed.0,
            allowed.1,
            denied.0,
            denied.1
        );
        Ok(())
    }
}

/// A rule for an address, one for the host itself, and one for a subnet of a virtual network.
fn allow(agent: &Agent) -> Result<()> {
    for source in ["198.51.100.7", &Network::REGISTRY_V4.to_string()] {
        agent.json(["network-rule", "add", "-n", REGISTRY, "--ip-address", source])?;
    }
    let network = ["network", "vnet", "create", "-n", "office", "--vni", "5001", "--address-prefixes", "10.1.0.0/16"];
    agent.json(network)?;
    let subnet = ["network", "vnet", "subnet", "create", "--vnet-name", "office", "-n", "ci", "--address-prefixes"];
    agent.json(subnet.iter().chain(&["10.1.0.0/24", "--service-endpoints", "Microsoft.ContainerRegistry"]))?;
    agent.json(["network-rule", "add", "-n", REGISTRY, "--vnet-name", "office", "--subnet", "ci"])?;
    Ok(())
}

/// The folders of maps among the pins.
fn layouts(agent: &Agent) -> Result<Vec<String>> {
    let names = fs::read_dir(agent.pins())?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names = names.collect::<Result<Vec<_>>>()?;
    names.retain(|name| name.starts_with("maps-"));
    Ok(names)
}

/// All of them, or a fifth where the variable `CI` is set: there, time is short.
fn rounds(all: u32) -> u32 {
    if env::var_os("CI").is_some() { all / 5 } else { all }
}

#[test]
fn kills_of_the_agent_are_seen_by_nobody() -> Result<()> {
    Site::set()?.storm("times kill -9", rounds(50), |agent, _| {
        agent.kill9()?;
        agent.run()
    })
}

#[test]
fn restarts_of_the_agent_are_seen_by_nobody() -> Result<()> {
    Site::set()?.storm("restarts", rounds(50), |agent, _| agent.restart())
}

#[test]
fn reloads_of_another_configuration_are_seen_by_nobody() -> Result<()> {
    Site::set()?.storm("reloads", rounds(100), |agent, round| {
        let [have, want] = if round % 2 == 0 { ["8000", "8001"] } else { ["8001", "8000"] };
        let config = fs::read_to_string(agent.config())?;
        ensure!(config.contains(have), "{config}");
        agent.configure(&config.replace(have, want))?;
        agent.json(["reload"]).map(drop)
    })
}

/// Goes to another build and back.
fn exchange(what: &str, rounds: u32, build: AnotherBuild) -> Result<()> {
    let Some(another) = build.path() else {
        println!("SKIPPED: there is no other build of the program; `cargo xtask test` makes one");
        return Ok(());
    };
    let own = Agent::built()?;
    Site::set()?.storm(what, rounds, |agent, round| {
        agent.install(if round % 2 == 0 { &another } else { &own });
        agent.restart()?;
        let layouts = layouts(agent)?;
        ensure!(layouts.len() == 1, "the maps of one layout are left: {layouts:?}");
        Ok(())
    })
}

#[test]
fn exchanges_for_a_build_with_another_layout_and_back_open_nothing() -> Result<()> {
    exchange("upgrades and downgrades between two layouts", rounds(20), AnotherBuild::Layout)
}

#[test]
fn exchanges_for_a_build_with_another_program_and_back_open_nothing() -> Result<()> {
    exchange("upgrades and downgrades on the same maps", rounds(10), AnotherBuild::Program)
}
