//! How many connections a change destroyed, in a header of every answer to a change: its body may be the resource alone.

use std::sync::{Arc, OnceLock};

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

/// Present if the request changed the policy, or found it as asked for.
pub(crate) const DESTROYED_CONNECTIONS: HeaderName = HeaderName::from_static("x-destroyed-connections");

/// What the change of one request destroyed; empty until there was one.
#[derive(Clone, Debug, Default)]
pub(super) struct Destroyed(Arc<OnceLock<u64>>);

impl Destroyed {
    /// Notes the number of connections. A request makes one change.
    pub(super) fn note(&self, connections: u64) {
        self.0.get_or_init(|| connections);
    }
}

/// Gives each request a place for the number, and its answer the header.
pub(super) async fn report(mut request: Request, next: Next) -> Response {
    let destroyed = Destroyed::default();
    request.extensions_mut().insert(destroyed.clone());
    let mut response = next.run(request).await;
    if let Some(&connections) = destroyed.0.get() {
        response.headers_mut().insert(DESTROYED_CONNECTIONS, HeaderValue::from(connections));
    }
    response
}
