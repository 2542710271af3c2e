//! What the kernel would do with a source.

use std::net::IpAddr;

use axum::extract::State;
use serde::Deserialize;

use super::answer::{Answer, blocking, ok};
use super::backend::{Shared, known};
use super::body::Body;
use super::segment::Segments;
use crate::policy::PolicyError;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    source: String,
    vni: Option<i64>,
    destination: Option<String>,
}

/// `POST …/registries/{registry}/check`
pub(super) async fn check(State(agent): State<Shared>, Segments(registry): Segments<String>, body: Body) -> Answer {
    blocking(move || {
        let question: Question = body.read()?;
        known(&*agent, &registry)?;
        let source = address("source", &question.source)?;
        let destination = question.destination.map(|text| address("destination", &text)).transpose()?;
        let vni = question.vni.map(vni).transpose()?;
        ok(&agent.check(&registry, source, vni, destination)?)
    })
    .await
}

fn address(field: &str, text: &str) -> Result<IpAddr, PolicyError> {
    let accepted = "one address such as 203.0.113.9 or 2001:db8::9";
    text.parse().map_err(|_| PolicyError::invalid(field, text, "is not an IP address", accepted))
}

fn vni(number: i64) -> Result<u32, PolicyError> {
    u32::try_from(number).ok().filter(|vni| (1..1 << 24).contains(vni)).ok_or_else(|| {
        let accepted = "1 to 16777215, or none for public traffic";
        PolicyError::invalid("vni", number.to_string(), "is not a VXLAN network identifier", accepted)
    })
}
