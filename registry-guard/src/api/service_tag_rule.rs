//! Single service-tag rules.

use axum::extract::State;
use serde::Serialize;
use serde_json::json;

use super::answer::{Answer, Listed, Removed, blocking, ok, ok_at};
use super::backend::{Backend, Shared};
use super::body::Body;
use super::condition::{Condition, OnlyIfAbsent};
use super::effect::{Named, why_none};
use super::ip_rule::RuleBody;
use super::segment::Segments;
use crate::agent::Changed;
use crate::policy::{Action, Change, Policy, ServiceTagRule};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View<'a> {
    action: Action,
    service_tag: &'a str,
    /// Whether the tag has prefixes at present.
    effective: bool,
    /// How many prefixes the tag has at present.
    prefixes: usize,
    hits: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u64>,
    #[serde(flatten)]
    changed: Option<Changed>,
    /// Why it has no effect at present.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

fn view<'a>(
    agent: &dyn Backend,
    policy: &Policy,
    rule: &'a ServiceTagRule,
    revision: Option<u64>,
    changed: Option<Changed>,
) -> View<'a> {
    let prefixes = policy.service_tag_prefixes(&rule.tag).len();
    View {
        action: rule.action,
        service_tag: &rule.tag,
        effective: prefixes > 0,
        prefixes,
        hits: agent.rule_hits(rule.counter),
        revision,
        changed,
        note: None,
    }
}

/// `GET …/serviceTagRules`
pub(super) async fn list(State(agent): State<Shared>, Segments(registry): Segments<String>) -> Answer {
    blocking(move || {
        let policy = agent.policy()?;
        let registry = policy.find_registry(&registry)?;
        let views = || registry.service_tag_rules.iter().map(|rule| view(&*agent, &policy, rule, None, None));
        ok_at(policy.revision, &Listed(views))
    })
    .await
}

/// `GET …/serviceTagRules/{tag}`
pub(super) async fn show(State(agent): State<Shared>, Segments((registry, tag)): Segments<(String, String)>) -> Answer {
    blocking(move || {
        let policy = agent.policy()?;
        let rule = policy.find_service_tag_rule(&registry, &tag)?;
        ok_at(policy.revision, &view(&*agent, &policy, rule, Some(policy.revision), None))
    })
    .await
}

/// `PUT …/serviceTagRules/{tag}`
pub(super) async fn put(
    State(agent): State<Shared>,
    Segments((registry, tag)): Segments<(String, String)>,
    condition: Condition,
    OnlyIfAbsent(only_if_absent): OnlyIfAbsent,
    body: Body,
) -> Answer {
    blocking(move || {
        let RuleBody { action } = body.read_or_default()?;
        let change = Change::AddServiceTagRule { registry: registry.clone(), tag: tag.clone(), only_if_absent, action };
        let changed = condition.change(&*agent, &change)?;
        let policy = agent.policy()?;
        let rule = policy.find_service_tag_rule(&registry, &tag)?;
        let note = why_none(&policy, policy.find_registry(&registry)?, rule.action, Named::ServiceTag);
        ok_at(changed.revision, &View { note, ..view(&*agent, &policy, rule, None, Some(changed)) })
    })
    .await
}

/// `DELETE …/serviceTagRules/{tag}`
pub(super) async fn delete(
    State(agent): State<Shared>,
    Segments((registry, tag)): Segments<(String, String)>,
    condition: Condition,
) -> Answer {
    blocking(move || {
        let change = Change::RemoveServiceTagRule { registry, tag: tag.clone() };
        let changed = condition.change(&*agent, &change)?;
        ok(&Removed { what: json!({"serviceTag": tag}), changed })
    })
    .await
}
