//! `network-rule`: one rule is one sub-resource, so that nothing here reads and rewrites the whole list.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Session, understand};
use crate::cli::arguments::{Action, Revision, RuleSource};
use crate::cli::client::Call;
use crate::cli::failure::Failure;
use crate::cli::resource_path;
use crate::cli::view::{
    Column, IpRule, RegistryView, ResourceView, RuleListView, ServiceTagRule, SubnetRule, rule_answer,
};

const IP_COLUMNS: &[Column] = &[
    ("ACTION", "/action"),
    ("SOURCE", "/ipAddressOrRange"),
    ("HITS", "/hits"),
    ("CHANGED", "/changed"),
    ("DESTROYED", "/destroyedConnections"),
    ("REVISION", "/revision"),
];
const SERVICE_TAG_COLUMNS: &[Column] = &[
    ("ACTION", "/action"),
    ("SOURCE", "/serviceTag"),
    ("PREFIXES", "/prefixes"),
    ("HITS", "/hits"),
    ("CHANGED", "/changed"),
    ("DESTROYED", "/destroyedConnections"),
    ("REVISION", "/revision"),
];
const SUBNET_COLUMNS: &[Column] = &[
    ("ACTION", "/action"),
    ("SOURCE", "/virtualNetworkResourceId"),
    ("HITS", "/hits"),
    ("CHANGED", "/changed"),
    ("DESTROYED", "/destroyedConnections"),
    ("REVISION", "/revision"),
];

/// `network-rule add`
pub(crate) async fn add(
    mut session: Session<'_>,
    registry: &str,
    source: &RuleSource,
    action: Option<Action>,
    if_match: Option<Revision>,
) -> Result<(), Failure> {
    let body = action.map_or_else(|| json!({}), |action| json!({ "action": action.as_str() }));
    let answer = session.ask(Call::put(path(registry, source), &body).if_match(if_match)).await?;
    let mut answer = rule_answer(answer);
    if let Some(Value::String(note)) = answer.as_object_mut().and_then(|rule| rule.remove("note")) {
        session.terminal.note(&format!("no effect at present: {note}"));
    }
    if answer["changed"] == false {
        let keys = ["ipAddressOrRange", "virtualNetworkResourceId", "serviceTag"];
        let rule = keys.iter().find_map(|key| answer[key].as_str());
        let revision = &answer["revision"];
        session.terminal.note(&format!("already there: {} (revision {revision})", rule.unwrap_or_default()));
    }
    session.print(&ResourceView::new(answer, columns(source)))
}

/// `network-rule remove`
pub(crate) async fn remove(
    mut session: Session<'_>,
    registry: &str,
    source: &RuleSource,
    if_match: Option<Revision>,
) -> Result<(), Failure> {
    let answer = session.ask(Call::delete(path(registry, source)).if_match(if_match)).await?;
    session.print(&ResourceView::new(rule_answer(answer), columns(source)))
}

/// `network-rule list`
pub(crate) async fn list(mut session: Session<'_>, registry: &str, with_hits: bool) -> Result<(), Failure> {
    if !with_hits {
        let body = session.client.send(Call::get(resource_path::registry(registry))).await?;
        return session.print(&understand::<RegistryView>(&body)?.into_rules());
    }
    let ip_body = session.client.send(Call::get(resource_path::ip_rules(registry))).await?;
    let subnet_body = session.client.send(Call::get(resource_path::subnet_rules(registry))).await?;
    let tag_body = session.client.send(Call::get(resource_path::service_tag_rules(registry))).await?;
    let view = RuleListView {
        ip_rules: understand::<Listed<IpRule>>(&ip_body)?.value,
        virtual_network_rules: understand::<Listed<SubnetRule>>(&subnet_body)?.value,
        service_tag_rules: understand::<Listed<ServiceTagRule>>(&tag_body)?.value,
    };
    session.print(&view)
}

#[derive(Deserialize)]
struct Listed<T> {
    value: Vec<T>,
}

fn path(registry: &str, source: &RuleSource) -> String {
    match source {
        RuleSource::Ip(value) => resource_path::ip_rule(registry, value),
        RuleSource::Subnet(id) => resource_path::subnet_rule(registry, id),
        RuleSource::ServiceTag(tag) => resource_path::service_tag_rule(registry, tag),
    }
}

fn columns(source: &RuleSource) -> &'static [Column] {
    match source {
        RuleSource::Ip(_) => IP_COLUMNS,
        RuleSource::Subnet(_) => SUBNET_COLUMNS,
        RuleSource::ServiceTag(_) => SERVICE_TAG_COLUMNS,
    }
}
