//! What can be wrong with the toolchain.

use std::path::PathBuf;

use thiserror::Error;

use crate::LLVM_MAJOR;

/// A toolchain that cannot build the kernel programs. `cargo xtask setup` mends each but the first.
#[derive(Debug, Error)]
pub enum ToolchainError {
    /// `rustup`, which runs the nightly compiler, is neither on `PATH` nor in Cargo's `bin` folder.
    #[error(
        "rustup was not found on PATH or in {}; the kernel programs need it to run a nightly compiler \
         beside the stable one; https://rustup.rs tells how to install it",
        cargo_bin.display()
    )]
    NoRustup {
        /// Cargo's `bin` folder.
        cargo_bin: PathBuf,
    },
    /// No installed nightly can build the kernel programs.
    #[error(
        "no installed nightly fits the kernel programs, which need LLVM {LLVM_MAJOR} and rust-src: {}",
        findings.join(", ")
    )]
    NoNightly {
        /// What is wrong with each nightly that was looked at.
        findings: Vec<String>,
    },
    /// There is no `bpf-linker` where the build would look for it.
    #[error("bpf-linker was not found on PATH or in {}", cargo_bin.display())]
    NoLinker {
        /// Cargo's `bin` folder.
        cargo_bin: PathBuf,
    },
    /// `bpf-linker` is there but does not run, as when the LLVM library it was linked with is gone.
    #[error("{} does not run ({reason})", path.display())]
    BrokenLinker {
        /// Where it is.
        path: PathBuf,
        /// What it or the system said.
        reason: String,
    },
    /// `bpf-linker` reads the bitcode of another LLVM than the compiler writes.
    #[error(
        "{} was built with LLVM {llvm}, and the compiler that fits registry-guard writes bitcode of LLVM {LLVM_MAJOR}, \
         which the linker would misread or refuse",
        path.display()
    )]
    LinkerLlvm {
        /// Where it is.
        path: PathBuf,
        /// LLVM's major version in the linker.
        llvm: u32,
    },
}
