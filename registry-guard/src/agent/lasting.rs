//! Sockets that outlive the agent: whoever connects meanwhile waits for the next one instead of being refused.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::sys::socket::{SockaddrStorage, getsockname, getsockopt, sockopt};
use registry_guard_common::Family;

use super::responder::Listener;
use crate::handover::ListenerKey;
use crate::service::{Inherited, Named, notify};

/// The socket for commands.
pub(super) const CONTROL: &str = "control";
/// The socket for the responder.
pub(super) const RESPONDER: &str = "responder";
/// The lock on the folder of pins.
pub(super) const PINS: &str = "pins";
/// The sockets of the API over TLS.
const MANAGEMENT: &str = "management";

/// What this process got from the one before, and has for the next one.
#[derive(Debug, Default)]
pub(super) struct Lasting {
    inherited: Inherited,
    /// By name; one name may stand for several.
    kept: Mutex<BTreeMap<String, Vec<OwnedFd>>>,
}

impl Lasting {
    pub(super) fn new(inherited: Inherited) -> Self {
        Self { inherited, kept: Mutex::default() }
    }

    /// What the process before this one had under this name.
    pub(super) fn inherited(&self, name: &str) -> Option<OwnedFd> {
        self.inherited.take(name)
    }

    /// The listening socket at this address that the process before this one had for the API over TLS.
    pub(super) fn inherited_at(&self, address: SocketAddr) -> Option<OwnedFd> {
        self.inherited.take_where(|named| named.name == MANAGEMENT && listens_at(&named.descriptor, address))
    }

    /// The listening socket of this namespace and family that the process before this one had.
    pub(super) fn inherited_listener(&self, key: ListenerKey, inode: u64) -> Option<OwnedFd> {
        let name = listener_name(key, inode);
        self.inherited.take_where(|named| named.name == name && is_listening(&named.descriptor))
    }

    /// Has the next process get this on a reload.
    pub(super) fn hand_over(&self, name: &str, descriptor: impl AsFd) -> io::Result<()> {
        let descriptor = descriptor.as_fd().try_clone_to_owned()?;
        self.kept().entry(name.to_owned()).or_default().push(descriptor);
        Ok(())
    }

    /// As [`Lasting::hand_over`], for those of the API over TLS.
    pub(super) fn hand_over_management(&self, descriptor: impl AsFd) -> io::Result<()> {
        self.hand_over(MANAGEMENT, descriptor)
    }

    /// Has the next process get these, in the place of those before, also if the service manager restarts it. Each comes with the
    /// inode of its namespace.
    pub(super) fn keep_listeners<'a>(&self, listeners: impl Iterator<Item = (&'a Listener, u64)>) -> io::Result<()> {
        let mut kept = self.kept();
        let (before, others): (BTreeMap<_, _>, BTreeMap<_, _>) =
            std::mem::take(&mut *kept).into_iter().partition(|(name, _)| name.starts_with(LISTENER));
        *kept = others;
        for name in before.keys() {
            notify::forget(name);
        }
        for (listener, inode) in listeners {
            let name = listener_name(listener.key, inode);
            notify::keep(&name, listener.socket.as_fd());
            kept.entry(name).or_default().push(listener.socket.try_clone()?);
        }
        Ok(())
    }

    /// Closes what was inherited and is of no use any more.
    pub(super) fn forget_the_rest(&self) {
        while let Some(name) = self.inherited.first_name() {
            notify::forget(&name);
            drop(self.inherited.take(&name));
        }
    }

    /// Everything for the next process.
    pub(super) fn take_all(&self) -> Vec<Named> {
        let kept = std::mem::take(&mut *self.kept());
        let named = |name: String| move |descriptor| Named { name: name.clone(), descriptor };
        kept.into_iter().flat_map(|(name, descriptors)| descriptors.into_iter().map(named(name))).collect()
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<String, Vec<OwnedFd>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How names of listening sockets begin.
const LISTENER: &str = "denied-";

/// The inode is that of the namespace, whose number may stand for another one when it is made anew.
fn listener_name(key: ListenerKey, inode: u64) -> String {
    let family = match key.family {
        Family::V4 => 4,
        Family::V6 => 6,
    };
    format!("{LISTENER}{family}-{}-{inode}", key.namespace)
}

fn is_listening(socket: &OwnedFd) -> bool {
    getsockopt(socket, sockopt::AcceptConn).unwrap_or(false)
}

fn listens_at(socket: &OwnedFd, address: SocketAddr) -> bool {
    let own = getsockname::<SockaddrStorage>(socket.as_raw_fd());
    is_listening(socket) && own.is_ok_and(|own| own == SockaddrStorage::from(address))
}
