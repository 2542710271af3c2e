use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

use super::certificate::Certificate;
use super::client::Client;
use super::containerd::Containerd;
use super::login::Login;
use super::network::Network;
use super::timed::{self, Ran};

/// containerd at a client, and the `ctr` that pulls into it.
#[derive(Debug)]
pub struct Ctr<'a> {
    client: &'a Client,
    containerd: Containerd,
}

impl<'a> Ctr<'a> {
    /// Starts containerd; `ctr`, which is who talks to the registry, trusts its certificate through a `hosts.toml`.
    pub fn start(network: &Network, client: &'a Client, certificate: &Certificate) -> Result<Self> {
        let containerd = Containerd::start(network, client)?;
        let server = Network::LOGIN_SERVER;
        let folder = containerd.folder().join("hosts").join(server);
        fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
        let authority = certificate.authority();
        let (url, ca) = (format!("https://{server}"), format!("ca = \"{}\"", authority.display()));
        // What is said of the server itself does not count for the host of the same name, and without a host it is no file.
        let hosts =
            format!("server = \"{url}\"\n{ca}\n[host.\"{url}\"]\ncapabilities = [\"pull\", \"resolve\"]\n{ca}\n");
        fs::write(folder.join("hosts.toml"), hosts)?;
        Ok(Self { client, containerd })
    }

    /// Pulls `name` (such as `app:v1`) from the registry, which must not ask for a login.
    pub fn pull(&self, name: &str, limit: Duration) -> Result<Ran> {
        self.pull_with(&[], name, limit)
    }

    /// Pulls `name` with this login; `ctr` has no command of its own for logging in.
    pub fn pull_as(&self, login: Login, name: &str, limit: Duration) -> Result<Ran> {
        self.pull_with(&["--user", &format!("{}:{}", login.user, login.password)], name, limit)
    }

    fn pull_with(&self, arguments: &[&str], name: &str, limit: Duration) -> Result<Ran> {
        let mut command = self.client.tool("ctr");
        command.arg("--address").arg(self.containerd.socket());
        // The native snapshotter copies files, which works on every file system.
        command.args(["images", "pull", "--snapshotter", "native", "--hosts-dir"]);
        command.arg(self.containerd.folder().join("hosts")).args(arguments);
        command.arg(format!("{}/{name}", Network::LOGIN_SERVER));
        timed::run(&mut command, limit)
    }
}
