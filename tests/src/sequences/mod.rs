//! Sequences of API calls, valid and not, and an owner's naive idea of what must come of each.
//!
//! [`Model`] was written from the documentation alone and shares nothing with the product: it keeps plain lists, reads every
//! text itself, and says whether a call is accepted, what the API shows afterwards, and, through [`crate::naive`], whom the
//! kernel lets in.

mod call;
mod model;
mod random;
mod regressions;
mod request;

pub use call::{Call, Condition, RuleText, Sequence, Step, SubnetText};
pub use model::{Expected, Model, Probe, Site, difference};
pub use random::sequences;
pub use regressions::Regressions;
pub use request::Request;
