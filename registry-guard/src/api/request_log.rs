//! One line for each request that was refused, and ids by which both sides can name a request.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use tracing::{error, info, warn};
use uuid::Uuid;

use super::caller::Caller;
use super::refusal::Refused;

/// What the caller calls a piece of its work.
const CORRELATION: HeaderName = HeaderName::from_static("x-ms-correlation-request-id");

/// What this request is called.
const REQUEST: HeaderName = HeaderName::from_static("x-ms-request-id");

/// The id under which a request stands in the log.
#[derive(Clone, Debug)]
pub(super) struct CorrelationId(String);

impl CorrelationId {
    /// The caller's own, if it is a UUID; else a new one.
    fn of(headers: &HeaderMap) -> Self {
        let asked = headers.get(CORRELATION).and_then(|value| Uuid::try_parse_ascii(value.as_bytes()).ok());
        Self(asked.unwrap_or_else(Uuid::new_v4).to_string())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Gives a request its id, and logs a refusal with its caller.
pub(super) async fn follow(mut request: Request, next: Next) -> Response {
    let id = CorrelationId::of(request.headers());
    let stranger = request.extensions().get::<Caller>().cloned();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    request.extensions_mut().insert(id.clone());
    let mut response = next.run(request).await;
    if let Some(refused) = response.extensions().get::<Refused>() {
        let caller = response.extensions().get::<Caller>().or(stranger.as_ref());
        tell(caller, &method, &path, response.status(), refused, &id);
    }
    let headers = response.headers_mut();
    for (name, value) in [(CORRELATION, id.0), (REQUEST, Uuid::new_v4().to_string())] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
    response
}

fn tell(
    caller: Option<&Caller>,
    method: &Method,
    path: &str,
    status: StatusCode,
    refused: &Refused,
    id: &CorrelationId,
) {
    let caller = caller.map_or_else(|| "unknown".to_owned(), ToString::to_string);
    let Refused { code, message } = refused;
    let (status, id) = (status.as_u16(), id.as_str());
    match status {
        401 | 403 => warn!(caller, %method, ?path, status, code, ?message, id, "refused"),
        500.. => error!(caller, %method, ?path, status, code, ?message, id, "failed"),
        _ => info!(caller, %method, ?path, status, code, ?message, id, "refused"),
    }
}
