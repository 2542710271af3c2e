//! Changes of whole lists, which may take seconds: each can be asked for, and need not be waited for.

use std::sync::Arc;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::answer::{Answer, Listed, blocking, ok};
use super::backend::Shared;
use super::refusal::Refusal;
use super::request_log::CorrelationId;
use super::segment::Segments;
use super::subscription::LOCATION;
use crate::agent::{OperationError, OperationStatus};
use crate::policy::subscription_id;

/// What a caller would like (RFC 7240).
pub(crate) const PREFER: HeaderName = HeaderName::from_static("prefer");
/// It would like not to wait.
pub(crate) const RESPOND_ASYNC: &str = "respond-async";

/// A request that may take long.
pub(super) struct Long {
    id: String,
    request: String,
    respond_async: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for Long {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let preferences = parts.headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
        let mut preferences = preferences.flat_map(|value| value.split(','));
        let id = parts.extensions.get::<CorrelationId>().map(|id| id.as_str().to_owned()).unwrap_or_default();
        Ok(Self {
            id,
            request: format!("{} {}", parts.method, parts.uri.path()),
            respond_async: preferences.any(|preference| preference.trim().eq_ignore_ascii_case(RESPOND_ASYNC)),
        })
    }
}

impl Long {
    /// Carries out what blocks, and gives its answer; or, if the caller would like not to wait, at once where to ask for it.
    pub(super) async fn carry_out(self, agent: Shared, work: impl FnOnce() -> Answer + Send + 'static) -> Answer {
        let operation = agent.operations().ask(self.id.clone(), self.request);
        let carried_out = {
            let agent = Arc::clone(&agent);
            blocking(move || agent.operations().carry_out(&operation, work, outcome))
        };
        if !self.respond_async {
            return carried_out.await;
        }
        // What becomes of it is told by the operation.
        tokio::spawn(carried_out);
        let status = found(&agent, LOCATION, &self.id)?;
        let location = status.id.clone();
        let mut response = (StatusCode::ACCEPTED, [(header::RETRY_AFTER, "1")], ok(&status)?).into_response();
        if let Ok(location) = location.parse() {
            response.headers_mut().insert(header::LOCATION, location);
        }
        Ok(response)
    }
}

/// What the answer to those who wait says.
fn outcome(answer: &Answer) -> Result<Option<u64>, OperationError> {
    let revision =
        |response: &Response| response.headers().get(header::ETAG)?.to_str().ok()?.trim_matches('"').parse().ok();
    answer.as_ref().map(revision).map_err(Refusal::to_operation_error)
}

#[derive(Serialize)]
pub(super) struct View {
    id: String,
    #[serde(flatten)]
    status: OperationStatus,
}

fn view(location: &str, status: OperationStatus) -> View {
    let all =
        format!("{}/providers/Microsoft.ContainerRegistry/locations/{location}/operationStatuses", subscription_id());
    View { id: format!("{all}/{}", status.name), status }
}

fn found(agent: &Shared, location: &str, id: &str) -> Result<View, Refusal> {
    if let Some(status) = agent.operations().show(id) {
        return Ok(view(location, status));
    }
    let message = format!(
        "operation {id:?} does not exist, or is forgotten; known are the last ones of this agent, and revisions of the policy, 1 to {}",
        agent.policy()?.revision
    );
    Err(Refusal::new(StatusCode::NOT_FOUND, "OperationNotFound", message))
}

/// `GET …/locations/{location}/operationStatuses`
pub(super) async fn list(State(agent): State<Shared>, Segments(location): Segments<String>) -> Answer {
    let all = agent.operations().list();
    ok(&Listed(|| all.iter().map(|status| view(&location, status.clone()))))
}

/// `GET …/locations/{location}/operationStatuses/{id}`: an operation; or a revision of the policy, which is one that has succeeded.
pub(super) async fn show(
    State(agent): State<Shared>,
    Segments((location, asked)): Segments<(String, String)>,
) -> Answer {
    let reached = agent.policy()?.revision;
    let Some(revision) = asked.parse::<u64>().ok().filter(|revision| (1..=reached).contains(revision)) else {
        return ok(&found(&agent, &location, &asked)?);
    };
    let id = format!(
        "{}/providers/Microsoft.ContainerRegistry/locations/{location}/operationStatuses/{revision}",
        subscription_id()
    );
    ok(&serde_json::json!({"id": id, "name": revision.to_string(), "status": "Succeeded"}))
}
