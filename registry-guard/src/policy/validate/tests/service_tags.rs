use serde_json::{Value, json};

use super::*;
use crate::policy::{ServiceTagFile, ServiceTags};

const AT: &str = "2026-07-01T08:00:00Z";

fn tag(name: &str, prefixes: &[&str]) -> Value {
    json!({"name": name, "id": name, "properties": {"changeNumber": 3, "region": "", "regionId": 0, "platform": "Azure",
        "systemService": "", "addressPrefixes": prefixes, "networkFeatures": null}})
}

fn file(number: u64, tags: &[Value]) -> Value {
    json!({"changeNumber": number, "cloud": "Public", "values": tags})
}

fn import(file: Value) -> Change {
    Change::ImportServiceTags { file: serde_json::from_value(file).unwrap(), at: AT.into() }
}

/// As [`import`], of two tags.
fn weekly(number: u64, registry: &[&str], storage: &[&str]) -> Change {
    import(file(number, &[tag("AzureContainerRegistry", registry), tag("Storage.WestEurope", storage)]))
}

fn add(tag: &str, action: Option<&str>) -> Change {
    Change::AddServiceTagRule {
        registry: "contoso".into(),
        tag: tag.into(),
        only_if_absent: false,
        action: action.map(str::to_owned),
    }
}

fn remove(tag: &str) -> Change {
    Change::RemoveServiceTagRule { registry: "contoso".into(), tag: tag.into() }
}

fn patch_tags(rules: &[(&str, &str)]) -> Change {
    let rule = |(tag, action): &(&str, &str)| RuleRequest { value: (*tag).into(), action: Some((*action).into()) };
    patch(RegistryPatch { service_tag_rules: Some(rules.iter().map(rule).collect()), ..RegistryPatch::default() })
}

fn rules(policy: &Policy) -> Vec<(&str, Action, u32)> {
    let rules = policy.registry("contoso").unwrap().service_tag_rules.iter();
    rules.map(|rule| (rule.tag.as_str(), rule.action, rule.counter)).collect()
}

fn with_tags() -> Policy {
    let mut policy = policy();
    let first = weekly(7, &["203.0.113.0/24", "2001:db8:7::/48", "203.0.113.0/24"], &["198.51.100.0/25"]);
    assert_eq!(done(&mut policy, &first), 1);
    policy
}

fn held(policy: &Policy) -> &ServiceTags {
    policy.service_tags.as_deref().unwrap()
}

#[test]
fn a_file_is_held_with_each_prefix_of_a_tag_once_and_found_in_any_case() {
    let policy = with_tags();
    let tags = held(&policy);
    assert_eq!((tags.cloud.as_str(), tags.change_number, tags.imported.as_str()), ("Public", 7, AT));
    let tag = policy.find_service_tag("azurecontainerREGISTRY").unwrap();
    assert_eq!(
        (tag.name.as_str(), tag.change_number, tag.platform.as_str()),
        ("AzureContainerRegistry", Some(3), "Azure")
    );
    let shown: Vec<String> = tag.prefixes.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["203.0.113.0/24", "2001:db8:7::/48"]);
    assert_eq!((tags.tags.len(), tags.prefix_count()), (2, 3));
}

#[test]
fn other_keys_may_be_present_or_absent_and_numbers_in_quotes() {
    let mut policy = policy();
    let bare = json!({"changeNumber": "63", "cloud": "Public", "id": "/x", "nextLink": null, "values": [
        {"name": "One", "properties": {"addressPrefixes": []}, "state": "GA"},
        {"name": "Two", "id": "Two.id", "properties": {"changeNumber": "9", "addressPrefixes": ["203.0.113.9"], "new": {}}}]});
    done(&mut policy, &import(bare));
    let tags = held(&policy);
    assert_eq!((tags.change_number, tags.prefixes("one").len(), tags.prefixes("two").len()), (63, 0, 1));
    assert_eq!(tags.tag("two").map(|tag| tag.change_number), Some(Some(9)));
    assert_eq!(tags.tag("one").map(|tag| tag.change_number), Some(None));
}

#[test]
fn a_file_that_is_not_whole_or_names_nonsense_is_refused_by_tag_place_and_value() {
    let with = |prefix: &str| file(8, &[tag("Good", &[]), tag("Bad", &["203.0.113.0/24", prefix])]);
    let prefix = "values[1].properties.addressPrefixes[1] (service tag Bad): ";
    for (file, begins, accepted) in [
        (json!({"cloud": "Public", "values": [tag("A", &[])]}), "changeNumber: missing", "the number"),
        (json!({"changeNumber": 8, "values": [tag("A", &[])]}), "cloud: missing", "such as Public"),
        (json!({"changeNumber": 8, "cloud": "Public"}), "values: missing", "one service tag or more"),
        (file(8, &[]), "values: missing", "one service tag or more"),
        (file(8, &[json!({"properties": {"addressPrefixes": []}})]), "values[0].name: missing", "1 to 200"),
        (file(8, &[tag("a b", &[])]), "values[0].name: `a b`", "1 to 200"),
        (
            file(8, &[json!({"name": "A", "properties": {"region": ""}})]),
            "values[0].properties.addressPrefixes (service tag A): missing",
            "a list of prefixes",
        ),
        (file(8, &[json!({"name": "A"})]), "values[0].properties.addressPrefixes (service tag A): missing", "a list"),
        (file(8, &[tag("Twice", &[]), tag("tWICE", &[])]), "values[1].name: `tWICE`", "each tag once"),
        (with("203.0.113.7/24"), &format!("{prefix}`203.0.113.7/24` has host bits"), "accepted: 203.0.113.0/24"),
        (with("203.0.113"), &format!("{prefix}`203.0.113`"), "an address or a prefix"),
        (with("0.0.0.0/0"), &format!("{prefix}`0.0.0.0/0` is too wide"), "8 bits or more for IPv4"),
        (with("2000::/15"), &format!("{prefix}`2000::/15` is too wide"), "16 or more for IPv6"),
        (with("127.0.0.0/8"), &format!("{prefix}`127.0.0.0/8` is loopback"), "public addresses"),
        (
            with("::ffff:203.0.113.9/128"),
            &format!("{prefix}`::ffff:203.0.113.9/128`"),
            "203.0.113.9/32, written as IPv4",
        ),
    ] {
        let (status, message) = refused(&with_tags(), &import(file));
        assert_eq!(status, 400, "{message}");
        assert!(message.starts_with(begins) && message.contains(accepted), "{message}");
    }
}

#[test]
fn numbers_beyond_the_range_and_other_shapes_are_no_file() {
    for bad in [
        json!({"changeNumber": -1}),
        json!({"changeNumber": 9_223_372_036_854_775_808_u64}),
        json!({"changeNumber": 1.5}),
        json!({"changeNumber": "1x"}),
        json!({"changeNumber": ""}),
        json!({"values": {}}),
        json!({"values": [{"name": 7}]}),
        json!({"values": [{"properties": {"addressPrefixes": "203.0.113.0/24"}}]}),
    ] {
        assert!(serde_json::from_value::<ServiceTagFile>(bad.clone()).is_err(), "{bad}");
    }
}

#[test]
fn only_a_newer_file_of_the_same_cloud_takes_the_place_of_another() {
    let mut policy = with_tags();
    let contents = (&["203.0.113.0/24", "2001:db8:7::/48"][..], &["198.51.100.0/25"][..]);
    assert_eq!(done(&mut policy, &weekly(7, contents.0, contents.1)), 0, "the same file again");
    let mut gov = file(9, &[tag("AzureContainerRegistry", &[])]);
    gov["cloud"] = "AzureGovernment".into();
    for (change, words) in [
        (
            weekly(6, contents.0, contents.1),
            "changeNumber: `6` is older than 7, which is held; accepted: a file with a higher",
        ),
        (weekly(7, contents.0, &[]), "changeNumber: `7` is held already, with other contents"),
        (import(gov), "cloud: `AzureGovernment` is another cloud; accepted: Public (the service tags that are held"),
    ] {
        let (status, message) = refused(&policy, &change);
        assert!(status == 409 && message.starts_with(words), "{status} {message}");
    }
    assert_eq!(done(&mut policy, &weekly(8, contents.0, contents.1)), 1, "the number alone");
    assert_eq!(held(&policy).change_number, 8);
}

#[test]
fn the_numbers_of_the_tags_say_which_file_is_newer_before_that_of_the_file() {
    let numbered = |file_number: u64, numbers: &[(&str, u64)]| {
        let tags: Vec<_> = numbers
            .iter()
            .map(|(name, number)| {
                let mut tag = tag(name, &["203.0.113.0/24"]);
                tag["properties"]["changeNumber"] = (*number).into();
                tag
            })
            .collect();
        import(file(file_number, &tags))
    };
    let mut policy = policy();
    assert_eq!(done(&mut policy, &numbered(375, &[("Sql", 5), ("Storage", 8)])), 1);
    let (status, message) = refused(&policy, &numbered(400, &[("Sql", 4), ("Storage", 8)]));
    assert!(status == 409 && message.contains("which has newer prefixes of service tag Sql"), "{status} {message}");
    let (_, message) = refused(&policy, &numbered(374, &[("Sql", 4), ("Storage", 9)]));
    assert!(message.contains("`374` is older than 375"), "tags that disagree leave it to the file: {message}");
    let (_, message) = refused(&policy, &numbered(374, &[("Sql", 5), ("New", 1)]));
    assert!(message.contains("`374` is older than 375"), "{message}");
    assert_eq!(done(&mut policy, &numbered(301, &[("SQL", 6), ("Storage", 8)])), 1);
    assert_eq!(held(&policy).change_number, 301);
}

#[test]
fn the_cloud_of_the_configuration_counts_before_that_of_the_first_file() {
    let limits = |cloud: &str| Limits { service_tags_cloud: Some(cloud.into()), ..limits() };
    let public = weekly(3, &[], &[]);
    let error = policy().validate(&public, &limits("AzureGovernment")).unwrap_err();
    assert!(error.to_string().contains("AzureGovernment (`service-tags.cloud` in config.toml)"), "{error}");
    assert_eq!(policy().validate(&public, &limits("PUBLIC")).unwrap().len(), 1);
    let mut gov = file(1, &[tag("AzureContainerRegistry", &[])]);
    gov["cloud"] = "AzureGovernment".into();
    let edits = with_tags().validate(&import(gov), &limits("AzureGovernment")).unwrap();
    assert_eq!(edits.len(), 1, "whoever changes the configuration changes the cloud, and its numbers are its own");
}

#[test]
fn a_rule_needs_a_tag_that_is_held_and_is_one_rule_in_any_case() {
    let mut policy = policy();
    let (status, message) = refused(&policy, &add("AzureContainerRegistry", None));
    assert!(status == 404 && message.contains("import a published file first"), "{message}");
    policy = with_tags();
    let (status, message) = refused(&policy, &add("Storage.EastEurope", None));
    assert!(status == 404 && message.contains("2 are held, among them: Storage.WestEurope"), "{message}");
    assert_eq!(done(&mut policy, &add("AZURECONTAINERREGISTRY", None)), 1);
    assert_eq!(done(&mut policy, &add("azurecontainerregistry", Some("allow"))), 0);
    assert_eq!(rules(&policy), [("AzureContainerRegistry", Action::Allow, 0)]);
    assert_eq!(done(&mut policy, &add("AzureContainerRegistry", Some("Deny"))), 1);
    assert_eq!(rules(&policy), [("AzureContainerRegistry", Action::Deny, 0)], "the counter stays");
    let (status, message) = refused(&policy, &add("AzureContainerRegistry", None));
    assert!(status == 409 && message.contains("Deny rule"), "{message}");
    let (status, message) = refused(&policy, &add("AzureContainerRegistry", Some("maybe")));
    assert!(status == 400 && message.starts_with("serviceTagRules.action: `maybe`"), "{message}");
    assert_eq!(done(&mut policy, &remove("azurecontainerREGISTRY")), 1);
    assert_eq!(refused(&policy, &remove("AzureContainerRegistry")).0, 404);
    assert_eq!(policy.counters.used(), 0);
}

#[test]
fn a_whole_list_keeps_counters_and_rules_whose_tag_is_gone() {
    let mut policy = with_tags();
    done(&mut policy, &add_ip("192.0.2.1"));
    done(&mut policy, &patch_tags(&[("azurecontainerregistry", "Allow"), ("storage.westeurope", "Allow")]));
    assert_eq!(
        rules(&policy),
        [("AzureContainerRegistry", Action::Allow, 1), ("Storage.WestEurope", Action::Allow, 2)]
    );
    done(&mut policy, &import(file(8, &[tag("AzureContainerRegistry", &["203.0.113.0/24"])])));
    assert_eq!(policy.service_tag_prefixes("Storage.WestEurope").len(), 0);
    assert_eq!(rules(&policy).len(), 2, "a rule stays when its tag is gone");
    let listed = [("Storage.WestEurope", "Allow"), ("AzureContainerRegistry", "Allow")];
    assert_eq!(done(&mut policy, &patch_tags(&listed)), 1, "another order");
    assert_eq!(done(&mut policy, &patch_tags(&listed)), 0);
    assert_eq!(rules(&policy)[0], ("Storage.WestEurope", Action::Allow, 2));
    for (list, words) in [
        (
            &[("Storage.WestEurope", "Deny")][..],
            "serviceTagRules[0].serviceTag: `Storage.WestEurope` is no service tag",
        ),
        (&[("Sql", "Allow")], "serviceTagRules[0].serviceTag: `Sql` is no service tag"),
        (
            &[("AzureContainerRegistry", "Allow"), ("azurecontainerregistry", "Deny")],
            "serviceTagRules[1].action: `Deny` contradicts an earlier rule",
        ),
    ] {
        let (status, message) = refused(&policy, &patch_tags(list));
        assert!(status == 400 && message.contains(words), "{message}");
    }
    done(&mut policy, &patch_tags(&[]));
    assert_eq!((rules(&policy).len(), policy.counters.used()), (0, 1));
}

#[test]
fn a_deny_rule_never_comes_to_deny_nobody() {
    let mut policy = with_tags();
    done(&mut policy, &add("Storage.WestEurope", Some("Deny")));
    for (change, words) in [
        (import(file(8, &[tag("AzureContainerRegistry", &[])])), "is not in this file"),
        (weekly(8, &["203.0.113.0/24"], &[]), "has no prefixes in this file"),
    ] {
        let (status, message) = refused(&policy, &change);
        assert!(status == 409 && message.contains(words), "{message}");
        assert!(message.contains("`Storage.WestEurope`") && message.contains("registry `Contoso`"), "{message}");
    }
    assert_eq!(
        done(&mut policy, &weekly(8, &[], &["198.51.100.0/26"])),
        1,
        "other prefixes are what a new file is for"
    );
    done(&mut policy, &remove("Storage.WestEurope"));
    assert_eq!(done(&mut policy, &import(file(9, &[tag("AzureContainerRegistry", &[])]))), 1);
}

#[test]
fn private_prefixes_need_the_setting_that_ip_rules_need_and_only_to_be_allowed() {
    let private = file(8, &[tag("Inside", &["203.0.113.0/24", "10.7.0.0/16"])]);
    let mut policy = with_tags();
    done(&mut policy, &import(private.clone()));
    let (status, message) = refused(&policy, &add("Inside", None));
    assert!(status == 400 && message.starts_with("addressPrefixes: `10.7.0.0/16` is private (RFC 1918)"), "{message}");
    assert!(message.contains("private-ip-rules"), "{message}");
    assert_eq!(refused(&policy, &patch_tags(&[("Inside", "Allow")])).1, message);
    done(&mut policy, &add("Inside", Some("Deny")));
    let allowing = Limits { private_ip_rules: ["contoso".to_owned()].into(), ..limits() };
    assert_eq!(policy.validate(&add("Inside", Some("Allow")), &allowing).unwrap().len(), 1);

    let mut policy = with_tags();
    done(&mut policy, &add("AzureContainerRegistry", None));
    let widened = weekly(8, &["203.0.113.0/24", "192.168.0.0/16"], &[]);
    let (status, message) = refused(&policy, &widened);
    assert!(status == 400 && message.contains("`192.168.0.0/16`") && message.contains("Contoso"), "{message}");
}

#[test]
fn the_prefixes_of_service_tags_count_towards_the_limit() {
    let limits = Limits { rules: 4, ..limits() };
    let mut policy = with_tags();
    for (change, asked) in [
        (add("AzureContainerRegistry", None), Some(2)),
        (add_ip("192.0.2.1"), Some(3)),
        (add("Storage.WestEurope", None), Some(4)),
        (add_ip("192.0.2.2"), None),
    ] {
        match (policy.validate(&change, &limits), asked) {
            (Ok(edits), Some(_)) => policy.apply(&edits),
            (Err(error), None) => {
                let words =
                    "`Contoso` and the service tags that its rules name would be 5 prefixes; accepted: at most 4";
                assert!(error.to_string().contains(words) && error.status() == 400, "{error}");
            }
            (other, _) => panic!("{change:?}: {other:?}"),
        }
    }
    let more = weekly(8, &["203.0.113.0/24", "2001:db8:7::/48", "203.0.112.0/24"], &["198.51.100.0/25"]);
    let error = policy.validate(&more, &limits).unwrap_err();
    assert!(error.to_string().contains("would be 5 prefixes"), "{error}");
    let fewer = weekly(8, &["203.0.113.0/24"], &["198.51.100.0/25"]);
    assert!(policy.validate(&fewer, &limits).is_ok());
    let tight = Limits { rules: 1, ..limits };
    assert!(policy.validate(&remove("Storage.WestEurope"), &tight).is_ok(), "what makes them fewer is never refused");
}
