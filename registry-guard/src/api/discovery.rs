//! What clients ask before they know anything: where this cloud is, and how its tokens are had. Nobody has to say who they are.

use std::sync::Arc;

use axum::extract::State;
use serde_json::json;
use uuid::Uuid;

use super::answer::{Answer, ok};
use super::oauth::OAuthError;
use super::segment::Segments;
use crate::identity::Door;

/// What is told of this host.
pub(super) struct Host {
    pub(super) door: Arc<Door>,
    /// The domain of the registries' login servers.
    pub(super) login_server_suffix: String,
}

/// `GET /metadata/endpoints`
pub(super) async fn endpoints(State(host): State<Arc<Host>>) -> Answer {
    let url = host.door.audience();
    ok(&json!({
        "name": "registry-guard",
        "portal": url,
        "authentication": {
            "loginEndpoint": url,
            "audiences": [url],
            "tenant": host.door.tenant(),
            "identityProvider": "AAD",
        },
        "graphAudience": url,
        "graph": url,
        "resourceManager": url,
        "suffixes": {"acrLoginServer": host.login_server_suffix, "storage": host.login_server_suffix},
    }))
}

/// `GET /{tenant}/v2.0/.well-known/openid-configuration` (OpenID Connect Discovery 1.0, section 4)
pub(super) async fn openid(
    State(host): State<Arc<Host>>,
    Segments(tenant): Segments<String>,
) -> Result<Answer, OAuthError> {
    let door = &host.door;
    known_tenant(door, &tenant)?;
    let base = format!("{}/{}", door.audience(), door.tenant());
    Ok(ok(&json!({
        "issuer": door.issuer(),
        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
        "token_endpoint": format!("{base}/oauth2/v2.0/token"),
        "device_authorization_endpoint": format!("{base}/oauth2/v2.0/devicecode"),
        "jwks_uri": format!("{base}/discovery/v2.0/keys"),
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": ["token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["HS256"],
    })))
}

/// Refuses every tenant but the one there is.
pub(super) fn known_tenant(door: &Door, tenant: &str) -> Result<(), OAuthError> {
    if Uuid::try_parse(tenant).is_ok_and(|tenant| tenant == door.tenant()) {
        return Ok(());
    }
    Err(OAuthError::unknown_tenant(tenant, door.tenant()))
}
