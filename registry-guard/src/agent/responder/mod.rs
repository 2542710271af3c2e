//! The agent's side of the responder: who may be it, what it is given, and what is believed of what it says.

mod certificate;
mod certificates;
mod conversation;
mod listeners;
mod options;
#[cfg(test)]
mod tests;
mod watched;

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

pub use self::certificate::{CertificateFileError, CertificateFiles};
pub use self::listeners::{Listener, listen_here, listen_in};
pub use self::options::ResponderOptions;

use self::conversation::Desk;
use crate::api::{SocketError, bind_for};
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
    /// There are more listening sockets than one message can carry.
    #[error("{listeners} listening sockets for the responder; accepted: at most {MOST_LISTENERS}")]
    TooManyListeners {
        /// How many there are.
        listeners: usize,
    },
}

/// The agent's end. When it is dropped, the responder is left alone and goes on answering.
#[derive(Debug)]
pub struct ResponderLink {
    listeners: Arc<Vec<Listener>>,
    present: watch::Receiver<bool>,
    /// What was answered, in the order of the reports. It names registries and namespaces that exist; the rest is what the
    /// responder says.
    pub answered: mpsc::Receiver<Answered>,
    _tasks: JoinSet<()>,
}

impl ResponderLink {
    /// Waits for the responder, gives it everything, and again whenever a certificate changes. Needs a Tokio runtime.
    pub fn start(options: ResponderOptions, listeners: Vec<Listener>) -> Result<Self, ResponderError> {
        let ResponderOptions { socket, user, registries, certificates: files } = options;
        if listeners.len() > MOST_LISTENERS {
            return Err(ResponderError::TooManyListeners { listeners: listeners.len() });
        }
        let certificates = watch::Sender::new(certificates::load(&files)?);
        let socket = bind_for(&socket, 0o600, Some(user.as_raw()))?;
        let listeners = Arc::new(listeners);
        let (presence, present) = watch::channel(false);
        let (reports, answered) = mpsc::channel(REPORTS);
        let desk = Desk {
            user,
            registries,
            listeners: Arc::clone(&listeners),
            certificates: certificates.subscribe(),
            presence,
            reports,
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(certificates::follow(files, certificates));
        tasks.spawn(Arc::new(desk).serve(socket));
        Ok(Self { listeners, present, answered, _tasks: tasks })
    }

    /// The sockets that denied connections may be steered to while the responder is present.
    pub fn listeners(&self) -> &[Listener] {
        &self.listeners
    }

    /// Whether the responder accepts on [`Self::listeners`].
    pub fn present(&self) -> watch::Receiver<bool> {
        self.present.clone()
    }
}
