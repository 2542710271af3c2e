//! Registries.

mod request;
mod view;

use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use serde::Serialize;

use super::answer::{Answer, Listed, blocking, not_modified, ok, ok_at};
use super::backend::{Backend, Shared};
use super::body::Body;
use super::caller::Caller;
use super::condition::{Condition, Known, OnlyIfAbsent};
use super::operation::Long;
use super::segment::Segments;
use crate::agent::Changed;
use crate::identity::Role;
use crate::policy::{Change, Policy, PolicyError, Registry};
use request::RegistryBody;
use view::RegistryView;

/// `GET …/registries`: those that the caller may see.
pub(super) async fn list(State(agent): State<Shared>, caller: Caller) -> Answer {
    blocking(move || {
        let policy = agent.policy()?;
        let seen = || policy.registries.values().filter(|registry| caller.may(Role::Reader, &registry.name));
        let views = || seen().map(|registry| view(&*agent, &policy, registry));
        ok(&Listed(views))
    })
    .await
}

/// `GET …/registries/{registry}`
pub(super) async fn show(State(agent): State<Shared>, Segments(name): Segments<String>, known: Known) -> Answer {
    blocking(move || whole(&*agent, &known, &name)).await
}

/// The answer to a change for those who do not want a long list back.
#[derive(Serialize)]
struct Minimal<'a> {
    name: &'a str,
    #[serde(flatten)]
    changed: Changed,
}

/// `PATCH …/registries/{registry}`, and `PUT`, which is the same: registries come from config.toml, and what a body does not name
/// stays, so that no client opens a registry by leaving something out.
pub(super) async fn patch(
    State(agent): State<Shared>,
    Segments(name): Segments<String>,
    uri: Uri,
    condition: Condition,
    OnlyIfAbsent(only_if_absent): OnlyIfAbsent,
    long: Long,
    body: Body,
) -> Answer {
    let asked = Arc::clone(&agent);
    let work = move || {
        if only_if_absent {
            let name = agent.policy()?.find_registry(&name)?.name.clone();
            return Err(PolicyError::AlreadyExists { kind: "registry", name }.into());
        }
        let patch = body.read_or_default::<RegistryBody>()?.into_patch()?;
        drop(body);
        let changed = condition.change(&*agent, &Change::PatchRegistry { registry: name.clone(), patch })?;
        if asks_for_minimal(&uri) {
            let spelled = agent.config().registry(&name).map_or(name.as_str(), |registry| &registry.name);
            return ok_at(changed.revision, &Minimal { name: spelled, changed });
        }
        whole(&*agent, &Known::NOTHING, &name)
    };
    long.carry_out(asked, work).await
}

/// `GET …/registries/{registry}/replications`: there is one host.
pub(super) async fn replications(State(agent): State<Shared>, Segments(name): Segments<String>) -> Answer {
    agent.policy()?.find_registry(&name)?;
    ok(&Listed(std::iter::empty::<()>))
}

/// `?return=minimal`: the caller does not want a long list back.
fn asks_for_minimal(uri: &Uri) -> bool {
    uri.query().is_some_and(|query| query.split('&').any(|pair| pair.eq_ignore_ascii_case("return=minimal")))
}

fn whole(agent: &dyn Backend, known: &Known, name: &str) -> Answer {
    let policy = agent.policy()?;
    if known.is(policy.revision) {
        return Ok(not_modified(policy.revision));
    }
    let registry = policy.find_registry(name)?;
    ok_at(policy.revision, &view(agent, &policy, registry))
}

fn view<'a>(agent: &'a dyn Backend, policy: &Policy, registry: &'a Registry) -> RegistryView<'a> {
    RegistryView::new(registry, agent.config().registry(&registry.name), policy.revision)
}
