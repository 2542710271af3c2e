use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nix::net::if_::if_nametoindex;

use super::carrier;
use super::connect::{self, Attempt};
use super::injector::Injector;
use super::namespace::Namespace;
use super::network::Network;
use super::pass_program::PassProgram;

/// A machine with its own link to the registry's host.
#[derive(Debug)]
pub struct Client {
    namespace: Namespace,
    host_interface: String,
    number: u8,
    addresses: Vec<IpAddr>,
    hosts_file: PathBuf,
    program: Option<PassProgram>,
}

impl Client {
    /// The client's own end of its link.
    pub const INTERFACE: &str = "eth0";
    /// The hardware address of every interface on the host's side.
    pub(super) const HOST_MAC: &str = "00:00:5e:00:53:01";
    /// The link-local address of every interface on the host's side.
    pub(super) const GATEWAY_V6: &str = "fe80::1";

    pub(super) fn attach(
        host: &Namespace,
        namespace: Namespace,
        name: &str,
        number: u8,
        addresses: Vec<IpAddr>,
        folder: &Path,
    ) -> Result<Self> {
        let host_interface = format!("to-{name}");
        ensure!(host_interface.len() <= 15, "the name `{name}` is longer than 12 characters");
        let hosts_file = folder.join(format!("hosts-{name}"));
        let mut client = Self { hosts_file, namespace, host_interface, number, addresses, program: None };
        client.link(host)?;
        client.program = Some(PassProgram::attach(&client.namespace, Self::INTERFACE)?);
        let own = client.addresses.clone();
        client.know_registry(&own)?;
        Ok(client)
    }

    /// Where the client's processes run.
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// The host's end of the client's link.
    pub fn host_interface(&self) -> &str {
        &self.host_interface
    }

    /// The client's addresses on its link, the preferred one first.
    pub fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// Tries to open a TCP connection and closes it again; see [`connect::connect`].
    pub fn connect(&self, source: IpAddr, destination: SocketAddr, timeout: Duration) -> Result<Attempt> {
        self.namespace.within(|| connect::connect(source, destination, timeout))?
    }

    /// Sends frames as they are out of the client's end of its link.
    pub fn injector(&self) -> Result<Injector> {
        self.namespace.within(|| Injector::open(Self::INTERFACE))?
    }

    /// A command that runs at the client and knows the registry by its name; it sees an empty `/var/lib` of its own, where
    /// real clients would leave their caches.
    pub fn tool(&self, program: impl AsRef<OsStr>) -> Command {
        self.isolated(&[], &[], program)
    }

    /// The same for a daemon: what it starts ends with it, its `/run` is its own, and each `(folder, place)` is mounted over
    /// an existing folder of the machine.
    pub(super) fn daemon(&self, mounts: &[(&Path, &str)], program: impl AsRef<OsStr>) -> Command {
        // With `--kill-child` the death of `unshare` ends the first process of the new process namespace, hence all in it.
        self.isolated(&["--pid", "--fork", "--kill-child", "--mount-proc"], mounts, program)
    }

    fn isolated(&self, unshare: &[&str], mounts: &[(&Path, &str)], program: impl AsRef<OsStr>) -> Command {
        let mut script = String::from("mount --bind \"$0\" /etc/hosts; mount -t tmpfs tmpfs /var/lib; ");
        if !mounts.is_empty() {
            script.push_str("mount -t tmpfs tmpfs /run; ");
        }
        script.push_str(&"mount --bind \"$1\" \"$2\"; shift 2; ".repeat(mounts.len()));
        script.push_str("exec \"$@\"");
        let mut command = self.namespace.command("unshare");
        command.args(["--mount", "--propagation", "private"]).args(unshare).args(["--", "sh", "-ec", &script]);
        command.arg(&self.hosts_file);
        for (folder, place) in mounts {
            command.arg(folder).arg(place);
        }
        command.arg(program);
        command
    }

    /// Lets the client's processes know another name.
    pub fn know(&self, name: &str, address: IpAddr) -> Result<()> {
        let mut hosts = fs::read_to_string(&self.hosts_file)?;
        writeln!(hosts, "{address} {name}")?;
        fs::write(&self.hosts_file, hosts).with_context(|| format!("writing {}", self.hosts_file.display()))
    }

    /// What tells this client's hardware address from other clients'.
    pub(super) fn mac(&self) -> String {
        format!("00:00:5e:00:53:{:02x}", 0x10 + self.number)
    }

    /// Writes the hosts file: the registry's name, at its addresses of the families that `sources` have.
    pub(super) fn know_registry(&self, sources: &[IpAddr]) -> Result<()> {
        let mut hosts = String::from("127.0.0.1 localhost\n::1 localhost\n");
        let server = Network::LOGIN_SERVER;
        if sources.iter().any(IpAddr::is_ipv4) {
            writeln!(hosts, "{} {server}", Network::REGISTRY_V4)?;
        }
        if sources.iter().any(IpAddr::is_ipv6) {
            writeln!(hosts, "{} {server}", Network::REGISTRY_V6)?;
        }
        fs::write(&self.hosts_file, hosts).with_context(|| format!("writing {}", self.hosts_file.display()))
    }

    fn link(&self, host: &Namespace) -> Result<()> {
        let (ours, theirs) = (Self::INTERFACE, self.host_interface.as_str());
        // With the same index at both ends the kernel notices only within a second that the link is up.
        let index = 1000 + u32::from(self.number);
        host.ip(&format!(
            "link add {theirs} index {index} address {} type veth peer name {ours} address {} netns {}\n\
             link set {theirs} up\n",
            Self::HOST_MAC,
            self.mac(),
            self.namespace.name(),
        ))?;
        self.namespace.ip(&format!("link set {ours} up"))?;
        carrier::wait(host, theirs)?;
        carrier::wait(&self.namespace, ours)?;
        self.offload()?;
        self.route(host)
    }

    fn route(&self, host: &Namespace) -> Result<()> {
        let (ours, theirs) = (Self::INTERFACE, self.host_interface.as_str());
        let mut host_side = format!("addr add {}/64 dev {theirs} nodad\n", Self::GATEWAY_V6);
        let mut client_side = String::new();
        for address in &self.addresses {
            let (length, nodad) = if address.is_ipv4() { (32, "") } else { (128, "nodad") };
            writeln!(host_side, "route add {address}/{length} dev {theirs}")?;
            writeln!(client_side, "addr add {address}/{length} dev {ours} {nodad}")?;
        }
        writeln!(client_side, "route add default dev {ours}")?;
        writeln!(client_side, "route add ::/0 via {} dev {ours}", Self::GATEWAY_V6)?;
        self.namespace.ip(&client_side)?;
        host.ip(&host_side)
    }

    /// Receive offload at the client makes it poll for what a driver-mode program on the host's end sends back, see
    /// [`PassProgram`]; without transmit offload the client's own frames arrive whole, with their checksums, as from a wire.
    fn offload(&self) -> Result<()> {
        let settings = ["gro", "on", "tx", "off"];
        let mut ethtool = self.namespace.command("ethtool");
        let output = ethtool.args(["-K", Self::INTERFACE]).args(settings).output()?;
        if !output.status.success() {
            bail!("`ethtool -K` refused: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }

    /// The kernel's number of the client's end of its link.
    pub fn interface_index(&self) -> Result<u32> {
        Ok(self.namespace.within(|| if_nametoindex(Self::INTERFACE))??)
    }
}
