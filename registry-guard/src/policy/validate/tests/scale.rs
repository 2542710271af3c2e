use super::*;

#[test]
fn a_million_rules_are_checked_and_applied() {
    let values: Vec<String> =
        (0..1_000_000_u32).map(|n| std::net::Ipv4Addr::from(0x2000_0000 + n * 97).to_string()).collect();
    let rules = values.iter().map(|value| RuleRequest { value: value.clone(), action: None }).collect();
    let mut policy = policy();
    let started = std::time::Instant::now();
    let change = patch(RegistryPatch { ip_rules: Some(rules), ..RegistryPatch::default() });
    let edits = checked(&policy, &change).unwrap();
    let checked_in = started.elapsed();
    let started = std::time::Instant::now();
    policy.apply(&edits);
    let applied_in = started.elapsed();
    assert_eq!(ip_rules(&policy).len(), 1_000_000);
    let again = std::time::Instant::now();
    assert_eq!(checked(&policy, &change).unwrap(), []);
    let same_in = again.elapsed();
    drop(edits);
    let single = std::time::Instant::now();
    let edits = checked(&policy, &add_ip("203.0.113.9")).unwrap();
    policy.apply(&edits);
    let single_in = single.elapsed();
    assert_eq!(ip_rules(&policy).len(), 1_000_001);
    println!(
        "FIGURE: 1000000 rules in the policy: checked in {checked_in:.1?}, applied in {applied_in:.1?}, the same again {same_in:.1?}, one \
         more {single_in:.1?}"
    );
}
