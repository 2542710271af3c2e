//! What agent and responder say to each other over a Unix stream socket, and how sockets travel along.
//!
//! The responder trusts the agent, which gave it everything it has. The agent trusts nothing that comes back: the responder
//! talks to strangers. So frames towards the agent are small, carry no descriptors, and hold text that was cleaned twice.

mod certificate;
mod frame;
mod message;
mod printable;
mod secret;
mod socket;
#[cfg(test)]
mod tests;

pub use certificate::{Certificate, CertificateError};
pub use frame::{FrameError, MOST_TO_AGENT, MOST_TO_RESPONDER, decode, encode, read_frame};
pub use message::{Answered, Endpoint, ListenerKey, RegistrySetup, Setup, Style, ToAgent};
pub use printable::Printable;
pub use secret::Secret;
pub use socket::{FrameReceiver, MOST_LISTENERS, send};
