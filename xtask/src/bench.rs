//! `cargo xtask bench`: what a denied SYN costs, on a machine that this very command sets up.

use anyhow::{Context as _, Result, ensure};

use crate::{
    guard_binary::{self, Profile},
    setup, workspace,
};

/// What to tell the bench.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Options of the bench, such as `--quick`; `cargo xtask bench -- --help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    options: Vec<String>,
}

/// Builds everything as it is shipped, and runs the bench.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    setup::run_as_root("the bench creates network namespaces and loads BPF programs", "bench")?;
    let binary = guard_binary::build(Profile::Release)?;
    let status = workspace::cargo()
        .args(["run", "--quiet", "--package", "bench"])
        .args(Profile::Release.flag())
        .arg("--")
        .arg("--output")
        .arg(workspace::target_dir()?.join("bench"))
        .args(&arguments.options)
        .env(guard_binary::VARIABLE, &binary)
        .status()
        .context("starting the bench")?;
    ensure!(status.success(), "not everything could be measured ({status})");
    Ok(())
}
