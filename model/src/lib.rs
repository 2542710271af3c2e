//! What the verdict is judged by: packets composed from layers, the corpus of attacks, random packets at the edges of random
//! policies, and a naive model of the verdict. With it comes the real verdict on the host, over plain collections.
//!
//! It knows the parser and nothing of the agent or the kernel, so that it is soon built, by fuzz targets too.

pub mod attacks;
pub mod fuzz;
pub mod glance;
pub mod host;
pub mod naive;
pub mod packet;
pub mod random;
pub mod same;
