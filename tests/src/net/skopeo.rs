use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::certificate::Certificate;
use super::client::Client;
use super::image::Image;
use super::login::Login;
use super::network::Network;
use super::timed::{self, Ran};

/// `skopeo` at a client, with credentials of its own.
#[derive(Debug)]
pub struct Skopeo<'a> {
    client: &'a Client,
    certificate: &'a Certificate,
    folder: PathBuf,
}

impl<'a> Skopeo<'a> {
    /// Keeps what it must keep in a folder of the network's.
    pub fn new(network: &Network, client: &'a Client, certificate: &'a Certificate) -> Self {
        Self { client, certificate, folder: network.folder().join(format!("skopeo-{}", client.host_interface())) }
    }

    /// Logs in to the registry.
    pub fn login(&self, login: Login, limit: Duration) -> Result<Ran> {
        let mut command = self.command("login");
        command.arg("--authfile").arg(self.credentials()).arg("--cert-dir").arg(self.certificate.trust());
        command.args(["--username", login.user, "--password", login.password, Network::LOGIN_SERVER]);
        timed::run(&mut command, limit)
    }

    /// Copies an image to the registry, as `name` (such as `app:v1`), as it is: its layer keeps its digest.
    pub fn push(&self, image: &Image, name: &str, limit: Duration) -> Result<Ran> {
        let mut command = self.command("copy");
        command.arg("--preserve-digests");
        self.authenticate(&mut command);
        command.arg("--dest-cert-dir").arg(self.certificate.trust());
        command.arg(image.reference()).arg(remote(name));
        timed::run(&mut command, limit)
    }

    /// Copies `name` from the registry into a new folder that is thrown away.
    pub fn pull(&self, name: &str, limit: Duration) -> Result<Ran> {
        std::fs::create_dir_all(&self.folder)?;
        let target = tempfile::tempdir_in(&self.folder)?;
        let mut command = self.command("copy");
        self.authenticate(&mut command);
        command.arg("--src-cert-dir").arg(self.certificate.trust());
        command.arg(remote(name)).arg(format!("dir:{}", target.path().display()));
        timed::run(&mut command, limit)
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = self.client.tool("skopeo");
        command.args(["--insecure-policy", verb]);
        command
    }

    fn authenticate(&self, command: &mut Command) {
        if self.credentials().exists() {
            command.arg("--authfile").arg(self.credentials());
        }
    }

    fn credentials(&self) -> PathBuf {
        self.folder.with_extension("credentials.json")
    }
}

fn remote(name: &str) -> String {
    format!("docker://{}/{name}", Network::LOGIN_SERVER)
}
