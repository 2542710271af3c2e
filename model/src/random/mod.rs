//! Random policies, and random frames and lookups that hit them: addresses at the edges of their rules, inside and just outside,
//! ports that they guard and those beside, every header that the guard knows in every order, and whole packets with some
//! bytes changed.

mod frame;
mod lookup;
mod mutation;
mod policy;
mod source;

use rand::rngs::SmallRng;

pub use frame::frame;
pub use lookup::lookup;
pub use mutation::mutate;
pub use policy::policy;
