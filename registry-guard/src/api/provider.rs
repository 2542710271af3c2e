//! The resource providers: what kinds of resources there are. They are always registered.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::answer::{Answer, ok};
use super::refusal::Refusal;
use super::segment::Segments;
use super::subscription::LOCATION;
use crate::policy::subscription_id;

/// What clients may call the version of the API. Any other is taken too.
const API_VERSIONS: [&str; 2] = ["2025-11-01", "2024-05-01"];

/// Each namespace with its types.
const PROVIDERS: [(&str, &[&str]); 2] = [
    (
        "Microsoft.ContainerRegistry",
        &[
            "registries",
            "registries/ipRules",
            "registries/virtualNetworkRules",
            "registries/privateEndpointConnections",
            "registries/replications",
            "locations/operationStatuses",
        ],
    ),
    ("Microsoft.Network", &["virtualNetworks", "virtualNetworks/subnets"]),
];

fn provider(namespace: &str, types: &[&str]) -> Value {
    let types = types.iter().map(
        |kind| json!({"resourceType": kind, "locations": [LOCATION], "apiVersions": API_VERSIONS, "capabilities": "None"}),
    );
    json!({
        "id": format!("{}/providers/{namespace}", subscription_id()),
        "namespace": namespace,
        "registrationState": "Registered",
        "registrationPolicy": "RegistrationFree",
        "resourceTypes": types.collect::<Vec<_>>(),
    })
}

/// `GET …/providers`
pub(super) async fn list() -> Answer {
    let all = PROVIDERS.iter().map(|(namespace, types)| provider(namespace, types));
    ok(&json!({"value": all.collect::<Vec<_>>()}))
}

/// `GET …/providers/{namespace}`, and `POST …/providers/{namespace}/register`, which has nothing to do.
pub(super) async fn show(Segments(asked): Segments<String>) -> Answer {
    let known = PROVIDERS.iter().find(|(namespace, _)| namespace.eq_ignore_ascii_case(&asked));
    let (namespace, types) = known.ok_or_else(|| {
        let names = PROVIDERS.map(|(namespace, _)| namespace).join(", ");
        let message = format!("resource provider {asked:?} does not exist; known are: {names}");
        Refusal::new(StatusCode::NOT_FOUND, "InvalidResourceNamespace", message)
    })?;
    ok(&provider(namespace, types))
}
