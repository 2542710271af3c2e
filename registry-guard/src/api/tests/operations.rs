use std::time::Duration;

use super::*;

const ID: &str = "2d7b1c5e-8f0a-4c39-9d61-0b1f6f3f5f10";

fn operations() -> String {
    format!("{}/providers/Microsoft.ContainerRegistry/locations/local/operationStatuses", subscription_id())
}

async fn ask(served: &Served, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answered {
    let headers: Vec<_> = headers.iter().copied().chain([("x-ms-correlation-request-id", ID)]).collect();
    served.ask(method, path, &headers, body.to_string().into_bytes()).await
}

/// The operation once it has ended.
async fn ended(served: &Served) -> Value {
    loop {
        let operation = served.get(&format!("{}/{ID}", operations())).await.body;
        if operation["status"] != "InProgress" {
            return operation;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn document() -> Value {
    json!({"version": 1, "registries": [{"name": "contoso", "defaultAction": "Allow"}]})
}

#[tokio::test]
async fn who_would_like_not_to_wait_is_told_where_to_ask() {
    let served = Served::new();
    let answer = ask(&served, "POST", "/policy", &[("prefer", "return=minimal, respond-async")], &document()).await;
    assert_eq!((answer.status, &answer.headers["retry-after"]), (202, &"1".parse().unwrap()));
    assert_eq!((&answer.body["name"], &answer.body["properties"]["request"]), (&json!(ID), &json!("POST /policy")));
    let location = answer.headers["location"].to_str().unwrap();
    assert_eq!((location, &answer.body["id"]), (format!("{}/{ID}", operations()).as_str(), &json!(location)));
    let operation = ended(&served).await;
    assert_eq!((&operation["status"], &operation["percentComplete"]), (&json!("Succeeded"), &json!(100)));
    assert_eq!(operation["properties"]["revision"], 8);
    assert_eq!(served.get(&contoso()).await.body["properties"]["networkRuleSet"]["defaultAction"], "Allow");
}

#[tokio::test]
async fn what_was_refused_while_nobody_waited_says_why() {
    let served = Served::new();
    let headers = [("prefer", "respond-async"), ("if-match", "\"3\"")];
    let answer = ask(&served, "PATCH", &contoso(), &headers, &patch_of(&json!({"defaultAction": "Allow"}))).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    let operation = ended(&served).await;
    assert_eq!((&operation["status"], &operation["error"]["code"]), (&json!("Failed"), &json!("PreconditionFailed")));
    assert_eq!(served.get(&contoso()).await.body["revision"], 7);
}

#[tokio::test]
async fn who_waits_gets_the_answer_itself_and_it_is_an_operation_all_the_same() {
    let served = Served::new();
    let answer = ask(&served, "POST", "/policy", &[], &document()).await;
    assert_eq!((answer.status, &answer.body["revision"]), (200, &json!(8)));
    assert_eq!(ended(&served).await["status"], "Succeeded");
    served.send("POST", "/policy?dryRun=true", &document()).await;
    let all = served.get(&operations()).await.body;
    assert_eq!(all["value"].as_array().map(Vec::len), Some(1), "a dry run is none: {all}");
}

#[tokio::test]
async fn an_answer_to_a_change_tells_how_long_it_took() {
    let served = Served::new();
    let answer = served.send("PUT", &ip_rule("203.0.113.9"), &json!({})).await;
    let timing = answer.headers["server-timing"].to_str().unwrap();
    let names: Vec<&str> = timing.split(", ").filter_map(|part| part.split(";dur=").next()).collect();
    assert_eq!(names, ["enforced", "stored", "answered"], "{timing}");
    let again = served.send("PUT", &ip_rule("203.0.113.9"), &json!({})).await;
    assert!(!again.headers.contains_key("server-timing"), "nothing was changed");
}
