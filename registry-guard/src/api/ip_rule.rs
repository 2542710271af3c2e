//! Single IP rules.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::answer::{Answer, Listed, Removed, blocking, ok, ok_at};
use super::backend::{Backend, Shared};
use super::body::Body;
use super::condition::{Condition, OnlyIfAbsent};
use super::effect::{Named, why_none};
use super::segment::Segments;
use crate::agent::Changed;
use crate::policy::{Action, Change, IpRule};

#[derive(Serialize)]
struct View<'a> {
    action: Action,
    value: &'a str,
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
pub(super) struct RuleBody {
    pub(super) action: Option<String>,
}

fn view<'a>(agent: &dyn Backend, rule: &'a IpRule, revision: Option<u64>, changed: Option<Changed>) -> View<'a> {
    View { action: rule.action, value: &rule.value, hits: agent.rule_hits(rule.counter), revision, changed, note: None }
}

/// `GET …/ipRules`
pub(super) async fn list(State(agent): State<Shared>, Segments(registry): Segments<String>) -> Answer {
    blocking(move || {
        let policy = agent.policy()?;
        let registry = policy.find_registry(&registry)?;
        let views = || registry.ip_rules.iter().map(|rule| view(&*agent, rule, None, None));
        ok_at(policy.revision, &Listed(views))
    })
    .await
}

/// `GET …/ipRules/{value}`
pub(super) async fn show(
    State(agent): State<Shared>,
    Segments((registry, value)): Segments<(String, String)>,
) -> Answer {
    blocking(move || {
        let policy = agent.policy()?;
        let rule = policy.find_ip_rule(&registry, &value)?;
        ok_at(policy.revision, &view(&*agent, rule, Some(policy.revision), None))
    })
    .await
}

/// `PUT …/ipRules/{value}`
pub(super) async fn put(
    State(agent): State<Shared>,
    Segments((registry, value)): Segments<(String, String)>,
    condition: Condition,
    OnlyIfAbsent(only_if_absent): OnlyIfAbsent,
    body: Body,
) -> Answer {
    blocking(move || {
        let RuleBody { action } = body.read_or_default()?;
        let change = Change::AddIpRule { registry: registry.clone(), value: value.clone(), only_if_absent, action };
        let changed = condition.change(&*agent, &change)?;
        let policy = agent.policy()?;
        let rule = policy.find_ip_rule(&registry, &value)?;
        let note = why_none(&policy, policy.find_registry(&registry)?, rule.action, Named::Prefix(&rule.prefix));
        ok_at(changed.revision, &View { note, ..view(&*agent, rule, None, Some(changed)) })
    })
    .await
}

/// `DELETE …/ipRules/{value}`
pub(super) async fn delete(
    State(agent): State<Shared>,
    Segments((registry, value)): Segments<(String, String)>,
    condition: Condition,
) -> Answer {
    blocking(move || {
        let change = Change::RemoveIpRule { registry, value: value.clone() };
        let changed = condition.change(&*agent, &change)?;
        ok(&Removed { what: json!({"value": value}), changed })
    })
    .await
}
