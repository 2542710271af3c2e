use std::convert::Infallible;
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsRawFd as _, IntoRawFd as _, OwnedFd, RawFd};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use nix::fcntl::{FcntlArg, fcntl};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::unistd::dup2_raw;

use super::Named;

/// `SD_LISTEN_FDS_START` of `sd_listen_fds(3)`.
const FIRST: RawFd = 3;

/// Becomes `program`, with the same process number and these descriptors, which it finds as [`super::Inherited`]. Every other
/// thread ends here, so whoever calls this holds what must not end half done.
///
/// Returns only if that cannot be done. Then this thread has descriptors of its own (`CLONE_FILES` of `unshare(2)`), other than
/// those of the rest of the process, so there is nothing left to do but to end.
pub(crate) fn replace_this_process(
    program: &Path,
    arguments: impl Iterator<Item = OsString>,
    handed: &[Named],
) -> io::Result<Infallible> {
    let count = RawFd::try_from(handed.len()).map_err(io::Error::other)?;
    let names: Vec<&str> = handed.iter().map(|named| named.name.as_str()).collect();
    let names = names.join(":");
    // The other threads run on until execve(2), and what stands at these places is theirs: the epoll of the runtime, for one.
    unshare(CloneFlags::CLONE_FILES)?;
    // First out of the way, so that none is overwritten before it has its place.
    let mut aside = Vec::new();
    for named in handed {
        aside.push(fcntl(&named.descriptor, FcntlArg::F_DUPFD_CLOEXEC(FIRST + count))?);
    }
    // A signal that comes before the next process listens for it would end that.
    // SAFETY: no handler runs any more.
    #[expect(unsafe_code, reason = "a signal is ignored, which takes no handler")]
    unsafe { signal(Signal::SIGHUP, SigHandler::SigIgn) }?;
    for (place, descriptor) in (FIRST..).zip(aside) {
        put(descriptor, place)?;
    }
    let mut command = Command::new(program);
    command.args(arguments);
    command.env("LISTEN_PID", std::process::id().to_string());
    command.env("LISTEN_FDS", count.to_string()).env("LISTEN_FDNAMES", names);
    Err(command.exec())
}

/// A descriptor that dup2(2) makes is not closed by execve(2).
fn put(descriptor: RawFd, place: RawFd) -> io::Result<()> {
    // SAFETY: it was made by the caller, who knows of no other owner.
    #[expect(unsafe_code, reason = "descriptors are moved to the places where the next process looks for them")]
    let made: OwnedFd = unsafe {
        let descriptor = <OwnedFd as std::os::fd::FromRawFd>::from_raw_fd(descriptor);
        dup2_raw(&descriptor, place)?
    };
    debug_assert_eq!(made.as_raw_fd(), place);
    let _ = made.into_raw_fd();
    Ok(())
}
