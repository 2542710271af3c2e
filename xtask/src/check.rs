//! `cargo xtask check`: everything that is judged without running the product.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::{setup, workspace};

/// What became of one check.
enum Outcome {
    Passed,
    Failed,
    /// It did not run; the text says why, and what would make it run.
    NotRun(&'static str),
}

/// Runs every check, so that one run shows all that is wrong.
pub(crate) fn run() -> Result<()> {
    let outcomes = [
        ("fmt", cargo(&["fmt", "--all", "--check"])?),
        ("clippy", cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?),
        ("doc", doc()?),
        ("deny", deny()?),
    ];
    let mut failed = Vec::new();
    for (name, outcome) in &outcomes {
        match outcome {
            Outcome::Passed => println!("check: {name}: passed"),
            Outcome::Failed => {
                println!("check: {name}: FAILED");
                failed.push(*name);
            }
            Outcome::NotRun(why) => println!("check: {name}: NOT RUN: {why}"),
        }
    }
    if !failed.is_empty() {
        bail!("check failed: {}", failed.join(", "));
    }
    Ok(())
}

fn doc() -> Result<Outcome> {
    let mut doc = workspace::cargo();
    doc.args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
    outcome(doc)
}

/// The checks of cargo-deny that work without the network: advisories need a download.
fn deny() -> Result<Outcome> {
    if setup::deny_version().is_none() {
        return Ok(Outcome::NotRun("cargo-deny is not installed; `cargo xtask setup --with-deny` installs it"));
    }
    cargo(&["deny", "--offline", "check", "licenses", "bans", "sources"])
}

fn cargo(arguments: &[&str]) -> Result<Outcome> {
    let mut cargo = workspace::cargo();
    cargo.args(arguments);
    outcome(cargo)
}

fn outcome(mut command: Command) -> Result<Outcome> {
    let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
    println!("check: cargo {}", words.join(" "));
    let status = command.status().context("starting cargo")?;
    Ok(if status.success() { Outcome::Passed } else { Outcome::Failed })
}
