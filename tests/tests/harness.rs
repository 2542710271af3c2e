//! The harness itself: without a guard everyone gets through, and nothing stays behind.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use tests::net::{
    Client, Curl, DockerRegistry, HalfOpen, HostSide, Hostile, Image, Ipip, Listener, Login, Network, Outcome, Podman,
    Ran, Skopeo, address, half_open,
};
use tests::packet::{Datagrams, Ethernet, FragmentHeader, HopByHop, Ipv4, Ipv6, Packet, Raw, Tcp, Udp, Vlan, Vxlan};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

fn registry_v4() -> SocketAddr {
    (Network::REGISTRY_V4, 443).into()
}

fn registry_v6() -> SocketAddr {
    (Network::REGISTRY_V6, 443).into()
}

fn listener(network: &Network) -> Result<Listener> {
    Listener::start(network.host(), "[::]:443".parse()?)
}

fn output(ran: &Ran) -> String {
    format!("{}{}", ran.stdout, ran.stderr)
}

#[test]
fn a_client_connects_from_each_of_its_addresses() -> Result<()> {
    let mut network = Network::new()?;
    let office = network.client("office", &["198.51.100.7", "198.51.100.8", "2001:db8:1::7"])?;
    let listener = listener(&network)?;
    for (source, destination) in
        [("198.51.100.7", registry_v4()), ("198.51.100.8", registry_v4()), ("2001:db8:1::7", registry_v6())]
    {
        let attempt = office.connect(address(source), destination, SECOND)?;
        assert_eq!(attempt.outcome, Outcome::Connected, "from {source}");
        let visit = listener.arrival(address(source), SECOND);
        assert!(visit, "the listener did not see {source}");
    }
    Ok(())
}

#[test]
fn a_closed_port_refuses_and_a_dropped_packet_times_out() -> Result<()> {
    let mut network = Network::new()?;
    let office = network.client("office", &["198.51.100.7"])?;
    let source = address("198.51.100.7");
    assert_eq!(office.connect(source, registry_v4(), SECOND)?.outcome, Outcome::Refused);
    network.host().ip("route replace blackhole 198.51.100.7/32")?;
    let attempt = office.connect(source, registry_v4(), Duration::from_millis(300))?;
    assert_eq!(attempt.outcome, Outcome::TimedOut);
    assert!(attempt.took >= Duration::from_millis(300) && attempt.took < SECOND, "{attempt:?}");
    Ok(())
}

#[test]
fn overlay_clients_connect_over_either_underlay() -> Result<()> {
    let mut network = Network::new()?;
    let app = network.overlay_client("app", "192.0.2.11", 5001, &["10.1.0.4", "2001:db8:a::4"])?;
    let build = network.overlay_client("build", "192.0.2.12", 5001, &["10.1.0.5"])?;
    let other = network.overlay_client("other", "2001:db8:f::11", 5002, &["10.2.0.4"])?;
    let listener = listener(&network)?;
    for (client, source, destination) in [
        (&app, "10.1.0.4", registry_v4()),
        (&app, "2001:db8:a::4", registry_v6()),
        (&build, "10.1.0.5", registry_v4()),
        (&other, "10.2.0.4", registry_v4()),
    ] {
        let attempt = client.connect(address(source), destination, SECOND)?;
        assert_eq!(attempt.outcome, Outcome::Connected, "from {source}");
        assert!(listener.arrival(address(source), SECOND), "the listener did not see {source}");
    }
    let link = network.host().command("ip").args(["-json", "-stats", "link", "show", app.device()]).output()?;
    let link: serde_json::Value = serde_json::from_slice(&link.stdout)?;
    let received = link[0]["stats64"]["rx"]["packets"].as_u64();
    assert!(received.is_some_and(|packets| packets >= 6), "the VXLAN device received {received:?} packets");
    Ok(())
}

#[test]
fn two_networks_may_use_the_same_inner_address() -> Result<()> {
    let mut network = Network::new()?;
    let app = network.overlay_client("app", "192.0.2.11", 5001, &["10.1.0.4", "2001:db8:a::4"])?;
    let copy = network.overlay_client("copy", "192.0.2.12", 5002, &["10.1.0.4", "2001:db8:a::4"])?;
    let _listener = listener(&network)?;
    for (source, destination) in [("10.1.0.4", registry_v4()), ("2001:db8:a::4", registry_v6())] {
        let attempt = app.connect(address(source), destination, SECOND)?;
        assert_eq!(attempt.outcome, Outcome::Connected, "from {source}");
        // The host accepts the second one's SYN too, and answers it through the first one's network.
        let limit = Duration::from_millis(300);
        assert_eq!(copy.connect(address(source), destination, limit)?.outcome, Outcome::TimedOut, "from {source}");
    }
    Ok(())
}

#[test]
fn injected_packets_that_the_kernel_accepts_are_half_open() -> Result<()> {
    let mut network = Network::new()?;
    let attacker = network.client("attacker", &["192.0.2.66"])?;
    let vtep = network.overlay_client("vtep", "192.0.2.11", 5001, &["10.1.0.4"])?;
    network.route("198.51.100.0/24", &attacker)?;
    network.route("2001:db8:1::/64", &attacker)?;
    network.host().ip(&format!("route add 10.9.0.0/16 dev {}", vtep.device()))?;
    let _listener = listener(&network)?;
    let injector = attacker.injector()?;
    let plain = |source: &str| Ethernet::default() / Ipv4::from(source) / Tcp::syn(443);
    let v6 = |source: &str| {
        Ethernet::default()
            / Ipv6::from(source)
            / HopByHop::default()
            / FragmentHeader::default()
            / Tcp::syn(443)
            / Raw::zeros(16)
    };
    let vxlan = |source: &str| -> Packet {
        let underlay = Ethernet::default() / Ipv4::from("192.0.2.99").to(Network::UNDERLAY_V4);
        underlay / Udp::vxlan() / Vxlan::vni(5001) / plain(source)
    };
    let tagged = |source: &str| Ethernet::default() / Vlan::priority() / Ipv4::from(source) / Tcp::syn(443);
    for (packets, source, accepted) in [
        (vec![plain("198.51.100.200")], "198.51.100.200", 1),
        (vec![tagged("198.51.100.201")], "198.51.100.201", 1),
        (plain("198.51.100.202").fragments(Datagrams::Outer, &[8]), "198.51.100.202", 1),
        (v6("2001:db8:1::203").fragments(Datagrams::Outer, &[24]), "2001:db8:1::203", 1),
        (vec![vxlan("10.9.0.4")], "10.9.0.4", 1),
        (vec![plain("198.51.100.205") / Raw::from("data")], "198.51.100.205", 1),
        (vec![Ethernet::default() / Ipv4::from("198.51.100.206") / Tcp::flags(443, Tcp::FIN)], "198.51.100.206", 0),
    ] {
        for packet in packets {
            injector.send(&packet.bytes())?;
        }
        let source = address(source);
        let seen = network.half_open(source)?;
        assert_eq!(seen, accepted, "half-open connections from {source}");
    }
    let elsewhere = attacker.namespace().within(half_open)??;
    assert_eq!(elsewhere, Vec::<HalfOpen>::new(), "the attacker's own namespace holds none");
    Ok(())
}

#[test]
fn real_clients_push_and_pull_and_log_in() -> Result<()> {
    let mut network = Network::new()?;
    let office = network.client("office", &["198.51.100.7"])?;
    let lab = network.client("lab", &["2001:db8:1::7"])?;
    let app = network.overlay_client("app", "192.0.2.11", 5001, &["10.1.0.4"])?;
    let registry = DockerRegistry::start_with_login(&network)?;
    let image = Image::make(&network.folder().join("image"), 100_000)?;
    let certificate = registry.certificate();

    let skopeo = Skopeo::new(&network, &office, certificate);
    let refused = skopeo.push(&image, "app:v1", MINUTE)?;
    ensure!(!refused.success(), "pushed without a login: {}", output(&refused));
    skopeo.login(Login::BUILDER, MINUTE)?.expect_success()?;
    skopeo.push(&image, "app:v1", MINUTE)?.expect_success()?;
    skopeo.pull("app:v1", MINUTE)?.expect_success()?;

    let podman = Podman::new(&network, &lab, certificate)?;
    podman.login(Login::BUILDER, MINUTE)?.expect_success()?;
    podman.pull("app:v1", MINUTE)?.expect_success()?;
    podman.push(&image, "app:v2", MINUTE)?.expect_success()?;

    for client in [&office, &lab, &*app] as [&Client; 3] {
        let curl = Curl { client, certificate };
        let answer = curl.get("/v2/", None, MINUTE)?.expect_success()?;
        assert!(answer.stdout.ends_with("\n401\n"), "{answer:?}");
    }
    Ok(())
}

#[test]
fn nothing_stays_behind_when_a_test_panics() -> Result<()> {
    let (sender, receiver) = std::sync::mpsc::channel();
    let panicked = std::thread::spawn(move || {
        let mut network = Network::new().expect("a network");
        let office = network.client("office", &["198.51.100.7"]).expect("a client");
        let registry = DockerRegistry::start(&network).expect("a registry");
        let traces = (
            network.host().path(),
            office.namespace().path(),
            network.folder().to_owned(),
            Path::new("/proc").join(registry.pid().to_string()),
        );
        sender.send(traces).expect("the test waits");
        std::panic::panic_any("on purpose");
    })
    .join();
    assert!(panicked.is_err());
    let (host, client, folder, process) = receiver.recv()?;
    for trace in [&host, &client, &folder, &process] {
        assert!(!trace.exists(), "{} is still there", trace.display());
    }
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    assert!(!mounts.contains(&*folder.to_string_lossy()), "a mount is still there:\n{mounts}");
    Ok(())
}

/// The ways into the host that the guard of a NIC does not see, as they are without any guard.
#[test]
fn every_way_around_a_nic_reaches_the_registry() -> Result<()> {
    let mut network = Network::new()?;
    let unlisted = network.unlisted_client("unlisted", &["198.51.100.7", "2001:db8:1::7"])?;
    let container = network.container("container", &["198.51.100.8", "2001:db8:1::8"])?;
    let other = HostSide::Port(8472);
    let other_port = network.overlay_client_at(other, "other-port", "192.0.2.11", 5001, &["10.1.0.4"])?;
    let bridged = network.overlay_client_at(HostSide::BridgePort, "bridged", "192.0.2.12", 5002, &["10.2.0.4"])?;
    let tunnelled = network.client("tunnelled", &["192.0.2.21"])?;
    let _tunnel = Ipip::between(&network, &tunnelled, "10.3.0.4")?;
    let listener = listener(&network)?;
    for (client, source) in [
        (&unlisted, "198.51.100.7"),
        (&unlisted, "2001:db8:1::7"),
        (&container, "198.51.100.8"),
        (&container, "2001:db8:1::8"),
        (&*other_port, "10.1.0.4"),
        (&*bridged, "10.2.0.4"),
        (&tunnelled, "10.3.0.4"),
    ] {
        let source = address(source);
        let destination = if source.is_ipv4() { registry_v4() } else { registry_v6() };
        assert_eq!(client.connect(source, destination, SECOND)?.outcome, Outcome::Connected, "from {source}");
        assert!(listener.arrival(source, SECOND), "the listener did not see {source}");
    }
    Ok(())
}

#[test]
fn a_flow_based_vxlan_device_reaches_the_registry() -> Result<()> {
    let mut network = Network::new()?;
    let app = network.overlay_client_at(HostSide::FlowBased, "app", "192.0.2.11", 5001, &["10.1.0.4"])?;
    let listener = listener(&network)?;
    assert_eq!(app.connect(address("10.1.0.4"), registry_v4(), SECOND)?.outcome, Outcome::Connected);
    assert!(listener.arrival(address("10.1.0.4"), SECOND));
    Ok(())
}

#[test]
fn a_published_registry_is_reached_in_its_namespace_and_not_in_the_hosts() -> Result<()> {
    let mut network = Network::new()?;
    let office = network.client("office", &["198.51.100.7", "2001:db8:1::7"])?;
    let published = network.published("inner", 5000)?;
    let hosts_own = listener(&network)?;
    let inside = Listener::start(published.namespace(), "[::]:5000".parse()?)?;
    for (source, destination) in [("198.51.100.7", registry_v4()), ("2001:db8:1::7", registry_v6())] {
        let source = address(source);
        assert_eq!(office.connect(source, destination, SECOND)?.outcome, Outcome::Connected, "from {source}");
        assert!(inside.arrival(source, SECOND), "the listener did not see {source}");
    }
    assert_eq!(hosts_own.visitors(), []);
    Ok(())
}

#[test]
fn hostile_clients_do_what_they_say() -> Result<()> {
    let mut network = Network::new()?;
    let attacker = network.client("attacker", &["198.51.100.66", "198.51.100.67"])?;
    let registry = DockerRegistry::start(&network)?;
    let hostile = Hostile { client: &attacker, sources: attacker.addresses(), destination: registry_v4() };
    assert_eq!(hostile.idle(20)?.len(), 20);
    assert_eq!(hostile.half_handshakes(20)?.len(), 20);
    let slow = hostile.slow_headers(20, registry.certificate())?;
    assert_eq!((slow.opened(), slow.left()), (20, 20), "the registry itself waits for the end of a request's head");
    let answer = hostile.huge_header(2_000_000, registry.certificate())?;
    ensure!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    Ok(())
}
