//! Single rules of a registry: one resource for each kind of source that a rule can name.

mod ip;
mod service_tag;
mod subnet;

use axum::extract::State;
use axum::routing::{MethodRouter, get};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answer::{Answer, Listed, Removed, blocking, ok, ok_at};
use super::backend::{Backend, Shared};
use super::body::Body;
use super::condition::{Condition, OnlyIfAbsent};
use super::effect::{Named, why_none};
use super::segment::Segments;
use crate::agent::Changed;
use crate::policy::{Action, Change, Policy, PolicyError, Registry};

/// A rule that the API shows and changes by itself. The key is what its path ends in.
pub(super) trait Rule: Sized + 'static {
    fn all(registry: &Registry) -> impl Iterator<Item = &Self>;

    fn find<'p>(policy: &'p Policy, registry: &str, key: &str) -> Result<&'p Self, PolicyError>;

    fn add(registry: String, key: String, only_if_absent: bool, action: Option<String>) -> Change;

    fn remove(registry: String, key: String) -> Change;

    /// What the answer to a removal calls the rule.
    fn removed(key: &str) -> Value;

    fn action(&self) -> Action;

    /// The rule's index among the kernel's hit counters.
    fn counter(&self) -> u32;

    fn named(&self) -> Named<'_>;

    /// The fields that tell which sources the rule names, and whether there are any.
    fn source<'a>(&'a self, policy: &'a Policy) -> impl Serialize + 'a;
}

#[derive(Serialize)]
struct View<S> {
    action: Action,
    #[serde(flatten)]
    source: S,
    hits: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u64>,
    #[serde(flatten)]
    changed: Option<Changed>,
    /// Why it has no effect at present.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// The body of a PUT: all of it may be missing.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleBody {
    action: Option<String>,
}

fn view<'a, R: Rule>(agent: &dyn Backend, policy: &'a Policy, rule: &'a R) -> View<impl Serialize + 'a> {
    let (action, hits) = (rule.action(), agent.rule_hits(rule.counter()));
    View { action, source: rule.source(policy), hits, revision: None, changed: None, note: None }
}

/// The collection.
pub(super) fn collection<R: Rule>() -> MethodRouter<Shared> {
    get(list::<R>)
}

/// One of the collection.
pub(super) fn single<R: Rule>() -> MethodRouter<Shared> {
    get(show::<R>).put(put::<R>).delete(delete::<R>)
}

async fn list<R: Rule>(State(agent): State<Shared>, Segments(registry): Segments<String>) -> Answer {
    blocking(move || {
        let policy = agent.policy()?;
        let registry = policy.find_registry(&registry)?;
        ok_at(policy.revision, &Listed(|| R::all(registry).map(|rule| view(&*agent, &policy, rule))))
    })
    .await
}

async fn show<R: Rule>(State(agent): State<Shared>, Segments((registry, key)): Segments<(String, String)>) -> Answer {
    blocking(move || {
        let policy = agent.policy()?;
        let rule = R::find(&policy, &registry, &key)?;
        ok_at(policy.revision, &View { revision: Some(policy.revision), ..view(&*agent, &policy, rule) })
    })
    .await
}

async fn put<R: Rule>(
    State(agent): State<Shared>,
    Segments((registry, key)): Segments<(String, String)>,
    condition: Condition,
    OnlyIfAbsent(only_if_absent): OnlyIfAbsent,
    body: Body,
) -> Answer {
    blocking(move || {
        let RuleBody { action } = body.read_or_default()?;
        let changed = condition.change(&*agent, &R::add(registry.clone(), key.clone(), only_if_absent, action))?;
        let policy = agent.policy()?;
        let rule = R::find(&policy, &registry, &key)?;
        let note = why_none(&policy, policy.find_registry(&registry)?, rule.action(), rule.named());
        ok_at(changed.revision, &View { note, changed: Some(changed), ..view(&*agent, &policy, rule) })
    })
    .await
}

async fn delete<R: Rule>(
    State(agent): State<Shared>,
    Segments((registry, key)): Segments<(String, String)>,
    condition: Condition,
) -> Answer {
    blocking(move || {
        let what = R::removed(&key);
        let changed = condition.change(&*agent, &R::remove(registry, key))?;
        ok(&Removed { what, changed })
    })
    .await
}
