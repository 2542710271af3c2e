//! Whole commands against canned answers: what is asked, what is printed, how it ends.

use serde_json::{Value, json};

use crate::cli::stand_in_agent::StandInAgent;

const REGISTRY: &str = r#"{"id":"/subscriptions/0/resourceGroups/registry-guard/providers/x/contoso","name":"contoso",
  "type":"Microsoft.ContainerRegistry/registries","location":"local","sku":{"name":"Premium","tier":"Premium"},
  "etag":"\"7\"","revision":7,"properties":{"loginServer":"contoso.example.com","creationDate":"2026-01-01T00:00:00Z",
  "provisioningState":"Succeeded","publicNetworkAccess":"Enabled","networkRuleBypassOptions":"AzureServices",
  "dataEndpointEnabled":true,"dataEndpointHostNames":["contoso.local.data.example.com"],
  "networkRuleSet":{"defaultAction":"Deny","ipRules":[{"action":"Allow","value":"203.0.113.0/24"}],
  "virtualNetworkRules":[{"action":"Allow","id":"/s/ci","virtualNetworkSubnetResourceId":"/s/ci"}],
  "serviceTagRules":[{"action":"Deny","serviceTag":"Storage"}]},
  "privateEndpointConnections":[{"id":"/c","name":"desk","properties":{"privateEndpoint":{"id":"/p"}}}]}}"#;

const ENDPOINTS: &str = r#"{"name":"Contoso","loginServer":"contoso.example.com","listen":["203.0.113.10:443"],
  "dataEndpointEnabled":true,"dataEndpoints":[{"region":"local","endpoint":"contoso.local.data.example.com",
  "listen":["203.0.113.10:5443"]}]}"#;

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[tokio::test]
async fn show_flattens_and_renames_as_az_does() {
    let agent = StandInAgent::answering(200, REGISTRY);
    let printed = agent.run("show --name contoso").await;
    assert_eq!((printed.code, printed.err.as_str()), (0, ""));
    assert_eq!(
        parsed(&printed.out),
        json!({"id": "/subscriptions/0/resourceGroups/registry-guard/providers/x/contoso", "name": "contoso",
            "type": "Microsoft.ContainerRegistry/registries", "location": "local", "resourceGroup": "registry-guard",
            "sku": {"name": "Premium", "tier": "Premium"}, "etag": "\"7\"", "revision": 7,
            "loginServer": "contoso.example.com", "creationDate": "2026-01-01T00:00:00Z",
            "provisioningState": "Succeeded", "publicNetworkAccess": "Enabled",
            "networkRuleBypassOptions": "AzureServices", "dataEndpointEnabled": true,
            "dataEndpointHostNames": ["contoso.local.data.example.com"],
            "privateEndpointConnections": [{"id": "/c", "name": "desk", "privateEndpoint": {"id": "/p"}}],
            "networkRuleSet": {"defaultAction": "Deny",
                "ipRules": [{"action": "Allow", "ipAddressOrRange": "203.0.113.0/24"}],
                "virtualNetworkRules": [{"action": "Allow", "virtualNetworkResourceId": "/s/ci"}],
                "serviceTagRules": [{"action": "Deny", "serviceTag": "Storage"}]}})
    );
    let keys: Vec<_> = printed.out.lines().filter(|line| line.starts_with("  \"")).collect();
    assert!(keys.is_sorted(), "{keys:?}");
    assert!(agent.seen()[0].path.ends_with("/registries/contoso"));
}

#[tokio::test]
async fn list_prints_a_list_and_a_table() {
    let agent = StandInAgent::answering(200, &format!(r#"{{"value":[{REGISTRY}]}}"#));
    assert_eq!(agent.run("list --query [].loginServer -o tsv").await.out, "contoso.example.com\n");
    let table = agent.run("list -o table").await.out;
    assert!(table.starts_with("NAME     LOGIN SERVER         PUBLIC ACCESS  DEFAULT ACTION  IP RULES"), "{table}");
    assert_eq!(agent.run("list -o none").await.out, "");
    assert!(agent.run("list -o yaml").await.out.starts_with("- creationDate: 2026-01-01T00:00:00Z\n"));
}

#[tokio::test]
async fn a_query_that_finds_nothing_prints_nothing() {
    let agent = StandInAgent::answering(200, REGISTRY);
    for format in ["json", "jsonc", "table", "tsv", "yaml", "none"] {
        let printed = agent.run(&format!("show -n contoso --query nothing -o {format}")).await;
        assert_eq!((printed.code, printed.out.as_str()), (0, ""), "{format}");
    }
}

#[tokio::test]
async fn update_sends_only_what_was_named_and_prints_the_registry() {
    let agent = StandInAgent::answering(200, REGISTRY);
    let printed = agent.run("update -n contoso --default-action allow --if-match 7 --query revision").await;
    assert_eq!((printed.code, printed.out.as_str()), (0, "7\n"));
    let seen = agent.seen();
    assert_eq!(seen[0].method, "PATCH");
    assert_eq!(seen[0].if_match.as_deref(), Some("\"7\""));
    assert_eq!(seen[0].body, json!({"properties": {"networkRuleSet": {"defaultAction": "Allow"}}}));
}

#[tokio::test]
async fn update_asks_for_no_answer_it_would_not_print() {
    let agent = StandInAgent::answering(200, r#"{"name":"contoso","revision":8,"changed":true}"#);
    let printed = agent.run("update -n contoso --public-network-enabled false -o none").await;
    assert_eq!((printed.code, printed.out.as_str()), (0, ""));
    assert!(printed.err.starts_with("WARNING: public network access is off"), "{}", printed.err);
    assert!(agent.seen()[0].path.ends_with("/contoso?return=minimal"));
}

#[tokio::test]
async fn only_show_errors_drops_warnings() {
    let agent = StandInAgent::answering(200, REGISTRY);
    let printed = agent.run("update -n contoso --data-endpoint-enabled --only-show-errors -o none").await;
    assert_eq!(printed.err, "");
}

#[tokio::test]
async fn show_endpoints_names_the_region() {
    let agent = StandInAgent::answering(200, ENDPOINTS);
    let printed = agent.run("show-endpoints -n contoso").await;
    assert_eq!(
        parsed(&printed.out),
        json!({"loginServer": "contoso.example.com",
            "dataEndpoints": [{"region": "local", "endpoint": "contoso.local.data.example.com"}]})
    );
    assert!(agent.seen()[0].path.ends_with("/registries/contoso/endpoints"));
    let off = ENDPOINTS.replace(r#""dataEndpointEnabled":true"#, r#""dataEndpointEnabled":false"#);
    let printed = StandInAgent::answering(200, &off).run("show-endpoints -n contoso").await;
    assert_eq!(parsed(&printed.out), json!({"loginServer": "contoso.example.com", "dataEndpoints": []}));
    assert!(printed.err.contains("Data endpoints are off"), "{}", printed.err);
    let on = "`registry-guard update --name Contoso --data-endpoint-enabled` announces contoso.local.data.example.com.";
    assert!(printed.err.contains(on), "{}", printed.err);
}

#[tokio::test]
async fn switching_data_endpoints_on_warns_of_firewalls_that_do_not_know_them() {
    let agent = StandInAgent::answering_in_turn(&[(200, REGISTRY), (200, ENDPOINTS)]);
    let printed = agent.run("update -n contoso --data-endpoint-enabled").await;
    assert_eq!((printed.code, parsed(&printed.out)["dataEndpointEnabled"].as_bool()), (0, Some(true)));
    assert!(printed.err.starts_with("WARNING: clients whose own firewall"), "{}", printed.err);
    assert!(printed.err.contains("contoso.local.data.example.com too; `registry-guard client-rules --name Contoso`"));
    let none = r#"{"name":"Contoso","loginServer":"contoso.example.com","listen":["203.0.113.10:443"],
        "dataEndpointEnabled":true,"dataEndpoints":[]}"#;
    let agent = StandInAgent::answering_in_turn(&[(200, REGISTRY), (200, none)]);
    let printed = agent.run("update -n contoso --data-endpoint-enabled true").await;
    assert_eq!(printed.code, 0);
    assert!(
        printed.err.starts_with("WARNING: config.toml names no data endpoint of registry Contoso"),
        "{}",
        printed.err
    );
}

#[tokio::test]
async fn a_rule_is_added_as_one_resource() {
    let answer = r#"{"action":"Deny","value":"203.0.113.0/24","hits":0,"revision":8,"changed":true}"#;
    let agent = StandInAgent::answering(200, answer);
    let printed = agent.run("network-rule add -n contoso --ip-address 203.0.113.0/24 --action deny").await;
    assert_eq!((printed.code, printed.err.as_str()), (0, ""));
    assert_eq!(
        parsed(&printed.out),
        json!({"action": "Deny", "ipAddressOrRange": "203.0.113.0/24", "hits": 0, "revision": 8, "changed": true})
    );
    let seen = agent.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].method, "PUT");
    assert!(seen[0].path.ends_with("/registries/contoso/ipRules/203%2E0%2E113%2E0%2F24"), "{}", seen[0].path);
    assert_eq!(seen[0].body, json!({"action": "Deny"}));
}

#[tokio::test]
async fn adding_a_rule_twice_says_so_and_succeeds() {
    let answer = r#"{"action":"Allow","value":"203.0.113.0/24","hits":3,"revision":7,"changed":false}"#;
    let agent = StandInAgent::answering(200, answer);
    let printed = agent.run("network-rule add -n contoso --ip-address 203.0.113.0/24").await;
    assert_eq!((printed.code, printed.err.as_str()), (0, "already there: 203.0.113.0/24 (revision 7)\n"));
    assert_eq!(agent.seen()[0].body, json!({}), "what was not said is not asked for");
}

#[tokio::test]
async fn a_subnet_rule_travels_as_one_segment() {
    let answer =
        r#"{"action":"Allow","id":"/s/ci","virtualNetworkSubnetResourceId":"/s/ci","revision":7,"changed":true}"#;
    let agent = StandInAgent::answering(200, answer);
    let printed = agent.run("network-rule remove -n contoso --subnet ci --vnet-name office").await;
    assert_eq!(
        parsed(&printed.out),
        json!({"action": "Allow", "virtualNetworkResourceId": "/s/ci", "revision": 7, "changed": true})
    );
    let seen = agent.seen();
    assert_eq!(seen[0].method, "DELETE");
    assert!(seen[0].path.ends_with("virtualNetworks%2Foffice%2Fsubnets%2Fci"), "{}", seen[0].path);
}

#[tokio::test]
async fn a_rule_that_is_not_there_exits_with_three() {
    let agent = StandInAgent::answering(404, r#"{"error":{"code":"RuleNotFound","message":"No rule."}}"#);
    let printed = agent.run("network-rule remove -n contoso --ip-address 203.0.113.9").await;
    assert_eq!((printed.code, printed.out.as_str(), printed.err.as_str()), (3, "", "ERROR: (RuleNotFound) No rule.\n"));
}

#[tokio::test]
async fn the_rule_list_has_the_keys_of_az() {
    let agent = StandInAgent::answering(200, REGISTRY);
    let printed = agent.run("network-rule list -n contoso").await;
    assert_eq!(
        parsed(&printed.out),
        json!({"ipRules": [{"action": "Allow", "ipAddressOrRange": "203.0.113.0/24"}],
            "virtualNetworkRules": [{"action": "Allow", "virtualNetworkResourceId": "/s/ci"}],
            "serviceTagRules": [{"action": "Deny", "serviceTag": "Storage"}]})
    );
    let table = agent.run("network-rule list -n contoso -o table").await.out;
    assert_eq!(
        table,
        "ACTION  SOURCE\n------- --------------\nAllow   203.0.113.0/24\nAllow   /s/ci\nDeny    Storage\n"
    );
}

#[tokio::test]
async fn the_rule_list_shows_hits_when_asked() {
    let agent = StandInAgent::answering_in_turn(&[
        (200, r#"{"value":[{"action":"Allow","value":"203.0.113.0/24","hits":3}]}"#),
        (
            200,
            r#"{"value":[{"action":"Allow","id":"/s/ci","virtualNetworkSubnetResourceId":"/s/ci","effective":false,"hits":0}]}"#,
        ),
        (200, r#"{"value":[{"action":"Deny","serviceTag":"Storage","effective":true,"prefixes":9,"hits":4}]}"#),
    ]);
    let printed = agent.run("network-rule list -n contoso --hits").await;
    assert_eq!(
        parsed(&printed.out),
        json!({"ipRules": [{"action": "Allow", "hits": 3, "ipAddressOrRange": "203.0.113.0/24"}],
            "virtualNetworkRules": [
                {"action": "Allow", "effective": false, "hits": 0, "virtualNetworkResourceId": "/s/ci"}],
            "serviceTagRules": [
                {"action": "Deny", "effective": true, "hits": 4, "prefixes": 9, "serviceTag": "Storage"}]})
    );
}

#[tokio::test]
async fn creating_an_existing_network_changes_nothing_and_says_so() {
    let exists = r#"{"error":{"code":"PreconditionFailed","message":"exists"}}"#;
    let present = r#"{"name":"office","properties":{"vni":5001,"addressSpace":{"addressPrefixes":["10.1.0.0/16"]}},"revision":7}"#;
    let create = "network vnet create -n office --address-prefixes 10.1.0.0/16 --vni";
    let agent = StandInAgent::answering_in_turn(&[(412, exists), (200, present)]);
    let printed = agent.run(&format!("{create} 5002")).await;
    let refused = "ERROR: the virtual network 'office' already exists and is not so; nothing was changed: `network vnet update` changes it\n";
    assert_eq!((printed.code, printed.err.as_str()), (1, refused));
    let agent = StandInAgent::answering_in_turn(&[(412, exists), (200, present)]);
    let printed = agent.run(&format!("{create} 5001")).await;
    assert_eq!((printed.code, printed.err.as_str()), (0, "already so: office (revision 7)\n"));
    let seen = agent.seen();
    assert_eq!(seen[0].if_none_match.as_deref(), Some("*"));
    assert_eq!(
        seen[0].body,
        json!({"properties": {"vni": 5001, "addressSpace": {"addressPrefixes": ["10.1.0.0/16"]}}})
    );
}

#[tokio::test]
async fn creating_an_existing_subnet_again_is_fine_if_it_is_so() {
    let exists = r#"{"error":{"code":"PreconditionFailed","message":"exists"}}"#;
    let create = "network vnet subnet create --vnet-name office -n ci --address-prefixes 10.1.7.0/24";
    for (flags, code, words) in [
        ("", 1, "already exists and is not so"),
        (" --service-endpoints microsoft.containerregistry", 0, "already so: ci (revision 7)"),
    ] {
        let agent = StandInAgent::answering_in_turn(&[(412, exists), (200, SUBNET)]);
        let printed = agent.run(&format!("{create}{flags}")).await;
        assert_eq!(printed.code, code, "{}", printed.err);
        assert!(printed.err.contains(words), "{}", printed.err);
    }
}

const SUBNET: &str = r#"{"id":"/s/ci","name":"ci","properties":{"addressPrefixes":["10.1.7.0/24"],"addressPrefix":"10.1.7.0/24",
  "serviceEndpoints":[{"service":"Microsoft.ContainerRegistry"}]},"revision":7}"#;

#[tokio::test]
async fn a_subnet_update_keeps_what_was_not_named() {
    let agent = StandInAgent::answering(200, SUBNET);
    let printed = agent.run("network vnet subnet update --vnet-name office -n ci --service-endpoints ''").await;
    assert_eq!(printed.code, 0);
    let seen = agent.seen();
    assert_eq!(seen[1].method, "PUT");
    assert_eq!(seen[1].if_match.as_deref(), Some("\"7\""));
    assert_eq!(seen[1].body, json!({"properties": {"addressPrefixes": ["10.1.7.0/24"], "serviceEndpoints": []}}));
}

#[tokio::test]
async fn a_subnet_update_tries_again_when_the_policy_moved_on() {
    let moved = r#"{"error":{"code":"PreconditionFailed","message":"at 8"}}"#;
    let agent = StandInAgent::answering_in_turn(&[(200, SUBNET), (412, moved), (200, SUBNET), (200, SUBNET)]);
    let command = "network vnet subnet update --vnet-name office -n ci --address-prefixes 10.1.8.0/24";
    assert_eq!(agent.run(command).await.code, 0);
    assert_eq!(agent.seen().len(), 4);
    let agent = StandInAgent::answering_in_turn(&[(200, SUBNET), (412, moved)]);
    let printed = agent.run(&format!("{command} --if-match 6")).await;
    assert_eq!((printed.code, printed.err.as_str()), (1, "ERROR: (PreconditionFailed) at 8\n"));
}

#[tokio::test]
async fn networks_and_subnets_are_flattened() {
    let network = format!(
        r#"{{"value":[{{"id":"/n","name":"office","properties":{{"vni":5001,"addressSpace":{{"addressPrefixes":["10.1.0.0/16","fd00::/48"]}},"subnets":[{SUBNET}]}},"revision":7}}]}}"#
    );
    let agent = StandInAgent::answering(200, &network);
    let printed = agent.run("network vnet list --query [].{Name:name,Subnet:subnets[0].addressPrefix} -o tsv").await;
    assert_eq!(printed.out, "office\t10.1.7.0/24\n");
    let table = agent.run("network vnet list -o table").await.out;
    assert!(table.ends_with("office  5001  10.1.0.0/16, fd00::/48  1\n"), "{table}");
    let agent = StandInAgent::answering(200, SUBNET);
    let id = agent.run("network vnet subnet show --vnet-name office -n ci --query id -o tsv").await;
    assert_eq!(id.out, "/s/ci\n");
}

const CONNECTION: &str = r#"{"id":"/subscriptions/0/resourceGroups/registry-guard/x/desk","name":"desk","type":"t",
  "properties":{"privateEndpoint":{"id":"/subscriptions/0/resourceGroups/registry-guard/y/desk"},
  "privateLinkServiceConnectionState":{"status":"Approved","description":"","actionsRequired":"None"},
  "provisioningState":"Succeeded","virtualNetwork":"/n/hub","ipAddress":"10.1.0.4"},
  "hits":3,"etag":"\"7\"","revision":7,"changed":false}"#;

#[tokio::test]
async fn a_private_endpoint_is_created_as_one_resource_and_twice_is_once() {
    let agent = StandInAgent::answering(200, CONNECTION);
    let command = "private-endpoint-connection create -r contoso -n desk --vnet-name hub --ip-address 10.1.0.4";
    let printed = agent.run(command).await;
    assert_eq!((printed.code, printed.err.as_str()), (0, "already so: desk, Approved (revision 7)\n"));
    let group = "registry-guard";
    assert_eq!(
        parsed(&printed.out),
        json!({"id": "/subscriptions/0/resourceGroups/registry-guard/x/desk", "name": "desk", "type": "t",
            "resourceGroup": group, "hits": 3, "etag": "\"7\"", "revision": 7, "changed": false,
            "privateEndpoint": {"id": "/subscriptions/0/resourceGroups/registry-guard/y/desk", "resourceGroup": group},
            "privateLinkServiceConnectionState": {"status": "Approved", "description": "", "actionsRequired": "None"},
            "provisioningState": "Succeeded", "virtualNetwork": "/n/hub", "ipAddress": "10.1.0.4"})
    );
    let seen = agent.seen();
    assert_eq!((seen[0].method.as_str(), seen.len()), ("PUT", 1));
    assert!(seen[0].path.ends_with("/registries/contoso/privateEndpointConnections/desk"), "{}", seen[0].path);
    assert_eq!(seen[0].body, json!({"properties": {"virtualNetwork": "hub", "ipAddress": "10.1.0.4"}}));
}

#[tokio::test]
async fn a_private_endpoint_is_approved_and_rejected_by_its_state_alone() {
    let agent = StandInAgent::answering(200, &CONNECTION.replace("\"changed\":false", "\"changed\":true"));
    let printed = agent.run("private-endpoint-connection reject -r contoso -n desk --description moved").await;
    assert_eq!((printed.code, printed.err.as_str()), (0, ""));
    agent.run("private-endpoint-connection approve -r contoso -n desk --if-match 7").await;
    let seen = agent.seen();
    let state = |state: Value| json!({"properties": {"privateLinkServiceConnectionState": state}});
    assert_eq!(seen[0].body, state(json!({"status": "Rejected", "description": "moved"})));
    assert_eq!(seen[1].body, state(json!({"status": "Approved"})));
    assert_eq!((seen[1].method.as_str(), seen[1].if_match.as_deref()), ("PUT", Some("\"7\"")));
}

#[tokio::test]
async fn private_endpoints_are_listed_and_shown_in_every_format() {
    let agent = StandInAgent::answering(200, &format!(r#"{{"value":[{CONNECTION}]}}"#));
    let table = agent.run("private-endpoint-connection list -r contoso -o table").await.out;
    assert_eq!(
        table,
        "NAME  STATUS    IP ADDRESS  VIRTUAL NETWORK  HITS  REVISION\n\
         ----- --------- ----------- ---------------- ----- --------\n\
         desk  Approved  10.1.0.4    /n/hub           3     7\n"
    );
    let names = agent.run("private-endpoint-connection list -r contoso --query [].name -o tsv").await;
    assert_eq!(names.out, "desk\n");
    let agent = StandInAgent::answering(200, CONNECTION);
    let shown = agent.run("private-endpoint-connection show -r contoso -n desk --query ipAddress -o yaml").await;
    assert!(shown.out.contains("10.1.0.4"), "{}", shown.out);
    let agent = StandInAgent::answering(404, r#"{"error":{"code":"ResourceNotFound","message":"None."}}"#);
    for verb in ["show", "approve", "reject", "delete"] {
        let printed = agent.run(&format!("private-endpoint-connection {verb} -r contoso -n desk")).await;
        assert_eq!((printed.code, printed.err.as_str()), (3, "ERROR: (ResourceNotFound) None.\n"), "{verb}");
    }
}

#[tokio::test]
async fn a_removal_may_have_nothing_to_say() {
    let agent = StandInAgent::answering(204, "");
    let printed = agent.run("network vnet delete -n office").await;
    assert_eq!((printed.code, printed.out.as_str(), printed.err.as_str()), (0, "", ""));
}

#[tokio::test]
async fn check_exits_with_zero_whatever_the_verdict() {
    let report = r#"{"registry":"contoso","source":"198.51.100.1","vni":null,"verdict":"Deny","reason":"NoRule","rule":null,"message":"No rule.","revision":7}"#;
    let agent = StandInAgent::answering(200, report);
    let printed = agent.run("check -n contoso --source 198.51.100.1 --query verdict -o tsv").await;
    assert_eq!((printed.code, printed.out.as_str()), (0, "Deny\n"));
    let seen = agent.seen();
    assert_eq!(seen[0].method, "POST");
    assert_eq!(seen[0].body, json!({"source": "198.51.100.1", "vni": null, "destination": null}));
}

#[tokio::test]
async fn an_answer_that_is_not_json_is_an_error_and_not_a_panic() {
    let agent = StandInAgent::answering(200, "<html>");
    for command in ["show -n contoso", "list", "status", "check -n contoso --source 203.0.113.9", "network vnet list"] {
        let printed = agent.run(command).await;
        assert_eq!(printed.code, 1, "{command}");
        assert!(printed.err.contains("the agent's answer is not understood"), "{}", printed.err);
    }
}

#[tokio::test]
async fn detach_asks_the_agent() {
    let agent = StandInAgent::answering(200, r#"{"detached":["eth0"]}"#);
    let printed = agent.run("detach --pins /nonexistent").await;
    assert_eq!((printed.code, parsed(&printed.out)), (0, json!({"detached": ["eth0"]})));
    assert_eq!(agent.seen()[0].method, "POST");
}

#[tokio::test]
async fn a_service_tag_rule_goes_by_the_name_of_the_tag() {
    let answer = r#"{"action":"Allow","serviceTag":"Storage.WestEurope","prefixes":9,"changed":false,"revision":7}"#;
    let agent = StandInAgent::answering(200, answer);
    let printed = agent.run("network-rule add -n contoso --service-tag storage.westeurope -o table").await;
    assert_eq!((printed.code, printed.err.as_str()), (0, "already there: Storage.WestEurope (revision 7)\n"));
    agent.run("network-rule remove -n contoso --service-tag Storage.WestEurope --if-match 7").await;
    let seen = agent.seen();
    assert!(seen[0].path.ends_with("/registries/contoso/serviceTagRules/storage%2Ewesteurope"), "{}", seen[0].path);
    assert_eq!((seen[1].method.as_str(), seen[1].if_match.as_deref()), ("DELETE", Some("\"7\"")));
}

#[tokio::test]
async fn a_file_of_service_tags_travels_as_it_is_and_warnings_are_told() {
    let answer = r#"{"cloud":"Public","changeNumber":8,"tags":1,"prefixes":2,"tagsAdded":["A","B"],"tagsRemoved":[],
        "prefixesAdded":3,"prefixesRemoved":1,"rules":[{"serviceTag":"A"}],"warnings":["rule A allows nobody"],
        "changed":true,"revision":9,"destroyedConnections":0}"#;
    let agent = StandInAgent::answering(200, answer);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ServiceTags_Public_1.json");
    std::fs::write(&path, r#"{"changeNumber": 8}"#).unwrap();
    let printed = agent.run(&format!("service-tag import {} --prefixes --if-match 8", path.display())).await;
    assert_eq!((printed.code, printed.err.as_str()), (0, "WARNING: rule A allows nobody\n"));
    assert_eq!(parsed(&printed.out), parsed(answer));
    let table = agent.run(&format!("service-tag import {} -o table", path.display())).await.out;
    assert!(table.contains("TAGS ADDED") && table.contains("Public  8"), "{table}");
    let seen = agent.seen();
    assert!(seen[0].path.ends_with("/locations/local/serviceTags?prefixes=true"), "{}", seen[0].path);
    assert!(seen[1].path.ends_with("?prefixes=false"), "{}", seen[1].path);
    assert_eq!((seen[0].if_match.as_deref(), &seen[0].body), (Some("\"8\""), &json!({"changeNumber": 8})));
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_named_and_nothing_is_sent() {
    let agent = StandInAgent::answering(200, "{}");
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.json");
    std::fs::write(&empty, "").unwrap();
    for (file, words) in [("/nowhere/tags.json", "cannot be read: No such file"), (empty.to_str().unwrap(), "is empty")]
    {
        let printed = agent.run(&format!("service-tag import {file}")).await;
        assert_eq!(printed.code, 1);
        assert!(printed.err.contains(file) && printed.err.contains(words), "{}", printed.err);
    }
    assert!(agent.seen().is_empty());
}

#[tokio::test]
async fn service_tags_are_listed_flat() {
    let one = r#"{"id":"/t","name":"Storage","properties":{"region":"","systemService":"AzureStorage","changeNumber":3,
        "addressPrefixCount":2,"addressPrefixes":["192.0.2.0/24","2001:db8::/48"]}}"#;
    let agent = StandInAgent::answering_in_turn(&[(200, &format!(r#"{{"values":[{one}]}}"#)), (200, one)]);
    assert_eq!(agent.run("service-tag list --query [].systemService -o tsv").await.out, "AzureStorage\n");
    let shown = agent.run("service-tag show -n Storage --query addressPrefixes -o tsv").await.out;
    assert_eq!(shown, "192.0.2.0/24\n2001:db8::/48\n");
    assert!(agent.seen()[1].path.ends_with("/serviceTags/Storage"));
}

const APPLIED: &str = r#"{"revision":8,"changed":true,"destroyedConnections":0,"dryRun":false,
  "summary":{"add":1,"change":1,"remove":1},"steps":[
  {"change":"add","virtualNetwork":"office","list":"subnets","name":"ci","after":"10.1.7.0/24, no service endpoint"},
  {"change":"change","registry":"contoso","name":"defaultAction","before":"Allow","after":"Deny"},
  {"change":"remove","registry":"contoso","list":"ipRules","name":"203.0.113.0/24","before":"Allow"}]}"#;

fn document(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

#[tokio::test]
async fn apply_sends_the_document_and_tells_what_changed() {
    let agent = StandInAgent::answering(200, APPLIED);
    let file = document("version: 1 # ours\nregistries: [{name: contoso, defaultAction: Deny, ipRules: []}]\n");
    let command = format!("apply -f {}", file.path().display());
    let printed = agent.run(&format!("{command} --if-match 7")).await;
    assert_eq!((printed.code, printed.err.as_str()), (0, ""));
    assert_eq!(
        printed.out,
        "virtual network office\n  + subnets ci: 10.1.7.0/24, no service endpoint\nregistry contoso\n  ~ defaultAction: \
         Allow -> Deny\n  - ipRules 203.0.113.0/24: Allow\nApplied: 1 added, 1 changed, 1 removed. The kernel enforces \
         revision 8.\n"
    );
    let as_json = agent.run(&format!("{command} --query steps[].change -o tsv")).await;
    assert_eq!(as_json.out, "add\nchange\nremove\n");
    let seen = agent.seen();
    assert_eq!((seen[0].method.as_str(), seen[0].path.as_str()), ("POST", "/policy?dryRun=false"));
    assert_eq!(seen[0].if_match.as_deref(), Some("\"7\""));
    let registry = json!({"name": "contoso", "defaultAction": "Deny", "ipRules": []});
    assert_eq!(seen[0].body, json!({"version": 1, "registries": [registry]}));
}

#[tokio::test]
async fn a_plan_and_no_changes_say_so() {
    let file = document("version: 1");
    let command = format!("apply -f {}", file.path().display());
    let planned = APPLIED.replace("\"dryRun\":false", "\"dryRun\":true");
    let agent = StandInAgent::answering(200, &planned);
    let printed = agent.run(&format!("{command} --dry-run")).await;
    assert!(
        printed.out.ends_with("Plan: 1 to add, 1 to change, 1 to remove. Nothing was changed (revision 8).\n"),
        "{}",
        printed.out
    );
    agent.run(&format!("{command} --dry-run -o none")).await;
    assert_eq!(agent.seen()[0].path, "/policy?dryRun=true");
    assert_eq!(agent.seen()[1].path, "/policy?dryRun=true&return=minimal");
    let same = r#"{"revision":7,"changed":false,"destroyedConnections":0,"dryRun":false,
        "summary":{"add":0,"change":0,"remove":0},"steps":[]}"#;
    let printed = StandInAgent::answering(200, same).run(&command).await;
    assert_eq!(printed.out, "No changes: the policy is what the document says (revision 7).\n");
}

const UNDER_WAY: &str = r#"{"id":"/x/a","name":"a","status":"InProgress","percentComplete":40,
  "startTime":"2026-11-21T08:00:00.000Z","properties":{"request":"POST /policy","waiting":false}}"#;
const FAILED: &str = r#"{"id":"/x/a","name":"a","status":"Failed","percentComplete":100,
  "startTime":"2026-11-21T08:00:00.000Z","endTime":"2026-11-21T08:00:02.000Z",
  "properties":{"request":"POST /policy","waiting":false},"error":{"code":"PreconditionFailed","message":"No."}}"#;

#[tokio::test]
async fn apply_without_waiting_prints_the_operation() {
    let agent = StandInAgent::answering(202, UNDER_WAY);
    let file = document("version: 1");
    let printed = agent.run(&format!("apply -f {} --no-wait --query name -o tsv", file.path().display())).await;
    assert_eq!((printed.code, printed.out.as_str()), (0, "a\n"));
    let seen = agent.seen();
    assert_eq!(seen[0].path, "/policy?dryRun=false&return=minimal");
    assert_eq!(seen[0].prefer.as_deref(), Some("respond-async"));
}

#[tokio::test]
async fn to_wait_for_an_operation_that_fails_is_to_fail_with_its_reason() {
    let agent = StandInAgent::answering_in_turn(&[(200, UNDER_WAY), (200, FAILED)]);
    let printed = agent.run("operation wait --id a").await;
    assert_eq!((printed.code, printed.err.as_str()), (1, "ERROR: (PreconditionFailed) No.\n"));
    assert!(agent.seen().iter().all(|seen| seen.path.ends_with("/locations/local/operationStatuses/a")));
}

#[tokio::test]
async fn to_wait_for_all_operations_is_to_wait_for_those_that_have_not_ended() {
    let list = format!(r#"{{"value":[{FAILED},{}]}}"#, UNDER_WAY.replace("\"a\"", "\"b\""));
    let done = UNDER_WAY.replace("\"a\"", "\"b\"").replace("InProgress", "Succeeded");
    let agent = StandInAgent::answering_in_turn(&[(200, &list), (200, &done)]);
    let printed = agent.run("operation wait --query [].name -o tsv").await;
    assert_eq!((printed.code, printed.out.as_str()), (0, "b\n"));
    let table = StandInAgent::answering(200, &list).run("operation list -o table").await.out;
    assert!(table.starts_with("NAME  STATUS      PERCENT  REVISION  STARTED"), "{table}");
}

#[tokio::test]
async fn a_document_that_is_none_is_not_sent() {
    let agent = StandInAgent::answering(200, APPLIED);
    let file = document("version: 1\nregistry: []\n");
    let printed = agent.run(&format!("apply -f {}", file.path().display())).await;
    assert_eq!(printed.code, 1);
    assert!(printed.err.contains("unknown field `registry`") && printed.err.contains("line 2"), "{}", printed.err);
    assert!(agent.seen().is_empty());
}

#[tokio::test]
async fn export_is_yaml_in_the_order_of_a_document() {
    let exported = r#"{"version":1,"virtualNetworks":[],"registries":[{"name":"contoso","defaultAction":"Deny",
        "ipRules":[{"ipAddressOrRange":"2001:db8::","action":"Allow"}]}]}"#;
    let agent = StandInAgent::answering(200, exported);
    let printed = agent.run("export").await;
    assert_eq!(
        printed.out,
        "version: 1\nvirtualNetworks: []\nregistries:\n- name: contoso\n  defaultAction: Deny\n  ipRules:\n  - \
         ipAddressOrRange: '2001:db8::'\n    action: Allow\n"
    );
    assert_eq!(parsed(&agent.run("export -n contoso -o json").await.out), parsed(exported));
    let table = agent.run("export -o table").await.out;
    assert!(table.ends_with("contoso   ipRules  2001:db8::     Allow\n"), "{table}");
    let paths: Vec<String> = agent.seen().iter().map(|seen| seen.path.clone()).collect();
    assert_eq!(paths, ["/policy", "/policy?registry=contoso", "/policy"]);
}

#[tokio::test]
async fn restore_is_one_request_and_asks_whoever_sits_there() {
    let agent = StandInAgent::answering(200, REGISTRY);
    for refusal in ["n\n", "\n", ""] {
        let printed = agent.run_asked("restore -n contoso", refusal).await;
        assert_eq!(printed.code, 1);
        assert!(printed.err.contains("everyone can reach it") && printed.err.ends_with("ERROR: nothing was changed\n"));
    }
    assert!(agent.seen().is_empty());
    assert_eq!(agent.run_asked("restore -n contoso", "Y\n").await.code, 0);
    assert_eq!(agent.run_asked("restore -n contoso --yes", "n\n").await.code, 0);
    assert_eq!(agent.run("restore -n contoso --if-match 7").await.code, 0);
    let seen = agent.seen();
    assert_eq!((seen.len(), seen[0].method.as_str(), seen[2].if_match.as_deref()), (3, "PATCH", Some("\"7\"")));
    assert_eq!(
        seen[0].body,
        json!({"properties": {"publicNetworkAccess": "Enabled",
            "networkRuleSet":
                {"defaultAction": "Allow", "ipRules": [], "virtualNetworkRules": [], "serviceTagRules": []}}})
    );
}

#[tokio::test]
async fn a_network_update_sends_only_what_was_named_under_the_revision_it_read() {
    let agent = StandInAgent::answering(200, r#"{"id":"/n","name":"office","properties":{"vni":7},"revision":7}"#);
    let printed = agent.run("network vnet update -n office --vni 8 -g rg").await;
    assert_eq!((printed.code, printed.err.as_str()), (0, ""));
    let seen = agent.seen();
    assert_eq!((seen[0].method.as_str(), seen[1].method.as_str()), ("GET", "PUT"));
    assert_eq!(seen[1].if_match.as_deref(), Some("\"7\""));
    assert_eq!(seen[1].body, json!({"properties": {"vni": 8}}));
}

#[tokio::test]
async fn a_rule_without_effect_says_why_beside_the_answer() {
    let answer = r#"{"action":"Allow","value":"203.0.113.9","hits":0,"revision":8,"changed":true,"note":"because"}"#;
    let printed =
        StandInAgent::answering(200, answer).run("network-rule add -n contoso --ip-address 203.0.113.9").await;
    assert_eq!((printed.code, printed.err.as_str()), (0, "no effect at present: because\n"));
    assert_eq!(parsed(&printed.out).get("note"), None);
}
