use super::*;

#[tokio::test]
async fn every_change_obeys_if_match() {
    let served = Served::new();
    served.send("PUT", &network_id("hub"), &hub_body()).await;
    served.send("PUT", &ip_rule("203.0.113.9"), &json!({})).await;
    served.send("PUT", &subnet_rule(&builders()), &json!({})).await;
    let other = format!("{}/subnets/other", network_id("hub"));
    served.send("PUT", &other, &json!({"properties": {"addressPrefix": "10.1.9.0/24"}})).await;
    served.send("PUT", &desk(), &desk_body()).await;
    let rejected = json!({"properties": {"privateLinkServiceConnectionState": {"status": "Rejected"}}});
    let patch = patch_of(&json!({"defaultAction": "Allow"}));
    let calls = [
        ("PATCH", contoso(), patch),
        ("PUT", ip_rule("198.51.100.0/24"), json!({})),
        ("DELETE", ip_rule("203.0.113.9"), json!({})),
        ("PUT", subnet_rule(&builders()), json!({"action": "Deny"})),
        ("DELETE", subnet_rule(&builders()), json!({})),
        ("PUT", desk(), rejected),
        ("DELETE", desk(), json!({})),
        ("PUT", builders(), json!({"properties": {"addressPrefix": "10.1.4.0/24"}})),
        ("DELETE", other, json!({})),
        ("PUT", network_id("hub"), json!({"properties": {"vni": 77}})),
        ("DELETE", network_id("hub"), json!({})),
    ];
    let mut revision = 12;
    for (method, path, body) in calls {
        let body = body.to_string().into_bytes();
        for stale in [format!("\"{}\"", revision - 1), "\"0\"".to_owned(), "nonsense".to_owned()] {
            let answer = served.ask(method, &path, &[("if-match", &stale)], body.clone()).await;
            assert_refused(&answer, 412, "PreconditionFailed", &format!("policy is at revision {revision}"));
        }
        let answer = served.ask(method, &path, &[("if-match", &format!("\"{revision}\""))], body).await;
        revision += 1;
        assert_eq!((answer.status, &answer.body["revision"]), (200, &json!(revision)), "{method} {path}");
    }
    let answer = served.ask("PUT", &ip_rule("203.0.113.9"), &[("if-match", "*")], Vec::new()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(served.get(&contoso()).await.body["revision"], revision + 1);
}
