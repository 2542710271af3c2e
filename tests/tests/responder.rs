//! The responder as a process of its own: what it may, what it survives, and what becomes of denied clients meanwhile.

use std::fs;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::net::{
    Agent, Authority, Certificate, Client, Curl, DockerRegistry, GuardConfig, Hostile, Http, Network, Outcome, Process,
    Responder, eventually,
};

const MINUTE: Duration = Duration::from_mins(1);
/// Far longer than an answer takes.
const PATIENCE: Duration = Duration::from_secs(5);

const REGISTRY: &str = GuardConfig::REGISTRY;
const OFFICE: &str = "198.51.100.7";
const STRANGER: &str = "198.51.100.66";
/// So many sources that the responder's bound for each of them does not protect it.
const ATTACKERS: u8 = 100;
/// What the responder's memory must stay below, in bytes: the limit that its service would be given.
const MEMORY: u64 = 64 << 20;
/// What its descriptors must stay below.
const DESCRIPTORS: usize = 2048;

struct Scene {
    responder: Responder,
    agent: Agent,
    registry: DockerRegistry,
    office: Client,
    stranger: Client,
    attacker: Client,
    network: Network,
}

impl Scene {
    /// A guarded registry whose responder answers, an allowed client, a denied one, and one with many denied addresses.
    fn set() -> Result<Self> {
        let mut network = Network::new()?;
        let office = network.client("office", &[OFFICE])?;
        let stranger = network.client("stranger", &[STRANGER])?;
        let sources: Vec<String> = (100..100 + ATTACKERS).map(|last| format!("198.51.100.{last}")).collect();
        let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
        let attacker = network.client("attacker", &sources)?;
        let registry = DockerRegistry::start(&network)?;
        let config = GuardConfig::of(&network).forbidden(registry.certificate()).budget(8192, 8192);
        let agent = Agent::start(&network, &config.to_string())?;
        let responder = Responder::start(&agent)?;
        agent.json(["network-rule", "add", "-n", REGISTRY, "--ip-address", OFFICE])?;
        let scene = Self { responder, agent, registry, office, stranger, attacker, network };
        scene.assert_told_eventually()?;
        Ok(scene)
    }

    fn certificate(&self) -> &Certificate {
        self.registry.certificate()
    }

    fn curl<'a>(&'a self, client: &'a Client) -> Curl<'a> {
        Curl { client, certificate: self.certificate() }
    }

    fn hostile(&self) -> Hostile<'_> {
        Hostile { client: &self.attacker, sources: self.attacker.addresses(), destination: registry() }
    }

    /// Whether the denied client gets its 403.
    fn is_told(&self) -> Result<bool> {
        let answer = self.curl(&self.stranger).show("/v2/", Http::One, MINUTE)?;
        Ok(answer.stdout.ends_with("\n403 HTTP/1.1\n"))
    }

    fn assert_told_eventually(&self) -> Result<()> {
        eventually("the denied client gets its 403", || self.is_told())
    }

    fn assert_told(&self, when: &str) -> Result<()> {
        let answer = self.curl(&self.stranger).show("/v2/", Http::One, MINUTE)?;
        println!("{when}: the denied client has its answer after {:?}", answer.took);
        ensure!(answer.stdout.ends_with("\n403 HTTP/1.1\n"), "{when}: {answer:?}\n{}", self.responder.log());
        ensure!(answer.stdout.contains(&format!("client with IP '{STRANGER}'")), "{when}: {answer:?}");
        Ok(())
    }

    fn assert_served(&self, when: &str) -> Result<()> {
        let answer = self.curl(&self.office).get("/v2/", None, MINUTE)?;
        ensure!(answer.stdout.ends_with("\n200\n"), "{when}: the allowed client is served: {answer:?}");
        Ok(())
    }

    fn outcome(&self) -> Result<Outcome> {
        Ok(self.stranger.connect(STRANGER.parse()?, registry(), PATIENCE)?.outcome)
    }
}

fn registry() -> SocketAddr {
    (Network::REGISTRY_V4, 443).into()
}

#[test]
fn the_responder_is_nobody_and_may_nothing() -> Result<()> {
    let scene = Scene::set()?;
    let process = scene.responder.process()?;
    assert_eq!(process.user()?.to_string(), GuardConfig::RESPONDER_USER);
    assert_eq!(process.capabilities()?, 0);
    Ok(())
}

#[test]
fn denied_clients_are_told_and_allowed_ones_served_after_the_agent_was_killed() -> Result<()> {
    let mut scene = Scene::set()?;
    scene.agent.kill9()?;
    for round in 0..3 {
        scene.assert_told(&format!("without an agent, round {round}"))?;
        scene.assert_served("without an agent")?;
    }
    scene.agent.run()?;
    scene.assert_told_eventually()?;
    scene.assert_served("with the agent back")?;
    ensure!(scene.responder.runs()?, "{}", scene.responder.log());
    Ok(())
}

#[test]
fn denied_clients_are_told_through_every_restart_of_the_agent() -> Result<()> {
    let mut scene = Scene::set()?;
    for round in 0..3 {
        scene.agent.stop()?;
        scene.assert_told(&format!("stopped, round {round}"))?;
        scene.agent.run()?;
        scene.assert_told(&format!("started again, round {round}"))?;
        scene.assert_served("started again")?;
    }
    Ok(())
}

#[test]
fn denied_clients_are_refused_and_never_let_through_while_the_responder_is_dead() -> Result<()> {
    let mut scene = Scene::set()?;
    scene.responder.kill9()?;
    eventually("denied clients are refused", || Ok(scene.outcome()? == Outcome::Refused))?;
    for _ in 0..20 {
        assert_eq!(scene.outcome()?, Outcome::Refused);
    }
    scene.assert_served("without a responder")?;
    scene.responder.run()?;
    scene.responder.wait_for_listener()?;
    scene.assert_told_eventually()?;
    scene.assert_served("with the responder back")
}

#[test]
fn denied_clients_are_never_let_through_while_both_are_dead() -> Result<()> {
    let mut scene = Scene::set()?;
    scene.agent.kill9()?;
    scene.responder.kill9()?;
    for _ in 0..20 {
        assert_eq!(scene.outcome()?, Outcome::Refused);
    }
    scene.assert_served("with nobody at home")?;
    scene.responder.run()?;
    scene.agent.run()?;
    scene.assert_told_eventually()?;
    scene.assert_served("with both back")
}

#[test]
fn a_responder_that_was_there_first_waits_for_its_agent() -> Result<()> {
    let mut network = Network::new()?;
    let stranger = network.client("stranger", &[STRANGER])?;
    let registry = DockerRegistry::start(&network)?;
    let certificate = registry.certificate();
    let config = GuardConfig::of(&network).forbidden(certificate);
    let mut agent = Agent::prepare(&network, "agent", &config.to_string())?;
    let mut responder = Responder::prepare(&agent, network.host());
    responder.run()?;
    agent.run()?;
    responder.wait_for_listener()?;
    let curl = Curl { client: &stranger, certificate };
    eventually("the denied client gets its 403", || Ok(curl.get("/v2/", None, MINUTE)?.stdout.ends_with("\n403\n")))
}

#[test]
fn the_answer_carries_the_id_of_the_event_that_reports_it() -> Result<()> {
    let scene = Scene::set()?;
    let answer = scene.curl(&scene.stranger).show("/v2/", Http::One, MINUTE)?.expect_success()?;
    let head = answer.stdout.to_ascii_lowercase();
    let id = head.lines().find_map(|line| line.strip_prefix("x-ms-correlation-request-id: "));
    let id = id.with_context(|| format!("no id in {head}"))?.trim().to_owned();
    let mut found = Value::Null;
    eventually("the event is there", || {
        let events = scene.agent.json(["events", "--name", REGISTRY, "--output", "json"])?;
        let event = events.as_array().into_iter().flatten().find(|event| event["correlationId"] == id.as_str());
        found = event.cloned().unwrap_or_default();
        Ok(!found.is_null())
    })?;
    for (key, value) in [
        ("registry", REGISTRY),
        ("source", STRANGER),
        ("layer", "socket"),
        ("reason", "NoRule"),
        ("response", "forbidden"),
    ] {
        assert_eq!(found[key], value, "{key} of {found}");
    }
    Ok(())
}

/// Puts another certificate where the agent reads it, the way that ACME clients do.
fn replace(certificate: &Certificate, by: &Certificate) -> Result<()> {
    for (from, to) in [(by.key(), certificate.key()), (by.chain(), certificate.chain())] {
        let aside = to.with_extension("new");
        fs::copy(from, &aside)?;
        fs::rename(aside, to)?;
    }
    Ok(())
}

#[test]
fn a_renewed_certificate_is_shown_and_a_broken_one_is_not() -> Result<()> {
    let scene = Scene::set()?;
    let folder = scene.network.folder();
    let other = Authority::make(&folder.join("other-trust"))?;
    let renewed = other.issue(&folder.join("renewed"))?;
    let trusting = |certificate| Curl { client: &scene.stranger, certificate };
    ensure!(!trusting(&renewed).get("/v2/", None, MINUTE)?.success(), "nobody showed the new certificate yet");
    replace(scene.certificate(), &renewed)?;
    let told = || Ok(trusting(&renewed).get("/v2/", None, MINUTE)?.stdout.ends_with("\n403\n"));
    eventually("the renewed certificate is shown", told)?;

    fs::write(scene.certificate().chain(), "-----BEGIN CERTIFICATE-----\nnothing\n")?;
    eventually("the agent says what is wrong", || {
        let log = scene.agent.log() + &scene.responder.log();
        Ok(log.contains(&*scene.certificate().chain().to_string_lossy()))
    })?;
    for _ in 0..5 {
        ensure!(told()?, "the last good certificate is shown on");
    }
    Ok(())
}

/// The responder's memory and descriptors, printed, and within their bounds.
fn assert_modest(process: Process, when: &str) -> Result<usize> {
    let (memory, most, descriptors) = (process.resident()?, process.resident_at_most()?, process.descriptors()?);
    println!("{when}: {} KiB in RAM, {} KiB at most, {descriptors} descriptors", memory >> 10, most >> 10);
    ensure!(most < MEMORY, "{when}: the responder took {most} bytes");
    ensure!(descriptors < DESCRIPTORS, "{when}: the responder has {descriptors} descriptors open");
    Ok(descriptors)
}

/// Does `work` and watches how many descriptors the responder has open at most meanwhile.
fn watching<Done: Send>(process: Process, work: impl FnOnce() -> Result<Done> + Send) -> Result<(Done, usize)> {
    thread::scope(|scope| {
        let worker = scope.spawn(work);
        let mut most = process.descriptors()?;
        while !worker.is_finished() {
            most = most.max(process.descriptors()?);
            thread::sleep(Duration::from_millis(5));
        }
        let done = worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok((done, most))
    })
}

/// Lets `attack` begin, sees that denied and allowed clients are still answered, ends it, and sees the descriptors come back.
fn withstands<Held: Send>(
    what: &str,
    attack: impl Fn(&Hostile<'_>, &Certificate) -> Result<Held> + Sync,
) -> Result<Held> {
    let mut scene = Scene::set()?;
    let process = scene.responder.process()?;
    let before = assert_modest(process, "before")?;
    let begun = Instant::now();
    let (held, most) = watching(process, || attack(&scene.hostile(), scene.certificate()))?;
    println!("{what}: begun within {:.1?}; the responder had {most} descriptors open at most", begun.elapsed());
    ensure!(most < DESCRIPTORS, "{what}: the responder had {most} descriptors open");
    assert_modest(process, what)?;
    for round in 0..3 {
        scene.assert_told(&format!("{what}, round {round}"))?;
        scene.assert_served(what)?;
    }
    assert_modest(process, what)?;
    ensure!(scene.responder.runs()?, "{}", scene.responder.log());
    // Whoever is still connected, the responder's patience is limited.
    eventually("the responder lets go of them", || Ok(process.descriptors()? <= before + 8))?;
    assert_modest(process, "after")?;
    scene.assert_told("after")?;
    Ok(held)
}

#[test]
fn ten_thousand_idle_connections_keep_nobody_from_the_answer() -> Result<()> {
    let held = withstands("10,000 idle connections", |hostile, _| hostile.idle(10_000))?;
    ensure!(held.len() == 10_000, "only {} connections were made", held.len());
    Ok(())
}

#[test]
fn a_thousand_handshakes_that_never_end_keep_nobody_from_the_answer() -> Result<()> {
    let held = withstands("1,000 half handshakes", |hostile, _| hostile.half_handshakes(1000))?;
    ensure!(held.len() > 500, "only {} handshakes began", held.len());
    Ok(())
}

#[test]
fn headers_that_come_byte_by_byte_keep_nobody_from_the_answer() -> Result<()> {
    let held = withstands("600 slow headers", |hostile, certificate| hostile.slow_headers(600, certificate))?;
    ensure!(held.opened() > 300, "only {} requests began", held.opened());
    eventually("no such request is let live", || Ok(held.left() == 0))
}

#[test]
fn headers_of_a_megabyte_keep_nobody_from_the_answer_and_cost_no_memory() -> Result<()> {
    let answers = withstands("20 headers of 1 MB", |hostile, certificate| {
        (0..20).map(|_| hostile.huge_header(1 << 20, certificate)).collect::<Result<Vec<_>>>()
    })?;
    for answer in answers {
        ensure!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
    }
    Ok(())
}

#[test]
fn all_of_that_at_once_keeps_nobody_from_the_answer() -> Result<()> {
    withstands("everything at once", |hostile, certificate| {
        let idle = hostile.idle(300)?;
        let halves = hostile.half_handshakes(300)?;
        let slow = hostile.slow_headers(200, certificate)?;
        hostile.huge_header(1 << 20, certificate)?;
        Ok((idle, halves, slow))
    })
    .map(drop)
}
