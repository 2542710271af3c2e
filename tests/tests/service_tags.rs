//! Service tags: a file of real size, newer files under traffic, rules whose tag comes and goes, and the watched path.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::net::{
    Agent, Attempts, Client, GuardConfig, KeptAlive, Listener, Network, Outcome, Process, PublishedTags, Traffic,
    address, eventually,
};

const REGISTRY: &str = GuardConfig::REGISTRY;
/// Those that every file allows, in one way or another.
const STAYS: [&str; 2] = ["198.51.100.7", "2001:db8:1::7"];
/// Those that only files with an odd number allow, and those that only files with an even number do.
const ODD: [&str; 2] = ["198.51.100.20", "2001:db8:1::14"];
const EVEN: [&str; 2] = ["198.51.100.36", "2001:db8:1::24"];
/// Those that no file allows.
const NEVER: [&str; 2] = ["198.51.100.66", "2001:db8:1::66"];
/// How often a newer file takes the place of another under traffic, at the least.
const TIMES: u64 = 6;
/// Connections tried meanwhile by the allowed clients together, and by the denied ones.
const ATTEMPTS_AT_LEAST: u64 = 1000;
/// The guard answers those that it denies with a reset. Only a starved machine loses a SYN, and sends it again.
const PATIENCE: Duration = Duration::from_mins(1);

/// A file of real size whose largest tag has the prefixes of clients: the same ones in other words in every second file.
fn large(number: u64) -> PublishedTags {
    let odd: &[&str] = &["198.51.100.0/28", "2001:db8:1::/124", "198.51.100.16/28", "2001:db8:1::10/124"];
    let even: &[&str] = &["198.51.100.0/29", "2001:db8:1::/125", "198.51.100.32/28", "2001:db8:1::20/124"];
    PublishedTags::large(number).with(PublishedTags::LARGEST, if number.is_multiple_of(2) { even } else { odd })
}

fn import(agent: &Agent, network: &Network, file: &PublishedTags) -> Result<Value> {
    let path = network.folder().join("ServiceTags_Public.json");
    file.write(&path)?;
    agent.json(["service-tag".as_ref(), "import".as_ref(), path.as_os_str()])
}

fn tag_rule(agent: &Agent, verb: &str, tag: &str) -> Result<Value> {
    agent.json(["network-rule", verb, "-n", REGISTRY, "--service-tag", tag])
}

fn outcome(client: &Client, source: &str) -> Result<Outcome> {
    let source = address(source);
    Ok(client.connect(source, Network::registry_of(source, 443), PATIENCE)?.outcome)
}

fn assert_all(client: &Client, sources: &[&str], expected: Outcome) -> Result<()> {
    sources.iter().try_for_each(|source| {
        assert_eq!(outcome(client, source)?, expected, "{source}");
        Ok(())
    })
}

fn dial(client: &Client, sources: &[&str]) -> Result<Vec<KeptAlive>> {
    sources.iter().map(|source| KeptAlive::open(client.namespace(), source, 443)).collect()
}

fn verdict(agent: &Agent, source: &str) -> Result<Value> {
    let answer = agent.json(["check", "-n", REGISTRY, "--source", source])?;
    Ok(json!([answer["verdict"], answer["reason"], answer["rule"], answer["prefix"]]))
}

fn status_of_tags(agent: &Agent) -> Result<Value> {
    Ok(agent.json(["status"])?["serviceTags"].clone())
}

fn stop(traffic: Vec<Traffic>) -> Result<Attempts> {
    traffic.into_iter().map(Traffic::stop).sum()
}

fn mebibytes(bytes: u64) -> u64 {
    bytes >> 20
}

#[test]
fn a_newer_file_of_real_size_changes_verdicts_and_no_allowed_connection_is_lost() -> Result<()> {
    let mut network = Network::new()?;
    let client = network.client("client", &[STAYS, ODD, EVEN, NEVER].concat())?;
    let listener = Listener::start(network.host(), "[::]:443".parse()?)?;
    let config = GuardConfig::of(&network).rules(200_000).events_per_second(0).reset();
    let agent = Agent::start(&network, &config.to_string())?;
    let resident = || Process::of(agent.pid().context("a running agent")?).resident();
    let at_first = resident()?;

    let start = Instant::now();
    let first = import(&agent, &network, &large(1))?;
    println!(
        "imported {} tags with {} prefixes in {:.2?}; the agent has {} MiB instead of {}",
        first["tags"],
        first["prefixes"],
        start.elapsed(),
        mebibytes(resident()?),
        mebibytes(at_first)
    );
    assert_eq!((&first["tags"], &first["prefixes"]), (&json!(PublishedTags::TAGS), &json!(PublishedTags::PREFIXES)));
    assert_eq!(first["tagsAdded"].as_array().map(Vec::len), Some(PublishedTags::TAGS));
    assert_all(&client, &STAYS, Outcome::Refused)?;

    let start = Instant::now();
    let added = tag_rule(&agent, "add", &PublishedTags::LARGEST.to_lowercase())?;
    println!("a rule of {} prefixes in {:.2?}; {} MiB", added["prefixes"], start.elapsed(), mebibytes(resident()?));
    assert_eq!((&added["prefixes"], &added["effective"]), (&json!(PublishedTags::LARGEST_HAS), &json!(true)));
    assert_all(&client, &[STAYS, ODD].concat(), Outcome::Connected)?;
    assert_all(&client, &[EVEN, NEVER].concat(), Outcome::Refused)?;
    let (tag, prefix) = (PublishedTags::LARGEST, "198.51.100.0/28");
    assert_eq!(verdict(&agent, STAYS[0])?, json!(["Allow", "ServiceTagRule", tag, prefix]));
    assert_eq!(tag_rule(&agent, "add", tag)?["hits"], 4);

    let traffic = |sources: [&str; 2]| -> Result<Vec<Traffic>> {
        let start =
            |source| Traffic::start(&client, address(source), Network::registry_of(address(source), 443), PATIENCE);
        sources.into_iter().map(start).collect()
    };
    let (allowed, denied) = (traffic(STAYS)?, traffic(NEVER)?);
    let many = |traffic: &[Traffic], count: fn(&Attempts) -> u64| {
        traffic.iter().map(|one| count(&one.so_far())).sum::<u64>() > ATTEMPTS_AT_LEAST
    };
    let (mut number, mut took, mut most) = (1, Duration::ZERO, 0);
    while number <= TIMES || !(many(&allowed, |it| it.connected) && many(&denied, Attempts::failed)) {
        let (come, go) = if number.is_multiple_of(2) { (ODD, EVEN) } else { (EVEN, ODD) };
        let (mut stay, gone) = (dial(&client, &STAYS)?, dial(&client, &go)?);
        number += 1;
        let file = large(number);
        let start = Instant::now();
        let answer = import(&agent, &network, &file)?;
        took += start.elapsed();
        most = most.max(resident()?);
        gone.into_iter().for_each(KeptAlive::assert_dead);
        stay.iter_mut().for_each(KeptAlive::assert_alive);
        // Connections that their client has closed, and the registry not yet, are destroyed too.
        assert!(answer["destroyedConnections"].as_u64() >= Some(2), "{answer}");
        assert_eq!(answer["changed"], true);
        assert_eq!(
            (&answer["tagsAdded"], &answer["tagsRemoved"], &answer["warnings"]),
            (&json!([]), &json!([]), &json!([]))
        );
        assert_eq!(answer["rules"][0]["serviceTag"], tag);
        assert_all(&client, &come, Outcome::Connected)?;
        assert_all(&client, &go, Outcome::Refused)?;
        listener.forget();
    }
    let times = number - 1;
    let (allowed, denied) = (stop(allowed)?, stop(denied)?);
    println!(
        "{times} newer files, {:.2?} each; {} MiB at the most; allowed {} connected, {} failed; denied {} refused, {} connected",
        took / u32::try_from(times)?,
        mebibytes(most),
        allowed.connected,
        allowed.failed(),
        denied.refused,
        denied.connected
    );
    assert_eq!(allowed.failed(), 0, "an allowed client met another policy: {allowed:?}");
    assert_eq!(denied.connected, 0, "a denied client met another policy: {denied:?}");
    Ok(())
}

/// A small file with two tags; one without prefixes is left out.
fn small(number: u64, one: &[&str], two: &[&str]) -> PublishedTags {
    let mut file = PublishedTags::of("Public", number).with("Other", &["192.0.2.0/24"]);
    for (name, prefixes) in [("One", one), ("Two", two)] {
        if !prefixes.is_empty() {
            file = file.with(name, prefixes);
        }
    }
    file
}

#[test]
fn what_is_beneath_an_ip_rule_decides_again_when_the_rule_is_gone() -> Result<()> {
    let mut network = Network::new()?;
    let client = network.client("client", &STAYS)?;
    let _listener = Listener::start(network.host(), "[::]:443".parse()?)?;
    let mut agent = Agent::start(&network, &GuardConfig::of(&network).reset().to_string())?;
    import(&agent, &network, &small(1, &["198.51.100.0/24"], &["198.51.100.0/24", "198.51.100.7"]))?;
    tag_rule(&agent, "add", "one")?;
    let by = |rule: &str, prefix: &str| json!(["Allow", "ServiceTagRule", rule, prefix]);
    let ip = |verb: &str, action: &[&str]| {
        let named = ["network-rule", verb, "-n", REGISTRY, "--ip-address", "198.51.100.0/24"];
        agent.json(named.iter().chain(action))
    };
    assert_eq!(verdict(&agent, STAYS[0])?, by("One", "198.51.100.0/24"));
    ip("add", &["--action", "Deny"])?;
    assert_eq!(verdict(&agent, STAYS[0])?, json!(["Deny", "DenyRule", "198.51.100.0/24", null]));
    assert_all(&client, &STAYS[..1], Outcome::Refused)?;
    ip("remove", &[])?;
    assert_eq!(verdict(&agent, STAYS[0])?, by("One", "198.51.100.0/24"));
    assert_all(&client, &STAYS[..1], Outcome::Connected)?;

    agent.json(["network-rule", "add", "-n", REGISTRY, "--service-tag", "Two", "--action", "Deny"])?;
    assert_eq!(verdict(&agent, STAYS[0])?, json!(["Deny", "DenyRule", "Two", "198.51.100.7/32"]));
    ip("add", &[])?;
    assert_eq!(verdict(&agent, "198.51.100.9")?, json!(["Allow", "IpRule", "198.51.100.0/24", null]));
    let mut open = KeptAlive::open(client.namespace(), STAYS[0], 443);
    assert!(open.is_err(), "the longer prefix wins");
    tag_rule(&agent, "remove", "Two")?;
    open = KeptAlive::open(client.namespace(), STAYS[0], 443);
    agent.json(["network-rule", "add", "-n", REGISTRY, "--service-tag", "Two", "--action", "Deny"])?;
    open?.assert_dead();
    let removed = ip("remove", &[])?;
    assert_eq!(removed["changed"], true);
    assert_eq!(verdict(&agent, "198.51.100.9")?, json!(["Deny", "DenyRule", "Two", "198.51.100.0/24"]));

    agent.restart()?;
    assert_eq!(verdict(&agent, "198.51.100.9")?, json!(["Deny", "DenyRule", "Two", "198.51.100.0/24"]));
    let rules = agent.json(["network-rule", "list", "-n", REGISTRY])?["serviceTagRules"].clone();
    assert_eq!(rules, json!([{"action": "Allow", "serviceTag": "One"}, {"action": "Deny", "serviceTag": "Two"}]));
    Ok(())
}

#[test]
fn a_rule_outlasts_its_tag_and_a_refused_file_changes_nothing() -> Result<()> {
    let mut network = Network::new()?;
    let client = network.client("client", &STAYS)?;
    let _listener = Listener::start(network.host(), "[::]:443".parse()?)?;
    let agent = Agent::start(&network, &GuardConfig::of(&network).reset().to_string())?;
    import(&agent, &network, &small(5, &["198.51.100.0/24"], &["192.0.2.0/25"]))?;
    tag_rule(&agent, "add", "One")?;
    agent.json(["network-rule", "add", "-n", REGISTRY, "--service-tag", "Two", "--action", "Deny"])?;
    let open = KeptAlive::open(client.namespace(), STAYS[0], 443)?;

    let gone = import(&agent, &network, &small(6, &[], &["192.0.2.0/25"]))?;
    open.assert_dead();
    assert_eq!((&gone["tagsRemoved"], &gone["rules"][0]["effective"]), (&json!(["One"]), &json!(false)));
    ensure!(gone["warnings"][0].as_str().is_some_and(|warning| warning.contains("service tag One")), "{gone}");
    assert_all(&client, &STAYS[..1], Outcome::Refused)?;
    let registry = agent.json(["status", "--query", "registries[0]"])?;
    assert_eq!((&registry["serviceTagRules"], &registry["unresolvedServiceTags"]), (&json!(2), &json!(["One"])));
    let rules = agent.json(["network-rule", "list", "-n", REGISTRY, "--hits"])?["serviceTagRules"].clone();
    assert_eq!((&rules[0]["effective"], &rules[1]["effective"]), (&json!(false), &json!(true)));

    let path = network.folder().join("refused.json");
    let before = agent.json(["status", "--query", "revision"])?;
    let whole = small(7, &["198.51.100.0/24"], &["192.0.2.0/25"]).text();
    let other_cloud = PublishedTags::of("AzureGovernment", 9).with("Two", &["192.0.2.0/25"]).text();
    for (text, words) in [
        (small(7, &["198.51.100.0/24"], &[]).text(), "service tag `Two` is not in this file, and a Deny rule"),
        (small(5, &["198.51.100.0/24"], &["192.0.2.0/25"]).text(), "changeNumber: `5` is older than 6"),
        (small(6, &["198.51.100.0/24"], &["192.0.2.0/25"]).text(), "changeNumber: `6` is held already, with other"),
        (whole[..whole.len() - 2].to_owned(), "EOF while parsing"),
        (whole.replace("192.0.2.0/25", "192.0.2.0/33"), "(service tag Two): `192.0.2.0/33`"),
        (other_cloud, "cloud: `AzureGovernment` is another cloud"),
    ] {
        fs::write(&path, text)?;
        let refused = agent.cli(["service-tag".as_ref(), "import".as_ref(), path.as_os_str()])?;
        assert!(
            refused.status.and_then(|status| status.code()) == Some(1) && refused.stderr.contains(words),
            "{refused:?}"
        );
    }
    assert_eq!(agent.json(["status", "--query", "revision"])?, before);
    assert_eq!(verdict(&agent, STAYS[0])?[0], "Deny");

    import(&agent, &network, &small(7, &["198.51.100.0/24"], &["192.0.2.0/25"]))?;
    assert_all(&client, &STAYS[..1], Outcome::Connected)?;
    Ok(())
}

#[test]
fn newer_files_at_the_watched_path_are_imported_and_others_are_told_of() -> Result<()> {
    let mut network = Network::new()?;
    let client = network.client("client", &STAYS)?;
    let _listener = Listener::start(network.host(), "[::]:443".parse()?)?;
    let folder = network.folder().join("service-tags");
    fs::create_dir(&folder)?;
    small(1, &["198.51.100.0/24"], &[]).write(&folder.join("ServiceTags_Public_1.json"))?;
    let config = GuardConfig::of(&network).reset().watch_service_tags(&folder);
    let mut agent = Agent::start(&network, &config.to_string())?;
    let holds = |agent: &Agent, number: u64| {
        eventually("the file is held", || Ok(status_of_tags(agent)?["changeNumber"] == number))
    };
    let tells = |agent: &Agent, words: &str| {
        let told = || Ok(status_of_tags(agent)?["problem"].as_str().is_some_and(|problem| problem.contains(words)));
        eventually("the problem is told", told)
    };
    holds(&agent, 1)?;
    tag_rule(&agent, "add", "One")?;
    assert_all(&client, &STAYS[..1], Outcome::Connected)?;

    let newer = folder.join("ServiceTags_Public_2.json");
    let text = small(2, &["192.0.2.0/25"], &[]).text();
    fs::write(&newer, &text[..text.len() / 2])?;
    tells(&agent, "ServiceTags_Public_2.json: is not a file of service tags")?;
    assert_all(&client, &STAYS[..1], Outcome::Connected)?;
    fs::write(&newer, &text)?;
    holds(&agent, 2)?;
    assert_all(&client, &STAYS[..1], Outcome::Refused)?;
    assert_eq!(status_of_tags(&agent)?["problem"], Value::Null);

    agent.json(["network-rule", "add", "-n", REGISTRY, "--service-tag", "One", "--action", "Deny"])?;
    small(3, &[], &[]).write(&folder.join("ServiceTags_Public_3.json"))?;
    tells(&agent, "service tag `One` is not in this file, and a Deny rule of registry `contoso`")?;
    fs::remove_file(folder.join("ServiceTags_Public_3.json"))?;
    small(4, &["198.51.100.7"], &[]).write(&folder.join("ServiceTags_Public_4.json"))?;
    holds(&agent, 4)?;
    assert_eq!(verdict(&agent, STAYS[0])?, json!(["Deny", "DenyRule", "One", "198.51.100.7/32"]));

    agent.restart()?;
    holds(&agent, 4)?;
    fs::remove_dir_all(&folder)?;
    tells(&agent, "cannot be read")?;
    assert_eq!(status_of_tags(&agent)?["changeNumber"], 4);
    assert!(agent.log().contains("service tags imported"), "{}", agent.log());
    Ok(())
}
