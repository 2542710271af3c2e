use std::net::SocketAddr;

use registry_guard_common::Family;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Certificate, Printable};

/// Everything that the responder has to know. Each one replaces the one before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Setup {
    /// Counts up within one connection; [`ToAgent::Ready`] repeats it.
    pub number: u64,
    /// The registries whose denied clients are answered.
    pub registries: Vec<RegistrySetup>,
    /// What each descriptor is that comes with this frame, in their order.
    pub listeners: Vec<ListenerKey>,
}

/// One registry as the responder knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistrySetup {
    /// The name in the policy.
    pub name: String,
    /// The host name that clients use, perhaps with a port.
    pub login_server: String,
    /// The host names of its data endpoints, perhaps with a port.
    pub data_endpoints: Vec<String>,
    /// Where it listens, login server and data endpoints alike.
    pub endpoints: Vec<Endpoint>,
    /// Certificate and key; without them its endpoints speak plain HTTP.
    pub certificate: Option<Certificate>,
    /// Where the denial is told.
    pub style: Style,
    /// What follows `Refer ` in the denial; without it the administrator of the login server.
    pub help: Option<String>,
    /// The most answers in one second.
    pub answers_per_second: u32,
}

impl RegistrySetup {
    /// Every host name under which clients reach it, perhaps with a port; the login server first.
    pub fn host_names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.login_server).chain(&self.data_endpoints).map(String::as_str)
    }
}

/// An address and port in a network namespace. An unspecified address stands for every address of its family, `::` for every
/// address of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Endpoint {
    /// The number of the namespace.
    pub namespace: u8,
    /// Address and port.
    pub address: SocketAddr,
}

/// Where a client is told that it is denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Style {
    /// On every path.
    EveryPath,
    /// At the token endpoint, to which every other path sends it.
    Token,
}

/// Which listening socket: there is one for each family in each namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerKey {
    /// The number of the namespace.
    pub namespace: u8,
    /// The family of the connections that it accepts.
    #[serde(with = "family")]
    pub family: Family,
}

/// What the responder says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "type")]
pub enum ToAgent {
    /// The setup of this number is in use, and connections to its listeners are being accepted.
    Ready {
        /// [`Setup::number`].
        setup: u64,
    },
    /// A request was answered.
    Answered(Answered),
}

/// One answered request. What the client sent is cleaned and bounded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Answered {
    /// Also in the answer's header `X-Ms-Correlation-Request-Id`.
    pub id: Uuid,
    /// Milliseconds since 1970, UTC.
    pub time: u64,
    /// The registry's name.
    pub registry: String,
    /// The number of the namespace in which the connection was accepted.
    pub namespace: u8,
    /// The client, as IPv4 if it is.
    pub source: SocketAddr,
    /// The address that the client asked for, as IPv4 if it is.
    pub endpoint: SocketAddr,
    /// The HTTP status of the answer: 403, or 401 where the client is sent to the token endpoint.
    pub status: u16,
    /// The request's method.
    pub method: Printable<16>,
    /// The request's path, without what follows a question mark.
    pub path: Printable<256>,
    /// The request's user agent; empty if it names none.
    pub user_agent: Printable<256>,
    /// How many answers before this one, and after the one reported last, were left out because reports were too many.
    pub left_out: u64,
}

/// A family as 4 or 6.
mod family {
    use registry_guard_common::Family;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(family: &Family, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(*family as u8)
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(deserializer: D) -> Result<Family, D::Error> {
        match u8::deserialize(deserializer)? {
            4 => Ok(Family::V4),
            6 => Ok(Family::V6),
            other => Err(D::Error::custom(format_args!("family {other}; accepted: 4 or 6"))),
        }
    }
}
