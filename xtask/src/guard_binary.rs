//! The binary under test, freshly built.

use std::{io::BufReader, path::PathBuf, process::Stdio};

use anyhow::{Context as _, Result, ensure};
use cargo_metadata::Message;

use crate::workspace;

/// The variable that tells tests and demo where the binary is.
pub(crate) const VARIABLE: &str = "REGISTRY_GUARD_BIN";

/// How to build it.
#[derive(Clone, Copy)]
pub(crate) enum Profile {
    /// Soon built.
    Dev,
    /// As it is shipped, so that figures are fair.
    Release,
}

impl Profile {
    /// What to tell Cargo.
    pub(crate) fn flag(self) -> Option<&'static str> {
        match self {
            Self::Dev => None,
            Self::Release => Some("--release"),
        }
    }
}

/// Builds `registry-guard`, the kernel programs inside it included, and returns its path.
///
/// The tests and the demo are built along with it, so that whatever both depend on is built once.
pub(crate) fn build(profile: Profile) -> Result<PathBuf> {
    let mut child = workspace::cargo()
        .args([
            "build",
            "--package",
            "registry-guard",
            "--package",
            "tests",
            "--message-format=json-render-diagnostics",
        ])
        .args(profile.flag())
        .stdout(Stdio::piped())
        .spawn()
        .context("starting cargo build")?;
    let messages = child.stdout.take().context("cargo build has no output")?;
    let mut binary = None;
    for message in Message::parse_stream(BufReader::new(messages)) {
        if let Message::CompilerArtifact(artifact) = message.context("reading what cargo build says")?
            && artifact.target.name == "registry-guard"
            && let Some(executable) = artifact.executable
        {
            binary = Some(executable.into_std_path_buf());
        }
    }
    let status = child.wait().context("waiting for cargo build")?;
    ensure!(status.success(), "cargo build --package registry-guard failed");
    binary.context("cargo build made no binary named registry-guard")
}
