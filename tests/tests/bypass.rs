//! Linux itself as the oracle: whatever shape a SYN has, a half-open connection must not appear for a denied source, and must
//! for an allowed one unless the shape is never legitimate.
//!
//! Each shape is sent to a host without a guard, to learn whether Linux takes it for a connection attempt, to a guarded one,
//! and to one that only the second layer guards.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use registry_guard_common::{Address, Class, Tag, parse};
use tests::attacks::{Source, VNI, VTEP, all};
use tests::net::{Agent, Client, Listener, Network, Overlay};
use tests::packet::{
    Datagrams, DestinationOptions, Ethernet, FragmentHeader, HopByHop, Ipv4, Ipv6, Packet, Raw, Tcp, Udp, Vxlan,
};

/// A shape: its name and its packets, in the order in which they are sent.
struct Shape {
    name: String,
    frames: Vec<Vec<u8>>,
    source: Source,
}

/// Senders at the same time on one host, so that each has an address of its own.
const SHAPES_PER_HOST: usize = 100;
/// How long nothing may change before what is half-open is final.
const SETTLED: Duration = Duration::from_millis(300);
/// At least so many of the shapes are connection attempts to Linux, or this test shows nothing.
const ACCEPTED_AT_LEAST: usize = 50;

/// The source with this number.
fn source(number: usize, allowed: bool) -> Source {
    let number = u8::try_from(number).expect("fewer than 256 sources");
    let (v4, v6) = if allowed { (10 + number, 1) } else { (128 + number, 2) };
    Source {
        v4: Ipv4Addr::new(198, 51, 100, v4),
        v6: Ipv6Addr::new(0x2001, 0xdb8, v6, 0, 0, 0, 1, number.into()),
        allowed,
    }
}

/// UDP port of VXLAN.
const VXLAN_PORT: u16 = 4789;

/// Composes the packets of one shape from a source.
type Maker = Box<dyn Fn(&Source) -> Vec<Packet>>;
/// Composes the packets of one SYN in pieces.
type Train = fn(&Source) -> Vec<Packet>;

/// The packets of one SYN in pieces, in different orders.
fn trains() -> Vec<(&'static str, Train)> {
    fn v4(source: &Source) -> Packet {
        Ethernet::default() / Ipv4::from(source.v4) / Tcp::syn(443).options(&[1; 20]) / Raw::zeros(24)
    }
    fn v6(source: &Source) -> Packet {
        Ethernet::default()
            / Ipv6::from(source.v6)
            / HopByHop::default()
            / FragmentHeader::default()
            / Tcp::syn(443).options(&[1; 20])
            / Raw::zeros(24)
    }
    fn vxlan(source: &Source) -> Packet {
        Ethernet::default()
            / Ipv4::from(VTEP)
            / Udp::vxlan()
            / Vxlan::vni(VNI)
            / Ethernet::default()
            / Ipv4::from(source.v4)
            / Tcp::syn(443)
            / Raw::zeros(24)
    }
    fn reversed(mut packets: Vec<Packet>) -> Vec<Packet> {
        packets.reverse();
        packets
    }
    vec![
        ("8 bytes, then the rest", |s| v4(s).fragments(Datagrams::Outer, &[8])),
        ("the rest, then 8 bytes", |s| reversed(v4(s).fragments(Datagrams::Outer, &[8]))),
        ("16 bytes, then the rest", |s| v4(s).fragments(Datagrams::Outer, &[16])),
        ("three pieces, shuffled", |s| {
            let mut pieces = v4(s).fragments(Datagrams::Outer, &[8, 24]);
            pieces.rotate_left(1);
            pieces
        }),
        ("each piece twice", |s| {
            v4(s).fragments(Datagrams::Outer, &[8]).into_iter().flat_map(|piece| [piece.clone(), piece]).collect()
        }),
        ("the whole TCP header, then data", |s| v4(s).fragments(Datagrams::Outer, &[40])),
        ("data, then the whole TCP header", |s| reversed(v4(s).fragments(Datagrams::Outer, &[40]))),
        ("IPv6: the whole TCP header, then data", |s| v6(s).fragments(Datagrams::Outer, &[40])),
        ("IPv6: data, then the whole TCP header", |s| reversed(v6(s).fragments(Datagrams::Outer, &[40]))),
        ("IPv6: 8 bytes, then the rest", |s| v6(s).fragments(Datagrams::Outer, &[8])),
        ("IPv6: options in the first piece, TCP in the second", |s| {
            let packet = Ethernet::default()
                / Ipv6::from(s.v6)
                / FragmentHeader::default()
                / DestinationOptions::default()
                / Tcp::syn(443);
            packet.fragments(Datagrams::Outer, &[8])
        }),
        ("VXLAN: the datagram in pieces", |s| vxlan(s).fragments(Datagrams::Outer, &[48])),
        ("VXLAN: the datagram in pieces, reversed", |s| reversed(vxlan(s).fragments(Datagrams::Outer, &[48]))),
        ("VXLAN: the inner SYN in pieces", |s| vxlan(s).fragments(Datagrams::Inner, &[8])),
        ("VXLAN: the inner SYN in pieces, reversed", |s| reversed(vxlan(s).fragments(Datagrams::Inner, &[8]))),
        ("VXLAN from a spoofed address", |s| {
            let mut packet = vxlan(s);
            packet.layers[1] = Ipv4::from("192.0.2.66").into();
            vec![packet]
        }),
    ]
}

/// Every shape from sources of one kind, on hosts of at most [`SHAPES_PER_HOST`].
fn shapes(allowed: bool) -> Vec<Vec<Shape>> {
    let mut makers: Vec<(String, Maker)> = Vec::new();
    for attack in all() {
        let packet = attack.packet;
        makers.push((attack.name.to_owned(), Box::new(move |source| vec![packet(source)])));
    }
    for (name, train) in trains() {
        makers.push((name.to_owned(), Box::new(train)));
    }
    let hosts = makers.chunks(SHAPES_PER_HOST).map(|makers| {
        let shapes = makers.iter().enumerate().map(|(number, (name, packets))| {
            let source = source(number, allowed);
            let frames = packets(&source).iter().map(Packet::bytes).collect();
            Shape { name: name.clone(), frames, source }
        });
        shapes.collect()
    });
    hosts.collect()
}

struct Host {
    network: Network,
    client: Client,
    _overlay: Overlay,
    _registry: Listener,
}

impl Host {
    fn new() -> Result<Self> {
        let mut network = Network::new()?;
        let client = network.client("client", &["192.0.2.200"])?;
        let overlay = network.overlay_client("vtep", VTEP, VNI, &["10.1.0.4"])?;
        network.route("198.51.100.0/24", &client)?;
        network.route("2001:db8:1::/48", &client)?;
        network.route("2001:db8:2::/48", &client)?;
        let registry = Listener::start(network.host(), "[::]:443".parse()?)?;
        Ok(Self { network, client, _overlay: overlay, _registry: registry })
    }

    /// A host, with the guard on the NIC and at the socket, or at the socket only.
    fn guarded(layers: Layers) -> Result<(Self, Agent)> {
        let host = Self::new()?;
        let agent = guarded(&host, layers)?;
        Ok((host, agent))
    }

    /// The names of the shapes that became half-open connections.
    fn accepts(&self, shapes: &[Shape]) -> Result<Vec<String>> {
        let injector = self.client.injector()?;
        for frame in shapes.iter().flat_map(|shape| &shape.frames) {
            injector.send(frame)?;
        }
        // An allowed source shows that everything sent before has been looked at, and that the way is open.
        let last = Ethernet::default() / Ipv4::from(Source::ALLOWED.v4) / Tcp::syn(443);
        injector.send(&last.bytes())?;
        let deadline = Instant::now() + Duration::from_secs(5);
        while self.network.half_open(Source::ALLOWED.v4.into())? == 0 {
            ensure!(Instant::now() < deadline, "the allowed source does not get through");
        }
        // What came in VXLAN waits in a queue of its own (`gro_cells`), so the last one may overtake it.
        let mut accepted = BTreeSet::new();
        let mut settled = Instant::now();
        while settled.elapsed() < SETTLED {
            for source in self.network.half_open_sources()? {
                if accepted.insert(source) {
                    settled = Instant::now();
                }
            }
        }
        let is_accepted =
            |shape: &&Shape| accepted.contains(&shape.source.v4.into()) || accepted.contains(&shape.source.v6.into());
        Ok(shapes.iter().filter(is_accepted).map(|shape| shape.name.clone()).collect())
    }
}

/// Where the guard stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layers {
    Both,
    SocketOnly,
}

fn guarded(host: &Host, layers: Layers) -> Result<Agent> {
    let interfaces = match layers {
        Layers::Both => format!("interfaces = {:?}", host.network.interfaces()),
        Layers::SocketOnly => "hotplug-interfaces = [\"absent0\"]".to_owned(),
    };
    let config = format!(
        "{interfaces}\n\
         [vxlan]\ntrusted-vteps = [\"{VTEP}\"]\n\
         [[registry]]\nname = \"contoso\"\nlogin-server = \"contoso.example.com\"\nlisten = [\"[::]:443\"]\n"
    );
    let agent = Agent::start(&host.network, &config)?;
    let run = |arguments: &[&str]| agent.cli(arguments)?.expect_success().map(drop);
    let prefixes = ["198.51.100.0/25", "2001:db8:1::/48"];
    for prefix in prefixes {
        run(&["network-rule", "add", "--name", "contoso", "--ip-address", prefix])?;
    }
    let vni = VNI.to_string();
    let [v4, v6] = prefixes;
    run(&["network", "vnet", "create", "--name", "office", "--vni", &vni, "--address-prefixes", v4, v6])?;
    run(&[
        "network",
        "vnet",
        "subnet",
        "create",
        "--vnet-name",
        "office",
        "--name",
        "ci",
        "--address-prefixes",
        v4,
        v6,
        "--service-endpoints",
        "Microsoft.ContainerRegistry",
    ])?;
    run(&["network-rule", "add", "--name", "contoso", "--vnet-name", "office", "--subnet", "ci"])?;
    Ok(agent)
}

#[test]
fn no_shape_of_a_syn_gets_a_denied_source_through() -> Result<()> {
    let (mut shapes_sent, mut accepted_unguarded) = (0, 0);
    for shapes in shapes(false) {
        let unguarded = Host::new()?.accepts(&shapes)?;
        for layers in [Layers::Both, Layers::SocketOnly] {
            let (host, _agent) = Host::guarded(layers)?;
            let through = host.accepts(&shapes)?;
            assert_eq!(through, Vec::<String>::new(), "half-open connections behind the guard, {layers:?}");
        }
        shapes_sent += shapes.len();
        accepted_unguarded += unguarded.len();
    }
    println!(
        "{shapes_sent} shapes: Linux alone takes {accepted_unguarded} for connection attempts, none behind both layers, none \
         behind the second alone"
    );
    assert!(accepted_unguarded >= ACCEPTED_AT_LEAST, "only {accepted_unguarded}: the shapes no longer test anything");
    Ok(())
}

/// Whether nobody, allowed or not, may get through with this shape.
fn is_never_legitimate(shape: &Shape) -> bool {
    let vtep = Address::from(VTEP.parse::<IpAddr>().expect("an address"));
    shape.frames.iter().any(|frame| match parse(frame.as_slice(), VXLAN_PORT) {
        Ok((flow, _)) => flow.vtep.address().is_some_and(|from| *from != vtep || flow.tag == Tag::PUBLIC),
        Err(reason) => reason.class() == Class::Never,
    })
}

#[test]
fn every_shape_that_linux_accepts_and_that_may_be_gets_an_allowed_source_through() -> Result<()> {
    let (mut accepted, mut exempt) = (0, Vec::new());
    for shapes in shapes(true) {
        let unguarded = Host::new()?.accepts(&shapes)?;
        let (host, _agent) = Host::guarded(Layers::Both)?;
        let through = host.accepts(&shapes)?;
        for shape in shapes.iter().filter(|shape| unguarded.contains(&shape.name)) {
            if is_never_legitimate(shape) {
                exempt.push(shape.name.clone());
            } else {
                assert!(through.contains(&shape.name), "{}: Linux accepts it, the guard refuses it", shape.name);
                accepted += 1;
            }
        }
    }
    println!(
        "allowed sources: {accepted} shapes get through both layers as through Linux alone; never legitimate: {exempt:?}"
    );
    assert!(accepted >= ACCEPTED_AT_LEAST / 2, "only {accepted}: the shapes no longer test anything");
    Ok(())
}
