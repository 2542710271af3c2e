//! The token endpoint (RFC 6749, section 4.4): a principal's secret becomes a token.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest as _, Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use tokio::time::timeout;
use tracing::{info, warn};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::caller::Caller;
use super::discovery::{Host, known_tenant};
use super::oauth::OAuthError;
use super::segment::Segments;
use crate::identity::{Door, Issued, TurnedAway};

/// The most bytes of a body.
pub(super) const MOST_BYTES: usize = 16 << 10;

/// How long a stranger may take to send one.
const READ: Duration = Duration::from_secs(10);

/// `POST /{tenant}/oauth2/v2.0/token`
pub(super) async fn v2(
    State(host): State<Arc<Host>>,
    Segments(tenant): Segments<String>,
    caller: Caller,
    request: Request,
) -> Result<Response, OAuthError> {
    let issued = issue(&host.door, &tenant, &caller, request, "scope").await?;
    let (seconds, token) = (issued.lifetime, &*issued.token);
    Ok(answer(
        &json!({"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token}),
    ))
}

/// `POST /{tenant}/oauth2/token`, as older clients ask: numbers are text.
pub(super) async fn v1(
    State(host): State<Arc<Host>>,
    Segments(tenant): Segments<String>,
    caller: Caller,
    request: Request,
) -> Result<Response, OAuthError> {
    let issued = issue(&host.door, &tenant, &caller, request, "resource").await?;
    Ok(answer(&json!({
        "token_type": "Bearer",
        "expires_in": issued.lifetime.to_string(),
        "ext_expires_in": issued.lifetime.to_string(),
        "expires_on": (issued.at + issued.lifetime).to_string(),
        "not_before": issued.at.to_string(),
        "resource": host.door.audience(),
        "access_token": &*issued.token,
    })))
}

async fn issue(
    door: &Door,
    tenant: &str,
    caller: &Caller,
    request: Request,
    resource: &'static str,
) -> Result<Issued, OAuthError> {
    known_tenant(door, tenant)?;
    let form = Form::read(request).await?;
    match form.required("grant_type")? {
        "client_credentials" => {}
        other => return Err(OAuthError::unsupported_grant(other)),
    }
    let asked = form.required(resource)?;
    if asked.trim_end_matches(".default").trim_end_matches('/') != door.audience() {
        return Err(OAuthError::unknown_resource(asked, door.audience()));
    }
    let (id, secret) = (form.required("client_id")?, form.required("client_secret")?);
    let Caller::Stranger { peer } = caller else {
        return Err(OAuthError::malformed("it is not known where the call comes from"));
    };
    let secret = Zeroizing::new(secret.to_owned());
    match door.issue(peer.ip(), Uuid::try_parse(id).ok(), secret).await {
        Ok(issued) => {
            info!(%caller, principal = ?issued.name, id = %issued.id, seconds = issued.lifetime, "token issued");
            Ok(issued)
        }
        Err(TurnedAway::Unknown) => {
            // A secret may have been sent as the id by mistake: only what is an id is logged.
            let id = Uuid::try_parse(id).map_or_else(|_| "not a UUID".to_owned(), |id| id.to_string());
            warn!(%caller, id, "no token: the id or the secret is wrong");
            Err(OAuthError::wrong_secret())
        }
        Err(TurnedAway::Busy) => Err(OAuthError::busy()),
    }
}

fn answer(body: &serde_json::Value) -> Response {
    let no_store = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let json = (header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    ([no_store, json], body.to_string()).into_response()
}

/// The parameters of a request, each once (RFC 6749, section 3.2).
struct Form(Vec<(String, Zeroizing<String>)>);

impl Form {
    async fn read(request: Request) -> Result<Self, OAuthError> {
        if !is_form(request.headers()) {
            return Err(OAuthError::malformed(
                "the body has another type; accepted: application/x-www-form-urlencoded",
            ));
        }
        let body = timeout(READ, Bytes::from_request(request, &())).await;
        let body = body.map_err(|_| OAuthError::malformed("the body did not come in time"))?;
        let body = body.map_err(|rejection| OAuthError::malformed(format!("the body: {rejection}")))?;
        let mut parameters: Vec<(String, Zeroizing<String>)> = Vec::new();
        for (name, value) in form_urlencoded::parse(&body) {
            if parameters.iter().any(|(known, _)| *known == name) {
                return Err(OAuthError::malformed(format!("the parameter {name:?} stands there twice")));
            }
            parameters.push((name.into_owned(), Zeroizing::new(Cow::into_owned(value))));
        }
        Ok(Self(parameters))
    }

    fn required(&self, name: &str) -> Result<&str, OAuthError> {
        let parameter = self.0.iter().find(|(known, value)| known == name && !value.is_empty());
        parameter.map(|(_, value)| value.as_str()).ok_or_else(|| OAuthError::missing(name))
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}
