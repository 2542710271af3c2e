use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;
use std::time::Duration;

use anyhow::{Result, bail};

use super::client::Client;
use super::connect::{self, Attempt};
use super::network::Network;
use super::timed;

/// A client whose traffic to the registry travels in VXLAN, and the VTEP that it sits behind, in one namespace.
///
/// It is a [`Client`] whose link is the underlay; its own addresses are those of the overlay.
#[derive(Debug)]
pub struct Overlay {
    vtep: Client,
    vni: u32,
    device: String,
    addresses: Vec<IpAddr>,
}

impl Overlay {
    pub(super) fn build(
        network: &Network,
        vtep: Client,
        underlay: IpAddr,
        vni: u32,
        addresses: Vec<IpAddr>,
    ) -> Result<Self> {
        let (device, local) = match underlay {
            IpAddr::V4(_) => (format!("vx{vni}"), IpAddr::from(Network::UNDERLAY_V4)),
            IpAddr::V6(_) => (format!("vx{vni}-6"), IpAddr::from(Network::UNDERLAY_V6)),
        };
        let overlay = Self { vtep, vni, device, addresses };
        overlay.client_side(underlay, local)?;
        overlay.host_side(network, underlay, local)?;
        overlay.vtep.know_registry(&overlay.addresses)?;
        Ok(overlay)
    }

    /// The network identifier.
    pub fn vni(&self) -> u32 {
        self.vni
    }

    /// The VXLAN device, named alike at the client and at the host.
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

    fn client_side(&self, underlay: IpAddr, host: IpAddr) -> Result<()> {
        let Self { device, vni, .. } = self;
        let mut lines = format!(
            "link add {device} address {} type vxlan id {vni} local {underlay} remote {host} dstport 4789\n\
             link set {device} up\n",
            self.vtep.mac()
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
        let host = network.host();
        let exists = host.within(|| nix::net::if_::if_nametoindex(device.as_str()).is_ok())?;
        if !exists {
            host.ip(&format!(
                "link add {device} address {} type vxlan id {vni} local {local} dstport 4789\n\
                 link set {device} up\n\
                 addr add {}/64 dev {device} nodad\n",
                Client::HOST_MAC,
                Client::GATEWAY_V6
            ))?;
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
            writeln!(lines, "route add {address}/{length} dev {device} metric {}", 1000 + network.interfaces().len())?;
        }
        host.ip(&lines)
    }
}

impl Deref for Overlay {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.vtep
    }
}
