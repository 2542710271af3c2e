use std::time::SystemTime;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::json;
use uuid::Uuid;

use super::refusal::Refused;

/// An error of the token endpoint (RFC 6749, section 5.2), with the number that clients of Azure know it by.
#[derive(Debug)]
pub(super) struct OAuthError {
    status: StatusCode,
    error: &'static str,
    number: u32,
    message: String,
}

impl OAuthError {
    fn bad(error: &'static str, number: u32, message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error, number, message: message.into() }
    }

    pub(super) fn unknown_tenant(asked: &str, known: Uuid) -> Self {
        Self::bad("invalid_request", 90_002, format!("tenant {asked:?} does not exist; accepted: {known}"))
    }

    pub(super) fn malformed(problem: impl Into<String>) -> Self {
        Self::bad("invalid_request", 9_000_411, problem)
    }

    pub(super) fn missing(parameter: &str) -> Self {
        Self::bad("invalid_request", 900_144, format!("the body has no parameter `{parameter}`"))
    }

    pub(super) fn unsupported_grant(grant: &str) -> Self {
        let message = format!("grant_type {grant:?} is not supported; accepted: client_credentials");
        Self::bad("unsupported_grant_type", 70_003, message)
    }

    pub(super) fn unknown_resource(asked: &str, known: &str) -> Self {
        let message = format!("there are no tokens for {asked:?}; accepted: {known}/.default");
        Self::bad("invalid_scope", 500_011, message)
    }

    /// The id and the secret do not belong together.
    pub(super) fn wrong_secret() -> Self {
        let message = "there is no principal with this client_id and this secret";
        let status = StatusCode::UNAUTHORIZED;
        Self { status, error: "invalid_client", number: 7_000_215, message: message.to_owned() }
    }

    /// Too many are asking.
    pub(super) fn busy() -> Self {
        let message = "too many are asking for tokens now; ask again in a moment".to_owned();
        let status = StatusCode::TOO_MANY_REQUESTS;
        Self { status, error: "temporarily_unavailable", number: 90_033, message }
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let Self { status, error, number, message } = self;
        let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let body = json!({
            "error": error,
            "error_description": format!("AADSTS{number}: {message}. Timestamp: {now}"),
            "error_codes": [number],
            "timestamp": now,
            "trace_id": Uuid::new_v4(),
            "correlation_id": Uuid::new_v4(),
        });
        let refused = Refused { code: error, message };
        let mut response = (status, Extension(refused), Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::TOO_MANY_REQUESTS {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
