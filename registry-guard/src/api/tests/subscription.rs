//! What az asks for around the resources themselves.

use super::*;
use crate::policy::{RESOURCE_GROUP, SUBSCRIPTION};

#[tokio::test]
async fn one_subscription_and_one_group_hold_everything() {
    let served = Served::new();
    let list = served.get("/subscriptions?api-version=2022-12-01").await.body;
    assert_eq!(
        (&list["value"][0]["subscriptionId"], &list["value"][0]["state"]),
        (&json!(SUBSCRIPTION), &json!("Enabled"))
    );
    assert_eq!(served.get(&subscription_id()).await.body, list["value"][0]);
    assert_eq!(served.get("/tenants").await.body["value"][0]["tenantId"], list["value"][0]["tenantId"]);
    let groups = served.get(&format!("{}/resourceGroups", subscription_id())).await.body;
    assert_eq!(groups["value"][0]["name"], RESOURCE_GROUP);
    assert_eq!(served.get(&resource_group_id()).await.body, groups["value"][0]);
}

#[tokio::test]
async fn resources_are_found_by_their_kind_and_name() {
    let served = Served::new();
    served.send("PUT", &network_id("hub"), &hub_body()).await;
    for (filter, expected) in [
        ("", vec!["Contoso", "fabrikam", "hub"]),
        ("resourceType eq 'Microsoft.ContainerRegistry/registries'", vec!["Contoso", "fabrikam"]),
        ("resourcetype EQ 'microsoft.network/VirtualNetworks'", vec!["hub"]),
        ("resourceType eq 'Microsoft.ContainerRegistry/registries' and name eq 'contoso'", vec!["Contoso"]),
        ("resourceGroup eq 'Registry-Guard' and location eq 'local'", vec!["Contoso", "fabrikam", "hub"]),
        ("resourceGroup eq 'another'", vec![]),
        ("name eq 'o''neill'", vec![]),
    ] {
        for scope in [subscription_id(), resource_group_id()] {
            let answer = served.get(&format!("{scope}/resources?$filter={}&api-version=1", encoded(filter))).await;
            let value = answer.body["value"].as_array().unwrap_or_else(|| panic!("{filter}: {}", answer.body));
            let names: Vec<&str> = value.iter().filter_map(|resource| resource["name"].as_str()).collect();
            assert_eq!(names, expected, "{filter}");
        }
    }
    for filter in
        ["name", "name eq", "name eq contoso", "name ne 'contoso'", "colour eq 'blue'", "name eq 'a' or name eq 'b'"]
    {
        let answer = served.get(&format!("{}/resources?$filter={}", subscription_id(), encoded(filter))).await;
        assert_refused(&answer, 400, "InvalidFilterInQueryString", "accepted: resourceType, name");
    }
}

#[tokio::test]
async fn providers_are_registered_and_say_what_they_have() {
    let served = Served::new();
    let path = format!("{}/providers/microsoft.containerregistry", subscription_id());
    let provider = served.get(&path).await.body;
    assert_eq!(
        (&provider["registrationState"], &provider["namespace"]),
        (&json!("Registered"), &json!("Microsoft.ContainerRegistry"))
    );
    let answer = served.send("POST", &format!("{path}/register"), &json!({})).await;
    assert_eq!((answer.status, &answer.body), (200, &provider));
    assert_eq!(served.get(&format!("{}/providers", subscription_id())).await.body["value"][0], provider);
    let answer = served.get(&format!("{}/providers/Microsoft.Compute", subscription_id())).await;
    assert_refused(
        &answer,
        404,
        "InvalidResourceNamespace",
        "known are: Microsoft.ContainerRegistry, Microsoft.Network",
    );
}

#[tokio::test]
async fn an_operation_is_a_revision_that_was_reached() {
    let served = Served::new();
    let path = |name: &str| {
        let location = "providers/Microsoft.ContainerRegistry/locations/local";
        format!("{}/{location}/operationStatuses/{name}", subscription_id())
    };
    assert_eq!(served.get(&path("7")).await.body["status"], "Succeeded");
    for unknown in ["8", "0", "-1", "x"] {
        assert_refused(&served.get(&path(unknown)).await, 404, "OperationNotFound", "revisions of the policy, 1 to 7");
    }
}

#[tokio::test]
async fn a_put_of_a_registry_keeps_what_it_does_not_name() {
    let served = Served::new();
    served.send("PUT", &ip_rule("203.0.113.0/24"), &json!({})).await;
    let mut whole = served.get(&contoso()).await.body;
    assert_eq!(served.send("PUT", &contoso(), &whole).await.body, whole);
    whole["properties"]["publicNetworkAccess"] = json!("Disabled");
    whole["properties"]["networkRuleSet"].as_object_mut().unwrap().remove("ipRules");
    let answer = served.send("PUT", &contoso(), &whole).await;
    assert_eq!((answer.status, &answer.body["properties"]["publicNetworkAccess"]), (200, &json!("Disabled")));
    assert_eq!(answer.body["properties"]["networkRuleSet"]["ipRules"].as_array().unwrap().len(), 1);
    let answer = served.send("PUT", &registry_id("nobody"), &json!({})).await;
    assert_refused(&answer, 404, "ResourceNotFound", "config.toml names: Contoso, fabrikam");
    assert_eq!(served.get(&format!("{}/replications", contoso())).await.body, json!({"value": []}));
    assert_eq!(served.get(&format!("{}/replications", registry_id("nobody"))).await.status, 404);
}
