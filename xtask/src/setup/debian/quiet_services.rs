//! Keeps freshly installed packages from running a service nobody asked for.

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    process::{self, Command},
};

use anyhow::{Context as _, Result};

use crate::progress;

/// The script that Debian's packages ask before they start a service.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Packages whose service Debian enables: a registry on port 5000 that no user of registry-guard asked for.
const WITH_SERVICE: [&str; 1] = ["docker-registry"];

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
    for service in WITH_SERVICE.iter().filter(|service| packages.contains(service)) {
        let mut disable = Command::new("update-rc.d");
        disable.args([service, "disable"]);
        progress::run(&format!("keep the {service} service from starting at boot"), disable)?;
    }
    Ok(())
}
