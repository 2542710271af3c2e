use super::*;

#[tokio::test]
async fn unknown_paths_and_methods_are_refused_in_the_same_form() {
    let served = Served::new();
    for path in [
        "/".to_owned(),
        "/nothing".to_owned(),
        format!("{}/nothing", resource_group_id()),
        contoso().replace("0000-0000", "0000-1111"),
        contoso().replace("registry-guard", "another"),
        format!("{}/webhooks", contoso()),
        format!("{}/ipRules/203.0.113.0/24", contoso()),
        format!("{}/subnets/a/b", network_id("hub")),
    ] {
        assert_refused(&served.get(&path).await, 404, "InvalidResourceType", "names nothing here");
    }
    for (method, path) in [
        ("DELETE", contoso()),
        ("POST", contoso()),
        ("PUT", format!("{}/ipRules", contoso())),
        ("GET", format!("{}/check", contoso())),
        ("GET", "/detach".to_owned()),
        ("POST", "/status".to_owned()),
    ] {
        let answer = served.ask(method, &path, &[], Vec::new()).await;
        assert_refused(&answer, 405, "MethodNotAllowed", &format!("method {method}: "));
    }
}

#[tokio::test]
async fn a_body_that_makes_no_sense_is_refused_by_its_place() {
    let served = Served::new();
    for (body, words) in [
        ("", "the body is not valid: EOF"),
        ("{", "EOF"),
        ("[]", "expected a JSON object"),
        ("  7", "expected a JSON object"),
        ("null", "expected a JSON object"),
        ("{} {}", "something follows the JSON value"),
        ("\u{feff}{}", "expected a JSON object"),
        (r#"{"properties":{"networkRuleSet":{"ipRules":{}}}}"#, "properties.networkRuleSet.ipRules: invalid type: map"),
        (
            r#"{"properties":{"networkRuleSet":{"ipRules":[{"value":"::1"},{"value":5}]}}}"#,
            "ipRules[1].value: invalid type",
        ),
        (r#"{"properties":{"networkRuleSet":{"ipRules":[{"action":"Allow"}]}}}"#, "ipRules[0]: missing field `value`"),
        (r#"{"properties":{"dataEndpointEnabled":"yes"}}"#, "properties.dataEndpointEnabled: invalid type"),
        (r#"{"properties":{"publicNetworkAcces":"Enabled"}}"#, "unknown field `publicNetworkAcces`, expected one of"),
    ] {
        let answer = served.ask("PATCH", &contoso(), &[], body.into()).await;
        if body.is_empty() {
            assert_eq!(answer.status, 200, "nothing was asked for");
        } else {
            assert_refused(&answer, 400, "InvalidRequestContent", words);
        }
    }
    let answer = served.ask("PATCH", &contoso(), &[], vec![b'['; 100_000]).await;
    assert_refused(&answer, 400, "InvalidRequestContent", "the body is not valid");
    let answer = served.ask("POST", &format!("{}/check", contoso()), &[], Vec::new()).await;
    assert_refused(&answer, 400, "InvalidRequestContent", "the body is not valid: EOF");
    assert_eq!(served.get(&contoso()).await.body["revision"], 7);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let served = Served::new();
    let body = vec![b' '; (16 << 20) + 1];
    let answer = served.ask("PUT", &network_id("hub"), &[], body.clone()).await;
    assert_refused(&answer, 413, "RequestEntityTooLarge", "accepted: 512 MiB where whole lists");
    let answer = served.ask("PATCH", &contoso(), &[], [body, b"{}".to_vec()].concat()).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn names_that_are_not_text_are_refused() {
    let served = Served::new();
    let answer = served.get(&format!("{}/ipRules/%FF", contoso())).await;
    assert_eq!((answer.status, &answer.body["error"]["code"]), (400, &json!("InvalidResourceName")));
    let header = [("if-match", "\"s\u{e9}\"")];
    let answer = served.ask("PUT", &ip_rule("203.0.113.9"), &header, Vec::new()).await;
    assert_refused(&answer, 400, "InvalidHeaderValue", "if-match");
}

#[tokio::test]
async fn what_the_kernel_cannot_do_is_an_error_of_the_server() {
    let served = Served::new();
    let answer = served.get("/status").await;
    assert_refused(&answer, 500, "InternalServerError", "the kernel does not answer");
}
