use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use rand::RngCore as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::timed;

/// A container image with one layer that holds one file, as an OCI layout on disk.
#[derive(Clone, Debug)]
pub struct Image {
    folder: PathBuf,
}

impl Image {
    /// Its tag inside the layout.
    pub const TAG: &str = "latest";

    /// Makes one in the new folder `folder`; its file holds `size` random bytes, so no two images are alike.
    pub fn make(folder: &Path, size: usize) -> Result<Self> {
        let blobs = folder.join("blobs/sha256");
        fs::create_dir_all(&blobs).with_context(|| format!("creating {}", blobs.display()))?;
        let layer = layer(folder, size)?;
        let difference = digest(&layer);
        let layer = blob(&blobs, "application/vnd.oci.image.layer.v1.tar", &layer)?;
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{difference}")] },
        });
        let config = blob(&blobs, "application/vnd.oci.image.config.v1+json", config.to_string().as_bytes())?;
        let manifest = json!({ "schemaVersion": 2, "config": config, "layers": [layer] });
        let kind = "application/vnd.oci.image.manifest.v1+json";
        let mut manifest = blob(&blobs, kind, manifest.to_string().as_bytes())?;
        manifest["annotations"] = json!({ "org.opencontainers.image.ref.name": Self::TAG });
        let index = json!({ "schemaVersion": 2, "manifests": [manifest] });
        fs::write(folder.join("index.json"), index.to_string())?;
        fs::write(folder.join("oci-layout"), json!({ "imageLayoutVersion": "1.0.0" }).to_string())?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// How skopeo and podman name it.
    pub fn reference(&self) -> String {
        format!("oci:{}:{}", self.folder.display(), Self::TAG)
    }
}

/// A tar archive with one file.
fn layer(folder: &Path, size: usize) -> Result<Vec<u8>> {
    let (file, archive) = (folder.join("content"), folder.join("layer.tar"));
    let mut content = vec![0; size];
    rand::rng().fill_bytes(&mut content);
    fs::write(&file, content)?;
    let mut tar = Command::new("tar");
    tar.arg("--create").arg("--file").arg(&archive).arg("--directory").arg(folder).arg("content");
    timed::run(&mut tar, Duration::from_mins(1))?.expect_success().context("tar")?;
    let bytes = fs::read(&archive)?;
    fs::remove_file(file)?;
    fs::remove_file(archive)?;
    Ok(bytes)
}

/// Writes a blob and returns its descriptor.
fn blob(blobs: &Path, media_type: &str, bytes: &[u8]) -> Result<Value> {
    let digest = digest(bytes);
    fs::write(blobs.join(&digest), bytes)?;
    Ok(json!({ "mediaType": media_type, "digest": format!("sha256:{digest}"), "size": bytes.len() }))
}

fn digest(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}
