//! Commands inside the root file system of the machines.

use std::{path::Path, process::Command};

/// A command in `root`, which sees a `/proc`; what is mounted for it goes with it, even if it is killed.
pub(super) fn command(root: &Path, program: &str) -> Command {
    let mut command = in_mounts_of_its_own("sh");
    command
        .args(["-c", r#"mount -t proc proc "$0/proc" && exec chroot "$0" "$@""#])
        .arg(root)
        .arg(program)
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C.UTF-8");
    command
}

/// A command that mounts things which nobody else sees.
pub(super) fn in_mounts_of_its_own(program: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "--", program]);
    command
}
