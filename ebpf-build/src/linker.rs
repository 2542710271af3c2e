//! `bpf-linker`, and the LLVM it was built with.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{LLVM_MAJOR, ToolchainError, llvm::number_after};

/// A `bpf-linker` that can link the kernel programs.
#[derive(Debug)]
pub struct Linker {
    /// The one that the build will run.
    pub path: PathBuf,
    /// What `bpf-linker --version` prints.
    pub version: String,
}

impl Linker {
    /// The `bpf-linker` that the build will run, if it fits.
    pub fn find() -> Result<Self, ToolchainError> {
        let cargo_bin = cargo_bin();
        let Some(path) = first_on(&search_path(&cargo_bin)) else {
            return Err(ToolchainError::NoLinker { cargo_bin });
        };
        let version = version(&path)?;
        match llvm_major(&path) {
            Some(llvm) if llvm != LLVM_MAJOR => Err(ToolchainError::LinkerLlvm { path, llvm }),
            // A linker that hides its LLVM gets the benefit of the doubt: a misfit ends in its own error.
            _ => Ok(Self { path, version }),
        }
    }
}

/// The folder where `cargo install` puts binaries.
pub(crate) fn cargo_bin() -> PathBuf {
    env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::home_dir().map(|home| home.join(".cargo")))
        .unwrap_or_default()
        .join("bin")
}

/// The folders that the compiler searches for its linker: `rustup run` puts Cargo's `bin` in front of a `PATH` that lacks it.
fn search_path(cargo_bin: &Path) -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&path).collect();
    if !folders.iter().any(|folder| folder == cargo_bin) {
        folders.insert(0, cargo_bin.to_owned());
    }
    folders
}

fn first_on(folders: &[PathBuf]) -> Option<PathBuf> {
    folders.iter().map(|folder| folder.join("bpf-linker")).find(|candidate| candidate.is_file())
}

fn version(path: &Path) -> Result<String, ToolchainError> {
    let broken = |reason: String| ToolchainError::BrokenLinker { path: path.to_owned(), reason };
    let output = Command::new(path).arg("--version").output().map_err(|error| broken(error.to_string()))?;
    if !output.status.success() {
        return Err(broken(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The LLVM whose library the linker names (`libLLVM.so.22.1`) or, linked statically, whose mark it puts into bitcode
/// (`LLVM22.1.8`).
fn llvm_major(path: &Path) -> Option<u32> {
    let binary = fs::read(path).ok()?;
    [b"libLLVM.so.".as_slice(), b"libLLVM-", b"LLVM"].into_iter().find_map(|prefix| number_after(&binary, prefix))
}
