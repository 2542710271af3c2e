use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::client::Client;
use super::daemon::Daemon;
use super::network::Network;

/// A containerd at a client, with a folder of its own.
#[derive(Debug)]
pub(super) struct Containerd {
    folder: PathBuf,
    daemon: Daemon,
}

impl Containerd {
    /// Starts one that keeps everything in a new folder of the network's.
    pub(super) fn start(network: &Network, client: &Client) -> Result<Self> {
        let folder = network.folder().join(format!("containerd-{}", client.host_interface()));
        let opt = folder.join("opt");
        fs::create_dir_all(&opt).with_context(|| format!("creating {}", opt.display()))?;
        let config = folder.join("config.toml");
        fs::write(&config, "version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n")?;
        // It makes a folder in `/opt`.
        let mut command = client.daemon(&[(&opt, "/opt")], "containerd");
        command.arg("--config").arg(&config).args(["--log-level", "warn"]);
        for (flag, name) in [("--root", "root"), ("--state", "state"), ("--address", Self::SOCKET)] {
            command.arg(flag).arg(folder.join(name));
        }
        let daemon = Daemon::start_contained(&mut command, &folder.join("log"))?;
        let mut containerd = Self { folder, daemon };
        let mut version = client.tool("ctr");
        version.arg("--address").arg(containerd.socket()).arg("version");
        let answers = move || version.output().is_ok_and(|output| output.status.success());
        containerd.daemon.wait_until(Duration::from_mins(1), answers).context("starting containerd")?;
        Ok(containerd)
    }

    /// Where it listens.
    pub(super) fn socket(&self) -> PathBuf {
        self.folder.join(Self::SOCKET)
    }

    /// Its folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    const SOCKET: &str = "containerd.sock";
}
