use std::net::IpAddr;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue, WWW_AUTHENTICATE};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use serde_json::json;
use uuid::Uuid;

use super::installed::{Registry, host};
use crate::handover::Style;

/// Where [`Style::Token`] sends clients, and the one path at which it denies.
const TOKEN_PATH: &str = "/oauth2/token";

/// What `source` is told.
pub(super) fn answer(
    registry: &Registry,
    source: IpAddr,
    request: &Parts,
    id: Uuid,
    encrypted: bool,
) -> Response<Full<Bytes>> {
    let challenge = (registry.style == Style::Token && request.uri.path() != TOKEN_PATH)
        .then(|| challenge(registry, request, encrypted));
    let (status, body) = match &challenge {
        None => (StatusCode::FORBIDDEN, denial(registry, source)),
        Some(_) => (StatusCode::UNAUTHORIZED, error("UNAUTHORIZED", "authentication required")),
    };
    let length = body.len();
    let body = if request.method == Method::HEAD { Bytes::new() } else { Bytes::from(body) };
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("docker-distribution-api-version", HeaderValue::from_static("registry/2.0"));
    if let Ok(id) = HeaderValue::try_from(id.to_string()) {
        headers.insert("x-ms-correlation-request-id", id);
    }
    if let Some(Ok(challenge)) = challenge.map(HeaderValue::try_from) {
        headers.insert(WWW_AUTHENTICATE, challenge);
    }
    answer
}

fn denial(registry: &Registry, source: IpAddr) -> String {
    let help = &registry.help;
    error("DENIED", &format!("client with IP '{source}' is not allowed access. Refer {help} to grant access."))
}

/// An error as the OCI distribution specification has it.
fn error(code: &str, message: &str) -> String {
    json!({ "errors": [{ "code": code, "message": message }] }).to_string()
}

fn challenge(registry: &Registry, request: &Parts, encrypted: bool) -> String {
    let scheme = if encrypted { "https" } else { "http" };
    let service = &registry.login_server;
    let authority = asked(registry, request).unwrap_or_else(|| service.clone());
    format!("Bearer realm=\"{scheme}://{authority}{TOKEN_PATH}\",service=\"{service}\"")
}

/// The authority that the client asked for, if it is one of the registry's: its name as the registry writes it, and a port.
fn asked(registry: &Registry, request: &Parts) -> Option<String> {
    let header = || request.headers.get(HOST)?.to_str().ok();
    let asked = request.uri.authority().map(hyper::http::uri::Authority::as_str).or_else(header)?;
    let name = registry.hosts.iter().find(|name| name.eq_ignore_ascii_case(host(asked)))?;
    match asked.split_once(':') {
        None => Some(name.clone()),
        Some((_, port)) => port.parse::<u16>().ok().map(|port| format!("{name}:{port}")),
    }
}
