//! A registry on this machine, and then its guard, as their owner would install them.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::registry;

const PROGRAM: &str = "/usr/local/bin/vm-guest";
const UNIT: &str = "/etc/systemd/system/vm-registry.service";
/// Whom the rule is for: see `tests/src/bin/vm-wire`.
const ALLOWED: &str = "198.51.100.7";

/// An address for the machine, and a registry that knows of no guard.
pub(crate) fn registry() -> Result<()> {
    write("/etc/systemd/network/eth0.network", include_str!("install/eth0.network"))?;
    fs::copy("/payload/vm-guest", PROGRAM).context("installing the registry")?;
    write(UNIT, include_str!("install/registry.service"))?;
    systemctl(&["daemon-reload"])?;
    systemctl(&["enable", "--now", "systemd-networkd.service", "vm-registry.service"])
}

/// The package, its configuration, one rule, and the drop-in that its documentation has for a registry.
pub(crate) fn guard() -> Result<()> {
    package()?;
    write("/etc/registry-guard/config.toml", include_str!("install/config.toml"))?;
    systemctl(&["restart", "registry-guard.service"])?;
    program("registry-guard", &["network-rule", "add", "--name", "contoso", "--ip-address", ALLOWED])?;
    let folder = format!("{UNIT}.d");
    fs::create_dir_all(&folder).with_context(|| format!("creating {folder}"))?;
    let example = "/usr/share/doc/registry-guard/examples/registry.conf";
    fs::copy(example, format!("{folder}/registry-guard.conf")).with_context(|| format!("copying {example}"))?;
    systemctl(&["stop", "vm-registry.service"])?;
    fs::remove_file(registry::VISITS).context("forgetting who came before the guard")?;
    Ok(())
}

/// The package, over whichever version is there.
pub(crate) fn package() -> Result<()> {
    program("dpkg", &["--install", "/payload/registry-guard.deb"]).map(drop)
}

/// Takes the package away.
pub(crate) fn remove_package() -> Result<()> {
    program("dpkg", &["--remove", "registry-guard"]).map(drop)
}

/// The same, and all that it left.
pub(crate) fn purge_package() -> Result<()> {
    program("dpkg", &["--purge", "registry-guard"]).map(drop)
}

/// From the next boot on the registry starts as early as it can, and does not wait for its guard.
pub(crate) fn early_registry() -> Result<()> {
    systemctl(&["disable", "vm-registry.service"])?;
    let folder = format!("{UNIT}.d");
    fs::remove_dir_all(&folder).with_context(|| format!("removing {folder}"))?;
    write(UNIT, include_str!("install/early-registry.service"))?;
    systemctl(&["enable", "vm-registry.service"])
}

/// Who came to the registry, and how often.
pub(crate) fn visits() -> BTreeMap<String, u64> {
    let mut visits = BTreeMap::new();
    for source in fs::read_to_string(registry::VISITS).unwrap_or_default().lines() {
        *visits.entry(source.to_owned()).or_default() += 1;
    }
    visits
}

/// How the guard stands.
pub(crate) fn status() -> Result<Value> {
    let status = program("registry-guard", &["status"])?;
    serde_json::from_str(&status).with_context(|| format!("status printed {status}"))
}

fn systemctl(words: &[&str]) -> Result<()> {
    program("systemctl", words).map(drop)
}

/// Runs a program that must succeed, and returns what it prints.
fn program(name: &str, words: &[&str]) -> Result<String> {
    let mut command = Command::new(name);
    command.args(words).env("PATH", crate::command::PATH).env("DEBIAN_FRONTEND", "noninteractive");
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("starting {name}"))?;
    let [said, complained] = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    ensure!(output.status.success(), "{name} {}: {}: {said}{complained}", words.join(" "), output.status);
    Ok(said)
}

fn write(path: &str, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("writing {path}"))
}
