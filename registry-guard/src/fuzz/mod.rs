//! What fuzz targets do with their bytes: each function takes anything, and panics if what must hold does not. The fuzzer calls
//! them from `fuzz/`; the tests here give them all that it was given or found, once more.

mod config;
mod handover;
mod service_tags;
mod store;
#[cfg(test)]
mod tests;

pub use self::config::config;
pub use self::handover::handover;
pub use self::service_tags::service_tags;
pub use self::store::store;
pub use crate::api::fuzz::api;
