//! The management API: HTTP in the shape of Azure Resource Manager. Over a Unix socket: root and the agent's user may do
//! everything, the group of readers may look. And over TLS, if config.toml says so: principals with a token may do what their roles allow.

mod access;
mod answer;
mod author;
mod backend;
mod body;
mod caller;
mod change_headers;
mod check;
mod condition;
mod confirm;
mod discovery;
mod effect;
mod endpoints;
mod events;
#[cfg(any(test, feature = "fuzz"))]
pub(crate) mod fuzz;
mod history;
mod network;
mod oauth;
mod operation;
mod path;
mod permission;
mod policy;
mod private_endpoint;
mod provider;
mod refusal;
mod registry;
mod remote;
mod request_log;
mod resources;
mod restore;
mod routes;
mod rule;
mod segment;
mod serve;
mod service;
mod service_tags;
mod socket;
#[cfg(any(test, feature = "fuzz"))]
mod stand_in;
mod subnet;
mod subscription;
#[cfg(test)]
mod tests;
mod token;
mod visit;

pub(crate) use change_headers::{DESTROYED_CONNECTIONS, SERVER_TIMING};
pub(crate) use confirm::{CONFIRM_BY, CONFIRM_WITHIN, confirm_within};
pub(crate) use operation::{PREFER, RESPOND_ASYNC};
pub(crate) use remote::{Remote, check_management};
pub(crate) use request_log::CORRELATION;
pub use serve::serve;
pub(crate) use socket::{Audience, Handover, bind_for};
pub use socket::{ControlSocket, SocketError, bind};
