use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::time::Instant;

use super::*;

#[tokio::test]
async fn a_million_rules_go_in_and_come_out() {
    let served = Served::new();
    let mut body = String::from(r#"{"properties":{"networkRuleSet":{"ipRules":["#);
    for n in 0..1_000_000_u32 {
        let comma = if n == 0 { "" } else { "," };
        let address = Ipv4Addr::from(0x2000_0000 + n * 97);
        write!(body, r#"{comma}{{"value":"{address}","action":"Allow"}}"#).unwrap();
    }
    body.push_str("]}}}");
    let path = format!("{}?return=minimal", contoso());
    let started = Instant::now();
    let answer = served.ask("PATCH", &path, &[], body.into_bytes()).await;
    let patched = started.elapsed();
    assert_eq!((answer.status, &answer.body["changed"]), (200, &json!(true)), "{}", answer.body);
    // The buffers of so large a request are given back when the next one comes.
    served.get(&network_id("")).await;
    let started = Instant::now();
    let answer = served.ask("PUT", &ip_rule("203.0.113.9"), &[], Vec::new()).await;
    let added = started.elapsed();
    assert_eq!(answer.status, 200);
    let started = Instant::now();
    let shown = served.get(&contoso()).await;
    let shown_in = started.elapsed();
    assert_eq!(shown.body["properties"]["networkRuleSet"]["ipRules"].as_array().unwrap().len(), 1_000_001);
    let started = Instant::now();
    let listed = served.get(&format!("{}/ipRules", contoso())).await;
    let listed_in = started.elapsed();
    assert_eq!(listed.body["value"].as_array().unwrap().len(), 1_000_001);
    println!(
        "FIGURE: 1000000 rules over the API: PATCH {patched:.1?}, one more {added:.1?}, show {shown_in:.1?} ({} MiB), list with hits \
         {listed_in:.1?}, client included",
        shown.length >> 20
    );
}
