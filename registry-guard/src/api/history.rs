//! The revisions of the policy, and the way back.

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde_json::json;

use super::answer::{Answer, blocking, ok, ok_at};
use super::backend::Shared;
use super::condition::Condition;
use super::refusal::Refusal;
use super::segment::Segments;
use crate::agent::Changed;
use crate::policy::{Step, Tally};

/// The answer to a question how two revisions differ.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Difference {
    from: u64,
    to: u64,
    summary: Tally,
    steps: Vec<Step>,
}

/// The answer to a rollback.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RolledBack {
    #[serde(flatten)]
    changed: Changed,
    /// The revision whose policy it is.
    to: u64,
    dry_run: bool,
    summary: Tally,
    steps: Vec<Step>,
}

/// `GET …/revisions`, with `registry=` those that concern it, with `top=` so many.
pub(super) async fn list(State(agent): State<Shared>, uri: Uri) -> Answer {
    let (mut registry, mut top) = (None, None);
    for (name, value) in parameters(&uri) {
        match name.as_str() {
            "registry" => registry = Some(value),
            "top" => top = Some(number(&name, &value)?),
            _ => return Err(refuse(&name, &value, "registry=NAME, top=NUMBER")),
        }
    }
    let top = top.map(|top| usize::try_from(top).unwrap_or(usize::MAX));
    blocking(move || ok(&agent.history(registry.as_deref(), top)?)).await
}

/// `GET …/revisions/{revision}/changes`: how it differs from the one before it, or with `since=` from that one.
pub(super) async fn changes(
    State(agent): State<Shared>,
    Segments((_, revision)): Segments<(String, String)>,
    uri: Uri,
) -> Answer {
    let to = revision_or(&revision, "last")?;
    let mut from = None;
    for (name, value) in parameters(&uri) {
        match name.as_str() {
            "since" => from = Some(number(&name, &value)?),
            _ => return Err(refuse(&name, &value, "since=REVISION")),
        }
    }
    blocking(move || {
        let (from, to, steps) = agent.difference(from, to)?;
        ok(&Difference { from, to, summary: Tally::of(&steps), steps })
    })
    .await
}

/// `POST …/revisions/{revision}/rollback`: makes its policy the policy again, or with `dryRun=true` tells what that would do.
pub(super) async fn roll_back(
    State(agent): State<Shared>,
    Segments((_, revision)): Segments<(String, String)>,
    uri: Uri,
    condition: Condition,
) -> Answer {
    let to = revision_or(&revision, "previous")?;
    let mut dry_run = false;
    for (name, value) in parameters(&uri) {
        match (name.as_str(), value.to_ascii_lowercase().as_str()) {
            ("dryrun", "true") => dry_run = true,
            ("dryrun", "false") => dry_run = false,
            _ => return Err(refuse(&name, &value, "dryRun=true, dryRun=false")),
        }
    }
    blocking(move || {
        let (to, changed, steps) = condition.roll_back(&*agent, to, dry_run)?;
        ok_at(changed.revision, &RolledBack { changed, to, dry_run, summary: Tally::of(&steps), steps })
    })
    .await
}

/// `POST …/revisions/{revision}/confirm`: lets a change stand.
pub(super) async fn confirm(
    State(agent): State<Shared>,
    Segments((_, revision)): Segments<(String, String)>,
) -> Answer {
    let asked = revision_or(&revision, "last")?;
    blocking(move || {
        let revision = agent.confirm(asked)?;
        ok_at(revision, &json!({"revision": revision, "confirmed": true}))
    })
    .await
}

/// A number, or the word that stands for none.
fn revision_or(text: &str, word: &str) -> Result<Option<u64>, Refusal> {
    if text.eq_ignore_ascii_case(word) {
        return Ok(None);
    }
    let refuse = || {
        let message = format!("revision: `{text}` is none; accepted: a number, or {word}");
        Refusal::new(StatusCode::BAD_REQUEST, "InvalidParameter", message)
    };
    text.parse().map(Some).map_err(|_| refuse())
}

/// Names in lower case, without those that every request may have.
fn parameters(uri: &Uri) -> Vec<(String, String)> {
    let pairs = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let read = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (name.to_ascii_lowercase(), percent_decode_str(value).decode_utf8_lossy().into_owned())
    };
    pairs.map(read).filter(|(name, _)| name != "api-version").collect()
}

fn number(name: &str, value: &str) -> Result<u64, Refusal> {
    value.parse().map_err(|_| refuse(name, value, "a number"))
}

fn refuse(name: &str, value: &str, accepted: &str) -> Refusal {
    let message = format!("parameter {name}: `{value}` is not known; accepted: {accepted}");
    Refusal::new(StatusCode::BAD_REQUEST, "InvalidParameter", message)
}
