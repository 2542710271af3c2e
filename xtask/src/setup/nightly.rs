//! The nightly compiler for the kernel programs.

use std::process::Command;

use anyhow::Result;
use ebpf_build::{Nightly, PINNED, ToolchainError};

use crate::progress;

/// Installs the pinned nightly unless one that fits is installed.
pub(super) fn ensure() -> Result<String> {
    let finding = match Nightly::find() {
        Ok(nightly) => return Ok(format!("{} fits ({})", nightly.name, nightly.version)),
        Err(error @ ToolchainError::NoNightly { .. }) => error,
        Err(other) => return Err(other.into()),
    };
    println!("  {finding}");
    let mut rustup = Command::new("rustup");
    rustup.args([
        "toolchain",
        "install",
        PINNED,
        "--profile",
        "minimal",
        "--component",
        "rust-src",
        "--no-self-update",
    ]);
    progress::run(&format!("install {PINNED} with rust-src"), rustup)?;
    let nightly = Nightly::find()?;
    Ok(format!("installed {} ({})", nightly.name, nightly.version))
}
