//! The one subscription and the one resource group that hold everything, and the tenant that they belong to.

use axum::extract::State;
use serde_json::{Value, json};
use uuid::Uuid;

use super::answer::{Answer, ok};
use super::backend::{Backend, Shared};
use crate::policy::{RESOURCE_GROUP, SUBSCRIPTION, resource_group_id, subscription_id};

/// Where every resource is.
pub(super) const LOCATION: &str = "local";

/// The tenant; a host that is not managed over TLS has none of its own.
fn tenant(agent: &dyn Backend) -> Uuid {
    agent.config().management.as_ref().map_or(Uuid::nil(), |management| management.tenant)
}

fn subscription(agent: &dyn Backend) -> Value {
    json!({
        "id": subscription_id(),
        "subscriptionId": SUBSCRIPTION,
        "tenantId": tenant(agent),
        "displayName": "registry-guard",
        "state": "Enabled",
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
    })
}

fn resource_group() -> Value {
    json!({
        "id": resource_group_id(),
        "name": RESOURCE_GROUP,
        "type": "Microsoft.Resources/resourceGroups",
        "location": LOCATION,
        "properties": {"provisioningState": "Succeeded"},
    })
}

/// `GET /subscriptions`
pub(super) async fn list(State(agent): State<Shared>) -> Answer {
    ok(&json!({"value": [subscription(&*agent)], "count": {"type": "Total", "value": 1}}))
}

/// `GET /subscriptions/{subscription}`
pub(super) async fn show(State(agent): State<Shared>) -> Answer {
    ok(&subscription(&*agent))
}

/// `GET /tenants`
pub(super) async fn tenants(State(agent): State<Shared>) -> Answer {
    let tenant = tenant(&*agent);
    ok(&json!({"value": [{"id": format!("/tenants/{tenant}"), "tenantId": tenant, "displayName": "registry-guard"}]}))
}

/// `GET …/resourceGroups`
pub(super) async fn groups() -> Answer {
    ok(&json!({"value": [resource_group()]}))
}

/// `GET …/resourceGroups/{group}`
pub(super) async fn group() -> Answer {
    ok(&resource_group())
}
