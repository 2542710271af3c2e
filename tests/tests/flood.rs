//! Denied connections as fast as this machine can send them, at a registry whose responder says why: the registry hears
//! nothing of it, the responder answers no more than its budget, and whoever is allowed is served.
//!
//! What it came to is printed; `cargo xtask test -- --package tests --test flood -- --nocapture` shows it.

use std::fs;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use ipnet::IpNet;
use tests::net::{
    Agent, Askers, Certificate, Client, Curl, DockerRegistry, GuardConfig, Http, Image, Network, Process, Responder,
    Sent, Skopeo, SynFlood, eventually, sha256,
};

const MINUTE: Duration = Duration::from_mins(1);
const REGISTRY: &str = GuardConfig::REGISTRY;

const OFFICE: [&str; 2] = ["198.51.100.7", "2001:db8:1::7"];
const STRANGER: [&str; 2] = ["198.51.100.66", "2001:db8:6::66"];
/// Where spoofed SYNs come from: RFC 2544 keeps the first for tests.
const SPOOFED: [&str; 2] = ["198.18.0.0/15", "2001:db8:bad::/48"];

/// Bytes of the layer that is pulled.
const LAYER: u64 = 200_000_000;
/// A flood lasts at least so long.
const FLOOD: Duration = Duration::from_secs(3);
/// What the responder's memory must stay below, in bytes: the limit that its service would be given.
const MEMORY: u64 = 64 << 20;

/// One flood at a time, or none of them has the machine to itself.
static ALONE: Mutex<()> = Mutex::new(());

struct Scene {
    responder: Responder,
    agent: Agent,
    image: Image,
    registry: DockerRegistry,
    office: Client,
    stranger: Client,
    attacker: Client,
    network: Network,
    total: u32,
}

/// What the kernel counted about denied SYNs to the registry.
#[derive(Clone, Copy, Debug)]
struct Counted {
    /// A moment before it was counted.
    at: Instant,
    denied: u64,
    admitted: u64,
    over_source: u64,
    over_total: u64,
}

impl Counted {
    fn since(self, before: Self) -> Self {
        Self {
            at: before.at,
            denied: self.denied - before.denied,
            admitted: self.admitted - before.admitted,
            over_source: self.over_source - before.over_source,
            over_total: self.over_total - before.over_total,
        }
    }
}

impl Scene {
    /// A guarded registry with an image of that size in it, and these budgets for those who are denied.
    fn set(layer: u64, per_source: u32, total: u32) -> Result<Self> {
        let mut network = Network::new()?;
        let office = network.client("office", &OFFICE)?;
        let stranger = network.client("stranger", &STRANGER)?;
        let crowd: Vec<String> = (100..200).map(|last| format!("198.51.100.{last}")).collect();
        let crowd: Vec<&str> = crowd.iter().map(String::as_str).chain(["2001:db8:bad::66"]).collect();
        let attacker = network.client("attacker", &crowd)?;
        for prefix in SPOOFED {
            network.route_through(prefix.parse()?, &attacker)?;
        }
        let registry = DockerRegistry::start(&network)?;
        let image = Image::make(&network.folder().join("image"), layer)?;
        let config = GuardConfig::of(&network).forbidden(registry.certificate()).budget(per_source, total);
        let agent = Agent::start(&network, &config.to_string())?;
        let responder = Responder::start(&agent)?;
        let scene = Self { responder, agent, image, registry, office, stranger, attacker, network, total };
        OFFICE.iter().try_for_each(|source| scene.allow(source))?;
        Skopeo::new(&scene.network, &scene.office, scene.certificate())
            .push(&scene.image, "app:v1", MINUTE)?
            .expect_success()?;
        scene.assert_told_eventually()?;
        Ok(scene)
    }

    fn certificate(&self) -> &Certificate {
        self.registry.certificate()
    }

    fn allow(&self, ip: &str) -> Result<()> {
        self.agent.json(["network-rule", "add", "-n", REGISTRY, "--ip-address", ip]).map(drop)
    }

    fn process(&self) -> Result<Process> {
        self.responder.process()
    }

    /// The office pulls the layer, which must arrive as it was pushed.
    fn pull(&self, when: &str) -> Result<()> {
        let file = self.network.folder().join("pulled");
        let curl = Curl { client: &self.office, certificate: self.certificate() };
        let ran = curl.download(&format!("/v2/app/blobs/{}", self.image.layer()), &file, MINUTE)?.expect_success()?;
        let size = fs::metadata(&file)?.len();
        let rate = per_second(size, ran.took) / 1_000_000;
        println!("{when}: {} MB in {} ms, {rate} MB/s", size / 1_000_000, ran.took.as_millis());
        ensure!(format!("sha256:{}", sha256(&file)?) == self.image.layer(), "{when}: another digest");
        fs::remove_file(file)?;
        Ok(())
    }

    /// A denied client that asks like any other gets its 403 once there is room in the budget.
    fn assert_told_eventually(&self) -> Result<()> {
        let curl = Curl { client: &self.stranger, certificate: self.certificate() };
        eventually("a denied client gets its 403", || {
            let answer = curl.show("/v2/", Http::One, MINUTE)?;
            Ok(answer.stdout.ends_with("\n403 HTTP/1.1\n"))
        })
    }

    fn counted(&self) -> Result<Counted> {
        let at = Instant::now();
        let outcome = |name| self.agent.outcome(REGISTRY, name);
        Ok(Counted {
            at,
            denied: self.agent.counter(REGISTRY, "NoRule")?,
            admitted: outcome("admitted")?,
            over_source: outcome("overSourceBudget")?,
            over_total: outcome("overTotalBudget")?,
        })
    }

    /// The most that may be answered in this time: it may begin and end within a second of the kernel's clock.
    fn most(&self, lasted: Duration) -> u64 {
        u64::from(self.total) * (lasted.as_secs() + 2)
    }

    /// How many spoofed SYNs wait for their handshake's end at the registry's own socket.
    fn at_the_registry(&self, prefix: IpNet) -> Result<usize> {
        let sources = self.network.half_open_at(DockerRegistry::USER)?;
        Ok(sources.iter().filter(|source| prefix.contains(*source)).count())
    }

    /// Prints what a flood came to, and asserts what must be true of every flood.
    fn judge(&self, when: &str, before: Counted, sent: Option<Sent>) -> Result<u64> {
        let after = self.counted()?;
        let lasted = before.at.elapsed();
        let Counted { denied, admitted, over_source, over_total, .. } = after.since(before);
        if let Some(sent) = sent {
            println!(
                "{when}: {} ms, {} SYNs/s sent, {}/s received and denied",
                sent.lasted.as_millis(),
                per_second(sent.frames, sent.lasted),
                per_second(denied, sent.lasted)
            );
        }
        let process = self.process()?;
        println!(
            "{when}: of {denied} denied SYNs {admitted} admitted, {over_source} over their source's budget, {over_total} \
             over the total; the responder: {} KiB in RAM, {} KiB at most, {} descriptors",
            process.resident()? >> 10,
            process.resident_at_most()? >> 10,
            process.descriptors()?
        );
        ensure!(admitted > 0, "{when}: nobody is told");
        ensure!(admitted <= self.most(lasted), "{when}: {admitted} admitted in {lasted:?} at {} a second", self.total);
        ensure!(admitted + over_source + over_total == denied, "{when}: each denied SYN is one of these");
        ensure!(process.resident_at_most()? < MEMORY, "{when}: the responder's memory");
        Ok(denied)
    }
}

fn registry() -> SocketAddr {
    (Network::REGISTRY_V4, 443).into()
}

fn per_second(number: u64, lasted: Duration) -> u64 {
    number * 1000 / u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX).max(1)
}

fn wait_for(lasted: impl Fn() -> Duration) {
    while lasted() < FLOOD {
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn under_a_flood_of_denied_syns_allowed_clients_are_served_and_the_registry_hears_none_of_it() -> Result<()> {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let scene = Scene::set(LAYER, 20, 1000)?;
    scene.pull("no flood")?;
    for prefix in SPOOFED {
        let source: IpNet = prefix.parse()?;
        let when = format!("flood from {prefix}");
        let before = scene.counted()?;
        let flood = SynFlood::start(&scene.attacker, source, MINUTE)?;
        scene.pull(&when)?;
        ensure!(scene.at_the_registry(source)? == 0, "{when}: a SYN reached the registry");
        wait_for(|| flood.lasted());
        let sent = flood.stop()?;
        let denied = scene.judge(&when, before, Some(sent))?;
        ensure!(denied > 10_000, "{when}: {denied} SYNs are no flood");
        ensure!(scene.at_the_registry(source)? == 0, "{when}: a SYN reached the registry");
        // Those whom the responder waits for in vain keep nobody from the answer.
        scene.assert_told_eventually()?;

        // What counts above does see SYNs: once a rule names them, the very same ones reach the registry.
        scene.allow(prefix)?;
        let _flood = SynFlood::start(&scene.attacker, source, MINUTE)?;
        eventually("allowed SYNs reach the registry", || Ok(scene.at_the_registry(source)? > 0))?;
    }
    Ok(())
}

#[test]
fn denied_clients_that_complete_their_handshakes_get_no_more_answers_than_the_budget_has() -> Result<()> {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let scene = Scene::set(1_000_000, 20, 50)?;
    for flooded in [false, true] {
        let when = if flooded { "a crowd that asks, and a flood" } else { "a crowd that asks" };
        let spoofed: IpNet = SPOOFED[0].parse()?;
        let before = scene.counted()?;
        let flood = flooded.then(|| SynFlood::start(&scene.attacker, spoofed, MINUTE)).transpose()?;
        let begun = Instant::now();
        let crowd = Askers::start(&scene.attacker, registry(), scene.certificate());
        wait_for(|| begun.elapsed());
        scene.pull(when)?;
        let asked = crowd.stop()?;
        let sent = flood.map(SynFlood::stop).transpose()?;
        scene.judge(when, before, sent)?;
        println!(
            "{when}: {} attempts, {} connections, {} answers 403, {} per second",
            asked.attempts,
            asked.connected,
            asked.forbidden,
            per_second(asked.forbidden, asked.lasted)
        );
        ensure!(asked.connected <= scene.most(asked.lasted), "{when}: {asked:?}");
        // Fewer answers than connections: the responder has a budget of its own behind the kernel's.
        ensure!(asked.forbidden <= asked.connected && asked.otherwise == 0, "{when}: {asked:?}");
        ensure!(flooded || asked.forbidden > 0, "{when}: nobody was told: {asked:?}");
        ensure!(scene.at_the_registry(spoofed)? == 0, "{when}: a SYN reached the registry");
    }
    scene.assert_told_eventually()
}
