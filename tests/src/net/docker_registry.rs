use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::chown;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;

use super::authority::Authority;
use super::certificate::Certificate;
use super::daemon::Daemon;
use super::login::Login;
use super::namespace::Namespace;
use super::network::Network;

/// What a registry shows its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// A certificate for its name.
    Certificate,
    /// A certificate for another name.
    OtherName,
    /// A certificate for its name that has expired.
    Expired,
    /// Plain HTTP.
    Nothing,
}

/// Debian's docker-registry, on one port of every address of its namespace.
#[derive(Debug)]
pub struct DockerRegistry {
    daemon: Daemon,
    authority: Authority,
    certificate: Certificate,
}

impl DockerRegistry {
    /// The user that it runs as, who owns no other socket: so [`Network::half_open_at`] can tell whose a connection is.
    pub const USER: u32 = 65_533;

    /// Starts one at the registry's host, port 443, that everyone may use who reaches it.
    pub fn start(network: &Network) -> Result<Self> {
        Self::start_in(network, network.host(), 443, None, Shown::Certificate)
    }

    /// Starts one at the registry's host, port 443, that only [`Login::BUILDER`] may use.
    pub fn start_with_login(network: &Network) -> Result<Self> {
        Self::start_in(network, network.host(), 443, Some(Login::BUILDER_HTPASSWD), Shown::Certificate)
    }

    /// Starts one at the registry's host, port 443, that everyone may use who puts up with what it shows.
    pub fn start_showing(network: &Network, shown: Shown) -> Result<Self> {
        Self::start_in(network, network.host(), 443, None, shown)
    }

    /// Starts one in another namespace of the network, as behind a published port; there is one per network.
    pub fn start_inside(network: &Network, namespace: &Namespace, port: u16) -> Result<Self> {
        Self::start_in(network, namespace, port, None, Shown::Certificate)
    }

    fn start_in(
        network: &Network,
        namespace: &Namespace,
        port: u16,
        htpasswd: Option<&str>,
        shown: Shown,
    ) -> Result<Self> {
        let folder = network.folder().join("docker-registry");
        fs::create_dir(&folder).with_context(|| format!("creating {}", folder.display()))?;
        let storage = folder.join("storage");
        fs::create_dir(&storage)?;
        let authority = Authority::make(&folder.join("trust"))?;
        let certificate = folder.join("certificate");
        let certificate = match shown {
            Shown::Certificate | Shown::Nothing => authority.issue(&certificate)?,
            Shown::OtherName => authority.issue_for(&certificate, &["fabrikam.example.com"], &[])?,
            Shown::Expired => authority.issue_expired(&certificate)?,
        };
        let mut config = json!({
            "version": "0.1",
            "log": { "level": "warn", "accesslog": { "disabled": true } },
            "storage": { "filesystem": { "rootdirectory": storage }, "delete": { "enabled": true } },
            "http": {
                "addr": format!(":{port}"),
                "secret": "only the registry itself reads what it signs with this",
            },
        });
        if shown != Shown::Nothing {
            config["http"]["tls"] = json!({ "certificate": certificate.chain(), "key": certificate.key() });
        }
        if let Some(line) = htpasswd {
            let path = folder.join("htpasswd");
            fs::write(&path, line)?;
            config["auth"] = json!({ "htpasswd": { "realm": "registry", "path": path } });
        }
        // JSON is YAML.
        let path = folder.join("config.yml");
        fs::write(&path, config.to_string())?;
        for folder in [&folder, &storage] {
            chown(folder, Some(Self::USER), Some(Self::USER))
                .with_context(|| format!("giving {} away", folder.display()))?;
        }
        namespace.sysctl("net/ipv4/ip_unprivileged_port_start", "0")?;
        let mut command = namespace.command("setpriv");
        let user = Self::USER;
        command.args([&format!("--reuid={user}"), &format!("--regid={user}"), "--clear-groups", "docker-registry"]);
        command.arg("serve").arg(&path).env("OTEL_TRACES_EXPORTER", "none");
        let mut daemon = Daemon::start(&mut command, &folder.join("log"))?;
        let answers = || {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let connected = || TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok();
            namespace.within(connected).unwrap_or(false)
        };
        daemon.wait_until(Duration::from_secs(30), answers).context("starting docker-registry")?;
        Ok(Self { daemon, authority, certificate })
    }

    /// What it shows its clients.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Who issued its certificate, and may issue the next one.
    pub fn authority(&self) -> &Authority {
        &self.authority
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
