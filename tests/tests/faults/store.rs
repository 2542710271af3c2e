//! What can happen to the store, and to those who change the policy.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use tests::net::eventually;

use crate::scene::{ALLOWED, REGISTRY, Scene, rest};
use crate::table::Outcome;

/// The agent is killed again and again while it writes; what it had acknowledged is there in the end.
pub(crate) fn killed_while_it_writes() -> Result<Outcome> {
    Scene::set()?
        .under_flood(|scene| {
            for round in 0..3 {
                let ip = format!("192.0.2.{}", 100 + round);
                scene.agent.json(["network-rule", "add", "-n", REGISTRY, "--ip-address", &ip])?;
                scene.agent.kill9()?;
                scene.agent.run()?;
                let rules = scene.agent.json(["network-rule", "list", "-n", REGISTRY])?.to_string();
                ensure!(rules.contains(&format!("\"{ip}\"")), "{ip} is lost: {rules}");
            }
            Ok(())
        })
        .map(Outcome::Stood)
}

/// The disk of the store has no room for another change.
pub(crate) fn disk_full() -> Result<Outcome> {
    let mut scene = Scene::set()?;
    scene.agent.stop()?;
    let state = scene.agent.state();
    let kept = fs::read(state.join("policy.db"))?;
    mount(Some("tmpfs"), &state, Some("tmpfs"), MsFlags::empty(), Some("size=2M,mode=0700"))?;
    let stood = (|| {
        fs::write(state.join("policy.db"), kept)?;
        scene.agent.run()?;
        scene.under_flood(|scene| {
            let filler = state.join("filler");
            _ = fs::write(&filler, vec![0; 4 << 20]);
            let add = || scene.agent.cli(["network-rule", "add", "-n", REGISTRY, "--ip-address", "192.0.2.9"]);
            let refused = add()?;
            ensure!(refused.status.and_then(|status| status.code()) == Some(1), "{refused:?}");
            fs::remove_file(&filler)?;
            add()?.expect_success().context("with room again")?;
            scene.wait_for("ENFORCING")
        })
    })();
    // The scene's folder can go only when nothing is mounted in it.
    umount2(&state, MntFlags::MNT_DETACH)?;
    stood.map(Outcome::Stood)
}

/// A store that cannot be read: what was in force stays in force, and nothing can be changed until a good one is there.
pub(crate) fn damaged() -> Result<Outcome> {
    Scene::set()?
        .under_flood(|scene| {
            scene.agent.stop()?;
            let file = scene.agent.state().join("policy.db");
            let good = fs::read(&file)?;
            for damage in [Vec::new(), good[..good.len() / 2].to_vec()] {
                fs::write(&file, damage)?;
                scene.agent.run()?;
                let (state, problems) = scene.status()?;
                ensure!(state == "DEGRADED" && problems.contains("policy store"), "{state}: {problems}");
                let change = scene.agent.cli(["network-rule", "add", "-n", REGISTRY, "--ip-address", "192.0.2.9"])?;
                ensure!(change.status.and_then(|status| status.code()) == Some(1), "{change:?}");
                scene.agent.stop()?;
            }
            fs::write(&file, good)?;
            scene.agent.run()?;
            scene.wait_for("ENFORCING")
        })
        .map(Outcome::Stood)
}

/// The rule that lets the caller in goes, and nobody is left who could confirm it; not even the agent, for a moment.
pub(crate) fn locked_out() -> Result<Outcome> {
    Scene::set()?
        .under_flood_with_gaps(|scene| {
            let remove = ["network-rule", "remove", "-n", REGISTRY, "--ip-address", ALLOWED, "--confirm-within", "1s"];
            scene.agent.cli(remove)?.expect_success()?;
            scene.agent.kill9()?;
            rest();
            scene.agent.run()?;
            eventually("the rule comes back by itself", || {
                let rules = scene.agent.json(["network-rule", "list", "-n", REGISTRY])?;
                Ok(rules.to_string().contains(&format!("\"{ALLOWED}\"")))
            })
        })
        .map(Outcome::Stood)
}
