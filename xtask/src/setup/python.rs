//! Virtual environments of Python, with packages from `PyPI` of exactly the versions that were tried.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use super::debian;
use crate::{progress, workspace};

/// Microsoft's SDK, with which `tests/tests/sdk.rs` manages a registry.
pub(super) fn ensure_sdk() -> Result<String> {
    let requirements = workspace::root().join("tests/sdk/requirements.txt");
    let text = fs::read_to_string(&requirements).with_context(|| format!("reading {}", requirements.display()))?;
    ensure_environment("azure-sdk", &text).map(|(_, state)| state)
}

/// The virtual environment `name` in the target folder, with the packages that `requirements` names, one a line; and what was
/// done about it.
///
/// What was installed stands in the environment, so it is made anew when other packages are wanted, or when it was left half
/// made.
pub(crate) fn ensure_environment(name: &str, requirements: &str) -> Result<(PathBuf, String)> {
    let folder = workspace::target_dir()?.join(name);
    let installed = folder.join("requirements.txt");
    if fs::read_to_string(&installed).is_ok_and(|there| there == requirements) {
        let state = format!("{} there", folder.display());
        return Ok((folder, state));
    }
    ensure_venv()?;
    if folder.exists() {
        ensure!(folder.join("pyvenv.cfg").is_file(), "{}: is no virtual environment; remove it", folder.display());
        fs::remove_dir_all(&folder).with_context(|| format!("removing {}", folder.display()))?;
    }
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv"]).arg(&folder);
    progress::run(&format!("make {}", folder.display()), venv)?;
    let wanted = folder.join("wanted.txt");
    fs::write(&wanted, requirements).with_context(|| format!("writing {}", wanted.display()))?;
    let mut pip = Command::new(folder.join("bin/pip"));
    pip.args(["install", "--no-input", "--disable-pip-version-check", "--requirement"]).arg(&wanted);
    progress::run(&format!("install the packages of {name}"), pip)?;
    fs::rename(&wanted, &installed).with_context(|| format!("writing {}", installed.display()))?;
    let state = format!("made {}", folder.display());
    Ok((folder, state))
}

/// Debian keeps what `venv` needs in a package of its own.
fn ensure_venv() -> Result<()> {
    let works = || {
        let mut python = Command::new("python3");
        python.args(["-m", "ensurepip", "--version"]).current_dir(Path::new("/"));
        python.output().is_ok_and(|output| output.status.success())
    };
    if works() {
        return Ok(());
    }
    debian::install(&["python3-venv"], "missing: python3 with its module venv")?;
    ensure!(
        works(),
        "python3-venv is installed, yet `python3 -m ensurepip` does not work; another python3 may come first"
    );
    Ok(())
}
