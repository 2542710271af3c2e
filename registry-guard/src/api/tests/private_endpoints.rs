use super::*;

/// The connection that [`desk_body`] makes, as it stands in its registry.
pub(super) fn connection() -> Value {
    let endpoint = format!("{}/providers/Microsoft.Network/privateEndpoints/desk", resource_group_id());
    json!({
        "id": private_endpoint_connection_id("Contoso", "desk"),
        "name": "desk",
        "type": "Microsoft.ContainerRegistry/registries/privateEndpointConnections",
        "properties": {
            "privateEndpoint": {"id": endpoint},
            "privateLinkServiceConnectionState":
                {"status": "Approved", "description": "", "actionsRequired": "None"},
            "provisioningState": "Succeeded",
            "virtualNetwork": network_id("hub"),
            "ipAddress": "10.1.0.4",
        },
    })
}

fn with(extra: &Value) -> Value {
    let mut whole = connection();
    for (key, value) in extra.as_object().unwrap() {
        whole[key] = value.clone();
    }
    whole
}

#[tokio::test]
async fn a_connection_is_one_resource_in_the_shape_of_arm() {
    let served = Served::new();
    served.send("PUT", &network_id("hub"), &hub_body()).await;
    let answer = served.send("PUT", &desk(), &desk_body()).await;
    let seen = with(&json!({"etag": "\"9\"", "revision": 9, "hits": 100}));
    let mut made = seen.clone();
    made["changed"] = json!(true);
    assert_eq!((answer.status, &answer.body), (200, &made));
    assert_eq!(answer.headers["etag"], "\"9\"");
    let again = served.send("PUT", &desk().replace("desk", "DESK"), &desk_body()).await;
    assert_eq!((again.status, &again.body["changed"], &again.body["revision"]), (200, &json!(false), &json!(9)));
    assert_eq!(served.get(&desk().to_uppercase()).await.body, seen);
    let list = served.get(&format!("{}/privateEndpointConnections", contoso())).await;
    assert_eq!(list.body, json!({"value": [seen]}));
    let sent_back = served.send("PUT", &desk(), &made).await;
    assert_eq!((sent_back.status, &sent_back.body["changed"]), (200, &json!(false)));
}

#[tokio::test]
async fn a_connection_is_rejected_approved_and_deleted() {
    let served = Served::new();
    served.send("PUT", &network_id("hub"), &hub_body()).await;
    served.send("PUT", &desk(), &desk_body()).await;
    for (status, description) in [("Rejected", "not now"), ("Approved", "")] {
        let state = json!({"status": status.to_uppercase(), "description": description});
        let body = json!({"properties": {"privateLinkServiceConnectionState": state}});
        let answer = served.send("PUT", &desk(), &body).await;
        assert_eq!((answer.status, &answer.body["changed"]), (200, &json!(true)));
        let expected = json!({"status": status, "description": description, "actionsRequired": "None"});
        let shown = served.get(&contoso()).await.body["properties"]["privateEndpointConnections"].clone();
        assert_eq!(shown[0]["properties"]["privateLinkServiceConnectionState"], expected);
    }
    let answer = served.delete(&desk()).await;
    assert_eq!(answer.body, json!({"id": desk(), "name": "desk", "revision": 12, "changed": true}));
    let missing = "registry `Contoso` has no private endpoint connection `desk`; known are: none";
    assert_refused(&served.delete(&desk()).await, 404, "ResourceNotFound", missing);
    assert_refused(&served.get(&desk()).await, 404, "ResourceNotFound", missing);
}

#[tokio::test]
async fn a_bad_connection_is_refused_by_field() {
    let served = Served::new();
    let nowhere = served.send("PUT", &desk(), &desk_body()).await;
    assert_refused(&nowhere, 404, "ResourceNotFound", "virtual network `hub` does not exist");
    served.send("PUT", &network_id("hub"), &hub_body()).await;
    let put = |network: &str, address: &str| json!({"properties": {"virtualNetwork": network, "ipAddress": address}});
    for (body, status, code, words) in [
        (put("hub", "10.1.0.5"), 400, "InvalidParameter", "accepted: 10.1.0.4, 203.0.113.10 (`listen` in config.toml)"),
        (put("hub", "203.0.113.10"), 400, "InvalidParameter", "is outside of virtual network `hub`"),
        (put("/hub", "10.1.0.4"), 400, "InvalidParameter", "virtualNetwork: `/hub` is not the id"),
        (json!({}), 404, "ResourceNotFound", "a new one needs virtualNetwork and ipAddress"),
        (json!({"properties": {"ipAddress": 4}}), 400, "InvalidRequestContent", "properties.ipAddress: invalid type"),
        (json!({"properties": {"address": "10.1.0.4"}}), 400, "InvalidRequestContent", "unknown field `address`"),
    ] {
        assert_refused(&served.send("PUT", &desk(), &body).await, status, code, words);
    }
    served.send("PUT", &desk(), &desk_body()).await;
    let code = "InUseVirtualNetworkCannotBeDeleted";
    assert_refused(&served.delete(&network_id("hub")).await, 409, code, "`desk` of registry `Contoso` is in it");
    let other = private_endpoint_connection_id("contoso", "other");
    assert_refused(&served.send("PUT", &other, &desk_body()).await, 409, "Conflict", "belongs to private endpoint");
    let answer = served.ask("PUT", &desk(), &[("if-none-match", "*")], desk_body().to_string().into_bytes()).await;
    assert_refused(&answer, 412, "PreconditionFailed", "already exists");
    assert_eq!(served.get(&contoso()).await.body["revision"], 9);
}
