use std::net::IpAddr;

use anyhow::Result;
use tests::net::{Client, DockerRegistry, Image, Network, Overlay};

/// Everyone on the stage. The network goes last, with everything in it.
pub(crate) struct Actors {
    /// Debian's docker-registry, TLS on port 443.
    pub(crate) registry: DockerRegistry,
    /// A client whose IPv4 network has a rule.
    pub(crate) office: Client,
    /// A client whose IPv6 network has a rule.
    pub(crate) lab: Client,
    /// An IPv4 client that no rule names.
    pub(crate) stranger: Client,
    /// An IPv6 client that no rule names.
    pub(crate) stranger_v6: Client,
    /// A client in the subnet that has the service endpoint and a rule, behind a trusted VTEP.
    pub(crate) app: Overlay,
    /// A client with the very same inner address on another VNI, behind another trusted VTEP.
    pub(crate) copy: Overlay,
    /// A machine that forges packets: VXLAN, and SYNs from addresses that are not its own.
    pub(crate) attacker: Client,
    /// 1 MB of image.
    pub(crate) small: Image,
    /// 50 MB of image.
    pub(crate) large: Image,
    /// The registry's host, and the clients' links to it.
    pub(crate) network: Network,
}

impl Actors {
    /// Where spoofed SYNs come from: RFC 2544 keeps these addresses for tests.
    pub(crate) const SPOOFED: &str = "198.18.0.0/15";
    /// The sender that a single spoofed SYN names.
    pub(crate) const SPOOFED_ONCE: &str = "192.0.2.200";
    /// Where forged VXLAN packets claim to come from: an address that the rules let in.
    pub(crate) const FORGED_INNER: &str = "10.1.0.6";
    /// The VTEP that nobody trusts.
    pub(crate) const UNTRUSTED_VTEP: &str = "192.0.2.66";

    /// Builds the network and starts the registry.
    pub(crate) fn assemble() -> Result<Self> {
        let mut network = Network::new()?;
        let office = network.client("office", &["198.51.100.7"])?;
        let lab = network.client("lab", &["2001:db8:1::7"])?;
        let stranger = network.client("stranger", &["198.51.100.200"])?;
        let stranger_v6 = network.client("stranger-v6", &["2001:db8:2::200"])?;
        let app = network.overlay_client("app", "192.0.2.11", 5001, &["10.1.0.4"])?;
        let copy = network.overlay_client("copy", "192.0.2.12", 5002, &["10.1.0.4"])?;
        let attacker = network.client("attacker", &[Self::UNTRUSTED_VTEP])?;
        // The host can answer every forged sender, so what it accepts shows as a half-open connection.
        for spoofed in [Self::SPOOFED, "192.0.2.200/32"] {
            network.route_through(spoofed.parse()?, &attacker)?;
        }
        network.host().ip(&format!("route add {}/32 dev {}", Self::FORGED_INNER, app.device()))?;
        let registry = DockerRegistry::start(&network)?;
        let small = Image::make(&network.folder().join("small"), 1_000_000)?;
        let large = Image::make(&network.folder().join("large"), 50_000_000)?;
        Ok(Self { registry, office, lab, stranger, stranger_v6, app, copy, attacker, small, large, network })
    }

    /// Says who there is.
    pub(crate) fn introduce(&self) {
        println!(
            "  {}: docker-registry with TLS at {}:443 and [{}]:443",
            Network::LOGIN_SERVER,
            Network::REGISTRY_V4,
            Network::REGISTRY_V6
        );
        for (name, who) in [("office", &self.office), ("lab", &self.lab), ("stranger", &self.stranger)] {
            println!("  {name:<9} {}", list(who.addresses()));
        }
        println!("  {:<9} {}", "stranger6", list(self.stranger_v6.addresses()));
        for (name, who) in [("app", &self.app), ("copy", &self.copy)] {
            println!("  {name:<9} {} in VXLAN network {}, VTEP {}", list(who.addresses()), who.vni(), list(vtep(who)));
        }
        println!("  {:<9} {}, forges whatever it likes", "attacker", list(self.attacker.addresses()));
        println!("  Each is a network namespace with a veth pair of its own to the registry's host.");
    }
}

/// The underlay's addresses of an overlay client.
fn vtep(overlay: &Overlay) -> &[IpAddr] {
    Client::addresses(overlay)
}

fn list(addresses: &[IpAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
