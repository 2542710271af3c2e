//! Connections of a registry to private endpoints.

mod request;
mod view;

use axum::extract::State;
use serde_json::json;

use super::answer::{Answer, Listed, blocking, ok, ok_at};
use super::backend::Shared;
use super::body::Body;
use super::condition::{Condition, OnlyIfAbsent};
use super::segment::Segments;
use crate::policy::{Change, private_endpoint_connection_id};
use request::ConnectionBody;
use view::view;

pub(super) use view::PrivateEndpointView;

/// `GET …/privateEndpointConnections`
pub(super) async fn list(State(agent): State<Shared>, Segments(registry): Segments<String>) -> Answer {
    blocking(move || {
        let policy = agent.policy()?;
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
        let policy = agent.policy()?;
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
        let policy = agent.policy()?;
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
