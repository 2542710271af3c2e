//! Debian packages, installed without starting what they bring.

mod quiet_services;

use std::{path::Path, process::Command};

use anyhow::{Result, bail};
use nix::unistd::Uid;

use super::tools::{self, Tool};
use crate::progress;
use quiet_services::{QuietServices, disable_services};

/// Installs the packages of those tools that are missing.
pub(crate) fn ensure(tools: &[Tool]) -> Result<String> {
    let missing = tools::missing(tools);
    if missing.is_empty() {
        return Ok(format!("all {} there", tools.len()));
    }
    let names: Vec<&str> = missing.iter().map(|tool| tool.name).collect();
    let mut packages: Vec<&str> = missing.iter().map(|tool| tool.package).collect();
    packages.dedup();
    install(&packages, &format!("missing: {}", names.join(" ")))?;
    let still: Vec<&str> = tools::missing(tools).iter().map(|tool| tool.name).collect();
    if !still.is_empty() {
        bail!("the packages are installed, yet not found: {}", still.join(" "));
    }
    Ok(format!("installed {}", packages.join(" ")))
}

/// Installs packages; `why` says, in an error, what they are needed for.
pub(super) fn install(packages: &[&str], why: &str) -> Result<()> {
    let by_hand = format!("apt-get update && apt-get install --no-install-recommends {}", packages.join(" "));
    if !Path::new("/usr/bin/apt-get").is_file() {
        bail!("{why}; this system has no apt-get, so install them its own way (on Debian: {by_hand})");
    }
    if !Uid::effective().is_root() {
        bail!("{why}; only root can install packages: sudo sh -c '{by_hand}'");
    }
    let mut update = apt_get();
    update.arg("update");
    progress::run("apt-get update", update)?;

    let services = QuietServices::begin()?;
    let mut install = apt_get();
    install.args(["install", "--yes", "--no-install-recommends"]).args(packages);
    progress::run(&format!("apt-get install {}", packages.join(" ")), install)?;
    drop(services);
    disable_services(packages)
}

fn apt_get() -> Command {
    let mut apt_get = Command::new("apt-get");
    apt_get
        .args(["--quiet", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Options::=--force-confold"])
        .env("DEBIAN_FRONTEND", "noninteractive")
        // Where needrestart is installed it only lists the services it would restart.
        .env("NEEDRESTART_MODE", "l")
        .env("LC_ALL", "C.UTF-8");
    apt_get
}
