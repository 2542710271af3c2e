//! `cargo xtask az-test`: the real `az` against a guarded registry, on a machine that this very command sets up.

use anyhow::{Context as _, Result, ensure};

use crate::{
    guard_binary::{self, Profile},
    setup, workspace,
};

/// The release that was tried. It names the versions of most that it needs itself.
const AZURE_CLI: &str = "azure-cli==2.91.0\n";

/// Installs `az` in a virtual environment in the target folder, builds everything, and runs the program of the `tests` package
/// that replays the commands.
pub(crate) fn run() -> Result<()> {
    setup::run_as_root("az-test creates network namespaces and loads BPF programs", "az-test")?;
    let (environment, state) = setup::python::ensure_environment("azure-cli", AZURE_CLI)?;
    println!("az-test: azure-cli: {state}");
    let binary = guard_binary::build(Profile::Dev)?;
    let status = workspace::cargo()
        .args(["run", "--quiet", "--package", "tests", "--bin", "az-test"])
        .env(guard_binary::VARIABLE, &binary)
        .env("REGISTRY_GUARD_AZURE_CLI", &environment)
        .status()
        .context("starting az-test")?;
    ensure!(status.success(), "not every command did what it says ({status})");
    Ok(())
}
