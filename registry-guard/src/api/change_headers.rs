//! What a change did and how long it took, in headers of every answer to a change: its body may be the resource alone.

use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

use super::confirm::CONFIRM_BY;
use crate::agent::{Changed, UnconfirmedStatus};

/// Present if the request changed the policy, or found it as asked for.
pub(crate) const DESTROYED_CONNECTIONS: HeaderName = HeaderName::from_static("x-destroyed-connections");

/// Milliseconds from when the head of the request was read (W3C Server Timing): until the kernel enforced the change, until it
/// was durable, until the answer. Present if the request changed the policy.
pub(crate) const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// The change of one request; empty until there was one.
#[derive(Clone, Debug, Default)]
pub(super) struct Noted(Arc<OnceLock<(Changed, Option<UnconfirmedStatus>)>>);

impl Noted {
    /// Notes what became of the change, and whether it is to be confirmed. A request makes one.
    pub(super) fn note(&self, changed: &Changed, unconfirmed: Option<UnconfirmedStatus>) {
        self.0.get_or_init(|| (*changed, unconfirmed));
    }
}

/// Gives each request a place to note its change, and its answer the headers.
pub(super) async fn report(mut request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let noted = Noted::default();
    request.extensions_mut().insert(noted.clone());
    let mut response = next.run(request).await;
    if let Some((changed, unconfirmed)) = noted.0.get() {
        if let Some(UnconfirmedStatus { revision, confirm_by, .. }) = unconfirmed
            && let Ok(value) = HeaderValue::try_from(format!("{revision} {confirm_by}"))
        {
            response.headers_mut().insert(CONFIRM_BY, value);
        }
        response.headers_mut().insert(DESTROYED_CONNECTIONS, HeaderValue::from(changed.destroyed));
        if let Some(timing) = timing(changed, begun) {
            response.headers_mut().insert(SERVER_TIMING, timing);
        }
    }
    response
}

fn timing(changed: &Changed, begun: Instant) -> Option<HeaderValue> {
    let moments = [("enforced", changed.enforced?), ("stored", changed.stored?), ("answered", Instant::now())];
    let mut timing = String::new();
    for (name, moment) in moments {
        let separator = if timing.is_empty() { "" } else { ", " };
        let took = moment.saturating_duration_since(begun).as_secs_f64() * 1000.0;
        write!(timing, "{separator}{name};dur={took:.3}").ok()?;
    }
    HeaderValue::from_str(&timing).ok()
}
