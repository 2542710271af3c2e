//! Which process holds a socket, as far as /proc shows it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A running process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its identifier.
    pub id: u32,
    /// Its name, of which the kernel keeps 15 bytes.
    pub name: String,
}

/// Whether this process may look into those of others: init is root's, and looking takes `CAP_SYS_PTRACE` (proc(5)).
pub fn all_are_seen() -> bool {
    fs::read_dir("/proc/1/fd").is_ok()
}

/// The holders of the sockets with these inodes among the processes whose name is `wanted`. Processes that this one may not
/// look into hold nothing.
pub fn holders(inodes: &BTreeSet<u32>, wanted: impl Fn(&str) -> bool) -> BTreeMap<u32, Process> {
    let mut holders = BTreeMap::new();
    if inodes.is_empty() {
        return holders;
    }
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let Ok(name) = fs::read_to_string(entry.path().join("comm")) else { continue };
        let name = name.trim_end();
        if wanted(name) {
            let process = Process { id, name: name.to_owned() };
            let held = sockets(&entry.path()).into_iter().filter(|inode| inodes.contains(inode));
            holders.extend(held.map(|inode| (inode, process.clone())));
        }
    }
    holders
}

/// The inodes of a process's sockets. Its descriptors are links such as `socket:[4711]` (proc(5)).
fn sockets(process: &Path) -> Vec<u32> {
    let descriptors = fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
    let inode = |target: &Path| target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok();
    descriptors.filter_map(|entry| inode(&fs::read_link(entry.path()).ok()?)).collect()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::fd::AsRawFd as _;

    use super::*;

    #[test]
    fn the_holder_of_a_socket_is_found_by_its_inode() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let link = fs::read_link(format!("/proc/self/fd/{}", listener.as_raw_fd())).unwrap();
        let inode = link.to_str().unwrap().trim_matches(|letter: char| !letter.is_ascii_digit()).parse().unwrap();
        let found = holders(&BTreeSet::from([inode, 1]), |_| true);
        assert_eq!(found.get(&inode).map(|process| process.id), Some(std::process::id()));
        assert_eq!(found.len(), 1);
        assert!(holders(&BTreeSet::from([inode]), |_| false).is_empty());
    }
}
