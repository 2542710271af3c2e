use super::*;
use crate::policy::{service_tag_id, service_tags_id};

fn file(number: u64, registry: &[&str], storage: Option<&[&str]>) -> Value {
    let tag = |name: &str, prefixes: &[&str]| {
        json!({"name": name, "id": name, "properties": {"changeNumber": 3,
        "region": "", "regionId": 0, "platform": "Azure", "systemService": name, "addressPrefixes": prefixes}})
    };
    let values: Vec<Value> =
        [Some(("AzureContainerRegistry", registry)), storage.map(|prefixes| ("Storage", prefixes))]
            .into_iter()
            .flatten()
            .map(|(name, prefixes)| tag(name, prefixes))
            .collect();
    json!({"changeNumber": number, "cloud": "Public", "values": values})
}

fn rule(tag: &str) -> String {
    format!("{}/serviceTagRules/{}", contoso(), encoded(tag))
}

async fn with_file() -> Served {
    let served = Served::new();
    let first = file(7, &["203.0.113.0/24", "2001:db8:7::/48"], Some(&["198.51.100.0/25"]));
    assert_eq!(served.send("PUT", &service_tags_id(), &first).await.status, 200);
    served
}

#[tokio::test]
async fn a_published_file_is_put_and_the_answer_says_what_it_changed() {
    let served = with_file().await;
    served.send("PUT", &rule("azurecontainerregistry"), &json!({})).await;
    served.send("PUT", &rule("Storage"), &json!({})).await;
    let newer = file(8, &["203.0.113.0/25", "2001:db8:7::/48"], None);
    let answer = served.send("PUT", &format!("{}?prefixes=true", service_tags_id()), &newer).await;
    let warning = "registry Contoso: the rule for service tag Storage stays and allows nobody, since this file has no \
                   prefixes of it";
    let rule = |tag: &str, prefixes: usize, added: usize, removed: usize| {
        json!({"registry": "Contoso", "serviceTag": tag, "action": "Allow", "effective": prefixes > 0,
            "prefixes": prefixes, "prefixesAdded": added, "prefixesRemoved": removed})
    };
    let expected = json!({"cloud": "Public", "changeNumber": 8, "imported": "2026-07-01T08:00:00Z", "tags": 1,
        "prefixes": 2, "tagsAdded": [], "tagsRemoved": ["Storage"],
        "tagsChanged": [{"name": "AzureContainerRegistry", "prefixesAdded": 1, "prefixesRemoved": 1,
            "added": ["203.0.113.0/25"], "removed": ["203.0.113.0/24"]}],
        "prefixesAdded": 1, "prefixesRemoved": 2,
        "rules": [rule("AzureContainerRegistry", 2, 1, 1), rule("Storage", 0, 0, 1)],
        "warnings": [warning], "revision": 11, "changed": true, "destroyedConnections": 2});
    assert_eq!((answer.status, answer.body), (200, expected));
    assert_eq!(answer.headers["etag"], "\"11\"");
    assert_eq!(answer.headers["x-destroyed-connections"], "2");
    let again = served.send("PUT", &service_tags_id(), &newer).await;
    assert_eq!((&again.body["changed"], &again.body["revision"]), (&json!(false), &json!(11)));
    assert_eq!((&again.body["tagsChanged"], &again.body["rules"]), (&json!([]), &json!([])));
}

#[tokio::test]
async fn a_refused_file_changes_nothing() {
    let served = with_file().await;
    let whole = file(8, &["203.0.113.0/24"], None).to_string();
    let cut = |at: usize| whole.as_bytes()[..at].to_vec();
    for (body, status, code, words) in [
        (cut(whole.len() - 1), 400, "InvalidRequestContent", "EOF while parsing an object at line 1 column"),
        (cut(whole.len() / 2), 400, "InvalidRequestContent", "at line 1 column"),
        (Vec::new(), 400, "InvalidRequestContent", "EOF while parsing a value"),
        (b"[]".to_vec(), 400, "InvalidRequestContent", "expected a JSON object"),
        (
            file(8, &["203.0.113.7/24"], None).to_string().into_bytes(),
            400,
            "InvalidParameter",
            "values[0].properties.addressPrefixes[0] (service tag AzureContainerRegistry): `203.0.113.7/24` has host bits",
        ),
        (
            file(6, &[], None).to_string().into_bytes(),
            409,
            "Conflict",
            "changeNumber: `6` is older than 7, which is held",
        ),
        (json!({"changeNumber": "8"}).to_string().into_bytes(), 400, "MissingParameter", "cloud: missing"),
        (
            json!({"values": [{"properties": {"addressPrefixes": [7]}}]}).to_string().into_bytes(),
            400,
            "InvalidRequestContent",
            "values[0].properties.addressPrefixes[0]: invalid type",
        ),
    ] {
        assert_refused(&served.ask("PUT", &service_tags_id(), &[], body).await, status, code, words);
    }
    let stale = served.ask("PUT", &service_tags_id(), &[("if-match", "\"7\"")], whole.clone().into_bytes()).await;
    assert_refused(&stale, 412, "PreconditionFailed", "the policy is at revision 8");
    let held = served.get(&service_tags_id()).await.body;
    assert_eq!((&held["changeNumber"], &held["revision"]), (&json!(7), &json!(8)));
    let matching = served.ask("PUT", &service_tags_id(), &[("if-match", "\"8\"")], whole.into_bytes()).await;
    assert_eq!((matching.status, &matching.body["revision"]), (200, &json!(9)));
}

#[tokio::test]
async fn the_tags_are_listed_in_short_and_shown_with_their_prefixes() {
    let served = with_file().await;
    let tag = |name: &str, count: usize| {
        json!({"id": service_tag_id(name), "name": name, "properties": {"changeNumber": 3, "region": "",
            "platform": "Azure", "systemService": name, "addressPrefixCount": count}})
    };
    let list = served.get(&service_tags_id()).await;
    let expected = json!({"id": service_tags_id(), "name": "serviceTags", "type": "Microsoft.Network/serviceTags",
        "etag": "\"8\"", "revision": 8, "cloud": "Public", "changeNumber": 7, "imported": "2026-07-01T08:00:00Z",
        "values": [tag("AzureContainerRegistry", 2), tag("Storage", 1)]});
    assert_eq!((list.status, &list.body), (200, &expected));
    let everywhere = format!("{}/providers/Microsoft.Network/locations/LOCAL/ServiceTags", subscription_id());
    assert_eq!(served.get(&everywhere).await.body, expected);
    let mut whole = tag("AzureContainerRegistry", 2);
    whole["properties"]["addressPrefixes"] = json!(["203.0.113.0/24", "2001:db8:7::/48"]);
    assert_eq!(served.get(&service_tag_id("AZUREcontainerREGISTRY")).await.body, whole);
    let missing = served.get(&service_tag_id("Azure")).await;
    assert_refused(&missing, 404, "ResourceNotFound", "2 are held, among them: AzureContainerRegistry");
    let nothing = Served::new().get(&service_tags_id()).await.body;
    assert_eq!(
        (&nothing["values"], &nothing["cloud"], &nothing["changeNumber"]),
        (&json!([]), &json!(null), &json!(null))
    );
}

#[tokio::test]
async fn a_service_tag_rule_is_one_resource_in_any_case() {
    let served = with_file().await;
    let answer = served.send("PUT", &rule("STORAGE"), &json!({"action": "deny"})).await;
    let one = json!({"action": "Deny", "serviceTag": "Storage", "effective": true, "prefixes": 1, "hits": 100});
    let mut put = one.clone();
    let note = "the default action of registry Contoso is Deny as well, so the rule only counts inside of others";
    for (key, value) in
        [("revision", json!(9)), ("changed", json!(true)), ("destroyedConnections", json!(2)), ("note", json!(note))]
    {
        put[key] = value;
    }
    put["note"] =
        json!("the default action of registry Contoso is Deny as well, so the rule only counts inside of others");
    assert_eq!((answer.status, answer.body), (200, put));
    assert_refused(&served.send("PUT", &rule("storage"), &json!({})).await, 409, "Conflict", "Deny rule");
    assert_eq!(served.get(&format!("{}/ServiceTagRules", contoso())).await.body, json!({"value": [one]}));
    assert_eq!(served.get(&rule("storage")).await.body["revision"], 9);
    let rules = &served.get(&contoso()).await.body["properties"]["networkRuleSet"]["serviceTagRules"];
    assert_eq!(*rules, json!([{"action": "Deny", "serviceTag": "Storage"}]));
    let list = json!({"serviceTagRules": [{"serviceTag": "storage", "action": "Deny"}, {"serviceTag": "azurecontainerregistry"}]});
    let patched = served.send("PATCH", &contoso(), &patch_of(&list)).await;
    assert_eq!((patched.status, &patched.body["revision"]), (200, &json!(10)));
    assert_eq!(patched.body["properties"]["networkRuleSet"]["serviceTagRules"].as_array().map(Vec::len), Some(2));
    let answer = served.delete(&rule("storage")).await;
    assert_eq!((answer.status, &answer.body["serviceTag"]), (200, &json!("storage")));
    assert_refused(
        &served.delete(&rule("storage")).await,
        404,
        "ResourceNotFound",
        "no service tag rule for `storage`",
    );
    assert_refused(
        &served.send("PUT", &rule("Sql"), &json!({})).await,
        404,
        "ResourceNotFound",
        "`Sql` does not exist",
    );
    let bad = patch_of(&json!({"serviceTagRules": [{"value": "Sql"}]}));
    assert_refused(
        &served.send("PATCH", &contoso(), &bad).await,
        400,
        "InvalidRequestContent",
        "unknown field `value`",
    );
}
