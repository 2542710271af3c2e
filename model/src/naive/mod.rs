//! A second opinion on every verdict, made to be obvious and not fast: plain slices, lists and a linear scan of the rules.
//!
//! It was written from the design alone, apart from the parser and the decision that it checks, and shares nothing with
//! them. A frame is judged in one pass from the outside in; [`Verdict`] says what comes of it.

mod judge;
mod policy;
mod socket;
mod verdict;
mod walk;

#[cfg(test)]
mod tests;

pub use policy::{
    Answer, Endpoint, Interface, Local, Namespace, Place, Policy, PrivateEndpoint, Registry, Rule, ServiceTag,
    UdpAnswer,
};
pub use socket::{Fate, Lookup, SocketVerdict};
pub use verdict::{Allowed, Denied, Illegitimate, Verdict};

impl Policy {
    /// What becomes of this frame.
    pub fn verdict(&self, frame: &[u8]) -> Verdict {
        walk::frame(self, frame, None)
    }
}
