use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use tokio::net::UnixListener;

/// The most bytes that the path of a Unix socket can have.
const MOST_BYTES: usize = 107;

/// A listening Unix socket. Its file goes when this does, unless another one has taken its place.
#[derive(Debug)]
pub struct ControlSocket {
    pub(crate) listener: UnixListener,
    path: PathBuf,
    /// Device and inode of the file.
    file: (u64, u64),
}

/// Why a socket cannot be used. Nothing was replaced.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// The kernel takes no longer paths.
    #[error("socket {}: the path has {} bytes; accepted: at most {MOST_BYTES}", path.display(), path.as_os_str().len())]
    TooLong {
        /// The path.
        path: PathBuf,
    },
    /// Another process answers on it.
    #[error("socket {}: another agent answers on it; stop that one, or name another socket", path.display())]
    Answered {
        /// The path.
        path: PathBuf,
    },
    /// Something that is no socket has that name.
    #[error("socket {}: there is something else with that name; accepted: a path where there is nothing, or the socket of an agent that has ended", path.display())]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// The system refuses.
    #[error("socket {}: {step}: {source}", path.display())]
    System {
        /// The path.
        path: PathBuf,
        /// What was being done.
        step: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// Listens on `path`, for its owner and its group only. The file of an agent that has ended is replaced; one on which an agent
/// answers is not. Needs a Tokio runtime.
pub fn bind(path: &Path) -> Result<ControlSocket, SocketError> {
    bind_for(path, 0o660, None)
}

/// As [`bind`], with this mode, and for this owner if it is not whose process this is.
pub(crate) fn bind_for(path: &Path, mode: u32, owner: Option<u32>) -> Result<ControlSocket, SocketError> {
    let failed = |step| move |source: io::Error| SocketError::System { path: path.to_owned(), step, source };
    if path.as_os_str().len() > MOST_BYTES {
        return Err(SocketError::TooLong { path: path.to_owned() });
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    DirBuilder::new().recursive(true).mode(0o755).create(folder).map_err(failed("cannot make its folder"))?;
    let _one_at_a_time = locked(folder).map_err(failed("cannot lock its folder"))?;
    refuse_if_in_use(path)?;

    // It becomes reachable under its name only once its mode is right, whatever the umask.
    let draft = tempfile::Builder::new().prefix(".s").tempdir_in(folder).map_err(failed("cannot be made"))?;
    let draft = draft.path().join("s");
    let listener = std::os::unix::net::UnixListener::bind(&draft).map_err(failed("cannot be made"))?;
    fs::set_permissions(&draft, Permissions::from_mode(mode)).map_err(failed("cannot set its mode"))?;
    if owner.is_some() {
        chown(&draft, owner, None).map_err(failed("cannot be given to its owner"))?;
    }
    let metadata = fs::symlink_metadata(&draft).map_err(failed("cannot be made"))?;
    listener.set_nonblocking(true).map_err(failed("cannot listen"))?;
    let listener = UnixListener::from_std(listener).map_err(failed("cannot listen"))?;
    fs::rename(&draft, path).map_err(failed("cannot be given its name"))?;
    Ok(ControlSocket { listener, path: path.to_owned(), file: (metadata.dev(), metadata.ino()) })
}

fn locked(folder: &Path) -> io::Result<Flock<File>> {
    Flock::lock(File::open(folder)?, FlockArg::LockExclusive).map_err(|(_, error)| error.into())
}

fn refuse_if_in_use(path: &Path) -> Result<(), SocketError> {
    let failed =
        |source| SocketError::System { path: path.to_owned(), step: "cannot see whether it is in use", source };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(SocketError::NotASocket { path: path.to_owned() });
        }
        Ok(_) => {}
    }
    match knock(path) {
        Err(Errno::ECONNREFUSED | Errno::ENOENT) => Ok(()),
        // No room for another caller: somebody listens.
        Ok(()) | Err(Errno::EAGAIN) => Err(SocketError::Answered { path: path.to_owned() }),
        Err(error) => Err(failed(error.into())),
    }
}

/// Connects without waiting.
fn knock(path: &Path) -> nix::Result<()> {
    let caller: OwnedFd =
        socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC, None)?;
    connect(caller.as_raw_fd(), &UnixAddr::new(path)?)
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        let still_there = fs::symlink_metadata(&self.path);
        if still_there.is_ok_and(|metadata| (metadata.dev(), metadata.ino()) == self.file)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(socket = %self.path.display(), %error, "cannot remove the socket");
        }
    }
}
