//! The agent itself.

use axum::extract::State;
use serde_json::json;

use super::answer::{Answer, blocking, ok};
use super::backend::Shared;

/// `GET /status`
pub(super) async fn status(State(agent): State<Shared>) -> Answer {
    blocking(move || ok(&agent.status()?)).await
}

/// `POST /detach`
pub(super) async fn detach(State(agent): State<Shared>) -> Answer {
    blocking(move || ok(&json!({"detached": agent.detach()?}))).await
}
