use super::*;

async fn filled() -> Served {
    let served = Served::new();
    served.send("PUT", &network_id("hub"), &hub_body()).await;
    served.send("PUT", &ip_rule("203.0.113.9"), &json!({"action": "Deny"})).await;
    served.send("PUT", &subnet_rule(&builders()), &json!({})).await;
    served.send("PUT", &desk(), &desk_body()).await;
    served
}

async fn apply(served: &Served, query: &str, document: &Value) -> Answered {
    served.send("POST", &format!("/policy{query}"), document).await
}

#[tokio::test]
async fn what_is_exported_is_a_document_that_changes_nothing() {
    let served = filled().await;
    let exported = served.get("/policy").await;
    assert_eq!(exported.headers["etag"], "\"11\"");
    assert_eq!(
        exported.body,
        json!({"version": 1,
            "virtualNetworks": [{"name": "hub", "vni": 5001, "addressPrefixes": ["10.1.0.0/16"], "subnets": [
                {"name": "builders", "addressPrefixes": ["10.1.0.0/24"], "serviceEndpoints": []}]}],
            "registries": [
                {"name": "Contoso", "defaultAction": "Deny", "publicNetworkAccess": "Enabled",
                    "networkRuleBypassOptions": "AzureServices", "dataEndpointEnabled": false,
                    "ipRules": [{"ipAddressOrRange": "203.0.113.9", "action": "Deny"}],
                    "virtualNetworkRules": [{"virtualNetwork": "hub", "subnet": "builders", "action": "Allow"}],
                    "serviceTagRules": [],
                    "privateEndpointConnections": [{"name": "desk", "virtualNetwork": "hub", "ipAddress": "10.1.0.4",
                        "status": "Approved", "description": ""}]},
                {"name": "fabrikam", "defaultAction": "Deny", "publicNetworkAccess": "Enabled",
                    "networkRuleBypassOptions": "AzureServices", "dataEndpointEnabled": false,
                    "ipRules": [], "virtualNetworkRules": [], "serviceTagRules": [], "privateEndpointConnections": []}]})
    );
    let applied = apply(&served, "", &exported.body).await;
    assert_eq!(
        applied.body,
        json!({"revision": 11, "changed": false, "destroyedConnections": 0, "dryRun": false,
            "summary": {"add": 0, "change": 0, "remove": 0}, "steps": []})
    );
    let one = served.get("/policy?registry=CONTOSO").await.body;
    assert_eq!((one.get("virtualNetworks"), one["registries"].as_array().unwrap().len()), (None, 1));
    assert_refused(&served.get("/policy?registry=nobody").await, 404, "ResourceNotFound", "config.toml names: Contoso");
}

#[tokio::test]
async fn a_dry_run_tells_and_changes_nothing() {
    let served = filled().await;
    let document = json!({"version": 1, "virtualNetworks": [], "registries": [
        {"name": "contoso", "virtualNetworkRules": [], "privateEndpointConnections": []}]});
    let planned = apply(&served, "?dryRun=true", &document).await;
    assert_eq!(planned.status, 200, "{}", planned.body);
    assert_eq!(planned.body["summary"], json!({"add": 0, "change": 0, "remove": 4}));
    assert_eq!((&planned.body["changed"], &planned.body["revision"]), (&json!(true), &json!(11)));
    assert_eq!(served.get("/policy").await.headers["etag"], "\"11\"");
    let applied = apply(&served, "", &document).await;
    assert_eq!((&applied.body["revision"], &applied.body["steps"]), (&json!(12), &planned.body["steps"]));
    assert_eq!(applied.headers["x-destroyed-connections"], "2");
    let again = apply(&served, "?RETURN=minimal", &document).await;
    let minimal = json!({"revision": 12, "changed": false, "destroyedConnections": 0, "dryRun": false});
    assert_eq!(again.body, minimal);
}

#[tokio::test]
async fn what_is_not_understood_is_refused_with_its_place_and_changes_nothing() {
    let served = filled().await;
    let contoso = |part: Value| json!({"version": 1, "registries": [{"name": "contoso"}, part]});
    for (query, document, code, words) in [
        ("?dryrun=yes", contoso(json!({"name": "fabrikam"})), "InvalidParameter", "accepted: true, false"),
        ("?dry-run=true", contoso(json!({"name": "fabrikam"})), "InvalidParameter", "parameter dry-run"),
        ("", json!({}), "InvalidRequestContent", "missing field `version`"),
        ("", json!({"version": 2}), "InvalidRequestContent", "2 is not known; accepted: 1"),
        (
            "",
            contoso(json!({"name": "fabrikam", "tags": {}})),
            "InvalidRequestContent",
            "registries[1].tags: unknown field",
        ),
        ("", contoso(json!({"name": "fabrikam", "ipRules": null})), "InvalidRequestContent", "registries[1].ipRules"),
        (
            "",
            contoso(json!({"name": "fabrikam", "ipRules": [{"ipAddressOrRange": "10.0.0.0/8"}]})),
            "InvalidParameter",
            "registries[1].ipRules[0].ipAddressOrRange: `10.0.0.0/8`",
        ),
        (
            "",
            contoso(json!({"name": "fabrikam", "virtualNetworkRules": [{"subnet": "builders"}]})),
            "MissingParameter",
            "registries[1].virtualNetworkRules[0].virtualNetwork: missing",
        ),
        (
            "",
            contoso(json!({"name": "fabrikam", "virtualNetworkRules": [{"subnet": "away", "virtualNetwork": "hub"}]})),
            "InvalidParameter",
            "registries[1].virtualNetworkRules[0].subnet: ",
        ),
    ] {
        let answer = apply(&served, query, &document).await;
        assert_refused(&answer, 400, code, words);
    }
    assert_eq!(served.get("/policy").await.headers["etag"], "\"11\"");
}

#[tokio::test]
async fn a_rule_that_has_no_effect_comes_with_the_reason() {
    let served = filled().await;
    let note = async |path: String| served.send("PUT", &path, &json!({})).await.body["note"].clone();
    assert_eq!(note(ip_rule("198.51.100.0/24")).await, Value::Null);
    assert!(note(subnet_rule(&builders())).await.as_str().unwrap().contains("no service endpoint"));
    let allow = json!({"version": 1, "registries": [{"name": "contoso", "defaultAction": "Allow"}]});
    apply(&served, "", &allow).await;
    assert!(note(ip_rule("198.51.100.0/24")).await.as_str().unwrap().contains("default action"));
    let off = json!({"version": 1, "registries": [{"name": "contoso", "publicNetworkAccess": "disabled"}]});
    apply(&served, "", &off).await;
    assert!(note(ip_rule("198.51.100.0/24")).await.as_str().unwrap().contains("is disabled"));
}
