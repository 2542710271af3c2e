use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::certificate::Certificate;
use super::client::Client;
use super::image::Image;
use super::login::Login;
use super::network::Network;
use super::timed::{self, Ran};

/// `podman` at a client, with storage and credentials of its own.
#[derive(Debug)]
pub struct Podman<'a> {
    client: &'a Client,
    certificate: &'a Certificate,
    folder: PathBuf,
}

impl<'a> Podman<'a> {
    /// Keeps its images in a new folder of the network's.
    pub fn new(network: &Network, client: &'a Client, certificate: &'a Certificate) -> Result<Self> {
        let folder = network.folder().join(format!("podman-{}", client.host_interface()));
        fs::create_dir(&folder).with_context(|| format!("creating {}", folder.display()))?;
        fs::write(folder.join("policy.json"), r#"{"default":[{"type":"insecureAcceptAnything"}]}"#)?;
        let podman = Self { client, certificate, folder };
        // Without a login there is nothing in it, but podman wants to see the file.
        fs::write(podman.credentials(), "{}")?;
        Ok(podman)
    }

    /// Logs in to the registry.
    pub fn login(&self, login: Login, limit: Duration) -> Result<Ran> {
        let mut command = self.remote("login");
        command.args(["--username", login.user, "--password", login.password, Network::LOGIN_SERVER]);
        timed::run(&mut command, limit)
    }

    /// Takes an image into the client's storage and pushes it to the registry, as `name` (such as `app:v1`).
    pub fn push(&self, image: &Image, name: &str, limit: Duration) -> Result<Ran> {
        let mut load = self.command("pull");
        load.arg("--quiet").args(self.policy()).arg(image.reference());
        let loaded = timed::run(&mut load, limit)?.expect_success().context("podman pull from disk")?;
        let mut push = self.remote("push");
        push.arg(loaded.stdout.trim()).arg(remote(name));
        timed::run(&mut push, limit)
    }

    /// Pulls `name` from the registry.
    pub fn pull(&self, name: &str, limit: Duration) -> Result<Ran> {
        let mut command = self.remote("pull");
        command.arg("--quiet").args(self.policy()).arg(remote(name));
        timed::run(&mut command, limit)
    }

    fn credentials(&self) -> PathBuf {
        self.folder.join("credentials.json")
    }

    fn policy(&self) -> [String; 2] {
        ["--signature-policy".to_owned(), self.folder.join("policy.json").display().to_string()]
    }

    fn remote(&self, verb: &str) -> Command {
        let mut command = self.command(verb);
        command.arg("--authfile").arg(self.credentials());
        command.arg("--cert-dir").arg(self.certificate.trust());
        command
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = self.client.tool("podman");
        for (flag, folder) in [("--root", "root"), ("--runroot", "run"), ("--tmpdir", "tmp")] {
            command.arg(flag).arg(self.folder.join(folder));
        }
        command.args(["--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "file", verb]);
        command
    }
}

fn remote(name: &str) -> String {
    format!("{}/{name}", Network::LOGIN_SERVER)
}
