use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// What the kernel says of a running process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    pid: u32,
}

impl Process {
    /// The process with this id.
    pub fn of(pid: u32) -> Self {
        Self { pid }
    }

    /// Its memory that is in RAM now, in bytes.
    pub fn resident(self) -> Result<u64> {
        self.status("VmRSS:")
    }

    /// The most of its memory that ever was in RAM, in bytes.
    pub fn resident_at_most(self) -> Result<u64> {
        self.status("VmHWM:")
    }

    /// How many descriptors it has open.
    pub fn descriptors(self) -> Result<usize> {
        Ok(self.open_files()?.len())
    }

    /// Its effective user.
    pub fn user(self) -> Result<u32> {
        let line = self.status_line("Uid:")?;
        let effective = line.split_whitespace().nth(1).context("no effective user")?;
        Ok(effective.parse()?)
    }

    /// Its effective capabilities, as the bits of the kernel's set.
    pub fn capabilities(self) -> Result<u64> {
        Ok(u64::from_str_radix(self.status_line("CapEff:")?.trim(), 16)?)
    }

    /// What its descriptors stand for, as the kernel prints it, such as `socket:[4711]`.
    pub(super) fn open_files(self) -> Result<Vec<PathBuf>> {
        let folder = self.folder().join("fd");
        let entries = fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
        // One that is closed meanwhile is no longer open.
        Ok(entries.flatten().filter_map(|entry| fs::read_link(entry.path()).ok()).collect())
    }

    /// A line in kilobytes, in bytes.
    fn status(self, key: &str) -> Result<u64> {
        let line = self.status_line(key)?;
        let kilobytes: u64 = line.split_whitespace().next().context("no number")?.parse()?;
        Ok(kilobytes * 1024)
    }

    fn status_line(self, key: &str) -> Result<String> {
        let path = self.folder().join("status");
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let line = text.lines().find_map(|line| line.strip_prefix(key));
        line.map(str::to_owned).with_context(|| format!("{} has no {key}", path.display()))
    }

    fn folder(self) -> PathBuf {
        Path::new("/proc").join(self.pid.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_memory_and_descriptors_and_a_user() {
        let own = Process::of(std::process::id());
        assert!(own.resident().unwrap() > 100_000);
        assert!(own.resident_at_most().unwrap() >= own.resident().unwrap() / 2);
        assert!(own.descriptors().unwrap() >= 3);
        assert_eq!(own.user().unwrap(), nix::unistd::geteuid().as_raw());
        assert!(own.capabilities().is_ok());
        assert!(Process::of(u32::MAX).resident().is_err());
    }
}
