use std::fs::{self, Permissions};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use ipnet::IpNet;
use tempfile::TempDir;

use super::abandoned;
use super::bpffs::Bpffs;
use super::bridge;
use super::client::Client;
use super::half_open::half_open;
use super::namespace::Namespace;
use super::overlay::{HostSide, Overlay};
use super::published::Published;

/// The registry's host and the clients around it.
///
/// The host has the registry's and the underlay's addresses on `lo`, so they do not come and go with its links. Every
/// interface on the host's side has the hardware address that [`crate::packet::Ethernet`] sends to by default.
#[derive(Debug)]
pub struct Network {
    host: Namespace,
    clients: u8,
    interfaces: Vec<String>,
    // The mount goes before the folder that it is mounted in.
    bpffs: Bpffs,
    folder: TempDir,
    label: String,
}

impl Network {
    /// The registry's IPv4 address.
    pub const REGISTRY_V4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 10);
    /// The registry's IPv6 address.
    pub const REGISTRY_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x10);
    /// The host's own VTEP address over IPv4.
    pub const UNDERLAY_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
    /// The host's own VTEP address over IPv6.
    pub const UNDERLAY_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 1);
    /// The name by which clients know the registry.
    pub const LOGIN_SERVER: &str = "contoso.example.com";
    /// The name that a data endpoint in region `local` has, at port 443.
    pub const DATA_ENDPOINT: &str = "contoso.local.data.example.com";

    /// A host without clients.
    pub fn new() -> Result<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        abandoned::remove_once()?;
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let label = format!("{}{}-{number}-", abandoned::PREFIX, std::process::id());
        // The label is unique already, and references to images on disk want lower case.
        let folder = tempfile::Builder::new().prefix(label.trim_end_matches('-')).rand_bytes(0).tempdir()?;
        // The responder runs as a user of its own, and its socket is in here.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o711))?;
        let bpffs = Bpffs::mount(folder.path())?;
        let host = Namespace::create(&format!("{label}host"))?;
        host.ip(&format!(
            "addr add {}/32 dev lo\naddr add {}/128 dev lo nodad\naddr add {}/32 dev lo\naddr add {}/128 dev lo nodad\n",
            Self::REGISTRY_V4,
            Self::REGISTRY_V6,
            Self::UNDERLAY_V4,
            Self::UNDERLAY_V6
        ))?;
        // Half-open connections are what tests count; a full backlog would hide them behind SYN cookies.
        host.sysctl("net/ipv4/tcp_max_syn_backlog", "65536")?;
        host.sysctl("net/core/somaxconn", "65536")?;
        Ok(Self { host, clients: 0, interfaces: Vec::new(), bpffs, folder, label })
    }

    /// Where the registry and the agent run.
    pub fn host(&self) -> &Namespace {
        &self.host
    }

    /// A BPF file system for this network's agents.
    pub fn bpffs(&self) -> &Path {
        self.bpffs.path()
    }

    /// A folder for whatever this network's actors write; it goes with the network.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The host's interfaces towards its clients, in the order in which these were added.
    pub fn interfaces(&self) -> &[String] {
        &self.interfaces
    }

    /// A client of this name (at most 12 characters) with these addresses, all on one interface, the first preferred.
    pub fn client(&mut self, name: &str, addresses: &[&str]) -> Result<Client> {
        let addresses = parse(addresses)?;
        self.attach(name, addresses)
    }

    /// A client that reaches the registry through VXLAN: its VTEP is at `underlay`, its own addresses are `addresses`.
    pub fn overlay_client(&mut self, name: &str, underlay: &str, vni: u32, addresses: &[&str]) -> Result<Overlay> {
        self.overlay_client_at(HostSide::Device, name, underlay, vni, addresses)
    }

    /// The same where the host takes part in the VXLAN network in this way.
    pub fn overlay_client_at(
        &mut self,
        side: HostSide,
        name: &str,
        underlay: &str,
        vni: u32,
        addresses: &[&str],
    ) -> Result<Overlay> {
        let addresses = parse(addresses)?;
        let underlay: IpAddr = underlay.parse().with_context(|| format!("`{underlay}` is no address"))?;
        let vtep = self.attach(name, vec![underlay])?;
        Overlay::build(self, vtep, underlay, vni, addresses, side)
    }

    /// A client like any other whose link to the host is not one of [`Network::interfaces`], as if someone had added a NIC
    /// and told nobody.
    pub fn unlisted_client(&mut self, name: &str, addresses: &[&str]) -> Result<Client> {
        let client = self.client(name, addresses)?;
        self.interfaces.pop();
        Ok(client)
    }

    /// A container in a namespace of its own, behind a bridge of the host called `br-NAME`.
    pub fn container(&mut self, name: &str, addresses: &[&str]) -> Result<Client> {
        let client = self.unlisted_client(name, addresses)?;
        bridge::put_between(&self.host, &client, &format!("br-{name}"))?;
        Ok(client)
    }

    /// Leaves out the interface that came last, as if nobody had told the agent of it.
    pub fn unlist_last(&mut self) {
        self.interfaces.pop();
    }

    /// A namespace of its own to which the host forwards connections to the registry's port 443, as to a published port.
    pub fn published(&self, name: &str, port: u16) -> Result<Published> {
        Published::make(&self.host, self.namespace(name)?, port)
    }

    /// Lets the host answer to `prefix` through this client's link, so that a client can send from addresses that it does
    /// not have: the host then keeps a half-open connection, since nobody refuses its answer.
    pub fn route(&self, prefix: &str, client: &Client) -> Result<()> {
        let prefix: IpNet = prefix.parse().with_context(|| format!("`{prefix}` is no prefix"))?;
        self.host.ip(&format!("route add {prefix} dev {}", client.host_interface()))
    }

    /// The same with the client as a router that takes the host's answers and says nothing, as whoever really has an address
    /// on the Internet that somebody else sends from. The host then waits for as long as it would there.
    pub fn route_through(&self, prefix: IpNet, client: &Client) -> Result<()> {
        let is_family = |address: &&IpAddr| address.is_ipv4() == prefix.addr().is_ipv4();
        let router = client.addresses().iter().find(is_family).context("the client has no address of that family")?;
        self.host.ip(&format!("route add {prefix} via {router} dev {} onlink", client.host_interface()))
    }

    /// How many connections from `source` the host's kernel holds half open, that is: how many SYNs it accepted.
    pub fn half_open(&self, source: IpAddr) -> Result<usize> {
        Ok(self.half_open_sources()?.into_iter().filter(|half_open| *half_open == source).count())
    }

    /// The source of each connection that the host's kernel holds half open.
    pub fn half_open_sources(&self) -> Result<Vec<IpAddr>> {
        Ok(self.host.within(half_open)??.into_iter().map(|half_open| half_open.source).collect())
    }

    /// The same of connections at listening sockets that belong to `user` alone.
    pub fn half_open_at(&self, user: u32) -> Result<Vec<IpAddr>> {
        let all = self.host.within(half_open)??.into_iter();
        Ok(all.filter(|half_open| half_open.user == user).map(|half_open| half_open.source).collect())
    }

    fn namespace(&self, name: &str) -> Result<Namespace> {
        Namespace::create(&format!("{}{name}", self.label))
    }

    fn attach(&mut self, name: &str, addresses: Vec<IpAddr>) -> Result<Client> {
        self.clients += 1;
        let namespace = self.namespace(name)?;
        let client = Client::attach(&self.host, namespace, name, self.clients, addresses, self.folder.path())?;
        self.interfaces.push(client.host_interface().to_owned());
        Ok(client)
    }
}

fn parse(addresses: &[&str]) -> Result<Vec<IpAddr>> {
    let parsed = addresses.iter().map(|text| text.parse().with_context(|| format!("`{text}` is no address")));
    parsed.collect()
}
