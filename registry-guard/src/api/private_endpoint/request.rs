use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::policy::PrivateEndpointRequest;

/// The body of a PUT. What the service itself sets may stand there, as in its answers, and means nothing.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "fields are named so that no others are accepted")]
pub(super) struct ConnectionBody {
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
    pub(super) fn into_request(self) -> PrivateEndpointRequest {
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
