//! What can happen to the tables while they are changed.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tests::net::{GuardConfig, KeptAlive, Listener, Visitor, expect_same};

use crate::scene::{ALLOWED, LEAVER, REGISTRY, Scene};
use crate::table::Outcome;

/// The usual rules, and `others` beside them, none of which covers whom tests deny.
pub(crate) fn rules(others: u32, first: u32) -> Value {
    let allowed = [ALLOWED, Visitor::ALLOWED].map(str::to_owned).into_iter();
    let other = |number: u32| format!("2001:db8:{:x}:{:x}::/64", number >> 16, number & 0xffff);
    let values = allowed.chain((first..first + others).map(other));
    let rules: Vec<Value> = values.map(|value| json!({"action": "Allow", "value": value})).collect();
    json!({"properties": {"networkRuleSet": {"ipRules": rules}}})
}

/// Lists of 2,000 rules, one after the other.
pub(crate) fn lists_exchanged() -> Result<Outcome> {
    Scene::set()?
        .under_flood(|scene| {
            (0..10).try_for_each(|round| scene.agent.patch(REGISTRY, &rules(2000, round * 1000)).map(drop))
        })
        .map(Outcome::Stood)
}

pub(crate) fn map_full() -> Result<Outcome> {
    Scene::with(|network| Ok(GuardConfig::of(network).rules(4)))?
        .under_flood(|scene| {
            for ip in ["192.0.2.1", "192.0.2.2"] {
                scene.agent.json(["network-rule", "add", "-n", REGISTRY, "--ip-address", ip])?;
            }
            let before = scene.agent.everything()?;
            let one_more = scene.agent.cli(["network-rule", "add", "-n", REGISTRY, "--ip-address", "192.0.2.3"])?;
            ensure!(one_more.status.and_then(|status| status.code()) == Some(1), "{one_more:?}");
            ensure!(one_more.stderr.contains("limits.rules"), "{}", one_more.stderr);
            ensure!(scene.agent.patch(REGISTRY, &rules(10, 0)).is_err(), "a list of 12 rules fits into 4");
            // Hits go on being counted.
            let hits = |everything: &Value| {
                let mut everything = everything.clone();
                everything["kernel"]["RULE_HITS"] = Value::Null;
                everything[format!("network-rule list -n {REGISTRY} --hits").as_str()] = Value::Null;
                everything
            };
            expect_same(&hits(&before), &hits(&scene.agent.everything()?), "a rule too many")
        })
        .map(Outcome::Stood)
}

/// 50,000 prefixes in, others in their place, and all of them out.
pub(crate) fn many_prefixes() -> Result<Outcome> {
    let before = stalls();
    let outcome = Scene::with(|network| Ok(GuardConfig::of(network).rules(100_000)))?
        .under_flood(|scene| {
            for (others, first) in [(50_000, 0), (50_000, 50_000), (0, 0)] {
                scene.agent.patch(REGISTRY, &rules(others, first))?;
            }
            Ok(())
        })
        .map(Outcome::Stood)?;
    let after = stalls();
    ensure!(after == before, "the kernel says that a CPU was held: {:?}", after.iter().skip(before.len()));
    Ok(outcome)
}

/// What the kernel's log says of CPUs that were held for too long; nothing where it cannot be read.
fn stalls() -> Vec<String> {
    let log = std::process::Command::new("dmesg").output().map(|ran| ran.stdout).unwrap_or_default();
    let log = String::from_utf8_lossy(&log).into_owned();
    let is_stall = |line: &&str| line.contains("soft lockup") || line.contains("self-detected stall");
    log.lines().filter(is_stall).map(str::to_owned).collect()
}

/// Connections of a source whose rule goes are ended, those of another stay.
pub(crate) fn rule_removed() -> Result<Outcome> {
    const PORT: u16 = 8443;
    let mut scene = Scene::with(|network| Ok(GuardConfig::of(network).listen("203.0.113.10:8443")))?;
    let _listener = Listener::start(scene.network.host(), "[::]:8443".parse()?)?;
    scene.agent.json(["network-rule", "add", "-n", REGISTRY, "--ip-address", LEAVER])?;
    let open = |source| KeptAlive::open(scene.client.namespace(), source, PORT);
    let (mut stays, goes) = (open(ALLOWED)?, open(LEAVER)?);
    scene
        .under_flood(|scene| {
            let removed = scene.agent.json(["network-rule", "remove", "-n", REGISTRY, "--ip-address", LEAVER])?;
            ensure!(removed["destroyedConnections"] == 1, "{removed}");
            goes.assert_dead();
            stays.assert_alive();
            Ok(())
        })
        .map(Outcome::Stood)
}
