use super::*;

fn hub(revision: u64, services: &Value) -> Value {
    let etag = format!("\"{revision}\"");
    json!({
        "id": network_id("hub"), "name": "hub", "type": "Microsoft.Network/virtualNetworks", "location": "local",
        "etag": etag, "revision": revision,
        "properties": {
            "vni": 5001,
            "addressSpace": {"addressPrefixes": ["10.1.0.0/16"]},
            "provisioningState": "Succeeded",
            "subnets": [{
                "id": builders(), "name": "builders", "type": "Microsoft.Network/virtualNetworks/subnets",
                "etag": etag, "revision": revision,
                "properties": {
                    "addressPrefix": "10.1.0.0/24",
                    "addressPrefixes": ["10.1.0.0/24"],
                    "serviceEndpoints": services,
                    "provisioningState": "Succeeded",
                },
            }],
        },
    })
}

#[tokio::test]
async fn a_network_has_the_shape_that_arm_clients_read() {
    let served = Served::new();
    let answer = served.send("PUT", &network_id("hub"), &hub_body()).await;
    assert_eq!((answer.status, &answer.body), (200, &hub(8, &json!([]))));
    assert_eq!(answer.headers["etag"], "\"8\"");
    assert_eq!(served.get(&network_id("HUB")).await.body, answer.body);
    assert_eq!(served.get(&network_id("")).await.body, json!({"value": [answer.body]}));
    let everywhere = format!("{}/providers/Microsoft.Network/virtualNetworks", subscription_id());
    assert_eq!(served.get(&everywhere).await.body, json!({"value": [answer.body]}));
    let subnets = format!("{}/subnets", network_id("hub"));
    assert_eq!(served.get(&subnets).await.body["value"], answer.body["properties"]["subnets"]);
    assert_eq!(served.get(&builders()).await.body, answer.body["properties"]["subnets"][0]);
}

#[tokio::test]
async fn what_was_read_can_be_sent_back_and_changes_nothing() {
    let served = Served::new();
    let network = served.send("PUT", &network_id("hub"), &hub_body()).await.body;
    assert_eq!(served.send("PUT", &network_id("hub"), &network).await.body, network);
    let subnet = served.get(&builders()).await.body;
    assert_eq!(served.send("PUT", &builders(), &subnet).await.body, subnet);
    assert_eq!(served.get(&network_id("hub")).await.body["revision"], 8);
}

#[tokio::test]
async fn the_service_endpoint_comes_and_goes() {
    let served = Served::new();
    served.send("PUT", &network_id("hub"), &hub_body()).await;
    let set = |services: Value| json!({"properties": {"addressPrefix": "10.1.0.0/24", "serviceEndpoints": services}});
    let on = set(json!([{"service": "microsoft.containerregistry", "locations": ["*"]}]));
    served.send("PUT", &builders(), &on).await;
    let services = json!([{"service": "Microsoft.ContainerRegistry"}]);
    assert_eq!(served.get(&network_id("hub")).await.body, hub(9, &services));
    let vni = json!({"properties": {"vni": 5002}});
    let answer = served.send("PUT", &network_id("hub"), &vni).await;
    assert_eq!(answer.body["properties"]["subnets"][0]["properties"]["serviceEndpoints"], services);
    let answer = served.send("PUT", &builders(), &set(json!([{"service": ""}]))).await;
    assert_eq!((answer.status, &answer.body["properties"]["serviceEndpoints"]), (200, &json!([])));
    let answer = served.send("PUT", &builders(), &set(json!([{"service": "Microsoft.Storage"}]))).await;
    assert_refused(
        &answer,
        400,
        "InvalidParameter",
        "`Microsoft.Storage` is not known; accepted: Microsoft.ContainerRegistry",
    );
}

#[tokio::test]
async fn creating_what_exists_is_refused_only_when_asked() {
    let served = Served::new();
    served.send("PUT", &network_id("hub"), &hub_body()).await;
    for path in [network_id("hub"), builders()] {
        let answer = served.ask("PUT", &path, &[("if-none-match", "*")], b"{}".to_vec()).await;
        assert_refused(&answer, 412, "PreconditionFailed", "already exists");
        let answer = served.ask("PUT", &path, &[("if-none-match", "\"7\"")], b"{}".to_vec()).await;
        assert_refused(&answer, 400, "InvalidHeaderValue", "if-none-match: `\"7\"` is not known; accepted: *");
        assert_eq!(served.send("PUT", &path, &json!({})).await.status, 200);
    }
    let fresh = json!({"properties": {"addressPrefixes": ["10.1.1.0/24", "10.1.2.0/24"]}});
    let path = format!("{}/subnets/fresh", network_id("hub"));
    let answer = served.ask("PUT", &path, &[("if-none-match", "*")], fresh.to_string().into_bytes()).await;
    assert_eq!((answer.status, &answer.body["properties"]["addressPrefix"]), (200, &json!("10.1.1.0/24")));
}

#[tokio::test]
async fn what_is_gone_is_not_found() {
    let served = Served::new();
    served.send("PUT", &network_id("hub"), &hub_body()).await;
    let answer = served.delete(&builders()).await;
    let gone = json!({"id": builders(), "name": "builders", "revision": 9, "changed": true, "destroyedConnections": 2});
    assert_eq!((answer.status, answer.body), (200, gone));
    let missing = "subnet `builders` does not exist in virtual network `hub`; known are: none";
    assert_refused(&served.delete(&builders()).await, 404, "ResourceNotFound", missing);
    assert_refused(&served.get(&builders()).await, 404, "ResourceNotFound", missing);
    let answer = served.delete(&network_id("hub")).await;
    assert_eq!(
        answer.body,
        json!({"id": network_id("hub"), "name": "hub", "revision": 10, "changed": true, "destroyedConnections": 2})
    );
    let missing = "virtual network `hub` does not exist; known are: none";
    assert_refused(&served.get(&network_id("hub")).await, 404, "ResourceNotFound", missing);
    assert_refused(&served.get(&format!("{}/subnets", network_id("hub"))).await, 404, "ResourceNotFound", missing);
    assert_refused(&served.send("PUT", &builders(), &json!({})).await, 404, "ResourceNotFound", missing);
}

#[tokio::test]
async fn a_bad_network_is_refused_by_field() {
    let served = Served::new();
    served.send("PUT", &network_id("hub"), &hub_body()).await;
    let spoke = |vni: Value, prefixes: Value| json!({"properties": {"vni": vni, "addressSpace": {"addressPrefixes": prefixes}}});
    for (body, status, code, words) in [
        (spoke(json!(5001), json!(["10.2.0.0/16"])), 409, "Conflict", "vni: 5001 belongs to virtual network `hub`"),
        (spoke(json!(16_777_216), json!(["10.2.0.0/16"])), 400, "InvalidParameter", "vni: `16777216`"),
        (spoke(json!(-1), json!(["10.2.0.0/16"])), 400, "InvalidParameter", "vni: `-1`"),
        (
            spoke(json!("5"), json!(["10.2.0.0/16"])),
            400,
            "InvalidRequestContent",
            "properties.vni: invalid type: string",
        ),
        (
            spoke(json!(9), json!(["10.2.0.1/16"])),
            400,
            "InvalidParameter",
            "addressPrefixes[0]: `10.2.0.1/16` has host bits",
        ),
        (spoke(json!(9), json!([])), 400, "InvalidParameter", "addressSpace.addressPrefixes: `[]` is empty"),
        (json!({}), 400, "MissingParameter", "vni: missing"),
        (json!({"properties": {"vlan": 7}}), 400, "InvalidRequestContent", "unknown field `vlan`"),
    ] {
        assert_refused(&served.send("PUT", &network_id("spoke"), &body).await, status, code, words);
    }
    assert_eq!(served.get(&contoso()).await.body["revision"], 8);
}
