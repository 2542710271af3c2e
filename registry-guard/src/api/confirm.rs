//! Changes that are taken back unless somebody confirms them in time.

use std::time::Duration;

use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode};

use super::refusal::{INVALID_HEADER, Refusal};

/// Within which time a change is to be confirmed, such as `60s`.
pub(crate) const CONFIRM_WITHIN: HeaderName = HeaderName::from_static("x-confirm-within");

/// Until when a change that was made is to be confirmed: a revision, a blank, RFC 3339 in UTC.
pub(crate) const CONFIRM_BY: HeaderName = HeaderName::from_static("x-confirm-by");

/// A second, and a week.
const BOUNDS: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(7 * 24);

/// What is accepted, in words.
pub(crate) const ACCEPTED: &str = "a time such as 60s or 5m, 1s to 7days";

/// Reads a time within which a change is to be confirmed.
pub(crate) fn confirm_within(text: &str) -> Result<Duration, String> {
    let within = humantime::parse_duration(text.trim()).ok().filter(|within| BOUNDS.contains(within));
    within.ok_or_else(|| format!("accepted: {ACCEPTED}"))
}

/// The time that a request asks for, if it does.
pub(super) fn asked(parts: &Parts) -> Result<Option<Duration>, Refusal> {
    let mut all = parts.headers.get_all(CONFIRM_WITHIN).iter();
    let (Some(value), None) = (all.next(), all.next()) else {
        return if parts.headers.contains_key(CONFIRM_WITHIN) { Err(refuse("several", "one time")) } else { Ok(None) };
    };
    let text = String::from_utf8_lossy(value.as_bytes());
    confirm_within(&text).map(Some).map_err(|_| refuse(&text, ACCEPTED))
}

fn refuse(value: &str, accepted: &str) -> Refusal {
    let message = format!("header {CONFIRM_WITHIN}: `{value}` is not known; accepted: {accepted}");
    Refusal::new(StatusCode::BAD_REQUEST, INVALID_HEADER, message)
}
