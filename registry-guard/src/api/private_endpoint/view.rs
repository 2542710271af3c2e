use std::net::IpAddr;

use serde::Serialize;

use crate::api::answer::etag;
use crate::api::backend::Backend;
use crate::policy::{
    ConnectionStatus, PrivateEndpoint, Registry, network_id, private_endpoint_connection_id, private_endpoint_id,
};

/// A connection as the service shows it, also inside of its registry.
#[derive(Serialize)]
pub(in crate::api) struct PrivateEndpointView<'a> {
    id: String,
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    properties: Properties<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Properties<'a> {
    private_endpoint: Reference,
    private_link_service_connection_state: ConnectionState<'a>,
    provisioning_state: &'static str,
    virtual_network: String,
    ip_address: IpAddr,
}

#[derive(Serialize)]
struct Reference {
    id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConnectionState<'a> {
    status: ConnectionStatus,
    description: &'a str,
    actions_required: &'static str,
}

impl<'a> PrivateEndpointView<'a> {
    pub(in crate::api) fn new(registry: &Registry, endpoint: &'a PrivateEndpoint) -> Self {
        Self {
            id: private_endpoint_connection_id(&registry.name, &endpoint.name),
            name: &endpoint.name,
            kind: "Microsoft.ContainerRegistry/registries/privateEndpointConnections",
            properties: Properties {
                private_endpoint: Reference { id: private_endpoint_id(&endpoint.name) },
                private_link_service_connection_state: ConnectionState {
                    status: endpoint.status,
                    description: &endpoint.description,
                    actions_required: "None",
                },
                provisioning_state: "Succeeded",
                virtual_network: network_id(&endpoint.network),
                ip_address: endpoint.address,
            },
        }
    }
}

/// A connection as a resource of its own.
#[derive(Serialize)]
pub(super) struct View<'a> {
    #[serde(flatten)]
    connection: PrivateEndpointView<'a>,
    hits: u64,
    etag: String,
    revision: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<bool>,
}

pub(super) fn view<'a>(
    agent: &dyn Backend,
    registry: &Registry,
    endpoint: &'a PrivateEndpoint,
    revision: u64,
    changed: Option<bool>,
) -> View<'a> {
    View {
        connection: PrivateEndpointView::new(registry, endpoint),
        hits: agent.rule_hits(endpoint.counter),
        etag: etag(revision),
        revision,
        changed,
    }
}
