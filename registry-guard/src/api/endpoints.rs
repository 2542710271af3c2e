//! Where a registry's clients find it, whatever its rules say.

use std::net::SocketAddr;

use axum::extract::State;
use serde::Serialize;

use super::answer::{Answer, blocking, ok_at};
use super::backend::Shared;
use super::segment::Segments;
use crate::config::DataEndpoint;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View<'a> {
    name: &'a str,
    login_server: &'a str,
    listen: &'a [SocketAddr],
    data_endpoint_enabled: bool,
    /// Announced or not: each is guarded.
    data_endpoints: Vec<DataEndpointView<'a>>,
}

#[derive(Serialize)]
struct DataEndpointView<'a> {
    region: &'a str,
    endpoint: &'a str,
    listen: &'a [SocketAddr],
}

impl<'a> From<&'a DataEndpoint> for DataEndpointView<'a> {
    fn from(endpoint: &'a DataEndpoint) -> Self {
        Self { region: &endpoint.region, endpoint: &endpoint.name, listen: &endpoint.listen }
    }
}

/// `GET …/registries/{registry}/endpoints`
pub(super) async fn show(State(agent): State<Shared>, Segments(name): Segments<String>) -> Answer {
    blocking(move || {
        let policy = agent.policy()?;
        let registry = policy.find_registry(&name)?;
        let host = agent.config().registry(&name);
        let view = View {
            name: &registry.name,
            login_server: host.map_or("", |host| &host.login_server),
            listen: host.map_or(&[], |host| &host.listen),
            data_endpoint_enabled: registry.data_endpoint_enabled,
            data_endpoints: host.iter().flat_map(|host| &host.data_endpoints).map(DataEndpointView::from).collect(),
        };
        ok_at(policy.revision, &view)
    })
    .await
}
