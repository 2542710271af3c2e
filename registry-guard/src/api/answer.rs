use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::refusal::Refusal;
use crate::agent::Changed;

/// What a handler gives back.
pub(super) type Answer = Result<Response, Refusal>;

/// Runs what blocks where blocking is allowed.
pub(super) async fn blocking(work: impl FnOnce() -> Answer + Send + 'static) -> Answer {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        let message = format!("the request was given up: {error}");
        Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", message))
    })
}

/// 200 with `body`.
pub(super) fn ok(body: &impl Serialize) -> Answer {
    let bytes = serde_json::to_vec(body).map_err(|error| {
        let message = format!("the answer cannot be written: {error}");
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", message)
    })?;
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, json)], bytes).into_response())
}

/// 200 with `body`, which is as it was at `revision`.
pub(super) fn ok_at(revision: u64, body: &impl Serialize) -> Answer {
    let mut response = ok(body)?;
    if let Ok(tag) = HeaderValue::from_str(&etag(revision)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

/// 304 for a reader who has what there is at `revision`.
pub(super) fn not_modified(revision: u64) -> Response {
    let mut response = StatusCode::NOT_MODIFIED.into_response();
    if let Ok(tag) = HeaderValue::from_str(&etag(revision)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// The answer to a removal: what there was, and what became of it.
#[derive(Serialize)]
pub(super) struct Removed {
    #[serde(flatten)]
    pub(super) what: serde_json::Value,
    #[serde(flatten)]
    pub(super) changed: Changed,
}

/// The entity tag of everything at `revision`.
pub(super) fn etag(revision: u64) -> String {
    format!("\"{revision}\"")
}

/// Writes `{"value": […]}` one item after the other, without a list of them in memory.
pub(super) struct Listed<F>(pub(super) F);

impl<F, I> Serialize for Listed<F>
where
    F: Fn() -> I,
    I: Iterator<Item: Serialize>,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("value", &Each(&self.0))?;
        map.end()
    }
}

/// Writes a list from an iterator.
pub(super) struct Each<'a, F>(pub(super) &'a F);

impl<F, I> Serialize for Each<'_, F>
where
    F: Fn() -> I,
    I: Iterator<Item: Serialize>,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}
