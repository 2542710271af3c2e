//! The harness of the integration tests: the model of the verdict beside the loaded programs, and network namespaces with
//! named actors and real clients.

pub mod docs;
pub mod guard;
pub mod net;
pub mod sequences;

pub use model::{attacks, naive, packet, random};
