use std::net::{IpAddr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rand::Rng as _;
use tests::net::{Client, Curl, Network, Outcome, Overlay};
use tests::packet::{Ethernet, Ipv4, Packet, Tcp, Udp, Vxlan};

use crate::actors::Actors;
use crate::screen::ms;

/// How long a client waits for an answer before it gives up.
pub(crate) const PATIENCE: Duration = Duration::from_millis(400);

/// What became of an attempt to reach the registry.
pub(crate) struct Visit {
    /// Whether the registry's host took the connection.
    pub(crate) got_in: bool,
    /// What the client saw, and how fast.
    pub(crate) seen: String,
}

/// Connects to the registry, and if that works asks it something over HTTPS.
pub(crate) fn of_client(client: &Client, actors: &Actors) -> Result<Visit> {
    let source = *client.addresses().first().context("the client has no address")?;
    browse(client, source, actors)
}

/// The same, through VXLAN. The host's answers to the inner address go to this client, whoever else has it.
pub(crate) fn of_overlay(overlay: &Overlay, actors: &Actors) -> Result<Visit> {
    let source = *overlay.addresses().first().context("the client has no address")?;
    let aim = format!("{source}/32 dev {} metric 1", overlay.device());
    actors.network.host().ip(&format!("route replace {aim}"))?;
    let visit = browse(overlay, source, actors);
    actors.network.host().ip(&format!("route del {aim}"))?;
    visit
}

/// A SYN in VXLAN, from a VTEP that is not one of the network's.
pub(crate) fn of_forger(actors: &Actors) -> Result<Visit> {
    let underlay = Ethernet::default() / Ipv4::from(Actors::UNTRUSTED_VTEP).to(Network::UNDERLAY_V4);
    let inner = Ethernet::default() / Ipv4::from(Actors::FORGED_INNER) / new_syn();
    inject(&(underlay / Udp::vxlan() / Vxlan::vni(5001) / inner), Actors::FORGED_INNER, actors)
}

/// One SYN of those that the flood consists of.
pub(crate) fn of_spoofer(actors: &Actors) -> Result<Visit> {
    let source = "198.18.0.1";
    inject(&(Ethernet::default() / Ipv4::from(source) / new_syn()), source, actors)
}

/// A SYN from a port of its own, lest it be taken for one that was sent before.
fn new_syn() -> Tcp {
    Tcp::syn(443).from(rand::rng().random_range(1024..=u16::MAX))
}

fn browse(client: &Client, source: IpAddr, actors: &Actors) -> Result<Visit> {
    let registry = match source {
        IpAddr::V4(_) => SocketAddr::from((Network::REGISTRY_V4, 443)),
        IpAddr::V6(_) => SocketAddr::from((Network::REGISTRY_V6, 443)),
    };
    let attempt = client.connect(source, registry, PATIENCE)?;
    let seen = match attempt.outcome {
        Outcome::TimedOut => format!("no answer in {}", ms(PATIENCE)),
        Outcome::Refused => format!("refused in {}", ms(attempt.took)),
        Outcome::Connected => {
            let curl = Curl { client, certificate: actors.registry.certificate() };
            let answer = curl.get("/v2/", None, Duration::from_secs(10))?;
            let status = answer.stdout.lines().last().unwrap_or("-").to_owned();
            format!("connected in {}, HTTP {status} in {}", ms(attempt.took), ms(answer.took))
        }
    };
    Ok(Visit { got_in: attempt.outcome == Outcome::Connected, seen })
}

/// Nobody answers in the sender's place, so an accepted SYN stays a half-open connection for a while.
fn inject(packet: &Packet, source: &str, actors: &Actors) -> Result<Visit> {
    let source: IpAddr = source.parse()?;
    let before = actors.network.half_open(source)?;
    let begun = Instant::now();
    actors.attacker.injector()?.send(&packet.bytes())?;
    while actors.network.half_open(source)? == before && begun.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(5));
    }
    let got_in = actors.network.half_open(source)? > before;
    let seen = if got_in { "a half-open connection" } else { "no half-open connection" };
    Ok(Visit { got_in, seen: seen.to_owned() })
}
