//! Real traffic between named actors, each in a network namespace of its own, with the kernel's own links and real clients.
//!
//! A [`Network`] starts with the registry's host. Each [`Client`] gets a veth pair of its own to the host; an overlay client
//! reaches the registry through VXLAN. Whatever a test starts here ends when its value is dropped, also when the test
//! panics; what a killed test run left behind is removed by the next one.

mod abandoned;
mod agent;
mod agent_api;
mod agent_maps;
mod agent_store;
mod authority;
mod bpffs;
mod bridge;
mod carrier;
mod certificate;
mod client;
mod connect;
mod containerd;
mod ctr;
mod curl;
mod daemon;
mod docker;
mod docker_registry;
mod eventually;
mod guard_config;
mod half_open;
mod image;
mod injector;
mod ipip;
mod listener;
mod login;
mod namespace;
mod network;
mod overlay;
mod pass_program;
mod podman;
mod process;
mod published;
mod responder;
mod skopeo;
mod timed;
mod traffic;
mod tun;

pub use agent::Agent;
pub use agent_api::Answer;
pub use authority::Authority;
pub use bpffs::Bpffs;
pub use certificate::Certificate;
pub use client::Client;
pub use connect::{Attempt, Outcome, connect, open};
pub use ctr::Ctr;
pub use curl::{Curl, Http};
pub use daemon::Daemon;
pub use docker::Docker;
pub use docker_registry::DockerRegistry;
pub use eventually::eventually;
pub use guard_config::GuardConfig;
pub use half_open::half_open;
pub use image::Image;
pub use injector::Injector;
pub use ipip::Ipip;
pub use listener::Listener;
pub use login::Login;
pub use namespace::Namespace;
pub use network::Network;
pub use overlay::{HostSide, Overlay};
pub use pass_program::PassProgram;
pub use podman::Podman;
pub use process::Process;
pub use published::Published;
pub use responder::Responder;
pub use skopeo::Skopeo;
pub use timed::{Ran, run};
pub use traffic::{Attempts, Traffic};
