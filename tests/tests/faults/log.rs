//! What a flood does to the log.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tests::net::{GuardConfig, eventually};

use crate::scene::{REGISTRY, Scene};
use crate::table::Outcome;

/// Lines of the log that tell of a denied packet, and the number of those that were left out.
fn told(scene: &Scene) -> (u64, u64) {
    let log = scene.agent.log();
    let lines = log.lines().filter(|line| line.contains(" denied ") && line.contains("source=")).count();
    let number = |line: &str| line.split("left_out=").nth(1)?.split_whitespace().next()?.parse::<u64>().ok();
    (u64::try_from(lines).unwrap_or(u64::MAX), log.lines().filter_map(number).sum())
}

/// Each denied packet is told, or counted as left out.
fn expect_none_lost(scene: &Scene) -> Result<()> {
    let denied = || scene.agent.counter(REGISTRY, "NoRule");
    eventually("every denied packet is told or counted as left out", || {
        let (told, left_out) = told(scene);
        Ok(told + left_out == denied()?)
    })
}

pub(crate) fn flooded() -> Result<Outcome> {
    const PER_SECOND: u32 = 10;
    let begun = Instant::now();
    let mut scene = Scene::with(|network| Ok(GuardConfig::of(network).events_per_second(PER_SECOND)))?;
    let stood = scene.under_flood(|_| Ok(()))?;
    expect_none_lost(&scene)?;
    let (told, left_out) = told(&scene);
    let most = u64::from(PER_SECOND) * (begun.elapsed().as_secs() + 2);
    ensure!(told > 0 && told <= most && left_out > 50_000, "{told} told, {left_out} left out");
    Ok(Outcome::Stood(stood))
}

/// Nobody reads the ring buffer, and there is budget for far more than fits into it.
pub(crate) fn ring_full() -> Result<Outcome> {
    let mut scene = Scene::with(|network| Ok(GuardConfig::of(network).events_per_second(20_000)))?;
    let stood = scene.under_flood(|scene| {
        let pid = Pid::from_raw(scene.agent.pid().context("the agent does not run")?.cast_signed());
        kill(pid, Signal::SIGSTOP)?;
        thread::sleep(Duration::from_secs(1));
        kill(pid, Signal::SIGCONT)?;
        Ok(())
    })?;
    expect_none_lost(&scene)?;
    ensure!(told(&scene).1 > 10_000, "nothing was left out: {:?}", told(&scene));
    Ok(Outcome::Stood(stood))
}
