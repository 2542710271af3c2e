use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::agent::program;
use super::client::Client;
use super::daemon::Daemon;
use super::docker_registry::DockerRegistry;
use super::namespace::Namespace;
use super::network::Network;

/// The machines of the documentation: the registry's host, whose one NIC is `eth0`, a router, and clients behind it.
///
/// All of them see one file system, in which `/etc`, `/run`, `/root`, `/tmp`, `/usr/local` and `/var/lib` are theirs and the rest is
/// read-only: the program under test is installed, the registry's certificate is there and trusted, its names resolve, and
/// nothing is configured.
#[derive(Debug)]
pub struct Site {
    machines: Vec<(&'static str, Namespace)>,
    // What holds the mounts, and the registry, end before the network.
    mounts: Daemon,
    _registry: DockerRegistry,
    _router: Client,
    network: Network,
}

impl Site {
    /// The clients and their addresses.
    const CLIENTS: [(&str, &str); 4] =
        [("office", "198.51.100.7"), ("guest", "198.51.100.66"), ("stranger", "192.0.2.99"), ("lab", "2001:db8:1::7")];
    /// The build machine in the virtual network, and the host that encapsulates for it.
    const BUILDER: (&str, &str, &str, u32) = ("builder", "10.1.7.20", "192.0.2.11", 5001);
    const ROUTER: [&str; 2] = ["192.0.2.254", "2001:db8:f::254"];

    /// Builds the network and starts the registry, which nothing guards yet.
    pub fn build() -> Result<Self> {
        let mut network = Network::new()?;
        let router = network.client("router", &Self::ROUTER)?;
        for setting in ["net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"] {
            router.namespace().sysctl(setting, "1")?;
        }
        let mut machines = Vec::new();
        for (name, address) in Self::CLIENTS {
            machines.push((name, behind(&network, &router, name, address)?));
        }
        machines.push((Self::BUILDER.0, builder(&network, &router)?));
        // Linux renames an interface that is up.
        network.host().ip(&format!("link set {} name eth0", router.host_interface()))?;
        let registry = DockerRegistry::start(&network)?;
        let mounts = hold_mounts(&network, &registry)?;
        Ok(Self { machines, mounts, _registry: registry, _router: router, network })
    }

    /// A shell command at one of the clients, or at the registry's host; what it complains about is part of its output.
    pub fn shell(&self, machine: Option<&str>, command: &str) -> Result<Command> {
        let namespace = match machine {
            None => self.network.host(),
            Some(name) => {
                let found = self.machines.iter().find(|(machine, _)| *machine == name);
                let names: Vec<&str> = self.machines.iter().map(|(name, _)| *name).collect();
                &found.with_context(|| format!("there is no machine `{name}`, but {}", names.join(", ")))?.1
            }
        };
        let mut shell = Command::new("nsenter");
        // A mount namespace alone would lead to its own root (setns(2)), which where this runs in a chroot is outside of it.
        shell.arg(format!("--target={}", self.mounts.pid())).args(["--mount", "--root", "--wdns=/"]);
        shell.arg(format!("--net={}", namespace.path().display()));
        shell.args(["--", "bash", "--norc", "-c", &format!("exec 2>&1\ncd\n{command}")]);
        shell.env_clear().env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        shell.env("HOME", "/root").env("LC_ALL", "C.UTF-8");
        Ok(shell)
    }

    /// The folder for whatever is to be kept outside the machines.
    pub fn folder(&self) -> &Path {
        self.network.folder()
    }
}

/// A namespace with a link to the router, which answers for every address beyond it.
fn behind(network: &Network, router: &Client, name: &'static str, address: &str) -> Result<Namespace> {
    let namespace = network.namespace(name)?;
    let theirs = format!("to-{name}");
    let (prefix, gateway) = match address.parse()? {
        IpAddr::V4(_) => (format!("{address}/32"), String::new()),
        IpAddr::V6(_) => (format!("{address}/128"), format!("via {}", Client::GATEWAY_V6)),
    };
    let everywhere = if gateway.is_empty() { "0.0.0.0/0" } else { "::/0" };
    router.namespace().ip(&format!(
        "link add {theirs} type veth peer name eth0 netns {}\nlink set {theirs} up\naddr add {}/64 dev {theirs} nodad\n\
         route add {prefix} dev {theirs}\n",
        namespace.name(),
        Client::GATEWAY_V6
    ))?;
    router.namespace().sysctl(&format!("net/ipv4/conf/{theirs}/proxy_arp"), "1")?;
    namespace
        .ip(&format!("link set eth0 up\naddr add {prefix} dev eth0\nroute add {everywhere} {gateway} dev eth0\n"))?;
    network.route_through(prefix.parse()?, router)?;
    Ok(namespace)
}

/// The build machine, and in the same namespace the VTEP that encapsulates what it sends to the registry.
fn builder(network: &Network, router: &Client) -> Result<Namespace> {
    let (name, address, vtep, vni) = Site::BUILDER;
    let namespace = behind(network, router, name, vtep)?;
    namespace.ip(&format!(
        "link add vx type vxlan id {vni} local {vtep} remote {} dstport 4789\nlink set vx up\n\
         addr add {address}/32 dev vx\nroute add {}/32 dev vx src {address}\n",
        Network::UNDERLAY_V4,
        Network::REGISTRY_V4
    ))?;
    Ok(namespace)
}

/// A process that holds the mounts, and does nothing else.
fn hold_mounts(network: &Network, registry: &DockerRegistry) -> Result<Daemon> {
    const SCRIPT: &str = r#"
        mount -t tmpfs tmpfs "$0"
        cp -a /etc "$0/etc"
        mkdir -p "$0/etc/ssl/contoso" "$0/local/sbin"
        cp "$1" "$0/etc/ssl/contoso/fullchain.pem"
        cp "$2" "$0/etc/ssl/contoso/key.pem"
        cat "$3" >> "$0/etc/ssl/certs/ca-certificates.crt"
        printf '127.0.0.1 localhost\n%s\n' "$4" > "$0/etc/hosts"
        rm -rf "$0/etc/registry-guard"
        touch "$0/local/sbin/registry-guard"
        mount --bind "$5" "$0/local/sbin/registry-guard"
        mount --bind "$0/etc" /etc
        mount --rbind "$0/local" /usr/local
        mount -t tmpfs tmpfs /var/lib
        mount -t tmpfs -o mode=0755 tmpfs /run
        mount -t tmpfs tmpfs /root
        mount -t tmpfs tmpfs /tmp
        mount -o remount,bind,ro /
        echo ready
        exec sleep infinity
    "#;
    let folder = network.folder().join("site");
    fs::create_dir(&folder)?;
    let name = Network::LOGIN_SERVER;
    let data =
        "203.0.113.11 contoso.local.data.example.com\n203.0.113.12 layers.example.com\n203.0.113.10 guard.example.com";
    let hosts = format!("{} {name}\n{} {name}\n{data}", Network::REGISTRY_V4, Network::REGISTRY_V6);
    let certificate = registry.certificate();
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "--", "sh", "-ec", SCRIPT]).arg(&folder);
    command.args([certificate.chain(), certificate.key(), certificate.authority()]).arg(hosts).arg(program()?);
    let log = network.folder().join("site.log");
    let mut daemon = Daemon::start(&mut command, &log)?;
    let is_ready = || fs::read_to_string(&log).is_ok_and(|text| text.ends_with("ready\n"));
    daemon.wait_until(Duration::from_mins(1), is_ready).context("preparing the file system of the machines")?;
    Ok(daemon)
}
