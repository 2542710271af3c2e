//! The programs that only this verb needs.

use anyhow::Result;

use crate::setup::{Tool, ensure_tools, tool};

const TOOLS: [Tool; 8] = [
    tool("qemu-system-x86_64", "qemu-system-x86"),
    tool("qemu-img", "qemu-utils"),
    tool("nbdkit", "nbdkit"),
    tool("debootstrap", "debootstrap"),
    tool("/usr/share/keyrings/debian-archive-keyring.gpg", "debian-archive-keyring"),
    tool("mke2fs", "e2fsprogs"),
    tool("unshare", "util-linux"),
    tool("strip", "binutils"),
];

/// Installs those that are missing.
pub(super) fn ensure() -> Result<String> {
    ensure_tools(&TOOLS)
}
