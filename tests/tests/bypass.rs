//! Linux itself as the oracle: whatever shape a SYN has, a half-open connection must not appear for a denied source.
//!
//! Each shape is sent twice: to a host without a guard, to learn whether Linux takes it for a connection attempt, and to
//! a guarded one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use anyhow::{Result, ensure};
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
/// At least so many of the shapes are connection attempts to Linux, or this test shows nothing.
const ACCEPTED_AT_LEAST: usize = 50;

/// The denied source with this number.
fn denied(number: usize) -> Source {
    let number = u8::try_from(number).expect("fewer than 256 sources");
    Source {
        v4: Ipv4Addr::new(198, 51, 100, 128 + number),
        v6: Ipv6Addr::new(0x2001, 0xdb8, 2, 0, 0, 0, 1, number.into()),
        allowed: false,
    }
}

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

/// Every shape, on hosts of at most [`SHAPES_PER_HOST`].
fn shapes() -> Vec<Vec<Shape>> {
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
            let source = denied(number);
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

    /// Whether Linux holds a half-open connection from either address of this source.
    fn accepted(&self, source: &Source) -> Result<bool> {
        let half_open = |address: IpAddr| self.network.half_open(address);
        Ok(half_open(source.v4.into())? + half_open(source.v6.into())? > 0)
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
        let deadline = std::time::Instant::now() + Duration::from_secs(5);
        while self.network.half_open(Source::ALLOWED.v4.into())? == 0 {
            ensure!(std::time::Instant::now() < deadline, "the allowed source does not get through");
        }
        let mut accepted = Vec::new();
        for shape in shapes {
            if self.accepted(&shape.source)? {
                accepted.push(shape.name.clone());
            }
        }
        Ok(accepted)
    }
}

fn guarded(host: &Host) -> Result<Agent> {
    let interfaces = format!("{:?}", host.network.interfaces());
    let config = format!(
        "interfaces = {interfaces}\n\
         [vxlan]\ntrusted-vteps = [\"{VTEP}\"]\n\
         [[registry]]\nname = \"contoso\"\nlogin-server = \"contoso.example.com\"\nlisten = [\"[::]:443\"]\n"
    );
    let agent = Agent::start(&host.network, &config)?;
    for prefix in ["198.51.100.0/25", "2001:db8:1::/48"] {
        agent.cli(["network-rule", "add", "--name", "contoso", "--ip-address", prefix])?.expect_success()?;
    }
    Ok(agent)
}

#[test]
fn no_shape_of_a_syn_gets_a_denied_source_through() -> Result<()> {
    let (mut shapes_sent, mut accepted_unguarded) = (0, 0);
    for shapes in shapes() {
        let unguarded = Host::new()?.accepts(&shapes)?;
        let host = Host::new()?;
        let _agent = guarded(&host)?;
        let through = host.accepts(&shapes)?;
        assert_eq!(through, Vec::<String>::new(), "shapes that became half-open connections behind the guard");
        shapes_sent += shapes.len();
        accepted_unguarded += unguarded.len();
    }
    println!(
        "{shapes_sent} shapes: Linux alone takes {accepted_unguarded} for connection attempts, none behind the guard"
    );
    assert!(accepted_unguarded >= ACCEPTED_AT_LEAST, "only {accepted_unguarded}: the shapes no longer test anything");
    Ok(())
}
