//! Compiler and linker that share an LLVM.

use crate::{Linker, Nightly, ToolchainError};

/// A compiler and a linker of the same LLVM.
#[derive(Debug)]
pub struct Pair {
    /// Writes the bitcode.
    pub nightly: Nightly,
    /// Reads it.
    pub linker: Linker,
}

impl Pair {
    /// The installed pair.
    pub fn find() -> Result<Self, ToolchainError> {
        Ok(Self { nightly: Nightly::find()?, linker: Linker::find()? })
    }
}
