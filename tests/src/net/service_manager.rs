use std::fs::{self, Permissions};
use std::io::{ErrorKind, IoSliceMut};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::cmsg_space;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};

/// The ear of a service manager: what a process tells it through `NOTIFY_SOCKET`.
#[derive(Debug)]
pub struct ServiceManager {
    socket: UnixDatagram,
    path: PathBuf,
    /// What nobody asked for yet.
    kept: Vec<Notification>,
}

/// One message.
#[derive(Debug)]
pub struct Notification {
    /// Its lines, each an assignment.
    pub lines: Vec<String>,
    /// What came along.
    pub descriptors: Vec<OwnedFd>,
}

impl Notification {
    /// Whether it has this line.
    pub fn says(&self, line: &str) -> bool {
        self.lines.iter().any(|own| own == line)
    }

    /// The value of this variable.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.lines.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
    }
}

impl ServiceManager {
    /// Listens at a file in `folder`.
    pub fn listen(folder: &Path) -> Result<Self> {
        let path = folder.join("notify.sock");
        let socket = UnixDatagram::bind(&path).with_context(|| format!("binding {}", path.display()))?;
        // Agents of any user tell it.
        fs::set_permissions(&path, Permissions::from_mode(0o666))?;
        Ok(Self { socket, path, kept: Vec::new() })
    }

    /// For `NOTIFY_SOCKET`.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The next message for which `wanted` holds; it is given once, and those before it are kept for another call. An error if none
    /// comes within `limit`.
    pub fn next(&mut self, limit: Duration, wanted: impl Fn(&Notification) -> bool) -> Result<Notification> {
        if let Some(position) = self.kept.iter().position(&wanted) {
            return Ok(self.kept.remove(position));
        }
        let start = Instant::now();
        while let Some(left) = limit.checked_sub(start.elapsed()).filter(|left| !left.is_zero()) {
            match self.receive(left)? {
                Some(notification) if wanted(&notification) => return Ok(notification),
                other => self.kept.extend(other),
            }
        }
        bail!("the service manager was not told within {limit:?}, but {:?}", self.kept)
    }

    /// How many messages hold `line` within `time` from now on.
    pub fn count(&mut self, time: Duration, line: &str) -> Result<usize> {
        self.kept.clear();
        let start = Instant::now();
        let mut count = 0;
        while let Some(left) = time.checked_sub(start.elapsed()).filter(|left| !left.is_zero()) {
            count += usize::from(self.receive(left)?.is_some_and(|notification| notification.says(line)));
        }
        Ok(count)
    }

    fn receive(&self, limit: Duration) -> Result<Option<Notification>> {
        self.socket.set_read_timeout(Some(limit))?;
        let mut bytes = [0; 4096];
        let mut buffer = [IoSliceMut::new(&mut bytes)];
        let mut space = cmsg_space!([RawFd; 4]);
        let received =
            recvmsg::<()>(self.socket.as_raw_fd(), &mut buffer, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC);
        let message = match received.map_err(std::io::Error::from) {
            Ok(message) => message,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut descriptors = Vec::new();
        for control in message.cmsgs()? {
            if let ControlMessageOwned::ScmRights(received) = control {
                #[expect(unsafe_code, reason = "descriptors that the kernel has just made for this process")]
                // SAFETY: nobody else has them.
                descriptors.extend(received.into_iter().map(|descriptor| unsafe { OwnedFd::from_raw_fd(descriptor) }));
            }
        }
        let length = message.bytes;
        let text = String::from_utf8_lossy(bytes.get(..length).unwrap_or_default()).into_owned();
        Ok(Some(Notification { lines: text.lines().map(str::to_owned).collect(), descriptors }))
    }
}
