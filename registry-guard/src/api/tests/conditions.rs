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
        (
            "POST",
            "/policy".to_owned(),
            json!({"version": 1, "registries": [{"name": "contoso", "defaultAction": "Deny"}]}),
        ),
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
        for stale in [format!("\"{}\"", revision - 1), "\"0\"".to_owned(), "\"0\", 1".to_owned()] {
            let answer = served.ask(method, &path, &[("if-match", &stale)], body.clone()).await;
            assert_refused(&answer, 412, "PreconditionFailed", &format!("policy is at revision {revision}"));
        }
        for garbage in ["nonsense", "", "W/\"12\"", "\"12", "1.2"] {
            let answer = served.ask(method, &path, &[("if-match", garbage)], body.clone()).await;
            assert_refused(&answer, 400, "InvalidHeaderValue", "accepted: a revision in quotes");
        }
        let absent = served.ask(method, &path, &[("if-none-match", "*")], body.clone()).await;
        if method == "PUT" && !path.ends_with(&encoded("198.51.100.0/24")) {
            assert_refused(&absent, 412, "PreconditionFailed", "already exists");
        } else if method != "PUT" {
            assert_refused(&absent, 400, "InvalidHeaderValue", &format!("means nothing with {method}"));
        } else {
            assert_eq!(absent.status, 200);
            revision += 1;
            continue;
        }
        if method == "PUT" {
            let answer = served.ask(method, &path, &[("if-none-match", "\"7\"")], body.clone()).await;
            assert_refused(&answer, 400, "InvalidHeaderValue", "accepted: *");
        }
        let answer = served.ask(method, &path, &[("if-match", &format!("\"{revision}\""))], body).await;
        revision += 1;
        assert_eq!((answer.status, &answer.body["revision"]), (200, &json!(revision)), "{method} {path}");
    }
    let answer = served.ask("PUT", &ip_rule("203.0.113.9"), &[("if-match", "*")], Vec::new()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(served.get(&contoso()).await.body["revision"], revision + 1);
}

#[tokio::test]
async fn who_has_the_revision_already_is_not_told_again() {
    let served = Served::new();
    served.send("PUT", &network_id("hub"), &hub_body()).await;
    for path in [contoso(), network_id("hub"), builders(), "/policy".to_owned()] {
        for known in ["\"8\"", "W/\"8\"", "\"1\", \"8\"", "*"] {
            let answer = served.ask("GET", &path, &[("if-none-match", known)], Vec::new()).await;
            assert_eq!((answer.status, answer.length), (304, 0), "{path} {known}");
            assert_eq!(answer.headers["etag"], "\"8\"");
        }
        for other in ["\"7\"", "whatever", ""] {
            let answer = served.ask("GET", &path, &[("if-none-match", other)], Vec::new()).await;
            assert_eq!(answer.status, 200, "{path} {other}");
        }
    }
    let rules = format!("{}/ipRules", contoso());
    let answer = served.ask("GET", &rules, &[("if-none-match", "\"8\"")], Vec::new()).await;
    assert_eq!(answer.status, 200, "hits change without a revision");
}
