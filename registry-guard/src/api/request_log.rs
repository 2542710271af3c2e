//! One line for each request that was refused, and ids by which both sides can name a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use tracing::{error, info, warn};
use uuid::Uuid;

use super::caller::Caller;
use super::refusal::Refused;
use crate::budget::Budget;

/// What the caller calls a piece of its work.
pub(crate) const CORRELATION: HeaderName = HeaderName::from_static("x-ms-correlation-request-id");

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

/// Lines in one second about those who have not said who they are. More of them would only push others out of the log.
const STRANGERS: u32 = 20;

/// What is logged of strangers: so much, and how much more there was.
#[derive(Debug)]
pub(super) struct Strangers {
    budget: Budget,
    left_out: AtomicU64,
}

impl Default for Strangers {
    fn default() -> Self {
        Self { budget: Budget::new(STRANGERS), left_out: AtomicU64::new(0) }
    }
}

impl Strangers {
    /// If there is room for a line: how many had none since the line before it.
    pub(super) fn room(&self) -> Option<u64> {
        if self.budget.take() {
            return Some(self.left_out.swap(0, Ordering::Relaxed));
        }
        self.left_out.fetch_add(1, Ordering::Relaxed);
        None
    }
}

/// Gives a request its id, and logs a refusal with its caller.
pub(super) async fn follow(State(strangers): State<Arc<Strangers>>, mut request: Request, next: Next) -> Response {
    let id = CorrelationId::of(request.headers());
    let stranger = request.extensions().get::<Caller>().cloned();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    request.extensions_mut().insert(id.clone());
    let mut response = next.run(request).await;
    if let Some(refused) = response.extensions().get::<Refused>() {
        let caller = response.extensions().get::<Caller>().or(stranger.as_ref());
        let known = matches!(caller, Some(Caller::Local(_) | Caller::Reader { .. } | Caller::Principal { .. }));
        if let Some(left_out) = if known { Some(0) } else { strangers.room() } {
            tell_left_out(left_out);
            tell(caller, &method, &path, response.status(), refused, &id);
        }
    }
    let headers = response.headers_mut();
    for (name, value) in [(CORRELATION, id.0), (REQUEST, Uuid::new_v4().to_string())] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
    response
}

/// Says how many lines about strangers were left out before this one.
pub(super) fn tell_left_out(left_out: u64) {
    if left_out > 0 {
        warn!(left_out, "refused requests of strangers were not logged, since there were too many");
    }
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
