use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rand::Rng as _;
use tests::net::{Client, Curl, DockerRegistry, Network, Overlay, Ran, run};
use tests::packet::{Ethernet, Ipv4, Packet, Tcp, Udp, Vxlan};

use crate::actors::Actors;
use crate::screen::ms;

/// How long a client waits for an answer before it gives up.
const LIMIT: Duration = Duration::from_secs(10);
/// How long a forged packet may take to its destination.
const PATIENCE: Duration = Duration::from_millis(400);

/// Whom a visitor met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Met {
    /// The registry.
    Registry,
    /// Whoever says 403, and names the visitor's own address.
    Forbidden,
    /// Nobody.
    Nobody,
}

/// What became of an attempt to reach the registry.
pub(crate) struct Visit {
    /// Whom it led to.
    pub(crate) met: Met,
    /// What the client saw, and how fast.
    pub(crate) seen: String,
}

/// Asks the registry something over HTTPS, from the client's preferred address.
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

/// The registry's own host, by way of its loopback interface.
pub(crate) fn of_host(actors: &Actors) -> Result<Visit> {
    let (name, address) = (Network::LOGIN_SERVER, Network::REGISTRY_V4);
    let mut curl = actors.network.host().command("curl");
    curl.args(["--silent", "--show-error", "--noproxy", "*", "--write-out", "\n%{http_code}\n", "--cacert"]);
    curl.arg(actors.registry.certificate().authority());
    curl.args(["--resolve", &format!("{name}:443:{address}"), &format!("https://{name}/v2/")]);
    Ok(judge(&run(&mut curl, LIMIT)?, address.into()))
}

/// A SYN in VXLAN, from a VTEP that is not one of the network's.
pub(crate) fn of_forger(actors: &Actors) -> Result<Visit> {
    let underlay = Ethernet::default() / Ipv4::from(Actors::UNTRUSTED_VTEP).to(Network::UNDERLAY_V4);
    let inner = Ethernet::default() / Ipv4::from(Actors::FORGED_INNER) / new_syn();
    inject(&(underlay / Udp::vxlan() / Vxlan::vni(5001) / inner), Actors::FORGED_INNER, actors)
}

/// One SYN from somebody else's address.
pub(crate) fn of_spoofer(actors: &Actors) -> Result<Visit> {
    let source = Actors::SPOOFED_ONCE;
    inject(&(Ethernet::default() / Ipv4::from(source) / new_syn()), source, actors)
}

/// A SYN from a port of its own, lest it be taken for one that was sent before.
fn new_syn() -> Tcp {
    Tcp::syn(443).from(rand::rng().random_range(1024..=u16::MAX))
}

/// The same from this address of the client's.
pub(crate) fn browse(client: &Client, source: IpAddr, actors: &Actors) -> Result<Visit> {
    let curl = Curl { client, certificate: actors.registry.certificate() };
    Ok(judge(&curl.get("/v2/", Some(source), LIMIT)?, source))
}

/// What curl's answer means, whose last line is the status.
fn judge(ran: &Ran, source: IpAddr) -> Visit {
    let told = ran.stdout.contains(&format!("client with IP '{source}' is not allowed access"));
    let status = ran.stdout.lines().last().unwrap_or("000");
    let met = match status {
        "200" => Met::Registry,
        "403" if told => Met::Forbidden,
        _ => Met::Nobody,
    };
    let seen = match status {
        "000" => ran.stderr.lines().last().unwrap_or("no answer").to_owned(),
        _ => format!("HTTP {status} in {}", ms(ran.took)),
    };
    Visit { met, seen }
}

/// Nobody answers in the sender's place, so a SYN that the registry's own socket took stays half open there for a while.
fn inject(packet: &Packet, source: &str, actors: &Actors) -> Result<Visit> {
    let source: IpAddr = source.parse()?;
    let half_open = || -> Result<usize> {
        let sources = actors.network.half_open_at(DockerRegistry::USER)?;
        Ok(sources.into_iter().filter(|one| *one == source).count())
    };
    let before = half_open()?;
    let begun = Instant::now();
    actors.attacker.injector()?.send(&packet.bytes())?;
    while half_open()? == before && begun.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(5));
    }
    let got_in = half_open()? > before;
    let (met, seen) = if got_in { (Met::Registry, "reached it") } else { (Met::Nobody, "did not reach it") };
    Ok(Visit { met, seen: seen.to_owned() })
}
