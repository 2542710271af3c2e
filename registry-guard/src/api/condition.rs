use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, Method, StatusCode, header};
use tracing::info;

use super::backend::Backend;
use super::caller::Caller;
use super::destroyed::Destroyed;
use super::refusal::Refusal;
use super::request_log::CorrelationId;
use crate::agent::{Changed, Imported};
use crate::policy::{Change, ServiceTagFile};

/// The revision that a change needs, from the header `If-Match`.
pub(super) struct Condition {
    revision: Option<String>,
    destroyed: Destroyed,
    caller: Caller,
    id: Option<CorrelationId>,
    method: Method,
    path: String,
}

impl Condition {
    /// Makes the change if the condition holds, and logs whose it was.
    pub(super) fn change(&self, agent: &dyn Backend, change: &Change) -> Result<Changed, Refusal> {
        let changed = agent.change(self.revision.as_deref(), change)?;
        self.carried_out(&changed);
        Ok(changed)
    }

    /// Replaces the service tags if the condition holds, and logs who did.
    pub(super) fn import(&self, agent: &dyn Backend, file: ServiceTagFile) -> Result<Imported, Refusal> {
        let imported = agent.import_service_tags(self.revision.as_deref(), file)?;
        self.carried_out(&imported.changed);
        Ok(imported)
    }

    fn carried_out(&self, changed: &Changed) {
        self.destroyed.note(changed.destroyed);
        let Changed { revision, changed, destroyed } = *changed;
        let (caller, method, path) = (&self.caller, &self.method, &self.path);
        let id = self.id.as_ref().map(CorrelationId::as_str);
        info!(%caller, %method, ?path, revision, changed, destroyed, id, "request carried out");
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Condition {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        Ok(Self {
            revision: text(parts, &header::IF_MATCH)?,
            destroyed: parts.extensions.get().cloned().unwrap_or_default(),
            caller: Caller::from_request_parts(parts, state).await?,
            id: parts.extensions.get().cloned(),
            method: parts.method.clone(),
            path: parts.uri.path().to_owned(),
        })
    }
}

/// Whether a resource must be new, from the header `If-None-Match: *`.
pub(super) struct OnlyIfAbsent(pub(super) bool);

impl<S: Send + Sync> FromRequestParts<S> for OnlyIfAbsent {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        match text(parts, &header::IF_NONE_MATCH)?.as_deref() {
            None => Ok(Self(false)),
            Some("*") => Ok(Self(true)),
            Some(other) => Err(refuse(&header::IF_NONE_MATCH, other, "*")),
        }
    }
}

fn text(parts: &Parts, name: &HeaderName) -> Result<Option<String>, Refusal> {
    let Some(value) = parts.headers.get(name) else { return Ok(None) };
    match value.to_str() {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(_) => Err(refuse(name, &String::from_utf8_lossy(value.as_bytes()), "a revision in quotes, or *")),
    }
}

fn refuse(name: &HeaderName, value: &str, accepted: &str) -> Refusal {
    let message = format!("header {name}: `{value}` is not known; accepted: {accepted}");
    Refusal::new(StatusCode::BAD_REQUEST, "InvalidHeaderValue", message)
}
