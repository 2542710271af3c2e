use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use nix::mount::{MntFlags, umount2};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::bpffs::Bpffs;

/// What every namespace and folder of the harness is called first; the id of the process that made it follows.
pub(super) const PREFIX: &str = "rg-";

/// Removes the namespaces and folders of harness processes that no longer live, and ends what still runs in them.
///
/// It works once per process and before this one has made any, so what carries its own id is an earlier namesake's.
pub(super) fn remove_once() -> Result<()> {
    static DONE: Mutex<bool> = Mutex::new(false);
    let mut done = DONE.lock().unwrap_or_else(PoisonError::into_inner);
    if !*done {
        remove()?;
        *done = true;
    }
    Ok(())
}

fn remove() -> Result<()> {
    for name in abandoned_in(Path::new("/run/netns"))? {
        let pids = Command::new("ip").args(["netns", "pids", &name]).output()?;
        for pid in String::from_utf8_lossy(&pids.stdout).lines().filter_map(|line| line.trim().parse().ok()) {
            _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        // Another harness may be removing the same one at this moment.
        _ = Command::new("ip").args(["netns", "del", &name]).output()?;
    }
    let temporary = std::env::temp_dir();
    for name in abandoned_in(&temporary)? {
        let folder = temporary.join(name);
        _ = umount2(&folder.join(Bpffs::FOLDER), MntFlags::MNT_DETACH);
        _ = fs::remove_dir_all(&folder);
    }
    Ok(())
}

/// The names in `folder` that carry the id of a process that is gone.
fn abandoned_in(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(names),
        entries => entries.with_context(|| format!("reading {}", folder.display()))?,
    };
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let lives = |pid: u32| pid != std::process::id() && Path::new("/proc").join(pid.to_string()).exists();
        if maker(&name).is_some_and(|pid| !lives(pid)) {
            names.push(name);
        }
    }
    Ok(names)
}

fn maker(name: &str) -> Option<u32> {
    let (pid, _) = name.strip_prefix(PREFIX)?.split_once('-')?;
    pid.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_the_harness_have_a_maker() {
        assert_eq!(maker("rg-123-0-host"), Some(123));
        assert_eq!(maker("rg-demo-0"), None);
        assert_eq!(maker("123-0-host"), None);
    }
}
