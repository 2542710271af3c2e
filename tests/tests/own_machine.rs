//! What a test may do to nothing but a machine of its own: its clock, its lockdown, devices that its kernel must know.
//!
//! `cargo xtask vm-test` runs them in its machines, one after the other in the order of their names.

use std::env;
use std::fs;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime, clock_settime};
use serde_json::{Value, json};
use tests::net::{Agent, GuardConfig, Network, Outcome, PlainRegistry, Visitor, eventually};

const REGISTRY: &str = GuardConfig::REGISTRY;
/// How `cargo xtask vm-test` says that the machine is nobody else's.
const OWN: &str = "OWN_MACHINE";
/// Seconds.
const YEAR: i64 = 365 * 24 * 3600;

fn is_own(why: &str) -> bool {
    let own = env::var_os(OWN).is_some();
    if !own {
        println!("SKIPPED: {why}; `cargo xtask vm-test --only corpus` has machines for it");
    }
    own
}

/// A network with a registry, and a visitor who is not plugged in.
fn scene() -> Result<(Network, PlainRegistry, Visitor)> {
    let network = Network::new()?;
    let registry = PlainRegistry::start(network.host(), 443)?;
    let visitor = Visitor::new(&network)?;
    Ok((network, registry, visitor))
}

/// An agent on these interfaces that lets the visitor's allowed address in.
fn guard(network: &Network, interface: &str) -> Result<Agent> {
    let agent = Agent::start(network, &GuardConfig::on(&[interface]).to_string())?;
    agent.json(["network-rule", "add", "-n", REGISTRY, "--ip-address", Visitor::ALLOWED])?;
    Ok(agent)
}

fn mode(agent: &Agent, interface: &str) -> Result<Value> {
    let status = agent.json(["status"])?;
    let found = status["interfaces"].as_array().into_iter().flatten().find(|one| one["name"] == interface);
    let found = found.with_context(|| format!("no {interface} in {status}"))?;
    ensure!(found["enforcing"] == true, "{found}");
    Ok(found["mode"].clone())
}

/// The wall clock, which is set right when this is dropped.
struct WallClock {
    began: (TimeSpec, Instant),
}

impl WallClock {
    fn right() -> Result<Self> {
        Ok(Self { began: (clock_gettime(ClockId::CLOCK_REALTIME)?, Instant::now()) })
    }

    /// Sets it so many years from the right time.
    fn set(&self, years: i64) -> Result<()> {
        let (then, since) = self.began;
        let right = then + TimeSpec::from_duration(since.elapsed());
        let wrong = right + TimeSpec::new(years * YEAR, 0);
        clock_settime(ClockId::CLOCK_REALTIME, wrong).context("setting the clock")
    }
}

impl Drop for WallClock {
    fn drop(&mut self) {
        if let Err(problem) = self.set(0) {
            eprintln!("the clock stays wrong: {problem:#}");
        }
    }
}

#[test]
fn a_bond_is_guarded_by_its_own_name_and_by_that_of_its_member() -> Result<()> {
    if !is_own("not every kernel knows bonds") {
        return Ok(());
    }
    for guarded in ["bond0", "port0"] {
        let (network, _registry, visitor) = scene()?;
        network.host().ip(&format!(
            "link add bond0 type bond mode active-backup\nlink add port0 type veth peer name eth0 netns {}",
            visitor.namespace().name()
        ))?;
        // A member that has a program may join no bond that could have one.
        network.host().ip("link set port0 master bond0\nlink set bond0 up")?;
        visitor.routes(&network, "bond0")?;
        eventually("the bond forwards", || Ok(visitor.outcome(Visitor::DENIED)? == Outcome::Connected))?;
        let mut agent = guard(&network, guarded)?;
        visitor.expect_guarded(&format!("with {guarded} named"))?;
        println!("FIGURE: a bond of one veth, {guarded} named: {} mode", mode(&agent, guarded)?);
        agent.restart()?;
        visitor.expect_guarded(&format!("with {guarded} named, after a restart"))?;
    }
    Ok(())
}

#[test]
fn a_clock_that_jumps_moves_no_deadline_and_no_verdict() -> Result<()> {
    if !is_own("the clock is the whole machine's") {
        return Ok(());
    }
    let (network, _registry, visitor) = scene()?;
    visitor.plug(&network, "port0")?;
    let mut agent = guard(&network, "port0")?;
    let open_for = |time: &str| {
        agent.cli(["update", "-n", REGISTRY, "--default-action", "Allow", "--confirm-within", time])?.expect_success()
    };
    let clock = WallClock::right()?;

    let before = agent.json(["status"])?["revision"].clone();
    open_for("1h")?;
    clock.set(10)?;
    assert_eq!(visitor.outcome(Visitor::DENIED)?, Outcome::Connected, "an hour is not over because a clock says so");
    assert_eq!(agent.json(["status"])?["unconfirmed"]["rollsBackTo"], before);
    agent.cli(["rollback"])?.expect_success()?;
    visitor.expect_guarded("ten years on")?;

    open_for("5s")?;
    clock.set(-10)?;
    eventually("what nobody confirmed goes back", || Ok(agent.json(["status"])?["unconfirmed"] == Value::Null))?;
    let last = agent.json(["history", "--top", "1"])?[0].clone();
    assert_eq!(last["who"], json!("the agent (not confirmed within 5s)"));
    visitor.expect_guarded("ten years ago")?;

    agent.restart()?;
    visitor.expect_guarded("started ten years ago")?;
    clock.set(0)?;
    visitor.expect_guarded("at the right time again")
}

/// The last, since no kernel takes it back.
#[test]
fn under_lockdown_an_agent_starts_and_whoever_is_denied_stays_denied() -> Result<()> {
    if !is_own("no kernel takes its lockdown back") {
        return Ok(());
    }
    let (network, _registry, visitor) = scene()?;
    visitor.plug(&network, "port0")?;
    let mut agent = guard(&network, "port0")?;
    for level in ["integrity", "confidentiality"] {
        fs::write("/sys/kernel/security/lockdown", level).with_context(|| format!("locking down: {level}"))?;
        visitor.expect_guarded(&format!("under {level}"))?;
        agent.stop()?;
        visitor.expect_guarded(&format!("without an agent, under {level}"))?;
        agent.run().with_context(|| format!("under {level}"))?;
        visitor.expect_guarded(&format!("by an agent that was started under {level}"))?;
    }
    Ok(())
}
