use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;

use super::certificate::Certificate;
use super::daemon::Daemon;
use super::login::Login;
use super::network::Network;

/// Debian's docker-registry with TLS, on port 443 of every address of the registry's host.
#[derive(Debug)]
pub struct DockerRegistry {
    daemon: Daemon,
    certificate: Certificate,
}

impl DockerRegistry {
    /// Starts one that everyone may use who reaches it.
    pub fn start(network: &Network) -> Result<Self> {
        Self::start_with(network, None)
    }

    /// Starts one that only [`Login::BUILDER`] may use.
    pub fn start_with_login(network: &Network) -> Result<Self> {
        Self::start_with(network, Some(Login::BUILDER_HTPASSWD))
    }

    fn start_with(network: &Network, htpasswd: Option<&str>) -> Result<Self> {
        let folder = network.folder().join("docker-registry");
        fs::create_dir(&folder).with_context(|| format!("creating {}", folder.display()))?;
        let certificate = Certificate::make(&folder.join("certificate"))?;
        let mut config = json!({
            "version": "0.1",
            "log": { "level": "warn", "accesslog": { "disabled": true } },
            "storage": { "filesystem": { "rootdirectory": folder.join("storage") }, "delete": { "enabled": true } },
            "http": {
                "addr": ":443",
                "secret": "only the registry itself reads what it signs with this",
                "tls": { "certificate": certificate.chain(), "key": certificate.key() },
            },
        });
        if let Some(line) = htpasswd {
            let path = folder.join("htpasswd");
            fs::write(&path, line)?;
            config["auth"] = json!({ "htpasswd": { "realm": "registry", "path": path } });
        }
        // JSON is YAML.
        let path = folder.join("config.yml");
        fs::write(&path, config.to_string())?;
        let mut command = network.host().command("docker-registry");
        command.arg("serve").arg(&path).env("OTEL_TRACES_EXPORTER", "none");
        let mut daemon = Daemon::start(&mut command, &folder.join("log"))?;
        let answers = || {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 443));
            let connected = || TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok();
            network.host().within(connected).unwrap_or(false)
        };
        daemon.wait_until(Duration::from_secs(30), answers).context("starting docker-registry")?;
        Ok(Self { daemon, certificate })
    }

    /// What its clients must trust.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The id of its process.
    pub fn pid(&self) -> u32 {
        self.daemon.pid()
    }

    /// What it printed so far.
    pub fn log(&self) -> String {
        self.daemon.log()
    }
}
