//! The agent's side of the responder: who may be it, what it is given, and what is believed of what it says.

mod conversation;
mod listeners;
mod options;
#[cfg(test)]
mod tests;

use std::os::fd::OwnedFd;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

pub use self::listeners::{Listener, listen_here, listen_in};
pub use self::options::ResponderOptions;

use self::conversation::Desk;
use crate::api::{Audience, Handover, SocketError, bind_for};
use crate::certificates::{self, CertificateFileError};
use crate::handover::{Answered, MOST_LISTENERS};
use crate::responder::PrivilegeError;

/// Reports that wait for whoever reads them. When there is no more room, the responder waits, and leaves out what it has no room for.
const REPORTS: usize = 1024;

/// Why there can be no responder.
#[derive(Debug, thiserror::Error)]
pub enum ResponderError {
    /// There is no such user, or it is root.
    #[error("responder.{0}")]
    User(#[from] PrivilegeError),
    /// A certificate cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateFileError),
    /// The socket cannot be made.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The socket cannot be had a second time, for the next agent.
    #[error("the responder's socket: {0}")]
    Handover(std::io::Error),
    /// There are more listening sockets than one message can carry.
    #[error("{listeners} listening sockets for the responder; accepted: at most {MOST_LISTENERS}")]
    TooManyListeners {
        /// How many there are.
        listeners: usize,
    },
}

/// Listening sockets, shared by those who steer to them.
pub type Listeners = Arc<Vec<Listener>>;

/// The agent's end. When it is dropped, the responder is left alone and goes on answering.
#[derive(Debug)]
pub struct ResponderLink {
    listeners: watch::Sender<Listeners>,
    accepting: watch::Receiver<Option<Listeners>>,
    /// What was answered, in the order of the reports. It names registries and namespaces that exist; the rest is what the
    /// responder says.
    pub answered: mpsc::Receiver<Answered>,
    handover: Handover,
    _tasks: JoinSet<()>,
}

impl ResponderLink {
    /// Waits for the responder, gives it everything, and again whenever a certificate changes. Needs a Tokio runtime.
    ///
    /// A socket for it that was `inherited` is gone on with.
    pub fn start(
        options: ResponderOptions,
        listeners: Vec<Listener>,
        inherited: Option<OwnedFd>,
    ) -> Result<Self, ResponderError> {
        let ResponderOptions { socket, user, group, registries, certificates: files } = options;
        let listeners = watch::Sender::new(checked(listeners)?);
        let certificates = watch::Sender::new(certificates::load(&files)?);
        let socket = bind_for(&socket, Audience::User(user, group), inherited)?;
        let handover = socket.handover().map_err(ResponderError::Handover)?;
        let (accepted, accepting) = watch::channel(None);
        let (reports, answered) = mpsc::channel(REPORTS);
        let desk = Desk {
            user,
            registries,
            listeners: listeners.subscribe(),
            certificates: certificates.subscribe(),
            accepted,
            reports,
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(certificates::follow(files, certificates));
        tasks.spawn(Arc::new(desk).serve(socket));
        Ok(Self { listeners, accepting, answered, handover, _tasks: tasks })
    }

    /// Gives the responder other listening sockets, as when a network namespace has been made anew. It accepts on the old ones for
    /// a while yet.
    pub fn replace_listeners(&self, listeners: Vec<Listener>) -> Result<(), ResponderError> {
        self.listeners.send_replace(checked(listeners)?);
        Ok(())
    }

    /// What the next agent needs to be found by the responder where this one is.
    pub(crate) const fn handover(&self) -> &Handover {
        &self.handover
    }

    /// The listening sockets that the responder was given last.
    pub(crate) fn listeners(&self) -> Listeners {
        Arc::clone(&self.listeners.borrow())
    }

    /// What the responder accepts on now, so that denied connections may be steered there; nothing while there is none.
    pub fn accepting(&self) -> watch::Receiver<Option<Listeners>> {
        self.accepting.clone()
    }
}

fn checked(listeners: Vec<Listener>) -> Result<Listeners, ResponderError> {
    match listeners.len() {
        ..=MOST_LISTENERS => Ok(Arc::new(listeners)),
        listeners => Err(ResponderError::TooManyListeners { listeners }),
    }
}
