//! The programs that builds, tests and the demo run, and the Debian package of each.

use std::{
    env,
    path::{Path, PathBuf},
};

/// A program or file that must be there, and the Debian package that brings it.
pub(crate) struct Tool {
    /// A program's name, or an absolute path.
    pub(crate) name: &'static str,
    /// The Debian package.
    pub(crate) package: &'static str,
}

/// One of them.
pub(crate) const fn tool(name: &'static str, package: &'static str) -> Tool {
    Tool { name, package }
}

/// What is needed beside the Rust toolchains.
pub(crate) const TOOLS: [Tool; 24] = [
    // Building: SQLite is compiled from its sources.
    tool("cc", "gcc"),
    tool("/usr/include/stdio.h", "libc6-dev"),
    tool("/etc/ssl/certs/ca-certificates.crt", "ca-certificates"),
    // The registry that is guarded, and its clients.
    tool("docker-registry", "docker-registry"),
    tool("skopeo", "skopeo"),
    tool("podman", "podman"),
    tool("curl", "curl"),
    tool("/usr/bin/docker", "docker.io"),
    tool("dockerd", "docker.io"),
    tool("ctr", "containerd"),
    tool("jq", "jq"),
    // Networks, and other filters beside which ours must live or be measured.
    tool("ip", "iproute2"),
    tool("ping", "iputils-ping"),
    tool("ethtool", "ethtool"),
    tool("nft", "nftables"),
    tool("ipset", "ipset"),
    tool("xdp-filter", "xdp-tools"),
    tool("bpftool", "bpftool"),
    // Recording the calls of a process, and letting them fail.
    tool("strace", "strace"),
    // Reading manual pages.
    tool("groff", "groff-base"),
    // Looking at processes and the kernel's settings.
    tool("ps", "procps"),
    tool("mount", "mount"),
    tool("modprobe", "kmod"),
    // Judging the units of the package.
    tool("systemd-analyze", "systemd"),
];

/// Those of them that are not there.
pub(crate) fn missing(tools: &[Tool]) -> Vec<&Tool> {
    let folders = folders();
    tools.iter().filter(|tool| !is_there(tool.name, &folders)).collect()
}

/// `PATH`, and the folders for root's programs, which a user's `PATH` often lacks.
fn folders() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from)).collect()
}

/// Joining an absolute path to a folder gives the absolute path.
fn is_there(name: &str, folders: &[PathBuf]) -> bool {
    folders.iter().map(|folder| folder.join(name)).any(|candidate| Path::is_file(&candidate))
}

#[cfg(test)]
mod tests {
    use super::{folders, is_there};

    #[test]
    fn a_program_and_a_file_are_found_and_nonsense_is_not() {
        assert!(is_there("sh", &folders()));
        assert!(is_there("/bin/sh", &folders()));
        assert!(!is_there("no-such-program-anywhere", &folders()));
        assert!(!is_there("/etc", &folders()));
    }
}
