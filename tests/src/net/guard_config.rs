use std::fmt;

use super::network::Network;

/// A `config.toml` for the agent under test: one registry, called [`GuardConfig::REGISTRY`], at the registry's own addresses,
/// port 443.
#[derive(Clone, Debug)]
#[must_use]
pub struct GuardConfig {
    interfaces: Vec<String>,
    hotplug_interfaces: Vec<String>,
    xdp_mode: &'static str,
    trusted_vteps: Vec<String>,
    events_per_second: u32,
    deny_response: &'static str,
    listen: Vec<String>,
    trusted_services: Vec<(String, Vec<String>)>,
}

impl GuardConfig {
    /// The registry's name.
    pub const REGISTRY: &str = "contoso";
    /// How many rules there may be. Few, so that a test can compare whole maps.
    pub const RULES: u32 = 5_000;

    /// Every interface towards a client is guarded, a denied connection is dropped, no VTEP is trusted.
    pub fn of(network: &Network) -> Self {
        Self::on(network.interfaces())
    }

    /// These interfaces are guarded.
    pub fn on(interfaces: &[impl ToString]) -> Self {
        Self {
            interfaces: interfaces.iter().map(ToString::to_string).collect(),
            hotplug_interfaces: Vec::new(),
            xdp_mode: "auto",
            trusted_vteps: Vec::new(),
            events_per_second: 100,
            deny_response: "drop",
            listen: vec![format!("{}:443", Network::REGISTRY_V4), format!("[{}]:443", Network::REGISTRY_V6)],
            trusted_services: Vec::new(),
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

    /// VXLAN packets from this address or prefix have an identity.
    pub fn trusted_vtep(mut self, vtep: &str) -> Self {
        self.trusted_vteps.push(vtep.to_owned());
        self
    }

    /// How many denied packets are logged in a second.
    pub fn events_per_second(self, events_per_second: u32) -> Self {
        Self { events_per_second, ..self }
    }

    /// The registry listens here too, an address and a port.
    pub fn listen(mut self, endpoint: &str) -> Self {
        self.listen.push(endpoint.to_owned());
        self
    }

    /// The service `name` is trusted and comes from these addresses or prefixes.
    pub fn trusted_service(mut self, name: &str, prefixes: &[&str]) -> Self {
        self.trusted_services.push((name.to_owned(), prefixes.iter().map(ToString::to_string).collect()));
        self
    }

    /// A denied connection is answered with a reset.
    pub fn reset(self) -> Self {
        Self { deny_response: "reset", ..self }
    }
}

impl fmt::Display for GuardConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Debug writes strings, and lists of them, as TOML has them.
        writeln!(f, "interfaces = {:?}", self.interfaces)?;
        writeln!(f, "hotplug-interfaces = {:?}", self.hotplug_interfaces)?;
        writeln!(f, "xdp-mode = {:?}", self.xdp_mode)?;
        writeln!(f, "[vxlan]\ntrusted-vteps = {:?}", self.trusted_vteps)?;
        writeln!(f, "[events]\nper-second = {}", self.events_per_second)?;
        writeln!(f, "[limits]\nrules = {}", Self::RULES)?;
        writeln!(f, "[[registry]]\nname = {:?}\nlogin-server = {:?}", Self::REGISTRY, Network::LOGIN_SERVER)?;
        writeln!(f, "listen = {:?}", self.listen)?;
        writeln!(f, "deny-response = {:?}", self.deny_response)?;
        for (name, prefixes) in &self.trusted_services {
            writeln!(f, "[[trusted-service]]\nname = {name:?}\nprefixes = {prefixes:?}")?;
        }
        Ok(())
    }
}
