use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::certificate::Certificate;
use super::client::Client;
use super::daemon::Daemon;
use super::login::Login;
use super::network::Network;
use super::timed::{self, Ran};

/// A docker daemon at a client, and the `docker` that commands it.
#[derive(Debug)]
pub struct Docker<'a> {
    client: &'a Client,
    folder: PathBuf,
    // It goes with whatever it started, such as its own containerd.
    daemon: Daemon,
}

impl<'a> Docker<'a> {
    /// Debian's client; another one may come first on `PATH`.
    const CLIENT: &'static str = "/usr/bin/docker";

    /// Starts a daemon that keeps everything in a new folder of the network's.
    pub fn start(network: &Network, client: &'a Client, certificate: &Certificate) -> Result<Self> {
        let folder = network.folder().join(format!("docker-{}", client.host_interface()));
        let trust = folder.join("etc/certs.d").join(Network::LOGIN_SERVER);
        fs::create_dir_all(&trust).with_context(|| format!("creating {}", trust.display()))?;
        fs::copy(certificate.authority(), trust.join("ca.crt"))?;
        fs::create_dir(folder.join("opt"))?;
        // The daemon writes to the first, the containerd that it starts to the second; nothing shall stay in the machine's.
        let mounts = [(&*folder.join("etc"), "/etc/docker"), (&folder.join("opt"), "/opt")];
        let mut command = client.daemon(&mounts, "dockerd");
        command.args(["--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false"]);
        command.args(["--storage-driver=vfs", "--log-level=warn"]);
        for (flag, name) in [("--data-root", "data"), ("--exec-root", "exec"), ("--pidfile", "pid")] {
            command.arg(flag).arg(folder.join(name));
        }
        command.arg("--host").arg(socket(&folder));
        let daemon = Daemon::start_contained(&mut command, &folder.join("log"))?;
        let mut docker = Self { client, folder, daemon };
        let answers = {
            let mut version = docker.command("version");
            move || version.output().is_ok_and(|output| output.status.success())
        };
        docker.daemon.wait_until(Duration::from_mins(1), answers).context("starting dockerd")?;
        Ok(docker)
    }

    /// Logs in to the registry.
    pub fn login(&self, login: Login, limit: Duration) -> Result<Ran> {
        let mut command = self.command("login");
        command.args(["--username", login.user, "--password", login.password, Network::LOGIN_SERVER]);
        timed::run(&mut command, limit)
    }

    /// Pulls `name` (such as `app:v1`) from the registry.
    pub fn pull(&self, name: &str, limit: Duration) -> Result<Ran> {
        let mut command = self.command("pull");
        command.arg(format!("{}/{name}", Network::LOGIN_SERVER));
        timed::run(&mut command, limit)
    }

    /// Where the client is that commands it.
    pub(super) fn client(&self) -> &Client {
        self.client
    }

    /// Tells a `docker` that another program runs which configuration and daemon to take.
    pub(super) fn offer_to(&self, command: &mut Command) {
        command.env("DOCKER_HOST", socket(&self.folder)).env("DOCKER_CONFIG", self.folder.join("config"));
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = self.client.tool(Self::CLIENT);
        command.env("DOCKER_CONFIG", self.folder.join("config")).arg("--host").arg(socket(&self.folder)).arg(verb);
        command
    }
}

fn socket(folder: &Path) -> String {
    format!("unix://{}", folder.join("docker.sock").display())
}
