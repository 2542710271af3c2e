//! `cargo-deb`, which makes the Debian package.

use std::{path::PathBuf, process::Command};

use anyhow::Result;

use crate::{progress, workspace};

/// The release that was tried.
const RELEASE: &str = "cargo-deb@3.8.0";

/// Builds cargo-deb into the target folder unless it is there; returns its path, and what was done.
pub(crate) fn ensure() -> Result<(PathBuf, String)> {
    let root = workspace::target_dir()?.join("cargo-deb");
    let program = root.join("bin/cargo-deb");
    let version = Command::new(&program).arg("--version").output();
    if let Ok(output) = version
        && RELEASE.ends_with(String::from_utf8_lossy(&output.stdout).trim())
    {
        return Ok((program, format!("{RELEASE} there")));
    }
    let mut cargo = workspace::cargo();
    cargo.args(["install", RELEASE, "--locked", "--force", "--root"]).arg(&root);
    progress::run("build cargo-deb (about two minutes on two cores)", cargo)?;
    Ok((program, format!("built {RELEASE}")))
}
