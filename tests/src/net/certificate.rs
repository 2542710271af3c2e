use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::network::Network;
use super::timed;

/// The registry's self-signed certificate, for its name and both its addresses.
#[derive(Clone, Debug)]
pub struct Certificate {
    folder: PathBuf,
}

impl Certificate {
    /// Makes one in the new folder `folder`.
    pub fn make(folder: &Path) -> Result<Self> {
        fs::create_dir(folder).with_context(|| format!("creating {}", folder.display()))?;
        let certificate = Self { folder: folder.to_owned() };
        let names = format!(
            "subjectAltName=DNS:{},DNS:localhost,IP:{},IP:{}",
            Network::LOGIN_SERVER,
            Network::REGISTRY_V4,
            Network::REGISTRY_V6
        );
        let mut openssl = Command::new("openssl");
        openssl
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"])
            .args(["-days", "2", "-subj"])
            .arg(format!("/CN={}", Network::LOGIN_SERVER))
            .args(["-addext", &names, "-keyout"])
            .arg(certificate.key())
            .arg("-out")
            .arg(certificate.chain());
        timed::run(&mut openssl, Duration::from_secs(30))?.expect_success().context("openssl req")?;
        Ok(certificate)
    }

    /// The folder in the shape that skopeo, podman and docker want: `ca.crt` is what they shall trust.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The certificate, PEM.
    pub fn chain(&self) -> PathBuf {
        self.folder.join("ca.crt")
    }

    /// The private key, PEM. Its name keeps clients from taking it for a key of theirs.
    pub fn key(&self) -> PathBuf {
        self.folder.join("server.pem")
    }
}
