//! What can happen to interfaces and to the program on them.

use anyhow::{Result, ensure};
use nix::net::if_::if_nametoindex;
use tests::net::{Agent, GuardConfig, PassProgram, Visitor, run};

use crate::scene::Scene;
use crate::table::Outcome;

const MINUTE: std::time::Duration = std::time::Duration::from_mins(1);

/// A scene in which `port0` is guarded as soon as it is there.
fn with_port() -> Result<(Scene, Visitor)> {
    let scene = Scene::with(|network| Ok(GuardConfig::of(network).events_per_second(10).hotplug("port0")))?;
    let visitor = Visitor::new(&scene.network)?;
    Ok((scene, visitor))
}

fn wait_until_guarded(scene: &Scene, name: &str) -> Result<()> {
    tests::net::eventually(&format!("{name} is guarded"), || scene.is_guarded(name))
}

pub(crate) fn late() -> Result<Outcome> {
    let (mut scene, visitor) = with_port()?;
    scene
        .under_flood(|scene| {
            visitor.plug(&scene.network, "port0")?;
            visitor.expect_judged("as soon as it is there")?;
            wait_until_guarded(scene, "port0")?;
            visitor.expect_guarded("by the program on it")
        })
        .map(Outcome::Stood)
}

pub(crate) fn renamed() -> Result<Outcome> {
    let (mut scene, visitor) = with_port()?;
    visitor.plug(&scene.network, "port0")?;
    wait_until_guarded(&scene, "port0")?;
    scene
        .under_flood(|scene| {
            visitor.rename(&scene.network, "port0", "spare0")?;
            visitor.expect_guarded("under a name that nobody guards")?;
            ensure!(scene.is_guarded("spare0")?, "it is not told under its other name: {:?}", scene.status()?);
            // The program stays on it whatever version the agent has.
            scene.agent.restart()?;
            ensure!(scene.is_guarded("spare0")?, "it has no program of this agent: {:?}", scene.status()?);
            visitor.rename(&scene.network, "spare0", "port0")?;
            wait_until_guarded(scene, "port0")?;
            visitor.expect_guarded("under its own name again")
        })
        .map(Outcome::Stood)
}

pub(crate) fn deleted_and_made_again() -> Result<Outcome> {
    let (mut scene, visitor) = with_port()?;
    visitor.plug(&scene.network, "port0")?;
    wait_until_guarded(&scene, "port0")?;
    scene
        .under_flood(|scene| {
            for _ in 0..3 {
                scene.network.host().ip("link del port0")?;
                visitor.plug(&scene.network, "port0")?;
                visitor.expect_judged("before the agent has seen it")?;
                wait_until_guarded(scene, "port0")?;
            }
            visitor.expect_guarded("in the end")
        })
        .map(Outcome::Stood)
}

/// The index of an interface that is gone goes to another one, which nobody wants guarded, and then to one that is.
pub(crate) fn index_given_to_another() -> Result<Outcome> {
    const INDEX: u32 = 777;
    let (mut scene, visitor) = with_port()?;
    visitor.plug_at(&scene.network, "port0", INDEX)?;
    wait_until_guarded(&scene, "port0")?;
    scene
        .under_flood(|scene| {
            // While there is no agent, nobody notices that the interface behind the pin is another.
            scene.agent.stop()?;
            scene.network.host().ip("link del port0")?;
            visitor.plug_at(&scene.network, "other0", INDEX)?;
            scene.agent.run()?;
            visitor.expect_judged("by the second layer alone")?;
            let pin = scene.agent.pins().join("links").join(INDEX.to_string());
            ensure!(!pin.exists(), "the pin of the interface that is gone stays");
            scene.network.host().ip("link del other0")?;
            visitor.plug_at(&scene.network, "port0", INDEX)?;
            wait_until_guarded(scene, "port0")?;
            visitor.expect_guarded("by the program on it")
        })
        .map(Outcome::Stood)
}

pub(crate) fn jumbo_frames() -> Result<Outcome> {
    let (mut scene, visitor) = with_port()?;
    visitor.plug(&scene.network, "port0")?;
    wait_until_guarded(&scene, "port0")?;
    scene
        .under_flood(|scene| {
            for mtu in [9000, 65_535, 1280, 9000] {
                visitor.namespace().ip(&format!("link set eth0 mtu {mtu}"))?;
                scene.network.host().ip(&format!("link set port0 mtu {mtu}"))?;
                ensure!(scene.is_guarded("port0")?, "with an MTU of {mtu}: {:?}", scene.status()?);
            }
            visitor.expect_guarded("with large frames")?;
            // A driver that takes the program only with small frames would refuse it now.
            scene.network.host().ip("link del port0")?;
            scene.network.host().ip(&format!(
                "link add port0 mtu 9000 type veth peer name eth0 mtu 9000 netns {}\nlink set port0 up",
                visitor.namespace().name()
            ))?;
            visitor.routes(&scene.network, "port0")?;
            wait_until_guarded(scene, "port0")?;
            visitor.expect_guarded("with large frames from the beginning")?;
            scene.wait_for("ENFORCING")
        })
        .map(Outcome::Stood)
}

/// The flood comes through a bridge, for which no program runs in a driver.
pub(crate) fn no_native_mode() -> Result<Outcome> {
    let mut scene = Scene::prepare_behind_bridge()?;
    scene.agent.run()?;
    scene.allow()?;
    let status = scene.agent.json(["status", "--query", "interfaces[?name=='br-attacker'].mode | [0]"])?;
    ensure!(status == "generic", "{status}");
    let warned = scene.agent.log().lines().any(|line| line.contains(" WARN ") && line.contains("SLOW"));
    ensure!(warned, "nobody is told that it is slow: {}", scene.agent.log());
    scene.under_flood(|_| Ok(())).map(Outcome::Stood)
}

/// Another program is on an interface that may be guarded, and then on one that must be.
pub(crate) fn foreign_program() -> Result<Outcome> {
    let (mut scene, visitor) = with_port()?;
    scene
        .under_flood(|scene| {
            scene.agent.stop()?;
            visitor.plug(&scene.network, "port0")?;
            let foreign = PassProgram::attach(scene.network.host(), "port0")?;
            scene.agent.run()?;
            let (state, problems) = scene.status()?;
            ensure!(state == "DEGRADED" && problems.contains("port0"), "{state}: {problems}");
            visitor.expect_judged("by the second layer, beside a foreign program")?;
            // A second agent that must guard it does not start, and takes nothing away.
            let strict = Agent::prepare(&scene.network, "strict", &GuardConfig::on(&["port0"]).to_string())?;
            let ran = run(&mut strict.run_command(), MINUTE)?;
            ensure!(!ran.success() && ran.stderr.contains("another XDP program"), "{}", ran.stderr);
            drop(foreign);
            wait_until_guarded(scene, "port0")?;
            scene.wait_for("ENFORCING")
        })
        .map(Outcome::Stood)
}

/// The program stands by a link, so nobody takes it away by the way that was there before links.
pub(crate) fn taken_away_without_a_link() -> Result<Outcome> {
    let mut scene = Scene::set()?;
    let own = scene.client.host_interface().to_owned();
    scene
        .under_flood(|scene| {
            let index = scene.network.host().within(|| if_nametoindex(own.as_str()))??;
            let pin = scene.agent.pins().join("links").join(index.to_string());
            ensure!(pin.exists(), "the program on {own} has no pinned link");
            for mode in ["xdp", "xdpdrv", "xdpgeneric"] {
                let asked = scene.network.host().ip(&format!("link set dev {own} {mode} off"));
                ensure!(mode == "xdpgeneric" || asked.is_err(), "`ip link set {mode} off` took the program away");
            }
            ensure!(scene.is_guarded(&own)?, "{:?}", scene.status()?);
            Ok(())
        })
        .map(Outcome::Stood)
}
