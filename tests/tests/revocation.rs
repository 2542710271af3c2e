//! A connection does not outlive the rule that let it in: it is dead when the command that denies its source returns.

use std::io::{ErrorKind, Read as _, Write as _};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::net::{
    Agent, Client, Curl, DockerRegistry, GuardConfig, KeptAlive, Listener, Namespace, Network, Responder, Tls, address,
    eventually, open, run,
};
use tests::packet::{Ethernet, Ipv4, Tcp};

const LIMIT: Duration = Duration::from_secs(5);
const REGISTRY: &str = GuardConfig::REGISTRY;
const OFFICE: [&str; 2] = ["198.51.100.7", "2001:db8:1::7"];
const OTHER: [&str; 2] = ["198.51.100.8", "2001:db8:1::8"];

fn dial(client: &Client, sources: &[&str]) -> Result<Vec<KeptAlive>> {
    sources.iter().map(|source| KeptAlive::open(client.namespace(), source, 443)).collect()
}

fn rule(agent: &Agent, verb: &str, ip: &str) -> Result<Value> {
    agent.json(["network-rule", verb, "-n", REGISTRY, "--ip-address", ip])
}

fn allow(agent: &Agent, sources: &[&str]) -> Result<()> {
    sources.iter().try_for_each(|source| {
        assert_eq!(rule(agent, "add", source)?["destroyedConnections"], 0);
        Ok(())
    })
}

fn destroyed(agent: &Agent) -> Result<u64> {
    agent.json(["status"])?["destroyedConnections"].as_u64().context("a number")
}

#[test]
fn a_connection_dies_with_its_rule_and_the_others_live() -> Result<()> {
    let mut network = Network::new()?;
    let sources = [OFFICE, OTHER].concat();
    let office = network.client("office", &sources)?;
    let _listener = Listener::start(network.host(), "[::]:443".parse()?)?;
    let agent = Agent::start(&network, &GuardConfig::of(&network).to_string())?;
    allow(&agent, &sources)?;
    let mut others = dial(&office, &OTHER)?;
    for source in OFFICE {
        let kept = dial(&office, &[source, source, source])?;
        let removed = rule(&agent, "remove", source)?;
        kept.into_iter().for_each(KeptAlive::assert_dead);
        assert_eq!((&removed["changed"], &removed["destroyedConnections"]), (&json!(true), &json!(3)));
        others.iter_mut().for_each(KeptAlive::assert_alive);
    }
    assert_eq!(destroyed(&agent)?, 6);
    assert!(agent.log().contains("destroyed=3"), "{}", agent.log());
    assert!(agent.log().contains("sources=\"198.51.100.7\""), "{}", agent.log());
    Ok(())
}

#[test]
fn whatever_denies_a_source_ends_its_connections() -> Result<()> {
    let mut network = Network::new()?;
    let office = network.client("office", &OFFICE)?;
    let _listener = Listener::start(network.host(), "[::]:443".parse()?)?;
    let agent = Agent::start(&network, &GuardConfig::of(&network).to_string())?;
    let update = |flag: &str, value: &str| agent.json(["update", "-n", REGISTRY, flag, value]);
    let deny = || {
        agent.json(["network-rule", "add", "-n", REGISTRY, "--ip-address", "198.51.100.0/24", "--action", "Deny"])?;
        agent.json(["network-rule", "add", "-n", REGISTRY, "--ip-address", "2001:db8:1::/64", "--action", "Deny"])
    };
    let bulk = |rules: &[&str]| {
        let rules: Vec<Value> = rules.iter().map(|rule| json!({"value": rule})).collect();
        agent.patch(REGISTRY, &json!({"properties": {"networkRuleSet": {"defaultAction": "Deny", "ipRules": rules}}}))
    };

    update("--default-action", "Allow")?;
    let kept = dial(&office, &OFFICE)?;
    update("--default-action", "Deny")?;
    kept.into_iter().for_each(KeptAlive::assert_dead);

    update("--default-action", "Allow")?;
    let kept = dial(&office, &OFFICE)?;
    deny()?;
    kept.into_iter().for_each(KeptAlive::assert_dead);

    bulk(&OFFICE)?;
    let kept = dial(&office, &OFFICE)?;
    assert_eq!(bulk(&OTHER)?["destroyedConnections"], 2);
    kept.into_iter().for_each(KeptAlive::assert_dead);

    bulk(&OFFICE)?;
    let kept = dial(&office, &OFFICE)?;
    update("--public-network-enabled", "false")?;
    kept.into_iter().for_each(KeptAlive::assert_dead);
    assert_eq!(destroyed(&agent)?, 8);
    Ok(())
}

#[test]
fn a_connection_from_a_virtual_network_dies_with_what_named_its_subnet() -> Result<()> {
    let mut network = Network::new()?;
    let office = network.client("office", &OFFICE)?;
    let app = network.overlay_client("app", "192.0.2.11", 5001, &["10.1.0.4"])?;
    let _listener = Listener::start(network.host(), "[::]:443".parse()?)?;
    let config = GuardConfig::of(&network).trusted_vtep("192.0.2.11");
    let agent = Agent::start(&network, &config.to_string())?;
    agent.json(["network", "vnet", "create", "-n", "office", "--vni", "5001", "--address-prefixes", "10.1.0.0/16"])?;
    let subnet = |verb: &str, services: &str| {
        let named = ["network", "vnet", "subnet", verb, "--vnet-name", "office", "-n", "ci"];
        agent.json(named.iter().chain(&["--address-prefixes", "10.1.0.0/24", "--service-endpoints", services]))
    };
    subnet("create", "Microsoft.ContainerRegistry")?;
    let subnet_rule =
        |verb: &str| agent.json(["network-rule", verb, "-n", REGISTRY, "--vnet-name", "office", "--subnet", "ci"]);
    subnet_rule("add")?;
    allow(&agent, &OFFICE)?;
    let mut others = dial(&office, &OFFICE)?;
    // A public rule for the same address says nothing about the virtual network.
    agent.patch(
        REGISTRY,
        &json!({"properties": {"networkRuleSet": {"ipRules": [
        {"value": OFFICE[0]}, {"value": OFFICE[1]}, {"value": "192.0.2.200"}]}}}),
    )?;

    let mut kept = KeptAlive::open(app.namespace(), "10.1.0.4", 443)?;
    rule(&agent, "remove", "192.0.2.200")?;
    kept.assert_alive();
    subnet("update", "")?;
    kept.assert_dead();

    subnet("update", "Microsoft.ContainerRegistry")?;
    let kept = KeptAlive::open(app.namespace(), "10.1.0.4", 443)?;
    assert_eq!(subnet_rule("remove")?["destroyedConnections"], 1);
    kept.assert_dead();
    others.iter_mut().for_each(KeptAlive::assert_alive);
    Ok(())
}

#[test]
fn a_connection_that_ends_in_another_namespace_dies_too() -> Result<()> {
    let mut network = Network::new()?;
    let office = network.client("office", &["198.51.100.7", "198.51.100.8"])?;
    let inside = Namespace::create(&network.host().name().replace("host", "inside"))?;
    network.host().ip(&format!(
        "link add to-inside type veth peer name eth0 netns {}\naddr add 192.0.2.129/30 dev to-inside\n\
         link set to-inside up\n",
        inside.name()
    ))?;
    inside.ip("addr add 192.0.2.130/30 dev eth0\nlink set eth0 up\nroute add default via 192.0.2.129\n")?;
    network.host().sysctl("net/ipv4/ip_forward", "1")?;
    let mut iptables = network.host().command("iptables-nft");
    iptables.args(["-t", "nat", "-A", "PREROUTING", "-d", "203.0.113.10", "-p", "tcp", "--dport", "443"]);
    run(iptables.args(["-j", "DNAT", "--to-destination", "192.0.2.130:5000"]), LIMIT)?.expect_success()?;
    let _listener = Listener::start(&inside, "[::]:5000".parse()?)?;
    let config =
        format!("{}netns = {:?}\nnetns-listen = [\"0.0.0.0:5000\"]\n", GuardConfig::of(&network), inside.path());
    let agent = Agent::start(&network, &config)?;
    assert_eq!(agent.json(["status"])?["problems"], json!([]));
    allow(&agent, &["198.51.100.7", "198.51.100.8"])?;
    let kept = dial(&office, &["198.51.100.7"])?;
    let mut other = dial(&office, &["198.51.100.8"])?;
    assert_eq!(rule(&agent, "remove", "198.51.100.7")?["destroyedConnections"], 1);
    kept.into_iter().for_each(KeptAlive::assert_dead);
    other.iter_mut().for_each(KeptAlive::assert_alive);
    Ok(())
}

#[test]
fn a_connection_of_the_host_itself_lives_on_where_those_are_let_in() -> Result<()> {
    const OWN: &str = "203.0.113.10";
    for allow_local in [true, false] {
        let mut network = Network::new()?;
        let _office = network.client("office", &OFFICE)?;
        let _listener = Listener::start(network.host(), "[::]:443".parse()?)?;
        let config = format!("{}allow-local = {allow_local}\n", GuardConfig::of(&network));
        let agent = Agent::start(&network, &config)?;
        allow(&agent, &[OWN])?;
        let mut kept = KeptAlive::open(network.host(), OWN, 443)?;
        rule(&agent, "remove", OWN)?;
        if allow_local {
            kept.assert_alive();
        } else {
            kept.assert_dead();
        }
    }
    Ok(())
}

#[test]
fn the_command_says_how_many_connections_it_destroyed() -> Result<()> {
    let mut network = Network::new()?;
    let office = network.client("office", &OFFICE)?;
    let _listener = Listener::start(network.host(), "[::]:443".parse()?)?;
    let agent = Agent::start(&network, &GuardConfig::of(&network).to_string())?;
    allow(&agent, &OFFICE)?;
    let _kept = dial(&office, &OFFICE)?;
    let said = |arguments: &[&str]| -> Result<String> { Ok(agent.cli(arguments)?.expect_success()?.stderr) };
    let one = said(&["network-rule", "remove", "-n", REGISTRY, "--ip-address", OFFICE[0]])?;
    assert_eq!(one, "1 connection of a source that is denied now was destroyed.\n");
    let off = said(&["update", "-n", REGISTRY, "--public-network-enabled", "false", "-o", "none"])?;
    assert!(off.ends_with("1 connection of a source that is denied now was destroyed.\n"), "{off}");
    let none = said(&["update", "-n", REGISTRY, "--public-network-enabled", "true"])?;
    assert_eq!(none, "");
    Ok(())
}

#[test]
fn a_source_that_stays_allowed_keeps_its_connection_through_a_thousand_changes() -> Result<()> {
    let mut network = Network::new()?;
    let sources = [OFFICE, OTHER].concat();
    let office = network.client("office", &sources)?;
    let _listener = Listener::start(network.host(), "[::]:443".parse()?)?;
    let agent = Agent::start(&network, &GuardConfig::of(&network).to_string())?;
    allow(&agent, &OFFICE)?;
    let mut kept = dial(&office, &OFFICE)?;
    let path = |number: usize| format!("{}/ipRules/192.0.2.{}", Agent::registry_path(REGISTRY), number % 250 + 1);
    for number in 0..500 {
        // Each is denied for a moment, which no connection of the office is concerned by.
        let deny = json!({"action": "Deny"}).to_string();
        agent.request("PUT", &path(number), &[], deny.as_bytes())?.expect_success()?;
        agent.request("DELETE", &path(number), &[], b"")?.expect_success()?;
    }
    kept.iter_mut().for_each(KeptAlive::assert_alive);
    assert_eq!(destroyed(&agent)?, 0);
    Ok(())
}

#[test]
fn a_half_open_connection_of_a_denied_source_does_not_become_one() -> Result<()> {
    const STRANGER: &str = "203.0.113.200";
    let mut network = Network::new()?;
    let attacker = network.client("attacker", &["192.0.2.66"])?;
    network.route("203.0.113.192/26", &attacker)?;
    let listener = Listener::start(network.host(), "[::]:443".parse()?)?;
    let agent = Agent::start(&network, &GuardConfig::of(&network).to_string())?;
    allow(&agent, &[STRANGER])?;
    let injector = attacker.injector()?;
    injector.send(&(Ethernet::default() / Ipv4::from(STRANGER) / Tcp::syn(443)).bytes())?;
    eventually("the SYN is accepted", || Ok(network.half_open(address(STRANGER))? == 1))?;
    assert_eq!(rule(&agent, "remove", STRANGER)?["destroyedConnections"], 1);
    assert_eq!(network.half_open(address(STRANGER))?, 0);
    assert_eq!(listener.visits_from(address(STRANGER)), 0);
    Ok(())
}

/// A registry that tells its denied clients why, an office that is allowed and a stranger who is not.
struct Telling {
    _responder: Responder,
    agent: Agent,
    registry: DockerRegistry,
    office: Client,
    stranger: Client,
    _network: Network,
}

impl Telling {
    const STRANGER: &str = "198.51.100.66";

    fn set() -> Result<Self> {
        let mut network = Network::new()?;
        let office = network.client("office", &[OFFICE[0], OTHER[0]])?;
        let stranger = network.client("stranger", &[Self::STRANGER])?;
        let registry = DockerRegistry::start(&network)?;
        let agent = Agent::start(&network, &GuardConfig::of(&network).forbidden(registry.certificate()).to_string())?;
        let responder = Responder::start(&agent)?;
        allow(&agent, &[OFFICE[0], OTHER[0]])?;
        let telling = Self { _responder: responder, agent, registry, office, stranger, _network: network };
        eventually("the stranger is told", || telling.is_told(&telling.stranger))?;
        Ok(telling)
    }

    fn is_told(&self, client: &Client) -> Result<bool> {
        let curl = Curl { client, certificate: self.registry.certificate() };
        Ok(curl.get("/v2/", None, LIMIT)?.stdout.ends_with("\n403\n"))
    }

    /// A TLS connection of one of the client's addresses, on which nothing was asked yet.
    fn dial(&self, client: &Client, source: &str) -> Result<Tls> {
        let stream = client
            .namespace()
            .within(|| open(address(source), Network::registry_of(address(source), 443), LIMIT))??;
        stream.set_read_timeout(Some(LIMIT))?;
        Tls::handshake(stream, self.registry.certificate())
    }
}

/// Reads until `end` has come.
fn read_until(tls: &mut Tls, end: &str) -> Result<String> {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(end.as_bytes()) {
        tls.read_exact(&mut byte).with_context(|| format!("after {:?}", String::from_utf8_lossy(&text)))?;
        text.extend(byte);
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn who_is_being_told_why_is_told_whatever_else_is_denied_meanwhile() -> Result<()> {
    let scene = Telling::set()?;
    let mut silent = scene.dial(&scene.stranger, Telling::STRANGER)?;
    let mut slow = scene.dial(&scene.stranger, Telling::STRANGER)?;
    slow.write_all(b"GET /v2/ HTTP/1.1\r\nHost: contoso.exa")?;
    let mut other = scene.dial(&scene.office, OTHER[0])?;
    // The pass that this starts does destroy something.
    assert_eq!(rule(&scene.agent, "remove", OTHER[0])?["destroyedConnections"], 1);
    assert!(other.read_exact(&mut [0]).is_err());
    slow.write_all(b"mple.com\r\n\r\n")?;
    silent.write_all(b"GET /v2/ HTTP/1.1\r\nHost: contoso.example.com\r\n\r\n")?;
    for (name, tls) in [("silent", &mut silent), ("slow", &mut slow)] {
        let head = read_until(tls, "\r\n\r\n").context(name)?;
        assert!(head.starts_with("HTTP/1.1 403 "), "{name}: {head}");
    }
    Ok(())
}

#[test]
fn who_kept_a_connection_open_when_its_rule_went_is_told_why_at_the_next() -> Result<()> {
    let scene = Telling::set()?;
    let mut kept = scene.dial(&scene.office, OFFICE[0])?;
    for _ in 0..2 {
        kept.write_all(b"GET /v2/ HTTP/1.1\r\nHost: contoso.example.com\r\n\r\n")?;
        let answer = read_until(&mut kept, "\r\n\r\n{}")?;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    assert_eq!(rule(&scene.agent, "remove", OFFICE[0])?["destroyedConnections"], 1);
    let read = kept.read(&mut [0]);
    assert!(matches!(&read, Err(error) if error.kind() == ErrorKind::ConnectionReset), "{read:?}");
    assert!(scene.is_told(&scene.office)?);
    Ok(())
}

#[test]
fn other_ports_and_other_registries_are_not_touched() -> Result<()> {
    let mut network = Network::new()?;
    let office = network.client("office", &OFFICE)?;
    let _listeners: Vec<Listener> = ["[::]:443", "[::]:5000", "[::]:8080"]
        .iter()
        .map(|address| Listener::start(network.host(), address.parse()?))
        .collect::<Result<_>>()?;
    let config = format!(
        "{}[[registry]]\nname = \"fabrikam\"\nlogin-server = \"fabrikam.example.com\"\nlisten = [\"[::]:5000\"]\n",
        GuardConfig::of(&network)
    );
    let agent = Agent::start(&network, &config)?;
    allow(&agent, &OFFICE)?;
    agent.json(["update", "-n", "fabrikam", "--default-action", "Allow"])?;
    let doomed = dial(&office, &OFFICE)?;
    let elsewhere = OFFICE.iter().flat_map(|source| [5000, 8080].map(|port| (source, port)));
    let mut elsewhere: Vec<KeptAlive> =
        elsewhere.map(|(source, port)| KeptAlive::open(office.namespace(), source, port)).collect::<Result<_>>()?;
    for source in OFFICE {
        rule(&agent, "remove", source)?;
    }
    doomed.into_iter().for_each(KeptAlive::assert_dead);
    elsewhere.iter_mut().for_each(KeptAlive::assert_alive);
    // A wildcard endpoint is told apart from the other one by its port.
    agent.json(["update", "-n", "fabrikam", "--default-action", "Deny"])?;
    let (at_5000, mut at_8080): (Vec<_>, Vec<_>) = elsewhere.into_iter().partition(|kept| kept.port() == 5000);
    at_5000.into_iter().for_each(KeptAlive::assert_dead);
    at_8080.iter_mut().for_each(KeptAlive::assert_alive);
    Ok(())
}

#[test]
fn a_refused_change_destroys_nothing() -> Result<()> {
    let mut network = Network::new()?;
    let office = network.client("office", &OFFICE)?;
    let _listener = Listener::start(network.host(), "[::]:443".parse()?)?;
    let agent = Agent::start(&network, &GuardConfig::of(&network).to_string())?;
    allow(&agent, &OFFICE)?;
    let mut kept = dial(&office, &OFFICE)?;
    let path = format!("{}/ipRules/{}", Agent::registry_path(REGISTRY), OFFICE[0]);
    let refused = agent.request("DELETE", &path, &["If-Match: \"1\""], b"")?;
    ensure!(refused.status == 412, "{refused:?}");
    kept.iter_mut().for_each(KeptAlive::assert_alive);
    assert_eq!(destroyed(&agent)?, 0);
    Ok(())
}
