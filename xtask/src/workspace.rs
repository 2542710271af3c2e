//! Where the workspace is, and the Cargo that builds it.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};
use cargo_metadata::MetadataCommand;

/// The workspace's folder.
pub(crate) fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}

/// The folder that Cargo builds into, wherever the user has put it.
pub(crate) fn target_dir() -> Result<PathBuf> {
    let metadata =
        MetadataCommand::new().current_dir(root()).no_deps().exec().context("asking cargo for the target folder")?;
    Ok(metadata.target_directory.into_std_path_buf())
}

/// The Cargo that runs this program, in the workspace's folder.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    cargo
}

/// As [`cargo`], for a program that is a verb of Cargo's.
pub(crate) fn cargo_of(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}
