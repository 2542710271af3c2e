//! The ways into the host on which `guard_xdp` sees nothing, or not what arrives: there `guard_sk_lookup` is the authority.
//!
//! In each test the denied source arrives behind an interface that the configuration does not name, so no XDP program stands
//! in its way; `harness.rs` shows that each way is open without a guard. To see that a test guards something, let the program
//! decide nothing: return `SK_PASS` first of all in `registry-guard-ebpf/src/guard_sk_lookup.rs`, and every test here must
//! fail. For the published registry alone, leave out the registry's own namespace where the agent attaches the program.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use anyhow::{Result, ensure};
use tests::net::{
    Agent, Client, Curl, DockerRegistry, GuardConfig, HostSide, Http, Ipip, Listener, Network, Outcome, Overlay,
    Published, Responder, address, connect, eventually,
};

/// Far longer than an answer takes.
const PATIENCE: Duration = Duration::from_secs(5);
const MINUTE: Duration = Duration::from_mins(1);

const REGISTRY: &str = GuardConfig::REGISTRY;
/// Sources that rules allow in public.
const ALLOWED: [&str; 2] = ["198.51.100.7", "2001:db8:1::7"];
/// Sources that no rule covers.
const DENIED: [&str; 2] = ["198.51.100.66", "2001:db8:6::66"];

fn registry_of(source: IpAddr) -> SocketAddr {
    match source {
        IpAddr::V4(_) => (Network::REGISTRY_V4, 443).into(),
        IpAddr::V6(_) => (Network::REGISTRY_V6, 443).into(),
    }
}

fn both() -> Vec<&'static str> {
    [ALLOWED, DENIED].concat()
}

/// An interface for XDP to stand on, which nothing in these tests comes through.
fn front(network: &mut Network) -> Result<Client> {
    network.client("front", &["198.51.100.250"])
}

fn registry(network: &Network) -> Result<Listener> {
    Listener::start(network.host(), "[::]:443".parse()?)
}

/// Denied connections end with a reset, so that no test waits for what does not come.
fn config(network: &Network) -> GuardConfig {
    GuardConfig::of(network).reset()
}

fn allow(agent: &Agent, ip: &str) -> Result<()> {
    agent.json(["network-rule", "add", "-n", REGISTRY, "--ip-address", ip]).map(drop)
}

fn guard(network: &Network, config: &GuardConfig) -> Result<Agent> {
    let agent = Agent::start(network, &config.to_string())?;
    for source in ALLOWED {
        allow(&agent, source)?;
    }
    Ok(agent)
}

/// What becomes of a connection from one of the client's own addresses to the registry's.
fn outcome(client: &Client, source: &str) -> Result<Outcome> {
    let source = address(source);
    Ok(client.namespace().within(|| connect(source, registry_of(source), PATIENCE))??.outcome)
}

/// The source is refused and the registry never hears of it.
fn assert_refused(client: &Client, source: &str, registry: &Listener) -> Result<()> {
    assert_eq!(outcome(client, source)?, Outcome::Refused, "{source}");
    assert_eq!(registry.visits_from(address(source)), 0, "{source} reached the registry");
    Ok(())
}

/// The source is served by the registry itself.
fn assert_served(client: &Client, source: &str, registry: &Listener) -> Result<()> {
    assert_eq!(outcome(client, source)?, Outcome::Connected, "{source}");
    assert!(registry.arrival(address(source), PATIENCE), "{source} did not reach the registry");
    Ok(())
}

/// A virtual network on VNI 5001 whose subnet 10.1.0.0/24 has a rule.
fn office_network(agent: &Agent) -> Result<()> {
    let network = ["network", "vnet", "create", "-n", "office", "--vni", "5001", "--address-prefixes", "10.1.0.0/16"];
    agent.json(network)?;
    let subnet = ["network", "vnet", "subnet", "create", "--vnet-name", "office", "-n", "ci", "--address-prefixes"];
    agent.json(subnet.iter().chain(&["10.1.0.0/24", "--service-endpoints", "Microsoft.ContainerRegistry"]))?;
    agent.json(["network-rule", "add", "-n", REGISTRY, "--vnet-name", "office", "--subnet", "ci"])?;
    Ok(())
}

#[test]
fn a_nic_that_nobody_listed_lets_no_denied_source_through() -> Result<()> {
    let mut network = Network::new()?;
    let _front = front(&mut network)?;
    let second = network.unlisted_client("second", &both())?;
    let registry = registry(&network)?;
    let agent = guard(&network, &config(&network))?;
    for (allowed, denied) in ALLOWED.into_iter().zip(DENIED) {
        assert_refused(&second, denied, &registry)?;
        assert_served(&second, allowed, &registry)?;
        allow(&agent, denied)?;
        assert_served(&second, denied, &registry)?;
    }
    Ok(())
}

#[test]
fn a_nic_that_came_after_the_agent_lets_no_denied_source_through() -> Result<()> {
    let mut network = Network::new()?;
    let _front = front(&mut network)?;
    let registry = registry(&network)?;
    let _agent = guard(&network, &config(&network))?;
    let late = network.unlisted_client("late", &both())?;
    for (allowed, denied) in ALLOWED.into_iter().zip(DENIED) {
        assert_refused(&late, denied, &registry)?;
        eventually("the agent knows the new interface", || Ok(outcome(&late, allowed)? == Outcome::Connected))?;
        assert_refused(&late, denied, &registry)?;
    }
    Ok(())
}

#[test]
fn a_denied_source_behind_an_unlisted_nic_is_told_why() -> Result<()> {
    let mut network = Network::new()?;
    let _front = front(&mut network)?;
    let second = network.unlisted_client("second", &[DENIED[0]])?;
    let container = network.container("container", &["198.51.100.67"])?;
    let registry = DockerRegistry::start(&network)?;
    let certificate = registry.certificate();
    let agent = guard(&network, &GuardConfig::of(&network).forbidden(certificate))?;
    let _responder = Responder::start(&agent)?;
    for (client, source) in [(&second, DENIED[0]), (&container, "198.51.100.67")] {
        let curl = Curl { client, certificate };
        eventually("the responder answers", || Ok(curl.get("/v2/", None, MINUTE)?.success()))?;
        let answer = curl.show("/v2/", Http::One, MINUTE)?.expect_success()?;
        ensure!(answer.stdout.ends_with("\n403 HTTP/1.1\n"), "{answer:?}");
        ensure!(answer.stdout.contains(&format!("client with IP '{source}' is not allowed access")), "{answer:?}");
    }
    Ok(())
}

/// What becomes of a connection that the host opens to itself, to port 443 of `to`.
fn from_the_host(network: &Network, from: IpAddr, to: IpAddr) -> Result<Outcome> {
    Ok(network.host().within(|| connect(from, SocketAddr::new(to, 443), PATIENCE))??.outcome)
}

#[test]
fn the_host_itself_is_judged_like_any_other_source() -> Result<()> {
    let mut network = Network::new()?;
    let _front = front(&mut network)?;
    let _registry = registry(&network)?;
    let agent = guard(&network, &config(&network))?;
    let own = [IpAddr::from(Network::REGISTRY_V4), Network::REGISTRY_V6.into()];
    for address in own {
        assert_eq!(from_the_host(&network, address, address)?, Outcome::Refused, "{address}");
        allow(&agent, &address.to_string())?;
        assert_eq!(from_the_host(&network, address, address)?, Outcome::Connected, "{address} has a rule now");
    }
    Ok(())
}

#[test]
fn loopback_is_denied_to_a_registry_on_every_address_unless_local_traffic_is_allowed() -> Result<()> {
    let mut network = Network::new()?;
    let _front = front(&mut network)?;
    let _registry = registry(&network)?;
    let config = config(&network).wildcard();
    let mut agent = guard(&network, &config)?;
    let loopback = [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()];
    let own = [IpAddr::from(Network::REGISTRY_V4), Network::REGISTRY_V6.into()];
    for address in loopback.into_iter().chain(own) {
        assert_eq!(from_the_host(&network, address, address)?, Outcome::Refused, "{address}");
    }
    agent.stop()?;
    agent.configure(&config.allow_local().to_string())?;
    agent.run()?;
    for address in loopback.into_iter().chain(own) {
        assert_eq!(from_the_host(&network, address, address)?, Outcome::Connected, "{address} with allow-local");
    }
    Ok(())
}

#[test]
fn local_traffic_that_is_allowed_lets_nobody_else_in() -> Result<()> {
    let mut network = Network::new()?;
    let _front = front(&mut network)?;
    let second = network.unlisted_client("second", &both())?;
    let container = network.container("container", &["198.51.100.67", "2001:db8:6::67"])?;
    let registry = registry(&network)?;
    let _agent = guard(&network, &config(&network).wildcard().allow_local())?;
    for denied in DENIED {
        assert_refused(&second, denied, &registry)?;
    }
    for denied in ["198.51.100.67", "2001:db8:6::67"] {
        assert_refused(&container, denied, &registry)?;
    }
    Ok(())
}

#[test]
fn a_container_behind_a_bridge_of_the_host_is_judged_by_its_own_address() -> Result<()> {
    let mut network = Network::new()?;
    let _front = front(&mut network)?;
    let container = network.container("container", &both())?;
    let registry = registry(&network)?;
    let _agent = guard(&network, &config(&network))?;
    for (allowed, denied) in ALLOWED.into_iter().zip(DENIED) {
        assert_refused(&container, denied, &registry)?;
        assert_served(&container, allowed, &registry)?;
    }
    Ok(())
}

fn published_config(network: &Network, published: &Published) -> GuardConfig {
    let listen = published.listen();
    config(network).netns(&published.namespace().path(), &listen.each_ref().map(String::as_str))
}

#[test]
fn a_published_registry_is_guarded_where_it_really_listens() -> Result<()> {
    let mut network = Network::new()?;
    let front = network.client("front", &["198.51.100.250", "198.51.100.251"])?;
    let second = network.unlisted_client("second", &both())?;
    let published = network.published("inner", 5000)?;
    let registry = Listener::start(published.namespace(), "[::]:5000".parse()?)?;
    let agent = guard(&network, &published_config(&network, &published))?;
    for (allowed, denied) in ALLOWED.into_iter().zip(DENIED) {
        assert_refused(&second, denied, &registry)?;
        assert_served(&second, allowed, &registry)?;
    }
    allow(&agent, "198.51.100.250")?;
    assert_served(&front, "198.51.100.250", &registry)?;
    assert_refused(&front, "198.51.100.251", &registry)
}

#[test]
fn a_published_registry_is_not_reached_past_its_published_port() -> Result<()> {
    let mut network = Network::new()?;
    let _front = front(&mut network)?;
    let second = network.unlisted_client("second", &both())?;
    let published = network.published("inner", 5000)?;
    let registry = Listener::start(published.namespace(), "[::]:5000".parse()?)?;
    let _agent = guard(&network, &published_config(&network, &published))?;
    let route = format!("route add {}/32 via {} dev {} onlink", Published::V4, Network::REGISTRY_V4, Client::INTERFACE);
    second.namespace().ip(&route)?;
    let inside = published.listen().map(|listen| listen.parse::<SocketAddr>().expect("an address with port"));
    for ((allowed, denied), inside) in ALLOWED.into_iter().zip(DENIED).zip(inside) {
        // The host forwards what is sent to the container's own address, too.
        let refused = second.connect(address(denied), inside, PATIENCE)?;
        assert_eq!(refused.outcome, Outcome::Refused, "{denied}");
        assert_eq!(registry.visits_from(address(denied)), 0, "{denied} reached the registry");
        assert_eq!(second.connect(address(allowed), inside, PATIENCE)?.outcome, Outcome::Connected, "{allowed}");
    }
    Ok(())
}

#[test]
fn a_denied_source_of_a_published_registry_is_told_why() -> Result<()> {
    let mut network = Network::new()?;
    let front = network.client("front", &["198.51.100.251"])?;
    let second = network.unlisted_client("second", &[DENIED[0]])?;
    let office = network.unlisted_client("office", &[ALLOWED[0]])?;
    let published = network.published("inner", 5000)?;
    let registry = DockerRegistry::start_inside(&network, published.namespace(), 5000)?;
    let certificate = registry.certificate();
    let agent = guard(&network, &published_config(&network, &published).forbidden(certificate))?;
    let _responder = Responder::start_for(&agent, published.namespace())?;
    for (client, source) in [(&front, "198.51.100.251"), (&second, DENIED[0])] {
        let curl = Curl { client, certificate };
        eventually("the responder answers", || Ok(curl.get("/v2/", None, MINUTE)?.success()))?;
        let answer = curl.get("/v2/", None, MINUTE)?.expect_success()?;
        ensure!(answer.stdout.ends_with("\n403\n"), "{answer:?}");
        ensure!(answer.stdout.contains(&format!("client with IP '{source}' is not allowed access")), "{answer:?}");
    }
    let served = Curl { client: &office, certificate }.get("/v2/", None, MINUTE)?.expect_success()?;
    ensure!(served.stdout.ends_with("\n200\n"), "{served:?}");
    Ok(())
}

#[test]
fn no_denied_connection_passes_the_nic_to_a_namespace_that_its_registry_has_left() -> Result<()> {
    let mut network = Network::new()?;
    let front = network.client("front", &["198.51.100.251"])?;
    let published = network.published("inner", 5000)?;
    let registry = DockerRegistry::start_inside(&network, published.namespace(), 5000)?;
    let certificate = registry.certificate().clone();
    let agent = guard(&network, &published_config(&network, &published).forbidden(&certificate))?;
    let _responder = Responder::start_for(&agent, published.namespace())?;
    let curl = Curl { client: &front, certificate: &certificate };
    eventually("the responder answers", || Ok(curl.get("/v2/", None, MINUTE)?.success()))?;
    drop(registry);
    eventually("its absence is noticed", || {
        let status = agent.json(["status"])?;
        let noticed = status["problems"].to_string().contains("nothing listens at");
        Ok(noticed && status["state"] == "DEGRADED" && status["secondLayer"]["stands"] == false)
    })?;
    assert_ne!(outcome(&front, "198.51.100.251")?, Outcome::Connected, "nobody is there to deny it again");
    let back = Listener::start(published.namespace(), "[::]:5000".parse()?)?;
    eventually("its return is noticed", || Ok(agent.json(["status"])?["state"] == "ENFORCING"))?;
    eventually("the responder answers again", || Ok(curl.get("/v2/", None, MINUTE)?.success()))?;
    assert_eq!(back.visits_from(address("198.51.100.251")), 0);
    Ok(())
}

/// An overlay client whose underlay comes in where no XDP program stands. Inside VNI `vni` it has an address that the subnet's
/// rule on VNI 5001 covers, one that a public IP rule covers, and one that nothing covers.
fn overlay(network: &mut Network, side: HostSide, name: &str, underlay: &str, vni: u32) -> Result<Overlay> {
    let overlay = network.overlay_client_at(side, name, underlay, vni, &INSIDE)?;
    network.unlist_last();
    Ok(overlay)
}

/// See [`overlay`].
const INSIDE: [&str; 3] = ["10.1.0.4", ALLOWED[0], DENIED[0]];

/// None of `sources` is served inside VNI `vni` that ends on the host in this way, although its VTEP is named as trusted.
fn assert_refused_inside(side: HostSide, underlay: &str, vni: u32, sources: &[&str]) -> Result<()> {
    let mut network = Network::new()?;
    let _front = front(&mut network)?;
    let app = overlay(&mut network, side, "app", underlay, vni)?;
    let registry = registry(&network)?;
    let agent = guard(&network, &config(&network).trusted_vtep(underlay))?;
    office_network(&agent)?;
    sources.iter().try_for_each(|source| assert_refused(&app, source, &registry))
}

#[test]
fn vxlan_whose_vteps_nobody_checks_gives_no_identity() -> Result<()> {
    // The VTEP can only be checked on a NIC that XDP stands on: the second layer sees the inner packet alone.
    assert_refused_inside(HostSide::Device, "192.0.2.11", 5001, &INSIDE)
}

#[test]
fn a_vxlan_device_on_another_udp_port_gives_no_public_identity() -> Result<()> {
    assert_refused_inside(HostSide::Port(8472), "192.0.2.12", 5002, &INSIDE)
}

#[test]
fn a_flow_based_vxlan_device_gives_no_identity_at_all() -> Result<()> {
    // Every VNI shows the same interface, so not even the subnet with the rule can be told from others.
    assert_refused_inside(HostSide::FlowBased, "192.0.2.11", 5001, &INSIDE)
}

#[test]
fn a_vxlan_device_behind_a_bridge_gives_no_public_identity() -> Result<()> {
    let [_, public, nowhere] = INSIDE;
    assert_refused_inside(HostSide::BridgePort, "192.0.2.11", 5001, &[public, nowhere])
}

/// The host has a macvlan on its VXLAN device, and the client sends to its hardware address.
fn macvlan_on_top(network: &Network, app: &Overlay) -> Result<()> {
    let (device, mac) = (app.device(), "00:00:5e:00:53:f7");
    network.host().ip(&format!(
        "link add link {} name upper address {mac} type macvlan mode bridge\nlink set upper up\n\
         route add {}/32 dev upper",
        app.host_device(),
        ALLOWED[0]
    ))?;
    app.namespace().ip(&format!("neigh replace {} lladdr {mac} dev {device}", Network::REGISTRY_V4))
}

#[test]
fn a_macvlan_on_a_vxlan_device_gives_no_public_identity() -> Result<()> {
    let mut network = Network::new()?;
    let _front = front(&mut network)?;
    let app = overlay(&mut network, HostSide::Device, "app", "192.0.2.11", 5001)?;
    macvlan_on_top(&network, &app)?;
    let registry = registry(&network)?;
    let agent = guard(&network, &config(&network).trusted_vtep("192.0.2.11"))?;
    office_network(&agent)?;
    assert_refused(&app, ALLOWED[0], &registry)
}

#[test]
fn a_vxlan_device_that_gets_its_packets_in_another_namespace_gives_no_identity() -> Result<()> {
    let mut network = Network::new()?;
    let _front = front(&mut network)?;
    let elsewhere = network.unlisted_client("elsewhere", &["192.0.2.31"])?;
    elsewhere.namespace().ip(&format!(
        "link add moved type vxlan id 5001 local 192.0.2.31 dstport 4789\nlink set moved netns {}",
        network.host().name()
    ))?;
    network.host().ip(&format!("link set moved up\nlink set {} down", elsewhere.host_interface()))?;
    let agent = guard(&network, &config(&network).trusted_vtep("192.0.2.11"))?;
    let problems = agent.json(["status"])?["problems"].to_string();
    ensure!(problems.contains("moved: its packets arrive in another network namespace"), "{problems}");
    Ok(())
}

#[test]
fn a_tunnel_that_nobody_declared_lets_nobody_through() -> Result<()> {
    for source in [ALLOWED[0], DENIED[0]] {
        let mut network = Network::new()?;
        let _front = front(&mut network)?;
        let client = network.unlisted_client("tunnelled", &["192.0.2.21"])?;
        let _tunnel = Ipip::between(&network, &client, source)?;
        let registry = registry(&network)?;
        let _agent = guard(&network, &config(&network))?;
        assert_refused(&client, source, &registry)?;
    }
    Ok(())
}

#[test]
fn a_declared_tunnel_carries_public_traffic() -> Result<()> {
    for source in [ALLOWED[0], DENIED[0]] {
        let mut network = Network::new()?;
        let _front = front(&mut network)?;
        let client = network.unlisted_client("tunnelled", &["192.0.2.21"])?;
        let _tunnel = Ipip::between(&network, &client, source)?;
        let registry = registry(&network)?;
        let _agent = guard(&network, &config(&network).tunnel(Ipip::DEVICE))?;
        if source == ALLOWED[0] {
            assert_served(&client, source, &registry)?;
        } else {
            assert_refused(&client, source, &registry)?;
        }
    }
    Ok(())
}

#[test]
fn what_xdp_cannot_look_into_passes_to_the_second_layer_which_decides() -> Result<()> {
    for source in [ALLOWED[0], DENIED[0]] {
        let mut network = Network::new()?;
        let client = network.client("tunnelled", &["192.0.2.21"])?;
        let _tunnel = Ipip::between(&network, &client, source)?;
        let registry = registry(&network)?;
        let agent = guard(&network, &config(&network).tunnel(Ipip::DEVICE))?;
        let expected = if source == ALLOWED[0] { Outcome::Connected } else { Outcome::Refused };
        eventually("the second layer decides", || Ok(outcome(&client, source)? == expected))?;
        if source == ALLOWED[0] {
            assert_served(&client, source, &registry)?;
        } else {
            assert_refused(&client, source, &registry)?;
        }
        let status = agent.request("GET", "/status", &[], &[])?.expect_success()?;
        ensure!(status.to_string().contains("UnknownEncapsulation"), "it is counted: {status}");
    }
    Ok(())
}

/// Whether what `source` sends to `destination`, a group, arrives at a socket that hears UDP at the registry's port.
fn group_is_heard(
    network: &Network,
    client: &Client,
    (source, destination): (&str, &str),
    patience: Duration,
) -> Result<bool> {
    let any = if address(source).is_ipv4() { "0.0.0.0:443" } else { "[::]:443" };
    let heard = network.host().within(|| UdpSocket::bind(any))??;
    heard.set_read_timeout(Some(patience))?;
    client.namespace().within(|| -> Result<()> {
        let socket = UdpSocket::bind(SocketAddr::new(address(source), 0))?;
        socket.set_broadcast(true)?;
        socket.send_to(b"hello", destination)?;
        Ok(())
    })??;
    Ok(heard.recv_from(&mut [0; 16]).is_ok())
}

#[test]
fn datagrams_to_groups_and_broadcasts_do_not_lead_around_the_guard() -> Result<()> {
    let mut network = Network::new()?;
    let client = network.client("front", &both())?;
    let index = client.interface_index()?;
    let groups = [
        (DENIED[0], "224.0.0.1:443".to_owned()),
        (DENIED[0], "255.255.255.255:443".to_owned()),
        (DENIED[1], format!("[ff02::1%{index}]:443")),
    ];
    for (source, group) in &groups {
        ensure!(group_is_heard(&network, &client, (source, group), PATIENCE)?, "{group} is heard without a guard");
    }
    let _agent = guard(&network, &config(&network))?;
    // A lookup for a group asks no program (`__udp4_lib_mcast_deliver`), so the first layer alone can deny it.
    for (source, group) in &groups {
        ensure!(!group_is_heard(&network, &client, (source, group), Duration::from_millis(300))?, "{group} is heard");
    }
    Ok(())
}
