//! The policy as one document.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use percent_encoding::percent_decode_str;
use serde::Serialize;

use super::answer::{Answer, blocking, not_modified, ok_at};
use super::backend::Shared;
use super::body::Body;
use super::condition::{Condition, Known};
use super::operation::Long;
use super::refusal::Refusal;
use crate::agent::Changed;
use crate::document::Document;
use crate::policy::{Step, Tally};

/// What a caller asks for behind the question mark.
#[derive(Default)]
struct Wish {
    registry: Option<String>,
    dry_run: bool,
    minimal: bool,
}

/// The answer to an application.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Applied {
    #[serde(flatten)]
    changed: Changed,
    dry_run: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<Tally>,
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<Vec<Step>>,
}

/// `GET /policy`: everything, or with `registry=` one registry alone.
pub(super) async fn export(State(agent): State<Shared>, uri: Uri, known: Known) -> Answer {
    blocking(move || {
        let wish = Wish::read(&uri)?;
        let policy = agent.policy()?;
        if known.is(policy.revision) {
            return Ok(not_modified(policy.revision));
        }
        ok_at(policy.revision, &Document::of(&policy, wish.registry.as_deref())?)
    })
    .await
}

/// `POST /policy`: makes the policy what the document says, or with `dryRun=true` tells what that would do.
pub(super) async fn apply(
    State(agent): State<Shared>,
    uri: Uri,
    condition: Condition,
    long: Long,
    body: Body,
) -> Answer {
    let wish = Wish::read(&uri)?;
    if let Some(registry) = wish.registry {
        return Err(refuse("registry", &registry, "no such parameter: the document names registries"));
    }
    let asked = Arc::clone(&agent);
    let work = move || {
        let request = body.read::<Document>()?.into_request()?;
        drop(body);
        let (changed, steps) = condition.apply(&*agent, request, wish.dry_run, !wish.minimal)?;
        let summary = steps.as_deref().map(Tally::of);
        ok_at(changed.revision, &Applied { changed, dry_run: wish.dry_run, summary, steps })
    };
    // What changes nothing is no operation.
    if wish.dry_run { blocking(work).await } else { long.carry_out(asked, work).await }
}

impl Wish {
    /// A parameter that is not known might have been meant to hold the change back, so it is refused.
    fn read(uri: &Uri) -> Result<Self, Refusal> {
        let mut wish = Self::default();
        for pair in uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_decode_str(value).decode_utf8_lossy().into_owned();
            match name.to_ascii_lowercase().as_str() {
                "registry" => wish.registry = Some(value),
                "dryrun" => match value.to_ascii_lowercase().as_str() {
                    "true" => wish.dry_run = true,
                    "false" => wish.dry_run = false,
                    _ => return Err(refuse(name, &value, "true, false")),
                },
                "return" if value.eq_ignore_ascii_case("minimal") => wish.minimal = true,
                "api-version" => {}
                _ => return Err(refuse(name, &value, "registry=NAME, dryRun=true, return=minimal")),
            }
        }
        Ok(wish)
    }
}

fn refuse(name: &str, value: &str, accepted: &str) -> Refusal {
    let message = format!("parameter {name}: `{value}` is not known; accepted: {accepted}");
    Refusal::new(StatusCode::BAD_REQUEST, "InvalidParameter", message)
}
