//! Random policies, and random frames that hit them: addresses inside and just outside of their rules, ports that they
//! guard, every header that the guard knows in every order, and whole packets with some bytes changed.

mod frame;
mod mutation;
mod policy;
mod source;

pub use frame::frame;
pub use mutation::mutate;
pub use policy::policy;
