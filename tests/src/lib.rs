//! The harness of the integration tests: packets composed from layers, a naive model of the verdict, and network
//! namespaces with named actors and real clients.

pub mod attacks;
pub mod guard;
pub mod naive;
pub mod net;
pub mod packet;
pub mod random;
pub mod sequences;
