use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::certificate::Certificate;
use super::client::Client;
use super::docker::Docker;
use super::network::Network;
use super::timed::{self, Ran};

/// A shell that finds Microsoft's `az`, with a profile of its own, which trusts the authority of one certificate.
#[derive(Debug)]
pub struct Az {
    programs: String,
    profile: PathBuf,
    authority: PathBuf,
}

impl Az {
    /// How long one command may take; `az` alone needs seconds to start.
    const LIMIT: Duration = Duration::from_mins(3);

    /// The `az` of this virtual environment. The profile is in a new folder of the network's.
    pub fn new(environment: &Path, network: &Network, certificate: &Certificate) -> Result<Self> {
        let profile = network.folder().join("azure");
        fs::create_dir(&profile).with_context(|| format!("creating {}", profile.display()))?;
        // Debian's docker, whichever else there is.
        let programs = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", environment.join("bin").display());
        Ok(Self { programs, profile, authority: certificate.authority() })
    }

    /// Runs a line of shell at a client, whatever comes of it.
    pub fn run(&self, client: &Client, line: &str) -> Result<Ran> {
        timed::run(&mut self.command(client, line), Self::LIMIT)
    }

    /// The same where `docker`, and `az` through it, command this daemon.
    pub fn run_with_docker(&self, docker: &Docker<'_>, line: &str) -> Result<Ran> {
        let mut command = self.command(docker.client(), line);
        docker.offer_to(&mut command);
        timed::run(&mut command, Self::LIMIT)
    }

    fn command(&self, client: &Client, line: &str) -> Command {
        let mut command = client.tool("sh");
        command
            .args(["-c", line])
            .env("PATH", &self.programs)
            .env("AZURE_CONFIG_DIR", &self.profile)
            .env("AZURE_EXTENSION_DIR", self.profile.join("extensions"))
            .env("AZURE_CORE_COLLECT_TELEMETRY", "no")
            .env("AZURE_CORE_NO_COLOR", "yes")
            .env("REQUESTS_CA_BUNDLE", &self.authority)
            .env("NO_PROXY", Network::LOGIN_SERVER)
            .env("no_proxy", Network::LOGIN_SERVER);
        command
    }
}
