use super::*;

#[tokio::test]
async fn an_ip_rule_is_one_resource_however_it_is_spelled() {
    let served = Served::new();
    let answer = served.ask("PUT", &ip_rule("203.0.113.9"), &[], Vec::new()).await;
    let rule = |revision: u64, changed: bool, destroyed: u64| {
        json!({"action": "Allow", "value": "203.0.113.9", "hits": 100, "revision": revision, "changed": changed,
            "destroyedConnections": destroyed})
    };
    assert_eq!((answer.status, answer.body), (200, rule(8, true, 2)));
    assert_eq!(answer.headers["etag"], "\"8\"");
    assert_eq!(answer.headers["x-destroyed-connections"], "2");
    let answer = served.send("PUT", &ip_rule("203.0.113.9/32"), &json!({"action": "Allow"})).await;
    assert_eq!((answer.status, answer.body), (200, rule(8, false, 0)));
    let answer = served.get(&ip_rule("203.0.113.9/32")).await;
    assert_eq!(answer.body, json!({"action": "Allow", "value": "203.0.113.9", "hits": 100, "revision": 8}));
    served.send("PUT", &ip_rule("2001:DB8::/32"), &json!({"action": "Deny"})).await;
    let list = served.get(&format!("{}/ipRules", contoso())).await;
    assert_eq!(
        list.body,
        json!({"value": [{"action": "Allow", "value": "203.0.113.9", "hits": 100},
                         {"action": "Deny", "value": "2001:DB8::/32", "hits": 101}]})
    );
    let answer = served.delete(&ip_rule("203.0.113.9/32")).await;
    assert_eq!(
        (answer.status, answer.body),
        (200, json!({"value": "203.0.113.9/32", "revision": 10, "changed": true, "destroyedConnections": 2}))
    );
    let gone = "registry `Contoso` has no IP rule for `203.0.113.9`";
    assert_refused(&served.delete(&ip_rule("203.0.113.9")).await, 404, "ResourceNotFound", gone);
    assert_refused(&served.get(&ip_rule("203.0.113.9")).await, 404, "ResourceNotFound", gone);
}

#[tokio::test]
async fn a_bad_ip_rule_is_refused_with_what_was_meant() {
    let served = Served::new();
    for (value, words) in [
        ("203.0.113.7/24", "ipRules.value: `203.0.113.7/24` has host bits set, did you mean 203.0.113.0/24?"),
        ("10.0.0.0/8", "private-ip-rules"),
        ("host", "`host` is not an IP address or prefix"),
    ] {
        assert_refused(&served.send("PUT", &ip_rule(value), &json!({})).await, 400, "InvalidParameter", words);
    }
    let answer = served.send("PUT", &ip_rule("203.0.113.9"), &json!({"action": "Log"})).await;
    assert_refused(&answer, 400, "InvalidParameter", "ipRules.action: `Log` is not known; accepted: Allow, Deny");
    let answer = served.send("PUT", &ip_rule("203.0.113.9"), &json!({"verb": "Allow"})).await;
    assert_refused(&answer, 400, "InvalidRequestContent", "unknown field `verb`, expected `action`");
    assert_eq!(served.get(&contoso()).await.body["revision"], 7);
}

#[tokio::test]
async fn a_virtual_network_rule_says_whether_it_counts() {
    let served = Served::new();
    let answer = served.send("PUT", &subnet_rule(&builders()), &json!({})).await;
    assert_refused(&answer, 404, "ResourceNotFound", "virtual network `hub` does not exist");
    served.send("PUT", &network_id("hub"), &hub_body()).await;
    let answer = served.send("PUT", &subnet_rule(&builders().to_uppercase()), &json!({})).await;
    let note = "subnet builders of virtual network hub has no service endpoint Microsoft.ContainerRegistry, so the rule does \
                not count until it has";
    let rule = json!({"action": "Allow", "id": builders(), "virtualNetworkSubnetResourceId": builders(),
        "effective": false, "hits": 100, "revision": 9, "changed": true, "destroyedConnections": 2, "note": note});
    assert_eq!((answer.status, answer.body), (200, rule));
    let endpoint = json!({"properties": {"serviceEndpoints": [{"service": "Microsoft.ContainerRegistry"}]}});
    served.send("PUT", &builders(), &endpoint).await;
    let list = served.get(&format!("{}/virtualNetworkRules", contoso())).await;
    assert_eq!(
        list.body["value"],
        json!([{"action": "Allow", "id": builders(), "virtualNetworkSubnetResourceId": builders(),
                "effective": true, "hits": 100}])
    );
    let answer = served.get(&subnet_rule(&builders())).await;
    assert_eq!((answer.status, &answer.body["effective"], &answer.body["revision"]), (200, &json!(true), &json!(10)));
    assert_refused(&served.delete(&builders()).await, 409, "InUseSubnetCannotBeDeleted", "registry `Contoso`");
    assert_refused(&served.delete(&network_id("hub")).await, 409, "InUseSubnetCannotBeDeleted", "registry `Contoso`");
    let answer = served.delete(&subnet_rule(&builders())).await;
    assert_eq!((answer.status, &answer.body["id"], &answer.body["revision"]), (200, &json!(builders()), &json!(11)));
    assert_refused(&served.delete(&subnet_rule(&builders())).await, 404, "ResourceNotFound", "no virtual network rule");
    assert_refused(&served.get(&subnet_rule("hub")).await, 400, "InvalidParameter", "is not the id of a subnet");
}

#[tokio::test]
async fn a_subnet_twice_in_a_list_is_refused_in_the_words_of_the_service() {
    let served = Served::new();
    served.send("PUT", &network_id("hub"), &hub_body()).await;
    let list = json!({"virtualNetworkRules": [{"id": builders()}, {"virtualNetworkSubnetResourceId": builders()}]});
    let answer = served.send("PATCH", &contoso(), &patch_of(&list)).await;
    let words = format!("Virtual network rule is not valid - Found duplicate virtual network rule {}", builders());
    assert_refused(&answer, 400, "InvalidParameter", &words);
}
