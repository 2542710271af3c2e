use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::timed;

/// How long each tool may take.
const LIMIT: Duration = Duration::from_mins(1);

/// A container image with one layer that holds one file, as an OCI layout on disk.
#[derive(Clone, Debug)]
pub struct Image {
    folder: PathBuf,
    layer: String,
}

impl Image {
    /// Its tag inside the layout.
    pub const TAG: &str = "latest";

    /// Makes one in the new folder `folder`; its file holds `size` random bytes, so no two images are alike.
    pub fn make(folder: &Path, size: u64) -> Result<Self> {
        let blobs = folder.join("blobs/sha256");
        fs::create_dir_all(&blobs).with_context(|| format!("creating {}", blobs.display()))?;
        let layer = blob(&blobs, "application/vnd.oci.image.layer.v1.tar", &layer(folder, size)?)?;
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": { "type": "layers", "diff_ids": [layer["digest"]] },
        });
        let config = document(&blobs, "application/vnd.oci.image.config.v1+json", &config)?;
        let manifest = json!({ "schemaVersion": 2, "config": config, "layers": [layer] });
        let kind = "application/vnd.oci.image.manifest.v1+json";
        let mut manifest = document(&blobs, kind, &manifest)?;
        manifest["annotations"] = json!({ "org.opencontainers.image.ref.name": Self::TAG });
        let index = json!({ "schemaVersion": 2, "manifests": [manifest] });
        fs::write(folder.join("index.json"), index.to_string())?;
        fs::write(folder.join("oci-layout"), json!({ "imageLayoutVersion": "1.0.0" }).to_string())?;
        let layer = layer["digest"].as_str().context("a digest")?.to_owned();
        Ok(Self { folder: folder.to_owned(), layer })
    }

    /// The digest of its layer, such as `sha256:..`.
    pub fn layer(&self) -> &str {
        &self.layer
    }

    /// How skopeo and podman name it.
    pub fn reference(&self) -> String {
        format!("oci:{}:{}", self.folder.display(), Self::TAG)
    }
}

/// A tar archive with one file, in a file.
fn layer(folder: &Path, size: u64) -> Result<PathBuf> {
    let (file, archive) = (folder.join("content"), folder.join("layer.tar"));
    io::copy(&mut File::open("/dev/urandom")?.take(size), &mut File::create(&file)?)?;
    let mut tar = Command::new("tar");
    tar.arg("--create").arg("--file").arg(&archive).arg("--directory").arg(folder).arg("content");
    timed::run(&mut tar, LIMIT)?.expect_success().context("tar")?;
    fs::remove_file(file)?;
    Ok(archive)
}

/// Writes a small blob and returns its descriptor.
fn document(blobs: &Path, media_type: &str, content: &Value) -> Result<Value> {
    let file = blobs.join("document");
    fs::write(&file, content.to_string())?;
    blob(blobs, media_type, &file)
}

/// Moves a file to where a blob belongs and returns its descriptor.
fn blob(blobs: &Path, media_type: &str, file: &Path) -> Result<Value> {
    let (digest, size) = (sha256(file)?, fs::metadata(file)?.len());
    fs::rename(file, blobs.join(&digest))?;
    Ok(json!({ "mediaType": media_type, "digest": format!("sha256:{digest}"), "size": size }))
}

/// The SHA-256 of a file, in hexadecimal. The tool is faster than whatever a test is built with.
pub fn sha256(file: &Path) -> Result<String> {
    let ran = timed::run(Command::new("sha256sum").arg("--binary").arg(file), LIMIT)?.expect_success()?;
    let digest = ran.stdout.split_whitespace().next().context("sha256sum printed nothing")?;
    Ok(digest.to_owned())
}
