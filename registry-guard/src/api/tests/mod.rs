mod conditions;
mod events;
mod networks;
mod operations;
mod policy;
mod private_endpoints;
mod refusals;
mod registries;
mod remote;
mod rules;
mod scale;
mod served;
mod service_tags;
mod socket;
mod subscription;

use serde_json::{Value, json};

use crate::policy::{
    SubnetId, network_id, private_endpoint_connection_id, registry_id, resource_group_id, subscription_id,
};
use served::{Answered, Served};

fn contoso() -> String {
    registry_id("contoso")
}

fn ip_rule(value: &str) -> String {
    format!("{}/ipRules/{}", contoso(), encoded(value))
}

fn subnet_rule(id: &str) -> String {
    format!("{}/virtualNetworkRules/{}", contoso(), encoded(id))
}

fn desk() -> String {
    private_endpoint_connection_id("contoso", "desk")
}

fn desk_body() -> Value {
    json!({"properties": {"virtualNetwork": "hub", "ipAddress": "10.1.0.4"}})
}

fn encoded(segment: &str) -> String {
    percent_encoding::utf8_percent_encode(segment, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn hub_body() -> Value {
    json!({"properties": {"vni": 5001, "addressSpace": {"addressPrefixes": ["10.1.0.0/16"]}, "subnets": [
        {"name": "builders", "properties": {"addressPrefix": "10.1.0.0/24"}}]}})
}

fn builders() -> String {
    SubnetId::new("hub", "builders").to_string()
}

fn patch_of(rules: &Value) -> Value {
    json!({"properties": {"networkRuleSet": rules}})
}

#[track_caller]
fn assert_refused(answer: &Answered, status: u16, code: &str, words: &str) {
    assert_eq!((answer.status, answer.body["error"]["code"].as_str()), (status, Some(code)), "{}", answer.body);
    let message = answer.body["error"]["message"].as_str().unwrap();
    assert!(message.contains(words), "{message}");
    assert_eq!(answer.body.as_object().unwrap().len(), 1);
}
