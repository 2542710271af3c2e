use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, Method, StatusCode, header};
use tracing::info;

use super::author::author;
use super::backend::Backend;
use super::caller::Caller;
use super::change_headers::Noted;
use super::confirm;
use super::refusal::{INVALID_HEADER, Refusal};
use super::request_log::CorrelationId;
use crate::agent::{AgentError, Changed, Imported, Restored, Source, Terms};
use crate::policy::{Change, PolicyRequest, ServiceTagFile, Step};

/// On which terms a change is made: the revision that it needs, from the header `If-Match`; and within which time it is to be
/// confirmed, from `X-Confirm-Within`.
pub(super) struct Condition {
    revision: Option<String>,
    confirm_within: Option<Duration>,
    noted: Noted,
    caller: Caller,
    id: Option<CorrelationId>,
    method: Method,
    path: String,
}

impl Condition {
    /// Makes the change if the condition holds, and logs whose it was.
    pub(super) fn change(&self, agent: &dyn Backend, change: &Change) -> Result<Changed, Refusal> {
        let changed = self.on_terms(|terms| agent.change(terms, change))?;
        self.carried_out(agent, &changed);
        Ok(changed)
    }

    fn on_terms<T>(&self, work: impl FnOnce(&Terms<'_>) -> Result<T, AgentError>) -> Result<T, AgentError> {
        let author = author(&self.caller);
        work(&Terms { if_match: self.revision.as_deref(), author: &author, confirm_within: self.confirm_within })
    }

    /// Replaces the service tags if the condition holds, and logs who did.
    pub(super) fn import(&self, agent: &dyn Backend, file: ServiceTagFile) -> Result<Imported, Refusal> {
        let imported = self.on_terms(|terms| agent.import_service_tags(terms, file))?;
        self.carried_out(agent, &imported.changed);
        Ok(imported)
    }

    /// Makes the policy what it was, or tells what that would do.
    pub(super) fn roll_back(
        &self,
        agent: &dyn Backend,
        to: Option<u64>,
        dry_run: bool,
    ) -> Result<(u64, Changed, Vec<Step>), Refusal> {
        let (to, changed, steps) = self.on_terms(|terms| agent.roll_back(terms, to, dry_run))?;
        if !dry_run {
            self.carried_out(agent, &changed);
        }
        Ok((to, changed, steps))
    }

    /// Makes the policy what a copy says.
    pub(super) fn restore(&self, agent: &dyn Backend, source: &Source) -> Result<Restored, Refusal> {
        let restored = self.on_terms(|terms| agent.restore(terms, source))?;
        self.carried_out(agent, &restored.changed);
        Ok(restored)
    }

    fn carried_out(&self, agent: &dyn Backend, changed: &Changed) {
        let unconfirmed = agent.unconfirmed().filter(|it| changed.changed && it.revision == changed.revision);
        self.noted.note(changed, unconfirmed);
        let Changed { revision, changed, destroyed, .. } = *changed;
        let (caller, method, path) = (&self.caller, &self.method, &self.path);
        let id = self.id.as_ref().map(CorrelationId::as_str);
        info!(%caller, %method, ?path, revision, changed, destroyed, id, "request carried out");
    }

    /// As [`change`](Self::change), for a document; with what it does, or would do, if that is to be told.
    pub(super) fn apply(
        &self,
        agent: &dyn Backend,
        request: PolicyRequest,
        dry_run: bool,
        tell_steps: bool,
    ) -> Result<(Changed, Option<Vec<Step>>), Refusal> {
        let (changed, steps) = self.on_terms(|terms| agent.apply(terms, request, dry_run, tell_steps))?;
        if !dry_run {
            self.carried_out(agent, &changed);
        }
        Ok((changed, steps))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Condition {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        if parts.method != Method::PUT && parts.headers.contains_key(header::IF_NONE_MATCH) {
            let message = format!(
                "header if-none-match: means nothing with {}, which creates nothing; accepted: * with PUT, or if-match \
                 with the revision that you read",
                parts.method
            );
            return Err(Refusal::new(StatusCode::BAD_REQUEST, INVALID_HEADER, message));
        }
        Ok(Self {
            revision: text(parts, &header::IF_MATCH)?,
            confirm_within: confirm::asked(parts)?,
            noted: parts.extensions.get().cloned().unwrap_or_default(),
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

/// The revisions that a reader has already, from the header `If-None-Match`. What it cannot mean is not there.
pub(super) struct Known(Option<String>);

impl Known {
    /// A reader who wants the whole answer.
    pub(super) const NOTHING: Self = Self(None);

    /// Whether the reader has this revision.
    pub(super) fn is(&self, revision: u64) -> bool {
        let has = |tag: &str| {
            let tag = tag.trim();
            tag == "*" || tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"') == revision.to_string()
        };
        self.0.as_deref().is_some_and(|tags| tags.split(',').any(has))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Known {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        text(parts, &header::IF_NONE_MATCH).map(Self)
    }
}

/// The header; where there are several, they are one list (RFC 9110, section 5.3).
fn text(parts: &Parts, name: &HeaderName) -> Result<Option<String>, Refusal> {
    let mut texts = Vec::new();
    for value in parts.headers.get_all(name) {
        match value.to_str() {
            Ok(text) => texts.push(text.trim()),
            Err(_) => {
                return Err(refuse(name, &String::from_utf8_lossy(value.as_bytes()), "a revision in quotes, or *"));
            }
        }
    }
    Ok((!texts.is_empty()).then(|| texts.join(", ")))
}

fn refuse(name: &HeaderName, value: &str, accepted: &str) -> Refusal {
    let message = format!("header {name}: `{value}` is not known; accepted: {accepted}");
    Refusal::new(StatusCode::BAD_REQUEST, INVALID_HEADER, message)
}
