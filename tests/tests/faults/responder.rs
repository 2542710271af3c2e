//! What can happen to the responder, and to those whom it answers.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tests::net::{Authority, Certificate, Curl, GuardConfig, Hostile, Network, Responder, eventually};

use crate::scene::{DENIED, REGISTRY, Scene, rest};
use crate::table::Outcome;

/// Denied SYNs that are admitted in a second, from all sources.
const TOTAL: u32 = 200;

/// Denied clients are told why, by TLS.
struct Told {
    responder: Responder,
    certificate: Certificate,
    scene: Scene,
}

impl Told {
    fn set() -> Result<Self> {
        let mut certificate = None;
        let mut scene = Scene::prepare(|network| {
            let authority = Authority::make(&network.folder().join("trust"))?;
            let issued = authority.issue(&network.folder().join("certificate"))?;
            let config = GuardConfig::of(network).forbidden(&issued).budget(8192, TOTAL);
            certificate = Some(issued);
            Ok(config)
        })?;
        scene.agent.run()?;
        scene.allow()?;
        let responder = Responder::start(&scene.agent)?;
        scene.wait_for("ENFORCING")?;
        let certificate = certificate.ok_or_else(|| anyhow::anyhow!("there is a certificate"))?;
        Ok(Self { responder, certificate, scene })
    }
}

/// Whether the denied client, who trusts this certificate, reads 403 in the end. The flood uses up the budget in which it is let
/// through, so this takes a while.
fn told(scene: &Scene, certificate: &Certificate) -> Result<()> {
    let curl = Curl { client: &scene.client, certificate };
    let denied: IpAddr = DENIED.parse()?;
    eventually("the denied client reads 403", || {
        Ok(curl.get("/v2/", Some(denied), Duration::from_secs(3))?.stdout.ends_with("\n403\n"))
    })
}

pub(crate) fn dead() -> Result<Outcome> {
    let Told { mut responder, certificate, mut scene } = Told::set()?;
    let stood = scene.under_flood(|scene| {
        responder.kill9()?;
        scene.wait_for_problem("no responder")?;
        rest();
        responder.run()?;
        responder.wait_for_listener()?;
        scene.wait_for("ENFORCING")
    })?;
    told(&scene, &certificate)?;
    Ok(Outcome::Stood(stood))
}

/// Another certificate, then one that is none.
pub(crate) fn certificate_changed() -> Result<Outcome> {
    let Told { responder, certificate, mut scene } = Told::set()?;
    let renewed =
        Authority::make(&scene.network.folder().join("other"))?.issue(&scene.network.folder().join("renewed"))?;
    let stood = scene.under_flood(|_| {
        for (from, to) in [(renewed.key(), certificate.key()), (renewed.chain(), certificate.chain())] {
            let aside = to.with_extension("new");
            fs::copy(from, &aside)?;
            fs::rename(aside, to)?;
        }
        rest();
        Ok(())
    })?;
    told(&scene, &renewed)?;
    fs::write(certificate.chain(), "-----BEGIN CERTIFICATE-----\nnothing\n")?;
    let file = certificate.chain().display().to_string();
    eventually("somebody says what is wrong", || Ok((scene.agent.log() + &responder.log()).contains(&file)))?;
    told(&scene, &renewed)?;
    Ok(Outcome::Stood(stood))
}

/// Connections on which nothing is said, and handshakes that do not end.
pub(crate) fn worn_out() -> Result<Outcome> {
    let Told { mut responder, certificate, mut scene } = Told::set()?;
    let destination: SocketAddr = (Network::REGISTRY_V4, 443).into();
    let sources = [DENIED.parse()?];
    let stood = scene.under_flood(|scene| {
        let hostile = Hostile { client: &scene.client, sources: &sources, destination };
        let held = (hostile.idle(50)?, hostile.half_handshakes(50)?);
        rest();
        drop(held);
        Ok(())
    })?;
    ensure!(responder.runs()?, "{}", responder.log());
    told(&scene, &certificate)?;
    Ok(Outcome::Stood(stood))
}

/// More sources than the map of budgets has room for: what has no budget is dropped.
pub(crate) fn budgets_overflow() -> Result<Outcome> {
    let Told { responder: _responder, certificate: _certificate, mut scene } = Told::set()?;
    let stood = scene.under_flood(|scene| {
        let before = scene.agent.outcome(REGISTRY, "admitted")?;
        let begun = Instant::now();
        rest();
        rest();
        let admitted = scene.agent.outcome(REGISTRY, "admitted")? - before;
        // It may begin and end within a second of the kernel's clock.
        let most = u64::from(TOTAL) * (begun.elapsed().as_secs() + 2);
        ensure!(admitted > 0 && admitted <= most, "{admitted} were admitted, at {TOTAL} a second");
        ensure!(scene.agent.outcome(REGISTRY, "overTotalBudget")? > 50_000, "few were over the budget");
        Ok(())
    })?;
    Ok(Outcome::Stood(stood))
}
