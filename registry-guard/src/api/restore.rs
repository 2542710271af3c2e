//! Good copies of the policy, and the way back to one: for callers on the host, since they name files of it.

use std::path::PathBuf;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::answer::{Answer, Listed, blocking, ok, ok_at};
use super::backend::Shared;
use super::body::Body;
use super::condition::Condition;
use super::refusal::Refusal;
use crate::agent::Source;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    from: String,
}

/// `GET /copies`: the newest first.
pub(super) async fn list(State(agent): State<Shared>) -> Answer {
    blocking(move || {
        let copies = agent.copies();
        ok(&Listed(|| copies.iter()))
    })
    .await
}

/// `POST /restore`: makes the policy what a copy says.
pub(super) async fn restore(State(agent): State<Shared>, condition: Condition, body: Body) -> Answer {
    blocking(move || {
        let source = source(&body.read::<Asked>()?.from)?;
        let restored = condition.restore(&*agent, &source)?;
        let mut answer = json!(restored.changed);
        answer["from"] = restored.from.into();
        answer["moved"] = json!(restored.moved);
        ok_at(restored.changed.revision, &answer)
    })
    .await
}

fn source(from: &str) -> Result<Source, Refusal> {
    if from.eq_ignore_ascii_case("last-good") {
        return Ok(Source::LastGood);
    }
    if let Ok(revision) = from.parse() {
        return Ok(Source::Revision(revision));
    }
    if from.starts_with('/') {
        return Ok(Source::File(PathBuf::from(from)));
    }
    let message =
        format!("from: `{from}` is not known; accepted: last-good, a revision, or the absolute path of a file");
    Err(Refusal::new(StatusCode::BAD_REQUEST, "InvalidParameter", message))
}
