use std::fmt;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::certificate::Certificate;
use super::manager::{Manager, Principal};
use super::network::Network;

/// A `config.toml` for the agent under test: one registry, called [`GuardConfig::REGISTRY`], at the registry's own addresses,
/// port 443.
#[derive(Clone, Debug)]
#[must_use]
pub struct GuardConfig {
    interfaces: Vec<String>,
    hotplug_interfaces: Vec<String>,
    xdp_mode: &'static str,
    tunnels: Vec<String>,
    trusted_vteps: Vec<String>,
    trusted_services: Vec<(String, Vec<String>)>,
    events_per_second: u32,
    rules: u32,
    service_tags: Option<PathBuf>,
    responder_user: Option<&'static str>,
    listen: Vec<String>,
    deny_response: &'static str,
    /// Settings of the registry that stand only where a test asks for them, each a whole line.
    registry_lines: Vec<String>,
    /// Tables that stand behind everything else.
    further_tables: String,
}

impl GuardConfig {
    /// The registry's name.
    pub const REGISTRY: &str = "contoso";
    /// How many rules there may be unless a test says otherwise. Few, so that a test can compare whole maps.
    pub const RULES: u32 = 5_000;
    /// Whom the responder runs as: Debian's `nobody`.
    pub const RESPONDER_USER: &str = "65534";

    /// Every interface towards a client is guarded, a denied connection is dropped, no VTEP is trusted.
    pub fn of(network: &Network) -> Self {
        Self::on(network.interfaces())
    }

    /// These interfaces are guarded.
    pub fn on<T: ToString>(interfaces: &[T]) -> Self {
        Self {
            interfaces: interfaces.iter().map(ToString::to_string).collect(),
            hotplug_interfaces: Vec::new(),
            xdp_mode: "auto",
            tunnels: Vec::new(),
            trusted_vteps: Vec::new(),
            trusted_services: Vec::new(),
            events_per_second: 100,
            rules: Self::RULES,
            service_tags: None,
            responder_user: None,
            listen: vec![format!("{}:443", Network::REGISTRY_V4), format!("[{}]:443", Network::REGISTRY_V6)],
            deny_response: "drop",
            registry_lines: Vec::new(),
            further_tables: String::new(),
        }
    }

    /// This interface may come later.
    pub fn hotplug(mut self, interface: &str) -> Self {
        self.hotplug_interfaces.push(interface.to_owned());
        self
    }

    /// How the program is attached: `auto`, `native` or `generic`.
    pub fn xdp_mode(self, xdp_mode: &'static str) -> Self {
        Self { xdp_mode, ..self }
    }

    /// This tunnel device of another kind than VXLAN carries public traffic.
    pub fn tunnel(mut self, device: &str) -> Self {
        self.tunnels.push(device.to_owned());
        self
    }

    /// VXLAN packets from this address or prefix have an identity.
    pub fn trusted_vtep(mut self, vtep: &str) -> Self {
        self.trusted_vteps.push(vtep.to_owned());
        self
    }

    /// A trusted service and where it comes from.
    pub fn trusted_service(mut self, name: &str, prefixes: &[&str]) -> Self {
        self.trusted_services.push((name.to_owned(), prefixes.iter().map(ToString::to_string).collect()));
        self
    }

    /// How many denied packets are logged in a second.
    pub fn events_per_second(self, events_per_second: u32) -> Self {
        Self { events_per_second, ..self }
    }

    /// How many rules there may be, and prefixes in one registry.
    pub fn rules(self, rules: u32) -> Self {
        Self { rules, ..self }
    }

    /// Service tags come from this file, or from the files in this folder.
    pub fn watch_service_tags(self, path: &Path) -> Self {
        Self { service_tags: Some(path.to_owned()), ..self }
    }

    /// The registry listens here too, an address and a port.
    pub fn listen(mut self, endpoint: &str) -> Self {
        self.listen.push(endpoint.to_owned());
        self
    }

    /// The registry listens at port 443 of every address, and nowhere else.
    pub fn wildcard(self) -> Self {
        Self { listen: vec!["[::]:443".to_owned()], ..self }
    }

    /// A denied connection is answered with a reset.
    pub fn reset(self) -> Self {
        Self { deny_response: "reset", ..self }
    }

    /// A denied connection is answered with 403 by a responder that runs as [`GuardConfig::RESPONDER_USER`], without TLS as the
    /// registry itself.
    pub fn forbidden_plainly(self) -> Self {
        Self { deny_response: "forbidden", responder_user: Some(Self::RESPONDER_USER), ..self }
    }

    /// A denied connection is answered with 403 by a responder that runs as [`GuardConfig::RESPONDER_USER`] and shows the
    /// registry's own certificate.
    pub fn forbidden(self, certificate: &Certificate) -> Self {
        self.forbidden_plainly()
            .registry_line(format!("certificate = \"{}\"", certificate.chain().display()))
            .registry_line(format!("key = \"{}\"", certificate.key().display()))
    }

    /// The 403 comes from the token endpoint; before that the client is asked for a token.
    pub fn forbidden_at_token(self) -> Self {
        self.registry_line("forbidden-at = \"token\"".to_owned())
    }

    /// Where the 403 sends its reader for help.
    pub fn help(self, help: &str) -> Self {
        self.registry_line(format!("help = {help:?}"))
    }

    /// How many denied connections in a second are answered with 403, of one source and in total.
    pub fn budget(self, per_source: u32, total: u32) -> Self {
        self.registry_line(format!("budget = {{ per-source = {per_source}, total = {total} }}"))
    }

    /// The registry really listens in this network namespace, at these addresses with port.
    pub fn netns(self, path: &Path, listen: &[&str]) -> Self {
        self.registry_line(format!("netns = \"{}\"", path.display()))
            .registry_line(format!("netns-listen = {listen:?}"))
    }

    /// The host itself may reach the registry.
    pub fn allow_local(self) -> Self {
        self.registry_line("allow-local = true".to_owned())
    }

    /// Another registry, at this address and port, of which nothing else is said.
    pub fn further_registry(mut self, name: &str, listen: &str) -> Self {
        _ = writeln!(
            self.further_tables,
            "[[registry]]\nname = {name:?}\nlogin-server = \"{name}.example.com\"\nlisten = [{listen:?}]\n\
             deny-response = \"drop\""
        );
        self
    }

    /// The API is served over TLS at the registry's own addresses, port [`Manager::PORT`], to these principals; their tokens
    /// count for `lifetime`, such as `1h`.
    pub fn management(mut self, certificate: &Certificate, lifetime: &str, principals: &[Principal]) -> Result<Self> {
        let listen = self.listen.iter().filter_map(|address| address.strip_suffix(":443"));
        let listen: Vec<String> = listen.map(|address| format!("{address}:{}", Manager::PORT)).collect();
        let (chain, key) = (certificate.chain(), certificate.key());
        writeln!(
            self.further_tables,
            "[management]\nlisten = {listen:?}\nname = {:?}\ncertificate = \"{}\"\nkey = \"{}\"\ntenant = {:?}\n\
             token-lifetime = {lifetime:?}",
            Network::LOGIN_SERVER,
            chain.display(),
            key.display(),
            Manager::TENANT
        )?;
        for principal in principals {
            self.further_tables += &principal.table("[[management.principal]]")?;
        }
        Ok(self)
    }

    /// The registry has this data endpoint: a region, and an address with port.
    pub fn data_endpoint(self, region: &str, listen: &str) -> Self {
        self.registry_line(format!("data-endpoints = [{{ region = {region:?}, listen = [{listen:?}] }}]"))
    }

    /// How many rules the registry may have, as TOML.
    pub fn quota(self, quota: &str) -> Self {
        self.registry_line(format!("quota = {quota}"))
    }

    fn registry_line(mut self, line: String) -> Self {
        self.registry_lines.push(line);
        self
    }

    fn lists(&self) -> String {
        let mut lines = String::new();
        for (name, prefixes) in &self.trusted_services {
            _ = writeln!(lines, "[[trusted-service]]\nname = {name:?}\nprefixes = {prefixes:?}");
        }
        if let Some(user) = self.responder_user {
            _ = writeln!(lines, "[responder]\nuser = {user:?}");
        }
        lines
    }
}

impl fmt::Display for GuardConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Debug writes strings, and lists of them, as TOML has them.
        writeln!(f, "interfaces = {:?}", self.interfaces)?;
        writeln!(f, "hotplug-interfaces = {:?}", self.hotplug_interfaces)?;
        writeln!(f, "xdp-mode = {:?}", self.xdp_mode)?;
        if !self.tunnels.is_empty() {
            writeln!(f, "tunnels = {:?}", self.tunnels)?;
        }
        writeln!(f, "[vxlan]\ntrusted-vteps = {:?}", self.trusted_vteps)?;
        writeln!(f, "[events]\nper-second = {}", self.events_per_second)?;
        writeln!(f, "[limits]\nrules = {}", self.rules)?;
        if let Some(path) = &self.service_tags {
            writeln!(f, "[service-tags]\nwatch = \"{}\"", path.display())?;
        }
        f.write_str(&self.lists())?;
        writeln!(f, "[[registry]]\nname = {:?}\nlogin-server = {:?}", Self::REGISTRY, Network::LOGIN_SERVER)?;
        writeln!(f, "listen = {:?}", self.listen)?;
        for line in &self.registry_lines {
            writeln!(f, "{line}")?;
        }
        writeln!(f, "deny-response = {:?}", self.deny_response)?;
        f.write_str(&self.further_tables)
    }
}
