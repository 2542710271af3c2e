//! `bpf-linker`, built with the LLVM that the nightly has.

use std::{env, path::Path, process::Command};

use anyhow::{Context as _, Result};
use ebpf_build::{LLVM_MAJOR, Linker, ToolchainError};

use super::debian;
use crate::progress;

/// The release that was tried with the pinned nightly.
const RELEASE: &str = "bpf-linker@0.13.0";

/// Builds `bpf-linker` unless one that fits is installed.
pub(super) fn ensure() -> Result<String> {
    let finding = match Linker::find() {
        Ok(linker) => {
            return Ok(format!("{} fits ({})", linker.path.display(), linker.version));
        }
        Err(error) => error,
    };
    println!("  {finding}");
    let prefix = format!("/usr/lib/llvm-{LLVM_MAJOR}");
    if !Path::new(&prefix).join("bin/llvm-config").is_file() {
        let package = format!("llvm-{LLVM_MAJOR}-dev");
        let why = format!("bpf-linker is built with {package}, which Debian 12 carries in its security suite");
        debian::install(&[&package], &why).context(why.clone())?;
    }
    let mut cargo = Command::new("cargo");
    cargo
        .args(["install", RELEASE, "--locked", "--force", "--no-default-features", "--features"])
        .arg(format!("llvm-{LLVM_MAJOR}"))
        .env("LLVM_PREFIX", &prefix)
        .env_remove("CARGO_TARGET_DIR")
        // In the workspace's folder, its settings would reach this build too.
        .current_dir(env::temp_dir());
    progress::run("build bpf-linker", cargo)?;
    let linker = Linker::find().map_err(shadowed)?;
    Ok(format!("built {} ({})", linker.path.display(), linker.version))
}

/// After a good build only another `bpf-linker`, earlier on `PATH`, can be at fault.
fn shadowed(error: ToolchainError) -> anyhow::Error {
    match error {
        ToolchainError::LinkerLlvm { path, .. } | ToolchainError::BrokenLinker { path, .. } => {
            anyhow::anyhow!(
                "the right bpf-linker was built, but {} comes before it on PATH; remove it or put Cargo's bin folder first",
                path.display()
            )
        }
        other => other.into(),
    }
}
