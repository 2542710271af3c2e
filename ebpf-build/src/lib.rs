//! Finds the toolchain for the kernel programs and builds their object.
//!
//! The object needs two tools that agree on LLVM: a nightly compiler, which writes bitcode, and `bpf-linker`, which reads
//! it. [`Pair::find`] accepts only a pair that fits and else tells what does not; `cargo xtask setup` mends it.

mod build;
mod error;
mod linker;
mod llvm;
mod nightly;
mod pair;

pub use build::{PACKAGE, build};
pub use error::ToolchainError;
pub use linker::Linker;
pub use llvm::LLVM_MAJOR;
pub use nightly::{Nightly, PINNED};
pub use pair::Pair;
