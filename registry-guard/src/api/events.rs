//! What was denied lately, and what is denied now.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::IntoResponse as _;
use futures::stream;
use percent_encoding::percent_decode_str;

use super::answer::{Answer, Listed, ok};
use super::backend::{Shared, known};
use super::refusal::Refusal;
use crate::agent::{Denials, Follower, RECENT_DENIALS, Told};

/// What a caller asks for, by `?follow=`, `&registry=` and `&recent=`.
#[derive(Default)]
struct Wish {
    follow: bool,
    registry: Option<String>,
    recent: Option<usize>,
}

/// `GET /events`: the recent ones, or with `follow=true` a line for each that comes.
pub(super) async fn events(State(agent): State<Shared>, uri: Uri) -> Answer {
    let wish = Wish::read(uri.query().unwrap_or_default())?;
    if let Some(registry) = &wish.registry {
        known(&*agent, registry)?;
    }
    let registry = wish.registry.as_deref();
    if wish.follow {
        return follow(agent.denials(), registry, wish.recent.unwrap_or_default());
    }
    let recent = agent.denials().recent(registry, wish.recent.unwrap_or(RECENT_DENIALS));
    ok(&Listed(|| recent.iter().map(AsRef::as_ref)))
}

fn follow(denials: &Denials, registry: Option<&str>, recent: usize) -> Answer {
    let follower = denials
        .follow(registry, recent)
        .map_err(|error| Refusal::new(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", error.to_string()))?;
    let lines = stream::unfold(follower, async |mut follower: Follower| {
        let told = follower.next().await?;
        Some((Ok::<_, Infallible>(line(&told)), follower))
    });
    let kind = HeaderValue::from_static("application/x-ndjson");
    Ok(([(header::CONTENT_TYPE, kind)], Body::from_stream(lines)).into_response())
}

/// One JSON object and the end of its line.
fn line(told: &Told) -> Bytes {
    // These records have text keys and no map of anything else, which is all that could fail.
    let mut line = serde_json::to_vec(told).unwrap_or_default();
    line.push(b'\n');
    line.into()
}

impl Wish {
    fn read(query: &str) -> Result<Self, Refusal> {
        let mut wish = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_decode_str(value).decode_utf8_lossy();
            let refuse = |accepted: &str| {
                let message = format!("{name}: `{value}` is not valid; accepted: {accepted}");
                Refusal::new(StatusCode::BAD_REQUEST, "InvalidQueryParameterValue", message)
            };
            match name {
                "follow" => wish.follow = value.parse().map_err(|_| refuse("true or false"))?,
                "registry" => wish.registry = Some(value.into_owned()),
                "recent" => {
                    let recent = value.parse().ok().filter(|recent| *recent <= RECENT_DENIALS);
                    wish.recent = Some(recent.ok_or_else(|| refuse(&format!("0 to {RECENT_DENIALS}")))?);
                }
                "api-version" => {}
                _ => {
                    let message = format!(
                        "query parameter `{name}` is not known; accepted: follow, registry, recent, api-version"
                    );
                    return Err(Refusal::new(StatusCode::BAD_REQUEST, "InvalidQueryParameter", message));
                }
            }
        }
        Ok(wish)
    }
}
