//! The demonstration behind `cargo xtask demo`: a real registry in network namespaces of its own, before and behind the guard.
//!
//! Ends with exit code 0 only if every row was as expected and nothing stays behind.

mod actors;
mod counters;
mod flood;
mod interrupt;
mod killed;
mod leftovers;
mod live;
mod policy;
mod real_clients;
mod report;
mod screen;
mod talk;
mod tally;
mod unlisted;
mod visit;
mod visits;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use nix::unistd::Uid;
use tests::net::{Agent, GuardConfig, Responder};

use crate::actors::Actors;
use crate::leftovers::Traces;
use crate::screen::heading;
use crate::tally::Tally;

fn main() -> ExitCode {
    let started = Instant::now();
    let mut tally = Tally::default();
    if let Err(error) = interrupt::watch().and_then(|()| show(&mut tally)) {
        let why = if interrupt::happened() { "interrupted".to_owned() } else { format!("{error:#}") };
        eprintln!("\nerror: the demo could not go on: {why}");
        return ExitCode::FAILURE;
    }
    println!("\n{tally} ({:.0} s)", started.elapsed().as_secs_f32());
    if tally.is_right() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn show(tally: &mut Tally) -> Result<()> {
    ensure!(
        Uid::effective().is_root(),
        "it creates network namespaces and loads BPF programs, which only root may; \
         sudo --preserve-env=PATH,HOME cargo xtask demo"
    );
    let traces = acts(tally)?;
    heading("Nothing stays behind")?;
    for (what, left) in traces.left_behind()? {
        let found = if left.is_empty() { "none".to_owned() } else { left.join(", ") };
        println!("  {what}: {found}   {}", tally.row(what, left.is_empty()));
    }
    Ok(())
}

/// Everything that needs the actors, who are gone when it returns; what to look for afterwards.
fn acts(tally: &mut Tally) -> Result<Traces> {
    heading("A registry, its clients, no guard yet")?;
    let mut actors = Actors::assemble()?;
    actors.introduce();
    let unguarded = visits::attend(&actors, None)?;

    heading("The guard, and the networks that may come in")?;
    let mut agent =
        Agent::prepare(&actors.network, "agent", &policy::config(&actors.network, actors.registry.certificate()))?;
    let begun = Instant::now();
    agent.run().context("starting the guard")?;
    println!(
        "  registry-guard runs and guards {} interfaces ({})",
        actors.network.interfaces().len(),
        screen::ms(begun.elapsed())
    );
    let begun = Instant::now();
    let mut responder = Responder::start(&agent)?;
    println!(
        "  registry-guard responder runs as user {} (nobody) and tells denied clients why ({})",
        GuardConfig::RESPONDER_USER,
        screen::ms(begun.elapsed())
    );
    println!("  A fresh guard lets nobody in. Each command returns when the kernel enforces it:");
    policy::write(&agent)?;

    heading("Who gets in, without and with the guard")?;
    let guarded = visits::attend(&actors, Some(&agent))?;
    visits::print(&unguarded, &guarded, tally);

    heading("Real clients")?;
    real_clients::show(&actors, tally)?;

    heading("What a denied client is told")?;
    real_clients::words(&actors, &agent, tally)?;

    heading("A rule added and removed live")?;
    live::show(&actors, &agent, tally)?;

    heading("A NIC that the guard was not told of")?;
    unlisted::show(&mut actors, &agent, tally)?;

    heading("A flood of denied SYNs while an allowed client pulls")?;
    flood::show(&actors, &agent, tally)?;

    heading("What the guard says of itself")?;
    report::show(&agent, tally)?;

    heading("The guard is killed")?;
    killed::show(&actors, &mut agent, &mut responder, tally)?;
    Traces::of(&actors.network, &agent)
}
