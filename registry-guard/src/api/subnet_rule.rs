//! Single virtual-network rules.

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
use crate::policy::{Action, Change, Policy, Subnet, SubnetId, SubnetRule};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View<'a> {
    action: Action,
    id: &'a SubnetId,
    virtual_network_subnet_resource_id: &'a SubnetId,
    /// Whether the subnet has the registry's service endpoint, without which the rule does nothing.
    effective: bool,
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
    rule: &'a SubnetRule,
    revision: Option<u64>,
    changed: Option<Changed>,
) -> View<'a> {
    View {
        action: rule.action,
        id: &rule.subnet,
        virtual_network_subnet_resource_id: &rule.subnet,
        effective: policy.subnet(&rule.subnet).is_some_and(Subnet::serves_registry),
        hits: agent.rule_hits(rule.counter),
        revision,
        changed,
        note: None,
    }
}

/// `GET …/virtualNetworkRules`
pub(super) async fn list(State(agent): State<Shared>, Segments(registry): Segments<String>) -> Answer {
    blocking(move || {
        let policy = agent.policy()?;
        let registry = policy.find_registry(&registry)?;
        let views = || registry.subnet_rules.iter().map(|rule| view(&*agent, &policy, rule, None, None));
        ok_at(policy.revision, &Listed(views))
    })
    .await
}

/// `GET …/virtualNetworkRules/{id}`
pub(super) async fn show(State(agent): State<Shared>, Segments((registry, id)): Segments<(String, String)>) -> Answer {
    blocking(move || {
        let policy = agent.policy()?;
        let rule = policy.find_subnet_rule(&registry, &id)?;
        ok_at(policy.revision, &view(&*agent, &policy, rule, Some(policy.revision), None))
    })
    .await
}

/// `PUT …/virtualNetworkRules/{id}`
pub(super) async fn put(
    State(agent): State<Shared>,
    Segments((registry, id)): Segments<(String, String)>,
    condition: Condition,
    OnlyIfAbsent(only_if_absent): OnlyIfAbsent,
    body: Body,
) -> Answer {
    blocking(move || {
        let RuleBody { action } = body.read_or_default()?;
        let change =
            Change::AddSubnetRule { registry: registry.clone(), subnet_id: id.clone(), only_if_absent, action };
        let changed = condition.change(&*agent, &change)?;
        let policy = agent.policy()?;
        let rule = policy.find_subnet_rule(&registry, &id)?;
        let note = why_none(&policy, policy.find_registry(&registry)?, rule.action, Named::Subnet(&rule.subnet));
        ok_at(changed.revision, &View { note, ..view(&*agent, &policy, rule, None, Some(changed)) })
    })
    .await
}

/// `DELETE …/virtualNetworkRules/{id}`
pub(super) async fn delete(
    State(agent): State<Shared>,
    Segments((registry, id)): Segments<(String, String)>,
    condition: Condition,
) -> Answer {
    blocking(move || {
        let change = Change::RemoveSubnetRule { registry, subnet_id: id.clone() };
        let changed = condition.change(&*agent, &change)?;
        ok(&Removed { what: json!({"id": id, "virtualNetworkSubnetResourceId": id}), changed })
    })
    .await
}
