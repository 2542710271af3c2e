//! What the host's owner wrote in config.toml: which interfaces carry traffic, and which registries listen where.

mod data_endpoint;
mod endpoint;
mod error;
mod forbidden;
mod host_name;
mod interfaces;
mod management;
mod netns;
mod principal;
mod quota;
mod raw;
mod registry;
mod responder;
mod service_tags;
mod socket;
mod source;
mod source_prefix;
#[cfg(test)]
mod tests;
mod trusted_service;
mod vxlan;
mod words;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use ipnet::IpNet;

pub use error::ConfigError;
pub use management::Management;
pub use words::{DenyResponse, ForbiddenAt, UdpPolicy, XdpMode};

use crate::policy;
use source::Source;

/// The most registries that one host can have.
pub const MOST_REGISTRIES: usize = 64;

/// The most listening addresses that all registries of a host can have together.
pub const MOST_ENDPOINTS: usize = 1024;

/// The highest number that `limits.rules` can be.
pub const MOST_RULES: u32 = 1 << 24;

/// Everything that config.toml says, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Interfaces that must exist when the agent starts.
    pub interfaces: Vec<String>,
    /// Interfaces that may appear later.
    pub hotplug_interfaces: Vec<String>,
    /// How the program attaches.
    pub xdp_mode: XdpMode,
    /// Tunnel devices whose inner traffic is judged as public traffic; that of others is denied.
    pub tunnels: Vec<String>,
    /// Which encapsulated traffic has an identity.
    pub vxlan: Vxlan,
    /// How much is logged.
    pub events: Events,
    /// How much the policy may hold.
    pub limits: Limits,
    /// How much is remembered of earlier policies.
    pub history: History,
    /// The process that tells denied clients why.
    pub responder: Responder,
    /// Who may look.
    pub socket: Socket,
    /// Where newer service tags come from.
    pub service_tags: ServiceTags,
    /// Sources that pass a registry which lets trusted services bypass its rules.
    pub trusted_services: Vec<TrustedService>,
    /// The registries in the order of the file; none if nothing is to be guarded yet, and then there are no interfaces either.
    pub registries: Vec<RegistryHost>,
    /// Where the API is served over TLS, if it is.
    pub management: Option<Management>,
}

/// Which encapsulated traffic has an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vxlan {
    /// The UDP port that VXLAN packets arrive at.
    pub port: u16,
    /// The outer sources that are believed; canonical.
    pub trusted_vteps: Vec<IpNet>,
}

impl Vxlan {
    /// Whether every source of one family is believed, so that whoever reaches the host can claim any network.
    pub fn trusts_everyone(&self) -> bool {
        IpNet::aggregate(&self.trusted_vteps).iter().any(|prefix| prefix.prefix_len() == 0)
    }
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Events {
    /// How many denied packets are logged in one second; all are counted.
    pub per_second: u32,
}

/// How much the policy may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most rules of both kinds over all registries.
    pub rules: u32,
}

/// How much is remembered of earlier policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    /// The most revisions.
    pub revisions: u32,
    /// The most that leads back to them, in units of 2^20 bytes.
    pub megabytes: u32,
}

impl History {
    /// What is remembered when the file says nothing.
    pub const DEFAULT: Self = Self { revisions: 1000, megabytes: 64 };
}

/// The process that tells denied clients why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Responder {
    /// The name or number of the user it runs as.
    pub user: String,
}

impl Responder {
    /// The user when the file names none.
    pub const DEFAULT_USER: &str = "registry-guard-responder";
}

/// The Unix socket for commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    /// The group whose members may ask and change nothing.
    pub readers: Readers,
}

/// The group whose members may ask and change nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readers {
    /// [`Readers::DEFAULT_GROUP`], if there is one.
    Default,
    /// The file names it: there has to be one.
    Group(String),
}

impl Readers {
    /// The group when the file names none.
    pub const DEFAULT_GROUP: &str = "registry-guard";

    /// Its name.
    pub fn group(&self) -> &str {
        match self {
            Self::Default => Self::DEFAULT_GROUP,
            Self::Group(name) => name,
        }
    }
}

/// Where newer service tags come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceTags {
    /// A published file, or a folder in which files named `ServiceTags_*.json` appear; an absolute path.
    pub watch: Option<PathBuf>,
    /// The cloud whose files are accepted; otherwise that of the first file.
    pub cloud: Option<String>,
}

/// A named set of sources that bypass the rules of a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedService {
    /// The name.
    pub name: String,
    /// Its public sources; canonical.
    pub prefixes: Vec<IpNet>,
}

/// One registry as the host knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryHost {
    /// The name, 5 to 50 letters and digits as the file spells them.
    pub name: String,
    /// The host name that clients use, perhaps with a port.
    pub login_server: String,
    /// Where the registry listens. 0.0.0.0 stands for every IPv4 address, :: for every address of both families.
    pub listen: Vec<SocketAddr>,
    /// Where its layers come from, if that is elsewhere.
    pub data_endpoints: Vec<DataEndpoint>,
    /// How a refused client is answered.
    pub deny_response: DenyResponse,
    /// What happens to UDP at the guarded ports.
    pub udp: UdpPolicy,
    /// Whether IP rules may name private addresses.
    pub private_ip_rules: bool,
    /// How many rules it may have.
    pub quota: policy::Quota,
    /// What the registry shows TLS clients; without it the endpoint is plain HTTP.
    pub certificate: Option<Certificate>,
    /// Where a refused client meets its 403.
    pub forbidden_at: ForbiddenAt,
    /// Whom a refused client is sent to.
    pub help: Option<String>,
    /// How many refused clients are told why.
    pub budget: Budget,
    /// Where the registry really listens, if that is another network namespace.
    pub netns: Option<Netns>,
    /// Whether the host itself may always connect.
    pub allow_local: bool,
}

/// The files of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate and its chain, PEM.
    pub chain: PathBuf,
    /// The private key, PEM.
    pub key: PathBuf,
}

/// How many denied SYNs in one second go on to be told why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// From one IPv4 address or one /64 of IPv6.
    pub per_source: u32,
    /// From all of them.
    pub total: u32,
}

impl Budget {
    /// The budget when the file names none.
    pub const DEFAULT: Self = Self { per_source: 20, total: 1000 };
}

/// Where a registry listens that has a network namespace of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Netns {
    /// A file that stands for the namespace, such as /run/netns/registry.
    pub path: PathBuf,
    /// The addresses there, as in [`RegistryHost::listen`].
    pub listen: Vec<SocketAddr>,
}

/// A host name of a registry for layers, and where it listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataEndpoint {
    /// The host name that clients use, perhaps with a port.
    pub name: String,
    /// The region that clients are told.
    pub region: String,
    /// Where it listens, as in [`RegistryHost::listen`].
    pub listen: Vec<SocketAddr>,
}

impl RegistryHost {
    /// Every address of the registry: of its login server and of its data endpoints.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.listen.iter().chain(self.data_endpoints.iter().flat_map(|data| &data.listen)).copied()
    }
}

impl Config {
    /// Reads and checks the file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { path: path.into(), source })?;
        Self::parse(path, &text)
    }

    /// Checks the text of the file at `path`, which is only named in errors.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let source = Source { path, text };
        let raw: raw::Config = toml::from_str(text).map_err(|error| source.syntax(&error))?;
        // A host on which nothing is to be guarded yet: the file says of neither.
        let is_blank = raw.interfaces.is_empty() && raw.hotplug_interfaces.is_empty() && raw.registry.is_empty();
        let (interfaces, hotplug_interfaces) =
            interfaces::interfaces(&source, raw.interfaces, raw.hotplug_interfaces, is_blank)?;
        let tunnels = interfaces::tunnels(&source, &raw.tunnels)?;
        let vxlan = vxlan::vxlan(&source, raw.vxlan)?;
        let registries = registry::registries(&source, raw.registry, vxlan.port, is_blank)?;
        let per_second = source.number("events.per-second", raw.events.per_second, 0..=1_000_000)?;
        let rules = source.number("limits.rules", raw.limits.rules, 1..=MOST_RULES)?;
        let revisions = source.number("history.revisions", raw.history.revisions, 1..=1_000_000)?;
        let megabytes = source.number("history.megabytes", raw.history.megabytes, 1..=65_536)?;
        let management = raw.management.map(|table| management::management(&source, table, vxlan.port, &registries));
        Ok(Self {
            interfaces,
            hotplug_interfaces,
            tunnels,
            xdp_mode: source.word("xdp-mode", raw.xdp_mode)?.unwrap_or(XdpMode::Auto),
            vxlan,
            events: Events { per_second: per_second.unwrap_or(100) },
            limits: Limits { rules: rules.unwrap_or(policy::Limits::DEFAULT_RULES) },
            history: History {
                revisions: revisions.unwrap_or(History::DEFAULT.revisions),
                megabytes: megabytes.unwrap_or(History::DEFAULT.megabytes),
            },
            responder: responder::responder(&source, raw.responder)?,
            socket: socket::socket(&source, raw.socket)?,
            service_tags: service_tags::service_tags(&source, raw.service_tags)?,
            trusted_services: trusted_service::trusted_services(&source, raw.trusted_service)?,
            registries,
            management: management.transpose()?,
        })
    }

    /// The network namespaces, other than that of the agent, that registries listen in, each once.
    pub fn namespaces(&self) -> Vec<&Path> {
        let mut paths: Vec<&Path> = Vec::new();
        for netns in self.registries.iter().filter_map(|registry| registry.netns.as_ref()) {
            if !paths.contains(&netns.path.as_path()) {
                paths.push(&netns.path);
            }
        }
        paths
    }

    /// Whether nothing is to be guarded, as after the package was installed.
    pub fn guards_nothing(&self) -> bool {
        self.registries.is_empty()
    }

    /// The registry `name`, in any case.
    pub fn registry(&self, name: &str) -> Option<&RegistryHost> {
        self.registries.iter().find(|registry| registry.name.eq_ignore_ascii_case(name))
    }

    /// The names of the registries, in the order of the file.
    pub fn registry_names(&self) -> Vec<String> {
        self.registries.iter().map(|registry| registry.name.clone()).collect()
    }

    /// What the file allows the policy to hold.
    pub fn policy_limits(&self) -> policy::Limits {
        let private = self.registries.iter().filter(|registry| registry.private_ip_rules);
        let listening = self.registries.iter().map(|registry| {
            let addresses: BTreeSet<IpAddr> = registry.addresses().map(|address| address.ip()).collect();
            (registry.name.to_ascii_lowercase(), addresses.into_iter().collect())
        });
        let quotas = self.registries.iter().map(|registry| (registry.name.to_ascii_lowercase(), registry.quota));
        policy::Limits {
            rules: self.limits.rules,
            private_ip_rules: private.map(|registry| registry.name.to_ascii_lowercase()).collect(),
            quotas: quotas.collect(),
            listening: listening.collect(),
            service_tags_cloud: self.service_tags.cloud.clone(),
        }
    }
}
