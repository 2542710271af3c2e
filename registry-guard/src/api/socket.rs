use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrLike as _, SockaddrStorage, UnixAddr, connect, getsockname, getsockopt,
    socket, sockopt,
};
use nix::unistd::{Gid, Uid, getegid};
use tokio::net::UnixListener;

use super::visit::Visits;

/// The most bytes that the path of a Unix socket can have.
const MOST_BYTES: usize = 107;

/// A listening Unix socket. Its file goes when this does, unless another one has taken its place or the next process goes on with
/// it.
#[derive(Debug)]
pub struct ControlSocket {
    pub(crate) listener: UnixListener,
    path: PathBuf,
    /// Device and inode of the file.
    file: (u64, u64),
    left: Arc<AtomicBool>,
    pub(super) visits: Visits,
}

/// What it takes for another process to go on with a socket: those who have connected wait until it accepts them.
#[derive(Debug)]
pub(crate) struct Handover {
    /// The socket.
    pub(crate) socket: OwnedFd,
    left: Arc<AtomicBool>,
}

impl Handover {
    /// The file stays, whatever becomes of the [`ControlSocket`].
    pub(crate) fn leave_the_file(&self) {
        self.left.store(true, Ordering::SeqCst);
    }
}

impl ControlSocket {
    /// What another process needs.
    pub(crate) fn handover(&self) -> io::Result<Handover> {
        let socket = self.listener.as_fd().try_clone_to_owned()?;
        Ok(Handover { socket, left: Arc::clone(&self.left) })
    }
}

/// Who may connect to a socket, beside root.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Audience {
    /// The user whose process this is, and the members of this group, if it is not the one of the process.
    Group(Option<Gid>),
    /// This user, whose group it is.
    User(Uid, Gid),
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
    /// Only root may give a file to somebody else, or to a group that this process is not in.
    #[error(
        "socket {}: it cannot be given to {whom}, since user {} is not in that group; accepted: a group that the agent's user is a \
         member of (`SupplementaryGroups=` in its unit), or an agent that root starts",
        path.display(),
        Uid::effective()
    )]
    NotGiven {
        /// The path.
        path: PathBuf,
        /// To whom.
        whom: String,
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
    bind_for(path, Audience::Group(None), None)
}

/// As [`bind`], for this audience. A socket that was `inherited` is gone on with, if its file is still there.
pub(crate) fn bind_for(
    path: &Path,
    audience: Audience,
    inherited: Option<OwnedFd>,
) -> Result<ControlSocket, SocketError> {
    let failed = |step| move |source: io::Error| SocketError::System { path: path.to_owned(), step, source };
    if path.as_os_str().len() > MOST_BYTES {
        return Err(SocketError::TooLong { path: path.to_owned() });
    }
    if let Some(socket) = inherited.and_then(|socket| go_on(path, socket).transpose()) {
        return socket.map_err(failed("cannot go on with it"));
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
    let mode = give(&draft, audience).map_err(|error| match (audience, error.kind()) {
        (Audience::Group(Some(group)), ErrorKind::PermissionDenied) => {
            SocketError::NotGiven { path: path.to_owned(), whom: format!("group {group}") }
        }
        (Audience::User(user, group), ErrorKind::PermissionDenied) => {
            SocketError::NotGiven { path: path.to_owned(), whom: format!("group {group} of user {user}") }
        }
        _ => failed("cannot be given to those who may connect")(error),
    })?;
    fs::set_permissions(&draft, Permissions::from_mode(mode)).map_err(failed("cannot set its mode"))?;
    let metadata = fs::symlink_metadata(&draft).map_err(failed("cannot be made"))?;
    listener.set_nonblocking(true).map_err(failed("cannot listen"))?;
    let listener = UnixListener::from_std(listener).map_err(failed("cannot listen"))?;
    fs::rename(&draft, path).map_err(failed("cannot be given its name"))?;
    Ok(ControlSocket {
        listener,
        path: path.to_owned(),
        file: (metadata.dev(), metadata.ino()),
        left: Arc::default(),
        visits: Visits::default(),
    })
}

/// Gives the file to those who may connect, and returns the mode that lets them. Only root may give it to another user; whoever is
/// a member of that user's group may give it to the group.
fn give(file: &Path, audience: Audience) -> io::Result<u32> {
    match audience {
        Audience::Group(group) => {
            let group = group.filter(|group| *group != getegid());
            group.map_or(Ok(()), |group| chown(file, None, Some(group.as_raw())))?;
            Ok(0o660)
        }
        Audience::User(user, group) => match chown(file, Some(user.as_raw()), None) {
            Ok(()) => Ok(0o600),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                chown(file, None, Some(group.as_raw()))?;
                Ok(0o660)
            }
            Err(error) => Err(error),
        },
    }
}

/// Goes on with a socket that another process has made for `path`; nothing if there is no file for it, or it is none.
fn go_on(path: &Path, socket: OwnedFd) -> io::Result<Option<ControlSocket>> {
    let is_unix = getsockname::<SockaddrStorage>(socket.as_raw_fd())
        .is_ok_and(|address| address.family() == Some(AddressFamily::Unix));
    let metadata = fs::symlink_metadata(path).ok().filter(|metadata| metadata.file_type().is_socket());
    let (true, Some(metadata), true) = (is_unix, metadata, getsockopt(&socket, sockopt::AcceptConn).unwrap_or(false))
    else {
        return Ok(None);
    };
    let listener = std::os::unix::net::UnixListener::from(socket);
    listener.set_nonblocking(true)?;
    let file = (metadata.dev(), metadata.ino());
    Ok(Some(ControlSocket {
        listener: UnixListener::from_std(listener)?,
        path: path.to_owned(),
        file,
        left: Arc::default(),
        visits: Visits::default(),
    }))
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
        if self.left.load(Ordering::SeqCst) {
            return;
        }
        let still_there = fs::symlink_metadata(&self.path);
        if still_there.is_ok_and(|metadata| (metadata.dev(), metadata.ino()) == self.file)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(socket = %self.path.display(), %error, "cannot remove the socket");
        }
    }
}
