//! A guarded registry, an allowed client and a denied one who keep asking, and somebody who floods.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use ipnet::IpNet;
use tests::net::{
    Agent, Attempts, Client, GuardConfig, Network, PlainRegistry, SynFlood, Traffic, Visitor, address, eventually, run,
};

pub(crate) const REGISTRY: &str = GuardConfig::REGISTRY;
/// Whom rules allow. A [`Visitor`] is another client of the same addresses, so this one has others.
pub(crate) const ALLOWED: &str = "198.51.100.8";
pub(crate) const DENIED: &str = "198.51.100.67";
/// Another address of the client, for whoever needs one.
pub(crate) const LEAVER: &str = "198.51.100.99";
const ATTACKER: &str = "192.0.2.66";
/// Where the flood says it comes from (RFC 2544 keeps it for tests).
const SPOOFED: &str = "198.18.0.0/15";
/// A fault is watched at least so long.
const AT_LEAST: Duration = Duration::from_millis(1200);
/// A flood ends by itself if a test hangs.
const AT_MOST: Duration = Duration::from_mins(2);
/// Connections that the allowed client opens in a second.
const PACE: u32 = 50;
/// Shorter than the second after which a SYN is sent again.
const ONE_SYN: Duration = Duration::from_millis(900);
/// The denied client does not wait for long, so that it comes often.
const IN_VAIN: Duration = Duration::from_millis(100);

pub(crate) struct Scene {
    pub(crate) agent: Agent,
    pub(crate) registry: PlainRegistry,
    pub(crate) client: Client,
    pub(crate) attacker: Client,
    pub(crate) network: Network,
}

/// What a fault came to.
pub(crate) struct Stood {
    /// SYNs that arrived in a second while it lasted.
    pub(crate) rate: u64,
    pub(crate) allowed: Attempts,
    pub(crate) denied: Attempts,
}

impl Scene {
    /// The usual configuration: what is denied is dropped.
    pub(crate) fn set() -> Result<Self> {
        Self::with(|network| Ok(GuardConfig::of(network).events_per_second(10)))
    }

    /// Another configuration.
    pub(crate) fn with(config: impl FnOnce(&mut Network) -> Result<GuardConfig>) -> Result<Self> {
        let mut scene = Self::prepare(config)?;
        scene.agent.run()?;
        scene.allow()?;
        Ok(scene)
    }

    /// The same where the agent does not run yet, and no rule is there.
    pub(crate) fn prepare(config: impl FnOnce(&mut Network) -> Result<GuardConfig>) -> Result<Self> {
        Self::prepare_with(|network| network.client("attacker", &[ATTACKER]), config)
    }

    /// The same where the flood comes out of a bridge of the host, `br-attacker`, which is guarded.
    pub(crate) fn prepare_behind_bridge() -> Result<Self> {
        let bridged = |network: &mut Network| {
            let attacker = network.container("attacker", &[ATTACKER])?;
            // A link polls for frames only with a program on it, or with this.
            let mut ethtool = network.host().command("ethtool");
            run(ethtool.args(["-K", attacker.host_interface(), "gro", "on"]), AT_MOST)?.expect_success()?;
            Ok(attacker)
        };
        Self::prepare_with(bridged, |network| {
            let mut interfaces = network.interfaces().to_vec();
            interfaces.push("br-attacker".to_owned());
            Ok(GuardConfig::on(&interfaces))
        })
    }

    fn prepare_with(
        attacker: impl FnOnce(&mut Network) -> Result<Client>,
        config: impl FnOnce(&mut Network) -> Result<GuardConfig>,
    ) -> Result<Self> {
        let mut network = Network::new()?;
        let client = network.client("client", &[ALLOWED, DENIED, LEAVER])?;
        let attacker = attacker(&mut network)?;
        let registry = PlainRegistry::start(network.host(), 443)?;
        let config = config(&mut network)?;
        let agent = Agent::prepare(&network, "agent", &config.to_string())?;
        Ok(Self { agent, registry, client, attacker, network })
    }

    /// Lets in whom tests take for allowed.
    pub(crate) fn allow(&self) -> Result<()> {
        for source in [ALLOWED, Visitor::ALLOWED] {
            self.agent.json(["network-rule", "add", "-n", REGISTRY, "--ip-address", source])?;
        }
        Ok(())
    }

    /// Lets `fault` happen under a flood, and sees that the allowed client is served all the while, the denied one never, and no SYN
    /// of the flood at all.
    pub(crate) fn under_flood(&mut self, fault: impl FnOnce(&mut Self) -> Result<()>) -> Result<Stood> {
        let stood = self.under_flood_with_gaps(fault)?;
        ensure!(stood.allowed.failed() == 0, "the allowed client was not served: {:?}", stood.allowed);
        Ok(stood)
    }

    /// The same where the fault may hit the allowed client, who must be served in the end.
    pub(crate) fn under_flood_with_gaps(&mut self, fault: impl FnOnce(&mut Self) -> Result<()>) -> Result<Stood> {
        let spoofed: IpNet = SPOOFED.parse()?;
        let ask = |source, pace, patience| {
            let source = address(source);
            Traffic::ask(self.client.namespace(), source, Network::registry_of(source, 443), pace, patience)
        };
        let (allowed, denied) = (ask(ALLOWED, PACE, ONE_SYN)?, ask(DENIED, PACE, IN_VAIN)?);
        let (begun, before) = (Instant::now(), self.arrived()?);
        let flood = SynFlood::start(&self.attacker, spoofed, AT_MOST)?;
        fault(self)?;
        thread::sleep(AT_LEAST.saturating_sub(begun.elapsed()));
        let served = allowed.so_far().connected;
        if let Err(problem) = eventually("the allowed client is served", || Ok(allowed.so_far().connected > served)) {
            // Its own error says more, if it has ended.
            bail!("{problem}: {:?}, {:?}", allowed.stop()?, self.status()?);
        }
        let lasted = flood.stop()?.lasted;
        let arrived = self.arrived()? - before;
        let (allowed, denied) = (allowed.stop()?, denied.stop()?);
        let visits = self.registry.visits_from(address(DENIED)) + self.registry.visits_from(address(Visitor::DENIED));
        ensure!((denied.connected, visits) == (0, 0), "a denied client was served: {denied:?}, {visits} visits");
        ensure!(denied.failed() > 0, "the denied client did not come: {denied:?}");
        let half_open = self.network.half_open_at(PlainRegistry::USER)?;
        let leaked = half_open.iter().filter(|source| spoofed.contains(*source)).count();
        ensure!(leaked == 0, "{leaked} SYNs of the flood reached the registry");
        Ok(Stood { rate: arrived * 1000 / u64::try_from(lasted.as_millis())?.max(1), allowed, denied })
    }

    /// Packets that the host received from the one who floods. What does not fit into a queue before the program is no part of it.
    fn arrived(&self) -> Result<u64> {
        let table = self.network.host().within(|| fs::read_to_string("/proc/thread-self/net/dev"))??;
        let line =
            table.lines().find_map(|line| line.trim().strip_prefix(&format!("{}:", self.attacker.host_interface())));
        let packets = line.and_then(|line| line.split_whitespace().nth(1)).context("no such interface")?;
        Ok(packets.parse()?)
    }

    /// `status`: the state, and what is wrong.
    pub(crate) fn status(&self) -> Result<(String, String)> {
        let status = self.agent.json(["status"])?;
        Ok((status["state"].as_str().context("no state")?.to_owned(), status["problems"].to_string()))
    }

    /// Waits until the state is this one.
    pub(crate) fn wait_for(&self, state: &str) -> Result<()> {
        eventually(&format!("the state is {state}"), || Ok(self.status()?.0 == state))
    }

    /// Waits until there is a problem with these words.
    pub(crate) fn wait_for_problem(&self, words: &str) -> Result<()> {
        eventually(&format!("there is a problem: {words}"), || Ok(self.status()?.1.contains(words)))
    }

    /// What `status` says of an interface.
    pub(crate) fn is_guarded(&self, interface: &str) -> Result<bool> {
        let status = self.agent.json(["status"])?;
        let interfaces = status["interfaces"].as_array().into_iter().flatten();
        Ok(interfaces.filter(|one| one["name"] == interface).any(|one| one["enforcing"] == true))
    }
}

/// As long as a fault is looked at that nobody tells the end of.
pub(crate) fn rest() {
    thread::sleep(Duration::from_millis(700));
}
