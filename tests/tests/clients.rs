//! What real clients see of the guard: those that the policy names are served, and nobody else is.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, ensure};
use tests::net::{
    Agent, Curl, DockerRegistry, GuardConfig, Image, Listener, Login, Network, Outcome, Overlay, Podman, Ran, Skopeo,
    address, eventually,
};
use tests::packet::{Ethernet, Ipv4, Packet, Tcp, Udp, Vxlan};

const MINUTE: Duration = Duration::from_mins(1);
/// Far longer than a connection takes, and shorter than the patience of any client.
const SHORT: Duration = Duration::from_secs(2);
/// Shorter than the second after which a SYN is sent again.
const ONE_SYN: Duration = Duration::from_millis(800);

const REGISTRY: &str = GuardConfig::REGISTRY;

fn registry_v4() -> SocketAddr {
    (Network::REGISTRY_V4, 443).into()
}

fn registry_v6() -> SocketAddr {
    (Network::REGISTRY_V6, 443).into()
}

fn allow(agent: &Agent, ip: &str) -> Result<()> {
    agent.json(["network-rule", "add", "-n", REGISTRY, "--ip-address", ip]).map(drop)
}

fn output(ran: &Ran) -> String {
    format!("{}{}", ran.stdout, ran.stderr)
}

#[test]
fn allowed_clients_log_in_and_push_and_pull_over_both_families() -> Result<()> {
    let mut network = Network::new()?;
    let office = network.client("office", &["198.51.100.7"])?;
    let lab = network.client("lab", &["2001:db8:1::7"])?;
    let registry = DockerRegistry::start_with_login(&network)?;
    let image = Image::make(&network.folder().join("image"), 3_000_000)?;
    let certificate = registry.certificate();
    let agent = Agent::start(&network, &GuardConfig::of(&network).to_string())?;
    allow(&agent, "198.51.100.0/24")?;
    allow(&agent, "2001:db8:1::/64")?;
    for (client, first, second) in [(&office, "app:v1", "app:v2"), (&lab, "tool:v1", "tool:v2")] {
        let skopeo = Skopeo::new(&network, client, certificate);
        skopeo.login(Login::BUILDER, MINUTE)?.expect_success()?;
        skopeo.push(&image, first, MINUTE)?.expect_success()?;
        skopeo.pull(first, MINUTE)?.expect_success()?;
        let podman = Podman::new(&network, client, certificate)?;
        podman.login(Login::BUILDER, MINUTE)?.expect_success()?;
        podman.push(&image, second, MINUTE)?.expect_success()?;
        podman.pull(first, MINUTE)?.expect_success()?;
        let answer = Curl { client, certificate }.get("/v2/", None, MINUTE)?.expect_success()?;
        ensure!(answer.stdout.ends_with("\n401\n"), "the registry itself asks for a login: {answer:?}");
    }
    for rule in agent.json(["network-rule", "list", "-n", REGISTRY, "--hits"])?["ipRules"].as_array().expect("a list") {
        assert!(rule["hits"].as_u64() > Some(6), "each client opened several connections: {rule}");
    }
    Ok(())
}

/// Something that a real client does, ended when its time is over.
type Attempt<'a> = &'a dyn Fn(Duration) -> Result<Ran>;

#[test]
fn denied_clients_hang_where_the_answer_is_drop_and_are_served_once_a_rule_names_them() -> Result<()> {
    let mut network = Network::new()?;
    let stranger = network.client("stranger", &["198.51.100.66"])?;
    let roamer = network.client("roamer", &["2001:db8:6::66"])?;
    let registry = DockerRegistry::start(&network)?;
    let image = Image::make(&network.folder().join("image"), 100_000)?;
    let certificate = registry.certificate();
    let agent = Agent::start(&network, &GuardConfig::of(&network).to_string())?;
    for (client, source) in [(&stranger, "198.51.100.66"), (&roamer, "2001:db8:6::66")] {
        let skopeo = Skopeo::new(&network, client, certificate);
        let podman = Podman::new(&network, client, certificate)?;
        let curl = Curl { client, certificate };
        let attempts: [(&str, Attempt<'_>); 6] = [
            ("skopeo login", &|limit| skopeo.login(Login::BUILDER, limit)),
            ("skopeo push", &|limit| skopeo.push(&image, "app:v1", limit)),
            ("skopeo pull", &|limit| skopeo.pull("app:v1", limit)),
            ("podman login", &|limit| podman.login(Login::BUILDER, limit)),
            ("podman pull", &|limit| podman.pull("app:v1", limit)),
            ("curl", &|limit| curl.get("/v2/", None, limit)),
        ];
        for (what, attempt) in attempts {
            let ran = attempt(SHORT)?;
            assert_eq!(ran.status, None, "{what} from {source} still waited: {}", output(&ran));
        }
        ensure!(network.half_open(address(source))? == 0, "a SYN from {source} got through");
        ensure!(agent.counter(REGISTRY, "NoRule")? >= 6, "each attempt was counted");

        allow(&agent, source)?;
        for (what, attempt) in [attempts[1], attempts[2], attempts[4], attempts[5]] {
            let ran = attempt(MINUTE)?;
            ensure!(ran.success(), "{what} from {source} is allowed now: {}", output(&ran));
        }
    }
    Ok(())
}

#[test]
fn denied_clients_are_refused_within_a_moment_where_the_answer_is_reset() -> Result<()> {
    let mut network = Network::new()?;
    let stranger = network.client("stranger", &["198.51.100.66"])?;
    let roamer = network.client("roamer", &["2001:db8:6::66"])?;
    let registry = DockerRegistry::start(&network)?;
    let image = Image::make(&network.folder().join("image"), 100_000)?;
    let certificate = registry.certificate();
    let agent = Agent::start(&network, &GuardConfig::of(&network).reset().to_string())?;
    for (client, source) in [(&stranger, "198.51.100.66"), (&roamer, "2001:db8:6::66")] {
        let skopeo = Skopeo::new(&network, client, certificate);
        let podman = Podman::new(&network, client, certificate)?;
        for (what, ran) in [
            ("skopeo login", skopeo.login(Login::BUILDER, MINUTE)?),
            ("skopeo push", skopeo.push(&image, "app:v1", MINUTE)?),
            ("skopeo pull", skopeo.pull("app:v1", MINUTE)?),
            ("podman login", podman.login(Login::BUILDER, MINUTE)?),
            ("podman pull", podman.pull("app:v1", MINUTE)?),
        ] {
            ensure!(ran.status.is_some() && !ran.success(), "{what} from {source}: {}", output(&ran));
            ensure!(ran.stderr.contains("connection refused"), "{what} from {source} was told: {}", output(&ran));
        }
        let curl = Curl { client, certificate }.get("/v2/", None, MINUTE)?;
        let code = curl.status.and_then(|status| status.code());
        assert_eq!(code, Some(7), "curl says that it could not connect: {}", output(&curl));
        ensure!(network.half_open(address(source))? == 0, "a SYN from {source} got through");
    }
    ensure!(agent.counter(REGISTRY, "NoRule")? >= 12, "each attempt was counted");
    Ok(())
}

/// A virtual network `office` on VNI 5001 with a subnet `ci`, `10.1.0.0/24` and `2001:db8:a::/64`, that has the service endpoint
/// and a rule.
fn office_network(agent: &Agent) -> Result<()> {
    let network = ["network", "vnet", "create", "-n", "office", "--vni", "5001", "--address-prefixes"];
    agent.json(network.iter().chain(&["10.1.0.0/16", "2001:db8:a::/48"]))?;
    let subnet = ["network", "vnet", "subnet", "create", "--vnet-name", "office", "-n", "ci", "--address-prefixes"];
    let rest = ["10.1.0.0/24", "2001:db8:a::/64", "--service-endpoints", "Microsoft.ContainerRegistry"];
    agent.json(subnet.iter().chain(&rest))?;
    agent.json(["network-rule", "add", "-n", REGISTRY, "--vnet-name", "office", "--subnet", "ci"])?;
    Ok(())
}

fn overlay_config(network: &Network) -> String {
    GuardConfig::of(network).trusted_vtep("192.0.2.11").trusted_vtep("192.0.2.12/31").to_string()
}

fn outcome(client: &Overlay, source: &str) -> Result<Outcome> {
    let source = address(source);
    let destination = if source.is_ipv4() { registry_v4() } else { registry_v6() };
    Ok(client.connect(source, destination, ONE_SYN)?.outcome)
}

#[test]
fn a_subnet_with_service_endpoint_and_rule_is_served_through_vxlan() -> Result<()> {
    let mut network = Network::new()?;
    let app = network.overlay_client("app", "192.0.2.11", 5001, &["10.1.0.4", "2001:db8:a::4", "10.1.9.4"])?;
    let registry = DockerRegistry::start(&network)?;
    let image = Image::make(&network.folder().join("image"), 1_000_000)?;
    let agent = Agent::start(&network, &overlay_config(&network))?;
    assert_eq!(outcome(&app, "10.1.0.4")?, Outcome::TimedOut, "no rule yet");
    office_network(&agent)?;
    let skopeo = Skopeo::new(&network, &app, registry.certificate());
    skopeo.push(&image, "app:v1", MINUTE)?.expect_success()?;
    let podman = Podman::new(&network, &app, registry.certificate())?;
    podman.pull("app:v1", MINUTE)?.expect_success()?;
    for source in ["10.1.0.4", "2001:db8:a::4"] {
        assert_eq!(outcome(&app, source)?, Outcome::Connected, "{source}");
    }
    assert_eq!(outcome(&app, "10.1.9.4")?, Outcome::TimedOut, "in the network, yet in no subnet with a rule");
    ensure!(agent.counter(REGISTRY, "SubnetRule")? >= 4);
    Ok(())
}

#[test]
fn the_same_inner_address_on_another_vni_is_not_served() -> Result<()> {
    let mut network = Network::new()?;
    let app = network.overlay_client("app", "192.0.2.11", 5001, &["10.1.0.4"])?;
    let copy = network.overlay_client("copy", "192.0.2.12", 5002, &["10.1.0.4"])?;
    let _listener = Listener::start(network.host(), "[::]:443".parse()?)?;
    let agent = Agent::start(&network, &overlay_config(&network))?;
    office_network(&agent)?;
    assert_eq!(outcome(&app, "10.1.0.4")?, Outcome::Connected);
    // The host answers only one of the two, by its routes; now it is the copy.
    network.host().ip("route add 10.1.0.4/32 dev vx5002 metric 1")?;
    let denied = agent.counter(REGISTRY, "NoRule")?;
    assert_eq!(outcome(&copy, "10.1.0.4")?, Outcome::TimedOut);
    assert_eq!(agent.counter(REGISTRY, "NoRule")?, denied + 1);

    // Nothing but the policy stood in its way.
    agent.json(["network", "vnet", "create", "-n", "lab", "--vni", "5002", "--address-prefixes", "10.1.0.0/16"])?;
    let subnet = ["network", "vnet", "subnet", "create", "--vnet-name", "lab", "-n", "ci", "--address-prefixes"];
    agent.json(subnet.iter().chain(&["10.1.0.0/24", "--service-endpoints", "Microsoft.ContainerRegistry"]))?;
    agent.json(["network-rule", "add", "-n", REGISTRY, "--vnet-name", "lab", "--subnet", "ci"])?;
    assert_eq!(outcome(&copy, "10.1.0.4")?, Outcome::Connected);
    Ok(())
}

#[test]
fn an_inner_address_is_no_public_source_and_a_public_one_has_no_network() -> Result<()> {
    let mut network = Network::new()?;
    let app = network.overlay_client("app", "192.0.2.11", 5001, &["198.51.100.7"])?;
    let _listener = Listener::start(network.host(), "[::]:443".parse()?)?;
    let agent = Agent::start(&network, &overlay_config(&network))?;
    allow(&agent, "198.51.100.7")?;
    assert_eq!(outcome(&app, "198.51.100.7")?, Outcome::TimedOut, "an IP rule names public sources only");
    Ok(())
}

#[test]
fn without_the_service_endpoint_a_subnet_rule_does_not_count() -> Result<()> {
    let mut network = Network::new()?;
    let app = network.overlay_client("app", "192.0.2.11", 5001, &["10.1.0.4"])?;
    let _listener = Listener::start(network.host(), "[::]:443".parse()?)?;
    let agent = Agent::start(&network, &overlay_config(&network))?;
    office_network(&agent)?;
    let effective = || -> Result<_> {
        let rules = agent.json(["network-rule", "list", "-n", REGISTRY, "--hits"])?;
        Ok(rules["virtualNetworkRules"][0]["effective"].clone())
    };
    let update = ["network", "vnet", "subnet", "update", "--vnet-name", "office", "-n", "ci", "--service-endpoints"];
    for (service, expected) in
        [("", Outcome::TimedOut), ("Microsoft.ContainerRegistry", Outcome::Connected), ("", Outcome::TimedOut)]
    {
        agent.json(update.iter().chain(&[service]))?;
        assert_eq!(outcome(&app, "10.1.0.4")?, expected, "with the service endpoint {service:?}");
        assert_eq!(effective()?, expected == Outcome::Connected, "with the service endpoint {service:?}");
    }
    Ok(())
}

/// A SYN from 10.1.0.99 on VNI 5001, which the rule of [`office_network`] allows, encapsulated by `vtep`.
fn encapsulated_by(vtep: &str) -> Packet {
    let inner = Ethernet::default() / Ipv4::from("10.1.0.99") / Tcp::syn(443);
    let outer = Ethernet::default() / Ipv4::from(vtep).to(Network::UNDERLAY_V4);
    outer / Udp::vxlan() / Vxlan::vni(5001) / inner
}

#[test]
fn a_forged_vxlan_packet_from_an_untrusted_vtep_opens_nothing() -> Result<()> {
    let mut network = Network::new()?;
    let attacker = network.client("attacker", &["192.0.2.66"])?;
    let app = network.overlay_client("app", "192.0.2.11", 5001, &["10.1.0.4"])?;
    // Nobody has the inner address, so what the kernel accepts stays half open.
    network.host().ip(&format!("route add 10.1.0.0/24 dev {}", app.device()))?;
    let _listener = Listener::start(network.host(), "[::]:443".parse()?)?;
    let agent = Agent::start(&network, &overlay_config(&network))?;
    office_network(&agent)?;
    let injector = attacker.injector()?;
    let inner = address("10.1.0.99");
    for (count, vtep) in (1..).zip(["192.0.2.66", "192.0.2.99", "198.51.100.1"]) {
        injector.send(&encapsulated_by(vtep).bytes())?;
        eventually("the forged packet is counted", || Ok(agent.counter(REGISTRY, "UntrustedVtep")? == count))?;
        assert_eq!(network.half_open(inner)?, 0, "encapsulated by {vtep}");
    }
    injector.send(&encapsulated_by("192.0.2.11").bytes())?;
    eventually("a packet from a trusted VTEP is accepted", || Ok(network.half_open(inner)? == 1))?;
    assert_eq!(agent.counter(REGISTRY, "UntrustedVtep")?, 3);
    Ok(())
}
