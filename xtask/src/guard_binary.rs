//! The binary under test, freshly built.

use std::{fs, io::BufReader, path::PathBuf, process::Stdio};

use anyhow::{Context as _, Result, ensure};
use cargo_metadata::Message;

use crate::workspace;

/// The variable that tells tests and demo where the binary is.
pub(crate) const VARIABLE: &str = "REGISTRY_GUARD_BIN";

/// How to build it.
#[derive(Clone, Copy, PartialEq, Eq)]
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

    /// What Cargo calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Release => "release",
        }
    }
}

/// Other builds, for tests of upgrades: the feature of each, and the variable that tells tests where it is.
const OTHERS: [(&str, &str); 2] = [
    ("another-layout", "REGISTRY_GUARD_BIN_ANOTHER_LAYOUT"),
    ("another-program", "REGISTRY_GUARD_BIN_ANOTHER_PROGRAM"),
];

/// Builds `registry-guard`, the kernel programs inside it included, and returns its path.
///
/// The tests and the demo are built along with it, so that whatever both depend on is built once.
pub(crate) fn build(profile: Profile) -> Result<PathBuf> {
    cargo_build(profile.flag().as_slice())
}

/// Builds `registry-guard` in each other form, and returns the variables that name the results. Cargo has one place for all of
/// them, so this comes before [`build`].
pub(crate) fn build_others() -> Result<Vec<(&'static str, PathBuf)>> {
    OTHERS
        .into_iter()
        .map(|(feature, variable)| {
            let built = cargo_build(&["--bin", "registry-guard", "--features", &format!("registry-guard/{feature}")])?;
            let kept = built.with_file_name(format!("registry-guard-{feature}"));
            // Whoever runs the one before goes on with it.
            let aside = kept.with_extension("new");
            fs::copy(&built, &aside).and_then(|_| fs::rename(&aside, &kept)).context("keeping another build")?;
            Ok((variable, kept))
        })
        .collect()
}

/// Dependencies are built with the features that both packages want, also where only one is built.
fn cargo_build(arguments: &[&str]) -> Result<PathBuf> {
    let mut child = workspace::cargo()
        .args([
            "build",
            "--package",
            "registry-guard",
            "--package",
            "tests",
            "--message-format=json-render-diagnostics",
        ])
        .args(arguments)
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
