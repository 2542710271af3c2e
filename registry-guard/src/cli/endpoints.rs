//! Where a registry's clients find it, as the agent knows it.

use std::net::SocketAddr;

use serde::Deserialize;

/// The login server and the data endpoints of one registry.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Endpoints {
    /// The registry's name as config.toml spells it.
    pub(crate) name: String,
    /// Host name, perhaps with a port.
    pub(crate) login_server: String,
    /// Where the login server listens.
    pub(crate) listen: Vec<SocketAddr>,
    /// Whether the data endpoints are announced to clients.
    pub(crate) data_endpoint_enabled: bool,
    /// Every data endpoint that config.toml names, announced or not.
    #[serde(rename = "dataEndpoints")]
    pub(crate) data: Vec<DataEndpoint>,
}

/// One data endpoint.
#[derive(Debug, Deserialize)]
pub(crate) struct DataEndpoint {
    /// Where it is.
    pub(crate) region: String,
    /// Host name, perhaps with a port.
    pub(crate) endpoint: String,
    /// Where it listens.
    pub(crate) listen: Vec<SocketAddr>,
}

impl Endpoints {
    /// The data endpoints that clients are told of.
    pub(crate) fn announced(&self) -> &[DataEndpoint] {
        if self.data_endpoint_enabled { &self.data } else { &[] }
    }
}
