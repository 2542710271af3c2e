use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;
use std::time::Duration;

use anyhow::{Result, bail};

use super::client::Client;
use super::connect::{self, Attempt};
use super::network::Network;
use super::timed;

/// How the registry's host takes part in a VXLAN network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostSide {
    /// A device of the one network, at VXLAN's own UDP port 4789.
    Device,
    /// A device of the one network, at another UDP port.
    Port(u16),
    /// One device for all networks, which reads the VNI from each packet's metadata (`external`). IPv4 only.
    FlowBased,
    /// A device of the one network that is a port of a bridge, which has the addresses.
    BridgePort,
}

impl HostSide {
    const USUAL_PORT: u16 = 4789;

    fn port(self) -> u16 {
        match self {
            Self::Port(port) => port,
            Self::Device | Self::FlowBased | Self::BridgePort => Self::USUAL_PORT,
        }
    }

    /// The interface from which the host's stack gets what the client sends.
    fn interface(self, device: &str) -> String {
        match self {
            Self::Device | Self::Port(_) => device.to_owned(),
            Self::FlowBased => "vxflow".to_owned(),
            Self::BridgePort => format!("br-{device}"),
        }
    }
}

/// A client whose traffic to the registry travels in VXLAN, and the VTEP that it sits behind, in one namespace.
///
/// It is a [`Client`] whose link is the underlay; its own addresses are those of the overlay.
#[derive(Debug)]
pub struct Overlay {
    vtep: Client,
    vni: u32,
    device: String,
    side: HostSide,
    addresses: Vec<IpAddr>,
}

impl Overlay {
    pub(super) fn build(
        network: &Network,
        vtep: Client,
        underlay: IpAddr,
        vni: u32,
        addresses: Vec<IpAddr>,
        side: HostSide,
    ) -> Result<Self> {
        let (device, local) = match underlay {
            IpAddr::V4(_) => (format!("vx{vni}"), IpAddr::from(Network::UNDERLAY_V4)),
            IpAddr::V6(_) => (format!("vx{vni}-6"), IpAddr::from(Network::UNDERLAY_V6)),
        };
        let overlay = Self { vtep, vni, device, side, addresses };
        overlay.client_side(underlay, local)?;
        if side == HostSide::FlowBased {
            overlay.flow_based(network, underlay, local)?;
        } else {
            overlay.host_side(network, underlay, local)?;
        }
        overlay.vtep.know_registry(&overlay.addresses)?;
        Ok(overlay)
    }

    /// The network identifier.
    pub fn vni(&self) -> u32 {
        self.vni
    }

    /// The interface of the host whose routes lead to the client: the VXLAN device, unless it is a port of a bridge.
    pub fn host_device(&self) -> String {
        self.side.interface(&self.device)
    }

    /// The VXLAN device at the client; the host's own is named alike, unless it serves many networks.
    pub fn device(&self) -> &str {
        &self.device
    }

    /// The client's addresses in the overlay, the preferred one first.
    pub fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// Tries to open a TCP connection through the overlay and closes it again.
    pub fn connect(&self, source: IpAddr, destination: SocketAddr, timeout: Duration) -> Result<Attempt> {
        self.vtep.namespace().within(|| connect::connect(source, destination, timeout))?
    }

    /// The client has one peer, and a flow-based host may answer from another address, so nothing is to be learned.
    fn client_side(&self, underlay: IpAddr, host: IpAddr) -> Result<()> {
        let Self { device, vni, .. } = self;
        let mut lines = format!(
            "link add {device} address {} type vxlan id {vni} nolearning local {underlay} remote {host} dstport {}\n\
             link set {device} up\n",
            self.vtep.mac(),
            self.side.port()
        );
        let registry = |address: &IpAddr| match address {
            IpAddr::V4(_) => format!("{}/32", Network::REGISTRY_V4),
            IpAddr::V6(_) => format!("{}/128 via {}", Network::REGISTRY_V6, Client::GATEWAY_V6),
        };
        for address in &self.addresses {
            let suffix = if address.is_ipv4() { "/32" } else { "/128 nodad" };
            writeln!(lines, "addr add {address}{suffix} dev {device}")?;
        }
        for is_family in [IpAddr::is_ipv4, IpAddr::is_ipv6] {
            if let Some(source) = self.addresses.iter().find(|address| is_family(address)) {
                writeln!(lines, "route add {} dev {device} src {source}", registry(source))?;
            }
        }
        self.vtep.namespace().ip(&lines)
    }

    /// One device per VNI at the host, with every VTEP of that VNI behind it.
    fn host_side(&self, network: &Network, underlay: IpAddr, local: IpAddr) -> Result<()> {
        let Self { device, vni, .. } = self;
        let (host, interface) = (network.host(), self.host_device());
        let exists = host.within(|| nix::net::if_::if_nametoindex(device.as_str()).is_ok())?;
        if !exists {
            let mut lines = format!(
                "link add {device} address {} type vxlan id {vni} local {local} dstport {}\nlink set {device} up\n",
                Client::HOST_MAC,
                self.side.port()
            );
            if self.side == HostSide::BridgePort {
                writeln!(lines, "link add {interface} address {} type bridge", Client::HOST_MAC)?;
                writeln!(lines, "link set {device} master {interface}\nlink set {interface} up")?;
            }
            writeln!(lines, "addr add {}/64 dev {interface} nodad", Client::GATEWAY_V6)?;
            host.ip(&lines)?;
        }
        let mut fdb = host.command("bridge");
        fdb.args(["fdb", "append", "00:00:00:00:00:00", "dev", device, "dst"]).arg(underlay.to_string());
        let ran = timed::run(&mut fdb, Duration::from_secs(10))?;
        if !ran.success() {
            bail!("`bridge fdb append` refused: {}", ran.stderr);
        }
        // The same address may be in several VNIs; the host can answer only one of them, the first.
        let mut lines = String::new();
        for address in &self.addresses {
            let length = if address.is_ipv4() { 32 } else { 128 };
            let metric = 1000 + network.interfaces().len();
            writeln!(lines, "route add {address}/{length} dev {interface} metric {metric}")?;
        }
        host.ip(&lines)
    }

    /// One device for every VNI at the host; its routes say which.
    fn flow_based(&self, network: &Network, underlay: IpAddr, local: IpAddr) -> Result<()> {
        let (device, mac) = (self.host_device(), Client::HOST_MAC);
        let mut lines = format!(
            "link add {device} address {mac} type vxlan external local {local} dstport {}\nlink set {device} up\n",
            self.side.port()
        );
        for address in self.addresses.iter().filter(|address| address.is_ipv4()) {
            let encapsulation = format!("encap ip id {} ttl 64 src {local} dst {underlay}", self.vni);
            writeln!(lines, "route add {address}/32 {encapsulation} dev {device}")?;
        }
        network.host().ip(&lines)
    }
}

impl Deref for Overlay {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.vtep
    }
}
