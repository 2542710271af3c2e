//! Connections of a registry to private endpoints.

use std::net::IpAddr;

use axum::extract::State;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::answer::{Answer, Listed, blocking, etag, ok, ok_at};
use super::backend::{Backend, Shared};
use super::body::Body;
use super::condition::{Condition, OnlyIfAbsent};
use super::segment::Segments;
use crate::policy::{
    Change, ConnectionStatus, PrivateEndpoint, PrivateEndpointRequest, Registry, network_id,
    private_endpoint_connection_id, private_endpoint_id,
};

/// A connection as the service shows it, also inside of its registry.
#[derive(Serialize)]
pub(super) struct PrivateEndpointView<'a> {
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
    pub(super) fn new(registry: &Registry, endpoint: &'a PrivateEndpoint) -> Self {
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
struct View<'a> {
    #[serde(flatten)]
    connection: PrivateEndpointView<'a>,
    hits: u64,
    etag: String,
    revision: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<bool>,
}

fn view<'a>(
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

/// The body of a PUT. What the service itself sets may stand there, as in its answers, and means nothing.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "fields are named so that no others are accepted")]
struct ConnectionBody {
    properties: Option<PropertiesBody>,
    id: Option<IgnoredAny>,
    name: Option<IgnoredAny>,
    #[serde(rename = "type")]
    kind: Option<IgnoredAny>,
    etag: Option<IgnoredAny>,
    revision: Option<IgnoredAny>,
    hits: Option<IgnoredAny>,
    changed: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "fields are named so that no others are accepted")]
struct PropertiesBody {
    private_endpoint: Option<IgnoredAny>,
    private_link_service_connection_state: Option<StateBody>,
    provisioning_state: Option<IgnoredAny>,
    virtual_network: Option<String>,
    ip_address: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "fields are named so that no others are accepted")]
struct StateBody {
    status: Option<String>,
    description: Option<String>,
    actions_required: Option<IgnoredAny>,
}

impl ConnectionBody {
    fn into_request(self) -> PrivateEndpointRequest {
        let properties = self.properties.unwrap_or_default();
        let state = properties.private_link_service_connection_state.unwrap_or_default();
        PrivateEndpointRequest {
            network: properties.virtual_network,
            address: properties.ip_address,
            status: state.status,
            description: state.description,
        }
    }
}

/// `GET …/privateEndpointConnections`
pub(super) async fn list(State(agent): State<Shared>, Segments(registry): Segments<String>) -> Answer {
    blocking(move || {
        let policy = agent.policy();
        let registry = policy.find_registry(&registry)?;
        let endpoints = || registry.private_endpoints.iter();
        ok_at(
            policy.revision,
            &Listed(|| endpoints().map(|endpoint| view(&*agent, registry, endpoint, policy.revision, None))),
        )
    })
    .await
}

/// `GET …/privateEndpointConnections/{name}`
pub(super) async fn show(
    State(agent): State<Shared>,
    Segments((registry, name)): Segments<(String, String)>,
) -> Answer {
    blocking(move || {
        let policy = agent.policy();
        let endpoint = policy.find_private_endpoint(&registry, &name)?;
        ok_at(policy.revision, &view(&*agent, policy.find_registry(&registry)?, endpoint, policy.revision, None))
    })
    .await
}

/// `PUT …/privateEndpointConnections/{name}`
pub(super) async fn put(
    State(agent): State<Shared>,
    Segments((registry, name)): Segments<(String, String)>,
    condition: Condition,
    OnlyIfAbsent(only_if_absent): OnlyIfAbsent,
    body: Body,
) -> Answer {
    blocking(move || {
        let request = body.read_or_default::<ConnectionBody>()?.into_request();
        let (registry_name, endpoint_name) = (registry.clone(), name.clone());
        let change =
            Change::PutPrivateEndpoint { registry: registry_name, name: endpoint_name, only_if_absent, request };
        let changed = condition.change(&*agent, &change)?;
        let policy = agent.policy();
        let endpoint = policy.find_private_endpoint(&registry, &name)?;
        let registry = policy.find_registry(&registry)?;
        ok_at(changed.revision, &view(&*agent, registry, endpoint, changed.revision, Some(changed.changed)))
    })
    .await
}

/// `DELETE …/privateEndpointConnections/{name}`
pub(super) async fn delete(
    State(agent): State<Shared>,
    Segments((registry, name)): Segments<(String, String)>,
    condition: Condition,
) -> Answer {
    blocking(move || {
        let change = Change::DeletePrivateEndpoint { registry: registry.clone(), name: name.clone() };
        let changed = condition.change(&*agent, &change)?;
        let id = private_endpoint_connection_id(&registry, &name);
        ok(&json!({"id": id, "name": name, "revision": changed.revision, "changed": changed.changed}))
    })
    .await
}
