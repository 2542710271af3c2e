use std::io;
use std::path::PathBuf;

use aya::EbpfError;
use aya::maps::MapError;
use aya::pin::PinError;
use aya::programs::ProgramError;
use aya::programs::links::LinkError;
use nix::errno::Errno;
use thiserror::Error;

use super::release;

/// What can go wrong between the agent and bpf(2).
#[derive(Debug, Error)]
pub enum KernelError {
    /// The folder of pins cannot be used.
    #[error("pins {path}: {problem}")]
    Pins {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it, and what would mend it.
        problem: String,
    },
    /// The kernel does not say what time it is.
    #[error("reading the kernel's monotonic clock: {0}")]
    Clock(nix::Error),
    /// Another agent holds the folder of pins.
    #[error(
        "pins {0}: another agent already works on this folder; stop it, or give this one a folder of its own with --pins"
    )]
    SecondAgent(PathBuf),
    /// The object cannot be loaded.
    #[error("loading the kernel program: {}", chain(.0))]
    Load(#[from] EbpfError),
    /// The verifier or the kernel refuses the program.
    #[error("the kernel refuses the program: {}{}", chain(.0), release::too_old())]
    Verifier(#[source] ProgramError),
    /// The object lacks a part.
    #[error("the embedded kernel object has no {0}; it was built from other sources")]
    Incomplete(&'static str),
    /// A program operation failed.
    #[error("{}", chain(.0))]
    Program(#[from] ProgramError),
    /// A map operation failed.
    #[error("{}", chain(.0))]
    Map(#[from] MapError),
    /// A link operation failed.
    #[error("{}", chain(.0))]
    Link(#[from] LinkError),
    /// Something could not be pinned.
    #[error("{}", chain(.0))]
    Pin(#[from] PinError),
    /// A table does not fit.
    #[error(
        "a registry's table would have {need} prefixes; accepted: at most {limit} (`limits.rules` in config.toml, and one for each prefix of trusted services)"
    )]
    TableFull {
        /// Prefixes the table has.
        need: usize,
        /// Prefixes that fit.
        limit: u32,
    },
    /// A front does not fit into its memory.
    #[error(
        "a registry's table is too large for an index of 32 bits; accepted: fewer rules (`limits.rules` in config.toml)"
    )]
    FrontFull,
    /// A registry's table is not there.
    #[error("no table is in force for the registry in slot {0}")]
    NoTable(u32),
    /// The answer of the program cannot be understood.
    #[error("the loaded program gave no answer; it is of another version")]
    NoAnswer,
    /// A call that aya does not make failed.
    #[error("{doing}: {source}")]
    Bpf {
        /// What was tried.
        doing: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// A file operation on the pins failed.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl KernelError {
    /// Makes an error of what the kernel said while something was tried.
    pub(super) fn bpf(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Bpf { doing, source }
    }
}

/// The errno that caused an error, which aya keeps in the innermost one.
pub(super) fn errno(error: &(dyn std::error::Error + 'static)) -> Option<Errno> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return error.raw_os_error().map(Errno::from_raw);
        }
        cause = error.source();
    }
    None
}

/// An error with all its causes: aya keeps the errno in the innermost.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let next = inner.to_string();
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = inner.source();
    }
    text
}
