//! A hundred thousand and a million rules: one PATCH, and everything stays usable.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs;
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng, SeedableRng as _};
use serde_json::Value;
use tests::net::{Agent, Attempt, Client, Listener, Network, Outcome, run};

const OFFICE: &str = "198.51.100.7";
const VISITOR: &str = "198.51.100.200";
/// A denied connection is given up after this time.
const PATIENCE: Duration = Duration::from_millis(300);
/// The most that a command may take, so that a test ends; no statement about how fast it is.
const LIMIT: Duration = Duration::from_mins(8);
const REGISTRY: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/registry-guard/providers/\
                        Microsoft.ContainerRegistry/registries/contoso";

/// Rules as the agent is told them, and as a table that can be asked.
struct Rules {
    listed: Vec<(IpNet, bool)>,
    allows: HashMap<IpNet, bool>,
}

impl Rules {
    /// `count` rules of which `kept` are the first ones, and the others random; every tenth denies.
    fn random(random: &mut StdRng, kept: &[(IpNet, bool)], count: usize) -> Self {
        let mut rules = Self { listed: kept.to_vec(), allows: kept.iter().copied().collect() };
        while rules.listed.len() < count {
            let (prefix, allow) = (prefix(random), !random.random_ratio(1, 10));
            if let Entry::Vacant(new) = rules.allows.entry(prefix) {
                new.insert(allow);
                rules.listed.push((prefix, allow));
            }
        }
        rules
    }

    /// The body of the PATCH that makes these the rules, in a file.
    fn write(&self, path: &Path) -> Result<PathBuf> {
        let mut file = std::io::BufWriter::new(fs::File::create(path)?);
        let mut separator = r#"{"properties":{"networkRuleSet":{"ipRules":["#;
        for (prefix, allow) in &self.listed {
            let action = if *allow { "Allow" } else { "Deny" };
            write!(file, r#"{separator}{{"value":"{prefix}","action":"{action}"}}"#)?;
            separator = ",";
        }
        file.write_all(b"]}}}")?;
        file.flush()?;
        Ok(path.to_owned())
    }

    /// What decides about `source`: its longest prefix, found by trying each length.
    fn longest(&self, source: IpAddr) -> Option<(IpNet, bool)> {
        let lengths = (0..=if source.is_ipv4() { 32 } else { 128 }).rev();
        let mut covering = lengths.filter_map(|length| Some(IpNet::new(source, length).ok()?.trunc()));
        covering.find_map(|prefix| Some((prefix, *self.allows.get(&prefix)?)))
    }
}

/// A prefix in the networks that RFC 2544 and RFC 3849 keep for tests and documentation.
fn prefix(random: &mut impl Rng) -> IpNet {
    if random.random_ratio(1, 6) {
        let [high, low] = [random.random(), random.random()];
        let address = std::net::Ipv4Addr::new(198, random.random_range(18..20), high, low);
        let length = random.random_range(24..=32_u8).max(random.random_range(20..=32));
        return Ipv4Net::new_assert(address, length).trunc().into();
    }
    let address = (0x2001_0db8 << 96) | (random.random::<u128>() >> 32);
    Ipv6Net::new_assert(address.into(), random.random_range(44..=128)).trunc().into()
}

struct Scene {
    agent: Agent,
    _registry: Listener,
    office: Client,
    visitor: Client,
    network: Network,
}

impl Scene {
    /// A guarded registry whose agent has room for `capacity` rules.
    fn set(visitor: &[&str], capacity: u32) -> Result<Self> {
        let mut network = Network::new()?;
        let office = network.client("office", &[OFFICE])?;
        let visitor = network.client("visitor", visitor)?;
        let registry = Listener::start(network.host(), "[::]:443".parse()?)?;
        let config = format!(
            "interfaces = {:?}\n[limits]\nrules = {capacity}\n\
             [[registry]]\nname = \"contoso\"\nlogin-server = \"{}\"\nlisten = [\"[::]:443\"]\ndeny-response = \"drop\"\n",
            network.interfaces(),
            Network::LOGIN_SERVER
        );
        let agent = Agent::start(&network, &config)?;
        Ok(Self { agent, _registry: registry, office, visitor, network })
    }

    fn office(&self) -> Result<Outcome> {
        Ok(connect(&self.office, OFFICE)?.outcome)
    }

    fn visitor(&self) -> Result<Outcome> {
        Ok(connect(&self.visitor, VISITOR)?.outcome)
    }

    /// Sends a body to the registry's resource as one PATCH; the revision that the agent answers with.
    fn patch(&self, body: &Path) -> Result<u64> {
        let mut curl = self.curl("?return=minimal");
        curl.args(["--request", "PATCH", "--header", "Expect:", "--data-binary"]);
        curl.arg(format!("@{}", body.display()));
        let ran = run(&mut curl, LIMIT)?.expect_success().context("PATCH")?;
        println!("PATCH of {} bytes: {:?}", fs::metadata(body)?.len(), ran.took);
        let answer: Value = serde_json::from_str(&ran.stdout)?;
        answer["revision"].as_u64().with_context(|| format!("no revision in {answer}"))
    }

    /// A query of the command line, as JSON.
    fn ask(&self, command: &str) -> Result<Value> {
        let begun = Instant::now();
        let mut line = self.agent.cli_command(command.split(' '));
        let ran = run(&mut line, LIMIT)?.expect_success().with_context(|| command.to_owned())?;
        println!("{command}: {:?}", begun.elapsed());
        serde_json::from_str(&ran.stdout).with_context(|| format!("{command} printed {}", ran.stdout))
    }

    fn rule_count(&self) -> Result<Value> {
        self.ask("network-rule list --name contoso --query length(ipRules)")
    }

    fn check(&self, source: IpAddr) -> Result<Value> {
        self.agent.json(["check", "--name", "contoso", "--source", &source.to_string()])
    }

    /// How often the office's own rule decided.
    fn office_hits(&self) -> Result<Value> {
        let mut curl = self.curl(&format!("/ipRules/{OFFICE}"));
        let ran = run(&mut curl, LIMIT)?.expect_success()?;
        Ok(serde_json::from_str::<Value>(&ran.stdout)?["hits"].take())
    }

    /// A request about the registry's resource, or one below it.
    fn curl(&self, below: &str) -> Command {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--fail-with-body"]);
        curl.arg("--unix-socket").arg(self.agent.socket()).arg(format!("http://localhost{REGISTRY}{below}"));
        curl
    }

    /// The agent's resident memory, in KiB.
    fn resident(&self) -> Result<u64> {
        let pid = self.agent.pid().context("the agent does not run")?;
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        line.split_whitespace().next().and_then(|kib| kib.parse().ok()).with_context(|| line.to_owned())
    }
}

fn connect(client: &Client, source: &str) -> Result<Attempt> {
    client.connect(source.parse()?, SocketAddr::from((Network::REGISTRY_V4, 443)), PATIENCE)
}

/// The tries in the kernel that may grow to this many prefixes, whoever holds them.
fn tries_of(capacity: u32) -> usize {
    // The agent asks for two more, for the default of each address family.
    let is_ours = |map: &aya::maps::MapInfo| map.max_entries() == capacity + 2;
    aya::maps::loaded_maps().flatten().filter(is_ours).count()
}

/// Asks the loaded program about the first and last address of rules, and about their neighbours.
fn check_edges(scene: &Scene, rules: &Rules, random: &mut StdRng, how_many: usize) -> Result<()> {
    for (prefix, _) in rules.listed.choose_multiple(random, how_many) {
        for source in edges(*prefix) {
            let answer = scene.check(source)?;
            let (verdict, reason) = match rules.longest(source) {
                None => ("Deny", "NoRule"),
                Some((_, false)) => ("Deny", "DenyRule"),
                Some((_, true)) => ("Allow", "IpRule"),
            };
            let rule = rules.longest(source).map(|(prefix, _)| prefix.to_string());
            assert_eq!(answer["verdict"], verdict, "{source}: {answer}");
            assert_eq!(answer["reason"], reason, "{source}: {answer}");
            assert_eq!(answer["rule"].as_str(), rule.as_deref(), "{source}: {answer}");
        }
    }
    Ok(())
}

fn edges(prefix: IpNet) -> Vec<IpAddr> {
    let [first, last] = [prefix.network(), prefix.broadcast()];
    let neighbour = |address: IpAddr, up: bool| -> IpAddr {
        match address {
            IpAddr::V4(address) => {
                let bits = address.to_bits();
                std::net::Ipv4Addr::from_bits(if up { bits + 1 } else { bits - 1 }).into()
            }
            IpAddr::V6(address) => {
                let bits = address.to_bits();
                std::net::Ipv6Addr::from_bits(if up { bits + 1 } else { bits - 1 }).into()
            }
        }
    };
    vec![neighbour(first, false), first, last, neighbour(last, true)]
}

#[test]
fn a_million_rules_are_one_patch_and_everything_stays_usable() -> Result<()> {
    const MANY: usize = 1_000_000;
    // No other test's, so that the kernel's tries can be told apart.
    const CAPACITY: u32 = 2_001_713;
    let mut random = StdRng::seed_from_u64(2);
    let scene = Scene::set(&[VISITOR], CAPACITY)?;
    let office: IpNet = format!("{OFFICE}/32").parse()?;
    let first = Rules::random(&mut random, &[(office, true)], MANY);
    let second = Rules::random(&mut random, &first.listed[..MANY / 2], MANY);
    let bodies = [("first", &first), ("second", &second)];
    let [first_body, second_body] = bodies.map(|(name, rules)| rules.write(&scene.network.folder().join(name)));
    let (first_body, second_body) = (first_body?, second_body?);
    let resident = scene.resident()?;
    assert_eq!(scene.office()?, Outcome::TimedOut, "a fresh guard lets nobody in");

    let revision = scene.patch(&first_body)?;
    assert_eq!(scene.office()?, Outcome::Connected, "the very next connection obeys the PATCH");
    assert_eq!(scene.rule_count()?, MANY);
    assert_eq!(scene.ask("show --name contoso --query length(networkRuleSet.ipRules)")?, MANY);
    assert_eq!(scene.ask("status --query registries[0].ipRules")?, MANY);
    let hits = "network-rule list --name contoso --hits --query ipRules[0].hits";
    assert_eq!(scene.ask(hits)?, 1, "the office's rule is the first");
    check_edges(&scene, &first, &mut random, 30)?;

    one_rule_more_and_less(&scene)?;
    let during = usable_during(&scene, &second_body)?;
    ensure!(during >= 1, "no `check` and `status` were answered while the second PATCH was carried out");
    assert_eq!(scene.ask("status --query revision")?, revision + 3);
    assert_eq!(scene.office_hits()?, 1, "a rule that survives keeps its counter");
    assert_eq!(scene.office()?, Outcome::Connected);
    assert_eq!(scene.office_hits()?, 2);
    check_edges(&scene, &second, &mut random, 30)?;

    let full = scene.resident()?;
    let empty = scene.network.folder().join("empty");
    fs::write(&empty, r#"{"properties":{"networkRuleSet":{"ipRules":[]}}}"#)?;
    scene.patch(&empty)?;
    assert_eq!(scene.office()?, Outcome::TimedOut);
    let left = scene.resident()?;
    println!("FIGURE: resident: {resident} KiB at first, {full} KiB with {MANY} rules, {left} KiB after they are gone");
    let begun = Instant::now();
    while tries_of(CAPACITY) > 1 {
        ensure!(begun.elapsed() < LIMIT, "{} tries are still there where one is in force", tries_of(CAPACITY));
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// A single rule beside a million others decides about the very next SYN.
fn one_rule_more_and_less(scene: &Scene) -> Result<()> {
    let change = |verb: &str| scene.ask(&format!("network-rule {verb} --name contoso --ip-address {VISITOR}"));
    assert_eq!(scene.visitor()?, Outcome::TimedOut);
    change("add")?;
    assert_eq!(scene.visitor()?, Outcome::Connected);
    assert_eq!(scene.check(VISITOR.parse()?)?["rule"], VISITOR);
    change("remove")?;
    assert_eq!(scene.visitor()?, Outcome::TimedOut);
    Ok(())
}

/// Carries out a PATCH of the whole list, and asks everything meanwhile. How often `check` and `status` were answered from
/// the policy before it.
fn usable_during(scene: &Scene, body: &Path) -> Result<usize> {
    let before = scene.ask("status --query revision")?;
    let mut answered = 0;
    thread::scope(|scope| {
        let patch = scope.spawn(|| scene.patch(body));
        while !patch.is_finished() {
            let check = scene.ask(&format!("check --name contoso --source {OFFICE}"))?;
            assert_eq!(check["verdict"], "Allow", "both lists allow the office: {check}");
            let status = scene.ask("status")?;
            answered += usize::from(check["revision"] == before && status["revision"] == before);
            assert_eq!(scene.ask("show --name contoso --query networkRuleSet.defaultAction")?, "Deny");
            assert_eq!(scene.rule_count()?, 1_000_000);
        }
        patch.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok(answered)
    })
}

#[test]
fn each_rule_added_to_a_hundred_thousand_decides_about_the_very_next_syn() -> Result<()> {
    const MANY: usize = 100_000;
    let visitors: Vec<String> = (200..220).map(|last| format!("198.51.100.{last}")).collect();
    let scene = Scene::set(&visitors.iter().map(String::as_str).collect::<Vec<_>>(), 2_097_152)?;
    let rules = Rules::random(&mut StdRng::seed_from_u64(1), &[], MANY);
    scene.patch(&rules.write(&scene.network.folder().join("body"))?)?;
    let mut took = Vec::new();
    for visitor in &visitors {
        assert_eq!(connect(&scene.visitor, visitor)?.outcome, Outcome::TimedOut);
        let mut command =
            scene.agent.cli_command(["network-rule", "add", "--name", "contoso", "--ip-address", visitor]);
        let begun = Instant::now();
        let output = command.output()?;
        took.push(begun.elapsed());
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(connect(&scene.visitor, visitor)?.outcome, Outcome::Connected, "{visitor}");
    }
    took.sort_unstable();
    println!(
        "FIGURE: network-rule add at {MANY} rules: median {:?}, longest {:?} of {}",
        took[took.len() / 2],
        took[took.len() - 1],
        took.len()
    );
    assert_eq!(scene.rule_count()?, MANY + visitors.len());
    Ok(())
}
