//! No packet meets half a policy: rules are replaced under traffic.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::net::{Agent, Attempts, Client, GuardConfig, Listener, Network, Traffic, address, eventually};

const REGISTRY: &str = GuardConfig::REGISTRY;
/// How often rules are replaced, and how often a single one comes and goes, at the least.
const TIMES: u32 = 200;
/// Connections tried meanwhile by the allowed clients together, and by the denied ones.
const ATTEMPTS_AT_LEAST: u64 = 1000;
/// Rules of each list.
const RULES: u32 = 2000;

const ALLOWED: [&str; 2] = ["198.51.100.7", "2001:db8:1::7"];
const DENIED: [&str; 2] = ["198.51.100.66", "2001:db8:1::66"];

/// A list of rules that allows [`ALLOWED`] and not [`DENIED`]. The two lists say so in different words: `narrow` names who may
/// come; the other allows everyone around and makes an exception. Half of one and half of the other lets the denied in, or
/// keeps the allowed out; so does a moment without rules.
fn list(narrow: bool) -> Value {
    let said: &[(&str, &str)] = if narrow {
        &[("Allow", "198.51.100.0/26"), ("Allow", "2001:db8:1::/123")]
    } else {
        &[
            ("Allow", "2001:db8::/32"),
            ("Allow", "198.51.100.0/24"),
            ("Deny", "198.51.100.64/26"),
            ("Deny", "2001:db8:1::60/123"),
        ]
    };
    let rule = |action: &str, value: &str| json!({"action": action, "value": value});
    let said = said.iter().map(|(action, value)| rule(action, value));
    // Other rules stand between those that matter: in the list, and in the order of their addresses.
    let others =
        (0..RULES).map(|number| rule("Allow", &format!("2001:db8:{:x}::/48", 0x8000 + number * 2 + u32::from(narrow))));
    let (first, last): (Vec<_>, Vec<_>) = said.enumerate().partition(|(place, _)| place % 2 == 0);
    let bare = |numbered: Vec<(usize, Value)>| numbered.into_iter().map(|(_, rule)| rule);
    bare(first).chain(others).chain(bare(last)).collect()
}

/// Clients that connect all the time: two that are allowed and two that are not.
struct Crowd {
    allowed: Vec<Traffic>,
    denied: Vec<Traffic>,
}

impl Crowd {
    fn start(allowed: &Client, denied: &Client) -> Result<Self> {
        // The guard answers those that it denies with a reset. Only a starved machine loses a SYN, and sends it again.
        let limit = Duration::from_mins(1);
        let start = |client: &Client, sources: [&str; 2]| -> Result<Vec<Traffic>> {
            let sources = sources.into_iter().map(address);
            sources.map(|source| Traffic::start(client, source, Network::registry_of(source, 443), limit)).collect()
        };
        Ok(Self { allowed: start(allowed, ALLOWED)?, denied: start(denied, DENIED)? })
    }

    /// Waits until each has tried once more.
    fn turn_over(&self) -> Result<()> {
        let all = || self.allowed.iter().chain(&self.denied);
        let tries = |traffic: &Traffic| traffic.so_far().connected + traffic.so_far().failed();
        let before: Vec<u64> = all().map(tries).collect();
        eventually("each client has tried again", || Ok(all().zip(&before).all(|(one, tried)| tries(one) > *tried)))
    }

    /// Whether so many connections were tried that a gap would have shown.
    fn is_large_enough(&self) -> bool {
        let many = |traffic: &[Traffic], count: fn(&Attempts) -> u64| {
            traffic.iter().map(|one| count(&one.so_far())).sum::<u64>() > ATTEMPTS_AT_LEAST
        };
        many(&self.allowed, |attempts| attempts.connected) && many(&self.denied, Attempts::failed)
    }

    fn stop(self, what: &str) -> Result<()> {
        let sum = |traffic: Vec<Traffic>| traffic.into_iter().map(Traffic::stop).sum::<Result<Attempts>>();
        let (allowed, denied) = (sum(self.allowed)?, sum(self.denied)?);
        println!(
            "FIGURE: {what}: allowed {} connected, {} failed; denied {} refused, {} connected",
            allowed.connected,
            allowed.failed(),
            denied.refused,
            denied.connected
        );
        assert_eq!(allowed.failed(), 0, "an allowed client met another policy: {allowed:?}");
        assert_eq!(denied.connected, 0, "a denied client met another policy: {denied:?}");
        Ok(())
    }
}

/// Runs `change` many times, under the traffic of allowed and denied clients.
fn under_traffic(what: &str, change: impl Fn(&Agent, u32) -> Result<()>) -> Result<()> {
    let mut network = Network::new()?;
    let allowed = network.client("allowed", &ALLOWED)?;
    let denied = network.client("denied", &DENIED)?;
    let listener = Listener::start(network.host(), "[::]:443".parse()?)?;
    let agent = Agent::start(&network, &GuardConfig::of(&network).reset().to_string())?;
    replace(&agent, &list(true))?;
    let crowd = Crowd::start(&allowed, &denied)?;
    crowd.turn_over()?;
    let start = Instant::now();
    let mut changes = 0;
    while changes < TIMES || !crowd.is_large_enough() {
        change(&agent, changes)?;
        listener.forget();
        changes += 1;
    }
    let took = start.elapsed();
    crowd.turn_over()?;
    crowd.stop(&format!("{changes} times {what} in {took:.1?}"))
}

fn replace(agent: &Agent, rules: &Value) -> Result<()> {
    let answer = agent.patch(REGISTRY, &json!({"properties": {"networkRuleSet": {"ipRules": rules}}}))?;
    ensure!(answer["changed"] == true, "the lists differ: {answer}");
    Ok(())
}

#[test]
fn bulk_replacement_is_seen_by_no_connection() -> Result<()> {
    let lists = [list(false), list(true)];
    under_traffic("2000 rules replaced", |agent, number| {
        replace(agent, &lists[number as usize % 2])?;
        // A machine with few processors gives the clients their turn on each list.
        thread::sleep(Duration::from_millis(2));
        Ok(())
    })
}

#[test]
fn single_changes_of_other_rules_are_seen_by_no_connection() -> Result<()> {
    under_traffic("a rule added and removed", |agent, number| {
        let rule = format!("{}/ipRules/203.0.113.{}", Agent::registry_path(REGISTRY), number % 200);
        let added = agent.request("PUT", &rule, &[], b"")?.expect_success()?;
        let removed = agent.request("DELETE", &rule, &[], b"")?.expect_success()?;
        let revision = |answer: &Value| answer["revision"].as_u64().context("a revision");
        ensure!(revision(&removed)? == revision(&added)? + 1);
        Ok(())
    })
}
