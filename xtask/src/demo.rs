//! `cargo xtask demo`: a guarded registry at work, on a machine that this very command sets up.

use std::env;

use anyhow::{Context as _, Result, ensure};

use crate::{
    guard_binary::{self, Profile},
    setup, workspace,
};

/// Builds everything as it is shipped, and runs the demo of the `tests` package. Where the variable `CI` is set, time is short and nobody
/// reads figures: there, it runs what the tests have built.
pub(crate) fn run() -> Result<()> {
    setup::run_as_root("the demo creates network namespaces and loads BPF programs", "demo")?;
    let profile = if env::var_os("CI").is_some() { Profile::Dev } else { Profile::Release };
    let binary = guard_binary::build(profile)?;
    let status = workspace::cargo()
        .args(["run", "--quiet", "--package", "tests", "--bin", "demo"])
        .args(profile.flag())
        .env(guard_binary::VARIABLE, &binary)
        .status()
        .context("starting the demo")?;
    ensure!(status.success(), "the demo did not end as expected ({status})");
    Ok(())
}
