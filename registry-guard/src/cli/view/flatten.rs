//! ARM keeps a resource's facts under `properties`; `az` prints them at the top.

use serde_json::{Map, Value};

/// Lifts `properties` of a resource, of every resource in a list, and of a virtual network's subnets or a registry's private
/// endpoint connections, and adds `resourceGroup` beside each `id`.
pub(crate) fn flatten(value: Value) -> Value {
    match value {
        Value::Array(resources) => resources.into_iter().map(flatten).collect(),
        Value::Object(resource) => Value::Object(flatten_resource(resource)),
        scalar => scalar,
    }
}

/// As [`flatten`], for one resource.
pub(super) fn flatten_resource(mut resource: Map<String, Value>) -> Map<String, Value> {
    if let Some(Value::Object(properties)) = resource.remove("properties") {
        for (key, value) in properties {
            resource.entry(key).or_insert(value);
        }
    }
    for inner in ["subnets", "privateEndpointConnections", "privateEndpoint"] {
        if let Some(resources) = resource.get_mut(inner) {
            *resources = flatten(resources.take());
        }
    }
    if let Some(group) = resource.get("id").and_then(Value::as_str).and_then(resource_group) {
        resource.insert("resourceGroup".to_owned(), Value::String(group));
    }
    resource
}

fn resource_group(id: &str) -> Option<String> {
    let mut segments = id.split('/');
    segments.find(|segment| segment.eq_ignore_ascii_case("resourceGroups"))?;
    segments.next().map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn properties_rise_to_the_top_and_the_resource_group_is_named() {
        let network = json!({"id": "/subscriptions/0/resourceGroups/registry-guard/x", "name": "office",
            "properties": {"vni": 7, "subnets": [{"name": "ci", "properties": {"addressPrefix": "10.1.7.0/24"}}]}});
        assert_eq!(
            flatten(json!([network])),
            json!([{"id": "/subscriptions/0/resourceGroups/registry-guard/x", "name": "office", "vni": 7,
                "resourceGroup": "registry-guard", "subnets": [{"name": "ci", "addressPrefix": "10.1.7.0/24"}]}])
        );
    }

    #[test]
    fn a_property_never_hides_the_resource_itself() {
        assert_eq!(flatten(json!({"name": "a", "properties": {"name": "b"}})), json!({"name": "a"}));
    }
}
