//! The agent itself.

use axum::extract::State;
use serde_json::json;
use tracing::warn;

use super::answer::{Answer, blocking, ok};
use super::backend::Shared;
use super::caller::Caller;

/// `GET /status`
pub(super) async fn status(State(agent): State<Shared>) -> Answer {
    blocking(move || ok(&agent.status()?)).await
}

/// `POST /detach`
pub(super) async fn detach(State(agent): State<Shared>, caller: Caller) -> Answer {
    warn!(%caller, "detaching is asked for");
    blocking(move || ok(&json!({"detached": agent.detach()?}))).await
}
