//! The agent itself.

use axum::extract::State;
use serde_json::json;
use tracing::{info, warn};

use super::answer::{Answer, blocking, ok};
use super::backend::Shared;
use super::caller::Caller;

/// `GET /status`
pub(super) async fn status(State(agent): State<Shared>) -> Answer {
    blocking(move || ok(&agent.status()?)).await
}

/// `POST /reload`: what is installed and configured now takes over once this is answered, as another instance.
pub(super) async fn reload(State(agent): State<Shared>, caller: Caller) -> Answer {
    info!(%caller, "a reload is asked for");
    blocking(move || ok(&json!({"instance": agent.reload()?}))).await
}

/// `POST /detach`
pub(super) async fn detach(State(agent): State<Shared>, caller: Caller) -> Answer {
    warn!(%caller, "detaching is asked for");
    blocking(move || ok(&json!({"detached": agent.detach()?}))).await
}
