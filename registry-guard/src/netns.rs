//! Network namespaces: what belongs to one, sockets above all, is made by a thread that entered it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::thread;

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};
use nix::sys::statfs::{NSFS_MAGIC, fstatfs};

/// An open network namespace, which lives at least as long as this.
#[derive(Debug)]
pub struct Namespace {
    file: File,
    inode: u64,
}

impl Namespace {
    /// The one this process is in.
    ///
    /// # Errors
    ///
    /// If /proc is not there.
    pub fn current() -> io::Result<Self> {
        Self::open(Path::new("/proc/self/ns/net"))
    }

    /// The one that `path` stands for.
    ///
    /// # Errors
    ///
    /// If it cannot be opened, or is no namespace. Whether it is one of another kind is only found out by [`Namespace::run`].
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        if fstatfs(&file)?.filesystem_type() != NSFS_MAGIC {
            return Err(io::Error::other("is no namespace"));
        }
        let inode = file.metadata()?.ino();
        Ok(Self { file, inode })
    }

    /// Its inode, by which the kernel names it too. It may become that of another once this one is gone.
    pub const fn inode(&self) -> u64 {
        self.inode
    }

    /// Runs `work` on a thread of its own inside this namespace. Blocks.
    ///
    /// # Errors
    ///
    /// If it is another one than this process is in and cannot be entered (that takes `CAP_SYS_ADMIN`), or `work` panics.
    pub fn run<R: Send>(&self, work: impl FnOnce() -> R + Send) -> io::Result<R> {
        let is_elsewhere = Self::current()?.inode != self.inode;
        let entered = || -> io::Result<R> {
            if is_elsewhere {
                setns(self.file.as_fd(), CloneFlags::CLONE_NEWNET).map_err(|error| match error {
                    Errno::EPERM => io::Error::new(
                        io::ErrorKind::PermissionDenied,
                        "entering it takes CAP_SYS_ADMIN, which the agent does not have; docs/containers.md says how to \
                         give it",
                    ),
                    other => other.into(),
                })?;
            }
            Ok(work())
        };
        thread::scope(|scope| {
            let thread = thread::Builder::new().name("netns".to_owned()).spawn_scoped(scope, entered)?;
            thread.join().map_err(|_| io::Error::other("the work in the namespace panicked"))?
        })
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_known_from_any_other_file() {
        assert!(Namespace::current().is_ok());
        let problem = Namespace::open(Path::new("/proc/self/status")).unwrap_err().to_string();
        assert_eq!(problem, "is no namespace");
        assert_eq!(Namespace::open(Path::new("/nonexistent")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
