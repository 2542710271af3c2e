//! The parts of the stable toolchain that `check` runs.

use std::{path::Path, process::Command};

use anyhow::{Context as _, Result, ensure};

use crate::progress;

/// Adds rustfmt and clippy to the toolchain that runs this program, if it lacks them.
pub(super) fn ensure() -> Result<String> {
    let rustc = Command::new("rustc").args(["--print", "sysroot"]).output().context("running rustc")?;
    ensure!(
        rustc.status.success(),
        "rustc cannot tell where it is installed: {}",
        String::from_utf8_lossy(&rustc.stderr)
    );
    let sysroot = String::from_utf8_lossy(&rustc.stdout);
    let bin = Path::new(sysroot.trim()).join("bin");
    if bin.join("cargo-fmt").is_file() && bin.join("cargo-clippy").is_file() {
        return Ok("rustfmt and clippy there".to_owned());
    }
    let mut rustup = Command::new("rustup");
    rustup.args(["component", "add", "rustfmt", "clippy"]);
    progress::run("add rustfmt and clippy", rustup)?;
    Ok("added rustfmt and clippy".to_owned())
}
