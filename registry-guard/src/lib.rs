//! registry-guard: lets only the networks its owner names reach a container registry, decided in the kernel.
//!
//! ARCHITECTURE.md tells the story of a packet and where each thing lives.

pub mod agent;
pub mod api;
mod budget;
pub mod certificates;
pub mod cli;
pub mod compile;
pub mod config;
mod document;
pub mod front;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
pub mod handover;
pub mod identity;
mod json_object;
pub mod kernel;
mod logging;
pub mod netfilter;
pub mod netlink;
pub mod netns;
mod places;
pub mod plan;
pub mod policy;
pub mod processes;
pub mod responder;
mod service;
pub mod sock_diag;
pub mod store;
mod tls;
mod watched;
