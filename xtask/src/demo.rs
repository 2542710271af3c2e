//! `cargo xtask demo`: a guarded registry at work, on a machine that this very command sets up.

use anyhow::{Context as _, Result, ensure};

use crate::{
    guard_binary::{self, Profile},
    setup, workspace,
};

/// Builds everything as it is shipped, and runs the demo of the `tests` package.
pub(crate) fn run() -> Result<()> {
    setup::run_as_root("the demo creates network namespaces and loads BPF programs", "demo")?;
    let binary = guard_binary::build(Profile::Release)?;
    let status = workspace::cargo()
        .args(["run", "--quiet", "--package", "tests", "--bin", "demo"])
        .args(Profile::Release.flag())
        .env(guard_binary::VARIABLE, &binary)
        .status()
        .context("starting the demo")?;
    ensure!(status.success(), "the demo did not end as expected ({status})");
    Ok(())
}
