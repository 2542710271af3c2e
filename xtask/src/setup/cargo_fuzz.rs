//! `cargo-fuzz`, which builds and runs fuzz targets.

use std::{env, process::Command};

use anyhow::Result;

use crate::progress;

const RELEASE: &str = "cargo-fuzz@0.13.2";

/// Builds cargo-fuzz unless it is installed.
pub(super) fn ensure() -> Result<String> {
    if let Some(version) = version() {
        return Ok(format!("{version} there"));
    }
    let mut cargo = Command::new("cargo");
    cargo.args(["install", RELEASE, "--locked"]).env_remove("CARGO_TARGET_DIR").current_dir(env::temp_dir());
    progress::run("build cargo-fuzz (about a minute on two cores)", cargo)?;
    Ok("built".to_owned())
}

fn version() -> Option<String> {
    let output = Command::new("cargo").args(["fuzz", "--version"]).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
