use super::*;

#[tokio::test]
async fn a_registry_has_the_shape_that_arm_clients_read() {
    let served = Served::new();
    served.send("PUT", &network_id("hub"), &hub_body()).await;
    served.send("PUT", &ip_rule("203.0.113.0/24"), &json!({"action": "deny"})).await;
    served.send("PUT", &subnet_rule(&builders()), &json!({})).await;
    served.send("PUT", &desk(), &desk_body()).await;
    let answer = served.get(&contoso()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["etag"], "\"11\"");
    let expected = json!({
        "id": registry_id("Contoso"),
        "name": "Contoso",
        "type": "Microsoft.ContainerRegistry/registries",
        "location": "local",
        "sku": {"name": "Premium", "tier": "Premium"},
        "etag": "\"11\"",
        "revision": 11,
        "properties": {
            "loginServer": "contoso.example.com",
            "creationDate": "2026-01-02T03:04:05Z",
            "provisioningState": "Succeeded",
            "publicNetworkAccess": "Enabled",
            "networkRuleBypassOptions": "AzureServices",
            "dataEndpointEnabled": false,
            "dataEndpointHostNames": [],
            "networkRuleSet": {
                "defaultAction": "Deny",
                "ipRules": [{"action": "Deny", "value": "203.0.113.0/24"}],
                "virtualNetworkRules": [
                    {"action": "Allow", "id": builders(), "virtualNetworkSubnetResourceId": builders()}],
            },
            "privateEndpointConnections": [private_endpoints::connection()],
        },
    });
    assert_eq!(answer.body, expected);
    let list = served.get(contoso().strip_suffix("/contoso").unwrap()).await;
    assert_eq!(list.body["value"][0], expected);
    assert_eq!(list.body["value"].as_array().unwrap().len(), 2);
    let everywhere = format!("{}/providers/Microsoft.ContainerRegistry/registries", subscription_id());
    assert_eq!(served.get(&everywhere).await.body, list.body);
}

#[tokio::test]
async fn empty_lists_are_lists() {
    let served = Served::new();
    let rules = served.get(&contoso()).await.body["properties"]["networkRuleSet"].clone();
    assert_eq!(rules, json!({"defaultAction": "Deny", "ipRules": [], "virtualNetworkRules": []}));
    assert_eq!(served.get(&format!("{}/ipRules", contoso())).await.body, json!({"value": []}));
    assert_eq!(served.get(&format!("{}/virtualNetworkRules", contoso())).await.body, json!({"value": []}));
    let connections = format!("{}/privateEndpointConnections", contoso());
    assert_eq!(served.get(&connections).await.body, json!({"value": []}));
    assert_eq!(served.get(&contoso()).await.body["properties"]["privateEndpointConnections"], json!([]));
    assert_eq!(served.get(&network_id("")).await.body, json!({"value": []}));
}

#[tokio::test]
async fn paths_are_met_in_any_case_with_any_slashes_and_any_version() {
    let served = Served::new();
    for path in [
        contoso().to_uppercase(),
        contoso().to_lowercase(),
        contoso().replace('/', "//"),
        format!("{}/", contoso()),
        format!("{}?api-version=2025-11-01", contoso()),
        format!("{}?api-version=1999-01-01&x=%20", contoso().replace("resourceGroups", "RESOURCEgroups")),
    ] {
        let answer = served.get(&path).await;
        assert_eq!((answer.status, &answer.body["name"]), (200, &json!("Contoso")), "{path}");
    }
}

#[tokio::test]
async fn a_patch_merges_and_answers_with_the_whole_registry() {
    let served = Served::new();
    let rules = json!({"ipRules": [{"value": "203.0.113.9"}, {"value": "198.51.100.0/24", "action": "DENY"}]});
    let answer = served.send("PATCH", &contoso(), &patch_of(&rules)).await;
    assert_eq!((answer.status, &answer.body["revision"]), (200, &json!(8)));
    let set = &answer.body["properties"]["networkRuleSet"];
    assert_eq!(
        set["ipRules"],
        json!([{"action": "Allow", "value": "203.0.113.9"}, {"action": "Deny", "value": "198.51.100.0/24"}])
    );
    let settings = json!({"sku": {"name": "Premium"}, "properties": {"publicNetworkAccess": "disabled",
        "dataEndpointEnabled": true, "networkRuleBypassOptions": "None", "networkRuleSet": {"defaultAction": "Allow"}}});
    let answer = served.send("PATCH", &contoso(), &settings).await;
    let properties = &answer.body["properties"];
    assert_eq!(properties["publicNetworkAccess"], "Disabled");
    assert_eq!(properties["networkRuleBypassOptions"], "None");
    assert_eq!(properties["dataEndpointHostNames"], json!(["contoso.local.data.example.com"]));
    assert_eq!(properties["networkRuleSet"]["defaultAction"], "Allow");
    assert_eq!(properties["networkRuleSet"]["ipRules"].as_array().unwrap().len(), 2);
    let answer = served.send("PATCH", &contoso(), &patch_of(&json!({"ipRules": []}))).await;
    assert_eq!(answer.body["properties"]["networkRuleSet"]["ipRules"], json!([]));
}

#[tokio::test]
async fn a_registry_can_be_sent_back_as_it_was_read() {
    let served = Served::new();
    served.send("PUT", &network_id("hub"), &hub_body()).await;
    served.send("PUT", &ip_rule("203.0.113.0/24"), &json!({})).await;
    served.send("PUT", &subnet_rule(&builders()), &json!({})).await;
    served.send("PUT", &desk(), &desk_body()).await;
    let read = served.get(&contoso()).await.body;
    let answer = served.send("PATCH", &contoso(), &read).await;
    assert_eq!((answer.status, answer.body), (200, read));
}

#[tokio::test]
async fn a_patch_can_ask_for_a_short_answer() {
    let served = Served::new();
    let path = format!("{}?api-version=1&return=minimal", contoso());
    let body = patch_of(&json!({"ipRules": [{"value": "203.0.113.9"}]}));
    let answer = served.send("PATCH", &path, &body).await;
    assert_eq!(answer.body, json!({"name": "Contoso", "revision": 8, "changed": true, "destroyedConnections": 2}));
    let answer = served.send("PATCH", &path, &body).await;
    assert_eq!(answer.body, json!({"name": "Contoso", "revision": 8, "changed": false, "destroyedConnections": 0}));
}

#[tokio::test]
async fn endpoints_are_told_with_where_they_listen_whether_they_are_announced_or_not() {
    let served = Served::new();
    let path = format!("{}/endpoints", contoso());
    let expected = |enabled: bool| {
        json!({"name": "Contoso", "loginServer": "contoso.example.com", "listen": ["203.0.113.10:443", "10.1.0.4:443"],
            "dataEndpointEnabled": enabled, "dataEndpoints": [{"region": "local",
            "endpoint": "contoso.local.data.example.com", "listen": ["203.0.113.10:5443"]}]})
    };
    assert_eq!(served.get(&path).await.body, expected(false));
    served.send("PATCH", &contoso(), &json!({"properties": {"dataEndpointEnabled": true}})).await;
    assert_eq!(served.get(&path).await.body, expected(true));
    let nobody = format!("{}/endpoints", registry_id("nobody"));
    assert_refused(&served.get(&nobody).await, 404, "ResourceNotFound", "registry `nobody` does not exist");
}

#[tokio::test]
async fn a_check_is_passed_on_once_it_makes_sense() {
    let served = Served::new();
    let path = format!("{}/check", contoso());
    let answer = served.send("POST", &path, &json!({"source": "2001:db8::9", "vni": 5001})).await;
    assert_eq!(answer.body, json!({"registry": "contoso", "source": "2001:db8::9", "vni": 5001, "destination": null}));
    let question = json!({"source": "203.0.113.9", "vni": null, "destination": "203.0.113.10"});
    let answer = served.send("POST", &path, &question).await;
    assert_eq!((&answer.body["vni"], &answer.body["destination"]), (&Value::Null, &json!("203.0.113.10")));
    for (body, words) in [
        (json!({"source": "203.0.113.0/24"}), "source: `203.0.113.0/24` is not an IP address; accepted: one address"),
        (json!({"source": "203.0.113.9", "destination": "here"}), "destination: `here` is not an IP address"),
        (json!({"source": "203.0.113.9", "vni": 0}), "vni: `0` is not a VXLAN network identifier"),
        (json!({"source": "203.0.113.9", "vni": 16_777_216}), "accepted: 1 to 16777215, or none for public traffic"),
    ] {
        assert_refused(&served.send("POST", &path, &body).await, 400, "InvalidParameter", words);
    }
    let nobody = format!("{}/check", registry_id("nobody"));
    let answer = served.send("POST", &nobody, &json!({"source": "203.0.113.9"})).await;
    assert_refused(
        &answer,
        404,
        "ResourceNotFound",
        "registry `nobody` does not exist; config.toml names: Contoso, fabrikam",
    );
}

#[tokio::test]
async fn detaching_names_the_interfaces() {
    let served = Served::new();
    assert_eq!(served.send("POST", "/detach", &json!({})).await.body, json!({"detached": ["eth0"]}));
}
