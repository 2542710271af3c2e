//! Registries.

mod request;
mod view;

use axum::extract::State;
use axum::http::Uri;
use serde::Serialize;

use super::answer::{Answer, Listed, blocking, not_modified, ok, ok_at};
use super::backend::{Backend, Shared};
use super::body::Body;
use super::condition::{Condition, Known};
use super::segment::Segments;
use crate::agent::Changed;
use crate::policy::{Change, Policy, Registry};
use request::RegistryBody;
use view::RegistryView;

/// `GET …/registries`
pub(super) async fn list(State(agent): State<Shared>) -> Answer {
    blocking(move || {
        let policy = agent.policy();
        let views = || policy.registries.values().map(|registry| view(&*agent, &policy, registry));
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

/// `PATCH …/registries/{registry}`
pub(super) async fn patch(
    State(agent): State<Shared>,
    Segments(name): Segments<String>,
    uri: Uri,
    condition: Condition,
    body: Body,
) -> Answer {
    blocking(move || {
        let patch = body.read_or_default::<RegistryBody>()?.into_patch()?;
        drop(body);
        let changed = condition.change(&*agent, &Change::PatchRegistry { registry: name.clone(), patch })?;
        if asks_for_minimal(&uri) {
            let spelled = agent.config().registry(&name).map_or(name.as_str(), |registry| &registry.name);
            return ok_at(changed.revision, &Minimal { name: spelled, changed });
        }
        whole(&*agent, &Known::NOTHING, &name)
    })
    .await
}

/// `?return=minimal`: the caller does not want a long list back.
fn asks_for_minimal(uri: &Uri) -> bool {
    uri.query().is_some_and(|query| query.split('&').any(|pair| pair.eq_ignore_ascii_case("return=minimal")))
}

fn whole(agent: &dyn Backend, known: &Known, name: &str) -> Answer {
    let policy = agent.policy();
    if known.is(policy.revision) {
        return not_modified(policy.revision);
    }
    let registry = policy.find_registry(name)?;
    ok_at(policy.revision, &view(agent, &policy, registry))
}

fn view<'a>(agent: &'a dyn Backend, policy: &Policy, registry: &'a Registry) -> RegistryView<'a> {
    RegistryView::new(registry, agent.config().registry(&registry.name), policy.revision)
}
