//! What `client-rules` prints, loaded into a client whose own firewall lets nothing out: the client reaches the login server
//! and the data endpoint, and nothing else.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tests::net::{Agent, Client, GuardConfig, Listener, Network, Outcome, PublishedTags, eventually, run};

const ONE_SYN: Duration = Duration::from_millis(900);
const MINUTE: Duration = Duration::from_mins(1);
const REGISTRY: &str = GuardConfig::REGISTRY;

const CLIENT: [&str; 2] = ["198.51.100.7", "2001:db8:1::7"];
const ALLOWED: [&str; 3] = ["203.0.113.10:443", "[2001:db8::10]:443", "203.0.113.11:5443"];
/// Other ports of the same hosts, other hosts at the same ports.
const ELSEWHERE: [&str; 4] = ["203.0.113.10:5443", "203.0.113.11:443", "203.0.113.12:443", "[2001:db8::12]:443"];

/// A registry with a data endpoint on another address and port, that lets everyone in.
struct Scene {
    _listeners: Vec<Listener>,
    agent: Agent,
    client: Client,
    network: Network,
}

impl Scene {
    fn set() -> Result<Self> {
        let mut network = Network::new()?;
        let client = network.client("office", &CLIENT)?;
        network.host().ip(
            "addr add 203.0.113.11/32 dev lo\naddr add 203.0.113.12/32 dev lo\naddr add 2001:db8::12/128 dev lo nodad\n",
        )?;
        let ports = ["[::]:443", "[::]:5443"];
        let listeners = ports.map(|port| Listener::start(network.host(), port.parse()?));
        let config = GuardConfig::of(&network).data_endpoint("local", "203.0.113.11:5443");
        let agent = Agent::start(&network, &config.to_string())?;
        agent.json(["update", "-n", REGISTRY, "--default-action", "Allow"])?;
        let listeners = listeners.into_iter().collect::<Result<_>>()?;
        Ok(Self { _listeners: listeners, agent, client, network })
    }

    fn rules(&self, format: &str) -> Result<String> {
        self.rules_and(format, &[])
    }

    fn rules_and(&self, format: &str, more: &[&str]) -> Result<String> {
        let words = ["client-rules", "-n", REGISTRY, "--format", format];
        let printed = self.agent.cli(words.iter().chain(more))?.expect_success()?;
        ensure!(printed.stderr.is_empty(), "nothing to complain about: {}", printed.stderr);
        Ok(printed.stdout)
    }

    /// The rules as a file that the client's tools can read.
    fn file(&self, format: &str) -> Result<PathBuf> {
        let path = self.network.folder().join(format!("rules.{format}"));
        fs::write(&path, self.rules(format)?)?;
        Ok(path)
    }

    fn outcome(&self, to: &str) -> Result<Outcome> {
        let to: SocketAddr = to.parse()?;
        let source = CLIENT[usize::from(to.is_ipv6())].parse()?;
        Ok(self.client.connect(source, to, ONE_SYN)?.outcome)
    }

    fn expect(&self, when: &str, reached: &[&str], out_of_reach: &[&str]) -> Result<()> {
        for to in reached {
            eventually("the first packet finds its way", || Ok(self.outcome(to)? == Outcome::Connected))
                .with_context(|| format!("{to} {when}"))?;
        }
        for to in out_of_reach {
            assert_eq!(self.outcome(to)?, Outcome::TimedOut, "{to} {when}");
        }
        Ok(())
    }

    /// With nothing in its way the client reaches everything, with a firewall that drops it reaches nothing.
    fn expect_the_firewall_to_decide(&self, drop: impl FnOnce() -> Result<()>) -> Result<()> {
        let all: Vec<&str> = ALLOWED.into_iter().chain(ELSEWHERE).filter(|to| !to.contains("2001:db8::12")).collect();
        self.expect("without a firewall", &all, &[])?;
        drop()?;
        self.expect("before the rules are loaded", &[], &[ALLOWED, ["203.0.113.10:5443"; 3]].concat())
    }

    fn tool(&self, words: &str) -> Result<()> {
        let mut words = words.split_whitespace();
        let mut command = self.client.namespace().command(words.next().context("no tool")?);
        ran(command.args(words))
    }
}

fn ran(command: &mut Command) -> Result<()> {
    run(command, MINUTE)?.expect_success().with_context(|| format!("{command:?}")).map(drop)
}

#[test]
fn nftables_rules_let_a_client_reach_the_registry_and_nothing_else() -> Result<()> {
    let scene = Scene::set()?;
    let drop_all = scene.network.folder().join("drop.nft");
    // IPv6 asks for its neighbours with ICMPv6, which passes the output chain.
    let text = "table inet filter {\n chain output {\n  type filter hook output priority filter; policy drop;\n  \
                meta l4proto ipv6-icmp accept\n }\n}\n";
    fs::write(&drop_all, text)?;
    scene.expect_the_firewall_to_decide(|| scene.tool(&format!("nft -f {}", drop_all.display())))?;
    let rules = scene.file("nftables")?;
    scene.tool(&format!("nft -c -f {}", rules.display()))?;
    scene.expect("after the rules were only tried", &[], &ALLOWED)?;
    for time in ["once", "twice"] {
        scene.tool(&format!("nft -f {}", rules.display()))?;
        scene.expect(&format!("with the rules loaded {time}"), &ALLOWED, &ELSEWHERE)?;
    }
    Ok(())
}

#[test]
fn iptables_rules_let_a_client_reach_the_registry_and_nothing_else() -> Result<()> {
    let scene = Scene::set()?;
    scene.expect_the_firewall_to_decide(|| {
        for line in
            ["ip6tables -A OUTPUT -p ipv6-icmp -j ACCEPT", "ip6tables -P OUTPUT DROP", "iptables -P OUTPUT DROP"]
        {
            scene.tool(line)?;
        }
        Ok(())
    })?;
    let rules = scene.file("iptables")?;
    for tool in ["iptables-restore", "ip6tables-restore"] {
        scene.tool(&format!("{tool} --test --noflush {}", rules.display()))?;
    }
    scene.expect("after the rules were only tried", &[], &ALLOWED)?;
    for time in ["once", "twice"] {
        for tool in ["iptables-restore", "ip6tables-restore"] {
            scene.tool(&format!("{tool} --noflush {}", rules.display()))?;
        }
        scene.expect(&format!("with the rules loaded {time}"), &ALLOWED, &ELSEWHERE)?;
    }
    Ok(())
}

#[test]
fn the_prefixes_of_a_service_tag_of_real_size_are_loaded_beside_the_registry() -> Result<()> {
    let scene = Scene::set()?;
    let file = scene.network.folder().join("ServiceTags_Public.json");
    PublishedTags::large(1).with(PublishedTags::LARGEST, &["203.0.113.12/32", "2001:db8::12/128"]).write(&file)?;
    scene.agent.json(["service-tag".as_ref(), "import".as_ref(), file.as_os_str()])?;
    let tagged = ["--service-tag", PublishedTags::LARGEST];
    let rules = scene.network.folder().join("rules.nft");
    let drop_all = "add table inet filter\nadd chain inet filter output { type filter hook output priority filter; policy \
                    drop; }\nadd rule inet filter output meta l4proto ipv6-icmp accept\n";
    fs::write(&rules, format!("{drop_all}{}", scene.rules_and("nftables", &tagged)?))?;
    scene.tool(&format!("nft -f {}", rules.display()))?;
    scene.expect("of the registry", &ALLOWED, &ELSEWHERE[..2])?;
    scene.expect("of the tag", &ELSEWHERE[2..], &["203.0.113.12:5443"])?;
    let rules = scene.network.folder().join("rules.iptables");
    fs::write(&rules, scene.rules_and("iptables", &tagged)?)?;
    for tool in ["iptables-restore", "ip6tables-restore"] {
        scene.tool(&format!("{tool} --test --noflush {}", rules.display()))?;
    }
    let unknown = ["client-rules", "-n", REGISTRY, "--format", "json", "--service-tag", "Nobody"];
    assert_eq!(scene.agent.cli(unknown)?.status.and_then(|status| status.code()), Some(3));
    Ok(())
}

#[test]
fn json_names_hosts_addresses_and_ports() -> Result<()> {
    let scene = Scene::set()?;
    let rules: serde_json::Value = serde_json::from_str(&scene.rules("json")?)?;
    let destination = |address: &str, port: u16| json!({"address": address, "port": port});
    assert_eq!(
        rules,
        json!({"registry": REGISTRY, "endpoints": [
            {"kind": "loginServer", "region": null, "host": "contoso.example.com", "announced": true, "protocol": "tcp",
             "addressesFrom": "config.toml",
             "destinations": [destination("203.0.113.10", 443), destination("2001:db8::10", 443)]},
            {"kind": "dataEndpoint", "region": "local", "host": "contoso.local.data.example.com", "announced": false,
             "protocol": "tcp", "addressesFrom": "config.toml", "destinations": [destination("203.0.113.11", 5443)]},
        ], "serviceTags": []})
    );
    let unknown = scene.agent.cli(["client-rules", "-n", "nobody", "--format", "json"])?;
    assert_eq!(unknown.status.and_then(|status| status.code()), Some(3), "{}", unknown.stderr);
    let query = scene.agent.cli(["client-rules", "-n", REGISTRY, "--format", "iptables", "--query", "x"])?;
    assert_eq!(query.status.and_then(|status| status.code()), Some(2), "{}", query.stderr);
    Ok(())
}

#[test]
fn where_config_toml_has_a_wildcard_dns_says_the_addresses_or_there_are_no_rules() -> Result<()> {
    let mut network = Network::new()?;
    let client = network.client("office", &["198.51.100.7"])?;
    let agent = Agent::start(&network, &GuardConfig::of(&network).wildcard().to_string())?;
    // The client's names are its own; the socket is everyone's.
    let at_client = |format: &str| {
        let mut command = client.tool(agent.program());
        command.args(["client-rules", "-n", REGISTRY, "--format", format]).env("REGISTRY_GUARD_SOCKET", agent.socket());
        run(&mut command, MINUTE)
    };
    let printed = at_client("iptables")?.expect_success()?.stdout;
    ensure!(printed.contains("-4 -A rg-contoso -p tcp -d 203.0.113.10/32 --dport 443 -j ACCEPT\n"), "{printed}");
    ensure!(printed.contains("# Login server contoso.example.com: addresses that DNS gave"), "{printed}");
    let nameless = agent.cli(["client-rules", "-n", REGISTRY, "--format", "nftables"])?;
    assert_eq!((nameless.status.and_then(|status| status.code()), nameless.stdout.as_str()), (Some(1), ""));
    ensure!(nameless.stderr.contains("contoso.example.com has no address: "), "{}", nameless.stderr);
    let json = agent.cli(["client-rules", "-n", REGISTRY, "--format", "json"])?.expect_success()?;
    ensure!(json.stderr.starts_with("WARNING: contoso.example.com has no address: "), "{}", json.stderr);
    Ok(())
}
