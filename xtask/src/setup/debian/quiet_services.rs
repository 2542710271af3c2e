//! Keeps freshly installed packages from running a service nobody asked for.

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    process::{self, Command},
};

use anyhow::{Context as _, Result};

use crate::progress;

/// The script that Debian's packages ask before they start a service.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// There on every Debian with systemd, running or not.
const SYSTEMCTL: &str = "/usr/bin/systemctl";

/// What a package starts at boot on its own accord.
struct Service {
    package: &'static str,
    /// Its script in `/etc/init.d`, if it has one.
    script: Option<&'static str>,
    /// Its units for systemd.
    units: &'static [&'static str],
}

/// Packages whose services Debian enables: a registry on port 5000, and daemons that make bridges and firewall rules, which no
/// user of registry-guard asked for. Tests run the programs themselves.
const WITH_SERVICE: [Service; 3] = [
    Service { package: "docker-registry", script: Some("docker-registry"), units: &["docker-registry.service"] },
    Service { package: "containerd", script: None, units: &["containerd.service"] },
    Service { package: "docker.io", script: Some("docker"), units: &["docker.service", "docker.socket"] },
];

/// While this lives, no package starts a service.
pub(super) struct QuietServices {
    /// The machine has no policy of its own, so the script is ours to remove.
    ours: bool,
}

impl QuietServices {
    /// Forbids starting services, unless the machine has a policy of its own.
    ///
    /// The script forbids only while this process lives: one that a killed setup leaves behind permits everything.
    pub(super) fn begin() -> Result<Self> {
        let script = format!(
            "#!/bin/sh\n\
             # Written by `cargo xtask setup`, so that what it installs starts no service; without effect once it has ended.\n\
             [ -d /proc/{} ] && exit 101\n\
             exit 0\n",
            process::id()
        );
        if fs::read_to_string(POLICY).is_ok_and(|text| text.contains("cargo xtask setup")) {
            fs::remove_file(POLICY).with_context(|| format!("removing {POLICY}, left by a setup that was stopped"))?;
        }
        match OpenOptions::new().write(true).create_new(true).mode(0o755).open(POLICY) {
            Ok(mut file) => {
                let quiet = Self { ours: true };
                file.write_all(script.as_bytes()).with_context(|| format!("writing {POLICY}"))?;
                Ok(quiet)
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(Self { ours: false }),
            Err(error) => Err(error).with_context(|| format!("writing {POLICY}")),
        }
    }
}

impl Drop for QuietServices {
    fn drop(&mut self) {
        if self.ours
            && let Err(error) = fs::remove_file(POLICY)
        {
            eprintln!("setup: cannot remove {POLICY}: {error}; rm {POLICY}");
        }
    }
}

/// Keeps the services of packages just installed from starting at boot, whichever init the machine has.
pub(super) fn disable_services(packages: &[&str]) -> Result<()> {
    for service in WITH_SERVICE.iter().filter(|service| packages.contains(&service.package)) {
        let title = format!("keep the {} service from starting at boot", service.package);
        if let Some(script) = service.script {
            let mut disable = Command::new("update-rc.d");
            disable.args([script, "disable"]);
            progress::run(&title, disable)?;
        }
        if Path::new(SYSTEMCTL).is_file() {
            let mut disable = Command::new(SYSTEMCTL);
            // Below a root folder it edits links and needs no running systemd.
            disable.args(["--quiet", "--root=/", "disable"]).args(service.units);
            progress::run(&title, disable)?;
        }
    }
    Ok(())
}
