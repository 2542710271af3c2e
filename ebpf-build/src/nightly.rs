//! The nightly compiler that builds the kernel programs.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{LLVM_MAJOR, ToolchainError, linker::cargo_bin, llvm::number_after};

/// The nightly that `cargo xtask setup` installs when no other fits: the last whose LLVM is [`LLVM_MAJOR`] and was tried.
pub const PINNED: &str = "nightly-2026-05-20";

/// A nightly toolchain that can build the kernel programs.
#[derive(Debug)]
pub struct Nightly {
    /// The name that `rustup run` takes.
    pub name: &'static str,
    /// The version that `rustc --version` prints.
    pub version: String,
}

impl Nightly {
    /// The installed `nightly` if it fits, else [`PINNED`].
    pub fn find() -> Result<Self, ToolchainError> {
        let rustup = rustup()?;
        let mut findings = Vec::new();
        for name in ["nightly", PINNED] {
            match Self::inspect(&rustup, name) {
                Ok(nightly) => return Ok(nightly),
                Err(finding) => findings.push(finding),
            }
        }
        Err(ToolchainError::NoNightly { findings })
    }

    /// The toolchain of this name, or what keeps it from being used.
    fn inspect(rustup: &Path, name: &'static str) -> Result<Self, String> {
        let Some(verbose_version) = rustc(rustup, name, ["-vV"]) else {
            return Err(format!("{name} is not installed"));
        };
        match number_after(verbose_version.as_bytes(), b"LLVM version: ") {
            Some(LLVM_MAJOR) => {}
            Some(other) => return Err(format!("{name} has LLVM {other}")),
            None => return Err(format!("{name} does not tell its LLVM version")),
        }
        let sysroot = rustc(rustup, name, ["--print", "sysroot"]).unwrap_or_default();
        let core = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/core/src/lib.rs");
        if !core.is_file() {
            return Err(format!("{name} lacks rust-src"));
        }
        let version = verbose_version.lines().next().unwrap_or_default().to_owned();
        Ok(Self { name, version })
    }
}

/// What the toolchain's `rustc` prints, or nothing if the toolchain is not installed.
fn rustc<const N: usize>(rustup: &Path, toolchain: &str, args: [&str; N]) -> Option<String> {
    let output = Command::new(rustup)
        .args(["run", toolchain, "rustc"])
        .args(args)
        // A question must not download a toolchain.
        .env("RUSTUP_AUTO_INSTALL", "0")
        .output()
        .ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The path of `rustup`, which aya-build takes from `PATH`, as it does for every build that rustup's cargo runs.
fn rustup() -> Result<PathBuf, ToolchainError> {
    let cargo_bin = cargo_bin();
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([cargo_bin.clone()])
        .map(|folder| folder.join(OsStr::new("rustup")))
        .find(|candidate| candidate.is_file())
        .ok_or(ToolchainError::NoRustup { cargo_bin })
}
