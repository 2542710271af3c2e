//! The management API: HTTP over a Unix socket, in the shape of Azure Resource Manager. Whoever may write to the socket may do
//! everything; nobody else gets an answer.

mod answer;
mod backend;
mod body;
mod check;
mod condition;
mod destroyed;
mod effect;
mod events;
mod ip_rule;
mod network;
mod path;
mod policy;
mod private_endpoint;
mod refusal;
mod registry;
mod routes;
mod segment;
mod serve;
mod service;
mod service_tag_rule;
mod socket;
mod subnet;
mod subnet_rule;
#[cfg(test)]
mod tests;

pub(crate) use destroyed::DESTROYED_CONNECTIONS;
pub use serve::serve;
pub(crate) use socket::bind_for;
pub use socket::{ControlSocket, SocketError, bind};
