use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::abandoned::PREFIX;

/// A control group whose processes, and the BPF maps that they make, get only so much memory.
#[derive(Debug)]
pub struct MemoryLimit {
    folder: PathBuf,
}

impl MemoryLimit {
    /// The memory controller of version 1, and where version 2 has all controllers.
    const PLACES: [(&str, &str, &str); 2] = [
        ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.limit_in_bytes"),
        ("/sys/fs/cgroup", "cgroup.subtree_control", "memory.max"),
    ];

    /// One of so many bytes; none where no memory controller can be written to.
    pub fn of(bytes: u64) -> Result<Option<Self>> {
        for (root, sign, limit) in Self::PLACES {
            if !Path::new(root).join(sign).exists() {
                continue;
            }
            // Version 2 hands a controller on only if asked to; version 1 has no such file.
            _ = fs::write(Path::new(root).join("cgroup.subtree_control"), "+memory");
            let group = Self { folder: Path::new(root).join(format!("{PREFIX}{}-limit", std::process::id())) };
            if fs::create_dir(&group.folder).is_err() {
                continue;
            }
            if fs::write(group.folder.join(limit), bytes.to_string()).is_ok() {
                return Ok(Some(group));
            }
        }
        Ok(None)
    }

    /// Takes a process in; what it has already is not counted.
    pub fn hold(&self, pid: u32) -> Result<()> {
        let file = self.folder.join("cgroup.procs");
        fs::write(&file, pid.to_string()).with_context(|| format!("writing {}", file.display()))
    }
}

impl Drop for MemoryLimit {
    fn drop(&mut self) {
        // Whoever is still in it goes back to where everybody is.
        let root = self.folder.with_file_name("cgroup.procs");
        let inside = fs::read_to_string(self.folder.join("cgroup.procs")).unwrap_or_default();
        for pid in inside.lines() {
            _ = fs::write(&root, pid);
        }
        if let Err(error) = fs::remove_dir(&self.folder) {
            eprintln!("control group {} stays: {error}", self.folder.display());
        }
    }
}
