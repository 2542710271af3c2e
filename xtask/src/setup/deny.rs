//! `cargo-deny`, which checks licences and sources of the dependencies.

use std::{env, process::Command};

use anyhow::Result;

use crate::progress;

/// The release whose settings format `deny.toml` follows.
const RELEASE: &str = "cargo-deny@0.20.2";

/// Builds cargo-deny unless it is installed.
pub(super) fn ensure() -> Result<String> {
    if let Some(version) = version() {
        return Ok(format!("{version} there"));
    }
    let mut cargo = Command::new("cargo");
    cargo.args(["install", RELEASE, "--locked"]).env_remove("CARGO_TARGET_DIR").current_dir(env::temp_dir());
    progress::run("build cargo-deny (about three minutes on two cores)", cargo)?;
    Ok("built".to_owned())
}

/// What `cargo deny --version` prints, if it is installed.
pub(crate) fn version() -> Option<String> {
    let output = Command::new("cargo").args(["deny", "--version"]).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
