use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

/// A BPF file system of its own; whatever is pinned in it goes with it.
#[derive(Debug)]
pub struct Bpffs {
    path: PathBuf,
}

impl Bpffs {
    /// Its mount point's name inside the harness's folder.
    pub(super) const FOLDER: &str = "bpf";

    /// Mounts one in `folder`.
    pub fn mount(folder: &Path) -> Result<Self> {
        let path = folder.join(Self::FOLDER);
        fs::create_dir(&path).with_context(|| format!("creating {}", path.display()))?;
        mount(Some("bpf"), &path, Some("bpf"), MsFlags::empty(), Some("mode=0700"))
            .with_context(|| format!("mounting a bpffs at {}", path.display()))?;
        Ok(Self { path })
    }

    /// The mount point.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Bpffs {
    fn drop(&mut self) {
        if let Err(error) = umount2(&self.path, MntFlags::MNT_DETACH) {
            eprintln!("bpffs {} stays: {error}", self.path.display());
        }
    }
}
