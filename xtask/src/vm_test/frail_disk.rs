//! A disk with a cache that forgets: what was written and not flushed is gone when its power is.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use crate::progress;

/// The socket's name in the folder of the run: the whole path of one may not be longer than 107 bytes.
const SOCKET: &str = "disk.sock";
const PATIENCE: Duration = Duration::from_secs(20);

/// The disk's lasting part, a file. A killed qemu would lose nothing, since what it wrote is in this host's memory; so nbdkit's
/// `cache` filter keeps in a file of its own what the machine wrote, until the machine asks for a flush.
pub(super) struct FrailDisk {
    file: PathBuf,
    folder: PathBuf,
}

/// The disk with power.
pub(super) struct Powered {
    nbdkit: Child,
}

impl FrailDisk {
    /// One with the content of `image`.
    pub(super) fn copy(image: &Path, folder: &Path, name: &str) -> Result<Self> {
        let file = folder.join(format!("{name}.img"));
        let mut copy = Command::new("cp");
        copy.arg("--sparse=always").arg(image).arg(&file);
        progress::run(&format!("make {}", file.display()), copy)?;
        Ok(Self { file, folder: folder.to_owned() })
    }

    /// Gives it power.
    pub(super) fn power(&self) -> Result<Powered> {
        let socket = self.folder.join(SOCKET);
        _ = fs::remove_file(&socket);
        let nbdkit = Command::new("nbdkit")
            .args(["--foreground", "--exit-with-parent", "--unix", SOCKET, "--filter=cache", "file"])
            .arg(&self.file)
            .arg("cache=writeback")
            // Where the cache is, which is unlinked at once.
            .env("TMPDIR", &self.folder)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .spawn()
            .context("starting nbdkit")?;
        let powered = Powered { nbdkit };
        let until = Instant::now() + PATIENCE;
        while !socket.exists() {
            ensure!(Instant::now() < until, "nbdkit does not listen at {}", socket.display());
            thread::sleep(Duration::from_millis(5));
        }
        Ok(powered)
    }

    /// What to tell a qemu that runs in the folder.
    pub(super) fn drive() -> String {
        format!("file=nbd+unix:///?socket={SOCKET},if=virtio,format=raw,cache=writeback")
    }

    /// Removes it.
    pub(super) fn remove(self) -> Result<()> {
        fs::remove_file(&self.file).with_context(|| format!("removing {}", self.file.display()))
    }
}

impl Drop for Powered {
    /// Without a word, so that nothing is flushed.
    fn drop(&mut self) {
        _ = self.nbdkit.kill();
        _ = self.nbdkit.wait();
    }
}
